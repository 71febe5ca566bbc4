/* A set of small numbers: see bitset.h. */
#include "bitset.h"

/* The number of the lowest bit of a word that is not 0, by a de Bruijn sequence: not every
 * processor has an instruction for it. */
static uint32_t lowest(uint64_t word)
{
    static const uint8_t number[64] = {
        0,  1,  48, 2,  57, 49, 28, 3,  61, 58, 50, 42, 38, 29, 17, 4,  62, 55, 59, 36, 53, 51,
        43, 22, 45, 39, 33, 30, 24, 18, 12, 5,  63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21,
        44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9,  13, 8,  7,  6,
    };

    return number[(word & -word) * UINT64_C(0x03f79d71b4cb0a89) >> 58];
}

/* The bits of a word from number `from` on. */
static uint64_t rest(uint64_t word, uint32_t from)
{
    return word >> from << from;
}

bool bitset_next(const struct bitset *s, uint32_t from, uint32_t *out)
{
    uint32_t at = from / 64;
    uint64_t bits;

    if (at >= s->words)
        return false;
    bits = rest(s->word[at], from % 64);
    if (!bits) {
        if (++at >= s->words)
            return false;
        bits = rest(s->summary[at / 64], at % 64);
        for (at /= 64; !bits; bits = s->summary[at])
            if (++at > (s->words - 1) / 64)
                return false;
        at = at * 64 + lowest(bits);
        bits = s->word[at];
    }
    *out = at * 64 + lowest(bits);
    return true;
}
