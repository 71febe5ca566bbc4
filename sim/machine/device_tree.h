/*
 * The device tree that the simulated machine hands its guest (Devicetree Specification v0.4): a
 * clock that counts nanoseconds, the virtio-mmio slots and the PCI host bridge. The form differs
 * by draw, what it says does not: cells of addresses, a bus that shifts them, how an interrupt is
 * written; before the device a slot that is disabled, or one without a device.
 */
#ifndef DRYWIRE_DEVICE_TREE_H
#define DRYWIRE_DEVICE_TREE_H

#include "../fake_device/device.h"
#include "../engine/sim.h"

enum { DEVICE_TREE_MAX = 3072, DEVICE_TREE_SLOTS = 8 };

/* A slot whose node is disabled: nothing is there, and who looks has not read the tree. */
#define DEVICE_TREE_DISABLED UINT64_C(0x10002000)

struct device_tree_wish {
    struct {
        uint64_t base;
        unsigned irq;
    } slots[DEVICE_TREE_SLOTS]; /* of virtio-mmio devices */
    unsigned slot_count;
    bool pci; /* there is a host bridge */
    struct fake_pci_host windows;
    enum device_lie lie; /* of those of a tree */
};

/* Write it into `blob`; its length. The draws are of `d`. */
size_t device_tree_make(uint8_t blob[DEVICE_TREE_MAX], const struct device_tree_wish *w,
                        struct sim *s, struct draw_stream *d);

#endif
