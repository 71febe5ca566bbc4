/*
 * The common part of all fake devices: power-on, reset, and when queues are processed. A `lively`
 * device acts early, late, in small batches, and with notifications suppressed. See device.h.
 */
#include "device.h"
#include "front.h"

/* The argument of later(): a queue to process, or with RESUME the end of its time without
 * notifications. */
enum { RESUME = 0x100 };

/* No power of two. */
enum { LIE_SIZE = 3 };

/* The lies of a queue. The last one is absent; the first one receives. */
static void queue_lie(struct vqueue *q, enum device_lie lie, bool last)
{
    bool rx = q->index == 0;

    if (lie == LIE_QUEUE_ABSENT && last)
        q->size_max = 0;
    else if (lie == LIE_QUEUE_SIZE)
        q->size_max = LIE_SIZE;
    else if (lie == (rx ? LIE_RX_USED_INDEX : LIE_TX_USED_INDEX))
        q->lie = VQUEUE_LIE_INDEX;
    else if (lie == (rx ? LIE_RX_USED_ID : LIE_TX_USED_ID))
        q->lie = VQUEUE_LIE_ID;
    else if (lie == (rx ? LIE_RX_USED_TWICE : LIE_TX_USED_TWICE))
        q->lie = VQUEUE_LIE_TWICE;
    else if (rx && lie == LIE_RX_USED_LENGTH)
        q->lie = VQUEUE_LIE_LENGTH;
}

void fake_virtio_start(struct fake_virtio *d, const struct fake_body_ops *body,
                       const struct fake_memory *memory, const struct fake_host *host,
                       const struct fake_virtio_config *config, const void *options)
{
    d->body = body;
    d->memory = memory;
    d->host = host;
    d->config = *config;
    d->generation = 0;
    d->guest_page_size = 0;
    d->held = 0;
    d->lied = config->lie && config->lie <= LIE_TREE_CELLS; /* the machine has the tree at boot */
    if (fake_virtio_pci(d))
        pci_power_on(d);
    for (unsigned i = 0; i < body->queues; i++) {
        d->queue[i].ready = false;
        d->queue[i].memory = memory;
        d->queue[i].host = host;
        d->queue[i].index = i;
        d->queue[i].size_max = config->queue_size;
        d->queue[i].legacy = config->legacy;
        d->queue[i].lie = VQUEUE_HONEST;
        queue_lie(&d->queue[i], config->lie, i == body->queues - 1);
    }
    if (body->start)
        body->start(d, options);
    fake_virtio_reset(d);
    d->initialised = false;
}

bool fake_virtio_lied(const struct fake_virtio *d)
{
    if (d->config.lie >= LIE_TX_USED_INDEX) {
        for (unsigned i = 0; i < d->body->queues; i++)
            if (d->queue[i].lie == VQUEUE_LIED)
                return true;
        return false;
    }
    return d->config.lie && (d->lied || d->live);
}

void fake_virtio_reset(struct fake_virtio *d)
{
    d->status = 0;
    d->initialised = true;
    d->features_said = d->features_seen = false;
    d->features = 0;
    /* The initial value of a selector is unspecified: a driver that does not write it gets a wrong
     * one. */
    d->device_features_sel = d->driver_features_sel = d->queue_sel = d->config.lenient ? 0 : 1;
    d->interrupt_status = 0;
    d->live = false;
    d->scheduled = 0;
    d->suspended = 0;
    if (d->body->reset)
        d->body->reset(d);
    for (unsigned i = 0; i < d->body->queues; i++)
        vqueue_reset(&d->queue[i]);
    pci_reset(d);
}

/* ---- when a queue is processed ---- */

void fake_virtio_schedule(struct fake_virtio *d, unsigned queue, uint64_t delay_ns)
{
    if (d->scheduled >> queue & 1)
        return;
    d->scheduled |= 1u << queue;
    d->host->later(d->host->ctx, delay_ns, queue);
}

uint64_t fake_virtio_reaction(struct fake_virtio *d)
{
    return FAKE_REACTION_NS +
           (d->config.lively ? d->host->pick(d->host->ctx, "device.delay", FAKE_PAUSE_NS) : 0);
}

static void device_run(struct fake_virtio *d, unsigned queue)
{
    if (!(d->held >> queue & 1))
        d->body->run(d, queue);
}

void fake_virtio_hold(struct fake_virtio *d, unsigned queue, bool hold)
{
    d->held = (d->held & ~(1u << queue)) | (unsigned)hold << queue;
    if (!hold && d->live)
        fake_virtio_schedule(d, queue, FAKE_REACTION_NS);
}

/* Suppress notifications for a while, and check again after enabling them (2.7.10.2). */
static void device_suppress(struct fake_virtio *d, unsigned queue)
{
    if (!d->config.lively || !d->host->chance(d->host->ctx, "device.suppress", 65536 / 4))
        return;
    d->suspended++;
    vqueue_notifications(&d->queue[queue], false);
    d->host->later(d->host->ctx, FAKE_PAUSE_NS, queue | RESUME);
}

void fake_virtio_event(struct fake_virtio *d, unsigned what)
{
    unsigned queue = what & ~(unsigned)RESUME;

    if (!d->live)
        return;
    if (what & RESUME) {
        d->suspended--;
        vqueue_notifications(&d->queue[queue], true);
    } else {
        d->scheduled &= ~(1u << queue);
        device_suppress(d, queue);
    }
    device_run(d, queue);
}

void fake_virtio_poke(struct fake_virtio *d)
{
    if (!d->live || !d->config.lively)
        return;
    for (unsigned i = 0; i < d->body->queues; i++)
        if (d->queue[i].notify_off && d->host->chance(d->host->ctx, "device.resume", 65536 / 2))
            vqueue_notifications(&d->queue[i], true);
    for (unsigned i = d->body->queues; i > 0; i--)
        device_run(d, i - 1);
}

/* ---- interrupts ---- */

void fake_virtio_used(struct fake_virtio *d, struct vqueue *q)
{
    if (vqueue_wants_interrupt(q)) {
        vqueue_tell(q, VQUEUE_INTERRUPTED, 0, 0);
        front_interrupt(d, VIRTIO_MMIO_INT_VRING, q->index);
    } else if (d->config.polled)
        d->host->interrupt(d->host->ctx);
}

void fake_virtio_config_changed(struct fake_virtio *d)
{
    d->generation++;
    vqueue_tell(&d->queue[0], VQUEUE_CONFIG, 0, 0);
    front_interrupt(d, VIRTIO_MMIO_INT_CONFIG, 0);
}

/* ---- while idle, and at the end ---- */

void fake_virtio_check_idle(struct fake_virtio *d)
{
    if (!d->live)
        return;
    for (unsigned i = 0; i < d->body->queues; i++)
        if (!((d->scheduled | d->held) >> i & 1))
            vqueue_check_notified(&d->queue[i]);
}

void fake_virtio_check_asleep(struct fake_virtio *d)
{
    for (unsigned i = 0; d->live && i < d->body->queues; i++)
        vqueue_check_asleep(&d->queue[i]);
}

void fake_virtio_check_leaks(struct fake_virtio *d)
{
    if (!d->live)
        return;
    for (unsigned i = 0; i < d->body->queues; i++)
        vqueue_fetch(&d->queue[i]);
    LOOK(d->host, RING_LEAK);
    if (d->body->check_leaks)
        d->body->check_leaks(d);
}

void fake_virtio_check_quiet(struct fake_virtio *d)
{
    LOOK(d->host, RING_LEFT_LIVE);
    for (unsigned i = 0; i < d->body->queues; i++)
        if (d->queue[i].ready)
            VIOLATION(d->host, "ring.left_live", "3.3.1",
                      "queue %u is live although the driver stopped: the device may still write to "
                      "memory that is used for something else",
                      i);
}
