/*
 * The four functions that a freestanding compiler may call. Linked twice: into the kernel, and into
 * the user programs. Copies by words: under an emulator a byte costs as much as a word.
 */
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);

/* Unaligned words: both machines support them (rv64: -mno-strict-align). */
typedef uint64_t word __attribute__((may_alias, aligned(1)));
enum { WORD = sizeof(word) };

static inline uint64_t load(const uint8_t *at)
{
    return *(const word *)(const void *)at;
}

static inline void store(uint8_t *at, uint64_t v)
{
    *(word *)(void *)at = v;
}

/* Also correct when dst is below src and they overlap: each word is loaded before it is
 * overwritten. */
static void copy_up(uint8_t *d, const uint8_t *s, size_t len)
{
    for (; len >= 4 * WORD; len -= 4 * WORD, d += 4 * WORD, s += 4 * WORD) {
        uint64_t a = load(s), b = load(s + WORD), c = load(s + 2 * WORD), e = load(s + 3 * WORD);

        store(d, a);
        store(d + WORD, b);
        store(d + 2 * WORD, c);
        store(d + 3 * WORD, e);
    }
    for (; len >= WORD; len -= WORD, d += WORD, s += WORD)
        store(d, load(s));
    for (; len; len--)
        *d++ = *s++;
}

void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
    copy_up(dst, src, len);
    return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
    uint8_t *d = dst;
    const uint8_t *s = src;

    if ((uintptr_t)d - (uintptr_t)s >= len)
        copy_up(d, s, len);
    else
        while (len--)
            d[len] = s[len];
    return dst;
}

void *memset(void *dst, int byte, size_t len)
{
    uint8_t *d = dst;
    uint64_t v = UINT64_C(0x0101010101010101) * (uint8_t)byte;

    for (; len >= WORD; len -= WORD, d += WORD)
        store(d, v);
    for (; len; len--)
        *d++ = (uint8_t)byte;
    return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;

    for (; len; len--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}
