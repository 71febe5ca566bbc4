/*
 * Segments as bytes: what a script injects becomes a packet, what the stack sent becomes a struct
 * pkt_segment again. Numbers are those on the wire here; run.c maps them. All is built and read
 * without core/, as an IPv4 packet after 14 bytes, which the decoder takes for its Ethernet header.
 */
#ifndef DRYWIRE_PKT_SEGMENT_H
#define DRYWIRE_PKT_SEGMENT_H

#include "script.h"
#include "../frame/decode.h"

enum { PKT_LINK_LEN = 14, PKT_FRAME_MAX = PKT_LINK_LEN + 1500 };

struct pkt_ends {
    uint32_t src, dst; /* addresses and ports of the wire, host order */
    uint16_t src_port, dst_port;
};

/* The bytes that these options take. */
unsigned pkt_options_len(const struct pkt_options *o);

/* Does the frame have room for the segment? */
bool pkt_segment_fits(const struct pkt_segment *g, unsigned mtu);

/* Build the packet; `data` has g->len bytes. Returns the length of the frame. */
size_t pkt_segment_build(uint8_t frame[PKT_FRAME_MAX], const struct pkt_ends *ends,
                         const struct pkt_segment *g, const uint8_t *data);

/* Build an ICMP error about a segment with the sequence number `seq`, which `quoted` sent. */
size_t pkt_icmp_build(uint8_t frame[PKT_FRAME_MAX], const struct pkt_ends *quoted,
                      const struct pkt_icmp *icmp, uint32_t seq);

/* Read a packet that the decoder has found good: false, if its options are malformed. */
bool pkt_segment_read(const uint8_t *frame, const struct decoded *d, struct pkt_segment *out);

/* The first field in which what came differs from what the script expects, or NULL. The payload is
 * not compared, and ports are not. */
const char *pkt_segment_differs(const struct pkt_segment *expected, const struct pkt_segment *came);

#endif
