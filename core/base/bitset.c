/* A set of small numbers: see bitset.h. */
#include "bitset.h"

const uint8_t bitset_debruijn[64] = {
    0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38, 29, 17, 4,  62, 55, 59, 36, 53, 51,
    43, 22, 45, 39, 33, 30, 24, 18, 12, 5,  63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21,
    44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6,
};

bool bitset_next_word(const struct bitset *s, uint32_t at, uint32_t *out)
{
    uint64_t bits = s->summary[at / 64] >> at % 64 << at % 64;

    for (at /= 64; !bits; bits = s->summary[at])
        if (++at > (s->words - 1) / 64)
            return false;
    at = at * 64 + bitset_lowest(bits);
    *out = at * 64 + bitset_lowest(s->word[at]);
    return true;
}
