/*
 * The states of both ends of TCP connections (RFC 9293 section 3.3.2), derived from the segments
 * that each end sent and received. An end has received a FIN when its own ACK covers it. Shares
 * nothing with core/net.
 */
#ifndef DRYWIRE_TCP_VIEW_H
#define DRYWIRE_TCP_VIEW_H

#include "../frame/decode.h"
#include "../scenario/scenario.h"

enum { TCP_VIEW_FLOWS = 64 };

/* One end of a connection. */
struct tcp_end {
    unsigned state; /* in the order of trace_tcp_word() */
    bool fin;       /* it sent one; an ACK of fin_end acknowledges it */
    uint32_t fin_end;
};

/* The ends by the direction of what they send: DIRECTION_TX is the machine. */
struct tcp_flow {
    bool used;
    uint16_t local_port, remote_port;
    uint32_t remote;
    uint64_t touched; /* the least recently used one is replaced */
    struct tcp_end end[2];
};

struct tcp_view {
    uint64_t counter;
    struct tcp_flow flows[TCP_VIEW_FLOWS];
};

/* A segment is sent by one end, arrives at the other; `dir` is its direction, it is not
 * malformed. */
void tcp_view_sent(struct tcp_view *v, enum direction dir, const struct decoded *d);
void tcp_view_arrived(struct tcp_view *v, enum direction dir, const struct decoded *d);

/* The flow that a segment belongs to, NULL: none is known. */
const struct tcp_flow *tcp_view_flow(const struct tcp_view *v, enum direction dir,
                                     const struct decoded *d);

#endif
