/*
 * The guest: what the simulated computer runs. The core is the first guest, not the only one;
 * someone else's driver or stack, in C or behind a C ABI, is put in its place with
 * `drywire run --guest ./mine.so FILE` and meets the same devices, worlds, faults and oracles.
 *
 * A shared object exports `const struct guest_ops *drywire_guest(void)`. The guest reaches the
 * machine only through struct platform (core/port/platform.h) and the DMA memory it is given; it
 * keeps its state in the `size` bytes that the machine provides, which are not cleared, and never
 * blocks. See docs/guest.md.
 */
#ifndef DRYWIRE_GUEST_H
#define DRYWIRE_GUEST_H

#include "../../core/port/platform.h"
#include "../../core/port/process.h"
#include <stdbool.h>

enum { GUEST_ABI = 4 };

/* A device: at `address` are its registers or, on the PCI bus, is its function in configuration
 * space. */
struct guest_place {
    bool pci;
    uint64_t address;
    unsigned irq;
};

/* What the machine tells a guest at power-on. */
struct guest_config {
    const struct platform *platform;
    const struct process_ops *processes; /* of use to the core only */
    const struct guest_place *places;    /* place_count of them, until boot() returns; each device
                                          * says itself of what kind it is. The first is the network
                                          * device at the wire */
    unsigned place_count;
    void *dma; /* DMA memory, 4096-byte aligned */
    size_t dma_size;
    void *buffers; /* ordinary memory for large buffers, not cleared */
    size_t buffers_size;
    bool pci; /* there is a PCI bus; its BARs may lie here: */
    uint64_t pci_mmio_base, pci_mmio_size;
    uint32_t pci_io_base, pci_io_size;
    bool msix; /* PCI: interrupts are asked for by this message */
    uint64_t msix_address;
    uint32_t msix_data;
    const void *device_tree; /* what firmware leaves: the same as above; NULL: there is none */
    size_t device_tree_size; /* bytes of it that can be read, when it is not damaged all */
    bool interrupts;         /* after input poll() is called only when the device interrupts */
};

struct guest_ops {
    unsigned abi; /* GUEST_ABI */
    const char *name;
    size_t size;         /* bytes of state */
    size_t buffers_size; /* bytes of ordinary memory that it wants besides, may be 0 */

    /* Power-on: 0, or negative when the guest cannot go on (the run fails). */
    int (*boot)(void *state, const struct guest_config *config, uint64_t now_ns);

    /* Do a bounded amount of work. Called at every deadline and whenever a device did something;
     * early calls are harmless. */
    void (*poll)(void *state, uint64_t now_ns);

    /* When poll must be called again, UINT64_MAX: only after input. */
    uint64_t (*deadline)(void *state, uint64_t now_ns);

    /* Start a program now; ERR_NOSYS for guests without programs (may be NULL). The number of the
     * program, >= 0, or an error. */
    int (*start)(void *state, const char *const *words, unsigned count, uint64_t now_ns);

    /* Kill it (may be NULL). */
    void (*kill)(void *state, int program, uint64_t now_ns);

    /* Has this program not ended yet? How often did it have to wait so far? (may be NULL) */
    bool (*alive)(void *state, int program);
    unsigned (*waits)(void *state, int program);

    /* Is nothing left to finish, but for what programs will do: no connection open, nothing being
     * asked? May be NULL: then the run ends by its expectations alone. */
    bool (*idle)(void *state);

    /* Power-off: stop the device and give every buffer back (may be NULL). */
    void (*stop)(void *state, uint64_t now_ns);
};

#endif
