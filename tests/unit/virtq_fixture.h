/*
 * A queue of TEST_QUEUE entries of a device whose registers the test scripts, for tests that play
 * the device in the driver's own memory. Ring words go to memory without hooks.
 */
#ifndef DRYWIRE_VIRTQ_FIXTURE_H
#define DRYWIRE_VIRTQ_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/virtio/virtio_net.h"
#include "fake_platform.h"

#define TEST_QUEUE 8

struct fixture {
    struct fake_platform f;
    struct virtio_device dev;
    struct virtq q;
    struct dma_memory memory;
    uint8_t *base;
    uint64_t features; /* offered */
    uint32_t features_sel, queue_size, status_reads_stuck, generation_moves;
    bool refuse_features_ok, ready_stuck;
    unsigned notified; /* writes to QueueNotify */
};

static struct fixture *current;

static uint32_t on_read(struct fake_platform *f, uint64_t addr, uint32_t value)
{
    struct fixture *x = current;

    (void)f;
    switch (addr) {
    case VIRTIO_MMIO_DEVICE_FEATURES:
        return (uint32_t)(x->features >> (x->features_sel ? 32 : 0));
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return x->queue_size;
    case VIRTIO_MMIO_STATUS:
        if (x->status_reads_stuck)
            return x->status_reads_stuck;
        return x->refuse_features_ok ? value & ~VIRTIO_STATUS_FEATURES_OK : value;
    case VIRTIO_MMIO_QUEUE_READY:
        return x->ready_stuck ? 0 : value;
    case VIRTIO_MMIO_CONFIG_GENERATION:
        return x->generation_moves ? x->generation_moves++ : 0;
    default:
        return value;
    }
}

static void on_write(struct fake_platform *f, uint64_t addr, uint32_t value)
{
    if (addr == VIRTIO_MMIO_DEVICE_FEATURES_SEL)
        current->features_sel = value;
    current->notified += addr == VIRTIO_MMIO_QUEUE_NOTIFY;
    if (addr == VIRTIO_MMIO_QUEUE_SEL)
        f->reg[VIRTIO_MMIO_QUEUE_READY / 4] = f->reg[VIRTIO_MMIO_QUEUE_PFN / 4] = 0;
}

static inline int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof(*x));

    fake_platform_init(&x->f);
    x->f.on_read = on_read;
    x->f.on_write = on_write;
    x->f.reg[VIRTIO_MMIO_MAGIC_VALUE / 4] = VIRTIO_MMIO_MAGIC;
    x->f.reg[VIRTIO_MMIO_VERSION / 4] = VIRTIO_MMIO_VERSION_MODERN;
    x->f.reg[VIRTIO_MMIO_DEVICE_ID / 4] = VIRTIO_ID_NET;
    x->features = VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_NET_F_MAC);
    x->queue_size = TEST_QUEUE;
    x->base = aligned_alloc(4096, (VIRTIO_NET_DMA_SIZE + 4095) & ~4095);
    x->memory = (struct dma_memory){.base = x->base, .size = VIRTIO_NET_DMA_SIZE};
    current = x;
    *state = x;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *x = *state;

    free(x->base);
    free(x);
    return 0;
}

static inline void queue_up(struct fixture *x)
{
    assert_int_equal(virtio_mmio_open(&x->dev, &x->f.platform, 0x1000), VIRTIO_ID_NET);
    assert_int_equal(virtio_reset(&x->dev), 0);
    assert_int_equal(virtio_negotiate(&x->dev, UINT64_MAX), 0);
    assert_int_equal(virtq_setup(&x->q, &x->dev, 0, &x->memory), 0);
}

static int token[TEST_QUEUE];

static inline void post(struct fixture *x, int i, uint32_t len, bool in)
{
    struct virtq_seg seg = {FAKE_BUS_OFFSET + (uint64_t)i * 4096, len};

    assert_int_equal(virtq_add(&x->q, &seg, !in, in, &token[i]), 0);
    virtq_publish(&x->q);
}

static inline int take(struct fixture *x, void **t, uint32_t *len)
{
    *t = 0;
    *len = 12345;
    return virtq_get_used(&x->q, t, len);
}

/* What every lie must end in: given up, the reason named, nothing delivered, now and later. */
static inline void expect_broken(struct fixture *x, enum virtio_failure reason)
{
    uint32_t len;
    void *t;

    assert_int_equal(take(x, &t, &len), ERR_DEVICE);
    assert_null(t);
    assert_true(x->dev.failed);
    assert_int_equal(x->dev.reason, reason);
    assert_int_equal(x->f.traced[TRACE_VNET_FAILED], 1);
    assert_int_equal(take(x, &t, &len), ERR_DEVICE);
    assert_true(x->f.status_seen & VIRTIO_STATUS_FAILED);
    assert_int_equal(x->f.reg[VIRTIO_MMIO_STATUS / 4], 0); /* and reset */
}

#endif
