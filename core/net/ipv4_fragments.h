/*
 * Reassembly of IPv4 packets (RFC 791 section 3.2, RFC 815, RFC 1122 section 3.3.2): a few at a
 * time, none larger than what a link can carry in one piece. Fragments that overlap others with
 * other bytes end the packet (RFC 5722 says so of IPv6; RFC 1858 has the reasons). Whatever comes,
 * a slot is free again a minute after its first fragment.
 */
#ifndef DRYWIRE_IPV4_FRAGMENTS_H
#define DRYWIRE_IPV4_FRAGMENTS_H

#include "ipv4.h"

enum {
    FRAGMENT_SLOTS = 4,
    FRAGMENT_PAYLOAD_MAX = NETDEV_MTU_MAX - 20, /* RFC 1122: 576 at least, with the header */
    FRAGMENT_HEADER_MAX = 60,
    FRAGMENT_WORDS = (FRAGMENT_PAYLOAD_MAX + 8 * 64 - 1) / (8 * 64),
};

struct fragment_slot {
    uint64_t until_ns; /* 0: free */
    uint32_t src, dst;
    uint16_t id;
    uint8_t protocol;
    bool broadcast;               /* one of them was */
    uint16_t header_len;          /* 0: the first fragment has not come */
    uint16_t end;                 /* of the payload, 0: the last one has not come */
    uint16_t held;                /* bytes of it that have */
    uint64_t has[FRAGMENT_WORDS]; /* a bit for eight bytes */
    uint8_t bytes[FRAGMENT_HEADER_MAX + FRAGMENT_PAYLOAD_MAX]; /* header, at its end; payload */
};

struct ipv4_fragments {
    struct net *net;
    struct fragment_slot *slot; /* FRAGMENT_SLOTS of them */
    unsigned used;              /* of these */
};

/* `slots`: need not be cleared. */
void fragments_init(struct ipv4_fragments *f, struct net *net, struct fragment_slot *slots);

/* `p`: a fragment, which ipv4_input() accepted. Accepted, and *p is the whole packet, borrowed
 * until the next call, if *complete. */
struct verdict fragments_input(struct ipv4_fragments *f, struct ipv4_packet *p, bool *complete);

/* Give up one that is too old: true, and *p is as much of it as its first fragment had, if that
 * came (header_len 0: it did not). Call it until it is false. */
bool fragments_expired(struct ipv4_fragments *f, struct ipv4_packet *p);

/* When that may be. */
uint64_t fragments_deadline(const struct ipv4_fragments *f);

#endif
