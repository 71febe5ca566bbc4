/*
 * The random numbers of the core: SipHash-2-4 (Aumasson and Bernstein, 2012) with a key that the
 * platform provides at start-up. As a counter generator it makes ports and transaction ids; as a
 * keyed function of a connection's addresses it makes initial sequence numbers (RFC 6528).
 */
#ifndef DRYWIRE_RNG_H
#define DRYWIRE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t key[2];
    uint64_t counter;
};

void rng_init(struct rng *r, uint64_t key0, uint64_t key1);

uint64_t rng_next(struct rng *r);

/* A number in [0, bound), bound >= 1. The bias is below bound / 2^64. */
uint64_t rng_below(struct rng *r, uint64_t bound);

/* SipHash-2-4 of `words` 64-bit words, taken as little-endian bytes. */
uint64_t rng_hash(const uint64_t key[2], const uint64_t *word, size_t words);

#endif
