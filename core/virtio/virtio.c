/*
 * Bring-up of any virtio device in the order of VirtIO 1.2 section 3.1.1, and of 3.1.2 for legacy
 * interfaces; see virtio.h.
 */
#include "virtio.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../port/ring.h"
#include "../trace/trace.h"
#include "drivers.h"

int virtio_open(struct virtio_device *d, const struct platform *p, const struct virtio_place *place)
{
    if (place->bus == VIRTIO_BUS_PCI)
        return virtio_pci_open(d, p, place);
    return virtio_mmio_open(d, p, place->address);
}

/* A device that has not reset after this many reads never will. */
enum { RESET_TURNS_MAX = 10000, CONFIG_TRIES_MAX = 8 };

/* The interval of virtio_check(), whose reads cost register accesses. */
#define CHECK_INTERVAL_NS (100 * NS_PER_MS)

int virtio_fail(struct virtio_device *d, enum virtio_failure reason, uint64_t value)
{
    const struct virtio_driver *driver = virtio_driver_of((int)d->type);

    if (d->failed)
        return ERR_DEVICE;
    d->failed = true;
    d->reason = reason;
    TRACE(d->platform, driver ? driver->failed : TRACE_VNET_FAILED, reason, value);
    if (!d->transport) /* virtio_open() did not find its registers */
        return ERR_DEVICE;
    d->transport->status_write(d, d->transport->status_read(d) | VIRTIO_STATUS_FAILED);
    d->transport->status_write(d, 0);
    return ERR_DEVICE;
}

int virtio_reset(struct virtio_device *d)
{
    d->transport->status_write(d, 0);
    for (unsigned turn = 0; turn < RESET_TURNS_MAX; turn++) {
        if (d->transport->status_read(d) == 0)
            return 0;
        d->platform->relax(d->platform->ctx);
    }
    return virtio_fail(d, VIRTIO_FAILURE_RESET, RESET_TURNS_MAX);
}

static void status_add(struct virtio_device *d, uint8_t bits)
{
    d->transport->status_write(d, d->transport->status_read(d) | bits);
}

bool virtio_needs_reset(struct virtio_device *d)
{
    uint8_t status = d->transport->status_read(d);

    if (!(status & VIRTIO_STATUS_DEVICE_NEEDS_RESET))
        return false;
    virtio_fail(d, VIRTIO_FAILURE_NEEDS_RESET, status);
    return true;
}

bool virtio_check(struct virtio_device *d, uint64_t now_ns)
{
    d->check_due = now_ns < d->check_ns;
    if (d->check_due)
        return false;
    d->check_ns = now_ns + CHECK_INTERVAL_NS;
    return !virtio_needs_reset(d);
}

uint64_t virtio_check_deadline(const struct virtio_device *d)
{
    return d->check_due ? d->check_ns : DEADLINE_NEVER;
}

int virtio_negotiate(struct virtio_device *d, uint64_t wanted)
{
    status_add(d, VIRTIO_STATUS_ACKNOWLEDGE);
    status_add(d, VIRTIO_STATUS_DRIVER);

    d->offered = d->transport->features_read(d);
    d->features = d->offered & wanted;
    if (!d->legacy && !virtio_has(d, VIRTIO_F_VERSION_1))
        return virtio_fail(d, VIRTIO_FAILURE_NO_VERSION_1, d->offered);
    d->transport->features_write(d, d->features);

    /* A legacy device has no FEATURES_OK and may misread the bit: section 3.1.2. */
    if (d->legacy)
        return 0;
    status_add(d, VIRTIO_STATUS_FEATURES_OK);
    if (!d->legacy && !(d->transport->status_read(d) & VIRTIO_STATUS_FEATURES_OK))
        return virtio_fail(d, VIRTIO_FAILURE_FEATURES_OK, d->features);
    return 0;
}

static void config_copy(struct virtio_device *d, uint32_t offset, uint8_t *buf, unsigned len,
                        unsigned width)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < len; i++) {
        if (i % width == 0)
            v = d->transport->config_read(d, offset + i, width);
        buf[i] = (uint8_t)(v >> (8 * (i % width)));
    }
}

int virtio_config_read(struct virtio_device *d, uint32_t offset, uint8_t *buf, unsigned len,
                       unsigned width)
{
    uint8_t first[16], second[16];

    len = min_u32(len, sizeof(first));
    if (len > d->config_len || offset > d->config_len - len)
        return virtio_fail(d, VIRTIO_FAILURE_CONFIG_SHORT, d->config_len);
    for (unsigned try = 0; try < CONFIG_TRIES_MAX; try++) {
        uint32_t before = d->transport->config_generation(d);

        config_copy(d, offset, first, len, width);
        if (d->legacy) {
            /* No generation count here: read until two reads agree, section 2.5.4. */
            config_copy(d, offset, second, len, width);
            if (!mem_equal(first, second, len))
                continue;
        } else if (d->transport->config_generation(d) != before) {
            continue;
        }
        mem_copy(buf, first, len);
        return 0;
    }
    return virtio_fail(d, VIRTIO_FAILURE_CONFIG, offset);
}

void virtio_driver_ok(struct virtio_device *d)
{
    /* Posted buffers before the start of the device. */
    ring_barrier(d->platform, BARRIER_WRITE);
    status_add(d, VIRTIO_STATUS_DRIVER_OK);
}
