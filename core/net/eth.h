/*
 * Ethernet II (RFC 894). Priority tags are skipped; no VLAN, no 802.3 length frames.
 */
#ifndef DRYWIRE_ETH_H
#define DRYWIRE_ETH_H

#include "../interface/netdev.h"
#include "net.h"
#include "wire.h"

struct eth {
    struct net *net;
    struct netdev *dev;
};

/* What a frame carries; borrowed from it. */
struct eth_payload {
    uint16_t type; /* ETH_TYPE_*, or another */
    bool group;    /* sent to several hosts */
    const uint8_t *bytes;
    size_t len;
};

/* A received frame for this host: accepted, and *out. */
struct verdict eth_input(const struct eth *e, const uint8_t *frame, size_t len,
                         struct eth_payload *out);

/* Fill in the header of a frame of `len` bytes with it, whose payload is in place; pad; send.
 * Given. */
void eth_output(struct eth *e, uint8_t *frame, size_t len, const uint8_t dst[6], uint16_t type);

#endif
