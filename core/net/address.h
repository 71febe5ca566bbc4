/*
 * Kinds of IPv4 addresses (RFC 1122 section 3.2.1.3), all in host order.
 */
#ifndef DRYWIRE_ADDRESS_H
#define DRYWIRE_ADDRESS_H

#include "net.h"
#include "wire.h"

/* True if this is a unicast address that one host on a wire can have. */
static inline bool ipv4_is_host(uint32_t addr)
{
    uint32_t top = addr >> 24;

    return top != 0 && top != 127 && top < 224;
}

static inline bool ipv4_is_loopback(uint32_t addr)
{
    return addr >> 24 == 127;
}

/* All hosts of the link, or of our network. */
static inline bool ipv4_is_broadcast(const struct net *n, uint32_t addr)
{
    return addr == IPV4_BROADCAST || addr == n->broadcast[0] || addr == n->broadcast[1];
}

/* True if a program can send to this address: one host, or this host. */
static inline bool ipv4_is_destination(const struct net *n, uint32_t addr)
{
    return ipv4_is_loopback(addr) || (ipv4_is_host(addr) && !ipv4_is_broadcast(n, addr));
}

/* True if `addr` is this host, in a packet of any origin. */
static inline bool ipv4_is_own(const struct net *n, uint32_t addr)
{
    return ipv4_is_loopback(addr) || (n->addr && addr == n->addr);
}

/* The source address for packets to `dst`; 0: none yet. */
static inline uint32_t ipv4_source(const struct net *n, uint32_t dst)
{
    return ipv4_is_loopback(dst) ? IPV4_LOOPBACK : n->addr;
}

#endif
