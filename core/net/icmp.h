/*
 * ICMP for a host (RFC 792; RFC 1122 section 3.2.2): echo requests and replies, received errors for
 * the transport of the quoted packet, three kinds of sent errors. Redirects are ignored.
 */
#ifndef DRYWIRE_ICMP_H
#define DRYWIRE_ICMP_H

#include "../base/rate.h"
#include "ipv4.h"

struct icmpv4 {
    struct ipv4 *ip;
    struct rate errors; /* that we send */
};

/* An error about a packet that we sent, as far as it was quoted. */
struct icmp_error {
    uint8_t protocol;                 /* IP_PROTOCOL_* of that packet, or another */
    uint32_t remote;                  /* where it went */
    uint16_t local_port, remote_port; /* of an echo request: local_port is its identifier */
    uint32_t seq;                     /* of a TCP segment */
    int error;                        /* for a program */
    bool hard;                        /* may end a connection attempt */
    uint32_t mtu;                     /* of the path, or 0 */
};

/* What a message says to a layer above. */
struct icmp_message {
    enum { ICMP_FOR_NONE, ICMP_FOR_ECHO, ICMP_FOR_SENDER } kind;
    uint16_t id, seq; /* ICMP_FOR_ECHO: a reply, and what it echoes; borrowed */
    const uint8_t *bytes;
    size_t len;
    struct icmp_error error; /* ICMP_FOR_SENDER */
};

/* A received message: accepted, and *out says for whom. */
struct verdict icmp_input(const struct icmpv4 *m, const struct ipv4_packet *p,
                          struct icmp_message *out);

/* The answer to an echo request that icmp_input() accepted. */
void icmp_echo(struct icmpv4 *m, const struct ipv4_packet *request);

/* Send an error about a packet, unless RFC 1122 section 3.2.2 or the rate limit forbids it. `type`
 * and `code`: ICMP_UNREACHABLE with ICMP_UNREACHABLE_PORT or ICMP_UNREACHABLE_PROTOCOL, or
 * ICMP_EXCEEDED with ICMP_EXCEEDED_REASSEMBLY. */
void icmp_error_send(struct icmpv4 *m, const struct ipv4_packet *about, uint8_t type, uint8_t code);

#endif
