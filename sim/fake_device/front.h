/* Shared by the files of the transport of a fake device: the register fronts, front.c and
 * device.c. */
#ifndef DRYWIRE_FAKE_FRONT_H
#define DRYWIRE_FAKE_FRONT_H

#include "device.h"
#include "pci_bus.h"

/* True if the device has this lie; this records that the driver has come to it. */
bool front_lies(struct fake_virtio *d, enum device_lie lie);

/* All features offered: the bits of its transport and queues, and of its body. */
uint64_t front_features(struct fake_virtio *d);

/* front.c: status and features; the selected queue (NULL: no such queue), whether it may be set up
 * now, and whether it is idle, or `name` is written while it is live. */
uint32_t front_status_read(struct fake_virtio *d);
void front_status_write(struct fake_virtio *d, uint32_t value);
uint32_t front_features_read(struct fake_virtio *d);
void front_features_write(struct fake_virtio *d, uint32_t value);
static inline struct vqueue *front_queue(struct fake_virtio *d)
{
    return d->queue_sel < d->body->queues ? &d->queue[d->queue_sel] : NULL;
}
bool front_queue_ready(struct fake_virtio *d, const struct vqueue *q); /* as it reads back */
uint32_t front_queue_max(struct fake_virtio *d); /* of the selected queue; 0: no such queue */
uint32_t front_generation(struct fake_virtio *d);
void front_set_up(struct fake_virtio *d);
bool front_queue_idle(struct fake_virtio *d, const char *name);
void front_set_half(uint64_t *address, bool high, uint32_t value);
void front_notify(struct fake_virtio *d, uint32_t queue);

/* Device configuration: offset within it. */
uint32_t front_config_read(struct fake_virtio *d, uint32_t offset, unsigned size);
void front_config_write(struct fake_virtio *d, uint32_t offset);

/* Interrupt: `cause` is VIRTIO_MMIO_INT_*, of `queue` for INT_VRING. */
void front_interrupt(struct fake_virtio *d, uint32_t cause, unsigned queue);

/* pci_config.c: configuration space of the function. */
void pci_power_on(struct fake_virtio *d);
uint32_t pci_config_read(struct fake_virtio *d, unsigned at, unsigned size);
void pci_config_write(struct fake_virtio *d, unsigned at, unsigned size, uint32_t value);
uint16_t pci_command(const struct fake_virtio *d);
bool pci_msix_enabled(const struct fake_virtio *d);

/* The BAR that contains `address` and the offset in it; -1: none. And whether it is decoded; if
 * not, that is reported. */
int pci_bar_find(const struct fake_virtio *d, enum fake_space space, uint64_t address,
                 unsigned size, uint32_t *offset);
bool pci_bar_decodes(struct fake_virtio *d, unsigned bar, uint64_t address);

/* pci.c: registers in a BAR. */
void pci_reset(struct fake_virtio *d);
void pci_message(struct fake_virtio *d, unsigned vector);
uint32_t pci_bar_read(struct fake_virtio *d, unsigned bar, uint32_t offset, unsigned size);
void pci_bar_write(struct fake_virtio *d, unsigned bar, uint32_t offset, unsigned size,
                   uint32_t value);

#endif
