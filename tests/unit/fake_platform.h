/*
 * The smallest machine for unit tests of the core: registers are an array the test scripts, DMA
 * addresses are pointers plus an odd offset, trace events are counted. Ring words go straight to
 * memory.
 */
#ifndef DRYWIRE_FAKE_PLATFORM_H
#define DRYWIRE_FAKE_PLATFORM_H

#include "../../core/port/platform.h"
#include "../../core/trace/trace.h"
#include <string.h>

#define FAKE_BUS_OFFSET UINT64_C(0x123450000)

struct fake_platform {
    struct platform platform;
    uint32_t reg[0x200 / 4];
    unsigned writes;
    uint32_t status_seen; /* every bit that was ever written to the status register */
    unsigned traced[TRACE_COUNT];
    uint64_t last[TRACE_ARGS_MAX];              /* arguments of the last event */
    uint64_t said[TRACE_COUNT][TRACE_ARGS_MAX]; /* of the last event of each kind */
    uint64_t entropy;
    void (*on_write)(struct fake_platform *f, uint64_t addr, uint32_t value);
    uint32_t (*on_read)(struct fake_platform *f, uint64_t addr, uint32_t value);
};

static uint32_t fake_reg_read(void *ctx, enum reg_space space, uint64_t addr, unsigned size)
{
    struct fake_platform *f = ctx;
    uint32_t value = f->reg[(addr & 0x1ff) / 4] >> (8 * (addr & 3));

    (void)space;
    if (f->on_read)
        value = f->on_read(f, addr & 0x1ff, value);
    return size == 4 ? value : value & ((1u << (8 * size)) - 1);
}

static void fake_reg_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size,
                           uint32_t value)
{
    struct fake_platform *f = ctx;

    (void)space;
    (void)size;
    f->writes++;
    if ((addr & 0x1ff) == 0x70)
        f->status_seen |= value;
    f->reg[(addr & 0x1ff) / 4] = value;
    if (f->on_write)
        f->on_write(f, addr & 0x1ff, value);
}

static uint64_t fake_bus_address(void *ctx, const void *ptr)
{
    (void)ctx;
    return (uint64_t)(uintptr_t)ptr + FAKE_BUS_OFFSET;
}

static void fake_barrier(void *ctx, enum barrier kind)
{
    (void)ctx;
    (void)kind;
}

static void fake_relax(void *ctx)
{
    (void)ctx;
}

static uint64_t fake_entropy(void *ctx)
{
    struct fake_platform *f = ctx;

    return ++f->entropy * UINT64_C(0x9e3779b97f4a7c15);
}

static void fake_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    struct fake_platform *f = ctx;

    f->traced[id]++;
    if (count) {
        memcpy(f->last, args, count * sizeof(*args));
        memcpy(f->said[id], args, count * sizeof(*args));
    }
}

static void fake_line(void *ctx, const char *text, size_t len)
{
    (void)ctx;
    (void)text;
    (void)len;
}

static inline void fake_platform_init(struct fake_platform *f)
{
    memset(f, 0, sizeof(*f));
    f->platform = (struct platform){
        .ctx = f,
        .reg_read = fake_reg_read,
        .reg_write = fake_reg_write,
        .bus_address = fake_bus_address,
        .barrier = fake_barrier,
        .relax = fake_relax,
        .entropy = fake_entropy,
        .trace = fake_trace,
        .line = fake_line,
    };
}

#endif
