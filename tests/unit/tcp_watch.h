/*
 * The rules of RFC 9293 as a watcher knows them who sees every segment in both directions and a
 * connection's block before and after each: for tests that send a stack whatever they like. The
 * rules are written again from the book, not taken from core/net.
 *
 * watch_input() gives a segment to the stack and judges what it changed; watch_run() is one poll,
 * and judges what is owed after it; every frame sent is judged when it leaves. The bytes of both
 * directions follow from their sequence numbers, so each byte received, sent or sent again is
 * compared. A broken rule ends the test with its name.
 */
#ifndef DRYWIRE_TCP_WATCH_H
#define DRYWIRE_TCP_WATCH_H

#include "stack_fixture.h"

enum { WATCH_FINS = 256, WATCH_COOKIES = 64 };

/* A segment of the peer, as it was built. `broken`: malformed on purpose, so it must be ignored. */
struct watch_segment {
    uint16_t own_port, peer_port;
    uint32_t seq, ack, len;
    uint16_t window;
    uint8_t flags;
    bool broken, stamped; /* stamped: it has a timestamp */
    uint32_t stamp;
};

/* What was seen of the connection in a block. */
struct watch_flow {
    bool live;
    uint16_t own_port, peer_port;
    uint32_t iss;
    uint32_t wire_max;          /* after the highest number that it sent */
    uint32_t acked, right_edge; /* last sent */
    bool edge_known;
    uint32_t wl1, wl2;         /* of the segment that last set the window */
    uint32_t written;          /* by the program */
    uint32_t fins[WATCH_FINS]; /* where the peer's FINs were */
    unsigned fin_count;
    bool rto_due, first_sent; /* in this poll: the timer expired, what is at snd_una was sent */
};

/* A SYN-ACK of which the stack keeps nothing. */
struct watch_cookie {
    uint16_t own_port, peer_port;
    uint32_t iss, irs;
};

static struct watch {
    struct stack_test *x;
    uint64_t now_ns;
    bool rst_in;  /* a RST is being given to the stack */
    bool starved; /* the same with a segment whose data has no page, perhaps */
    struct watch_flow flow[CONNS];
    const struct watch_segment *syn_in; /* the same with a SYN alone */
    struct watch_cookie cookie[WATCH_COOKIES];
    unsigned cookie_count;
    uint64_t segments, frames;                 /* in, out */
    void (*on_frame)(const struct decoded *d); /* NULL, or a peer that replies */
    char where[200];                           /* for messages: how to see it again */
} watch;

static inline void must(bool ok, const char *rule)
{
    if (!ok)
        fail_msg("%s (segment %llu, %s)", rule, (unsigned long long)watch.segments, watch.where);
}

/* ---- the bytes ---- */

static inline uint8_t peer_byte(uint16_t peer_port, uint32_t seq)
{
    return (uint8_t)((seq * 2654435761u + peer_port) >> 24);
}

static inline uint8_t own_byte(uint32_t offset)
{
    return (uint8_t)((offset * 2246822519u + 12345) >> 24);
}

/* ---- blocks ---- */

static inline struct tcp_conn *watch_find(uint16_t own_port, uint16_t peer_port)
{
    for (unsigned i = 0; i < CONNS; i++) {
        struct tcp_conn *c = &watch.x->s.tcp.conn[i];

        if (c->state != TCPS_CLOSED && c->state != TCPS_LISTEN && c->local_port == own_port &&
            c->remote_port == peer_port)
            return c;
    }
    return 0;
}

static inline bool same_connection(const struct tcp_conn *a, const struct tcp_conn *b)
{
    return a->state != TCPS_CLOSED && a->iss == b->iss && a->local_port == b->local_port &&
           a->remote_port == b->remote_port;
}

static inline bool watch_cookie_known(const struct tcp_conn *c)
{
    for (unsigned i = 0; i < watch.cookie_count && i < WATCH_COOKIES; i++) {
        const struct watch_cookie *k = &watch.cookie[i];

        if (k->own_port == c->local_port && k->peer_port == c->remote_port && k->irs == c->irs &&
            (k->iss ^ c->iss) < 8) /* the lowest bits are the MSS: the peer can choose it */
            return true;
    }
    return false;
}

static inline uint8_t received_byte(const struct tcp_conn *c, uint32_t at)
{
    struct tcp_buffer b = c->rcv;
    uint32_t len = 1;

    return *tcp_buffer_at(&c->tcp->pages, &b, at, &len);
}

/* A connection that the peer's ACK of a cookie has made. */
static inline void watch_cookie_child(const struct tcp_conn *c, struct watch_flow *f)
{
    must(watch_cookie_known(c), "a connection of a SYN-ACK that was not sent");
    f->wire_max = c->iss + 1;
    f->acked = c->irs + 1;
    f->right_edge = f->acked + tcp_first_window(c->tcp);
    f->edge_known = true;
    f->wl1 = c->snd_wl1;
    f->wl2 = c->snd_wl2;
    for (uint32_t at = f->acked; at != c->rcv_nxt - c->fin_received; at++)
        must(received_byte(c, at) == peer_byte(c->remote_port, at),
             "acknowledged a byte that the peer did not send");
}

/* After anything that can start or end a connection. */
static inline void watch_blocks(void)
{
    for (unsigned i = 0; i < CONNS; i++) {
        const struct tcp_conn *c = &watch.x->s.tcp.conn[i];
        struct watch_flow *f = &watch.flow[i];

        if (c->state == TCPS_CLOSED || c->state == TCPS_LISTEN) {
            f->live = false;
        } else if (!f->live || f->iss != c->iss || f->own_port != c->local_port ||
                   f->peer_port != c->remote_port) {
            *f = (struct watch_flow){.live = true,
                                     .own_port = c->local_port,
                                     .peer_port = c->remote_port,
                                     .iss = c->iss,
                                     .wire_max = c->iss};
            if (c->state > TCPS_SYN_RECEIVED)
                watch_cookie_child(c, f);
        }
    }
}

/* ---- what the stack sends ---- */

static inline void watch_data(const struct watch_flow *f, const struct decoded *d)
{
    uint32_t offset = d->tcp_seq - f->iss - 1;

    must(!d->payload_len || offset + d->payload_len <= f->written,
         "sent bytes that the program did not write");
    for (size_t i = 0; i < d->payload_len; i++)
        must(d->payload[i] == own_byte(offset + (uint32_t)i), "sent a wrong byte");
}

static inline void watch_ack(struct watch_flow *f, const struct tcp_conn *c,
                             const struct decoded *d)
{
    uint32_t unit = UINT32_C(1) << (d->tcp_flags & TCP_SYN ? 0 : c->rcv_shift);
    uint32_t edge = d->tcp_ack + d->tcp_window * unit;

    must(d->tcp_ack == c->rcv_nxt, "an ACK is not what was received");
    must(!f->edge_known || seq_lt(f->right_edge, edge + unit), "the offered window shrank");
    must(edge - c->rcv_read <= tcp_capacity(c) + unit, "offered more than there is room for");
    f->acked = d->tcp_ack;
    f->right_edge = !f->edge_known || seq_lt(f->right_edge, edge) ? edge : f->right_edge;
    f->edge_known = true;
}

/* Only what both SYNs have; the options of a segment come out of what fits (RFC 6691). */
static inline void watch_options(const struct watch_flow *f, const struct tcp_conn *c,
                                 const struct decoded *d)
{
    size_t used = d->tcp_header_len - 20u + d->payload_len;

    must(d->tcp_stamped == c->stamps, "a timestamp without agreement, or none with it");
    must(!d->tcp_sack_count || c->sacks, "SACK blocks without agreement");
    must(!d->payload_len || used <= c->mss + (c->stamps ? TCP_STAMPS_LEN : 0u),
         "more than the MSS");
    for (unsigned i = 0; i < d->tcp_sack_count; i++) {
        uint32_t start = d->tcp_sack[i].start, end = d->tcp_sack[i].end;

        must(seq_lt(start, end) && seq_le(end, f->right_edge), "a block of what was not offered");
        must(seq_le(end, d->tcp_ack) || seq_lt(d->tcp_ack, start) || c->fin_received,
             "a block that the ACK touches"); /* but a peer may send data after its FIN */
    }
}

static inline void watch_frame(const struct decoded *d)
{
    struct tcp_conn *c = watch_find(d->src_port, d->dst_port);
    struct watch_flow *f = c ? &watch.flow[c->number] : 0;
    uint32_t end = d->tcp_seq + (uint32_t)d->payload_len + !!(d->tcp_flags & TCP_SYN) +
                   !!(d->tcp_flags & TCP_FIN);

    if (d->tcp_flags & TCP_RST) {
        must(!watch.rst_in, "a RST is answered with a RST");
        return;
    }
    if (!c && watch.syn_in && d->tcp_flags == (TCP_SYN | TCP_ACK)) {
        must(d->tcp_ack == watch.syn_in->seq + 1, "a cookie acknowledges something else");
        watch.cookie[watch.cookie_count++ % WATCH_COOKIES] =
            (struct watch_cookie){d->src_port, d->dst_port, d->tcp_seq, watch.syn_in->seq};
        return;
    }
    must(f && f->live, "sent a segment of no connection");
    if (d->tcp_flags & TCP_SYN) {
        must(d->tcp_seq == f->iss, "a SYN has not the initial number");
        must(c->state == ((d->tcp_flags & TCP_ACK) ? TCPS_SYN_RECEIVED : TCPS_SYN_SENT),
             "a SYN in another state");
    } else {
        must(d->tcp_flags & TCP_ACK, "a segment without ACK");
        watch_data(f, d);
    }
    if (d->tcp_flags & TCP_FIN)
        must(c->fin_queued && end == f->iss + 1 + f->written + 1, "FIN is not after the last byte");
    if (d->tcp_flags & TCP_ACK)
        watch_ack(f, c, d);
    if (!(d->tcp_flags & TCP_SYN))
        watch_options(f, c, d);
    f->first_sent |= d->tcp_seq == c->snd_una && end != d->tcp_seq;
    if (seq_lt(f->wire_max, end)) {
        bool probe = end - d->tcp_seq == 1 && d->tcp_seq == c->snd_una && c->snd_wnd == 0;

        must(d->tcp_seq == f->wire_max || seq_lt(d->tcp_seq, f->wire_max), "numbers left out");
        must((d->tcp_flags & TCP_SYN) || probe || end - c->snd_una <= c->snd_wnd,
             "sent beyond the window");
        f->wire_max = end;
    }
}

static inline void watch_send(void *ctx, uint8_t *frame, size_t len)
{
    struct stack_test *x = ctx;
    struct decoded d;

    x->lent--;
    x->dev.frames_tx++;
    watch.frames++;
    decode_frame(frame, len, &d);
    must(!d.error && d.layer == LAYER_TCP, "sent a malformed segment");
    watch_frame(&d);
    if (watch.on_frame)
        watch.on_frame(&d);
    free(frame);
}

/* ---- what a segment may change ---- */

/* RFC 9293 section 3.4: the four cases; then what is accepted for its ACK alone. */
static inline bool book_accepts(const struct tcp_conn *b, const struct watch_segment *g)
{
    uint32_t len = g->len + !!(g->flags & TCP_SYN) + !!(g->flags & TCP_FIN);
    uint32_t wnd = b->rcv_adv - b->rcv_nxt;

    if (len && b->rcv_nxt - (g->seq + len) < max_u32(b->tcp->window, TCP_WINDOW_UNSCALED))
        return true; /* a duplicate, whose ACK may be new */
    if (g->seq == b->rcv_nxt)
        return true;
    if (len == 0 && (g->seq - b->rcv_nxt == wnd || g->seq - b->rcv_nxt == 1))
        return true; /* at the edge, or after a probe */
    if (wnd == 0)
        return false;
    return g->seq - b->rcv_nxt < wnd || (len && g->seq + len - 1 - b->rcv_nxt < wnd);
}

/* RFC 7323 section 5.3. */
static inline bool stamp_accepts(const struct tcp_conn *b, const struct watch_segment *g)
{
    uint64_t age_ns = watch.now_ns - b->stamp_recent_ns;

    if (!b->stamps)
        return true;
    if (!g->stamped)
        return g->flags & TCP_SYN; /* it gets an ACK, whatever it has */
    return !seq_lt(g->stamp, b->stamp_recent) || age_ns > TCP_STAMP_OLD_NS;
}

static inline bool ack_in_range(const struct tcp_conn *b, const struct watch_segment *g)
{
    if (!(g->flags & TCP_ACK) || seq_lt(b->snd_max, g->ack))
        return false;
    if (b->state == TCPS_SYN_RECEIVED)
        return seq_lt(b->snd_una, g->ack);
    return seq_le(b->snd_una - b->snd_wnd_max, g->ack);
}

static inline void judge_rst(const struct tcp_conn *b, const struct tcp_conn *a,
                             const struct watch_segment *g)
{
    bool valid = g->seq == b->rcv_nxt && b->state != TCPS_TIME_WAIT;

    if (b->state == TCPS_SYN_SENT)
        valid = (g->flags & TCP_ACK) && g->ack - b->iss - 1 < b->snd_max - b->iss;
    must(same_connection(a, b) == !valid,
         valid ? "a valid RST did not end it" : "a RST with another number ended it");
    if (!valid)
        must(a->state == b->state && a->rcv_nxt == b->rcv_nxt && a->snd_una == b->snd_una,
             "an invalid RST changed it");
}

static inline void judge_syn_sent(const struct tcp_conn *b, const struct tcp_conn *a,
                                  const struct watch_segment *g)
{
    bool good = (g->flags & TCP_ACK) && g->ack - b->iss - 1 < b->snd_max - b->iss;
    struct watch_flow *f = &watch.flow[b->number];
    enum tcp_state to = TCPS_SYN_SENT;

    if ((g->flags & TCP_SYN) && good)
        to = TCPS_ESTABLISHED;
    else if ((g->flags & TCP_SYN) && !(g->flags & TCP_ACK))
        to = TCPS_SYN_RECEIVED;
    must(a->state == to, "the wrong state after SYN-SENT");
    if (to != TCPS_SYN_SENT)
        must(a->rcv_nxt == g->seq + 1 && a->snd_wnd == g->window, "a SYN was not taken");
    f->wl1 = g->seq;
    f->wl2 = g->ack;
}

/* An end without a RST has three reasons. */
static inline void judge_end(const struct tcp_conn *b, const struct watch_segment *g)
{
    const struct watch_flow *f = &watch.flow[b->number];
    bool orphan = !b->owned && !b->listener;
    bool no_reader =
        b->state == TCPS_SYN_RECEIVED || b->state == TCPS_FIN_WAIT_1 || b->state == TCPS_FIN_WAIT_2;
    bool by_stamp = g->stamped && (!b->stamps || g->stamp != b->stamp_recent);
    bool later = by_stamp ? !b->stamps || seq_lt(b->stamp_recent, g->stamp)
                          : seq_lt(b->rcv_nxt, g->seq); /* RFC 6191 section 2 */
    bool reopened = b->state == TCPS_TIME_WAIT && orphan && (g->flags & TCP_SYN) && later;

    must((b->state == TCPS_LAST_ACK && g->ack == f->iss + f->written + 2) ||
             (orphan && no_reader && g->len) || reopened,
         "a segment without RST ended it");
    if (reopened) {
        const struct tcp_conn *next = watch_find(g->own_port, g->peer_port);

        must(next && seq_lt(b->snd_max, next->iss), "TIME-WAIT ended, and no newer one started");
    }
}

static inline void judge_ack(const struct tcp_conn *b, const struct tcp_conn *a,
                             const struct watch_segment *g, bool taken)
{
    struct watch_flow *f = &watch.flow[b->number];
    bool ack_new = taken && seq_lt(b->snd_una, g->ack), update;
    uint32_t window = (uint32_t)g->window << (g->flags & TCP_SYN ? 0 : b->snd_shift);

    must(!ack_new || seq_le(g->ack, f->wire_max), "an ACK of what was never sent was taken");
    must(a->snd_una == (ack_new ? g->ack : b->snd_una), "snd_una is wrong after a segment");
    must(a->snd_start + a->snd_len == f->iss + 1 + f->written, "the send buffer lost its place");
    if (a->state == TCPS_FIN_WAIT_2 || a->state == TCPS_TIME_WAIT)
        must(a->snd_una == f->iss + f->written + 2, "our FIN is not acknowledged yet");
    update = taken && seq_le(b->snd_una, g->ack) &&
             (b->state == TCPS_SYN_RECEIVED || ack_new || seq_lt(f->wl1, g->seq) ||
              (f->wl1 == g->seq && seq_le(f->wl2, g->ack)));
    if (update) {
        f->wl1 = g->seq;
        f->wl2 = g->ack;
    }
    must(a->snd_wnd == (update ? window : b->snd_wnd),
         update ? "a new window was not taken" : "an old segment set the window");
}

static inline bool sent_fin_at(const struct watch_flow *f, uint32_t at)
{
    for (unsigned i = 0; i < f->fin_count && i < WATCH_FINS; i++)
        if (f->fins[i] == at)
            return true;
    return false;
}

static inline void judge_data(const struct tcp_conn *b, const struct tcp_conn *a,
                              const struct watch_segment *g, bool taken)
{
    const struct watch_flow *f = &watch.flow[b->number];
    bool fin = a->fin_received && !b->fin_received;
    uint32_t end = g->seq + g->len, to = a->rcv_nxt - fin;

    must(seq_le(b->rcv_nxt, a->rcv_nxt), "rcv_nxt went back");
    must(taken || a->rcv_nxt == b->rcv_nxt, "data of a bad segment was taken");
    must(!b->fin_received || a->rcv_nxt == b->rcv_nxt, "data after the end");
    for (uint32_t at = b->rcv_nxt; at != to; at++)
        must(received_byte(a, at) == peer_byte(f->peer_port, at),
             "acknowledged a byte that the peer did not send");
    if (fin)
        must(sent_fin_at(f, to), "the stream ends where the peer did not end it");
    if (!taken || b->fin_received || !seq_le(g->seq, b->rcv_nxt))
        return;
    if (seq_lt(b->rcv_adv, end))
        end = b->rcv_adv;
    if (g->len && watch.starved)
        return;
    must(seq_le(end, a->rcv_nxt), "data in order and in the window was not taken");
    if ((g->flags & TCP_FIN) && end == g->seq + g->len && seq_le(b->rcv_nxt, end) &&
        b->rcv_adv != b->rcv_nxt)
        must(a->fin_received || seq_lt(end, a->rcv_nxt), "a FIN in order was not taken");
}

static inline void judge(const struct tcp_conn *b, const struct tcp_conn *a,
                         const struct watch_segment *g)
{
    bool syn = g->flags & TCP_SYN;
    bool again = b->state == TCPS_SYN_RECEIVED && syn && g->seq == b->irs;
    bool taken;

    if (g->broken) {
        must(!memcmp(a, b, sizeof(*a)), "a malformed segment changed something");
    } else if (g->flags & TCP_RST) {
        judge_rst(b, a, g);
    } else if (b->state == TCPS_SYN_SENT) {
        judge_syn_sent(b, a, g);
    } else if (!same_connection(a, b)) {
        judge_end(b, g);
    } else if (!stamp_accepts(b, g)) {
        must(a->state == b->state && a->rcv_nxt == b->rcv_nxt && a->snd_una == b->snd_una &&
                 a->snd_wnd == b->snd_wnd,
             "a segment of another time changed it");
    } else {
        taken =
            (again ? (g->flags & TCP_ACK) != 0 : book_accepts(b, g) && !syn) && ack_in_range(b, g);
        judge_ack(b, a, g, taken);
        judge_data(b, a, g, taken);
        if (!book_accepts(b, g) && !syn && (g->len || (g->flags & TCP_FIN)))
            must(a->ack_now, "no ACK for a segment outside the window");
        if (taken && g->len && !b->fin_received && !watch.starved)
            must(a->ack_now || a->delack_at_ns != DEADLINE_NEVER, "no ACK for data");
    }
}

/* ---- a segment and a poll ---- */

static inline void watch_input(const struct watch_segment *g, const uint8_t *frame, size_t len)
{
    struct tcp_conn *c = watch_find(g->own_port, g->peer_port), before;

    watch.segments++;
    if (c && c->ack_now && !g->broken)
        tcp_output(c); /* tcp_input() does: what it sends is not of this segment */
    if (c) {
        struct watch_flow *f = &watch.flow[c->number];

        memcpy(&before, c, sizeof(before));
        if (g->flags & TCP_FIN)
            f->fins[f->fin_count++ % WATCH_FINS] = g->seq + !!(g->flags & TCP_SYN) + g->len;
    }
    watch.rst_in = g->flags & TCP_RST;
    watch.starved = !tcp_page_available(&watch.x->s.tcp.pages, PAGE_RECEIVES, NEED_GAP);
    watch.syn_in = !c && !g->broken && (g->flags & TCP_SYN) ? g : 0;
    input(watch.x, frame, len);
    watch.rst_in = false;
    watch.syn_in = 0;
    if (c)
        judge(&before, c, g);
    watch_blocks();
}

/* What is owed is sent, or a timer is set for it. */
static inline void watch_owed(const struct tcp_conn *c)
{
    const struct watch_flow *f = &watch.flow[c->number];
    bool timer = c->rto_at_ns != DEADLINE_NEVER || c->persist_at_ns != DEADLINE_NEVER;
    bool all_acked = c->snd_una == f->iss + 1 + f->written + c->fin_queued;

    must(!f->rto_due || f->first_sent,
         "the timer expired, and the first segment was not sent again");
    must(c->snd_max == f->wire_max, "snd_max is not what was sent");
    must(timer || all_acked, "what is not acknowledged has no timer");
    if (c->state == TCPS_SYN_SENT)
        return;
    must(!c->ack_now, "an ACK was owed and not sent");
    must(f->acked == c->rcv_nxt || c->delack_at_ns != DEADLINE_NEVER, "an ACK has no timer");
    must(c->owned || c->listener || timer || c->linger_at_ns != DEADLINE_NEVER,
         "a closed connection has no timer that ends it");
}

static inline void watch_run(void)
{
    struct stack *s = &watch.x->s;

    for (unsigned i = 0; i < CONNS; i++) {
        watch.flow[i].rto_due =
            s->tcp.conn[i].rto_at_ns <= watch.now_ns && !s->tcp.conn[i].tail_timer;
        watch.flow[i].first_sent = false;
    }
    stack_timers(s);
    watch_blocks();
    stack_output(s);
    if (watch.x->room <= 0)
        return; /* perhaps something waits for the device */
    for (unsigned i = 0; i < CONNS; i++)
        if (s->tcp.conn[i].state != TCPS_CLOSED && s->tcp.conn[i].state != TCPS_LISTEN)
            watch_owed(&s->tcp.conn[i]);
    must(tcp_deadline(&s->tcp) > watch.now_ns, "a deadline passed and nothing was done");
}

static inline void watch_at(uint64_t now_ns)
{
    watch.now_ns = now_ns;
    watch.x->s.arp.entry[0].answered_ns = now_ns + 1000 * NS_PER_S;
    stack_begin(&watch.x->s, now_ns);
}

/* ---- the program's calls ---- */

static inline void program_write(struct tcp_conn *c, uint32_t most)
{
    struct watch_flow *f = &watch.flow[c->number];
    uint8_t *to;
    int n = tcp_writable(c, &to);

    if (n <= 0)
        return;
    n = (uint32_t)n < most ? n : (int)most;
    for (int i = 0; i < n; i++)
        to[i] = own_byte(f->written++);
    tcp_commit(c, (size_t)n);
}

/* Read at most `most` bytes; the number, 0 at the end, or an error. */
static inline int program_read(struct tcp_conn *c, uint32_t most)
{
    const uint8_t *from;
    int n = tcp_readable(c, &from);

    if (n <= 0)
        return n;
    n = (uint32_t)n < most ? n : (int)most;
    for (int i = 0; i < n; i++)
        must(from[i] == peer_byte(c->remote_port, c->rcv_read + (uint32_t)i),
             "the program reads a byte that the peer did not send");
    tcp_consume(c, (size_t)n);
    return n;
}

#endif
