/*
 * TCP input in the order of RFC 9293 section 3.10.7: first the states without a synchronised peer,
 * then the numbered checks of section 3.10.7.4, one block per step. Nothing is sent from here: this
 * changes state, tcp_output() sends what is due. See tcp.h.
 */
#include "../base/check.h"
#include "../base/checksum.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../trace/trace.h"
#include "tcp_internal.h"

/* ---- bytes to a segment ---- */

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_MSS = 2 };

/* Walk the options; false when one is malformed (MUST-7). */
static bool parse_options(const uint8_t *option, size_t len, struct tcp_segment *g)
{
    size_t i = 0;

    while (i < len && option[i] != OPTION_END) {
        if (option[i] == OPTION_NOP) {
            i++;
            continue;
        }
        if (i + 2 > len || option[i + 1] < 2 || option[i + 1] > len - i)
            return false;
        if (option[i] == OPTION_MSS && option[i + 1] == 4 && (g->flags & TCP_SYN))
            g->mss = (uint16_t)(option[i + 2] << 8 | option[i + 3]);
        i += option[i + 1];
    }
    return true;
}

static enum drop_reason parse(const struct ipv4_packet *p, struct tcp_segment *g)
{
    const struct tcp_header *tcp = (const struct tcp_header *)p->payload;
    size_t header_len;

    if (p->len < sizeof(*tcp))
        return DROP_TCP_SHORT;
    header_len = (tcp->offset >> 4) * 4u;
    if (header_len < sizeof(*tcp) || header_len > p->len)
        return DROP_TCP_SHORT;
    if (!checksum_good(checksum_add(checksum_pseudo(p->src, p->dst, IP_PROTOCOL_TCP, p->len),
                                    p->payload, p->len)))
        return DROP_TCP_CHECKSUM;
    *g = (struct tcp_segment){
        .src_port = be16_get(tcp->src_port),
        .dst_port = be16_get(tcp->dst_port),
        .seq = be32_get(tcp->seq),
        .first = be32_get(tcp->seq),
        .ack = be32_get(tcp->ack),
        .wnd = be16_get(tcp->window),
        .flags = tcp->flags,
        .len = (uint32_t)(p->len - header_len),
        .had_data = p->len > header_len,
        .data = p->payload + header_len,
    };
    if (!parse_options(p->payload + sizeof(*tcp), header_len - sizeof(*tcp), g))
        return DROP_TCP_OPTIONS;
    if (g->src_port == 0 || g->dst_port == 0)
        return DROP_TCP_PORT;
    if ((g->flags & TCP_SYN) && (g->flags & (TCP_FIN | TCP_RST))) /* invalid: threats T36 */
        return DROP_TCP_FLAGS;
    return DROP_COUNT;
}

/* ---- small steps ---- */

/* MUST-14, MUST-15, MUST-16; an MSS of 0 is ignored. */
static void take_mss(struct tcp_conn *c, const struct tcp_segment *g)
{
    uint32_t own = ipv4_route(c->stack, c->remote_addr)->mtu - 40u;
    uint32_t mss = g->mss ? g->mss : TCP_MSS_DEFAULT;

    c->mss = min_u32(mss, own);
}

static void take_window(struct tcp_conn *c, const struct tcp_segment *g)
{
    c->snd_wnd = g->wnd;
    c->snd_wl1 = g->first;
    c->snd_wl2 = g->ack;
    if (c->snd_wnd > c->snd_wnd_max)
        c->snd_wnd_max = c->snd_wnd;
}

/* Both ends are synchronised: windows of RFC 5681 section 3.1, timer of RFC 6298 (5.7). */
static void establish(struct tcp_conn *c, const struct tcp_segment *g)
{
    unsigned segments = c->mss > 2190 ? 2 : c->mss > 1095 ? 3 : 4;

    c->cwnd = (c->syn_retried ? 1 : segments) * c->mss;
    if (c->syn_retried)
        c->rto_ns = TCP_RTO_AFTER_SYN_NS;
    take_window(c, g);
    tcp_move(c, TCP_ESTABLISHED);
    if (c->passive)
        TRACE(c->stack->platform, TRACE_TCP_ACCEPTED, c->local_port, c->remote_addr,
              c->remote_port);
    else
        TRACE(c->stack->platform, TRACE_TCP_CONNECTED, c->local_port, c->remote_addr,
              c->remote_port);
    if (c->fin_queued) /* closed meanwhile */
        tcp_move(c, TCP_FIN_WAIT_1);
}

void tcp_take_irs(struct tcp_conn *c, const struct tcp_segment *g)
{
    c->irs = g->seq;
    c->rcv_nxt = c->rcv_read = g->seq + 1;
    c->rcv_adv = c->rcv_nxt;
    take_mss(c, g);
}

/* ---- SYN-SENT: section 3.10.7.3 ---- */

static void input_syn_sent(struct tcp_conn *c, const struct ipv4_packet *p,
                           const struct tcp_segment *g)
{
    bool ack = g->flags & TCP_ACK;

    if (ack && (seq_le(g->ack, c->iss) || seq_lt(c->snd_max, g->ack))) {
        stack_drop(c->stack, DROP_TCP_ACK);
        tcp_reset_reply(c->stack, p, g);
        return;
    }
    if (g->flags & TCP_RST) {
        if (!ack) {
            stack_drop(c->stack, DROP_TCP_SEQUENCE);
            return;
        }
        TRACE(c->stack->platform, TRACE_TCP_RST_RECEIVED, c->local_port, c->remote_addr,
              c->remote_port);
        tcp_abort(c, ERR_REFUSED);
        return;
    }
    if (!(g->flags & TCP_SYN)) {
        stack_drop(c->stack, DROP_TCP_FLAGS);
        return;
    }
    tcp_take_irs(c, g);
    if (!ack) { /* simultaneous open: MUST-10 */
        c->snd_wnd = g->wnd;
        c->snd_nxt = c->iss;
        c->ack_now = true; /* even if the peer's ACK of our SYN comes before our SYN-ACK leaves */
        tcp_move(c, TCP_SYN_RECEIVED);
        return;
    }
    if (c->rtt_start_ns && !c->syn_retried)
        tcp_rtt_sample(c, c->stack->now_ns - c->rtt_start_ns);
    c->rtt_start_ns = 0;
    c->snd_una = c->snd_nxt = g->ack;
    c->rto_at_ns = DEADLINE_NEVER;
    establish(c, g);
    c->ack_now = true;
    /* Data in a SYN-ACK is not taken; the peer sends it again. */
}

/* ---- 3.10.7.4, first: sequence number ---- */

/*
 * The acceptance test, with the exception for ACK, URG and RST at a closed window (MUST-66), and
 * one for full duplicates: they are acknowledged, and only their ACK field is used, which may be
 * newer than their data. Without it the ACK of our FIN in a retransmitted FIN would be lost.
 */
static bool acceptable(const struct tcp_conn *c, const struct tcp_segment *g)
{
    uint32_t wnd = c->rcv_adv - c->rcv_nxt, len = tcp_seg_len(g);
    bool start_in = g->seq - c->rcv_nxt < wnd;
    bool end_in = g->seq + len - 1 - c->rcv_nxt < wnd;
    bool old = len && c->rcv_nxt - (g->seq + len) < TCP_WINDOW_MAX;

    if (old)
        return true;
    if (wnd == 0)
        return g->seq == c->rcv_nxt;
    return len == 0 ? start_in : start_in || end_in;
}

/* Keep only what is inside the window. What is cut on the left was received before. */
static void trim(const struct tcp_conn *c, struct tcp_segment *g)
{
    uint32_t before = c->rcv_nxt - g->seq, wnd = c->rcv_adv - c->rcv_nxt, room;

    if (seq_lt(g->seq, c->rcv_nxt)) {
        if (g->flags & TCP_SYN) { /* the SYN's sequence number comes first */
            g->flags &= (uint8_t)~TCP_SYN;
            g->seq++;
            before--;
        }
        before = min_u32(before, g->len);
        g->seq += before;
        g->data += before;
        g->len -= before;
    }
    room = c->rcv_nxt + wnd - g->seq;
    if (g->len > room) {
        g->len = room;
        g->flags &= (uint8_t)~TCP_FIN;
    }
    if ((g->flags & TCP_FIN) && g->len == room && wnd == 0)
        g->flags &= (uint8_t)~TCP_FIN;
}

/* ---- second: RST ---- */

static void input_reset(struct tcp_conn *c, const struct tcp_segment *g)
{
    uint32_t wnd = c->rcv_adv - c->rcv_nxt;

    if (g->seq != c->rcv_nxt) { /* RFC 5961 section 3.2 */
        if (g->seq - c->rcv_nxt < wnd)
            tcp_challenge(c);
        else
            stack_drop(c->stack, DROP_TCP_SEQUENCE);
        return;
    }
    if (c->state == TCP_TIME_WAIT) /* RFC 1337 */
        return;
    TRACE(c->stack->platform, TRACE_TCP_RST_RECEIVED, c->local_port, c->remote_addr,
          c->remote_port);
    if (c->state == TCP_SYN_RECEIVED && c->passive)
        tcp_end(c); /* back to LISTEN */
    else
        tcp_abort(c, c->state == TCP_SYN_RECEIVED ? ERR_REFUSED : ERR_RESET);
}

/* ---- fifth: ACK ---- */

/* cwnd grows by what is acknowledged, however many ACKs say so: RFC 3465 sections 2.1 and 2.2; in
 * slow start after a timeout by one segment an ACK, since one may acknowledge what arrived before.
 */
static void congestion_grow(struct tcp_conn *c, uint32_t acked)
{
    uint32_t most = seq_lt(c->snd_una, c->recover) ? c->mss : 2 * c->mss;

    if (c->cwnd < c->ssthresh) {
        c->cwnd += min_u32(acked, most);
    } else {
        c->bytes_acked += acked;
        if (c->bytes_acked >= c->cwnd) {
            c->bytes_acked -= c->cwnd;
            c->cwnd += c->mss;
        }
    }
    c->cwnd = min_u32(c->cwnd, TCP_CWND_MAX);
}

/* RFC 5681 section 3.1 and 3.2, RFC 6582 section 3.2, for an ACK of `acked` new bytes. */
static void congestion_ack(struct tcp_conn *c, uint32_t acked)
{
    if (c->recovering && seq_lt(c->snd_una, c->recover)) { /* partial: the next hole */
        c->resend = true;
        c->resend_reason = RETRANSMIT_PARTIAL;
        c->cwnd -= min_u32(acked, c->cwnd);
        if (acked >= c->mss || c->cwnd < c->mss)
            c->cwnd += c->mss;
        return;
    }
    if (c->recovering) {
        uint32_t flight = max_u32(tcp_flight(c), c->mss);

        c->recovering = false;
        c->bytes_acked = 0;
        c->cwnd = min_u32(flight + c->mss, c->ssthresh);
        if (acked <= 4 * c->mss) /* so little was missing that the next duplicates mean a loss: */
            c->recover = c->snd_una - 1; /* RFC 6582 section 4.1 */
        return;
    }
    congestion_grow(c, acked);
}

static void duplicate_ack(struct tcp_conn *c)
{
    uint32_t half;

    if (c->dup_acks++ == 0)
        c->dup_flight = tcp_flight(c);
    half = c->dup_flight / 2;
    if (c->recovering) {
        c->cwnd = min_u32(c->cwnd + c->mss, TCP_CWND_MAX);
        return;
    }
    if (c->dup_acks != 3 || !seq_lt(c->recover, c->snd_una))
        return;
    c->ssthresh = max_u32(half, 2 * c->mss);
    c->cwnd = c->ssthresh + 3 * c->mss;
    c->recover = c->snd_max;
    c->recovering = true;
    c->resend = true;
    c->resend_reason = RETRANSMIT_FAST;
}

static void take_ack(struct tcp_conn *c, uint32_t ack)
{
    uint32_t acked = ack - c->snd_una, end = tcp_snd_end(c);
    uint32_t data = (seq_lt(ack, end) ? ack : end) - c->snd_start;
    uint64_t now_ns = c->stack->now_ns;

    if (c->rtt_start_ns && seq_lt(c->rtt_seq, ack)) {
        tcp_rtt_sample(c, now_ns - c->rtt_start_ns);
        c->rtt_start_ns = 0;
    }
    if (seq_lt(c->snd_start, ack)) {
        c->snd_start += data;
        c->snd_len -= data;
    }
    c->snd_una = ack;
    if (seq_lt(c->snd_nxt, ack))
        c->snd_nxt = ack;
    c->first_unacked_ns = now_ns;
    c->soft_error = 0;
    congestion_ack(c, acked);
    c->dup_acks = 0;
    if (c->snd_una == c->snd_max)
        c->rto_at_ns = DEADLINE_NEVER; /* RFC 6298 (5.2) */
    else
        c->rto_at_ns = now_ns + c->rto_ns; /* (5.3) */
}

/* A peer whose window is closed is alive if it says so: its data waits without a limit (MUST-37).
 * An open window ends probing; the probe byte may not have been accepted. */
static void window_changed(struct tcp_conn *c)
{
    if (c->snd_wnd == 0 || c->probes)
        c->first_unacked_ns = c->stack->now_ns;
    if (c->snd_wnd == 0 || !c->probes)
        return;
    c->persist_at_ns = DEADLINE_NEVER;
    c->probes = 0;
    c->probe = false;
    c->snd_nxt = c->snd_una;
    c->rto_at_ns = DEADLINE_NEVER;
}

/* False: the segment ends here. */
static bool tcp_input_ack(struct tcp_conn *c, const struct ipv4_packet *p,
                          const struct tcp_segment *g)
{
    bool update;

    if (!(g->flags & TCP_ACK)) {
        stack_drop(c->stack, DROP_TCP_FLAGS);
        return false;
    }
    if (c->state == TCP_SYN_RECEIVED) {
        if (seq_le(g->ack, c->snd_una) || seq_lt(c->snd_max, g->ack)) {
            tcp_reset_reply(c->stack, p, g);
            return false;
        }
        establish(c, g);
    }
    if (seq_lt(c->snd_max, g->ack) || seq_lt(g->ack, c->snd_una - c->snd_wnd_max)) {
        stack_drop(c->stack, DROP_TCP_ACK); /* RFC 5961 section 5.2 */
        tcp_challenge(c);
        return false;
    }
    update = seq_le(c->snd_una, g->ack) && (seq_lt(c->snd_wl1, g->first) ||
                                            (c->snd_wl1 == g->first && seq_le(c->snd_wl2, g->ack)));
    if (seq_lt(c->snd_una, g->ack))
        take_ack(c, g->ack);
    else if (g->ack == c->snd_una && !g->had_data && !(g->flags & TCP_FIN) &&
             g->wnd == c->snd_wnd && c->snd_una != c->snd_max && c->persist_at_ns == DEADLINE_NEVER)
        duplicate_ack(c);
    if (update) {
        take_window(c, g);
        window_changed(c);
    }
    return true;
}

/* Our FIN was acknowledged: the next state. False: the connection has ended. */
static bool fin_acknowledged(struct tcp_conn *c)
{
    switch (c->state) {
    case TCP_FIN_WAIT_1:
        tcp_move(c, TCP_FIN_WAIT_2);
        if (!c->owned)
            c->linger_at_ns = c->stack->now_ns + TCP_FIN_WAIT_NS;
        break;
    case TCP_CLOSING:
        tcp_enter_time_wait(c);
        break;
    case TCP_LAST_ACK:
        tcp_end(c);
        return false;
    case TCP_CLOSED:
    case TCP_LISTEN:
    case TCP_SYN_SENT:
    case TCP_SYN_RECEIVED:
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT_2:
    case TCP_CLOSE_WAIT:
    case TCP_TIME_WAIT:
        break;
    }
    return true;
}

/* ---- seventh: data ---- */

static void copy_to_ring(struct tcp_conn *c, uint32_t seq, const uint8_t *data, uint32_t len)
{
    uint32_t index = seq & (TCP_RCV_BUFFER - 1);
    uint32_t first = min_u32(TCP_RCV_BUFFER - index, len);

    mem_copy(c->rcv_buf + index, data, first);
    mem_copy(c->rcv_buf, data + first, len - first);
}

/* Copy the parts of [seq, end) that are not stored yet: the bytes received first win (threats
 * T18). */
static void store_new(struct tcp_conn *c, uint32_t seq, uint32_t end, const uint8_t *data)
{
    uint32_t at = seq;

    CHECK(seq_le(c->rcv_nxt, seq));
    CHECK(seq_le(end, c->rcv_adv));
    for (unsigned i = 0; i < c->ooo_count && seq_lt(at, end); i++) {
        const struct tcp_range *r = &c->ooo[i];

        if (seq_le(r->end, at))
            continue;
        if (seq_lt(at, r->start)) {
            uint32_t stop = seq_lt(r->start, end) ? r->start : end;

            copy_to_ring(c, at, data + (at - seq), stop - at);
        }
        at = r->end;
    }
    if (seq_lt(at, end))
        copy_to_ring(c, at, data + (at - seq), end - at);
}

/* Add [start, end) to the sorted, disjoint list; with no slot left the farthest range is
 * dropped. */
static void range_add(struct tcp_conn *c, uint32_t start, uint32_t end)
{
    struct tcp_range merged[TCP_OOO_MAX + 1];
    unsigned n = 0;
    bool placed = false;

    CHECK(seq_lt(start, end));
    for (unsigned i = 0; i < c->ooo_count; i++) {
        struct tcp_range r = c->ooo[i];

        if (seq_lt(r.end, start)) {
            merged[n++] = r;
        } else if (seq_lt(end, r.start)) {
            if (!placed)
                merged[n++] = (struct tcp_range){start, end};
            placed = true;
            merged[n++] = r;
        } else {
            start = seq_lt(r.start, start) ? r.start : start;
            end = seq_lt(end, r.end) ? r.end : end;
        }
    }
    if (!placed)
        merged[n++] = (struct tcp_range){start, end};
    c->ooo_count = min_u32(n, TCP_OOO_MAX);
    mem_copy(c->ooo, merged, c->ooo_count * sizeof(merged[0]));
}

static void input_out_of_order(struct tcp_conn *c, const struct tcp_segment *g)
{
    store_new(c, g->seq, g->seq + g->len, g->data);
    range_add(c, g->seq, g->seq + g->len);
    c->ack_now = true; /* a duplicate ACK at once: RFC 5681 section 3.2 */
}

static void input_in_order(struct tcp_conn *c, const struct tcp_segment *g)
{
    uint32_t end = g->seq + g->len;
    bool gap = c->ooo_count > 0;

    store_new(c, g->seq, end, g->data);
    c->rcv_nxt = end;
    while (c->ooo_count && seq_le(c->ooo[0].start, c->rcv_nxt)) {
        if (seq_lt(c->rcv_nxt, c->ooo[0].end))
            c->rcv_nxt = c->ooo[0].end;
        c->ooo_count--;
        for (unsigned i = 0; i < c->ooo_count; i++)
            c->ooo[i] = c->ooo[i + 1];
    }
    c->segments_unacked++;
    if (gap || c->segments_unacked >= 2) /* SHLD-19; a filled gap at once: RFC 5681 section 4.2 */
        c->ack_now = true;
    else if (c->delack_at_ns == DEADLINE_NEVER)
        c->delack_at_ns = c->stack->now_ns + TCP_DELACK_NS;
}

static void input_data(struct tcp_conn *c, const struct tcp_segment *g)
{
    switch (c->state) {
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT_1:
    case TCP_FIN_WAIT_2:
        if (g->seq == c->rcv_nxt)
            input_in_order(c, g);
        else
            input_out_of_order(c, g);
        break;
    case TCP_CLOSED:
    case TCP_LISTEN:
    case TCP_SYN_SENT:
    case TCP_SYN_RECEIVED:
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
    case TCP_TIME_WAIT:
        break; /* the peer has closed: no more data is valid */
    }
}

/* ---- eighth: FIN ---- */

/* Everything up to the peer's FIN has been received. */
static void fin_reached(struct tcp_conn *c)
{
    c->rcv_nxt++;
    c->fin_received = true;
    c->ack_now = true;
    if (seq_lt(c->rcv_adv, c->rcv_nxt))
        c->rcv_adv = c->rcv_nxt;
    switch (c->state) {
    case TCP_ESTABLISHED:
        tcp_move(c, TCP_CLOSE_WAIT);
        break;
    case TCP_FIN_WAIT_1:
        tcp_move(c, TCP_CLOSING);
        break;
    case TCP_FIN_WAIT_2:
        tcp_enter_time_wait(c);
        break;
    case TCP_CLOSED:
    case TCP_LISTEN:
    case TCP_SYN_SENT:
    case TCP_SYN_RECEIVED:
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
    case TCP_TIME_WAIT:
        break;
    }
}

/* A FIN with the sequence number `at`, not beyond the window. One that data has gone past means
 * nothing; of those after a gap the last one counts. */
static void fin_arrived(struct tcp_conn *c, uint32_t at)
{
    c->ack_now = true;
    if (!c->fin_received && seq_le(c->rcv_nxt, at)) {
        c->fin_seen = true;
        c->fin_seq = at;
    }
    if (c->state == TCP_TIME_WAIT)
        tcp_enter_time_wait(c); /* perhaps our last ACK was lost */
}

/* Is it where the data ends, or did data come that contradicts it? */
static void fin_check(struct tcp_conn *c)
{
    if (c->rcv_nxt == c->fin_seq)
        fin_reached(c);
    else if (seq_lt(c->fin_seq, c->rcv_nxt))
        c->fin_seen = false;
}

/* ---- 3.10.7.4 as a whole ---- */

/* Longer than a screen because it is the numbered list of the specification. */
static void input_synchronised(struct tcp_conn *c, const struct ipv4_packet *p,
                               struct tcp_segment *g)
{
    uint32_t fin_at;

    /* First, the sequence number. A RST has its own, stricter rules. */
    if (g->flags & TCP_RST) {
        input_reset(c, g); /* second */
        return;
    }
    if (c->state == TCP_SYN_RECEIVED && (g->flags & TCP_SYN) && g->seq == c->irs) {
        if (!(g->flags & TCP_ACK)) {
            c->snd_nxt = c->iss; /* our SYN-ACK was lost: send it again */
            return;
        }
    } else if (!acceptable(c, g)) {
        stack_drop(c->stack, DROP_TCP_SEQUENCE);
        if (tcp_seg_len(g) && !(g->flags & TCP_SYN))
            c->ack_now = true;
        else
            tcp_challenge(c); /* two ends that both reply to bare ACKs must not loop for ever */
        return;
    } else if (g->flags & TCP_SYN) { /* fourth: RFC 5961 section 4.2 */
        stack_drop(c->stack, DROP_TCP_FLAGS);
        tcp_challenge(c);
        return;
    }
    if (tcp_seg_len(g) && (c->rcv_adv == c->rcv_nxt || seq_lt(g->seq, c->rcv_nxt)))
        c->ack_now = true; /* a probe of our closed window, or old bytes again */
    fin_at = g->seq + tcp_seg_len(g) - 1;
    trim(c, g);

    /* Fifth, the ACK field. */
    if (!tcp_input_ack(c, p, g))
        return;
    if (tcp_fin_acked(c) && !fin_acknowledged(c))
        return;

    /* Sixth: urgent data is delivered in band. Seventh, the data. */
    if (g->len && !c->owned && !c->listener &&
        (c->state == TCP_FIN_WAIT_1 || c->state == TCP_FIN_WAIT_2)) {
        tcp_send_reset(c); /* no program is left to read it: section 3.6.1 */
        tcp_end(c);
        return;
    }
    if (g->len)
        input_data(c, g);

    /* Eighth, FIN. */
    if (g->flags & TCP_FIN)
        fin_arrived(c, fin_at);
    if (c->fin_seen && !c->fin_received)
        fin_check(c);
}

static struct tcp_conn *find_listener(struct stack *s, uint16_t port)
{
    for (unsigned i = 0; i < TCP_CONNS; i++)
        if (s->tcp[i].state == TCP_LISTEN && s->tcp[i].local_port == port)
            return &s->tcp[i];
    return 0;
}

static struct tcp_conn *find(struct stack *s, uint32_t remote, uint16_t remote_port,
                             uint16_t local_port)
{
    for (unsigned i = 0; i < TCP_CONNS; i++) {
        struct tcp_conn *c = &s->tcp[i];

        if (c->state != TCP_CLOSED && c->state != TCP_LISTEN && c->local_port == local_port &&
            c->remote_addr == remote && c->remote_port == remote_port)
            return c;
    }
    return find_listener(s, local_port);
}

/* A SYN that is newer than all that the peer sent in a connection that waits for old segments may
 * open the next one: RFC 9293 MAY-2. */
static bool may_reopen(const struct tcp_conn *c, const struct tcp_segment *g)
{
    return (g->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && seq_lt(c->rcv_nxt, g->seq) && !c->owned;
}

/* False: no listener can take it now, so the old connection stays. */
static bool reopen(struct tcp_conn *c, const struct ipv4_packet *p, const struct tcp_segment *g)
{
    struct tcp_conn *listener = find_listener(c->stack, g->dst_port);
    uint32_t above = c->snd_max;

    if (!listener || !tcp_listener_has_room(listener))
        return false;
    tcp_end(c);
    tcp_input_listen(listener, p, g, &above);
    return true;
}

void tcp_input(struct stack *s, const struct ipv4_packet *p)
{
    struct tcp_segment g;
    enum drop_reason reason = parse(p, &g);
    struct tcp_conn *c;

    if (reason == DROP_COUNT && p->broadcast) /* MUST-57 */
        reason = DROP_IP_DESTINATION;
    if (reason != DROP_COUNT) {
        stack_drop(s, reason);
        return;
    }
    c = find(s, p->src, g.src_port, g.dst_port);
    if (c && c->ack_now)
        tcp_output(c); /* an ACK for each segment that asks for one, also within one poll */
    if (c && c->state == TCP_TIME_WAIT && may_reopen(c, &g) && reopen(c, p, &g))
        return;
    if (!c) { /* section 3.10.7.1 */
        stack_drop(s, DROP_TCP_PORT);
        tcp_reset_reply(s, p, &g);
        return;
    }
    if (c->state == TCP_LISTEN) {
        c = tcp_input_listen(c, p, &g, 0);
        if (!c)
            return;
    }
    switch (c->state) {
    case TCP_LISTEN:
        break;
    case TCP_SYN_SENT:
        input_syn_sent(c, p, &g);
        break;
    case TCP_SYN_RECEIVED:
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT_1:
    case TCP_FIN_WAIT_2:
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_LAST_ACK:
    case TCP_TIME_WAIT:
        input_synchronised(c, p, &g);
        break;
    case TCP_CLOSED:
        break;
    }
    INVARIANTS(tcp_invariants(c));
}

/* The path MTU is smaller: data in flight is segmented again. It was not lost to congestion, so the
 * congestion window is kept (RFC 1191 section 6.5). */
static void take_path_mtu(struct tcp_conn *c, uint32_t mtu)
{
    uint32_t mss = mtu - sizeof(struct ipv4_header) - sizeof(struct tcp_header);

    if (mss >= c->mss || c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED)
        return;
    c->mss = mss;
    c->snd_nxt = c->snd_una;
    c->rtt_start_ns = 0;
    c->resend = false;
    c->resend_reason = RETRANSMIT_MTU;
}

/* An ICMP error about a segment that is still in flight (RFC 5927): hard errors end a connection
 * attempt, everything else is only remembered (MUST-56). */
void tcp_icmp_error(struct stack *s, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                    uint32_t seq, int error, bool hard, uint32_t mtu)
{
    struct tcp_conn *c = find(s, remote, remote_port, local_port);

    if (!c || c->state == TCP_LISTEN || seq_lt(seq, c->snd_una) || !seq_lt(seq, c->snd_max)) {
        stack_drop(s, DROP_ICMP_QUOTE);
        return;
    }
    if (mtu) {
        take_path_mtu(c, mtu);
        return;
    }
    c->soft_error = error;
    if (hard && c->state == TCP_SYN_SENT)
        tcp_abort(c, error);
}
