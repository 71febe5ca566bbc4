/*
 * A register front of the fake device: virtio over MMIO, version 2 (VirtIO 1.2 section 4.2.2) and
 * version 1 (4.2.4). What the registers mean is in front.c.
 */
#include "device.h"

enum { R = 1, W = 2, LEGACY = 4, MODERN = 8, QUEUE = 16 };

/* Which registers exist, and for whom: sections 4.2.2 and 4.2.4. By offset; each has 32 bits. */
static const struct {
    uint16_t access; /* 0: no register is here */
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

/* May the driver do this at all? */
static bool access_check(struct net_device *n, uint32_t offset, unsigned size, unsigned how)
{
    unsigned version = n->config.legacy ? LEGACY : MODERN;
    const char *verb = how == R ? "read" : "write";

    LOOK(n->bus, MMIO_ACCESS);
    if (offset >= VIRTIO_MMIO_CONFIG) {
        if (offset % size) {
            VIOLATION(n->bus, "mmio.access", "4.2.2.2", "unaligned %s at %#x", verb, offset);
            return false;
        }
        return true;
    }
    unsigned access = offset % 4 ? 0 : registers[offset / 4].access;
    const char *name = registers[offset / 4].name;

    if (!access) {
        VIOLATION(n->bus, "mmio.access", "4.2.2.2", "%s at %#x, where no register is", verb,
                  offset);
        return false;
    }
    if (size != 4) {
        VIOLATION(n->bus, "mmio.access", "4.2.2.2", "%u-byte %s of %s, which is 32 bits wide", size,
                  verb, name);
        return false;
    }
    if (!(access & version)) {
        VIOLATION(n->bus, "mmio.access", n->config.legacy ? "4.2.4" : "4.2.2.2",
                  "%s of %s, which this version of the interface does not have", verb, name);
        return false;
    }
    if (!(access & how)) {
        VIOLATION(n->bus, "mmio.access", "4.2.2.2", "%s of %s, which is %s only", verb, name,
                  how == R ? "write" : "read");
        return false;
    }
    return !(access & QUEUE) || front_queue_idle(n, name);
}

/* ---- queues ---- */

static void queue_write(struct net_device *n, struct vqueue *q, uint32_t offset, uint32_t value)
{
    front_set_up(n);
    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM:
        q->size = value;
        if (value > q->size_max)
            VIOLATION(n->bus, "ring.size", "4.2.2.2", "QueueNum %u is above QueueNumMax %u", value,
                      q->size_max);
        break;
    case VIRTIO_MMIO_QUEUE_ALIGN:
        if (value != VIRTQ_LEGACY_ALIGN)
            VIOLATION(n->bus, "ring.alignment", "4.2.4", "QueueAlign is %u", value);
        break;
    case VIRTIO_MMIO_QUEUE_PFN:
        if (n->guest_page_size == 0)
            VIOLATION(n->bus, "ring.alignment", "4.2.4", "QueuePFN before GuestPageSize");
        q->desc = value * (uint64_t)n->guest_page_size;
        vqueue_start(q, n->features);
        break;
    case VIRTIO_MMIO_QUEUE_READY:
        if (value == 1)
            vqueue_start(q, n->features);
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

/* ---- the two entries ---- */

uint32_t net_device_read(struct net_device *n, uint32_t offset, unsigned size)
{
    struct vqueue *q = front_queue(n);

    if (!access_check(n, offset, size, R))
        return 0;
    if (offset >= VIRTIO_MMIO_CONFIG)
        return net_device_config_read(n, offset - VIRTIO_MMIO_CONFIG, size);
    switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        return VIRTIO_MMIO_MAGIC + (n->config.lie == LIE_MAGIC);
    case VIRTIO_MMIO_VERSION:
        return n->config.lie == LIE_VERSION ? VIRTIO_MMIO_VERSION_MODERN + 1
               : n->config.legacy           ? VIRTIO_MMIO_VERSION_LEGACY
                                            : VIRTIO_MMIO_VERSION_MODERN;
    case VIRTIO_MMIO_DEVICE_ID:
        return n->config.lie == LIE_DEVICE_ID ? 0 : VIRTIO_ID_NET;
    case VIRTIO_MMIO_VENDOR_ID:
        return 0x57595244; /* "DRYW" */
    case VIRTIO_MMIO_DEVICE_FEATURES:
        return front_features_read(n);
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return q ? q->size_max : 0;
    case VIRTIO_MMIO_QUEUE_PFN:
        if (!q || !n->guest_page_size || !front_queue_ready(n, q))
            return 0;
        return q->ready ? (uint32_t)(q->desc / n->guest_page_size) : 1;
    case VIRTIO_MMIO_QUEUE_READY:
        return q && front_queue_ready(n, q);
    case VIRTIO_MMIO_INTERRUPT_STATUS:
        return n->interrupt_status;
    case VIRTIO_MMIO_STATUS:
        return front_status_read(n);
    default:
        return front_generation(n);
    }
}

void net_device_write(struct net_device *n, uint32_t offset, unsigned size, uint32_t value)
{
    struct vqueue *q = front_queue(n);

    if (!access_check(n, offset, size, W))
        return;
    if (offset >= VIRTIO_MMIO_CONFIG) {
        VIOLATION(n->bus, "config.write", "5.1.4", "configuration is written at %#x",
                  offset - VIRTIO_MMIO_CONFIG);
        return;
    }
    switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        n->device_features_sel = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES:
        front_features_write(n, value);
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        n->driver_features_sel = value;
        break;
    case VIRTIO_MMIO_GUEST_PAGE_SIZE:
        n->guest_page_size = value;
        break;
    case VIRTIO_MMIO_QUEUE_SEL:
        n->queue_sel = value;
        break;
    case VIRTIO_MMIO_QUEUE_NOTIFY:
        net_device_notify(n, value);
        break;
    case VIRTIO_MMIO_INTERRUPT_ACK:
        n->interrupt_status &= ~value;
        break;
    case VIRTIO_MMIO_STATUS:
        front_status_write(n, value);
        break;
    default:
        if (q)
            queue_write(n, q, offset, value);
    }
}
