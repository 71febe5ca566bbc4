/*
 * The virtio entropy device, driver side (VirtIO 1.2 section 5.4): one queue, in which every buffer
 * is returned with at least one random byte, but not always full.
 *
 * The driver requests the bytes of the stack's seed once, at bring-up, and requests missing bytes
 * again. Bring-up waits a short while for them; later ones are taken at a poll.
 */
#ifndef DRYWIRE_VIRTIO_RNG_H
#define DRYWIRE_VIRTIO_RNG_H

#include "driver.h"

/* The most DMA memory that virtio_rng_init() needs: the queue, and the buffer after it. */
enum { VIRTIO_RNG_DMA_SIZE = VIRTQ_DMA_SIZE(VIRTQ_SIZE_MAX) + VIRTIO_SEED_SIZE };

struct virtio_rng {
    struct virtio_device dev;
    struct virtq queue;
    uint8_t *buffer; /* of VIRTIO_SEED_SIZE bytes, the device's while `asked` */
    uint8_t seed[VIRTIO_SEED_SIZE];
    unsigned count;    /* bytes of it received */
    unsigned requests; /* buffers given to the device */
    bool asked;        /* it has one now */
    bool interrupts;   /* enabled while it has one */
    bool more;         /* a finished buffer was there when interrupts were enabled */
    bool taken;        /* the seed was handed on */
};

/* As in struct virtio_driver. */
int virtio_rng_init(struct virtio_rng *n, const struct platform *p,
                    const struct virtio_place *place, struct dma_memory *memory,
                    const struct virtio_options *options);
void virtio_rng_check(struct virtio_rng *n, uint64_t now_ns);
void virtio_rng_kick(struct virtio_rng *n);
bool virtio_rng_seed(struct virtio_rng *n, uint8_t seed[VIRTIO_SEED_SIZE]);
void virtio_rng_stop(struct virtio_rng *n);

#endif
