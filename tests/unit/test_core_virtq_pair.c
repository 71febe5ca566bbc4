/*
 * The two sides of a virtqueue against each other: the driver's (core/virtio/virtq.c) and the
 * strict device's (sim/fake_device/vqueue.c), which know nothing of each other but the
 * specification, in every combination of ring format, event index and indirect tables.
 *
 * Chains of one to six buffers go there and back in any order. Each side sleeps when it has nothing
 * to do and is woken by the other one only, so that a notification that is not sent, or an
 * interrupt that is not asked for, ends in both sleeping over chains that are still out.
 */
#include "virtq_fixture.h"
#include "memory_bus.h"

enum { BUFFERS = 64, BUFFER_LEN = 96, CHAIN_MAX = 6, TURNS = 40000 };

struct chain {
    bool out;
    unsigned readable, writable; /* buffers */
    uint8_t buffer[CHAIN_MAX];   /* which */
    uint8_t mark;                /* the first byte that the device must find, and add 1 to */
    uint32_t written;
};

struct pair {
    struct fixture *x;
    struct memory_bus bus;
    struct vqueue *device;
    uint8_t *buffers;
    bool taken[BUFFERS];
    struct chain chain[BUFFERS];
    unsigned out, done;
    bool device_awake, driver_awake, interrupted, suspended;
};

static uint64_t draw(struct pair *w, uint64_t bound)
{
    return memory_bus_draw(&w->bus, bound);
}

/* ---- the driver ---- */

static void driver_takes(struct pair *w)
{
    uint32_t len;
    void *t;

    while (virtq_get_used(&w->x->q, &t, &len) == 1) {
        struct chain *c = t;

        assert_true(c->out);
        assert_int_equal(len, c->written);
        if (c->written)
            assert_int_equal(w->buffers[c->buffer[c->readable] * BUFFER_LEN],
                             (uint8_t)(c->mark + 1));
        for (unsigned i = 0; i < c->readable + c->writable; i++)
            w->taken[c->buffer[i]] = false;
        c->out = false;
        w->out--;
        w->done++;
    }
    assert_false(w->x->dev.failed);
}

static bool driver_adds(struct pair *w)
{
    struct virtq_seg seg[CHAIN_MAX];
    struct chain *c = w->chain;
    unsigned count = 1 + (unsigned)draw(w, CHAIN_MAX), readable, at = 0;

    if (w->out >= BUFFERS / CHAIN_MAX)
        return false;
    while (c->out)
        c++;
    readable = (unsigned)draw(w, count + 1);
    for (unsigned i = 0; i < count; i++, at++) {
        while (w->taken[at])
            at++;
        c->buffer[i] = (uint8_t)at;
        seg[i].addr = FAKE_BUS_OFFSET + (uint64_t)(uintptr_t)(w->buffers + at * BUFFER_LEN);
        seg[i].len = 1 + (uint32_t)draw(w, BUFFER_LEN);
    }
    if (virtq_descriptors(&w->x->q, count) > w->x->q.free_count) {
        assert_int_equal(virtq_add(&w->x->q, seg, readable, count - readable, c), ERR_AGAIN);
        return false;
    }
    c->mark = (uint8_t)draw(w, 256);
    c->readable = readable;
    c->writable = count - readable;
    c->written = 0;
    c->out = true;
    if (readable)
        w->buffers[c->buffer[0] * BUFFER_LEN] = c->mark;
    for (unsigned i = 0; i < count; i++)
        w->taken[c->buffer[i]] = true;
    assert_int_equal(virtq_add(&w->x->q, seg, readable, count - readable, c), 0);
    w->out++;
    return true;
}

/* ---- the device ---- */

static void device_uses(struct pair *w, unsigned at)
{
    struct vqueue *q = w->device;
    uint32_t readable = q->chain[at].readable, writable = q->chain[at].writable;
    uint8_t bytes[CHAIN_MAX * BUFFER_LEN] = {0};
    struct chain *c = NULL;
    uint32_t written = writable ? (uint32_t)draw(w, writable + 1) : 0;

    vqueue_read(q, at, 0, bytes, readable);
    vqueue_check_untouched(q, at);
    /* The id is the driver's; by it the test finds what the chain should be. */
    c = w->x->q.shadow[q->chain[at].id].token;
    assert_true(c->out);
    if (readable)
        assert_int_equal(bytes[0], c->mark);
    bytes[0] = (uint8_t)(c->mark + 1);
    c->written = written;
    vqueue_write(q, at, 0, bytes, written);
    vqueue_complete(q, at, written);
}

static void device_turn(struct pair *w)
{
    struct vqueue *q = w->device;
    int held[3];
    unsigned count = 0;

    if (w->suspended || draw(w, 8) == 0) {
        w->suspended = !w->suspended;
        vqueue_notifications(q, !w->suspended);
    }
    vqueue_fetch(q);
    while (count < 3 && (held[count] = vqueue_next(q)) >= 0)
        count++;
    for (unsigned i = count; i > 0; i--) { /* any order */
        unsigned k = (unsigned)draw(w, i);

        device_uses(w, (unsigned)held[k]);
        held[k] = held[i - 1];
    }
    w->interrupted |= vqueue_wants_interrupt(q);
    w->device_awake = vqueue_peek(q) >= 0 || w->suspended;
}

/* ---- both ---- */

static void driver_turn(struct pair *w)
{
    virtq_interrupts(&w->x->q, false);
    driver_takes(w);
    for (uint64_t n = draw(w, 8); n && driver_adds(w); n--)
        ;
    w->x->notified = 0;
    virtq_kick(&w->x->q);
    w->device_awake |= w->x->notified != 0;
    w->interrupted = false;
    if (w->device_awake && draw(w, 2)) /* between the last check and the event index */
        device_turn(w);
    w->driver_awake = virtq_interrupts(&w->x->q, true) || w->interrupted;
}

static void run_pair(struct fixture *x, uint64_t features, uint32_t size)
{
    struct pair *w = calloc(1, sizeof(*w));

    w->x = x;
    memory_bus_init(&w->bus, x->base, x->memory.size,
                    FAKE_BUS_OFFSET + (uint64_t)(uintptr_t)x->base);
    w->bus.random = features + size;
    w->device = calloc(1, sizeof(*w->device));
    x->features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | features;
    x->queue_size = size;
    x->memory.used = 0;
    queue_up(x);
    w->buffers = dma_take(&x->memory, BUFFERS * BUFFER_LEN, 64);
    w->device->memory = &w->bus.memory;
    w->device->host = &w->bus.host;
    w->device->size = w->device->size_max = size;
    w->device->desc = x->f.reg[VIRTIO_MMIO_QUEUE_DESC_LOW / 4] |
                      (uint64_t)x->f.reg[VIRTIO_MMIO_QUEUE_DESC_HIGH / 4] << 32;
    w->device->avail = x->f.reg[VIRTIO_MMIO_QUEUE_AVAIL_LOW / 4] |
                       (uint64_t)x->f.reg[VIRTIO_MMIO_QUEUE_AVAIL_HIGH / 4] << 32;
    w->device->used = x->f.reg[VIRTIO_MMIO_QUEUE_USED_LOW / 4] |
                      (uint64_t)x->f.reg[VIRTIO_MMIO_QUEUE_USED_HIGH / 4] << 32;
    vqueue_start(w->device, x->features);
    assert_string_equal(w->bus.violation, "");

    w->driver_awake = true;
    for (unsigned turn = 0; turn < TURNS; turn++) {
        if (!w->driver_awake && !w->device_awake)
            assert_int_equal(w->out, 0); /* both sleep over open chains */
        if (w->driver_awake && (draw(w, 2) || !w->device_awake))
            driver_turn(w);
        else if (w->device_awake)
            device_turn(w);
        else
            w->driver_awake = true; /* more to do, from outside */
        w->driver_awake |= w->interrupted;
        assert_string_equal(w->bus.violation, "");
    }
    assert_true(w->done > TURNS / 4);
    vqueue_reset(w->device);
    free(w->device);
    free(w);
}

static void every_combination_of_rings_brings_every_chain_back(void **state)
{
    static const uint32_t sizes[] = {8, 6, 7, 32, 33, 256};
    uint64_t bit[3] = {VIRTIO_BIT(VIRTIO_F_RING_PACKED), VIRTIO_BIT(VIRTIO_F_EVENT_IDX),
                       VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)};

    for (unsigned i = 0; i < 8; i++)
        for (unsigned k = 0; k < 6; k++) {
            uint64_t features = (i & 1 ? bit[0] : 0) | (i & 2 ? bit[1] : 0) | (i & 4 ? bit[2] : 0);

            if (!(i & 1) && (sizes[k] & (sizes[k] - 1)))
                continue;
            run_pair(*state, features, sizes[k]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_combination_of_rings_brings_every_chain_back, setup,
                                        teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
