/*
 * Shared by the files of TCP: tcp.c (lifetime of a connection, sockets), tcp_segment.c (what is in
 * a packet), tcp_input.c, tcp_listen.c, tcp_timer.c, tcp_output.c, tcp_invariants.c.
 */
#ifndef DRYWIRE_TCP_INTERNAL_H
#define DRYWIRE_TCP_INTERNAL_H

#include "../base/minmax.h"
#include "tcp.h"
#include "tcp_seq.h"
#include "tcp_table.h"

struct tcp_segment;

/* Send the segments of one connection that are due. False: the device had no room for all. */
bool tcp_output(struct tcp_conn *c);

/* The one setter of the state: asserts that the move is legal and traces it. */
void tcp_move(struct tcp_conn *c, enum tcp_state to);

/* End the connection with an error for the program; nothing is sent. */
void tcp_abort(struct tcp_conn *c, int error);

/* CLOSED, all timers off; its block is free when no descriptor owns it. */
void tcp_end(struct tcp_conn *c);

void tcp_enter_time_wait(struct tcp_conn *c);

/* Initial sequence number of a connection whose addresses and ports are set (RFC 6528), and the
 * base of its timestamps. */
uint32_t tcp_isn(struct tcp_conn *c);

/* Prepare a block to send from `iss`: SYN first. */
void tcp_start(struct tcp_conn *c, uint32_t iss);

/* Update srtt, rttvar and rto_ns after a round trip of `r` ns, RFC 6298 (2.2) to (2.5). */
void tcp_rtt_sample(struct tcp_conn *c, uint64_t r);

/* Bytes that the program may read now. */
static inline uint32_t tcp_unread(const struct tcp_conn *c)
{
    return c->rcv_nxt - c->rcv_read - (c->fin_received ? 1 : 0);
}

/* The peer sent data or acknowledged some: the connection is the last of its list to be given up.
 */
static inline void tcp_progress(struct tcp_conn *c)
{
    c->progress_ns = c->tcp->net->now_ns;
    if (!c->owned && !c->listener)
        c->linger_at_ns = c->progress_ns + TCP_ORPHAN_NS;
    tcp_list_renew(c);
}

/* Give back the pages in which it holds nothing received, nothing to send. */
void tcp_settle_received(struct tcp_conn *c);
void tcp_settle_sent(struct tcp_conn *c);

/* An ACK came from a peer that does SACK; `acked`: bytes that it acknowledged, perhaps none. False:
 * nothing is being repaired. */
bool tcp_recovery_input(struct tcp_conn *c, const struct tcp_segment *g, uint32_t acked);

/* Something that was overtaken may count as lost by now. */
void tcp_recovery_poll(struct tcp_conn *c);

/* The retransmission timer expired: all in flight counts as lost. False: that cannot be kept. */
bool tcp_recovery_timeout(struct tcp_conn *c);

/* The tail of what was sent may be lost: RFC 8985 section 7.3. */
void tcp_recovery_probe(struct tcp_conn *c);

/* Forget what is known of the data in flight: there is a scoreboard. */
void tcp_recovery_close(struct tcp_conn *c);

/* All in flight is to be sent again, for another reason than a loss. */
void tcp_go_back(struct tcp_conn *c);

/* (Re)start the retransmission timer, or before it that of the tail: RFC 8985 section 7.2. */
void tcp_timer_start(struct tcp_conn *c);

/* A program may have it, and both ends know each other's numbers. */
static inline bool tcp_is_synchronised(const struct tcp_conn *c)
{
    return c->state == TCPS_ESTABLISHED || c->state == TCPS_CLOSE_WAIT ||
           c->state == TCPS_FIN_WAIT_1 || c->state == TCPS_FIN_WAIT_2;
}

/* From now on, if the program has asked for it. */
void tcp_keepalive_start(struct tcp_conn *c);

/* Bytes sent and not acknowledged. */
static inline uint32_t tcp_flight(const struct tcp_conn *c)
{
    return c->snd_max - c->snd_una;
}

/* The sequence number after the last byte that the program wrote: that of FIN. */
static inline uint32_t tcp_snd_end(const struct tcp_conn *c)
{
    return c->snd_start + c->snd_len;
}

/* An ACK, for the congestion control: `news` of `flight` bytes, which were in flight, have arrived.
 */
static inline struct tcp_congestion_ack tcp_ack_of(const struct tcp_conn *c, uint32_t news,
                                                   uint32_t flight)
{
    return (struct tcp_congestion_ack){c->mss,    news, c->snd_una, flight, c->tcp->net->now_ns,
                                       c->srtt_ns};
}

/* Nothing is being repaired, and there is news: the window grows. */
static inline void tcp_grow(struct tcp_conn *c, uint32_t news, uint32_t flight)
{
    struct tcp_congestion_ack a = tcp_ack_of(c, news, flight);

    tcp_congestion_grow(&c->cc, &a);
}

static inline bool tcp_fin_acked(const struct tcp_conn *c)
{
    return c->fin_queued && seq_lt(tcp_snd_end(c), c->snd_una);
}

/* The window to offer now: never shrinks what was offered (SHLD-14), avoids silly windows
 * (MUST-39). */
uint32_t tcp_offered_window(const struct tcp_conn *c);

/* What may be held for the program. */
static inline uint32_t tcp_capacity(const struct tcp_conn *c)
{
    return c->scaled ? c->tcp->window : min_u32(c->tcp->window, TCP_WINDOW_UNSCALED);
}

/* The window of a SYN or SYN-ACK, which is never scaled. */
static inline uint32_t tcp_first_window(const struct tcp *t)
{
    return min_u32(t->window, TCP_WINDOW_UNSCALED);
}

/* The clock of timestamps, in milliseconds from a number that others cannot guess: RFC 7323
 * sections 5.4 and 7.1. */
static inline uint32_t tcp_stamp(const struct tcp_conn *c)
{
    return c->stamp_base + (uint32_t)(c->tcp->net->now_ns / NS_PER_MS);
}

/* An ACK that a peer may have provoked: limited per connection (RFC 5961 section 7). */
void tcp_challenge(struct tcp_conn *c);

/* The segment in a packet, or the reason to drop it; DROP_COUNT: none. */
enum drop_reason tcp_parse(const struct ipv4_packet *p, struct tcp_segment *g);

/* A RST for a connection that we end. */
void tcp_send_reset(struct tcp_conn *c);

/* The invariants of a connection between calls of these functions. */
void tcp_invariants(const struct tcp_conn *c);

/* A SYN-ACK for a SYN, of which nothing is kept. */
void tcp_send_cookie(struct tcp *t, const struct ipv4_packet *p, const struct tcp_segment *syn,
                     uint32_t iss);

/* The sequence numbers and the options of the peer's SYN. */
void tcp_take_syn(struct tcp_conn *c, const struct tcp_segment *syn);

/* Can a SYN become a child, rather than a cookie or nothing, if there is a block? */
bool tcp_listener_has_room(const struct tcp_conn *listener);

/* A segment for a listener. *child: the one whose segment it is, or NULL: nothing more is to be
 * done. `above`: what the initial number of a new child must exceed, or NULL. */
struct verdict tcp_input_listen(struct tcp_conn *listener, const struct ipv4_packet *p,
                                const struct tcp_segment *g, const uint32_t *above,
                                struct tcp_conn **child);

/* A received segment, checked and in host order. */
struct tcp_segment {
    uint16_t src_port, dst_port;
    uint32_t seq, ack, wnd;
    uint32_t first; /* seq, before it was trimmed */
    uint8_t flags;
    uint32_t len;  /* of the data */
    bool had_data; /* before it was trimmed */
    const uint8_t *data;
    uint16_t mss;        /* 0: no option */
    bool scales;         /* option: its windows are to be shifted by */
    uint8_t shift;       /* this */
    bool sack_permitted; /* option */
    bool stamped;        /* option: it was sent at `stamp`, and it saw our `echo` */
    uint32_t stamp, echo;
    uint8_t sack_count; /* blocks: tcp_sack_block() */
    const uint8_t *sack;
};

struct tcp_range tcp_sack_block(const struct tcp_segment *g, unsigned i);

/* The options of a SYN: RFC 9293 section 3.2, RFC 7323 section 2.2, RFC 2018 section 2. */
struct tcp_options {
    uint16_t mss;
    bool sack_permitted, scales, stamps;
    uint8_t shift;
    uint32_t stamp, echo;
};

/* The longest options: those of RFC 9293 section 3.1. */
enum { TCP_OPTIONS_MAX = 40, TCP_STAMPS_LEN = sizeof(struct tcp_stamps), TCP_SACK_MAX = 4 };

/* Write options, whose length is returned: a multiple of 4. */
size_t tcp_put_syn_options(uint8_t *at, const struct tcp_options *o);
size_t tcp_put_sack(uint8_t *at, const struct tcp_range *block, unsigned count);

/* Sequence numbers that a segment takes: SEG.LEN of RFC 9293. */
static inline uint32_t tcp_seg_len(const struct tcp_segment *g)
{
    return g->len + !!(g->flags & TCP_SYN) + !!(g->flags & TCP_FIN);
}

#endif
