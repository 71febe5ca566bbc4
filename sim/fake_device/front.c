/*
 * Shared by the register fronts of the fake device (mmio.c, pci.c): status, features and the order
 * of sections 3.1.1 and 3.1.2; steps out of order are reported.
 */
#include "front.h"

/* ---- status and features ---- */

static void order(struct fake_virtio *d, const char *what)
{
    VIOLATION(d->host, "status.order", d->config.legacy ? "3.1.2" : "3.1.1",
              "%s out of order (status is %#x)", what, d->status);
}

bool front_lies(struct fake_virtio *d, enum device_lie lie)
{
    d->lied |= d->config.lie == lie;
    return d->config.lie == lie;
}

/* Feature bits of rings and interfaces (VirtIO 1.2 section 6), besides those of the body. */
uint64_t front_features(struct fake_virtio *d)
{
    uint64_t f = d->body->features ? d->body->features(d) : 0;

    if (d->config.event_idx)
        f |= VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
    if (d->config.indirect)
        f |= VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
    if (d->config.packed)
        f |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
    if (!d->config.legacy)
        return front_lies(d, LIE_VERSION_1) ? f : f | VIRTIO_BIT(VIRTIO_F_VERSION_1);
    f |= VIRTIO_BIT(VIRTIO_F_NOTIFY_ON_EMPTY);
    return d->config.any_layout ? f | VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT) : f;
}

static bool features_acceptable(struct fake_virtio *d)
{
    return d->config.lenient ||
           (!(d->features & ~front_features(d)) && d->features & VIRTIO_BIT(VIRTIO_F_VERSION_1));
}

uint32_t front_status_read(struct fake_virtio *d)
{
    uint8_t status = d->status;

    d->features_seen = d->features_said;
    if (front_lies(d, LIE_RESET))
        status |= VIRTIO_STATUS_ACKNOWLEDGE;
    else if (d->live && front_lies(d, LIE_NEEDS_RESET))
        status |= VIRTIO_STATUS_DEVICE_NEEDS_RESET;
    return status;
}

void front_status_write(struct fake_virtio *d, uint32_t value)
{
    uint8_t v = (uint8_t)value, added = v & (uint8_t)~d->status;

    if (v == 0) {
        fake_virtio_reset(d);
        return;
    }
    LOOK(d->host, STATUS_ORDER);
    LOOK(d->host, STATUS_CLEARED);
    LOOK(d->host, d->config.legacy ? STATUS_FEATURES_OK_LEGACY : STATUS_NO_FEATURES_OK);
    if (d->status & ~v)
        VIOLATION(d->host, "status.cleared", "2.1.1", "status went from %#x to %#x", d->status, v);
    if (!d->initialised)
        order(d, "a status bit before the first reset");
    if ((added & VIRTIO_STATUS_DRIVER) && !(d->status & VIRTIO_STATUS_ACKNOWLEDGE))
        order(d, "DRIVER, without ACKNOWLEDGE in a step before,");
    if (added & VIRTIO_STATUS_FEATURES_OK) {
        d->features_said = true;
        if (d->config.legacy) {
            VIOLATION(d->host, "status.features_ok_legacy", "3.1.2",
                      "FEATURES_OK is set on a legacy interface, which has no such bit");
            v &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
        } else if (!(d->status & VIRTIO_STATUS_DRIVER)) {
            order(d, "FEATURES_OK");
        } else if (!features_acceptable(d) || front_lies(d, LIE_FEATURES_OK)) {
            v &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
        }
    }
    if ((added & VIRTIO_STATUS_DRIVER_OK) && !(v & VIRTIO_STATUS_FAILED)) {
        if (!(d->status & VIRTIO_STATUS_DRIVER))
            order(d, "DRIVER_OK");
        if (!d->config.legacy && !(d->status & VIRTIO_STATUS_FEATURES_OK))
            VIOLATION(d->host, "status.no_features_ok", "3.1.1",
                      "DRIVER_OK is set although FEATURES_OK never was");
    }
    d->status = v;
    if (added & VIRTIO_STATUS_DRIVER_OK) {
        d->live = true;
        if (d->body->driver_ok)
            d->body->driver_ok(d);
    }
}

uint32_t front_features_read(struct fake_virtio *d)
{
    if (d->device_features_sel > 1)
        return 0;
    return (uint32_t)(front_features(d) >> (d->device_features_sel ? 32 : 0));
}

void front_features_write(struct fake_virtio *d, uint32_t value)
{
    uint64_t offered = front_features(d);
    unsigned shift = d->driver_features_sel ? 32 : 0;

    LOOK(d->host, FEATURES_NOT_OFFERED);
    LOOK(d->host, FEATURES_LATE);
    if (d->driver_features_sel > 1) {
        if (value)
            VIOLATION(d->host, "features.not_offered", "2.2.1", "feature word %u is %#x",
                      d->driver_features_sel, value);
        return;
    }
    if (!(d->status & VIRTIO_STATUS_DRIVER))
        order(d, "features before DRIVER");
    if (d->features_said || (d->status & VIRTIO_STATUS_DRIVER_OK))
        VIOLATION(d->host, "features.late", "3.1.1", "features are written after FEATURES_OK");
    d->features = (d->features & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
    if (d->features & ~offered)
        VIOLATION(d->host, "features.not_offered", "2.2.1",
                  "features %#llx are accepted, which were not offered",
                  (unsigned long long)(d->features & ~offered));
}

/* ---- queues ---- */

bool front_queue_ready(struct fake_virtio *d, const struct vqueue *q)
{
    return front_lies(d, LIE_QUEUE_BUSY) || (q->ready && !front_lies(d, LIE_QUEUE_ENABLE));
}

uint32_t front_queue_max(struct fake_virtio *d)
{
    const struct vqueue *q = front_queue(d);

    if (!q)
        return 0;
    front_lies(d, q->size_max ? LIE_QUEUE_SIZE : LIE_QUEUE_ABSENT);
    return q->size_max;
}

uint32_t front_generation(struct fake_virtio *d)
{
    d->generation += front_lies(d, LIE_CONFIG);
    return d->generation;
}

/* Step 7 of section 3.1.1 must follow step 6. */
void front_set_up(struct fake_virtio *d)
{
    uint8_t needed = d->config.legacy ? VIRTIO_STATUS_DRIVER : VIRTIO_STATUS_FEATURES_OK;

    if (!d->config.legacy)
        LOOK(d->host, STATUS_FEATURES_UNREAD);
    if (!(d->status & needed))
        VIOLATION(d->host, "status.order", d->config.legacy ? "3.1.2" : "3.1.1",
                  "a queue is set up before %s (status is %#x)",
                  d->config.legacy ? "DRIVER" : "FEATURES_OK", d->status);
    else if (!d->config.legacy && !d->features_seen)
        VIOLATION(d->host, "status.features_unread", "3.1.1",
                  "a queue is set up although the driver did not read whether FEATURES_OK is still "
                  "set");
}

void front_set_half(uint64_t *address, bool high, uint32_t value)
{
    unsigned shift = high ? 32 : 0;

    *address = (*address & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

bool front_queue_idle(struct fake_virtio *d, const char *name)
{
    const struct vqueue *q = front_queue(d);

    LOOK(d->host, fake_virtio_pci(d) ? PCI_QUEUE_LIVE : MMIO_QUEUE_LIVE);
    if (!q || !q->ready)
        return true;
    if (fake_virtio_pci(d))
        VIOLATION(d->host, "pci.queue_live", "4.1.4.3.2", "write of %s while queue %u is live",
                  name, q->index);
    else
        VIOLATION(d->host, "mmio.queue_live", "4.2.2.2", "write of %s while queue %u is live", name,
                  q->index);
    return false;
}

/* ---- device configuration ---- */

uint32_t front_config_read(struct fake_virtio *d, uint32_t offset, unsigned size)
{
    uint32_t value;

    LOOK(d->host, CONFIG_WRITE); /* it is read and never written */
    if (offset >= d->body->config_size || size > d->body->config_size - offset)
        return 0;
    value = d->body->config_read(d, offset, size);
    if (d->config.legacy && front_lies(d, LIE_CONFIG))
        value ^= front_generation(d) & 0xff; /* no two reads agree */
    return value;
}

void front_config_write(struct fake_virtio *d, uint32_t offset)
{
    VIOLATION(d->host, "config.write", "5.1.4", "configuration is written at %#x", offset);
}

void fake_virtio_config_width(struct fake_virtio *d, uint32_t offset, unsigned size, unsigned width)
{
    bool pci = fake_virtio_pci(d);

    if (size != width)
        VIOLATION(d->host, pci ? "pci.access" : "mmio.access", pci ? "4.1.3.1" : "4.2.2.2",
                  "configuration at %u is read %u bytes wide, the field has %u", offset, size,
                  width);
}

/* ---- notifications and interrupts ---- */

void front_notify(struct fake_virtio *d, uint32_t index)
{
    struct vqueue *q = index < d->body->queues ? &d->queue[index] : NULL;

    LOOK(d->host, NOTIFY_BEFORE_DRIVER_OK);
    LOOK(d->host, NOTIFY_QUEUE);
    if (!d->live) {
        VIOLATION(d->host, "notify.before_driver_ok", "3.1.1",
                  "queue %u is notified before DRIVER_OK", index);
        return;
    }
    if (!q || !q->ready) {
        VIOLATION(d->host, "notify.queue", "4.2.2", "queue %u is notified, which is not live",
                  index);
        return;
    }
    vqueue_check_kick(q);
    vqueue_tell(q, VQUEUE_NOTIFIED, 0, 0);
    fake_virtio_schedule(d, index, fake_virtio_reaction(d));
}

bool fake_virtio_messages(const struct fake_virtio *d)
{
    return fake_virtio_pci(d) && pci_msix_enabled(d);
}

void front_interrupt(struct fake_virtio *d, uint32_t cause, unsigned queue)
{
    if (fake_virtio_messages(d))
        pci_message(d, cause == VIRTIO_MMIO_INT_VRING ? d->pci.queue_vector[queue]
                                                      : d->pci.config_vector);
    else
        d->interrupt_status |= cause;
    d->host->interrupt(d->host->ctx); /* a polling machine needs no interrupt */
}
