/*
 * Timers of TCP (RFC 6298, RFC 9293 sections 3.8.3 and 3.8.6): the round-trip time and the
 * retransmission timeout, what happens when a timer expires, and when the next one does. Read RFC
 * 6298 first. tcp_input.c measures, tcp_output.c starts the timer.
 */
#include "tcp.h"
#include "../base/check.h"
#include "../base/minmax.h"
#include "../interface/syscall.h"
#include "tcp_internal.h"

/* ---- the round-trip time ---- */

/* RFC 6298 (2.2) to (2.5). */
void tcp_rtt_sample(struct tcp_conn *c, uint64_t r)
{
    uint64_t delta, term;

    if (c->srtt_ns == 0) {
        c->srtt_ns = r;
        c->rttvar_ns = r / 2;
    } else {
        delta = c->srtt_ns > r ? c->srtt_ns - r : r - c->srtt_ns;
        c->rttvar_ns = c->rttvar_ns - c->rttvar_ns / 4 + delta / 4;
        c->srtt_ns = c->srtt_ns - c->srtt_ns / 8 + r / 8;
    }
    term = max_u64(4 * c->rttvar_ns, 1); /* the clock ticks in nanoseconds */
    c->rto_ns = c->srtt_ns + term;
    if (c->rto_ns < TCP_RTO_MIN_NS)
        c->rto_ns = TCP_RTO_MIN_NS;
    if (c->rto_ns > TCP_RTO_MAX_NS)
        c->rto_ns = TCP_RTO_MAX_NS;
}

/* ---- what expires ---- */

void tcp_timer_start(struct tcp_conn *c)
{
    uint64_t wait_ns = 2 * c->srtt_ns;

    if (tcp_flight(c) <= c->mss) /* its ACK may be delayed */
        wait_ns += TCP_TAIL_DELAY_NS;
    c->tail_timer = c->sacks && !c->board && !c->tail_out && c->srtt_ns && wait_ns < c->rto_ns &&
                    !c->timed_out && c->state >= TCPS_ESTABLISHED;
    c->rto_at_ns = c->tcp->net->now_ns + (c->tail_timer ? wait_ns : c->rto_ns);
}

/* RFC 6298 section 5, (5.4) to (5.7), with RFC 5681 section 3.1 for the windows. What a peer that
 * has closed its window does not acknowledge is not lost: it is probed (RFC 9293 section 3.8.6). */
static void rto_expired(struct tcp_conn *c)
{
    struct tcp *t = c->tcp;
    bool again = c->timed_out;

    if (c->tail_timer && c->snd_wnd) {
        tcp_recovery_probe(c);
        return;
    }
    c->tail_timer = false;
    if (t->net->now_ns - c->first_unacked_ns >= TCP_R2_NS) {
        tcp_abort(c, c->soft_error ? c->soft_error : ERR_TIMEDOUT);
        return;
    }
    if (c->snd_wnd == 0 && c->state != TCPS_SYN_SENT && c->state != TCPS_SYN_RECEIVED) {
        tcp_go_back(c);
        c->rtt_start_ns = 0;
        c->rto_at_ns = DEADLINE_NEVER;
        c->persist_at_ns = t->net->now_ns;
        return;
    }
    if (c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RECEIVED)
        c->syn_retried = again = true;
    tcp_congestion_timeout(&c->cc, c->mss, tcp_flight(c), !again, c->snd_max);
    c->timed_out = true;
    c->rtt_start_ns = 0; /* Karn */
    if (!tcp_recovery_timeout(c))
        c->snd_nxt = c->snd_una;
    c->resend_reason = RETRANSMIT_RTO;
    c->rto_ns = min_u64(c->rto_ns * 2, TCP_RTO_MAX_NS);
    c->rto_at_ns = t->net->now_ns + c->rto_ns;
}

/* A closed window is probed for as long as the peer replies: MUST-36, MUST-37, SHLD-29, SHLD-30. */
static void persist_expired(struct tcp_conn *c)
{
    uint64_t wait_ns = c->rto_ns;

    if (c->snd_wnd) { /* silly windows are avoided for a while only: section 3.8.6.2.1 */
        c->override = true;
        c->persist_at_ns = DEADLINE_NEVER;
        return;
    }
    if (c->tcp->net->now_ns - c->first_unacked_ns >= TCP_R2_NS && c->probes) {
        tcp_abort(c, ERR_TIMEDOUT);
        return;
    }
    c->probe = true;
    c->probes++;
    for (unsigned i = 0; i < c->probes && wait_ns < TCP_RTO_MAX_NS; i++)
        wait_ns *= 2;
    wait_ns = min_u64(wait_ns, TCP_RTO_MAX_NS);
    c->persist_at_ns = c->tcp->net->now_ns + wait_ns;
}

void tcp_keepalive_start(struct tcp_conn *c)
{
    c->heard_ns = c->tcp->net->now_ns;
    c->keepalive_at_ns = c->keepalive_ns ? c->heard_ns + c->keepalive_ns : DEADLINE_NEVER;
    tcp_touch(c);
}

/* The timer runs for a whole period, and looks back when it expires. What is in flight or waits for
 * a closed window asks the peer by itself. */
static void keepalive_expired(struct tcp_conn *c)
{
    enum { KEEPALIVES_MAX = 9 };
    uint64_t now_ns = c->tcp->net->now_ns, due_ns = c->heard_ns + c->keepalive_ns;

    if (c->keepalives && c->heard_ns >= c->keepalive_at_ns - TCP_KEEPALIVE_AGAIN_NS)
        c->keepalives = 0; /* it answered */
    if (tcp_flight(c) || c->persist_at_ns != DEADLINE_NEVER)
        due_ns = now_ns + c->keepalive_ns;
    if (now_ns < due_ns) {
        c->keepalive_at_ns = due_ns;
    } else if (c->keepalives == KEEPALIVES_MAX) {
        tcp_abort(c, ERR_TIMEDOUT);
    } else {
        c->keepalives++;
        c->keepalive = true;
        c->keepalive_at_ns = now_ns + TCP_KEEPALIVE_AGAIN_NS;
    }
}

static void conn_poll(struct tcp_conn *c, uint64_t now_ns)
{
    if (now_ns >= c->linger_at_ns) {
        if (c->fin_queued && !tcp_fin_acked(c)) /* the peer is there, or never was */
            tcp_send_reset(c);
        tcp_end(c);
        return;
    }
    if (now_ns >= c->rto_at_ns)
        rto_expired(c);
    if (c->board && now_ns >= c->board->reorder_at_ns)
        tcp_recovery_poll(c);
    if (now_ns >= c->persist_at_ns)
        persist_expired(c);
    if (now_ns >= c->delack_at_ns) {
        c->delack_at_ns = DEADLINE_NEVER;
        c->ack_now = true;
    }
    if (now_ns >= c->keepalive_at_ns)
        keepalive_expired(c);
}

/* Those for which the device had no room are due again. */
static void unblock(struct tcp *t)
{
    for (uint32_t i = 0; bitset_next(&t->blocked, i, &i); i++) {
        bitset_remove(&t->blocked, i);
        bitset_add(&t->due, i);
    }
    t->any_blocked = false;
}

void tcp_poll(struct tcp *t)
{
    if (t->any_blocked)
        unblock(t);
    if (t->heap_count && t->conn[t->heap[0]].heap_ns <= t->net->now_ns)
        tcp_take_expired(t);
    if (bitset_is_empty(&t->due))
        return;
    for (uint32_t i = 0; bitset_next(&t->due, i, &i); i++)
        if (t->conn[i].state != TCPS_CLOSED) {
            conn_poll(&t->conn[i], t->net->now_ns);
            INVARIANTS(tcp_invariants(&t->conn[i]));
        }
}

uint64_t tcp_deadline(const struct tcp *t)
{
    uint32_t first;

    if (bitset_next(&t->due, 0, &first))
        return t->net->now_ns;
    return t->heap_count ? t->conn[t->heap[0]].heap_ns : DEADLINE_NEVER;
}
