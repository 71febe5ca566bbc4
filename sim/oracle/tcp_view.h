/*
 * What a TCP connection is to its two ends, as far as the wire shows it: the states of RFC 9293
 * section 3.3.2, from the segments that each end sent and that arrived at it. An end is believed to
 * have taken in a FIN when its own acknowledgment says so. Shares nothing with core/net.
 */
#ifndef DRYWIRE_TCP_VIEW_H
#define DRYWIRE_TCP_VIEW_H

#include "../frame/decode.h"
#include "../scenario/scenario.h"

enum { TCP_VIEW_FLOWS = 64 };

/* One end of a connection. */
struct tcp_end {
    unsigned state; /* in the order of trace_tcp_word() */
    bool fin;       /* it sent one, which fin_end acknowledges */
    uint32_t fin_end;
};

/* The ends by the direction of what they send: DIRECTION_TX is the machine. */
struct tcp_flow {
    bool used;
    uint16_t local_port, remote_port;
    uint32_t remote;
    uint64_t touched; /* the one that was longest not is given up for a new one */
    struct tcp_end end[2];
};

struct tcp_view {
    uint64_t counter;
    struct tcp_flow flows[TCP_VIEW_FLOWS];
};

/* A segment leaves one end, arrives at the other; `dir` is its direction, nothing is malformed. */
void tcp_view_sent(struct tcp_view *v, enum direction dir, const struct decoded *d);
void tcp_view_arrived(struct tcp_view *v, enum direction dir, const struct decoded *d);

/* The flow that a segment belongs to, NULL: none is known. */
const struct tcp_flow *tcp_view_flow(const struct tcp_view *v, enum direction dir,
                                     const struct decoded *d);

#endif
