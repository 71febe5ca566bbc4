/* Shared by virtio_pci.c and virtio_pci_legacy.c: registers of a PCI device, message vectors. */
#ifndef DRYWIRE_VIRTIO_PCI_H
#define DRYWIRE_VIRTIO_PCI_H

#include "pci.h"
#include "virtio.h"

static inline uint32_t region_read(const struct virtio_device *d, const struct virtio_region *r,
                                   uint32_t offset, unsigned size)
{
    return d->platform->reg_read(d->platform->ctx, r->space, r->base + offset, size);
}

static inline void region_write(const struct virtio_device *d, const struct virtio_region *r,
                                uint32_t offset, unsigned size, uint32_t value)
{
    d->platform->reg_write(d->platform->ctx, r->space, r->base + offset, size, value);
}

/* Use BAR 0 for the legacy interface (4.1.4.10) if it is usable. */
bool virtio_pci_legacy_take(struct virtio_device *d, const struct pci_function *f);

/* The offset of the device configuration after the legacy registers: MSI-X must be set up. */
void virtio_pci_legacy_config(struct virtio_device *d);

/* Map a vector register to entry 0 of the MSI-X table, if that is enabled, and check that the
 * device accepted it (4.1.5.1.2): 0 or ERR_DEVICE. */
int virtio_pci_vector(struct virtio_device *d, uint32_t offset);

#endif
