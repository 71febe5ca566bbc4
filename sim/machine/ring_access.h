/*
 * The implementation of the hooks of core/port/ring.h: the simulated computer (machine.c) or the
 * replay of a journal (replay_core.c). Each has this struct as its first member, and is the
 * platform's ctx.
 */
#ifndef DRYWIRE_RING_ACCESS_H
#define DRYWIRE_RING_ACCESS_H

#include <stddef.h>
#include <stdint.h>

struct ring_access {
    uint64_t (*load)(void *ctx, const volatile void *word, unsigned size);
    void (*store)(void *ctx, volatile void *word, unsigned size, uint64_t value);
    void (*take)(void *ctx, void *bytes, size_t len);       /* may be NULL */
    void (*give)(void *ctx, const void *bytes, size_t len); /* may be NULL */
};

#endif
