/*
 * Congestion control: RFC 5681, with the recovery of RFC 6582 (NewReno), bytes counted as RFC 3465
 * says, and limited transmit (RFC 3042). It is arithmetic: what a connection knows comes in as
 * arguments, what it must do is returned. Sizes in bytes; `mss`: the effective send MSS.
 */
#ifndef DRYWIRE_TCP_CONGESTION_H
#define DRYWIRE_TCP_CONGESTION_H

#include <stdbool.h>
#include <stdint.h>

enum { TCP_CWND_MAX = 1 << 27 }; /* more than can ever be in flight */

struct tcp_congestion {
    uint32_t cwnd, ssthresh;
    uint32_t recover;     /* what was sent when the last loss was found; later una - 1 */
    uint32_t bytes_acked; /* since cwnd last grew, in congestion avoidance */
    uint32_t dup_flight;  /* in flight at the first of the duplicate ACKs */
    unsigned dup_acks;    /* in a row */
    bool recovering;      /* until `recover` is acknowledged */
};

/* Before the SYN with number `iss`. */
void tcp_congestion_init(struct tcp_congestion *cc, uint32_t iss);

/* The connection is established: RFC 5681 section 3.1. `syn_lost`: it took a second SYN. */
void tcp_congestion_open(struct tcp_congestion *cc, uint32_t mss, bool syn_lost);

/* Nothing was in flight for longer than the retransmission timeout: RFC 5681 section 4.1. */
void tcp_congestion_restart(struct tcp_congestion *cc, uint32_t mss);

/* An ACK moved snd_una by `acked` to `una`; `flight` is left. True: send the segment at `una`
 * again, it was lost, too. */
bool tcp_congestion_ack(struct tcp_congestion *cc, uint32_t mss, uint32_t acked, uint32_t una,
                        uint32_t flight);

/* What an ACK says grows the window, when `flight` bytes were in flight, `acked` of which are not
 * any more: everything before `una` is not. */
void tcp_congestion_grow(struct tcp_congestion *cc, uint32_t mss, uint32_t acked, uint32_t una,
                         uint32_t flight);

/* Of `flight` bytes some are lost, of those before `snd_max`: the window is to become ssthresh.
 * That is when they are repaired, or at once. */
void tcp_congestion_reduce(struct tcp_congestion *cc, uint32_t mss, uint32_t flight,
                           uint32_t snd_max);
void tcp_congestion_repaired(struct tcp_congestion *cc);

/* A duplicate ACK of `una`. True: send the segment at `una` again. */
bool tcp_congestion_duplicate(struct tcp_congestion *cc, uint32_t mss, uint32_t una,
                              uint32_t snd_max);

/* The retransmission timer expired. `first`: for the first time since the last new ACK, with
 * `flight` bytes of data unacknowledged. */
void tcp_congestion_timeout(struct tcp_congestion *cc, uint32_t mss, uint32_t flight, bool first,
                            uint32_t snd_max);

/* The bytes that may be in flight; `fresh`: if the next ones were never sent. */
static inline uint32_t tcp_congestion_window(const struct tcp_congestion *cc, uint32_t mss,
                                             bool fresh)
{
    /* For each of the first two duplicates a segment has left the network: RFC 3042. */
    return cc->cwnd + (fresh && !cc->recovering && cc->dup_acks <= 2 ? cc->dup_acks * mss : 0);
}

#endif
