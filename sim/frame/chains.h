/*
 * A hash index of a growing array. Items in one bucket form a chain, from the last one added to the
 * first; the caller compares keys.
 */
#ifndef DRYWIRE_CHAINS_H
#define DRYWIRE_CHAINS_H

#include <stddef.h>
#include <stdint.h>

struct chain_link {
    uint64_t hash;
    size_t older; /* the one added before it in the same bucket, plus one; 0: none */
};

struct chains {
    struct chain_link *links; /* of each item, by its index */
    size_t count, size;
    size_t *newest, places; /* the head of each bucket, plus one; a power of two of them */
};

/* Add the next item of the array, index c->count, under `hash`. */
void chains_add(struct chains *c, uint64_t hash);

/* Walk a chain: an index plus one, 0 at its end. */
size_t chains_first(const struct chains *c, uint64_t hash);
size_t chains_next(const struct chains *c, size_t index);

void chains_free(struct chains *c);

#endif
