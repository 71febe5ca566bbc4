/*
 * The guest: the software of the simulated computer. The core is one guest; another driver or
 * stack, in C or with a C ABI, replaces it with `drywire run --guest ./mine.so FILE` and gets the
 * same devices, worlds, faults and oracles.
 *
 * A shared object exports `const struct guest_ops *drywire_guest(void)`. The guest reaches the
 * machine only through struct platform (core/port/platform.h) and its DMA memory; its state is in
 * the `size` bytes that the machine provides, which are not cleared, and it never blocks. See
 * docs/guest.md.
 */
#ifndef DRYWIRE_GUEST_H
#define DRYWIRE_GUEST_H

#include "../../core/port/platform.h"
#include "../../core/port/process.h"
#include <stdbool.h>

enum { GUEST_ABI = 4 };

/* A device: `address` is that of its registers or, on the PCI bus, of its function in configuration
 * space. */
struct guest_place {
    bool pci;
    uint64_t address;
    unsigned irq;
};

/* The machine's data for a guest at power-on. */
struct guest_config {
    const struct platform *platform;
    const struct process_ops *processes; /* used by the core only */
    const struct guest_place *places;    /* place_count of them, valid until boot() returns; each
                                          * device reports its kind. The first one is the network
                                          * device at the wire */
    unsigned place_count;
    void *dma; /* DMA memory, 4096-byte aligned */
    size_t dma_size;
    void *buffers; /* ordinary memory for large buffers, not cleared */
    size_t buffers_size;
    bool pci; /* with a PCI bus; the address ranges of its BARs: */
    uint64_t pci_mmio_base, pci_mmio_size;
    uint32_t pci_io_base, pci_io_size;
    bool msix; /* PCI: interrupts use this message */
    uint64_t msix_address;
    uint32_t msix_data;
    const void *device_tree; /* the device tree of firmware, with the same contents; NULL: none */
    size_t device_tree_size; /* readable bytes of it; all of it unless damaged */
    bool interrupts;         /* after input poll() is called only on an interrupt */
    uint32_t window;         /* bytes that a TCP connection may hold each way; 0: as it likes */
};

struct guest_ops {
    unsigned abi; /* GUEST_ABI */
    const char *name;
    size_t size;         /* bytes of state */
    size_t buffers_size; /* bytes of ordinary memory that it also needs, may be 0 */

    /* Power-on: 0, or negative when the guest cannot continue (the run fails). */
    int (*boot)(void *state, const struct guest_config *config, uint64_t now_ns);

    /* Do a bounded amount of work. Called at every deadline and after every device event; early
     * calls are harmless. */
    void (*poll)(void *state, uint64_t now_ns);

    /* The time of the next poll; UINT64_MAX: only after input. */
    uint64_t (*deadline)(void *state, uint64_t now_ns);

    /* Start a program now; ERR_NOSYS for guests without programs (may be NULL). The number of the
     * program, >= 0, or an error. */
    int (*start)(void *state, const char *const *words, unsigned count, uint64_t now_ns);

    /* Kill it (may be NULL). */
    void (*kill)(void *state, int program, uint64_t now_ns);

    /* True while this program has not ended; the number of its waits so far (may be NULL). */
    bool (*alive)(void *state, int program);
    unsigned (*waits)(void *state, int program);

    /* True if nothing is left to do except by programs: no connection open, no request pending. May
     * be NULL: then the run ends by its expectations only. */
    bool (*idle)(void *state);

    /* Power-off: stop the device and return every buffer (may be NULL). */
    void (*stop)(void *state, uint64_t now_ns);
};

#endif
