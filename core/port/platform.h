/*
 * What the core needs from a machine: registers, bus addresses of DMA memory, barriers, one step of
 * a bounded wait, entropy and an output for trace events.
 *
 * There is no clock here: time is an argument, `uint64_t now_ns`. The interface is register access,
 * not "a transport", so that the real transport code runs against a fake device. A port fills one
 * struct platform and keeps it unchanged while the core uses it; `ctx` is passed back unchanged.
 */
#ifndef DRYWIRE_PLATFORM_H
#define DRYWIRE_PLATFORM_H

#include <stddef.h>
#include <stdint.h>

/* The address space of a register. */
enum reg_space {
    REG_MMIO, /* a physical address */
    REG_PORT, /* an I/O port number */
    REG_PCI,  /* PCI configuration space: bus << 20 | device << 15 | function << 12 | register */
};

enum barrier {
    BARRIER_WRITE, /* stores before it are seen by the device before stores after it */
    BARRIER_READ,  /* loads after it see what the device stored before what loads before it saw */
    BARRIER_FULL,  /* both, and stores before it are seen before loads after it are made */
};

struct platform {
    void *ctx;

    /* Read or write a device register: size 1, 2 or 4, aligned. A read of an absent register
     * returns all ones, as does every read of a space that the machine does not have. */
    uint32_t (*reg_read)(void *ctx, enum reg_space space, uint64_t addr, unsigned size);
    void (*reg_write)(void *ctx, enum reg_space space, uint64_t addr, unsigned size,
                      uint32_t value);

    /* The bus address of `ptr`, which lies in the machine's DMA memory. */
    uint64_t (*bus_address)(void *ctx, const void *ptr);

    /* Order memory accesses between driver and device; also a compiler barrier. */
    void (*barrier)(void *ctx, enum barrier kind);

    /* One step of a wait that the caller bounds by counting: lets the device make progress. */
    void (*relax)(void *ctx);

    /* 64 unpredictable bits; the simulator's are a pure function of the seed. */
    uint64_t (*entropy)(void *ctx);

    /* A trace event: `id` of trace_events.h and its arguments. */
    void (*trace)(void *ctx, unsigned id, const uint64_t *args, unsigned count);

    /* A whole line of text without a newline, printable ASCII: "component: token token ...". */
    void (*line)(void *ctx, const char *text, size_t len);
};

#endif
