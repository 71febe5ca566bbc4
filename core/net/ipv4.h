/*
 * IPv4 for a host (RFC 791; RFC 1122 section 3.2.1): no options and no fragments are sent, received
 * options are skipped, source-routed packets are dropped (docs/limits.md).
 */
#ifndef DRYWIRE_IPV4_H
#define DRYWIRE_IPV4_H

#include "address.h"
#include "arp.h"
#include "loopback.h"

struct ipv4 {
    struct net *net;
    struct netdev *dev;        /* the wire */
    struct arp *arp;           /* finds neighbours there */
    struct loopback *loopback; /* lo */
    uint16_t id;               /* of the next packet */
    uint16_t mtu; /* of the wire: the largest packet to send; that of the device or less */
};

/* A received packet, header checked; borrowed. */
struct ipv4_packet {
    const uint8_t *header; /* header_len bytes of it, then the payload */
    size_t header_len;
    const uint8_t *payload;
    size_t len; /* of the payload */
    uint32_t src, dst;
    uint16_t piece; /* of a fragment: IP_FLAG_MF and the offset; 0: the packet is whole */
    uint8_t protocol;
    bool broadcast; /* sent to more than this host, by Ethernet or by IP */
    bool looped;    /* sent by this host over loopback */
};

/* How a packet was received: in a frame to this host only, in one to several hosts, over lo. */
enum ipv4_way { FROM_WIRE, FROM_WIRE_GROUP, FROM_LOOPBACK };

/* A received packet for this host: accepted, and *out. */
struct verdict ipv4_input(const struct ipv4 *ip, const uint8_t *packet, size_t len,
                          enum ipv4_way way, struct ipv4_packet *out);

/* The interface for packets to `dst`: frames for ipv4_output() come from its alloc(). */
static inline struct netdev *ipv4_route(const struct ipv4 *ip, uint32_t dst)
{
    return ipv4_is_own(ip->net, dst) ? &ip->loopback->netdev : ip->dev;
}

/* The largest packet to send to `dst`. */
uint16_t ipv4_mtu(const struct ipv4 *ip, uint32_t dst);

/* True if there is a next hop to `dst`: this host, its network, a router, or what is at the other
 * end of a link without Ethernet. */
static inline bool ipv4_has_route(const struct ipv4 *ip, uint32_t dst)
{
    const struct net *n = ip->net;

    return ipv4_is_own(n, dst) ||
           (n->addr && (ip->dev->ip_only || n->gateway || ((dst ^ n->addr) & n->mask) == 0));
}

/* A buffer for a reply to `dst`, or NULL: counted as dropped, without a retry. */
uint8_t *ipv4_alloc_answer(struct ipv4 *ip, uint32_t dst);

/* Send a frame whose IP payload is in place. `src` 0 only for DHCP. 0, or ERR_UNREACH: no route.
 * Given in both cases. */
int ipv4_output(struct ipv4 *ip, uint8_t *frame, uint32_t src, uint32_t dst, uint8_t protocol,
                size_t payload_len);

#endif
