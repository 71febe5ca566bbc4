/*
 * A connection of a script: its ports, and the numbers of its two directions. A script has numbers
 * of its own; what is on the wire is shifted by the two initial sequence numbers, and timestamps
 * are mapped from value to value.
 */
#ifndef DRYWIRE_PKT_FLOW_H
#define DRYWIRE_PKT_FLOW_H

#include "segment.h"

enum { PKT_FLOWS_MAX = 64, PKT_STAMPS = 64 };

struct pkt_flow {
    uint16_t script_local, script_remote; /* ports that lines name; 0: none do */
    uint16_t local_port, remote_port;     /* of the wire; local 0: not known yet */
    bool opening; /* a connect or a new SYN of the peer: the stack's next SYN has a new number */
    bool assumed; /* that the script has the number 0 for this SYN: its line is to come */
    bool learned; /* the number of a SYN */
    uint32_t local_isn, remote_isn; /* added to the script's numbers */
    bool has_syn;
    uint32_t syn;   /* sequence number of the peer's last SYN, in the script */
    bool reset;     /* by either end since then: the next SYN is a new one */
    bool open;      /* the stack has acknowledged the peer's SYN: */
    uint32_t first; /* the number of the first byte of its stream */

    /* Data that the program has written, from the byte after SYN on, and bytes that it has read. */
    uint8_t *written;
    size_t written_len, written_size;
    uint32_t written_from; /* the script's sequence number of the first one */
    uint32_t read;

    /* TSvals of the script and of the wire, by number of stamp; and the last one of the wire. */
    struct {
        uint32_t script, wire;
    } stamp[PKT_STAMPS];
    unsigned stamps;
    bool has_stamp;
    uint32_t last_stamp;
    uint64_t last_stamp_ns;
};

void pkt_flow_free(struct pkt_flow *f);

/* The peer sends this segment, with the script's numbers. */
void pkt_flow_received(struct pkt_flow *f, const struct pkt_segment *g);

/* From the script's numbers to those of the wire, for a segment of the peer. */
void pkt_flow_inbound(struct pkt_flow *f, struct pkt_segment *g);

/* From the wire's numbers to those of the script, for a segment that the stack sent at `time_ns`.
 * `expected`: the line
 * for it, whose timestamps it gets if they may be these; NULL: none. */
void pkt_flow_outbound(struct pkt_flow *f, const struct pkt_segment *expected,
                       struct pkt_segment *g, uint64_t time_ns);

/* The stack has sent this segment. */
void pkt_flow_sent(struct pkt_flow *f, const struct decoded *d);

/* The line `g` of the script is for a SYN that the stack has sent, with this number on the wire. */
void pkt_flow_learn(struct pkt_flow *f, const struct pkt_segment *g, uint32_t seq);

/* The byte of the peer's stream at a sequence number of the script. */
uint8_t pkt_flow_byte(uint32_t seq);

#endif
