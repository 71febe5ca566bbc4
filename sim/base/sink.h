/*
 * An output for bytes: a file, a pipe or memory, opened by the owner of the sink (a run opens
 * nothing). Errors are stored and reported when the owner closes it.
 */
#ifndef DRYWIRE_SINK_H
#define DRYWIRE_SINK_H

#include <stddef.h>
#include <stdint.h>

struct sink {
    void *ctx;
    /* Append, unbuffered: bytes written before a crash are kept. */
    void (*write)(void *ctx, const void *bytes, size_t len);
    /* Overwrite `len` bytes at offset `at`; NULL when that is not possible, as in a pipe. */
    void (*overwrite)(void *ctx, uint64_t at, const void *bytes, size_t len);
};

#endif
