/*
 * A register front of the fake device: virtio over MMIO, version 2 (VirtIO 1.2 section 4.2.2) and
 * version 1 (4.2.4). See front.c for the meaning of registers.
 */
#include "front.h"

enum { R = 1, W = 2, LEGACY = 4, MODERN = 8, QUEUE = 16 };

/* The registers of each version: sections 4.2.2 and 4.2.4. By offset; each has 32 bits. */
static const struct {
    uint16_t access; /* 0: no register */
    const char *name;
} registers[VIRTIO_MMIO_CONFIG / 4] = {
    [VIRTIO_MMIO_MAGIC_VALUE / 4] = {R | LEGACY | MODERN, "MagicValue"},
    [VIRTIO_MMIO_VERSION / 4] = {R | LEGACY | MODERN, "Version"},
    [VIRTIO_MMIO_DEVICE_ID / 4] = {R | LEGACY | MODERN, "DeviceID"},
    [VIRTIO_MMIO_VENDOR_ID / 4] = {R | LEGACY | MODERN, "VendorID"},
    [VIRTIO_MMIO_DEVICE_FEATURES / 4] = {R | LEGACY | MODERN, "DeviceFeatures"},
    [VIRTIO_MMIO_DEVICE_FEATURES_SEL / 4] = {W | LEGACY | MODERN, "DeviceFeaturesSel"},
    [VIRTIO_MMIO_DRIVER_FEATURES / 4] = {W | LEGACY | MODERN, "DriverFeatures"},
    [VIRTIO_MMIO_DRIVER_FEATURES_SEL / 4] = {W | LEGACY | MODERN, "DriverFeaturesSel"},
    [VIRTIO_MMIO_GUEST_PAGE_SIZE / 4] = {W | LEGACY, "GuestPageSize"},
    [VIRTIO_MMIO_QUEUE_SEL / 4] = {W | LEGACY | MODERN, "QueueSel"},
    [VIRTIO_MMIO_QUEUE_NUM_MAX / 4] = {R | LEGACY | MODERN, "QueueNumMax"},
    [VIRTIO_MMIO_QUEUE_NUM / 4] = {W | LEGACY | MODERN | QUEUE, "QueueNum"},
    [VIRTIO_MMIO_QUEUE_ALIGN / 4] = {W | LEGACY | QUEUE, "QueueAlign"},
    [VIRTIO_MMIO_QUEUE_PFN / 4] = {R | W | LEGACY, "QueuePFN"},
    [VIRTIO_MMIO_QUEUE_READY / 4] = {R | W | MODERN, "QueueReady"},
    [VIRTIO_MMIO_QUEUE_NOTIFY / 4] = {W | LEGACY | MODERN, "QueueNotify"},
    [VIRTIO_MMIO_INTERRUPT_STATUS / 4] = {R | LEGACY | MODERN, "InterruptStatus"},
    [VIRTIO_MMIO_INTERRUPT_ACK / 4] = {W | LEGACY | MODERN, "InterruptACK"},
    [VIRTIO_MMIO_STATUS / 4] = {R | W | LEGACY | MODERN, "Status"},
    [VIRTIO_MMIO_QUEUE_DESC_LOW / 4] = {W | MODERN | QUEUE, "QueueDescLow"},
    [VIRTIO_MMIO_QUEUE_DESC_HIGH / 4] = {W | MODERN | QUEUE, "QueueDescHigh"},
    [VIRTIO_MMIO_QUEUE_AVAIL_LOW / 4] = {W | MODERN | QUEUE, "QueueDriverLow"},
    [VIRTIO_MMIO_QUEUE_AVAIL_HIGH / 4] = {W | MODERN | QUEUE, "QueueDriverHigh"},
    [VIRTIO_MMIO_QUEUE_USED_LOW / 4] = {W | MODERN | QUEUE, "QueueDeviceLow"},
    [VIRTIO_MMIO_QUEUE_USED_HIGH / 4] = {W | MODERN | QUEUE, "QueueDeviceHigh"},
    [VIRTIO_MMIO_CONFIG_GENERATION / 4] = {R | MODERN, "ConfigGeneration"},
};

/* Check that the driver may do this access. */
static bool access_check(struct fake_virtio *d, uint32_t offset, unsigned size, unsigned how)
{
    unsigned version = d->config.legacy ? LEGACY : MODERN;
    const char *verb = how == R ? "read" : "write";

    LOOK(d->host, MMIO_ACCESS);
    if (offset >= VIRTIO_MMIO_CONFIG) {
        if (offset & (size - 1)) {
            VIOLATION(d->host, "mmio.access", "4.2.2.2", "unaligned %s at %#x", verb, offset);
            return false;
        }
        return true;
    }
    unsigned access = offset % 4 ? 0 : registers[offset / 4].access;
    const char *name = registers[offset / 4].name;

    if (!access) {
        VIOLATION(d->host, "mmio.access", "4.2.2.2", "%s at %#x, which is not a register", verb,
                  offset);
        return false;
    }
    if (size != 4) {
        VIOLATION(d->host, "mmio.access", "4.2.2.2", "%u-byte %s of %s, which is 32 bits wide",
                  size, verb, name);
        return false;
    }
    if (!(access & version)) {
        VIOLATION(d->host, "mmio.access", d->config.legacy ? "4.2.4" : "4.2.2.2",
                  "%s of %s, which this version of the interface does not have", verb, name);
        return false;
    }
    if (!(access & how)) {
        VIOLATION(d->host, "mmio.access", "4.2.2.2", "%s of %s, which is %s only", verb, name,
                  how == R ? "write" : "read");
        return false;
    }
    return !(access & QUEUE) || front_queue_idle(d, name);
}

/* ---- queues ---- */

static void queue_write(struct fake_virtio *d, uint32_t offset, uint32_t value)
{
    struct vqueue *q = front_queue(d);

    if (!q)
        return;
    front_set_up(d);
    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM:
        q->size = value;
        if (value > q->size_max)
            VIOLATION(d->host, "ring.size", "4.2.2.2", "QueueNum %u is above QueueNumMax %u", value,
                      q->size_max);
        break;
    case VIRTIO_MMIO_QUEUE_ALIGN:
        if (value != VIRTQ_LEGACY_ALIGN)
            VIOLATION(d->host, "ring.alignment", "4.2.4", "QueueAlign is %u", value);
        break;
    case VIRTIO_MMIO_QUEUE_PFN:
        if (d->guest_page_size == 0)
            VIOLATION(d->host, "ring.alignment", "4.2.4", "QueuePFN before GuestPageSize");
        q->desc = value * (uint64_t)d->guest_page_size;
        vqueue_start(q, d->features);
        break;
    case VIRTIO_MMIO_QUEUE_READY:
        if (value == 1)
            vqueue_start(q, d->features);
        else
            vqueue_stop(q);
        break;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
        front_set_half(&q->desc, offset & 4, value);
        break;
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
        front_set_half(&q->avail, offset & 4, value);
        break;
    default:
        front_set_half(&q->used, offset & 4, value);
    }
}

/* ---- read and write ---- */

uint32_t fake_mmio_read(struct fake_virtio *d, uint32_t offset, unsigned size)
{
    const struct vqueue *q;

    if (!access_check(d, offset, size, R))
        return 0;
    if (offset >= VIRTIO_MMIO_CONFIG)
        return front_config_read(d, offset - VIRTIO_MMIO_CONFIG, size);
    switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        return VIRTIO_MMIO_MAGIC + front_lies(d, LIE_MAGIC);
    case VIRTIO_MMIO_VERSION:
        return front_lies(d, LIE_VERSION) ? VIRTIO_MMIO_VERSION_MODERN + 1
               : d->config.legacy         ? VIRTIO_MMIO_VERSION_LEGACY
                                          : VIRTIO_MMIO_VERSION_MODERN;
    case VIRTIO_MMIO_DEVICE_ID:
        return front_lies(d, LIE_DEVICE_ID) ? 0 : d->body->type;
    case VIRTIO_MMIO_VENDOR_ID:
        return 0x57595244; /* "DRYW" */
    case VIRTIO_MMIO_DEVICE_FEATURES:
        return front_features_read(d);
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return front_queue_max(d);
    case VIRTIO_MMIO_QUEUE_PFN:
        q = front_queue(d);
        if (!q || !d->guest_page_size || !front_queue_ready(d, q))
            return 0;
        return q->ready ? (uint32_t)(q->desc / d->guest_page_size) : 1;
    case VIRTIO_MMIO_QUEUE_READY:
        q = front_queue(d);
        return q && front_queue_ready(d, q);
    case VIRTIO_MMIO_INTERRUPT_STATUS:
        return d->interrupt_status;
    case VIRTIO_MMIO_STATUS:
        return front_status_read(d);
    default:
        return front_generation(d);
    }
}

void fake_mmio_write(struct fake_virtio *d, uint32_t offset, unsigned size, uint32_t value)
{
    if (!access_check(d, offset, size, W))
        return;
    if (offset >= VIRTIO_MMIO_CONFIG) {
        front_config_write(d, offset - VIRTIO_MMIO_CONFIG);
        return;
    }
    switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        d->device_features_sel = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES:
        front_features_write(d, value);
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        d->driver_features_sel = value;
        break;
    case VIRTIO_MMIO_GUEST_PAGE_SIZE:
        d->guest_page_size = value;
        break;
    case VIRTIO_MMIO_QUEUE_SEL:
        d->queue_sel = value;
        break;
    case VIRTIO_MMIO_QUEUE_NOTIFY:
        front_notify(d, value);
        break;
    case VIRTIO_MMIO_INTERRUPT_ACK:
        d->interrupt_status &= ~value;
        break;
    case VIRTIO_MMIO_STATUS:
        front_status_write(d, value);
        break;
    default:
        queue_write(d, offset, value);
    }
}
