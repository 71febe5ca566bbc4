/*
 * The DHCP conversations of a capture (RFC 2131): one for each client, with what it asked and which
 * answers followed. Nothing in a message is believed: one that is cut short, has no type or the
 * wrong numbers is there as it came. Checksums are not asked (see flow.h).
 *
 * An OFFER answers the DISCOVER before it, an ACK or NAK the REQUEST (or INFORM) before it, any
 * other message whatever the client said last. On both sides of a relay the client's side counts.
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
    bool unicast;      /* the frame goes to one station */
    bool unsummed;     /* without a UDP checksum */
    bool relayed;      /* between a relay and a server */
    bool lost;         /* the capture says so */
    bool server;       /* it comes from a server */
    bool other;        /* of the client: neither DISCOVER, REQUEST nor INFORM */
    enum dhcp_ask ask; /* what the client asks, or what is answered */
    uint32_t n;        /* the n-th of that; 0: an answer without a question */
    size_t to;         /* an answer with n: the index of its question */
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
