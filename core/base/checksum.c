/*
 * The Internet checksum in portable C: 64-bit words, carries added back at once. The one's
 * complement sum does not depend on byte order, so words are added in memory order (RFC 1071
 * section 2).
 */
#include "checksum.h"
#include "mem.h"

/* The last bytes, fewer than 8: those that are missing count as 0. */
static uint64_t load_rest(const uint8_t *p, size_t len)
{
    uint64_t word = 0;
    uint32_t four;
    uint16_t two;

    if (len & 1)
        word = p[len - 1];
    if (len & 2) {
        mem_copy(&two, p + (len & 4), 2);
        word = word << 16 | two;
    }
    if (len & 4) {
        mem_copy(&four, p, 4);
        word = word << 32 | four;
    }
    return word;
}

enum { BLOCK = 128, PAIR = 16 };

#if defined(__x86_64__) || defined(__aarch64__)

/* Add with carry: two words are one 128-bit number, whose carries are counted. */
__extension__ typedef unsigned __int128 wide;

static void add_pair(wide *sum, uint64_t *carries, const uint8_t *p)
{
    wide pair;

    mem_copy(&pair, p, sizeof(pair));
    *carries += __builtin_add_overflow(*sum, pair, sum);
}

#define add_pairs add_wide /* a name of its own: coverage counts both machines */

static uint64_t add_wide(uint64_t start, const uint8_t *p, size_t len)
{
    wide sum = start;
    uint64_t carries = 0;

    for (; len >= BLOCK; len -= BLOCK, p += BLOCK) {
        add_pair(&sum, &carries, p);
        add_pair(&sum, &carries, p + 16);
        add_pair(&sum, &carries, p + 32);
        add_pair(&sum, &carries, p + 48);
        add_pair(&sum, &carries, p + 64);
        add_pair(&sum, &carries, p + 80);
        add_pair(&sum, &carries, p + 96);
        add_pair(&sum, &carries, p + 112);
    }
    if (len & 64) {
        add_pair(&sum, &carries, p);
        add_pair(&sum, &carries, p + 16);
        add_pair(&sum, &carries, p + 32);
        add_pair(&sum, &carries, p + 48);
        p += 64;
    }
    if (len & 32) {
        add_pair(&sum, &carries, p);
        add_pair(&sum, &carries, p + 16);
        p += 32;
    }
    if (len & PAIR)
        add_pair(&sum, &carries, p);
    return checksum_carry(checksum_carry((uint64_t)sum, (uint64_t)(sum >> 64)), carries);
}

#else

#define add_pairs add_four

/* Without: four sums, so that the processor can overlap them. */
static uint64_t add_four(uint64_t sum, const uint8_t *p, size_t len)
{
    uint64_t b = 0, c = 0, d = 0;

    for (; len >= 32; len -= 32, p += 32) {
        sum = checksum_carry(sum, checksum_load(p));
        b = checksum_carry(b, checksum_load(p + 8));
        c = checksum_carry(c, checksum_load(p + 16));
        d = checksum_carry(d, checksum_load(p + 24));
    }
    if (len & PAIR) {
        sum = checksum_carry(sum, checksum_load(p));
        b = checksum_carry(b, checksum_load(p + 8));
    }
    return checksum_carry(checksum_carry(sum, b), checksum_carry(c, d));
}

#endif

uint64_t checksum_add(uint64_t sum, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    if (len >= PAIR) {
        sum = add_pairs(sum, p, len);
        p += len - len % PAIR;
    }
    if (len & 8) {
        sum = checksum_carry(sum, checksum_load(p));
        p += 8;
    }
    return len & 7 ? checksum_carry(sum, load_rest(p, len & 7)) : sum;
}
