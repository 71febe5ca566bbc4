/*
 * The bus of a fake device for tests that have no machine: DMA memory is a block of the test's own,
 * every store is seen at once, the first violation is kept as text.
 */
#ifndef DRYWIRE_MEMORY_BUS_H
#define DRYWIRE_MEMORY_BUS_H

#include "../../core/virtio/virtio_spec.h"
#include "../../sim/fake_device/vqueue.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct memory_bus {
    struct fake_memory memory;
    struct fake_host host;
    struct oracle_set looked;
    uint8_t *base;
    uint64_t random;
    char violation[400]; /* "oracle clause text", "" when there was none */
};

static inline uint64_t memory_bus_draw(struct memory_bus *m, uint64_t bound)
{
    m->random = m->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (m->random >> 33) % bound;
}

static uint8_t *memory_bus_word(struct memory_bus *m, uint64_t bus, size_t len)
{
    if (!fake_memory_at(&m->memory, bus, len))
        abort(); /* the device checks addresses before it uses them */
    return m->base + (bus - m->memory.first);
}

static void memory_bus_store(void *ctx, uint64_t bus, unsigned size, uint64_t value)
{
    word_store(memory_bus_word(ctx, bus, size), size, value);
}

static void memory_bus_write(void *ctx, uint64_t bus, const uint8_t *bytes, size_t len)
{
    if (len)
        memcpy(memory_bus_word(ctx, bus, len), bytes, len);
}

static void memory_bus_attach_ring(void *ctx, uint64_t bus, size_t len)
{
    (void)ctx;
    (void)bus;
    (void)len;
}

static void memory_bus_look(void *ctx)
{
    (void)ctx;
}

static void memory_bus_own(void *ctx, uint64_t bus, size_t len, bool device)
{
    (void)ctx;
    (void)bus;
    (void)len;
    (void)device;
}

static uint64_t memory_bus_pick(void *ctx, const char *what, uint64_t bound)
{
    (void)what;
    return memory_bus_draw(ctx, bound);
}

static void memory_bus_used(void *ctx, uint32_t id, uint32_t written)
{
    (void)ctx;
    (void)id;
    (void)written;
}

static void memory_bus_violation(void *ctx, const char *oracle, const char *site,
                                 const char *clause, const char *format, ...)
{
    struct memory_bus *m = ctx;
    va_list args;
    int n;

    (void)site;
    if (m->violation[0])
        return;
    n = snprintf(m->violation, sizeof(m->violation), "%s %s ", oracle, clause);
    va_start(args, format);
    vsnprintf(m->violation + n, sizeof(m->violation) - (size_t)n, format, args);
    va_end(args);
}

static inline void memory_bus_init(struct memory_bus *m, uint8_t *base, size_t size, uint64_t first)
{
    *m = (struct memory_bus){.base = base};
    m->memory = (struct fake_memory){
        .ctx = m,
        .memory = base,
        .words = base,
        .first = first,
        .size = size,
        .store = memory_bus_store,
        .write = memory_bus_write,
        .attach_ring = memory_bus_attach_ring,
        .look = memory_bus_look,
        .own = memory_bus_own,
    };
    m->host = (struct fake_host){
        .ctx = m,
        .looked = &m->looked,
        .pick = memory_bus_pick,
        .key = 12345,
        .used = memory_bus_used,
        .violation = memory_bus_violation,
        .thorough = true,
    };
}

#endif
