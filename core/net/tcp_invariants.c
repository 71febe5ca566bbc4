/*
 * The invariants of a connection between calls, whatever a peer sent and a program requested:
 * checked after each segment, each timer and each output. See tcp.h for the fields; the sequence
 * spaces are those of RFC 9293 section 3.3.1.
 *
 * Sequence numbers wrap, so only numbers less than 2^31 apart are compared: within the data in
 * flight, a window, a buffer.
 */
#include "../base/check.h"
#include "tcp_internal.h"

/* Nothing is waited for and nothing is due. */
static void closed_invariants(const struct tcp_conn *c)
{
    CHECK(c->rto_at_ns == DEADLINE_NEVER);
    CHECK(c->persist_at_ns == DEADLINE_NEVER);
    CHECK(c->delack_at_ns == DEADLINE_NEVER);
    CHECK(c->linger_at_ns == DEADLINE_NEVER);
    CHECK(c->keepalive_at_ns == DEADLINE_NEVER);
    CHECK(!c->keepalive);
    CHECK(!c->ack_now);
    CHECK(!c->resend);
    CHECK(!c->probe);
    CHECK(!c->override);
    CHECK(!c->listener);
    if (c->state == TCPS_LISTEN) {
        CHECK(c->owned);
        CHECK(c->local_port != 0);
        CHECK(c->listen.backlog >= 1);
        CHECK(c->listen.backlog == 1 || c->listen.backlog <= c->tcp->count / 2);
    } else if (!c->owned) { /* free */
        CHECK(c->local_port == 0);
        CHECK(c->remote_port == 0);
        CHECK(c->snd_len == 0);
        CHECK(!c->ooo);
        CHECK(c->error == 0);
        CHECK(c->soft_error == 0);
        CHECK(!c->fin_queued);
        CHECK(!c->fin_seen);
    }
}

static void owner_invariants(const struct tcp_conn *c)
{
    if (c->listener) { /* waits for accept */
        CHECK(!c->owned);
        CHECK(c->passive);
        CHECK(c->listener->tcp == c->tcp);
        CHECK(c->listener->state == TCPS_LISTEN);
        CHECK(c->listener->local_port == c->local_port);
        CHECK(c->state == TCPS_SYN_RECEIVED || c->state == TCPS_ESTABLISHED ||
              c->state == TCPS_CLOSE_WAIT);
    } else if (!c->owned) { /* the program has closed: our FIN is sent */
        CHECK(c->fin_queued);
    }
    CHECK(c->local_port != 0);
    CHECK(c->remote_port != 0);
    CHECK(c->remote_addr != 0);
    CHECK(c->error == 0);
    CHECK(c->soft_error <= 0);
    CHECK(c->challenges <= 10);
    CHECK(c->challenge_ns <= c->tcp->net->now_ns);
}

static void send_invariants(const struct tcp_conn *c)
{
    uint32_t end = tcp_snd_end(c);

    CHECK(seq_le(c->snd_una, c->snd_nxt));
    CHECK(seq_le(c->snd_nxt, c->snd_max));
    CHECK(seq_le(c->snd_max, end + (c->fin_queued ? 1 : 0)));
    CHECK(tcp_flight(c) <= c->tcp->window + 2); /* SYN and FIN have numbers, too */
    CHECK(c->snd_len <= c->tcp->window);
    /* The buffer starts at the first unacknowledged byte, or after our SYN. */
    CHECK(c->snd_start - c->snd_una <= 1 || tcp_fin_acked(c));
    CHECK(c->snd_start - c->snd_una != 1 || c->snd_una == c->iss);
    if (tcp_fin_acked(c)) {
        CHECK(c->snd_len == 0);
        CHECK(c->snd_una == end + 1);
        CHECK(c->snd_max == c->snd_una);
    }
    CHECK(c->snd_wnd <= (uint32_t)TCP_WINDOW_UNSCALED << c->snd_shift);
    CHECK(c->snd_wnd_max <= (uint32_t)TCP_WINDOW_UNSCALED << c->snd_shift);
    CHECK(c->snd_shift <= TCP_SHIFT_MAX);
    CHECK(c->scaled || (!c->snd_shift && !c->rcv_shift));
    CHECK(c->mss >= 1);
    CHECK(c->mss <= NETDEV_MTU_MAX - 40);
    CHECK(c->cc.cwnd <= TCP_CWND_MAX);
    CHECK(c->cc.ssthresh >= 2 * c->mss);
    CHECK(c->resend_reason <= RETRANSMIT_TAIL);
    if (c->board) {
        CHECK(c->sacks);
        CHECK(c->board->count > 0);
        CHECK(c->board->count <= TCP_PIECES_MAX);
        CHECK(c->board->piece[0].start == c->snd_una);
        CHECK(c->board->end == c->snd_max);
        CHECK(c->snd_nxt == c->snd_max);
        CHECK(!c->cc.recovering);
    }
    if (c->cc.recovering) {
        CHECK(seq_lt(c->snd_una, c->cc.recover));
        CHECK(seq_le(c->cc.recover, c->snd_max));
    }
}

/* The peer's sequence numbers are known from SYN_RECEIVED on. */
static void receive_invariants(const struct tcp_conn *c)
{
    uint32_t held = tcp_unread(c), before = c->rcv_nxt, unit = UINT32_C(1) << c->rcv_shift;

    CHECK(held <= tcp_capacity(c) + unit - 1);
    CHECK(seq_le(c->rcv_nxt, c->rcv_adv));
    CHECK(c->rcv_adv - c->rcv_nxt <= (uint32_t)TCP_WINDOW_UNSCALED << c->rcv_shift);
    /* The window never covers bytes that the program has not read. */
    CHECK(c->rcv_adv - c->rcv_read <= tcp_capacity(c) + unit - 1 + (c->fin_received ? 1u : 0u));
    if (c->fin_received) {
        CHECK(c->fin_seen);
        CHECK(c->rcv_nxt == c->fin_seq + 1);
    }
    if (!c->ooo)
        return;
    CHECK(c->ooo->count >= 1);
    CHECK(c->ooo->count <= TCP_OOO_MAX);
    for (unsigned i = 0; i < c->ooo->count; i++) {
        const struct tcp_range *r = &c->ooo->range[i];

        CHECK(seq_lt(r->start, r->end));
        CHECK(seq_lt(before, r->start) || c->fin_received); /* data after a FIN */
        CHECK(seq_le(r->end, c->rcv_adv));
        before = r->end;
    }
}

static void timer_invariants(const struct tcp_conn *c)
{
    CHECK(c->rto_ns >= TCP_RTO_MIN_NS);
    CHECK(c->rto_ns <= TCP_RTO_MAX_NS);
    CHECK(c->rto_at_ns == DEADLINE_NEVER || c->rto_at_ns <= c->tcp->net->now_ns + TCP_RTO_MAX_NS);
    CHECK(c->persist_at_ns == DEADLINE_NEVER ||
          c->persist_at_ns <= c->tcp->net->now_ns + TCP_RTO_MAX_NS);
    CHECK(c->delack_at_ns == DEADLINE_NEVER ||
          c->delack_at_ns <= c->tcp->net->now_ns + TCP_DELACK_NS);
    CHECK(c->linger_at_ns == DEADLINE_NEVER ||
          c->linger_at_ns <= c->tcp->net->now_ns + 2 * TCP_MSL_NS);
    CHECK(c->first_unacked_ns <= c->tcp->net->now_ns);
    CHECK(c->rto_at_ns == DEADLINE_NEVER || tcp_flight(c) > 0);
    CHECK(c->keepalive_at_ns == DEADLINE_NEVER || c->keepalive_ns);
    CHECK(c->heard_ns <= c->tcp->net->now_ns);
    CHECK(c->keepalives <= 9);
    if (c->rtt_start_ns) {
        CHECK(c->rtt_start_ns <= c->tcp->net->now_ns);
        CHECK(seq_le(c->snd_una, c->rtt_seq));
        CHECK(seq_lt(c->rtt_seq, c->snd_max));
    }
}

/* The state says which end has closed, and who waits: the diagram in tcp.h. */
static void state_invariants(const struct tcp_conn *c)
{
    switch (c->state) {
    case TCPS_CLOSED:
    case TCPS_LISTEN:
        break;
    case TCPS_SYN_SENT:
        CHECK(c->owned);
        CHECK(!c->passive);
        CHECK(!c->fin_queued);
        CHECK(c->snd_una == c->iss);
        CHECK(c->snd_start == c->iss + 1);
        CHECK(c->snd_max - c->iss <= 1);
        CHECK(c->snd_len == 0);
        CHECK(c->persist_at_ns == DEADLINE_NEVER);
        CHECK(c->delack_at_ns == DEADLINE_NEVER);
        break;
    case TCPS_SYN_RECEIVED:
        CHECK(!c->fin_queued || !c->owned);
        CHECK(!c->fin_seen);
        CHECK(c->snd_una == c->iss);
        CHECK(c->snd_start == c->iss + 1);
        CHECK(c->snd_max - c->iss <= 1);
        CHECK(c->snd_len == 0);
        CHECK(c->rcv_nxt == c->irs + 1);
        CHECK(c->rcv_read == c->irs + 1);
        CHECK(!c->ooo);
        CHECK(c->persist_at_ns == DEADLINE_NEVER);
        break;
    case TCPS_ESTABLISHED:
    case TCPS_CLOSE_WAIT:
        CHECK(!c->fin_queued);
        CHECK(c->fin_received == (c->state == TCPS_CLOSE_WAIT));
        CHECK(c->snd_wnd <= c->snd_wnd_max);
        CHECK(c->cc.cwnd >= 1);
        break;
    case TCPS_FIN_WAIT_1:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
        CHECK(c->fin_queued);
        CHECK(!tcp_fin_acked(c));
        CHECK(c->fin_received == (c->state != TCPS_FIN_WAIT_1));
        break;
    case TCPS_FIN_WAIT_2:
        CHECK(tcp_fin_acked(c));
        CHECK(!c->fin_received);
        break;
    case TCPS_TIME_WAIT:
        CHECK(tcp_fin_acked(c));
        CHECK(c->fin_received);
        CHECK(c->rto_at_ns == DEADLINE_NEVER);
        CHECK(c->persist_at_ns == DEADLINE_NEVER);
        CHECK(c->delack_at_ns == DEADLINE_NEVER);
        break;
    }
    if (c->state == TCPS_TIME_WAIT || (c->listener && c->state == TCPS_SYN_RECEIVED) ||
        (!c->owned && !c->listener))
        CHECK(c->linger_at_ns != DEADLINE_NEVER);
    else
        CHECK(c->linger_at_ns == DEADLINE_NEVER);
}

/* Its place in the table: found by its addresses, in the right list, and not later in the heap than
 * its timers. No two connections have the same addresses and ports. */
static void table_invariants(const struct tcp_conn *c)
{
    const struct tcp *t = c->tcp;

    CHECK(bitset_has(&t->free, c->number) == (c->state == TCPS_CLOSED && !c->owned));
    CHECK(c->hashed || c->state == TCPS_CLOSED);
    if (c->hashed)
        CHECK(tcp_hash_find(t, c->remote_addr, c->remote_port, c->local_port) == c);
    if (c->list) {
        CHECK(c->previous || c->list->first == c);
        CHECK(c->next || c->list->last == c);
        CHECK(!c->owned || c->passive);
    } else {
        CHECK((c->owned && !c->passive) || c->state == TCPS_CLOSED || c->state == TCPS_LISTEN);
    }
    if (c->heap_at) {
        CHECK(t->heap[c->heap_at - 1] == c->number);
    }
    if (!bitset_has(&t->due, c->number)) {
        CHECK(c->heap_at || tcp_next_deadline(c) == DEADLINE_NEVER);
        CHECK(!c->heap_at || c->heap_ns <= tcp_next_deadline(c));
    }
}

/* Without data it has no page, so that what is idle takes none. */
static void page_invariants(const struct tcp_conn *c)
{
    if (c->state == TCPS_LISTEN)
        return;
    CHECK(!c->rcv.count == (!tcp_unread(c) && !c->ooo));
    CHECK(c->snd.count || !c->snd_len);
}

void tcp_invariants(const struct tcp_conn *c)
{
    CHECK(c->state <= TCPS_TIME_WAIT);
    CHECK(c->number < c->tcp->count);
    CHECK(c == &c->tcp->conn[c->number]);
    table_invariants(c);
    page_invariants(c);
    if (c->state == TCPS_CLOSED || c->state == TCPS_LISTEN) {
        closed_invariants(c);
        return;
    }
    owner_invariants(c);
    send_invariants(c);
    if (c->state != TCPS_SYN_SENT)
        receive_invariants(c);
    timer_invariants(c);
    state_invariants(c);
}
