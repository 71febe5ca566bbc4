/*
 * Things of a growing array that are found by a hash of what they are known by. Those with one
 * place form a chain, from the last one added to the first; whoever looks compares.
 */
#ifndef DRYWIRE_CHAINS_H
#define DRYWIRE_CHAINS_H

#include <stddef.h>
#include <stdint.h>

struct chain_link {
    uint64_t hash;
    size_t older; /* the one added before it in the same place, plus one; 0: none */
};

struct chains {
    struct chain_link *links; /* of each thing, by its index */
    size_t count, size;
    size_t *newest, places; /* the head of each place, plus one; a power of two of them */
};

/* The next thing of the array, index c->count, is found by `hash` from now on. */
void chains_add(struct chains *c, uint64_t hash);

/* Walk a chain: an index plus one, 0 at its end. */
size_t chains_first(const struct chains *c, uint64_t hash);
size_t chains_next(const struct chains *c, size_t index);

void chains_free(struct chains *c);

#endif
