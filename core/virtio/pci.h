/*
 * A PCI bus as a virtio driver needs it: find a function, give its base address registers (BARs)
 * addresses, walk its capabilities (PCI Local Bus 3.0 chapter 6; VirtIO 1.2 section 4.1.2).
 *
 * pci_next_virtio() walks bus 0, pci_place() assigns addresses to a function but leaves it
 * disabled; opening the device (virtio_open) reads them back and enables it. All of it goes through
 * REG_PCI, REG_MMIO and REG_PORT of the platform. Configuration space is not trusted: sizes and
 * addresses are checked with 64-bit sums, every walk is bounded.
 */
#ifndef DRYWIRE_PCI_H
#define DRYWIRE_PCI_H

#include "../port/platform.h"
#include "virtio_spec.h"
#include <stdbool.h>

/*
 * The address windows of a host bridge, for BARs that firmware left unassigned: nothing else may
 * lie in them, not even BARs that firmware did assign. A size of 0: the machine has no such window.
 * The machine fills base and size; `used` counts the bytes assigned. I/O is below 64 KiB.
 */
struct pci_host {
    uint64_t mmio_base, mmio_size, mmio_used;
    uint32_t io_base, io_size, io_used;
};

/* Size 0: the BAR is absent or unusable. Base 0: it has no address. */
struct pci_bar {
    enum reg_space space; /* REG_MMIO or REG_PORT */
    bool wide;            /* 64 bits: its upper half is the next register */
    uint64_t base, size;
};

struct pci_function {
    const struct platform *platform;
    uint64_t address; /* REG_PCI */
    uint16_t vendor, device, subsystem;
    struct pci_bar bar[PCI_STD_NUM_BARS];
};

/* The address of a function in configuration space. */
static inline uint64_t pci_address(unsigned bus, unsigned device, unsigned function)
{
    return (uint64_t)bus << 20 | device << 15 | function << 12;
}

/*
 * Read the identity of the function at `address` and the size and address of its BARs, with its
 * decoders disabled: 0, or ERR_NODEV when it is absent or a bridge.
 */
int pci_function_open(struct pci_function *f, const struct platform *p, uint64_t address);

/* Assign an address from the windows to every BAR without one, as far as there is room. */
void pci_assign(struct pci_function *f, struct pci_host *host);

/* Drop all addresses of a space in which one BAR has none: its decoder must stay disabled, or the
 * function would decode address 0 too. */
void pci_settle(struct pci_function *f);

/* Enable the decoders of the BARs that have an address, and bus mastering for DMA. */
void pci_enable(const struct pci_function *f);

/* Its virtio device type (VirtIO 1.2 section 4.1.2); 0: not a virtio device. */
unsigned pci_virtio_type(const struct pci_function *f);

/* True if its id has the legacy interface (4.1.2.3). */
bool pci_virtio_transitional(const struct pci_function *f);

/* Configuration space of a function. */
uint32_t pci_read(const struct pci_function *f, unsigned offset, unsigned size);
void pci_write(const struct pci_function *f, unsigned offset, unsigned size, uint32_t value);

/* A walk over the capability list: the offset of the next one, 0 at the end. At most 48 steps. */
struct pci_walk {
    const struct pci_function *function;
    unsigned at, steps;
};
struct pci_walk pci_capabilities(const struct pci_function *f);
unsigned pci_capability_next(struct pci_walk *w);

struct virtio_place;

/* A walk over bus 0, in the order of device and function number; all 0 at its start. */
struct pci_scan {
    unsigned device, function, functions;
};

/* The next virtio device: its type and *place, of which only bus and address are set; ERR_NODEV at
 * the end. Nothing is written to any function. */
int pci_next_virtio(const struct platform *p, struct pci_scan *scan, struct virtio_place *place);

/* Assign addresses to the BARs of the function at *place, as far as there is room, and set
 * place->irq to the line that firmware stored in it: 0, or ERR_NODEV when the function is
 * absent. */
int pci_place(const struct platform *p, struct pci_host *host, struct virtio_place *place);

#endif
