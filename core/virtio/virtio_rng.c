/* The virtio entropy device, driver side: see virtio_rng.h. */
#include "virtio_rng.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../port/machine.h"
#include "../port/ring.h"
#include "../trace/trace.h"
#include "drivers.h"

VIRTIO_DRIVER_FITS(sizeof(struct virtio_rng), VIRTIO_RNG_DMA_SIZE);

/* Polls of the queue before bring-up continues without the bytes. */
enum { RNG_TURNS_MAX = 10000 };

/* One writable buffer of the missing size; readable ones are not allowed: 5.4.6.1. */
static void rng_ask(struct virtio_rng *n)
{
    const struct platform *p = n->dev.platform;
    struct virtq_seg seg = {p->bus_address(p->ctx, n->buffer), VIRTIO_SEED_SIZE - n->count};

    CHECK(!n->asked && n->count < VIRTIO_SEED_SIZE);
    CHECK(virtq_add(&n->queue, &seg, 0, 1, n) == 0);
    n->asked = true;
    n->requests++;
}

/* Take received bytes; request the rest. Those of a device that needs a reset are not used. */
static void rng_collect(struct virtio_rng *n)
{
    void *token;
    uint32_t len;

    while (virtq_get_used(&n->queue, &token, &len) == 1) {
        n->asked = false;
        if (len == 0) { /* the device must write one byte or more: 5.4.6.2 */
            virtio_fail(&n->dev, VIRTIO_FAILURE_USED_LEN, len);
            return;
        }
        if (virtio_needs_reset(&n->dev))
            return;
        ring_take(n->dev.platform, n->buffer, len);
        mem_copy(n->seed + n->count, n->buffer, len); /* `len` bytes and no more: 5.4.6.1 */
        n->count += len;
        if (n->count < VIRTIO_SEED_SIZE)
            rng_ask(n);
        else
            TRACE(n->dev.platform, TRACE_RNG_SEEDED, n->count, n->requests);
    }
}

/* ---- bring-up ---- */

static void rng_trace(const struct virtio_rng *n, const struct virtio_place *place)
{
    const struct platform *p = n->dev.platform;

    if (place->bus == VIRTIO_BUS_PCI)
        TRACE(p, TRACE_RNG_PCI, place->address, place->irq, n->dev.legacy, n->queue.size);
    else
        TRACE(p, TRACE_RNG_DEVICE, place->address, place->irq,
              n->dev.legacy ? VIRTIO_MMIO_VERSION_LEGACY : VIRTIO_MMIO_VERSION_MODERN,
              n->queue.size);
}

/* Bounded, and no error without bytes: the machine has other entropy. */
static void rng_wait(struct virtio_rng *n)
{
    const struct platform *p = n->dev.platform;

    for (unsigned turn = 0; turn < RNG_TURNS_MAX && n->asked && !n->dev.failed; turn++) {
        p->relax(p->ctx);
        rng_collect(n);
        virtq_kick(&n->queue);
    }
}

int virtio_rng_init(struct virtio_rng *n, const struct platform *p,
                    const struct virtio_place *place, struct dma_memory *memory,
                    const struct virtio_options *options)
{
    uint64_t wanted = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT) |
                      VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_EVENT_IDX) |
                      VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
    int type = virtio_open(&n->dev, p, place);

    if (type < 0)
        return type;
    if (type != VIRTIO_ID_ENTROPY)
        return ERR_NODEV;
    n->count = n->requests = 0;
    n->asked = n->more = n->taken = false;
    n->interrupts = options->interrupts;
    if (virtio_reset(&n->dev) || virtio_negotiate(&n->dev, wanted & ~options->refuse) ||
        virtq_setup(&n->queue, &n->dev, 0, memory))
        return ERR_DEVICE;
    n->buffer = dma_take(memory, VIRTIO_SEED_SIZE, VIRTIO_SEED_SIZE);
    if (!n->buffer)
        return virtio_fail(&n->dev, VIRTIO_FAILURE_MEMORY, memory->size);
    virtio_driver_ok(&n->dev);
    rng_trace(n, place);
    rng_ask(n);
    virtq_kick(&n->queue);
    rng_wait(n);
    return n->dev.failed ? ERR_DEVICE : 0;
}

/* ---- a poll ---- */

void virtio_rng_check(struct virtio_rng *n, uint64_t now_ns)
{
    if (n->dev.failed || !n->asked)
        return;
    if (n->interrupts) {
        n->dev.transport->interrupt_ack(&n->dev); /* before the queue is read */
        virtq_interrupts(&n->queue, false);
    }
    rng_collect(n);
    if (n->asked && !n->dev.failed)
        virtio_check(&n->dev, now_ns);
}

void virtio_rng_kick(struct virtio_rng *n)
{
    n->more = false;
    if (n->dev.failed || !n->asked)
        return;
    virtq_kick(&n->queue);
    if (n->interrupts)
        n->more = virtq_interrupts(&n->queue, true);
}

bool virtio_rng_seed(struct virtio_rng *n, uint8_t seed[VIRTIO_SEED_SIZE])
{
    if (n->taken || n->count < VIRTIO_SEED_SIZE)
        return false;
    mem_copy(seed, n->seed, VIRTIO_SEED_SIZE);
    mem_fill(n->seed, 0, VIRTIO_SEED_SIZE);
    return n->taken = true;
}

void virtio_rng_stop(struct virtio_rng *n)
{
    if (!n->dev.failed)
        virtio_reset(&n->dev);
}

/* ---- as a row of the kernel's table ---- */

static int rng_init_row(void *state, const struct platform *p, const struct virtio_place *place,
                        struct dma_memory *memory, struct rng *random,
                        const struct virtio_options *options)
{
    (void)random;
    return virtio_rng_init(state, p, place, memory, options);
}

static void rng_check(void *state, uint64_t now_ns)
{
    virtio_rng_check(state, now_ns);
}

static void rng_kick(void *state)
{
    virtio_rng_kick(state);
}

static uint64_t rng_deadline(const void *state)
{
    const struct virtio_rng *n = state;

    if (n->dev.failed || !n->asked)
        return DEADLINE_NEVER;
    return n->more ? 0 : virtio_check_deadline(&n->dev);
}

static bool rng_seed(void *state, uint8_t seed[VIRTIO_SEED_SIZE])
{
    return virtio_rng_seed(state, seed);
}

static void rng_stop(void *state)
{
    virtio_rng_stop(state);
}

const struct virtio_driver virtio_rng_driver = {
    .type = VIRTIO_ID_ENTROPY,
    .failed = TRACE_RNG_FAILED,
    .init = rng_init_row,
    .check = rng_check,
    .kick = rng_kick,
    .deadline = rng_deadline,
    .stop = rng_stop,
    .seed = rng_seed,
};
