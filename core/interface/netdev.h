/*
 * The interface between network drivers and the stack: virtio-net and loopback fill one struct
 * netdev, the stack calls it. Frames start at the Ethernet header and carry no FCS.
 *
 * RX frames are borrowed: a view from receive() is valid until recycle(). TX frames are moved:
 * alloc() lends a buffer for one frame, which send() gives to the device or free() returns.
 */
#ifndef DRYWIRE_NETDEV_H
#define DRYWIRE_NETDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The smallest MTU fits the largest packet that cannot be made smaller: a DHCP message. */
enum {
    MAC_LEN = 6,
    NETDEV_MTU_MIN = 328,
    NETDEV_MTU_MAX = 1500,
    NETDEV_FRAME_MAX = NETDEV_MTU_MAX + 14,
};

/* Frames that the stack may hold unsent: one parked for each neighbour being resolved. */
enum { NETDEV_PARKED_MAX = 16 };

struct frame_view {
    const uint8_t *frame;
    size_t len;  /* bytes received */
    void *token; /* the device's own, for recycle() */
};

struct netdev {
    void *ctx;
    uint8_t mac[MAC_LEN];
    uint16_t mtu; /* NETDEV_MTU_MIN..NETDEV_MTU_MAX: largest IP packet */
    bool link;    /* up, as the driver saw last */
    bool ip_only; /* no Ethernet: the first 14 bytes of each frame are unused; mac, too */

    /* The next received frame: true and *view, or false when there is none now. */
    bool (*receive)(void *ctx, struct frame_view *view);
    void (*recycle)(void *ctx, struct frame_view *view);

    /* A buffer for one frame of mtu + 14 bytes, or NULL when the device has no room now. */
    uint8_t *(*alloc)(void *ctx);
    void (*send)(void *ctx, uint8_t *frame, size_t len);
    void (*free)(void *ctx, uint8_t *frame);

    uint64_t frames_tx, frames_rx; /* counted by the device */
};

#endif
