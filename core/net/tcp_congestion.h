/*
 * Congestion control: slow start of RFC 5681, then CUBIC (RFC 9438) or the window of RFC 5681
 * itself; for peers without SACK the recovery of RFC 6582 (NewReno); bytes counted as RFC 3465
 * says, and limited transmit (RFC 3042). It is arithmetic, in integers: what a connection knows
 * comes in as arguments, what it must do is returned. Sizes in bytes; `mss`: the effective send
 * MSS.
 */
#ifndef DRYWIRE_TCP_CONGESTION_H
#define DRYWIRE_TCP_CONGESTION_H

#include <stdbool.h>
#include <stdint.h>

enum { TCP_CWND_MAX = 1 << 27 }; /* more than can ever be in flight */

struct tcp_congestion {
    uint32_t cwnd, ssthresh;
    /* CUBIC: the window before the last loss, and where it is level; as RFC 5681 would have it; the
     * start of this period, 0: none; the time from there until it is w_max. */
    uint32_t w_prior, w_max, w_est, k_ms;
    uint64_t epoch_ns;
    uint32_t recover;     /* what was sent when the last loss was found; later una - 1 */
    uint32_t bytes_acked; /* since cwnd last grew, in congestion avoidance */
    uint32_t dup_flight;  /* in flight at the first of the duplicate ACKs */
    uint16_t dup_acks;    /* in a row */
    bool cubic;
    bool recovering; /* until `recover` is acknowledged */
};

/* Before the SYN with number `iss`; the window grows by CUBIC, or as RFC 5681 says. */
void tcp_congestion_init(struct tcp_congestion *cc, bool cubic, uint32_t iss);

/* The connection is established: RFC 5681 section 3.1. `syn_lost`: it took a second SYN. */
void tcp_congestion_open(struct tcp_congestion *cc, uint32_t mss, bool syn_lost);

/* Nothing was in flight for longer than the retransmission timeout: RFC 5681 section 4.1. */
void tcp_congestion_restart(struct tcp_congestion *cc, uint32_t mss);

/* Of an ACK: `acked` bytes are news of it, `una` is what it acknowledges, `flight` bytes were in
 * flight before it; now, and the smoothed round-trip time. */
struct tcp_congestion_ack {
    uint32_t mss, acked, una, flight;
    uint64_t now_ns, rtt_ns;
};

/* The peer does no SACK. True: send the segment at `una` again, it was lost, too. */
bool tcp_congestion_reno(struct tcp_congestion *cc, const struct tcp_congestion_ack *a);

/* Nothing is being repaired: the window grows. */
void tcp_congestion_grow(struct tcp_congestion *cc, const struct tcp_congestion_ack *a);

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
