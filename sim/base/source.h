/* The files that a scenario names, provided by the reader of the scenario: a run opens nothing. */
#ifndef DRYWIRE_SOURCE_H
#define DRYWIRE_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct source {
    void *ctx;
    /* Read a file: 0 with its bytes, to be freed, or -1 with a one-line message in `problem`. A
     * file of more than `max` bytes is not read, and *len is max + 1. */
    int (*read)(void *ctx, const char *path, size_t max, uint8_t **bytes, size_t *len,
                char *problem, size_t problem_size);
};

#endif
