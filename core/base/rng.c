/* SipHash-2-4 and the counter generator on top of it: see rng.h. */
#include "rng.h"
#include "check.h"

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void sip_rounds(struct sip *s)
{
    sip_round(s);
    sip_round(s);
}

static inline void sip_absorb(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_rounds(s);
    s->v0 ^= word;
}

uint64_t rng_hash(const uint64_t key[2], const uint64_t *word, size_t words)
{
    struct sip s = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };

    for (size_t i = 0; i < words; i++)
        sip_absorb(&s, word[i]);
    sip_absorb(&s, (uint64_t)(words * 8) << 56);
    s.v2 ^= 0xff;
    sip_rounds(&s);
    sip_rounds(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void rng_init(struct rng *r, uint64_t key0, uint64_t key1)
{
    *r = (struct rng){.key = {key0, key1}};
}

uint64_t rng_next(struct rng *r)
{
    r->counter++;
    return rng_hash(r->key, &r->counter, 1);
}

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    CHECK(bound >= 1);
    return rng_next(r) % bound;
}
