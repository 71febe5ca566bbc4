/*
 * Where bytes go: a file, a pipe or memory, as whoever makes the sink decides (a run opens
 * nothing). Errors are kept there and found when its owner closes it.
 */
#ifndef DRYWIRE_SINK_H
#define DRYWIRE_SINK_H

#include <stddef.h>
#include <stdint.h>

struct sink {
    void *ctx;
    /* Append. What a process wrote before it crashed is there. */
    void (*write)(void *ctx, const void *bytes, size_t len);
    /* Write over `len` bytes that were written at `at`; NULL where that cannot be: a pipe. */
    void (*overwrite)(void *ctx, uint64_t at, const void *bytes, size_t len);
};

#endif
