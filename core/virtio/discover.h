/*
 * The parts of a device tree that a kernel needs: command line, clock, and the places of devices.
 * Built on fdt.h; the tree is not trusted.
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

/* The places of devices; a machine without a device tree fills them by other means. */
struct device_places {
    struct mmio_slot slots[SLOTS_MAX]; /* virtio-mmio, with and without a device */
    unsigned slot_count;
    bool has_pci;
    struct pci_host pci; /* windows for BARs that firmware did not assign */
    /* PCI: the first of the four interrupts that the pins of all devices rotate through
     * (PCI-to-PCI bridge specification, section 9.1); 0: the interrupt is what firmware stored
     * in the device. */
    unsigned pci_irq;
    struct virtio_msix msix; /* PCI: interrupts by message instead */
};

struct discovered {
    const char *bootargs; /* in the tree; NULL: it has none */
    uint64_t timebase_hz; /* not 0 */
    struct device_places places;
    uint64_t pci_config_base, pci_port_base; /* with PCI: where these spaces are mapped */
};

/**
 * Read the device tree at `tree`, of `len` bytes at most. Nodes that are disabled or malformed are
 * skipped, and slots beyond SLOTS_MAX. Returns NULL, or one word for what is wrong with the tree;
 * `out` is then invalid.
 */
const char *discover(const void *tree, size_t len, struct discovered *out);

#endif
