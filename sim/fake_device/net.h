/*
 * The body of the fake virtio-net device (VirtIO 1.2 section 5.1): frames from the transmit queue
 * to the wire, frames from the wire into posted buffers, configuration space.
 */
#ifndef DRYWIRE_FAKE_NET_H
#define DRYWIRE_FAKE_NET_H

#include "device.h"

/* The interface to the wire. Frames are borrowed. */
struct fake_wire {
    void *ctx;

    /* Send a frame to the wire. */
    void (*frame)(void *ctx, const uint8_t *frame, size_t len);

    /* A received frame, or one to be sent, is lost in the device: `why` is a literal. */
    void (*lost)(void *ctx, bool transmitted, const uint8_t *frame, size_t len, const char *why);
};

struct fake_net_options {
    enum toggle mrg_rxbuf; /* mrg-rxbuf=on|off  offered or not; default off */
    uint8_t mac[6];        /* mac=              default 02:00:00:00:00:01 */
    bool mac_feature;      /* mac=none clears it: the driver makes a local address */
    uint16_t mtu;          /* mtu=              0: feature not offered */
};

enum { NET_BACKLOG = 256, NET_FRAME_MAX = 2048 };

struct fake_net {
    struct fake_virtio device; /* first */
    struct fake_net_options options;
    bool link_up;
    unsigned header_len;
    unsigned rx_posted; /* chains available at DRIVER_OK */

    /* frames received while no buffer was posted */
    unsigned backlog_head, backlog_count;
    uint32_t frames_in; /* frames received since power-on, accepted or not */
    struct {
        uint32_t number; /* its number */
        uint16_t len;
        uint8_t bytes[NET_FRAME_MAX];
    } backlog[NET_BACKLOG];
};

/* The body of a network device. */
struct fake_net *fake_net_of(const struct fake_virtio *d);

/* A frame arrives from the wire. Borrowed. */
void fake_net_frame(struct fake_net *n, const uint8_t *frame, size_t len);

void fake_net_link(struct fake_net *n, bool up);

/* Stop taking frames from the transmit queue, so that it fills up; or continue. */
void fake_net_hold_tx(struct fake_net *n, bool hold);

#endif
