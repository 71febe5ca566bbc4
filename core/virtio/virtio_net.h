/*
 * The virtio network device, driver side (VirtIO 1.2 section 5.1): one receive and one transmit
 * queue, no offloads.
 *
 * All buffers live in two slabs of DMA memory with one slot a frame. A receive slot is the device's
 * while it is posted, the stack's between receive and recycle. A transmit slot is free, lent to the
 * stack (alloc), or the device's (send until its used entry is taken).
 */
#ifndef DRYWIRE_VIRTIO_NET_H
#define DRYWIRE_VIRTIO_NET_H

#include "driver.h"

enum {
    VIRTIO_NET_SLOT = 2048,      /* bytes: header, frame, room to spare */
    VIRTIO_NET_FRAMES_MAX = 256, /* in flight per direction */
    VIRTIO_NET_FRAMES_SPARE = 8, /* of a device that the stack does not use */
};

struct virtio_net {
    struct virtio_device dev;
    struct virtq rx, tx;
    struct netdev netdev;
    unsigned header_len; /* 10 or 12: section 5.1.6.1 */
    bool split_header;   /* legacy without ANY_LAYOUT: the header has its own descriptor */
    bool interrupts;     /* enabled while idle */
    bool tx_short;       /* the stack got no slot: it waits for one to be freed */
    bool more;           /* finished chains were there when interrupts were enabled */
    uint64_t
        tx_watch_ns; /* since when frames are in flight and none was returned; 0: none in flight */
    bool tx_stalled; /* that was long ago, and it was traced */
    uint8_t *rx_slots, *tx_slots;
    uint16_t rx_count, tx_count;
    uint16_t tx_free_count;
    uint16_t tx_free[VIRTIO_NET_FRAMES_MAX + NETDEV_PARKED_MAX + 1]; /* stack of free slots */
};

/* The most DMA memory that virtio_net_init() needs, with `frames` frames in flight. */
#define VIRTIO_NET_DMA(frames)                                                                     \
    (2 * VIRTQ_DMA_SIZE(VIRTQ_SIZE_MAX) + (2 * (frames) + NETDEV_PARKED_MAX + 1) * VIRTIO_NET_SLOT)
enum {
    VIRTIO_NET_DMA_SIZE = VIRTIO_NET_DMA(VIRTIO_NET_FRAMES_MAX),
    VIRTIO_NET_DMA_SPARE = VIRTIO_NET_DMA(VIRTIO_NET_FRAMES_SPARE),
};

/*
 * Bring up the device at `place` until it is live, in the order of section 3.1.1, and
 * fill n->netdev. `random` makes a local MAC address when the device has none. 0, ERR_NODEV when
 * there is no network device, or ERR_DEVICE.
 */
int virtio_net_init(struct virtio_net *n, const struct platform *p,
                    const struct virtio_place *place, struct dma_memory *memory, struct rng *random,
                    const struct virtio_options *options);

/* Once per poll, before and after the work: acknowledge an interrupt, check the link; notify the
 * device, enable the next interrupt. */
void virtio_net_check(struct virtio_net *n, uint64_t now_ns);
void virtio_net_kick(struct virtio_net *n);

/* When to poll again without an interrupt: at once when received frames are left, else to check
 * link and status, once more after each burst of activity. */
uint64_t virtio_net_deadline(const struct virtio_net *n);

/* True when the device had taken every frame at the last check, or has failed. */
bool virtio_net_sent(const struct virtio_net *n);

/* Reset the device: every buffer is the driver's again. */
void virtio_net_stop(struct virtio_net *n);

/* The invariants at the end of a poll, whatever the device did. */
void virtio_net_invariants(const struct virtio_net *n);

#endif
