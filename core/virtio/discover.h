/*
 * What a device tree says about its machine, as far as a kernel here needs it: command line, clock,
 * and where devices may be. Built on fdt.h; nothing that the tree says is trusted.
 */
#ifndef DRYWIRE_DISCOVER_H
#define DRYWIRE_DISCOVER_H

#include "pci.h"
#include "virtio.h"

enum { SLOTS_MAX = 32 };

struct mmio_slot {
    uint64_t base;
    unsigned irq;
};

/* Where devices may be; a machine without a device tree knows it by other means. */
struct device_places {
    struct mmio_slot slots[SLOTS_MAX]; /* virtio-mmio, with and without a device */
    unsigned slot_count;
    bool has_pci;
    struct pci_host pci; /* windows for what firmware did not place */
    /* PCI: the first of the four interrupts that the pins of all devices go round (PCI-to-PCI
     * bridge specification, section 9.1); 0: an interrupt is what firmware wrote down. */
    unsigned pci_irq;
    struct virtio_msix msix; /* PCI: interrupts by message instead */
};

struct discovered {
    const char *bootargs; /* in the tree; NULL: it has none */
    uint64_t timebase_hz; /* not 0 */
    struct device_places places;
    uint64_t pci_config_base, pci_port_base; /* with PCI: where the processor sees those spaces */
};

/**
 * Read the device tree at `tree`, of `len` bytes at most. Nodes that are disabled or malformed are
 * passed over, and slots beyond SLOTS_MAX.
 * Returns NULL, or what is wrong with the tree in a word; `out` is then of no use.
 */
const char *discover(const void *tree, size_t len, struct discovered *out);

#endif
