/* The body of the fake virtio entropy device: see rng.h. */
#include "../../core/base/minmax.h"
#include "rng.h"
#include "bodies.h"
#include <string.h>

enum { RNG_PIECE = 64 };

static struct fake_rng *rng_of(const struct fake_virtio *d)
{
    return (struct fake_rng *)d;
}

/* SplitMix64 (Steele, Lea and Flood, 2014), seeded with the run's key. */
static uint64_t rng_draw(struct fake_rng *n)
{
    uint64_t z = n->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

uint64_t fake_rng_given(const struct fake_virtio *d)
{
    return d->body == &fake_rng_body ? rng_of(d)->given : 0;
}

static void rng_reset(struct fake_virtio *d)
{
    rng_of(d)->waiting = false;
}

/* ---- live ---- */

/* Checks of a chain when it becomes available. */
static void rng_posted_check(struct fake_virtio *d, const struct vqueue *q, unsigned chain)
{
    LOOK(d->host, RNG_DIRECTION);
    if (q->chain[chain].readable)
        VIOLATION(d->host, "rng.direction", "5.4.6.1",
                  "a buffer of %u bytes that the device cannot write", q->chain[chain].readable);
}

static void rng_fetch(struct fake_virtio *d, struct vqueue *q)
{
    unsigned before = q->held_count;

    vqueue_fetch(q);
    for (unsigned i = before; q->ready && i < q->held_count; i++)
        rng_posted_check(d, q, vqueue_held(q, i));
}

static void rng_driver_ok(struct fake_virtio *d)
{
    rng_fetch(d, &d->queue[0]);
}

/* One byte or more: 5.4.6.2. */
static uint32_t rng_length(struct fake_rng *n, uint32_t room)
{
    const struct fake_virtio *d = &n->device;

    if (n->options.bytes && n->options.bytes < room)
        room = n->options.bytes;
    if (d->config.lively && d->host->chance(d->host->ctx, "rng.short", 65536 / 2))
        room = 1 + (uint32_t)d->host->pick(d->host->ctx, "rng.length", room - 1);
    return room;
}

static void rng_fill(struct fake_rng *n, struct vqueue *q, unsigned head)
{
    uint32_t len, room = q->chain[head].writable;
    uint8_t piece[RNG_PIECE];

    vqueue_check_untouched(q, head);
    len = room ? rng_length(n, room) : 0;
    for (uint32_t at = 0; at < len; at += RNG_PIECE) {
        uint32_t count = min_u32(len - at, RNG_PIECE);

        for (uint32_t i = 0; i < count; i++)
            piece[i] = (uint8_t)(rng_draw(n) >> 56);
        vqueue_write(q, head, at, piece, count);
    }
    n->given += len;
    vqueue_complete(q, head, len);
}

/* True if it is too early: a poke does not shorten the delay. */
static bool rng_waits(struct fake_rng *n)
{
    struct fake_virtio *d = &n->device;

    if (!n->options.delay_ns || !d->queue[0].held_count)
        return false;
    if (d->scheduled & 1)
        return true;
    n->waiting = !n->waiting;
    if (n->waiting)
        fake_virtio_schedule(d, 0, n->options.delay_ns);
    return n->waiting;
}

static void rng_run(struct fake_virtio *d, unsigned queue)
{
    struct vqueue *q = &d->queue[queue];
    bool done = false;
    int head;

    rng_fetch(d, q);
    if (rng_waits(rng_of(d)))
        return;
    while ((head = vqueue_next(q)) >= 0) {
        rng_fill(rng_of(d), q, (unsigned)head);
        done = true;
        if (q->held_count && fake_virtio_pause(d)) {
            fake_virtio_schedule(d, queue, FAKE_PAUSE_NS);
            break;
        }
    }
    if (done)
        fake_virtio_used(d, q);
}

/* The device may keep a buffer for ever. */
static void rng_check_leaks(struct fake_virtio *d)
{
    vqueue_check_held_untouched(&d->queue[0]);
}

static void rng_start(struct fake_virtio *d, const void *options)
{
    struct fake_rng *n = rng_of(d);

    memcpy(&n->options, options, sizeof(n->options));
    n->state = d->host->key;
    n->given = 0;
}

static const struct key rng_keys[] = {
    {"bytes", VALUE_NUMBER, FIELD(fake_rng_options, bytes), NUMBERS(1, UINT16_MAX)},
    {"delay", VALUE_DURATION, FIELD(fake_rng_options, delay_ns)},
    {0},
};
FAKE_BODY_FITS(struct fake_rng_options, rng_keys);

const struct fake_body_ops fake_rng_body = {
    .name = "virtio-rng",
    .size = sizeof(struct fake_rng),
    .keys = rng_keys,
    .type = VIRTIO_ID_ENTROPY,
    .pci_transitional = VIRTIO_PCI_DEVICE_TRANSITIONAL + 5, /* 4.1.2.1 */
    .pci_class = 0x00ff,                                    /* no other class fits */
    .queues = 1,                                            /* and no configuration: 5.4.4 */
    .start = rng_start,
    .reset = rng_reset,
    .driver_ok = rng_driver_ok,
    .run = rng_run,
    .check_leaks = rng_check_leaks,
};
