/*
 * A set of small numbers in two levels of bits, so that the next member is found in a few words
 * however many numbers there are. The memory is the caller's.
 */
#ifndef DRYWIRE_BITSET_H
#define DRYWIRE_BITSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bitset {
    uint64_t *word;    /* a bit for each number */
    uint64_t *summary; /* a bit for each word that is not 0 */
    uint32_t words;
};

/* The uint64_t that a set of the numbers 0..size-1 needs. */
#define BITSET_WORDS(size) (((size_t)(size) + 63) / 64 + ((size_t)(size) + 4095) / 4096)

/* An empty set of numbers below `size`, in BITSET_WORDS(size) of memory that need not be cleared.
 */
static inline void bitset_init(struct bitset *s, uint64_t *memory, uint32_t size)
{
    s->words = (size + 63) / 64;
    s->word = memory;
    s->summary = memory + s->words;
    for (size_t i = 0; i < BITSET_WORDS(size); i++)
        memory[i] = 0;
}

static inline bool bitset_has(const struct bitset *s, uint32_t n)
{
    return s->word[n / 64] >> n % 64 & 1;
}

static inline void bitset_add(struct bitset *s, uint32_t n)
{
    if (s->word[n / 64] == 0)
        s->summary[n / 4096] |= UINT64_C(1) << n / 64 % 64;
    s->word[n / 64] |= UINT64_C(1) << n % 64;
}

static inline void bitset_remove(struct bitset *s, uint32_t n)
{
    s->word[n / 64] &= ~(UINT64_C(1) << n % 64);
    if (s->word[n / 64] == 0)
        s->summary[n / 4096] &= ~(UINT64_C(1) << n / 64 % 64);
}

static inline bool bitset_is_empty(const struct bitset *s)
{
    for (uint32_t i = 0; i * 64 < s->words; i++)
        if (s->summary[i])
            return false;
    return true;
}

/* The number of the lowest bit of a word that is not 0, by a de Bruijn sequence: not every
 * processor has an instruction for it. */
extern const uint8_t bitset_debruijn[64];

static inline uint32_t bitset_lowest(uint64_t word)
{
    return bitset_debruijn[(word & -word) * UINT64_C(0x03f79d71b4cb0a89) >> 58];
}

/* The first member in this word or a later one: true and *out. */
bool bitset_next_word(const struct bitset *s, uint32_t at, uint32_t *out);

/* The first member that is `from` or more: true and *out. */
static inline bool bitset_next(const struct bitset *s, uint32_t from, uint32_t *out)
{
    uint32_t at = from / 64;
    uint64_t bits = at < s->words ? s->word[at] >> from % 64 << from % 64 : 0;

    if (!bits)
        return at + 1 < s->words && bitset_next_word(s, at + 1, out);
    *out = at * 64 + bitset_lowest(bits);
    return true;
}

#endif
