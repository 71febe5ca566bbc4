/*
 * The virtio entropy device, driver side (VirtIO 1.2 section 5.4): one queue, in which every buffer
 * comes back with at least one random byte, but not always with as many as there was room for.
 *
 * The driver asks once, at bring-up, for as many bytes as the stack is seeded with, and asks again
 * for what is missing. Bring-up waits a short while for them; what comes later is taken at a poll.
 */
#ifndef DRYWIRE_VIRTIO_RNG_H
#define DRYWIRE_VIRTIO_RNG_H

#include "driver.h"
#include "virtq.h"

/* DMA memory that virtio_rng_init() needs at most: the queue, and the buffer behind it. */
enum { VIRTIO_RNG_DMA_SIZE = VIRTQ_DMA_SIZE(VIRTQ_SIZE_MAX) + VIRTIO_SEED_SIZE };

struct virtio_rng {
    struct virtio_device dev;
    struct virtq queue;
    uint8_t *buffer; /* of VIRTIO_SEED_SIZE bytes, the device's while `asked` */
    uint8_t seed[VIRTIO_SEED_SIZE];
    unsigned count;    /* bytes of it that have come */
    unsigned requests; /* buffers that were given to the device */
    bool asked;        /* it has one now */
    bool interrupts;   /* wanted, while it has */
    bool more;         /* a finished buffer was there when interrupts were asked for */
    bool taken;        /* the seed was handed on */
};

/* As in struct virtio_driver. */
int virtio_rng_init(struct virtio_rng *n, const struct platform *p,
                    const struct virtio_place *place, struct dma_memory *memory,
                    const struct virtio_options *options);
void virtio_rng_check(struct virtio_rng *n);
void virtio_rng_kick(struct virtio_rng *n);
bool virtio_rng_seed(struct virtio_rng *n, uint8_t seed[VIRTIO_SEED_SIZE]);
void virtio_rng_stop(struct virtio_rng *n);

extern const struct virtio_driver virtio_rng_driver;

#endif
