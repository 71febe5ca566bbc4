/*
 * The DHCP conversations of a capture (RFC 2131): one for each client, with its requests and their
 * replies. Messages are not trusted: one that is truncated, has no type or wrong values is kept
 * unchanged. Checksums are not checked (see flow.h).
 *
 * An OFFER is a reply to the DISCOVER before it, an ACK or NAK to the REQUEST (or INFORM) before
 * it, any other message to the client's last message. If both sides of a relay are in the capture,
 * the client's side is used.
 */
#ifndef DRYWIRE_DHCP_FLOW_H
#define DRYWIRE_DHCP_FLOW_H

#include "capture.h"
#include "chains.h"
#include "dhcp.h"

struct dhcp_said {
    size_t frame; /* its number in the capture, from 1 */
    uint64_t time_ns;
    const uint8_t *bytes; /* the message, in the capture */
    size_t len;
    uint32_t ip_src, ip_dst;
    bool unicast;      /* the frame's destination is one host */
    bool unsummed;     /* without a UDP checksum */
    bool relayed;      /* between a relay and a server */
    bool lost;         /* according to the capture */
    bool server;       /* sent by a server */
    bool other;        /* of the client: neither DISCOVER, REQUEST nor INFORM */
    enum dhcp_ask ask; /* kind of the request, also of a reply's request */
    uint32_t n;        /* the n-th of that kind; 0: a reply without a request */
    size_t to;         /* a reply with n: the index of its request */
};

struct dhcp_flow {
    uint8_t chaddr[6];
    size_t first_frame;
    struct dhcp_said *said; /* in the order of the capture */
    size_t count, size;
    uint32_t asked[ASKS]; /* how often */
};

struct dhcp_flows {
    struct dhcp_flow *flows; /* in the order of their first frames */
    size_t count, size;
    struct chains by_chaddr;
    size_t bad_sums;
};

void capture_dhcp(struct dhcp_flows *f, const struct capture *c);
void capture_dhcp_free(struct dhcp_flows *f);

#endif
