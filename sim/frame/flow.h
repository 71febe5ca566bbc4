/*
 * The TCP connections of any capture: client and server, what each side sent and when, and its
 * reassembled byte stream. Checksums are not checked: checksum and segmentation offload leave wrong
 * ones in a capture taken on the machine itself. Frames that a drywire capture marks as damaged or
 * made by the wire are left out, and so are IP fragments. VLAN tags are skipped.
 */
#ifndef DRYWIRE_FLOW_H
#define DRYWIRE_FLOW_H

#include "capture.h"
#include "chains.h"

enum { CLIENT, SERVER, SIDES };

/* A segment without SYN, or the part of it that is new in the stream. */
struct flow_segment {
    size_t frame; /* its number in the capture, from 1 */
    uint64_t time_ns;
    uint32_t offset, len; /* in the stream of its side, from 0 after the SYN */
    const uint8_t *bytes; /* in the capture */
    uint32_t ack;         /* how much of the other side's stream, as captured, it acknowledges */
    uint8_t flags;
    bool lost;  /* according to the capture */
    bool twice; /* of a piece: it was repeated */
};

struct flow_side {
    uint32_t addr;
    uint16_t port;
    bool known;       /* iss is */
    uint32_t iss;     /* without a SYN: one less than the first number seen */
    uint32_t seen;    /* so far: its stream up to the first hole, FIN included */
    uint32_t highest; /* the highest offset seen */
    unsigned syns, syns_lost;
    uint64_t syn_ns; /* of the first */
    unsigned mss, scale;
    bool scaled, sack, stamps;     /* options of the SYN */
    uint32_t window;               /* the largest, scaled */
    struct flow_segment *segments; /* as they came */
    size_t segment_count, segment_size;
    struct flow_segment *pieces; /* segments with new data, in order, without a gap */
    size_t piece_count;
    uint8_t *bytes; /* len of them: the stream up to its end or its first gap */
    size_t len;
    bool gap;         /* there was data after it */
    size_t conflicts; /* repeated bytes that differed; the first ones count */
    bool fin, rst;
    uint32_t fin_at; /* its offset in the stream */
    uint32_t fin_ack, rst_ack;
    uint64_t fin_ns, rst_ns;
};

struct flow {
    struct flow_side sides[SIDES];
    size_t first_frame; /* its number in the capture */
    bool begun;         /* its SYN was captured */
    size_t bad_sums;    /* segments with a wrong checksum, which are used */
};

struct flows {
    struct flow *flows; /* in the order of their first frames */
    size_t count, size;
    struct chains by_ends;
    size_t fragments; /* of IP, which are ignored */
};

/* Split a capture into flows; *f points into it, so the capture must outlive it. Freed by
 * capture_flows_free(). Times are those of the capture. */
void capture_flows(struct flows *f, const struct capture *c);
void capture_flows_free(struct flows *f);

#endif
