/*
 * Plays a .pkt script to a stack, in virtual time and without any tolerance: a packet is due at
 * exactly its time, a call returns at exactly its own.
 */
#ifndef DRYWIRE_PKT_RUN_H
#define DRYWIRE_PKT_RUN_H

#include "script.h"
#include "stack.h"
#include "../frame/decode.h"

enum { PKT_LAST_FRAMES = 8, PKT_LINE_MAX = 400 };

/* A frame that the runner has seen, with the numbers of the script and without its payload. */
struct pkt_seen {
    uint64_t time_ns; /* since the start of the script */
    bool tx;          /* the stack has sent it */
    struct decoded d;
};

/* How to vary a run: the verdict must not depend on it. */
struct pkt_variant {
    uint64_t start_ns; /* of the clock of the stack, from 1 s on */
    uint32_t peer_isn; /* added to the numbers of the peer */
    uint64_t seed;
};

struct pkt_result {
    enum pkt_outcome outcome;
    struct pkt_problem problem;
    char expected[PKT_LINE_MAX], came[PKT_LINE_MAX]; /* of a failure, or "" */
    uint64_t time_ns; /* when it ended, since the start; of now while it runs, as the line is */
    unsigned line;    /* of the last event that began */
    unsigned frames_tx, frames_rx;
    struct pkt_seen last[PKT_LAST_FRAMES]; /* by number of frame */
    bool has_isn;                          /* the stack has sent a SYN: */
    uint32_t isn;                          /* its number */
};

/* Run it. `parsed` is the outcome of pkt_parse(): PKT_PASS, PKT_WEAK or PKT_VACUOUS. */
void pkt_run(const struct pkt_script *s, enum pkt_outcome parsed, const struct pkt_stack *stack,
             const struct pkt_variant *variant, struct pkt_result *result);

#endif
