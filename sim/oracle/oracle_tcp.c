/*
 * Oracles of TCP connections, in both directions and up to the program: T1 to T6 of the invariants,
 * MSS and resets. What the peer sent is recorded before the wire can change it, what the machine
 * received when it arrives undamaged. See oracle.h.
 */
#include "oracle_internal.h"
#include "../../core/base/minmax.h"
#include "../base/memory.h"
#include <stdlib.h>
#include <string.h>

/* A stalled transmit queue may send a few retransmissions at once. */
enum { MSS_DEFAULT = 536, FIN_BURST_MAX = 6 };
#define FIN_BURST_NS (100 * NS_PER_MS)

/* ---- streams of bytes ---- */

static void history_need(struct history *h)
{
    if (!h->ring)
        h->ring = memory_new(1, FLOW_HISTORY);
}

/* Store bytes at an offset, not before the stored ones and without a gap. An offset before the
 * stream is negative. */
static void history_put(struct history *h, uint64_t offset, const uint8_t *bytes, size_t len)
{
    size_t at, first;

    if ((int64_t)(offset - h->end) > 0 || (int64_t)(offset + len - h->end) <= 0)
        return;
    bytes += h->end - offset;
    len -= (size_t)(h->end - offset);
    history_need(h);
    at = h->end % FLOW_HISTORY;
    first = min_u64(FLOW_HISTORY - at, len);
    memcpy(h->ring + at, bytes, first);
    memcpy(h->ring, bytes + first, len - first);
    h->end += len;
}

/* Offset of the first byte that differs from the stored ones, or -1. */
static int64_t history_differs(const struct history *h, uint64_t offset, const uint8_t *bytes,
                               size_t len)
{
    size_t at = offset % FLOW_HISTORY;
    size_t first = min_u64(FLOW_HISTORY - at, len);

    if (!len || offset > h->end || len > h->end - offset || offset + FLOW_HISTORY < h->end)
        return -1; /* not stored, or too old */
    if (memcmp(h->ring + at, bytes, first) == 0 && memcmp(h->ring, bytes + first, len - first) == 0)
        return -1;
    for (size_t i = 0; i < len; i++)
        if (h->ring[(offset + i) % FLOW_HISTORY] != bytes[i])
            return (int64_t)(offset + i);
    return -1;
}

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

static struct flow *flow_find(struct oracles *o, uint16_t local_port, uint32_t remote,
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

/* ---- segments of the machine ---- */

static bool arrived_from(const struct arrived *a, const struct decoded *d)
{
    return a->used && a->local_port == d->src_port && a->remote == d->ip_dst &&
           a->remote_port == d->dst_port;
}

/* Segments that the machine acknowledged need no reset. */
static void arrived_acknowledged(struct oracles *o, const struct decoded *d)
{
    for (unsigned i = 0; i < ARRIVED; i++) {
        struct arrived *a = &o->arrived[i];

        if (arrived_from(a, d) && !(a->flags & SEG_RST) && (int32_t)(d->tcp_ack - a->end) >= 0)
            a->used = false;
    }
}

/* True if this reset is the reply to that segment (RFC 9293 section 3.10.7.1). */
static bool oracle_tcp_answers(const struct arrived *a, const struct decoded *d)
{
    return a->flags & SEG_ACK ? d->tcp_seq == a->ack : d->tcp_seq == 0 && d->tcp_ack == a->end;
}

/* A reset must be the reply to a received segment without a reply so far. Report one that can only
 * be the reply to a reset. */
static void check_reset(struct oracles *o, const struct decoded *d)
{
    const struct arrived *reset = NULL;

    for (unsigned i = 0; i < ARRIVED; i++) {
        struct arrived *a = &o->arrived[i];

        if (!arrived_from(a, d) || o->sim->now_ns - a->at_ns >= NS_PER_MS ||
            !oracle_tcp_answers(a, d))
            continue;
        if (!(a->flags & SEG_RST)) {
            a->used = false;
            return;
        }
        reset = a;
    }
    if (reset)
        oracle_fail(o, TCP_RST_REPLY, SIM_SITE, "port %u answers a reset by a reset", d->src_port);
}

static void note_arrived(struct oracles *o, const struct decoded *d)
{
    bool syn = d->tcp_flags & SEG_SYN, fin = d->tcp_flags & SEG_FIN;

    o->arrived[o->arrived_count++ % ARRIVED] = (struct arrived){
        .used = true,
        .local_port = d->dst_port,
        .remote_port = d->src_port,
        .remote = d->ip_src,
        .flags = d->tcp_flags,
        .ack = d->tcp_ack,
        .end = d->tcp_seq + (uint32_t)d->payload_len + syn + fin,
        .at_ns = o->sim->now_ns,
    };
    if (d->tcp_flags & SEG_RST)
        oracle_look(o, TCP_RST_REPLY);
}

/* ACK number and offered window: T3, T4. */
static void check_ack(struct oracles *o, struct flow *f, const struct decoded *d)
{
    uint64_t ack, limit, edge;

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
    edge = ack + d->tcp_window;
    if (f->peer_fin && ack == f->peer_fin_at + 1) /* no byte can follow: any window is right */
        return;
    if (f->offered_known)
        oracle_look(o, TCP_WINDOW_SHRINK);
    if (f->offered_known && (int64_t)(edge - f->offered) < 0)
        oracle_fail(o, TCP_WINDOW_SHRINK, SIM_SITE,
                    "port %u takes back %llu bytes of its offered window", f->local_port,
                    (unsigned long long)(f->offered - edge));
    f->offered = edge;
    f->offered_known = true;
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
        if (f)
            f->over = true;
        return;
    }
    if (d->tcp_flags & SEG_ACK)
        arrived_acknowledged(o, d);
    if (d->tcp_flags & SEG_SYN) {
        f = oracle_tcp_flow_make(o, d->src_port, d->ip_dst, d->dst_port);
        if (f->own_syn && d->tcp_seq != f->own_iss)
            flow_clear(f); /* a new connection with the same ports */
        f->own_syn = true;
        f->own_iss = d->tcp_seq;
        if (d->tcp_flags & SEG_ACK)
            check_ack(o, f, d);
        timer_tx(o, f, 0, false);
        return;
    }
    if (!f || !f->own_syn)
        return;
    if (d->tcp_flags & SEG_ACK)
        check_ack(o, f, d);
    check_data(o, f, d);
    if (d->payload_len || (d->tcp_flags & SEG_FIN))
        timer_tx(o, f, oracle_tcp_offset_of(d->tcp_seq, f->own_iss, f->own_sent) + 1,
                 d->payload_len);
    f->sent_ns = o->sim->now_ns;
}

/* ---- segments of the peer, sent and received ---- */

void flows_peer(struct oracles *o, const struct decoded *d)
{
    struct flow *f;

    if (d->tcp_flags & SEG_SYN) {
        f = oracle_tcp_flow_make(o, d->dst_port, d->ip_src, d->src_port);
        if (f->said_syn && f->said_iss != d->tcp_seq)
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

void flows_rx(struct oracles *o, const struct decoded *d)
{
    struct flow *f = flow_find(o, d->dst_port, d->ip_src, d->src_port);
    bool advanced = false;
    uint64_t at, edge;

    note_arrived(o, d);
    if (f && (d->tcp_flags & SEG_RST))
        f->over = true;
    if (!f || (d->tcp_flags & SEG_RST))
        return;
    if ((d->tcp_flags & SEG_ACK) && f->own_syn) {
        uint64_t ack = oracle_tcp_offset_of(d->tcp_ack, f->own_iss, f->own_sent);

        advanced =
            ack <= f->own_sent + f->own_fin && (!f->timer.syn_acked || (int64_t)(ack - f->una) > 0);
        if (advanced) {
            f->una = ack;
            f->timer.syn_acked = true;
        }
        edge = ack + d->tcp_window;
        if (!f->edge_known || (int64_t)(edge - f->edge) > 0)
            f->edge = edge;
        f->edge_known = true;
    }
    timer_rx(o, f, d, advanced);
    if (d->tcp_flags & SEG_SYN) {
        if (!(d->tcp_flags & SEG_ACK) && !f->edge_known) { /* its window is valid at once */
            f->edge = d->tcp_window;
            f->edge_known = true;
        }
        if (f->peer_syn)
            return;
        f->peer_syn = true;
        f->peer_iss = d->tcp_seq;
        if (d->tcp_mss)
            f->peer_mss = d->tcp_mss;
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

/* ---- reads and writes of programs ---- */

void oracles_app_read(struct oracles *o, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                      const uint8_t *bytes, size_t len)
{
    struct flow *f = flow_find(o, local_port, remote, remote_port);
    int64_t wrong;

    if (!f)
        return;
    oracle_look(o, TCP_STREAM);
    if (!f->lost_track && f->read + len > f->contiguous)
        oracle_fail(o, TCP_STREAM, SIM_SITE, "port %u: %llu bytes are read, %llu arrived",
                    local_port, (unsigned long long)(f->read + len),
                    (unsigned long long)f->contiguous);
    wrong = history_differs(&f->said, f->read, bytes, len);
    if (wrong >= 0)
        oracle_fail(o, TCP_STREAM, SIM_SITE,
                    "port %u: byte %lld of the stream is not what the peer sent", local_port,
                    (long long)wrong);
    f->read += len;
}

void oracles_app_written(struct oracles *o, uint16_t local_port, uint32_t remote,
                         uint16_t remote_port, const uint8_t *bytes, size_t len)
{
    struct flow *f = flow_find(o, local_port, remote, remote_port);

    if (!f)
        return;
    f->hooked = true;
    timer_written(o, f);
    history_put(&f->written, f->written.end, bytes, len);
}

void oracles_app_end(struct oracles *o, uint16_t local_port, uint32_t remote, uint16_t remote_port)
{
    struct flow *f = flow_find(o, local_port, remote, remote_port);

    if (!f)
        return;
    oracle_look(o, TCP_STREAM);
    if (!f->peer_fin || f->read != f->peer_fin_at)
        oracle_fail(o, TCP_STREAM, SIM_SITE,
                    "port %u: end of stream is reported after %llu bytes, but %s", local_port,
                    (unsigned long long)f->read,
                    f->peer_fin ? "the peer sent more" : "the peer never closed it");
}
