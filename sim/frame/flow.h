/*
 * The TCP connections of a capture, whoever made it: who asked whom, what each side sent when, and
 * its byte stream put together. Checksums are not asked: a card that computes them, or cuts
 * segments, leaves others in a capture taken on the machine itself. What a capture of drywire calls
 * damaged or made by the wire is left out, and so are fragments of IP. Tags of a VLAN are skipped.
 */
#ifndef DRYWIRE_FLOW_H
#define DRYWIRE_FLOW_H

#include "capture.h"
#include "chains.h"

enum { CLIENT, SERVER, SIDES };

/* A segment without SYN, or what of it is new in the stream. */
struct flow_segment {
    size_t frame; /* its number in the capture, from 1 */
    uint64_t time_ns;
    uint32_t offset, len; /* in the stream of its side, from 0 behind the SYN */
    const uint8_t *bytes; /* in the capture */
    uint32_t ack;         /* how much of the other side's stream, as far as seen, it acknowledges */
    uint8_t flags;
    bool lost;  /* the capture says so */
    bool twice; /* of a piece: it came again */
};

struct flow_side {
    uint32_t addr;
    uint16_t port;
    bool known;       /* iss is */
    uint32_t iss;     /* without a SYN: one less than the first number seen */
    uint32_t seen;    /* until now: its stream up to the first hole, its FIN counted */
    uint32_t highest; /* and whatever was there */
    unsigned syns, syns_lost;
    uint64_t syn_ns; /* of the first */
    unsigned mss, scale;
    bool scaled, sack, stamps;     /* options of the SYN */
    uint32_t window;               /* the largest, scaled */
    struct flow_segment *segments; /* as they came */
    size_t segment_count, segment_size;
    struct flow_segment *pieces; /* what brought something new, in order, without a gap */
    size_t piece_count;
    uint8_t *bytes; /* len of them: the stream up to its end or its first gap */
    size_t len;
    bool gap;         /* more was seen behind it */
    size_t conflicts; /* bytes of it that came twice, and were not the same: one counts */
    bool fin, rst;
    uint32_t fin_at; /* where in the stream */
    uint32_t fin_ack, rst_ack;
    uint64_t fin_ns, rst_ns;
};

struct flow {
    struct flow_side sides[SIDES];
    size_t first_frame; /* its number in the capture */
    bool begun;         /* its SYN is there */
    size_t bad_sums;    /* segments with a wrong checksum, which count all the same */
};

struct flows {
    struct flow *flows; /* in the order of their first frames */
    size_t count, size;
    struct chains by_ends;
    size_t fragments; /* of IP, which do not */
};

/* Take the capture apart; *f points into it, so that it must outlive it, and is freed by
 * capture_flows_free(). Times are the capture's. */
void capture_flows(struct flows *f, const struct capture *c);
void capture_flows_free(struct flows *f);

#endif
