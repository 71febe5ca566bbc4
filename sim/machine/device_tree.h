/*
 * The device tree of the simulated machine (Devicetree Specification v0.4): a clock that counts
 * nanoseconds, the virtio-mmio slots and the PCI host bridge. Its form is drawn, its meaning is
 * constant: address cells, a bus with an offset, the form of interrupts; before the device a
 * disabled slot, or one without a device.
 */
#ifndef DRYWIRE_DEVICE_TREE_H
#define DRYWIRE_DEVICE_TREE_H

#include "../fake_device/device.h"
#include "../engine/sim.h"

enum { DEVICE_TREE_MAX = 3072, DEVICE_TREE_SLOTS = 8 };

/* A slot whose node is disabled: it has no device, and an access means that the guest ignored the
 * tree. */
#define DEVICE_TREE_DISABLED UINT64_C(0x10002000)

struct device_tree_wish {
    struct {
        uint64_t base;
        unsigned irq;
    } slots[DEVICE_TREE_SLOTS]; /* of virtio-mmio devices */
    unsigned slot_count;
    bool pci; /* with a host bridge */
    struct fake_pci_host windows;
    enum device_lie lie; /* a lie of the tree */
};

/* Write it into `blob`; returns its length. Draws from `d`. */
size_t device_tree_make(uint8_t blob[DEVICE_TREE_MAX], const struct device_tree_wish *w,
                        struct sim *s, struct draw_stream *d);

#endif
