/*
 * The PCI bus of fake devices: a host bridge, a bridge, another function, and the functions of
 * devices, each with its number. Configuration space is addressed as in ECAM (bus << 20 | device <<
 * 15 | function << 12 | register), BARs by address.
 */
#ifndef DRYWIRE_FAKE_PCI_BUS_H
#define DRYWIRE_FAKE_PCI_BUS_H

#include "device.h"

enum fake_space { FAKE_CONFIG, FAKE_MEMORY, FAKE_IO };

enum { FAKE_PCI_FUNCTIONS_MAX = 8 };

struct fake_pci_bus {
    const struct fake_host *host; /* gets reports of accesses without a device */
    struct fake_pci_host windows;
    struct fake_virtio *function[FAKE_PCI_FUNCTIONS_MAX]; /* started, on this bus, by number */
    unsigned count;
};

uint32_t fake_pci_read(struct fake_pci_bus *b, enum fake_space space, uint64_t address,
                       unsigned size);
void fake_pci_write(struct fake_pci_bus *b, enum fake_space space, uint64_t address, unsigned size,
                    uint32_t value);

#endif
