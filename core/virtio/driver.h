/*
 * The interface of every driver of a virtio device: a row of the table in drivers.h.
 *
 * init(), then check() and kick() once per poll, before and after the work; stop() at the end.
 * `void *state` points to memory of the kernel; VIRTIO_DRIVER_FITS() checks its size in the
 * driver's file.
 */
#ifndef DRYWIRE_DRIVER_H
#define DRYWIRE_DRIVER_H

#include "../base/rng.h"
#include "../interface/netdev.h"
#include "../port/dma.h"
#include "virtq.h"

/* Bytes of a seed. */
enum { VIRTIO_SEED_SIZE = 32 };

/* The limits of a device: memory for the driver's state, and DMA memory, of which the stack's
 * network device has more. Two queues, and buffers for a few frames. */
enum {
    VIRTIO_STATE_MAX = 2 * sizeof(struct virtq) + 1024,
    VIRTIO_DMA_MAX = 2 * VIRTQ_DMA_SIZE(VIRTQ_SIZE_MAX) + 66 * 1024,
};

#define VIRTIO_DRIVER_FITS(state_size, dma_size)                                                   \
    _Static_assert((state_size) <= VIRTIO_STATE_MAX && (int)(dma_size) <= (int)VIRTIO_DMA_MAX,     \
                   "a driver takes more memory than each device has")

struct virtio_options {
    bool interrupts; /* the machine sleeps until one arrives, else it polls */
    bool spare;      /* the stack will not use it: few buffers are enough */
    uint64_t refuse; /* feature bits that are not accepted */
};

struct virtio_driver {
    unsigned type;   /* VIRTIO_ID_* */
    unsigned failed; /* TRACE_*: the device has failed; its arguments are reason and value */

    /* Bring up the device at `place` until it is live, in the order of VirtIO 1.2 section 3.1.1:
     * 0, ERR_NODEV when there is no device of this type, or ERR_DEVICE. */
    int (*init)(void *state, const struct platform *p, const struct virtio_place *place,
                struct dma_memory *memory, struct rng *random,
                const struct virtio_options *options);
    /* Acknowledge an interrupt, check the device; notify it, enable the next interrupt. */
    void (*check)(void *state, uint64_t now_ns);
    void (*kick)(void *state);
    /* When to poll again without an interrupt; or DEADLINE_NEVER. */
    uint64_t (*deadline)(const void *state);
    /* Reset the device: every buffer is the driver's again. */
    void (*stop)(void *state);

    /* For frames; NULL: not a network device. */
    struct netdev *(*netdev)(void *state);
    /* True when the device has sent all frames: a reset loses none. NULL: not a network device. */
    bool (*sent)(const void *state);
    /* Random bytes of the device: true once, when there are enough. NULL: not an entropy device. */
    bool (*seed)(void *state, uint8_t seed[VIRTIO_SEED_SIZE]);
};

#endif
