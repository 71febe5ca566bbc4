/*
 * TCP input in the order of RFC 9293 section 3.10.7: first the states without a synchronised peer,
 * then the numbered checks of section 3.10.7.4, one block per step. Nothing is sent from here: this
 * changes state, tcp_output() sends what is due. See tcp.h.
 */
#include "../base/check.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../trace/trace.h"
#include "tcp_internal.h"

/* ---- small steps ---- */

/* MUST-14, MUST-15, MUST-16, less the options of each segment (RFC 6691); an MSS of 0 is
 * ignored. */
static void take_mss(struct tcp_conn *c, const struct tcp_segment *g)
{
    uint32_t own = ipv4_mtu(c->tcp->ip, c->remote_addr) - 40u;
    uint32_t mss = min_u32(g->mss ? g->mss : TCP_DEFAULT_MSS, own);
    uint32_t options = c->stamps ? TCP_STAMPS_LEN : 0;

    c->mss = mss > options ? mss - options : 1;
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
    tcp_congestion_open(&c->cc, c->mss, c->syn_retried);
    if (c->syn_retried)
        c->rto_ns = TCP_RTO_AFTER_SYN_NS;
    take_window(c, g);
    c->linger_at_ns = DEADLINE_NEVER;
    tcp_move(c, TCPS_ESTABLISHED);
    tcp_progress(c);
    if (c->passive)
        TRACE(c->tcp->net->platform, TRACE_TCP_ACCEPTED, c->local_port, c->remote_addr,
              c->remote_port);
    else
        TRACE(c->tcp->net->platform, TRACE_TCP_CONNECTED, c->local_port, c->remote_addr,
              c->remote_port);
    tcp_keepalive_start(c);
    if (c->passive)
        tcp_keep_room(c->tcp);
    if (c->fin_queued) /* closed meanwhile */
        tcp_move(c, TCPS_FIN_WAIT_1);
}

/* Our SYN offers every option, a SYN-ACK those of the peer: with its SYN all is agreed upon. */
void tcp_take_syn(struct tcp_conn *c, const struct tcp_segment *g)
{
    c->irs = g->seq;
    c->rcv_nxt = c->rcv_read = g->seq + 1;
    c->rcv_adv = c->rcv_nxt;
    c->sacks = g->sack_permitted;
    c->scaled = g->scales;
    c->snd_shift = c->scaled ? g->shift : 0;
    c->rcv_shift = c->scaled ? c->tcp->shift : 0;
    c->stamps = g->stamped;
    c->stamp_recent = g->stamp;
    c->stamp_recent_ns = c->tcp->net->now_ns;
    take_mss(c, g);
}

/* ---- SYN-SENT: section 3.10.7.3 ---- */

static struct verdict input_syn_sent(struct tcp_conn *c, const struct tcp_segment *g)
{
    bool ack = g->flags & TCP_ACK;

    if (ack && (seq_le(g->ack, c->iss) || seq_lt(c->snd_max, g->ack)))
        return (struct verdict){DROP_TCP_ACK, ANSWER_RESET};
    if (g->flags & TCP_RST) {
        if (!ack)
            return verdict_drop(DROP_TCP_SEQUENCE);
        TRACE(c->tcp->net->platform, TRACE_TCP_RST_RECEIVED, c->local_port, c->remote_addr,
              c->remote_port);
        tcp_abort(c, ERR_REFUSED);
        return VERDICT_ACCEPTED;
    }
    if (!(g->flags & TCP_SYN))
        return verdict_drop(DROP_TCP_FLAGS);
    tcp_take_syn(c, g);
    if (!ack) { /* simultaneous open: MUST-10 */
        c->snd_wnd = g->wnd;
        c->snd_nxt = c->iss;
        c->ack_now = true; /* even if the peer's ACK of our SYN comes before our SYN-ACK leaves */
        tcp_move(c, TCPS_SYN_RECEIVED);
        return VERDICT_ACCEPTED;
    }
    if (c->rtt_start_ns && !c->syn_retried)
        tcp_rtt_sample(c, c->tcp->net->now_ns - c->rtt_start_ns);
    c->rtt_start_ns = 0;
    c->snd_una = c->snd_nxt = g->ack;
    c->rto_at_ns = DEADLINE_NEVER;
    establish(c, g);
    c->ack_now = true;
    return VERDICT_ACCEPTED; /* data in a SYN-ACK is not taken; the peer sends it again */
}

/* ---- 3.10.7.4, first: sequence number ---- */

/*
 * The acceptance test, with the exception for ACK, URG and RST at a closed window (MUST-66), and
 * one for full duplicates: they are acknowledged, and only their ACK field is used, which may be
 * newer than their data. Without it the ACK of our FIN in a retransmitted FIN would be lost. An ACK
 * alone may also have the number at the right edge, when all of the window is in flight, and the
 * one after a closed window, when that was probed: both ends may have closed theirs.
 */
static bool acceptable(const struct tcp_conn *c, const struct tcp_segment *g)
{
    uint32_t wnd = c->rcv_adv - c->rcv_nxt, len = tcp_seg_len(g);
    bool start_in = g->seq - c->rcv_nxt < wnd;
    bool end_in = g->seq + len - 1 - c->rcv_nxt < wnd;
    bool old = len && c->rcv_nxt - (g->seq + len) < max_u32(c->tcp->window, TCP_WINDOW_UNSCALED);

    if (old)
        return true;
    if (len == 0)
        return g->seq - c->rcv_nxt <= max_u32(wnd, 1);
    if (wnd == 0)
        return g->seq == c->rcv_nxt;
    return start_in || end_in;
}

/* Keep only what is inside the window. What is cut on the left was received before, which is
 * reported: RFC 2883 section 4. */
static void trim(struct tcp_conn *c, struct tcp_segment *g)
{
    uint32_t before = c->rcv_nxt - g->seq, wnd = c->rcv_adv - c->rcv_nxt, room;

    if (seq_lt(g->seq, c->rcv_nxt)) {
        if (g->flags & TCP_SYN) { /* the SYN's sequence number comes first */
            g->flags &= (uint8_t)~TCP_SYN;
            g->seq++;
            before--;
        }
        before = min_u32(before, g->len);
        if (before)
            c->twice = (struct tcp_range){g->seq, g->seq + before};
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

static struct verdict input_reset(struct tcp_conn *c, const struct tcp_segment *g)
{
    uint32_t wnd = c->rcv_adv - c->rcv_nxt;

    if (g->seq != c->rcv_nxt) { /* RFC 5961 section 3.2 */
        if (g->seq - c->rcv_nxt >= wnd)
            return verdict_drop(DROP_TCP_SEQUENCE);
        tcp_challenge(c);
        return VERDICT_ACCEPTED;
    }
    if (c->state == TCPS_TIME_WAIT) /* RFC 1337 */
        return VERDICT_ACCEPTED;
    TRACE(c->tcp->net->platform, TRACE_TCP_RST_RECEIVED, c->local_port, c->remote_addr,
          c->remote_port);
    if (c->state == TCPS_SYN_RECEIVED && c->passive)
        tcp_end(c); /* back to LISTEN */
    else
        tcp_abort(c, c->state == TCPS_SYN_RECEIVED ? ERR_REFUSED : ERR_RESET);
    return VERDICT_ACCEPTED;
}

/* ---- fifth: ACK ---- */

static void send_again(struct tcp_conn *c, enum retransmit_reason reason)
{
    c->resend = true;
    c->resend_reason = (uint8_t)reason;
}

static void take_ack(struct tcp_conn *c, uint32_t ack)
{
    uint32_t end = tcp_snd_end(c);
    uint32_t data = (seq_lt(ack, end) ? ack : end) - c->snd_start;
    uint64_t now_ns = c->tcp->net->now_ns;

    if (c->rtt_start_ns && seq_lt(c->rtt_seq, ack)) {
        tcp_rtt_sample(c, now_ns - c->rtt_start_ns);
        c->rtt_start_ns = 0;
    }
    if (seq_lt(c->snd_start, ack)) {
        c->snd_start += data;
        c->snd_len -= data;
        tcp_settle_sent(c);
    }
    c->snd_una = ack;
    if (seq_lt(c->snd_nxt, ack))
        c->snd_nxt = ack;
    c->first_unacked_ns = now_ns;
    tcp_progress(c);
    c->soft_error = 0;
    c->timed_out = false;
    c->resend = false; /* of what is acknowledged now */
    if (c->snd_una == c->snd_max)
        c->rto_at_ns = DEADLINE_NEVER; /* RFC 6298 (5.2) */
    else
        tcp_timer_start(c); /* (5.3) */
}

/* What an ACK means for a peer that does not do SACK. */
static void input_ack_reno(struct tcp_conn *c, const struct tcp_segment *g, uint32_t acked)
{
    struct tcp_congestion_ack a = tcp_ack_of(c, acked, tcp_flight(c) + acked);

    if (acked) {
        if (tcp_congestion_reno(&c->cc, &a))
            send_again(c, RETRANSMIT_PARTIAL);
    } else if (g->ack == c->snd_una && !g->had_data && !(g->flags & TCP_FIN) &&
               g->wnd == c->snd_wnd && c->snd_una != c->snd_max &&
               c->persist_at_ns == DEADLINE_NEVER) {
        if (tcp_congestion_duplicate(&c->cc, c->mss, c->snd_una, c->snd_max))
            send_again(c, RETRANSMIT_FAST);
    }
}

/* And for one that does. Most ACKs have nothing to do with a loss. */
static void input_ack_sack(struct tcp_conn *c, const struct tcp_segment *g, uint32_t acked)
{
    bool repairs = (g->sack_count || c->tail_out || c->board) && tcp_recovery_input(c, g, acked);

    if (acked && !repairs)
        tcp_grow(c, acked, tcp_flight(c) + acked);
}

/* A peer whose window is closed is alive if it says so: its data waits without a limit (MUST-37).
 * An open window ends probing; the probe byte may not have been accepted. */
static void window_changed(struct tcp_conn *c)
{
    if (c->snd_wnd == 0 || c->probes)
        c->first_unacked_ns = c->tcp->net->now_ns;
    if (c->snd_wnd == 0 || !c->probes)
        return;
    c->persist_at_ns = DEADLINE_NEVER;
    c->probes = 0;
    c->probe = false;
    tcp_go_back(c);
    c->rto_at_ns = DEADLINE_NEVER;
}

/* False: the segment ends here, with this verdict. */
static bool tcp_input_ack(struct tcp_conn *c, const struct tcp_segment *g, struct verdict *v)
{
    uint32_t acked;
    bool update;

    if (!(g->flags & TCP_ACK)) {
        *v = verdict_drop(DROP_TCP_FLAGS);
        return false;
    }
    if (c->state == TCPS_SYN_RECEIVED) {
        if (seq_le(g->ack, c->snd_una) || seq_lt(c->snd_max, g->ack)) {
            *v = verdict_answer(ANSWER_RESET);
            return false;
        }
        establish(c, g);
    }
    if (seq_lt(c->snd_max, g->ack) || seq_lt(g->ack, c->snd_una - c->snd_wnd_max)) {
        tcp_challenge(c);
        *v = verdict_drop(DROP_TCP_ACK); /* RFC 5961 section 5.2 */
        return false;
    }
    acked = seq_lt(c->snd_una, g->ack) ? g->ack - c->snd_una : 0;
    /* What acknowledges new data is the peer's latest word, even if its own data is sent again:
     * with the window of before, the right edge would move. */
    update =
        acked || (c->snd_una == g->ack && (seq_lt(c->snd_wl1, g->first) ||
                                           (c->snd_wl1 == g->first && seq_le(c->snd_wl2, g->ack))));
    if (acked)
        take_ack(c, g->ack);
    if (c->sacks)
        input_ack_sack(c, g, acked);
    else
        input_ack_reno(c, g, acked);
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
    case TCPS_FIN_WAIT_1:
        tcp_move(c, TCPS_FIN_WAIT_2);
        break;
    case TCPS_CLOSING:
        tcp_enter_time_wait(c);
        break;
    case TCPS_LAST_ACK:
        tcp_end(c);
        return false;
    case TCPS_CLOSED:
    case TCPS_LISTEN:
    case TCPS_SYN_SENT:
    case TCPS_SYN_RECEIVED:
    case TCPS_ESTABLISHED:
    case TCPS_FIN_WAIT_2:
    case TCPS_CLOSE_WAIT:
    case TCPS_TIME_WAIT:
        break;
    }
    return true;
}

/* ---- seventh: data ---- */

/* Copy the parts of [seq, end) that are not stored yet, when there is a gap: the bytes received
 * first win (threats T18). */
static void store_missing(struct tcp_conn *c, uint32_t seq, uint32_t end, const uint8_t *data)
{
    uint32_t at = seq, stop;

    CHECK(seq_le(c->rcv_nxt, seq));
    CHECK(seq_le(end, c->rcv_adv));
    while (seq_lt(at, end) && tcp_reassembly_missing(c->ooo, &at, end, &stop)) {
        tcp_buffer_write(&c->tcp->pages, &c->rcv, at, data + (at - seq), stop - at);
        at = stop;
    }
}

/* Room for data after a gap, and for its description. */
static bool has_room_after_gap(struct tcp_conn *c, const struct tcp_segment *g)
{
    struct tcp_pages *p = &c->tcp->pages;
    uint32_t end = g->seq + g->len, page;

    if (c->ooo && c->ooo->count == TCP_OOO_MAX)
        return false;
    if (tcp_buffer_extend(p, &c->rcv, PAGE_RECEIVES, NEED_GAP, c->rcv_nxt, end) != end)
        return false;
    if (c->ooo)
        return true;
    page = tcp_page_lend(p, PAGE_RECEIVES, NEED_GAP);
    if (!page)
        return false;
    c->ooo = (struct tcp_reassembly *)(void *)tcp_page_bytes(p, page);
    c->ooo->count = 0;
    c->ooo->clock = 0;
    return true;
}

/* What is in this data and came after a gap before; of several parts the first is reported. */
static void find_twice(struct tcp_conn *c, const struct tcp_segment *g)
{
    if (c->twice.start == c->twice.end)
        c->twice = tcp_reassembly_overlap(c->ooo, g->seq, g->seq + g->len);
}

/* False: it is not kept. */
static bool input_out_of_order(struct tcp_conn *c, const struct tcp_segment *g)
{
    c->ack_now = true; /* a duplicate ACK at once: RFC 5681 section 3.2 */
    c->quick_acks = TCP_QUICK_ACKS;
    if (!has_room_after_gap(c, g)) {
        tcp_settle_received(c);
        return false;
    }
    find_twice(c, g);
    store_missing(c, g->seq, g->seq + g->len, g->data);
    tcp_reassembly_add(c->ooo, g->seq, g->seq + g->len);
    return true;
}

/* False: there is no room for all of it now. */
static bool input_in_order(struct tcp_conn *c, const struct tcp_segment *g)
{
    uint32_t end = g->seq + g->len;
    bool gap = c->ooo;

    if (tcp_buffer_extend(&c->tcp->pages, &c->rcv, PAGE_RECEIVES, NEED_NEXT, g->seq, end) != end) {
        tcp_settle_received(c);
        return false;
    }
    CHECK(seq_le(end, c->rcv_adv));
    if (gap) {
        find_twice(c, g);
        store_missing(c, g->seq, end, g->data);
    } else {
        tcp_buffer_write(&c->tcp->pages, &c->rcv, g->seq, g->data, g->len);
    }
    tcp_progress(c);
    c->rcv_nxt = gap ? tcp_reassembly_advance(c->ooo, end) : end;
    if (gap)
        tcp_settle_received(c);
    c->segments_unacked++;
    if (c->quick_acks) { /* the window of a peer that counts ACKs grows again twice as fast */
        c->quick_acks--;
        c->ack_now = true;
    }
    if (gap || c->segments_unacked >= 2) /* SHLD-19; a filled gap at once: RFC 5681 section 4.2 */
        c->ack_now = true;
    else if (c->delack_at_ns == DEADLINE_NEVER)
        c->delack_at_ns = c->tcp->net->now_ns + TCP_DELACK_NS;
    return true;
}

/* False: there is no room for the data now, so the segment ends here. */
static bool input_data(struct tcp_conn *c, const struct tcp_segment *g)
{
    switch (c->state) {
    case TCPS_ESTABLISHED:
    case TCPS_FIN_WAIT_1:
    case TCPS_FIN_WAIT_2:
        return g->seq == c->rcv_nxt ? input_in_order(c, g) : input_out_of_order(c, g);
    case TCPS_CLOSED:
    case TCPS_LISTEN:
    case TCPS_SYN_SENT:
    case TCPS_SYN_RECEIVED:
    case TCPS_CLOSE_WAIT:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
    case TCPS_TIME_WAIT:
        break; /* the peer has closed: no more data is valid */
    }
    return true;
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
    case TCPS_ESTABLISHED:
        tcp_move(c, TCPS_CLOSE_WAIT);
        break;
    case TCPS_FIN_WAIT_1:
        tcp_move(c, TCPS_CLOSING);
        break;
    case TCPS_FIN_WAIT_2:
        tcp_enter_time_wait(c);
        break;
    case TCPS_CLOSED:
    case TCPS_LISTEN:
    case TCPS_SYN_SENT:
    case TCPS_SYN_RECEIVED:
    case TCPS_CLOSE_WAIT:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
    case TCPS_TIME_WAIT:
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
    if (c->state == TCPS_TIME_WAIT)
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

/* ---- timestamps: RFC 7323 section 5.3 ---- */

/* False: the segment is from another time, or lacks what was agreed upon; it ends here, with this
 * verdict. */
static bool input_stamp(struct tcp_conn *c, const struct tcp_segment *g, struct verdict *v)
{
    uint64_t age_ns = c->tcp->net->now_ns - c->stamp_recent_ns;

    if (g->flags & TCP_RST)
        return true;
    *v = verdict_drop(DROP_TCP_STAMP);
    if (!g->stamped)
        return g->flags & TCP_SYN; /* always gets a reply: RFC 5961 section 4.2 */
    if (!seq_lt(g->stamp, c->stamp_recent) || age_ns > TCP_STAMP_OLD_NS)
        return true;
    if (tcp_seg_len(g))
        c->ack_now = true;
    else
        tcp_challenge(c);
    return false;
}

/* The stamp of what comes next is the one to echo: section 4.3. */
static void keep_stamp(struct tcp_conn *c, const struct tcp_segment *g)
{
    if (!g->stamped || !seq_le(g->first, c->rcv_acked))
        return;
    c->stamp_recent = g->stamp;
    c->stamp_recent_ns = c->tcp->net->now_ns;
}

/* ---- 3.10.7.4 as a whole ---- */

/* Most segments: what comes next, within an open window. The first four steps and trim() would say
 * nothing of it. */
static bool is_next(const struct tcp_conn *c, const struct tcp_segment *g)
{
    uint32_t wnd = c->rcv_adv - c->rcv_nxt;

    return g->seq == c->rcv_nxt && wnd && g->len <= wnd &&
           !(g->flags & (TCP_SYN | TCP_FIN | TCP_RST));
}

/* First to fourth. False: the segment ends here, with this verdict. */
static bool input_sequence(struct tcp_conn *c, struct tcp_segment *g, struct verdict *v)
{
    *v = VERDICT_ACCEPTED;
    if (g->flags & TCP_RST) { /* second: its rules for the sequence number are stricter */
        *v = input_reset(c, g);
        return false;
    }
    if (c->state == TCPS_SYN_RECEIVED && (g->flags & TCP_SYN) && g->seq == c->irs) {
        if (!(g->flags & TCP_ACK)) {
            c->snd_nxt = c->iss; /* our SYN-ACK was lost: send it again */
            keep_stamp(c, g);
            return false;
        }
    } else if (!acceptable(c, g)) {
        if (tcp_seg_len(g) && !(g->flags & TCP_SYN))
            c->ack_now = true;
        else
            tcp_challenge(c); /* two ends that both reply to bare ACKs must not loop for ever */
        *v = verdict_drop(DROP_TCP_SEQUENCE);
        return false;
    } else if (g->flags & TCP_SYN) { /* fourth: RFC 5961 section 4.2 */
        tcp_challenge(c);
        *v = verdict_drop(DROP_TCP_FLAGS);
        return false;
    }
    if (tcp_seg_len(g) && (c->rcv_adv == c->rcv_nxt || seq_lt(g->seq, c->rcv_nxt)))
        c->ack_now = true; /* a probe of our closed window, or old bytes again */
    return true;
}

static struct verdict input_synchronised(struct tcp_conn *c, struct tcp_segment *g)
{
    struct verdict v;
    uint32_t fin_at = 0;

    if (c->stamps && !input_stamp(c, g, &v))
        return v;
    if (!is_next(c, g)) {
        if (!input_sequence(c, g, &v))
            return v;
        fin_at = g->seq + tcp_seg_len(g) - 1;
        trim(c, g);
    }
    c->heard_ns = c->tcp->net->now_ns;
    keep_stamp(c, g);

    /* Fifth, the ACK field. */
    if (!tcp_input_ack(c, g, &v))
        return v;
    if (tcp_fin_acked(c) && !fin_acknowledged(c))
        return VERDICT_ACCEPTED;

    /* Sixth: urgent data is delivered in band. Seventh, the data. */
    if (g->len && !c->owned && !c->listener &&
        (c->state == TCPS_FIN_WAIT_1 || c->state == TCPS_FIN_WAIT_2)) {
        tcp_send_reset(c); /* no program is left to read it: section 3.6.1 */
        tcp_end(c);
        return VERDICT_ACCEPTED;
    }
    if (g->len && !input_data(c, g))
        return verdict_drop(DROP_TCP_BUFFER);

    /* Eighth, FIN. */
    if (g->flags & TCP_FIN)
        fin_arrived(c, fin_at);
    if (c->fin_seen && !c->fin_received)
        fin_check(c);
    return VERDICT_ACCEPTED;
}

static struct tcp_conn *find_listener(const struct tcp *t, uint16_t port)
{
    struct tcp_conn *c = tcp_hash_find(t, 0, 0, port);

    return c && c->state == TCPS_LISTEN ? c : 0;
}

/* The connection that was found last is the next one, too, as a rule. */
static inline struct tcp_conn *find(struct tcp *t, uint32_t remote, uint16_t remote_port,
                                    uint16_t local_port)
{
    struct tcp_conn *c = t->recent;

    if (tcp_is_between(c, remote, remote_port, local_port) && c->hashed)
        return c;
    c = tcp_hash_find(t, remote, remote_port, local_port);
    if (c)
        return t->recent = c;
    return find_listener(t, local_port);
}

/* A SYN that is newer than all that the peer sent in a connection that waits for old segments may
 * open the next one: RFC 9293 MAY-2. Its timestamp decides before its number does: RFC 6191
 * section 2. */
static bool may_reopen(const struct tcp_conn *c, const struct tcp_segment *g)
{
    bool later = seq_lt(c->rcv_nxt, g->seq);

    if (g->stamped && !c->stamps)
        later = true;
    else if (g->stamped && g->stamp != c->stamp_recent)
        later = seq_lt(c->stamp_recent, g->stamp);
    return (g->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN && !c->owned && later;
}

/* False: no listener can take it now, so the old connection stays. */
static bool reopen(struct tcp_conn *c, const struct ipv4_packet *p, const struct tcp_segment *g,
                   struct verdict *v)
{
    struct tcp_conn *listener = find_listener(c->tcp, g->dst_port), *child;
    uint32_t above = c->snd_max;

    if (!listener || !tcp_listener_has_room(listener) || c->tcp->free_count < c->tcp->reserve)
        return false;
    tcp_end(c);
    *v = tcp_input_listen(listener, p, g, &above, &child);
    return true;
}

static struct verdict conn_input(struct tcp_conn *c, struct tcp_segment *g)
{
    switch (c->state) {
    case TCPS_SYN_SENT:
        return input_syn_sent(c, g);
    case TCPS_SYN_RECEIVED:
    case TCPS_ESTABLISHED:
    case TCPS_FIN_WAIT_1:
    case TCPS_FIN_WAIT_2:
    case TCPS_CLOSE_WAIT:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
    case TCPS_TIME_WAIT:
        return input_synchronised(c, g);
    case TCPS_CLOSED:
    case TCPS_LISTEN:
        break;
    }
    return VERDICT_ACCEPTED;
}

struct verdict tcp_input(struct tcp *t, const struct ipv4_packet *p)
{
    struct tcp_segment g;
    enum drop_reason reason = tcp_parse(p, &g);
    struct tcp_conn *c;
    struct verdict v;

    if (reason == DROP_COUNT && p->broadcast) /* MUST-57 */
        reason = DROP_IP_DESTINATION;
    if (reason != DROP_COUNT)
        return verdict_drop(reason);
    c = find(t, p->src, g.src_port, g.dst_port);
    if (!c) /* section 3.10.7.1 */
        return (struct verdict){DROP_TCP_PORT, ANSWER_RESET};
    if (c->ack_now)
        tcp_output(c); /* an ACK for each segment that asks for one, also within one poll */
    if (c->state == TCPS_TIME_WAIT && may_reopen(c, &g) && reopen(c, p, &g, &v))
        return v;
    if (c->state == TCPS_LISTEN) {
        v = tcp_input_listen(c, p, &g, 0, &c);
        if (!c)
            return v;
    }
    tcp_touch(c);
    if (!(g.flags & TCP_SYN))
        g.wnd <<= c->snd_shift;
    v = conn_input(c, &g);
    INVARIANTS(tcp_invariants(c));
    return v;
}

/* The path MTU is smaller: data in flight is segmented again. It was not lost to congestion, so the
 * congestion window is kept (RFC 1191 section 6.5). */
static void take_path_mtu(struct tcp_conn *c, uint32_t mtu)
{
    uint32_t mss = mtu - sizeof(struct ipv4_header) - sizeof(struct tcp_header) -
                   (c->stamps ? TCP_STAMPS_LEN : 0);

    if (mss >= c->mss || c->state == TCPS_SYN_SENT || c->state == TCPS_SYN_RECEIVED)
        return;
    c->mss = mss;
    tcp_go_back(c);
    c->rtt_start_ns = 0;
    c->resend = false;
    c->resend_reason = RETRANSMIT_MTU;
}

/* An ICMP error about a segment that is still in flight (RFC 5927): hard errors end a connection
 * attempt, everything else is only remembered (MUST-56). */
struct verdict tcp_icmp_error(struct tcp *t, const struct icmp_error *e)
{
    struct tcp_conn *c = find(t, e->remote, e->remote_port, e->local_port);

    if (!c || c->state == TCPS_LISTEN || seq_lt(e->seq, c->snd_una) || !seq_lt(e->seq, c->snd_max))
        return verdict_drop(DROP_ICMP_QUOTE);
    tcp_touch(c);
    if (e->mtu) {
        take_path_mtu(c, e->mtu);
        return VERDICT_ACCEPTED;
    }
    c->soft_error = e->error;
    if (e->hard && c->state == TCPS_SYN_SENT)
        tcp_abort(c, e->error);
    return VERDICT_ACCEPTED;
}
