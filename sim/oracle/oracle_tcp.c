/*
 * Oracles of TCP connections, in both directions and up to the program: T1 to T6 of the invariants,
 * MSS and resets. What the peer sent is recorded before the wire can change it, what the machine
 * received when it arrives undamaged. See oracle.h.
 */
#include "oracle_internal.h"
#include "../../core/base/minmax.h"
#include <stdlib.h>
#include <string.h>

/* A stalled transmit queue may send a few retransmissions at once. */
enum { MSS_DEFAULT = 536, FIN_BURST_MAX = 6 };
#define FIN_BURST_NS (100 * NS_PER_MS)

/* ---- flows ---- */

void flows_start(struct oracles *o)
{
    for (unsigned i = 0; i < FLOWS; i++)
        o->flows[i].used = false;
    for (unsigned i = 0; i < ARRIVED; i++)
        o->arrived[i].used = false;
    o->arrived_count = 0;
}

void flows_free(struct oracles *o)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        free(o->flows[i].said.ring);
        free(o->flows[i].written.ring);
    }
}

struct flow *flow_find(struct oracles *o, uint16_t local_port, uint32_t remote,
                       uint16_t remote_port)
{
    for (unsigned i = 0; i < FLOWS && o->flows[i].used; i++) {
        struct flow *f = &o->flows[i];

        if (f->local_port == local_port && f->remote == remote && f->remote_port == remote_port) {
            f->touched = ++o->counter;
            return f;
        }
    }
    return NULL;
}

static void flow_clear(struct flow *f)
{
    struct flow fresh = {
        .used = true,
        .local_port = f->local_port,
        .remote_port = f->remote_port,
        .remote = f->remote,
        .touched = f->touched,
        .peer_mss = MSS_DEFAULT,
        .said.ring = f->said.ring,
        .written.ring = f->written.ring,
    };

    *f = fresh;
}

static struct flow *oracle_tcp_flow_make(struct oracles *o, uint16_t local_port, uint32_t remote,
                                         uint16_t remote_port)
{
    struct flow *f = flow_find(o, local_port, remote, remote_port), *oldest = &o->flows[0];

    if (f)
        return f;
    for (unsigned i = 0; i < FLOWS; i++) {
        f = &o->flows[i];
        if (!f->used)
            break;
        if (f->touched < oldest->touched)
            oldest = f;
        f = NULL;
    }
    f = f ? f : oldest;
    f->local_port = local_port;
    f->remote = remote;
    f->remote_port = remote_port;
    f->touched = ++o->counter;
    flow_clear(f);
    return f;
}

/* A sequence number as an offset near `near`: the stream's byte 0 has number iss + 1. */
static uint64_t oracle_tcp_offset_of(uint32_t seq, uint32_t iss, uint64_t near)
{
    uint32_t low = seq - (iss + 1);

    return (uint64_t)((int64_t)near + (int32_t)(low - (uint32_t)near));
}

/* ---- options ---- */

static struct syn_options oracle_tcp_options_of(const struct decoded *d)
{
    return (struct syn_options){.mss = d->tcp_mss ? d->tcp_mss : MSS_DEFAULT,
                                .scale = d->tcp_scale,
                                .sack_permitted = d->tcp_sack_permitted};
}

/* ---- connections that are half open ---- */

/* A peer may have sent more than one SYN from a port, each of which got a SYN-ACK with a number of
 * its own (RFC 4987): which of them became the connection is known when an ACK picks it. */
static void half_arrived(struct flow *f, uint32_t peer, const struct syn_options *options)
{
    for (unsigned i = 0; i < min_u32(f->half_count, HALVES); i++)
        if (f->halves[i].peer == peer)
            return;
    f->halves[f->half_count++ % HALVES] = (struct half){.peer = peer, .peer_options = *options};
}

/* The connection that the machine has, or is about to have. */
static void half_take(struct flow *f, const struct half *h)
{
    if (f->own_iss != h->own)
        f->timer.started = false;
    f->own_syn = f->peer_syn = true;
    f->own_iss = h->own;
    f->peer_iss = h->peer;
    f->peer_mss = h->peer_options.mss;
    f->peer_options = h->peer_options;
    f->own_options = h->own_options;
    f->over = false;
}

/* The machine answers one of them, perhaps once more and with another number. False: none of these
 * SYNs arrived. */
static bool half_answered(struct flow *f, const struct decoded *d)
{
    struct half answer = {.peer = d->tcp_ack - 1,
                          .own = d->tcp_seq,
                          .own_options = oracle_tcp_options_of(d),
                          .answered = true};
    struct half *row = NULL;

    for (unsigned i = 0; i < min_u32(f->half_count, HALVES); i++) {
        struct half *h = &f->halves[i];

        if (h->peer != answer.peer)
            continue;
        answer.peer_options = h->peer_options;
        if (!row || !h->answered || h->own == answer.own)
            row = h;
    }
    if (!row)
        return false;
    if (row->answered && row->own != answer.own)
        row = &f->halves[f->half_count++ % HALVES];
    *row = answer;
    half_take(f, row);
    return true;
}

/* A new connection with the same ports: what arrived for it is kept. */
static void flow_renew(struct flow *f)
{
    struct flow before = *f;

    flow_clear(f);
    memcpy(f->halves, before.halves, sizeof(f->halves));
    f->half_count = before.half_count;
    f->said_syn = before.said_syn;
    f->said_iss = before.said_iss;
}

/* True if the machine has no connection here any more, and may accept another half. */
static bool flow_done(const struct flow *f)
{
    return f->over || (f->own_fin && f->peer_fin && f->una > f->own_fin_at);
}

/* An ACK arrives: the connection is the one that it picks. */
static void half_picked(struct flow *f, const struct decoded *d)
{
    if (f->timer.syn_acked && !flow_done(f))
        return;
    for (unsigned i = 0; i < min_u32(f->half_count, HALVES); i++) {
        struct half h = f->halves[i];

        if (!h.answered || h.own + 1 != d->tcp_ack || (f->timer.syn_acked && h.own == f->own_iss))
            continue;
        if (f->timer.syn_acked)
            flow_renew(f);
        half_take(f, &h);
        return;
    }
}

/* ---- segments of the machine ---- */

/* ACK number and offered window: T3, T4. */
static void check_ack(struct oracles *o, struct flow *f, const struct decoded *d)
{
    uint64_t ack, limit, edge, before = f->acked;
    int64_t back, unit = decode_window_unit(f->own_options.scale, f->peer_options.scale);

    if (!f->peer_syn)
        return;
    oracle_look(o, TCP_ACK_NUMBER);
    ack = oracle_tcp_offset_of(d->tcp_ack, f->peer_iss, f->contiguous);
    limit = f->contiguous + (f->peer_fin && f->contiguous == f->peer_fin_at);
    if (!f->lost_track && (int64_t)(ack - limit) > 0)
        oracle_fail(o, TCP_ACK_NUMBER, SIM_SITE,
                    "port %u acknowledges %llu bytes, %llu were received without a gap",
                    f->local_port, (unsigned long long)ack, (unsigned long long)limit);
    if ((int64_t)(ack - f->acked) < 0)
        oracle_fail(o, TCP_ACK_NUMBER, SIM_SITE, "port %u reduces its acknowledgement by %llu",
                    f->local_port, (unsigned long long)(f->acked - ack));
    f->acked = ack;
    edge = ack + decode_window(d, f->own_options.scale, f->peer_options.scale);
    back = (int64_t)(f->offered - edge);
    if (f->peer_fin && ack == f->peer_fin_at + 1) /* no byte can follow: any window is right */
        return;
    if (!d->payload_len && !(d->tcp_flags & (SEG_SYN | SEG_FIN)))
        limit_bare_ack(o, f, f->offered_known && edge == f->offered && ack == before);
    if (f->offered_known)
        oracle_look(o, TCP_WINDOW_SHRINK);
    if (f->offered_known && back >= unit) /* a scaled window is rounded: RFC 7323 section 2.4 */
        oracle_fail(o, TCP_WINDOW_SHRINK, SIM_SITE,
                    "port %u takes back %lld bytes of its offered window", f->local_port,
                    (long long)back);
    if (!f->offered_known || back < 0)
        f->offered = edge;
    f->offered_known = true;
}

/* Is [start, end) what arrived, as far as is known? */
static bool has_arrived(const struct flow *f, uint64_t start, uint64_t end)
{
    if ((int64_t)(end - start) <= 0)
        return false;
    if ((int64_t)(end - f->contiguous) <= 0 || f->lost_track)
        return true;
    for (unsigned i = 0; i < f->range_count; i++)
        if (f->ranges[i].start <= start && end <= f->ranges[i].end)
            return true;
    return false;
}

/* Blocks that acknowledge selectively, or report what came twice: RFC 2018, RFC 2883. */
static void check_sack(struct oracles *o, const struct flow *f, const struct decoded *d)
{
    if (!f->peer_syn || !d->tcp_sack_count)
        return;
    oracle_look(o, TCP_SACK);
    if (!flow_sacks(f))
        oracle_fail(o, TCP_SACK, SIM_SITE, "port %u sends SACK blocks, which were not agreed upon",
                    f->local_port);
    for (unsigned i = 0; i < d->tcp_sack_count; i++) {
        uint64_t start = oracle_tcp_offset_of(d->tcp_sack[i].start, f->peer_iss, f->contiguous);
        uint64_t end = oracle_tcp_offset_of(d->tcp_sack[i].end, f->peer_iss, f->contiguous);

        if (!has_arrived(f, start, end))
            oracle_fail(o, TCP_SACK, SIM_SITE,
                        "port %u acknowledges bytes %llu to %llu by SACK, which were not received",
                        f->local_port, (unsigned long long)start, (unsigned long long)end);
    }
}

/* A FIN is retransmitted by its timer, not in a burst. */
static void check_fin_burst(struct oracles *o, struct flow *f)
{
    if (!f->fin_burst || o->sim->now_ns - f->fin_ns > FIN_BURST_NS) {
        f->fin_burst = 0;
        f->fin_ns = o->sim->now_ns;
    }
    if (++f->fin_burst > FIN_BURST_MAX)
        oracle_fail(o, TCP_FIN_LAST, SIM_SITE, "port %u sends FIN %u times in 100 ms",
                    f->local_port, f->fin_burst);
}

/* A bare ACK has the sequence number of the end, after FIN once that is sent. During ARP resolution
 * the latest frame waits and those before it are lost (RFC 1122 section 2.3.2.2): then the end is
 * further than the frames seen. */
static void check_bare_ack(struct oracles *o, struct flow *f, uint64_t at)
{
    uint64_t most = f->own_sent + f->own_fin, written = f->hooked ? f->written.end : f->own_sent;

    if (at > most && o->asked_ns && o->asked_ns >= f->sent_ns && at <= written + 1 &&
        at > f->overtaken)
        f->overtaken = at;
    if (at > most && at > f->overtaken)
        oracle_fail(o, TCP_FIN_LAST, SIM_SITE, "port %u: an ACK is at %llu, only %llu were sent",
                    f->local_port, (unsigned long long)at, (unsigned long long)f->own_sent);
}

/* Check a segment with data or FIN. */
static void look_data(struct oracles *o, const struct flow *f, uint64_t at, uint64_t len, bool fin)
{
    if (f->edge_known)
        oracle_look(o, TCP_WINDOW);
    if (fin || f->own_fin)
        oracle_look(o, TCP_FIN_LAST);
    if (!len)
        return;
    oracle_look(o, TCP_MSS);
    oracle_look(o, TCP_WRITTEN);
    if (at < f->own_sent)
        oracle_look(o, TCP_RETRANSMIT);
}

/* A keep-alive has the sequence number before the next one, and no data or one garbage byte. The
 * peer has acknowledged everything before it (RFC 9293 section 3.8.4). */
static bool is_keep_alive(const struct flow *f, const struct decoded *d, uint64_t at)
{
    uint64_t next = f->own_sent + f->own_fin;

    return d->payload_len <= 1 && !(d->tcp_flags & SEG_FIN) && at + 1 == next && f->una == next;
}

/* Data and FIN: T2, T5, T6, MSS, and what the program wrote. */
static void check_data(struct oracles *o, struct flow *f, const struct decoded *d)
{
    uint64_t at = oracle_tcp_offset_of(d->tcp_seq, f->own_iss, f->own_sent), len = d->payload_len;
    bool fin = d->tcp_flags & SEG_FIN;
    uint64_t end = at + len, again;
    int64_t wrong;

    if (is_keep_alive(f, d, at))
        return;
    if ((int64_t)at < 0) {
        oracle_fail(o, TCP_RETRANSMIT, SIM_SITE,
                    "port %u: a segment has number %u, the first byte of the stream has %u",
                    f->local_port, d->tcp_seq, f->own_iss + 1);
        return;
    }
    if (len || fin)
        look_data(o, f, at, len, fin);
    if (len > f->peer_mss)
        oracle_fail(o, TCP_MSS, SIM_SITE, "port %u sends %llu bytes, the peer's MSS is %u",
                    f->local_port, (unsigned long long)len, f->peer_mss);
    if (f->edge_known && (int64_t)(end + fin - f->edge) > (len + fin > 1 ? 0 : 1))
        oracle_fail(o, TCP_WINDOW, SIM_SITE,
                    "port %u sends up to byte %llu, the peer's window ends at %llu", f->local_port,
                    (unsigned long long)(end + fin), (unsigned long long)f->edge);
    if (!len && !fin) {
        check_bare_ack(o, f, at);
        return;
    }
    if (f->own_fin && (end > f->own_fin_at || (fin && end != f->own_fin_at)))
        oracle_fail(o, TCP_FIN_LAST, SIM_SITE, "port %u: FIN was byte %llu, now %s ends at %llu",
                    f->local_port, (unsigned long long)f->own_fin_at, fin ? "FIN" : "data",
                    (unsigned long long)end);
    if (!f->hooked)
        history_put(&f->written, at, d->payload, len);
    if (end > f->written.end)
        oracle_fail(o, TCP_WRITTEN, SIM_SITE, "port %u sends byte %llu, the program wrote %llu",
                    f->local_port, (unsigned long long)end, (unsigned long long)f->written.end);
    wrong = history_differs(&f->written, at, d->payload, len);
    again = f->own_sent;
    if (len)
        cwnd_tx(o, f, at, end);
    if (wrong >= 0)
        oracle_fail(o, (uint64_t)wrong < again ? TCP_RETRANSMIT : TCP_WRITTEN, SIM_SITE,
                    "port %u: byte %lld is %s", f->local_port, (long long)wrong,
                    (uint64_t)wrong < again ? "not what was sent the first time"
                                            : "not what the program wrote");
    if ((int64_t)(end - f->own_sent) > 0)
        f->own_sent = end;
    if (fin) {
        f->own_fin = true;
        f->own_fin_at = end;
        check_fin_burst(o, f);
    }
}

void flows_tx(struct oracles *o, const struct decoded *d)
{
    struct flow *f = flow_find(o, d->src_port, d->ip_dst, d->dst_port);

    if (d->tcp_flags & SEG_RST) {
        check_reset(o, d);
        limit_reset(o, d);
        if (f)
            f->over = true;
        return;
    }
    if (d->tcp_flags & SEG_ACK)
        arrived_acknowledged(o, d);
    if (d->tcp_flags & SEG_SYN) {
        f = oracle_tcp_flow_make(o, d->src_port, d->ip_dst, d->dst_port);
        if (f->own_syn && d->tcp_seq != f->own_iss &&
            (f->timer.syn_acked || !(d->tcp_flags & SEG_ACK)))
            flow_renew(f);
        if (!(d->tcp_flags & SEG_ACK) || !half_answered(f, d)) {
            f->own_syn = true;
            f->own_iss = d->tcp_seq;
            f->own_options = oracle_tcp_options_of(d);
        }
        f->syns_sent += !(d->tcp_flags & SEG_ACK);
        if (d->tcp_flags & SEG_ACK)
            check_ack(o, f, d);
        timer_tx(o, f, 0, false);
        return;
    }
    if (!f || !f->own_syn)
        return;
    if (d->tcp_flags & SEG_ACK)
        check_ack(o, f, d);
    check_sack(o, f, d);
    check_data(o, f, d);
    if (d->payload_len || (d->tcp_flags & SEG_FIN))
        timer_tx(o, f, oracle_tcp_offset_of(d->tcp_seq, f->own_iss, f->own_sent) + 1,
                 d->payload_len);
    f->sent_ns = o->sim->now_ns;
}

/* ---- segments of the peer, sent and received ---- */

void flows_lost(struct oracles *o, const struct decoded *d)
{
    struct flow *f = flow_find(o, d->dst_port, d->ip_src, d->src_port);

    if (f)
        f->window.blind = true;
}

void flows_peer(struct oracles *o, const struct decoded *d)
{
    struct flow *f;

    if (d->tcp_flags & SEG_SYN) {
        f = oracle_tcp_flow_make(o, d->dst_port, d->ip_src, d->src_port);
        if (f->said_syn && f->said_iss != d->tcp_seq && (f->timer.syn_acked || f->over))
            flow_clear(f);
        f->said_syn = true;
        f->said_iss = d->tcp_seq;
        return;
    }
    f = flow_find(o, d->dst_port, d->ip_src, d->src_port);
    if (f && f->said_syn && d->payload_len)
        history_put(&f->said, oracle_tcp_offset_of(d->tcp_seq, f->said_iss, f->said.end),
                    d->payload, d->payload_len);
}

static void oracle_tcp_range_add(struct flow *f, uint64_t start, uint64_t end)
{
    for (unsigned i = 0; i < f->range_count; i++) {
        if (end < f->ranges[i].start || f->ranges[i].end < start)
            continue;
        start = min_u64(start, f->ranges[i].start);
        end = max_u64(end, f->ranges[i].end);
        f->ranges[i] = f->ranges[--f->range_count];
        i = UINT32_MAX; /* start again: it may touch another one now */
    }
    if (f->range_count == FLOW_RANGES) {
        f->lost_track = true;
        return;
    }
    f->ranges[f->range_count].start = start;
    f->ranges[f->range_count++].end = end;
}

static void bytes_arrived(struct flow *f, uint64_t start, uint64_t end)
{
    if ((int64_t)(end - f->contiguous) <= 0)
        return;
    if ((int64_t)(start - f->contiguous) > 0) {
        oracle_tcp_range_add(f, start, end);
        return;
    }
    f->contiguous = end;
    for (unsigned i = 0; i < f->range_count; i++) {
        if (f->ranges[i].start > f->contiguous)
            continue;
        if (f->ranges[i].end > f->contiguous)
            f->contiguous = f->ranges[i].end;
        f->ranges[i] = f->ranges[--f->range_count];
        i = UINT32_MAX;
    }
}

static void syn_arrived(struct flow *f, const struct decoded *d)
{
    struct syn_options options = oracle_tcp_options_of(d);
    bool answer = d->tcp_flags & SEG_ACK;

    if (!answer && !f->edge_known) { /* its window is valid at once */
        f->edge = d->tcp_window;
        f->edge_known = true;
    }
    half_arrived(f, d->tcp_seq, &options);
    if (f->peer_syn)
        return;
    f->peer_syn = true;
    f->peer_iss = d->tcp_seq;
    f->peer_options = options;
    if (d->tcp_mss)
        f->peer_mss = d->tcp_mss;
}

void flows_rx(struct oracles *o, const struct decoded *d)
{
    struct flow *f = flow_find(o, d->dst_port, d->ip_src, d->src_port);
    bool advanced = false, valid;
    uint64_t at, edge, acked;

    arrived_note(o, d);
    if (f && (d->tcp_flags & SEG_RST))
        f->over = true;
    if (!f || (d->tcp_flags & SEG_RST))
        return;
    if ((d->tcp_flags & (SEG_ACK | SEG_SYN)) == SEG_ACK)
        half_picked(f, d);
    if ((d->tcp_flags & SEG_ACK) && f->own_syn) {
        uint64_t ack = oracle_tcp_offset_of(d->tcp_ack, f->own_iss, f->own_sent);

        valid = ack <= f->own_sent + f->own_fin; /* else it is of no connection that we know */
        advanced = valid && (!f->timer.syn_acked || (int64_t)(ack - f->una) > 0);
        acked = advanced ? ack - f->una : 0;
        if (advanced) {
            f->una = ack;
            f->timer.syn_acked = true;
        }
        if (valid)
            cwnd_rx(o, f, d, acked);
        edge = ack + decode_window(d, f->peer_options.scale, f->own_options.scale);
        if (valid && (!f->edge_known || (int64_t)(edge - f->edge) > 0))
            f->edge = edge;
        f->edge_known |= valid;
    }
    limit_heard(o, f, d);
    timer_rx(o, f, d, advanced);
    if (d->tcp_flags & SEG_SYN) {
        syn_arrived(f, d);
        return;
    }
    if (!f->peer_syn)
        return;
    at = oracle_tcp_offset_of(d->tcp_seq, f->peer_iss, f->contiguous);
    if (d->payload_len)
        bytes_arrived(f, at, at + d->payload_len);
    at += d->payload_len;
    if ((d->tcp_flags & SEG_FIN) && (int64_t)(at - f->contiguous) >= 0) {
        f->peer_fin = true;
        f->peer_fin_at = at;
    }
}
