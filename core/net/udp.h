/*
 * UDP (RFC 768; RFC 1122 section 4.1): datagrams to and from packets.
 */
#ifndef DRYWIRE_UDP_H
#define DRYWIRE_UDP_H

#include "ipv4.h"

/* A received datagram, borrowed from its packet. */
struct udp_datagram {
    uint32_t src;
    uint16_t src_port, dst_port;
    const uint8_t *bytes;
    size_t len;
    bool looped; /* sent by this host over loopback */
};

/* A received datagram, its length and checksum checked: accepted, and *out. */
struct verdict udp_input(const struct ipv4_packet *p, struct udp_datagram *out);

/* Send a datagram whose payload of `len` bytes is in place in the frame; given. 0, ERR_UNREACH. */
int udp_output(struct ipv4 *ip, uint8_t *frame, uint32_t src, uint16_t src_port, uint32_t dst,
               uint16_t dst_port, size_t len);

#endif
