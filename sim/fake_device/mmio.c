/*
 * The register front of the fake device: virtio over MMIO, version 2 (VirtIO 1.2 section 4.2.2) and
 * version 1 (4.2.4). It keeps the order of sections 3.1.1 and 3.1.2 and reports each step outside
 * of it.
 */
#include "device.h"

enum { R = 1, W = 2, LEGACY = 4, MODERN = 8, QUEUE = 16 };

/* Which registers exist, and for whom: sections 4.2.2 and 4.2.4. */
static const struct {
    uint16_t offset, access;
    const char *name;
} registers[] = {
    {VIRTIO_MMIO_MAGIC_VALUE, R | LEGACY | MODERN, "MagicValue"},
    {VIRTIO_MMIO_VERSION, R | LEGACY | MODERN, "Version"},
    {VIRTIO_MMIO_DEVICE_ID, R | LEGACY | MODERN, "DeviceID"},
    {VIRTIO_MMIO_VENDOR_ID, R | LEGACY | MODERN, "VendorID"},
    {VIRTIO_MMIO_DEVICE_FEATURES, R | LEGACY | MODERN, "DeviceFeatures"},
    {VIRTIO_MMIO_DEVICE_FEATURES_SEL, W | LEGACY | MODERN, "DeviceFeaturesSel"},
    {VIRTIO_MMIO_DRIVER_FEATURES, W | LEGACY | MODERN, "DriverFeatures"},
    {VIRTIO_MMIO_DRIVER_FEATURES_SEL, W | LEGACY | MODERN, "DriverFeaturesSel"},
    {VIRTIO_MMIO_GUEST_PAGE_SIZE, W | LEGACY, "GuestPageSize"},
    {VIRTIO_MMIO_QUEUE_SEL, W | LEGACY | MODERN, "QueueSel"},
    {VIRTIO_MMIO_QUEUE_NUM_MAX, R | LEGACY | MODERN, "QueueNumMax"},
    {VIRTIO_MMIO_QUEUE_NUM, W | LEGACY | MODERN | QUEUE, "QueueNum"},
    {VIRTIO_MMIO_QUEUE_ALIGN, W | LEGACY | QUEUE, "QueueAlign"},
    {VIRTIO_MMIO_QUEUE_PFN, R | W | LEGACY, "QueuePFN"},
    {VIRTIO_MMIO_QUEUE_READY, R | W | MODERN, "QueueReady"},
    {VIRTIO_MMIO_QUEUE_NOTIFY, W | LEGACY | MODERN, "QueueNotify"},
    {VIRTIO_MMIO_INTERRUPT_STATUS, R | LEGACY | MODERN, "InterruptStatus"},
    {VIRTIO_MMIO_INTERRUPT_ACK, W | LEGACY | MODERN, "InterruptACK"},
    {VIRTIO_MMIO_STATUS, R | W | LEGACY | MODERN, "Status"},
    {VIRTIO_MMIO_QUEUE_DESC_LOW, W | MODERN | QUEUE, "QueueDescLow"},
    {VIRTIO_MMIO_QUEUE_DESC_HIGH, W | MODERN | QUEUE, "QueueDescHigh"},
    {VIRTIO_MMIO_QUEUE_AVAIL_LOW, W | MODERN | QUEUE, "QueueDriverLow"},
    {VIRTIO_MMIO_QUEUE_AVAIL_HIGH, W | MODERN | QUEUE, "QueueDriverHigh"},
    {VIRTIO_MMIO_QUEUE_USED_LOW, W | MODERN | QUEUE, "QueueDeviceLow"},
    {VIRTIO_MMIO_QUEUE_USED_HIGH, W | MODERN | QUEUE, "QueueDeviceHigh"},
    {VIRTIO_MMIO_CONFIG_GENERATION, R | MODERN, "ConfigGeneration"},
};

/* May the driver do this at all? */
static bool access_check(struct net_device *n, uint32_t offset, unsigned size, unsigned how)
{
    unsigned version = n->config.legacy ? LEGACY : MODERN;
    const char *verb = how == R ? "read" : "write";

    if (offset >= VIRTIO_MMIO_CONFIG) {
        if (offset % size) {
            VIOLATION(n->bus, "mmio.access", "4.2.2.2", "unaligned %s at %#x", verb, offset);
            return false;
        }
        return true;
    }
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        if (registers[i].offset != offset)
            continue;
        if (size != 4) {
            VIOLATION(n->bus, "mmio.access", "4.2.2.2", "%u-byte %s of %s, which is 32 bits wide",
                      size, verb, registers[i].name);
            return false;
        }
        if (!(registers[i].access & version)) {
            VIOLATION(n->bus, "mmio.access", n->config.legacy ? "4.2.4" : "4.2.2.2",
                      "%s of %s, which this version of the interface does not have", verb,
                      registers[i].name);
            return false;
        }
        if (!(registers[i].access & how)) {
            VIOLATION(n->bus, "mmio.access", "4.2.2.2", "%s of %s, which is %s only", verb,
                      registers[i].name, how == R ? "write" : "read");
            return false;
        }
        if ((registers[i].access & QUEUE) && n->queue_sel < NET_QUEUES &&
            n->queue[n->queue_sel].ready) {
            VIOLATION(n->bus, "mmio.queue_live", "4.2.2.2", "%s of %s while queue %u is live", verb,
                      registers[i].name, n->queue_sel);
            return false;
        }
        return true;
    }
    VIOLATION(n->bus, "mmio.access", "4.2.2.2", "%s at %#x, where no register is", verb, offset);
    return false;
}

/* ---- status and features ---- */

static void order(struct net_device *n, const char *what)
{
    VIOLATION(n->bus, "status.order", n->config.legacy ? "3.1.2" : "3.1.1",
              "%s out of order (status is %#x)", what, n->status);
}

static bool features_acceptable(const struct net_device *n)
{
    return !(n->features & ~net_device_features(n)) &&
           (n->features & VIRTIO_BIT(VIRTIO_F_VERSION_1));
}

static void status_write(struct net_device *n, uint32_t value)
{
    uint8_t v = (uint8_t)value, added = v & (uint8_t)~n->status;

    if (v == 0) {
        net_device_reset(n);
        return;
    }
    if (n->status & ~v)
        VIOLATION(n->bus, "status.cleared", "2.1.1", "status went from %#x to %#x", n->status, v);
    if (!n->initialised)
        order(n, "a status bit before the first reset");
    if ((added & VIRTIO_STATUS_DRIVER) && !((n->status | added) & VIRTIO_STATUS_ACKNOWLEDGE))
        order(n, "DRIVER");
    if (added & VIRTIO_STATUS_FEATURES_OK) {
        n->features_said = true;
        if (n->config.legacy) {
            VIOLATION(n->bus, "status.features_ok_legacy", "3.1.2",
                      "FEATURES_OK is set on a legacy interface, which has no such bit");
            v &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
        } else if (!(n->status & VIRTIO_STATUS_DRIVER)) {
            order(n, "FEATURES_OK");
        } else if (!features_acceptable(n)) {
            v &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
        }
    }
    if ((added & VIRTIO_STATUS_DRIVER_OK) && !(v & VIRTIO_STATUS_FAILED)) {
        if (!(n->status & VIRTIO_STATUS_DRIVER))
            order(n, "DRIVER_OK");
        if (!n->config.legacy && !(n->status & VIRTIO_STATUS_FEATURES_OK))
            VIOLATION(n->bus, "status.no_features_ok", "3.1.1",
                      "DRIVER_OK is set although FEATURES_OK never was");
    }
    n->status = v;
    if (added & VIRTIO_STATUS_DRIVER_OK)
        net_device_driver_ok(n);
}

static void features_write(struct net_device *n, uint32_t value)
{
    uint64_t offered = net_device_features(n);
    unsigned shift = n->driver_features_sel ? 32 : 0;

    if (n->driver_features_sel > 1) {
        if (value)
            VIOLATION(n->bus, "features.not_offered", "2.2.1", "feature word %u is %#x",
                      n->driver_features_sel, value);
        return;
    }
    if (!(n->status & VIRTIO_STATUS_DRIVER))
        order(n, "features before DRIVER");
    if (n->features_said || (n->status & VIRTIO_STATUS_DRIVER_OK))
        VIOLATION(n->bus, "features.late", "3.1.1", "features are written after FEATURES_OK");
    n->features = (n->features & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
    if (n->features & ~offered)
        VIOLATION(n->bus, "features.not_offered", "2.2.1",
                  "features %#llx are accepted, which were not offered",
                  (unsigned long long)(n->features & ~offered));
}

/* ---- queues ---- */

static struct vqueue *selected(struct net_device *n)
{
    return n->queue_sel < NET_QUEUES ? &n->queue[n->queue_sel] : 0;
}

/* Step 7 of section 3.1.1 comes after step 6. */
static void set_up_check(struct net_device *n)
{
    uint8_t needed = n->config.legacy ? VIRTIO_STATUS_DRIVER : VIRTIO_STATUS_FEATURES_OK;

    if (!(n->status & needed))
        VIOLATION(n->bus, "status.order", n->config.legacy ? "3.1.2" : "3.1.1",
                  "a queue is set up before %s (status is %#x)",
                  n->config.legacy ? "DRIVER" : "FEATURES_OK", n->status);
}

static void set_half(uint64_t *address, bool high, uint32_t value)
{
    unsigned shift = high ? 32 : 0;

    *address = (*address & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

static void queue_write(struct net_device *n, struct vqueue *q, uint32_t offset, uint32_t value)
{
    set_up_check(n);
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
            vqueue_reset(q);
        break;
    case VIRTIO_MMIO_QUEUE_DESC_LOW:
    case VIRTIO_MMIO_QUEUE_DESC_HIGH:
        set_half(&q->desc, offset & 4, value);
        break;
    case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
    case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
        set_half(&q->avail, offset & 4, value);
        break;
    default:
        set_half(&q->used, offset & 4, value);
    }
}

/* ---- the two entries ---- */

uint32_t net_device_read(struct net_device *n, uint32_t offset, unsigned size)
{
    struct vqueue *q = selected(n);

    if (!access_check(n, offset, size, R))
        return 0;
    if (offset >= VIRTIO_MMIO_CONFIG)
        return net_device_config_read(n, offset - VIRTIO_MMIO_CONFIG, size);
    switch (offset) {
    case VIRTIO_MMIO_MAGIC_VALUE:
        return VIRTIO_MMIO_MAGIC;
    case VIRTIO_MMIO_VERSION:
        return n->config.legacy ? VIRTIO_MMIO_VERSION_LEGACY : VIRTIO_MMIO_VERSION_MODERN;
    case VIRTIO_MMIO_DEVICE_ID:
        return VIRTIO_ID_NET;
    case VIRTIO_MMIO_VENDOR_ID:
        return 0x57595244; /* "DRYW" */
    case VIRTIO_MMIO_DEVICE_FEATURES:
        if (n->device_features_sel > 1)
            return 0;
        return (uint32_t)(net_device_features(n) >> (n->device_features_sel ? 32 : 0));
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return q ? q->size_max : 0;
    case VIRTIO_MMIO_QUEUE_PFN:
        return q && q->ready && n->guest_page_size ? (uint32_t)(q->desc / n->guest_page_size) : 0;
    case VIRTIO_MMIO_QUEUE_READY:
        return q && q->ready;
    case VIRTIO_MMIO_INTERRUPT_STATUS:
        return n->interrupt_status;
    case VIRTIO_MMIO_STATUS:
        return n->status;
    default:
        return n->generation; /* ConfigGeneration */
    }
}

void net_device_write(struct net_device *n, uint32_t offset, unsigned size, uint32_t value)
{
    struct vqueue *q = selected(n);

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
        features_write(n, value);
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
        status_write(n, value);
        break;
    default:
        if (q)
            queue_write(n, q, offset, value);
    }
}
