/*
 * A virtio device as its driver sees it: bring-up, feature negotiation, configuration space, and
 * the transport. Read VirtIO 1.2 sections 2.1-2.5 and 3.1 first.
 *
 * Call order: virtio_open(), virtio_reset(), virtio_negotiate(), the driver reads
 * configuration and sets up its queues (virtq.h), virtio_driver_ok(). One operations table serves
 * legacy and modern devices; the driver above does not know which transport it is on.
 */
#ifndef DRYWIRE_VIRTIO_H
#define DRYWIRE_VIRTIO_H

#include "../base/err.h"
#include "../port/platform.h"
#include "../trace/trace_events.h"
#include "virtio_spec.h"
#include <stdbool.h>

struct virtio_device;

enum virtio_bus { VIRTIO_BUS_MMIO, VIRTIO_BUS_PCI };

/* A message that raises an interrupt (MSI-X). */
struct virtio_msix {
    bool wanted;
    uint64_t address;
    uint32_t data;
};

/* The place of a device. Filled by the machine, or by pci_next_virtio() (pci.h) on a PCI bus. */
struct virtio_place {
    enum virtio_bus bus;
    uint64_t address; /* MMIO: of its registers; PCI: of the function, in configuration space */
    unsigned irq;     /* for the trace; its meaning is the machine's */
    struct virtio_msix msix; /* PCI only: interrupts by message instead of by line */
};

/* Bus addresses of the three parts of a virtqueue: descriptor, driver and device area. Legacy uses
 * `desc` alone. */
struct virtq_addresses {
    uint64_t desc, avail, used;
};

struct virtio_transport {
    uint8_t (*status_read)(struct virtio_device *d);
    void (*status_write)(struct virtio_device *d, uint8_t status);
    uint64_t (*features_read)(struct virtio_device *d);
    void (*features_write)(struct virtio_device *d, uint64_t features);
    /* Largest size of a queue, 0: absent. */
    uint32_t (*queue_size_max)(struct virtio_device *d, uint16_t index);
    /* Write size and addresses to the device and enable the queue: 0 or ERR_DEVICE. */
    int (*queue_enable)(struct virtio_device *d, uint16_t index, uint16_t size,
                        const struct virtq_addresses *at);
    void (*notify)(struct virtio_device *d, uint16_t index);
    uint32_t (*config_read)(struct virtio_device *d, uint32_t offset, unsigned size);
    /* Changes whenever the configuration does; constant on legacy interfaces (2.5.4). */
    uint32_t (*config_generation)(struct virtio_device *d);
    /* Why the device interrupted, VIRTIO_MMIO_INT_* bits; the bits read are acknowledged. A device
     * that sends messages has no reason: both bits. */
    uint8_t (*interrupt_ack)(struct virtio_device *d);
};

/* A structure of registers of a PCI device; length 0: absent. */
struct virtio_region {
    enum reg_space space;
    uint64_t base;
    uint32_t len;
};

/* Queues of a device that a driver here may use. */
enum { VIRTIO_PCI_QUEUES_MAX = 8 };

struct virtio_pci {
    struct virtio_region common, notify, isr, config; /* legacy: common is all of BAR 0 */
    uint32_t notify_multiplier;
    uint64_t notify_at[VIRTIO_PCI_QUEUES_MAX]; /* of a queue: 4.1.4.4 */
    bool msix;                                 /* enabled */
};

struct virtio_device {
    const struct platform *platform;
    const struct virtio_transport *transport;
    unsigned type; /* VIRTIO_ID_*, 0: not known yet */
    uint64_t base; /* MMIO: of its registers */
    struct virtio_pci pci;
    uint32_t config_len; /* bytes of device configuration */
    bool legacy;         /* driven through the legacy interface */
    uint64_t offered;    /* as read once at negotiation */
    uint64_t features;   /* negotiated */
    uint64_t check_ns;   /* virtio_check() reads nothing before this time */
    bool check_due;      /* it was called since then */
    bool failed;         /* its memory is not accessed any more */
    enum virtio_failure reason;
};

/*
 * Open the device at `place`: find its registers and choose its interface, without other accesses.
 * Returns the device type, ERR_NODEV when there is no virtio device, or ERR_DEVICE when it is
 * unsupported (traced, except for virtio-mmio).
 */
int virtio_open(struct virtio_device *d, const struct platform *p,
                const struct virtio_place *place);

/* Open the virtio-mmio register block at `base` (VirtIO 1.2 section 4.2). Returns the device type,
 * ERR_NODEV when there is no device (or device id 0), or ERR_DEVICE for an unsupported version. */
int virtio_mmio_open(struct virtio_device *d, const struct platform *p, uint64_t base);

/* Open the PCI function at `place` (section 4.1), whose BARs have addresses: through the modern
 * interface when all of its structures are usable, else a transitional one as legacy. */
int virtio_pci_open(struct virtio_device *d, const struct platform *p,
                    const struct virtio_place *place);

/* Reset and wait, bounded, until it is done (2.4.2): 0 or ERR_DEVICE. */
int virtio_reset(struct virtio_device *d);

/* Steps 2 to 6 of section 3.1.1, or their legacy form (3.1.2): accept those of `wanted` (feature
 * bits) that are offered. 0 or ERR_DEVICE. */
int virtio_negotiate(struct virtio_device *d, uint64_t wanted);

static inline bool virtio_has(const struct virtio_device *d, unsigned feature)
{
    return d->features >> feature & 1;
}

/* Read `len` bytes of device configuration consistently (2.5.1, legacy 2.5.4), in accesses of
 * `width` bytes (1, 2 or 4): 0, or ERR_DEVICE when it keeps changing. */
int virtio_config_read(struct virtio_device *d, uint32_t offset, uint8_t *buf, unsigned len,
                       unsigned width);

/* Step 8: the device is live. */
void virtio_driver_ok(struct virtio_device *d);

/* Read the status of a live device: true, and the device has failed, when DEVICE_NEEDS_RESET is
 * set. What it completes from then on is not to be relied on: section 2.1.1. */
bool virtio_needs_reset(struct virtio_device *d);

/* For polls: the same every 100 ms at most. True when it was read now and the device is live. The
 * deadline is when to poll again for it, or DEADLINE_NEVER. */
bool virtio_check(struct virtio_device *d, uint64_t now_ns);
uint64_t virtio_check_deadline(const struct virtio_device *d);

/* Mark the device as failed: trace the reason with the offending value, set FAILED, reset. Always
 * returns ERR_DEVICE. */
int virtio_fail(struct virtio_device *d, enum virtio_failure reason, uint64_t value);

#endif
