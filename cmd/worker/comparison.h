/*
 * Runs of one scenario and seed compared item by item: the items of the first one are stored, and
 * each later one must hash the same. For `--repeat` and `--check-determinism`.
 */
#ifndef DRYWIRE_COMPARISON_H
#define DRYWIRE_COMPARISON_H

#include "../../sim/engine/sim.h"

struct comparison_item;

/* Initialise with {.out = ..., .out_size = ...}; comparison_free() at the end. */
struct comparison {
    struct comparison_item *items; /* of the first run */
    size_t count, size;
    size_t at;    /* items of the later run that are the same so far */
    bool later;   /* a run after the first one */
    bool differs; /* the difference is in out */
    char *out;    /* the first difference in words */
    size_t out_size;
};

/* The callback for struct run_options.hash_watch. */
void comparison_item(struct comparison *c, const struct sim *s, const char *kind, const void *bytes,
                     size_t len);

/* A later run starts; it has ended: check for missing items. */
void comparison_begin(struct comparison *c);
void comparison_end(struct comparison *c);

void comparison_free(struct comparison *c);

#endif
