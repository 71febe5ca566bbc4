/*
 * Builds all TCP segments. tcp_output() reads the state of a connection and sends what is due: SYN,
 * data within both windows, retransmissions, probes, FIN, or a bare ACK. It requests room from the
 * device before it builds, so nothing is built twice. See tcp.h; RFC 9293 section 3.8.
 */
#include "../base/check.h"
#include "../base/checksum.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../trace/trace.h"
#include "tcp_internal.h"

/* Resets that an outsider can provoke: a hundred a second, ten at once. */
#define TCP_RESET_INTERVAL_NS (10 * NS_PER_MS)
enum { TCP_RESET_BURST = 10 };

uint32_t tcp_offered_window(const struct tcp_conn *c)
{
    uint32_t held = tcp_unread(c), size = tcp_capacity(c), unit = UINT32_C(1) << c->rcv_shift;
    uint32_t window = held < size ? (size - held) & -unit : 0;
    uint32_t offered = c->rcv_adv - c->rcv_nxt;

    if (c->state == TCPS_SYN_RECEIVED) /* what a SYN-ACK that is sent again can offer, no more */
        return tcp_first_window(c->tcp) & -unit;
    if (window >= offered + min_u32(c->mss, size / 2))
        return window; /* grows in steps of at least one segment */

    if ((offered & (unit - 1)) == 0)
        return offered;

    /* What was offered is offered again, in whole units: a few bytes more, as long as they are
     * within one unit of the capacity. */
    window = (offered + unit - 1) & -unit;
    return held + window < size + unit ? window : offered & -unit;
}

static struct tcp_header *header_of(uint8_t *frame)
{
    return (struct tcp_header *)(frame + FRAME_IP_PAYLOAD);
}

/* Send a segment of which only data offset and checksum are missing, with `len` bytes of data after
 * `option_len` bytes of options. */
static inline void segment_send(struct tcp *t, uint8_t *frame, uint32_t src, uint32_t dst,
                                size_t option_len, size_t len)
{
    struct tcp_header *tcp = header_of(frame);
    size_t total = sizeof(*tcp) + option_len + len;
    uint64_t sum;

    CHECK(option_len % 4 == 0);
    tcp->offset = (uint8_t)((sizeof(*tcp) + option_len) / 4 << 4);
    sum = checksum_pseudo(src, dst, IP_PROTOCOL_TCP, total);
    tcp->checksum = checksum_finish(checksum_add(sum, tcp, total));
    ipv4_output(t->ip, frame, src, dst, IP_PROTOCOL_TCP, total);
}

/* What fits a packet of the way to that host, and so of the way back. */
static uint16_t own_mss(const struct ipv4 *ip, uint32_t remote)
{
    return (uint16_t)(ipv4_mtu(ip, remote) - 40);
}

/* A SYN offers all options, a SYN-ACK those that the peer's SYN had. */
static size_t syn_options(const struct tcp_conn *c, uint8_t *at)
{
    bool first = c->state == TCPS_SYN_SENT;
    struct tcp_options o = {
        .mss = own_mss(c->tcp->ip, c->remote_addr),
        .sack_permitted = first || c->sacks,
        .scales = first || c->scaled,
        .stamps = first || c->stamps,
        .shift = c->tcp->shift,
        .stamp = tcp_stamp(c),
        .echo = first ? 0 : c->stamp_recent,
    };

    return tcp_put_syn_options(at, &o);
}

/* What was received after a gap, and what came twice, as far as there is room after `used` bytes of
 * options beside `len` bytes of data: RFC 2018 section 4, RFC 2883 section 4. *complete: nothing of
 * it had to be left out. */
static size_t sack_option(struct tcp_conn *c, uint8_t *options, size_t used, uint32_t len,
                          bool *complete)
{
    uint32_t room = min_u32(TCP_OPTIONS_MAX - (uint32_t)used, len ? c->mss - len : UINT32_MAX);
    struct tcp_range block[TCP_SACK_MAX];
    unsigned most = room < 12 ? 0 : min_u32((room - 4) / 8, TCP_SACK_MAX), n = 0;

    *complete = most > 0;
    if (!most)
        return 0;
    if (c->twice.start != c->twice.end)
        block[n++] = c->twice;
    c->twice.end = c->twice.start;
    if (c->ooo)
        n += tcp_reassembly_recent(c->ooo, block + n, most - n);
    return tcp_put_sack(options + used, block, n);
}

/* Everything received so far is acknowledged, and this window offered. */
static void offer(struct tcp_conn *c, uint32_t window)
{
    if (seq_lt(c->rcv_adv, c->rcv_nxt + window))
        c->rcv_adv = c->rcv_nxt + window;
    c->rcv_acked = c->rcv_nxt;
}

static void acknowledged(struct tcp_conn *c)
{
    c->ack_now = false;
    c->delack_at_ns = DEADLINE_NEVER;
    c->segments_unacked = 0;
}

/* Send a segment whose options and data are in place. */
static inline void conn_segment_send(struct tcp_conn *c, uint8_t *frame, uint32_t seq,
                                     uint8_t flags, uint32_t window, size_t option_len,
                                     uint32_t len)
{
    *header_of(frame) = (struct tcp_header){
        .src_port = be16_of(c->local_port),
        .dst_port = be16_of(c->remote_port),
        .seq = be32_of(seq),
        .ack = be32_of(c->rcv_nxt), /* 0 in the first SYN */
        .flags = flags,
        .window = be16_of((uint16_t)window),
    };
    segment_send(c->tcp, frame, c->local_addr, c->remote_addr, option_len, len);
}

/* Send our SYN, which acknowledges that of the peer if it has come. False: the device has no room
 * now. */
static bool syn_send(struct tcp_conn *c)
{
    struct tcp *t = c->tcp;
    struct netdev *dev = ipv4_route(t->ip, c->remote_addr);
    uint8_t *frame = dev->alloc(dev->ctx), flags = TCP_SYN;
    uint32_t window = tcp_first_window(t);
    size_t option_len;

    if (!frame)
        return false;
    option_len = syn_options(c, frame + FRAME_IP_PAYLOAD + sizeof(struct tcp_header));
    if (seq_lt(c->iss, c->snd_max))
        TRACE(t->net->platform, TRACE_TCP_RETRANSMIT, c->number, 0, 0, c->resend_reason);
    if (c->state == TCPS_SYN_RECEIVED) {
        flags |= TCP_ACK;
        offer(c, window);
        acknowledged(c);
    }
    conn_segment_send(c, frame, c->iss, flags, window, option_len, 0);
    return true;
}

/* Send [seq, seq + len) of the stream with these flags and ACK. False: the device has no room
 * now. */
static bool conn_send(struct tcp_conn *c, uint32_t seq, uint32_t len, uint8_t flags)
{
    struct tcp *t = c->tcp;
    struct netdev *dev = ipv4_route(t->ip, c->remote_addr);
    uint8_t *frame = dev->alloc(dev->ctx), *options;
    bool complete = true;
    size_t option_len = 0;
    uint32_t window;

    CHECK(len <= c->mss);
    CHECK(len == 0 || seq - c->snd_start + len <= c->snd_len);
    if (!frame)
        return false;
    flags |= TCP_ACK;
    options = frame + FRAME_IP_PAYLOAD + sizeof(struct tcp_header);
    if (c->stamps) {
        *(struct tcp_stamps *)options = (struct tcp_stamps){
            .head = be32_of(TCP_STAMPS_HEAD),
            .stamp = be32_of(tcp_stamp(c)),
            .echo = be32_of(c->stamp_recent),
        };
        option_len = sizeof(struct tcp_stamps);
    }
    if (c->sacks && (c->ooo || c->twice.start != c->twice.end))
        option_len += sack_option(c, options, option_len, len, &complete);
    if (len) {
        tcp_buffer_read(&t->pages, &c->snd, seq, options + option_len, len);
        if (seq + len == tcp_snd_end(c))
            flags |= TCP_PSH; /* MUST-61 */
    }
    if (seq_lt(seq, c->snd_max) && (len || (flags & TCP_FIN)))
        TRACE(t->net->platform, TRACE_TCP_RETRANSMIT, c->number, seq - c->iss, len,
              c->resend_reason);
    window = tcp_offered_window(c);
    offer(c, window);
    if (complete)
        acknowledged(c);
    conn_segment_send(c, frame, seq, flags, window >> c->rcv_shift, option_len, len);
    return true;
}

/* Bookkeeping for a segment that takes sequence numbers [seq, seq + count). */
static inline void sent(struct tcp_conn *c, uint32_t seq, uint32_t count)
{
    uint64_t now_ns = c->tcp->net->now_ns;

    CHECK(seq_le(c->snd_una, seq));
    CHECK(seq_le(seq, c->snd_max));
    if (c->snd_una == c->snd_max)
        c->first_unacked_ns = now_ns;
    c->sent_ns = now_ns;
    if (seq_lt(seq, c->snd_max)) {
        if (c->rtt_start_ns && seq_le(seq, c->rtt_seq))
            c->rtt_start_ns = 0; /* Karn: RFC 6298 section 3 */
    } else if (!c->rtt_start_ns) {
        c->rtt_start_ns = now_ns;
        c->rtt_seq = seq;
    }
    if (c->board && seq == c->snd_max)
        tcp_scoreboard_sent(c->board, seq + count, now_ns);
    if (c->board && c->board->lost)
        c->board->sent += count;
    if (seq_lt(c->snd_max, seq + count))
        c->snd_max = seq + count;
    if (c->rto_at_ns == DEADLINE_NEVER)
        tcp_timer_start(c);
}

/* The sequence number of a segment without data: after all that was sent, as far as the peer's
 * window goes. One in the middle of what is sent again, or beyond a window that is closed or has
 * shrunk, would not be acceptable, and what it acknowledges, offers or resets would be lost with
 * it. */
static uint32_t bare_seq(const struct tcp_conn *c)
{
    uint32_t sent = c->snd_max - c->snd_una;

    return c->snd_una + (tcp_is_synchronised(c) ? min_u32(sent, c->snd_wnd) : sent);
}

static bool output_syn(struct tcp_conn *c)
{
    if (c->snd_nxt == c->iss) {
        if (!syn_send(c))
            return false;
        sent(c, c->iss, 1);
        c->snd_nxt = c->iss + 1;
    }
    if (c->ack_now && c->state == TCPS_SYN_RECEIVED)
        return conn_send(c, bare_seq(c), 0, 0);
    return true;
}

/* Retransmit the segment at snd_una, as far as the window allows: fast retransmit and partial ACKs
 * (RFC 5681 section 3.2, RFC 6582 section 3.2). */
static bool output_resend(struct tcp_conn *c)
{
    uint32_t end = tcp_snd_end(c), len = end - c->snd_una;
    bool fin;

    if (!seq_lt(c->snd_una, c->snd_max)) {
        c->resend = false;
        return true;
    }
    len = min_u32(len, c->mss);
    len = min_u32(len, c->snd_wnd);
    len = min_u32(len, c->snd_max - c->snd_una);
    fin = c->fin_queued && c->snd_una + len == end && seq_lt(end, c->snd_max);
    if (len || fin) {
        if (!conn_send(c, c->snd_una, len, fin ? TCP_FIN : 0))
            return false;
        sent(c, c->snd_una, len + fin);
    }
    c->resend = false;
    return true;
}

/* Send [seq, seq + count) again, of which the last number may be that of FIN. */
static bool output_again(struct tcp_conn *c, uint32_t seq, uint32_t count)
{
    bool fin = seq_lt(tcp_snd_end(c), seq + count);

    if (!conn_send(c, seq, count - fin, fin ? TCP_FIN : 0))
        return false;
    sent(c, seq, count);
    return true;
}

/* What may be in flight beside what is: the congestion window less the pipe of RFC 6675. */
static uint32_t board_room(const struct tcp_conn *c)
{
    uint32_t flight = tcp_scoreboard_bytes(c->board, PIECE_SENT);

    return flight < c->cc.cwnd ? c->cc.cwnd - flight : 0;
}

/* Send again what is lost, a segment at a time, as far as both windows allow. *more: some is left.
 */
static bool output_lost(struct tcp_conn *c, bool *more)
{
    uint32_t start, end, edge = c->snd_una + c->snd_wnd, fin_at = tcp_snd_end(c);

    while ((*more = tcp_scoreboard_next(c->board, &start, &end))) {
        uint32_t data = (seq_lt(fin_at, end) ? fin_at : end) - start;
        uint32_t len = data <= c->mss ? end - start : c->mss;

        if (!seq_lt(start, edge) || board_room(c) < min_u32(len, c->mss))
            return true;
        len = min_u32(len, edge - start);
        if (!output_again(c, start, len))
            return false;
        tcp_scoreboard_resent(c->board, start, len, c->tcp->net->now_ns);
    }
    return true;
}

/* Probe the tail: with new data, or the last segment again. */
static bool output_tail(struct tcp_conn *c)
{
    uint32_t left = tcp_snd_end(c) - c->snd_max, flight = tcp_flight(c);
    uint32_t room = c->snd_wnd > flight ? c->snd_wnd - flight : 0, len;

    if (c->board || c->snd_nxt != c->snd_max || !flight) {
        c->tail_probe = false;
        return true;
    }
    c->tail_again = (int32_t)left <= 0 || !room;
    if (c->tail_again) {
        len = min_u32(flight, c->mss + ((int32_t)left < 0)); /* FIN is no byte of a segment */
        c->resend_reason = RETRANSMIT_TAIL;
        if (!output_again(c, c->snd_max - len, len))
            return false;
    } else {
        len = min_u32(min_u32(left, c->mss), room);
        if (!conn_send(c, c->snd_nxt, len, 0))
            return false;
        sent(c, c->snd_nxt, len);
        c->snd_nxt += len;
    }
    c->tail_probe = false;
    c->tail_out = true;
    c->tail_end = c->snd_max;
    return true;
}

/* What may be sent next from snd_nxt: data, then FIN. */
struct sendable {
    uint32_t len;
    bool fin;
    bool held_back; /* by a window, or to avoid a silly one */
};

static struct sendable sendable(const struct tcp_conn *c)
{
    uint32_t end = tcp_snd_end(c), window = c->snd_wnd;
    uint32_t used = c->snd_nxt - c->snd_una;
    bool again = seq_lt(c->snd_nxt, c->snd_max);
    struct sendable out = {0};
    uint32_t room, left;

    if (c->fin_queued ? seq_lt(end, c->snd_nxt) : end == c->snd_nxt)
        return out; /* all was sent, and FIN */
    if (!c->board)
        window = min_u32(tcp_congestion_window(&c->cc, c->mss, !again), window);
    room = used < window ? window - used : 0;
    if (c->board)
        room = min_u32(room, board_room(c));
    left = end - c->snd_nxt;
    if (left > c->mss && room >= c->mss) /* most of them */
        return (struct sendable){.len = c->mss};
    out.len = min_u32(min_u32(left, room), c->mss);
    out.fin = c->fin_queued && out.len == left && room > out.len;
    out.held_back = (left || c->fin_queued) && out.len == 0 && !out.fin;

    /* Silly window avoidance of the sender: a full segment, all data, or half of the largest window
     * (MUST-38). Not for what was sent before the window shrank. No Nagle: all data is sent at
     * once. */
    if (!again && !c->override && out.len && out.len < left && out.len < c->mss &&
        out.len < c->snd_wnd_max / 2) {
        out.len = 0;
        out.held_back = true;
    }
    return out;
}

static bool output_data(struct tcp_conn *c)
{
    uint32_t before = c->snd_max;
    unsigned count, timed = c->rto_at_ns == DEADLINE_NEVER; /* the first one starts the timer */
    bool more = false;

    if (c->board && !output_lost(c, &more))
        return false;
    if (more)
        return true;
    if (c->snd_una == c->snd_max && c->snd_len && c->tcp->net->now_ns - c->sent_ns > c->rto_ns)
        tcp_congestion_restart(&c->cc, c->mss);
    /* Bounded: a send buffer holds no more than this many segments of one byte; the device has no
     * room for as many. */
    for (count = 0; count <= c->tcp->window; count++) {
        struct sendable next = sendable(c);

        if (next.held_back && c->rto_at_ns == DEADLINE_NEVER && c->persist_at_ns == DEADLINE_NEVER)
            c->persist_at_ns = c->tcp->net->now_ns + (c->snd_wnd ? TCP_OVERRIDE_NS : c->rto_ns);
        if (!next.len && !next.fin)
            break;
        if (!conn_send(c, c->snd_nxt, next.len, next.fin ? TCP_FIN : 0))
            return false;
        sent(c, c->snd_nxt, next.len + next.fin);
        c->snd_nxt += next.len + next.fin;
        c->persist_at_ns = DEADLINE_NEVER;
        c->override = false;
        c->probes = 0;
    }
    if (c->tail_timer && c->snd_max != before && count > timed)
        tcp_timer_start(c); /* the tail is another one now */
    return true;
}

/* One byte beyond a closed window, or FIN when only it is left. The reply contains the window
 * (section 3.8.6.1). */
static void output_probe(struct tcp_conn *c)
{
    uint32_t left = tcp_snd_end(c) - c->snd_una, len = left ? 1 : 0;

    c->probe = false;
    if (!left && !c->fin_queued)
        return;
    if (!conn_send(c, c->snd_una, len, left ? 0 : TCP_FIN))
        return; /* it counts as lost: the timer runs */
    TRACE(c->tcp->net->platform, TRACE_TCP_PROBE, c->number, c->snd_wnd);
    len += left ? 0 : 1;
    if (c->snd_una == c->snd_max)
        c->first_unacked_ns = c->tcp->net->now_ns;
    if (seq_lt(c->snd_max, c->snd_una + len))
        c->snd_max = c->snd_una + len;
    if (seq_lt(c->snd_nxt, c->snd_una + len))
        c->snd_nxt = c->snd_una + len;
}

bool tcp_output(struct tcp_conn *c)
{
    bool room = true;

    switch (c->state) {
    case TCPS_CLOSED:
    case TCPS_LISTEN:
        return true;
    case TCPS_SYN_SENT:
    case TCPS_SYN_RECEIVED:
        return output_syn(c);
    case TCPS_ESTABLISHED:
    case TCPS_FIN_WAIT_1:
    case TCPS_CLOSE_WAIT:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
        if (c->resend)
            room = output_resend(c);
        if (c->probe && room)
            output_probe(c);
        if (c->tail_probe && room)
            room = output_tail(c);
        if (room)
            room = output_data(c);
        break;
    case TCPS_FIN_WAIT_2:
    case TCPS_TIME_WAIT:
        break;
    }
    if (c->keepalive && room) { /* a number that is acknowledged already: the peer must answer */
        room = conn_send(c, bare_seq(c) - 1, 0, 0);
        c->keepalive = !room;
    }
    if (c->ack_now && room)
        room = conn_send(c, bare_seq(c), 0, 0);
    return room;
}

/* ---- resets and challenges ---- */

void tcp_send_reset(struct tcp_conn *c)
{
    TRACE(c->tcp->net->platform, TRACE_TCP_RST_SENT, c->local_port, c->remote_addr, c->remote_port);
    conn_send(c, bare_seq(c), 0, TCP_RST);
}

void tcp_reset_reply(struct tcp *t, const struct ipv4_packet *p)
{
    struct tcp_segment g;
    bool ack;
    uint8_t *frame;

    if (tcp_parse(p, &g) != DROP_COUNT || (g.flags & TCP_RST))
        return;
    ack = g.flags & TCP_ACK;
    if (!rate_take(&t->resets, t->net->now_ns, TCP_RESET_INTERVAL_NS, TCP_RESET_BURST)) {
        net_drop(t->net, DROP_TCP_LIMIT);
        return;
    }
    frame = ipv4_alloc_answer(t->ip, p->src);
    if (!frame)
        return;
    TRACE(t->net->platform, TRACE_TCP_RST_SENT, g.dst_port, p->src, g.src_port);
    *header_of(frame) = (struct tcp_header){
        .src_port = be16_of(g.dst_port),
        .dst_port = be16_of(g.src_port),
        .seq = be32_of(ack ? g.ack : 0),
        .ack = be32_of(ack ? 0 : g.seq + tcp_seg_len(&g)),
        .flags = TCP_RST | (ack ? 0 : TCP_ACK),
    };
    segment_send(t, frame, p->dst, p->src, 0, 0);
}

void tcp_send_cookie(struct tcp *t, const struct ipv4_packet *p, const struct tcp_segment *syn,
                     uint32_t iss)
{
    uint8_t *frame = ipv4_alloc_answer(t->ip, p->src);
    size_t len;

    if (!frame)
        return;
    len = tcp_put_syn_options(frame + FRAME_IP_PAYLOAD + sizeof(struct tcp_header),
                              &(struct tcp_options){.mss = own_mss(t->ip, p->src)});
    *header_of(frame) = (struct tcp_header){
        .src_port = be16_of(syn->dst_port),
        .dst_port = be16_of(syn->src_port),
        .seq = be32_of(iss),
        .ack = be32_of(syn->seq + 1),
        .flags = TCP_SYN | TCP_ACK,
        .window = be16_of((uint16_t)tcp_first_window(t)),
    };
    segment_send(t, frame, p->dst, p->src, len, 0);
}

/* At most ten in five seconds per connection. */
void tcp_challenge(struct tcp_conn *c)
{
    enum { LIMIT = 10 };
    uint64_t now_ns = c->tcp->net->now_ns;

    if (c->challenges == 0 || now_ns >= c->challenge_ns + 5 * NS_PER_S) {
        c->challenge_ns = now_ns;
        c->challenges = 0;
    }
    if (c->challenges >= LIMIT)
        return;
    c->challenges++;
    TRACE(c->tcp->net->platform, TRACE_TCP_CHALLENGE, c->number);
    c->ack_now = true;
}
