/*
 * Where the bytes of a file that a scenario names come from, as whoever reads the scenario decides:
 * a run opens nothing.
 */
#ifndef DRYWIRE_SOURCE_H
#define DRYWIRE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct source {
    void *ctx;
    /* The bytes of a file, to be freed: 0, or -1 with what is wrong, one line, in `problem`. Of a
     * file with more than `max` bytes there are none, and *len is max + 1. */
    int (*read)(void *ctx, const char *path, size_t max, uint8_t **bytes, size_t *len,
                char *problem, size_t problem_size);
};

#endif
