/*
 * What the register fronts of the fake device share (mmio.c, pci.c): status, features and the
 * order of sections 3.1.1 and 3.1.2, in which each step outside is reported.
 */
#include "device.h"

/* ---- status and features ---- */

static void order(struct net_device *n, const char *what)
{
    VIOLATION(n->bus, "status.order", n->config.legacy ? "3.1.2" : "3.1.1",
              "%s out of order (status is %#x)", what, n->status);
}

static bool features_acceptable(const struct net_device *n)
{
    return n->config.lenient || (!(n->features & ~net_device_features(n)) &&
                                 n->features & VIRTIO_BIT(VIRTIO_F_VERSION_1));
}

uint32_t front_status_read(struct net_device *n)
{
    uint8_t status = n->status;

    n->features_seen = n->features_said;
    if (n->config.lie == LIE_RESET)
        status |= VIRTIO_STATUS_ACKNOWLEDGE;
    else if (n->config.lie == LIE_NEEDS_RESET && n->live)
        status |= VIRTIO_STATUS_DEVICE_NEEDS_RESET;
    return status;
}

void front_status_write(struct net_device *n, uint32_t value)
{
    uint8_t v = (uint8_t)value, added = v & (uint8_t)~n->status;

    if (v == 0) {
        net_device_reset(n);
        return;
    }
    LOOK(n->bus, STATUS_ORDER);
    LOOK(n->bus, STATUS_CLEARED);
    LOOK(n->bus, n->config.legacy ? STATUS_FEATURES_OK_LEGACY : STATUS_NO_FEATURES_OK);
    if (n->status & ~v)
        VIOLATION(n->bus, "status.cleared", "2.1.1", "status went from %#x to %#x", n->status, v);
    if (!n->initialised)
        order(n, "a status bit before the first reset");
    if ((added & VIRTIO_STATUS_DRIVER) && !(n->status & VIRTIO_STATUS_ACKNOWLEDGE))
        order(n, "DRIVER, without ACKNOWLEDGE in a step before,");
    if (added & VIRTIO_STATUS_FEATURES_OK) {
        n->features_said = true;
        if (n->config.legacy) {
            VIOLATION(n->bus, "status.features_ok_legacy", "3.1.2",
                      "FEATURES_OK is set on a legacy interface, which has no such bit");
            v &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
        } else if (!(n->status & VIRTIO_STATUS_DRIVER)) {
            order(n, "FEATURES_OK");
        } else if (!features_acceptable(n) || n->config.lie == LIE_FEATURES_OK) {
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

uint32_t front_features_read(const struct net_device *n)
{
    if (n->device_features_sel > 1)
        return 0;
    return (uint32_t)(net_device_features(n) >> (n->device_features_sel ? 32 : 0));
}

void front_features_write(struct net_device *n, uint32_t value)
{
    uint64_t offered = net_device_features(n);
    unsigned shift = n->driver_features_sel ? 32 : 0;

    LOOK(n->bus, FEATURES_NOT_OFFERED);
    LOOK(n->bus, FEATURES_LATE);
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

struct vqueue *front_queue(struct net_device *n)
{
    return n->queue_sel < NET_QUEUES ? &n->queue[n->queue_sel] : 0;
}

bool front_queue_ready(const struct net_device *n, const struct vqueue *q)
{
    return n->config.lie == LIE_QUEUE_BUSY || (q->ready && n->config.lie != LIE_QUEUE_ENABLE);
}

uint32_t front_generation(struct net_device *n)
{
    n->generation += n->config.lie == LIE_CONFIG;
    return n->generation;
}

/* Step 7 of section 3.1.1 comes after step 6. */
void front_set_up(struct net_device *n)
{
    uint8_t needed = n->config.legacy ? VIRTIO_STATUS_DRIVER : VIRTIO_STATUS_FEATURES_OK;

    if (!n->config.legacy)
        LOOK(n->bus, STATUS_FEATURES_UNREAD);
    if (!(n->status & needed))
        VIOLATION(n->bus, "status.order", n->config.legacy ? "3.1.2" : "3.1.1",
                  "a queue is set up before %s (status is %#x)",
                  n->config.legacy ? "DRIVER" : "FEATURES_OK", n->status);
    else if (!n->config.legacy && !n->features_seen)
        VIOLATION(n->bus, "status.features_unread", "3.1.1",
                  "a queue is set up although the driver did not read whether FEATURES_OK is still "
                  "set");
}

void front_set_half(uint64_t *address, bool high, uint32_t value)
{
    unsigned shift = high ? 32 : 0;

    *address = (*address & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

bool front_queue_idle(struct net_device *n, const char *name)
{
    const struct vqueue *q = front_queue(n);

    LOOK(n->bus, net_device_pci(n) ? PCI_QUEUE_LIVE : MMIO_QUEUE_LIVE);
    if (!q || !q->ready)
        return true;
    if (net_device_pci(n))
        VIOLATION(n->bus, "pci.queue_live", "4.1.4.3.2", "write of %s while queue %u is live", name,
                  q->index);
    else
        VIOLATION(n->bus, "mmio.queue_live", "4.2.2.2", "write of %s while queue %u is live", name,
                  q->index);
    return false;
}

/* ---- interrupts ---- */

bool net_device_messages(const struct net_device *n)
{
    return net_device_pci(n) && pci_msix_enabled(n);
}

void front_interrupt(struct net_device *n, uint32_t cause, unsigned queue)
{
    if (net_device_messages(n))
        pci_message(n, cause == VIRTIO_MMIO_INT_VRING ? n->pci.queue_vector[queue]
                                                      : n->pci.config_vector);
    else
        n->interrupt_status |= cause;
    n->bus->interrupt(n->bus->ctx); /* a machine that polls comes round by itself */
}
