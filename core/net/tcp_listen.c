/*
 * The LISTEN state (RFC 9293 section 3.10.7.2): SYNs become half-open children, as many as the
 * backlog. Beyond that a SYN gets a SYN-ACK from which its own ACK makes the child, and nothing is
 * kept meanwhile: a SYN cookie (RFC 4987 section 3.6). So forged SYNs take no block from others.
 *
 * A cookie is the initial sequence number: a keyed hash of the connection and of a period of time,
 * whose lowest bits are the row of the peer's MSS in a table. What a SYN-ACK says cannot be sent
 * again, so a lost one costs the peer its SYN timer.
 */
#include "../base/check.h"
#include "../trace/trace.h"
#include "tcp_internal.h"

#define COOKIE_PERIOD_NS (64 * NS_PER_S) /* a cookie is good for one to two of them */
enum { COOKIE_MSS_MASK = 7 };

/* Common values, from that of the smallest MTU that is useful to that of Ethernet. */
static const uint16_t cookie_mss[COOKIE_MSS_MASK + 1] = {216,  536,  966,  1220,
                                                         1360, 1440, 1452, 1460};

bool tcp_listener_has_room(const struct tcp_conn *listener)
{
    return listener->listen.half_open < listener->listen.backlog &&
           listener->listen.ready.count < listener->listen.backlog;
}

/* ---- cookies ---- */

static uint32_t cookie_hash(const struct tcp *t, const struct ipv4_packet *p,
                            const struct tcp_segment *g, uint32_t irs, uint64_t period)
{
    uint64_t words[4] = {
        (uint64_t)p->dst << 32 | p->src,
        (uint64_t)g->dst_port << 16 | g->src_port,
        irs,
        period,
    };

    return (uint32_t)rng_hash(t->net->key, words, 4) & ~(uint32_t)COOKIE_MSS_MASK;
}

static struct verdict cookie_send(struct tcp_conn *listener, const struct ipv4_packet *p,
                                  const struct tcp_segment *g)
{
    struct tcp *t = listener->tcp;
    uint32_t mss = g->mss ? g->mss : TCP_DEFAULT_MSS, row = COOKIE_MSS_MASK;

    while (row && cookie_mss[row] > mss)
        row--;
    if (cookie_mss[row] > mss) /* too small for the table */
        return verdict_drop(DROP_TCP_BACKLOG);
    TRACE(t->net->platform, TRACE_TCP_COOKIE, listener->local_port, p->src, g->src_port);
    listener->listen.cookie_ns = t->net->now_ns;
    tcp_send_cookie(t, p, g, cookie_hash(t, p, g, g->seq, t->net->now_ns / COOKIE_PERIOD_NS) | row);
    return VERDICT_ACCEPTED;
}

/* Is there a cookie that may still come back? Data then may be the second segment of a connection
 * whose first ones were lost, or found no room for it: only the first one shows the cookie. It gets
 * no reset, since the first one comes again. */
static bool cookies_out(const struct tcp_conn *listener)
{
    return listener->listen.cookie_ns &&
           listener->tcp->net->now_ns - listener->listen.cookie_ns < 2 * COOKIE_PERIOD_NS;
}

/* The MSS in the cookie that `g` acknowledges, or 0: it acknowledges none of ours. */
static uint16_t cookie_check(const struct tcp_conn *listener, const struct ipv4_packet *p,
                             const struct tcp_segment *g)
{
    const struct tcp *t = listener->tcp;
    uint32_t cookie = g->ack - 1;
    uint64_t period = t->net->now_ns / COOKIE_PERIOD_NS;

    if ((g->flags & (TCP_SYN | TCP_ACK)) != TCP_ACK || !cookies_out(listener))
        return 0;
    for (unsigned ago = 0; ago < 2; ago++)
        if (cookie_hash(t, p, g, g->seq - 1, period - ago) == (cookie & ~(uint32_t)COOKIE_MSS_MASK))
            return cookie_mss[cookie & COOKIE_MSS_MASK];
    return 0;
}

/* ---- children ---- */

static void child_start(struct tcp_conn *c, struct tcp_conn *listener, const struct ipv4_packet *p,
                        const struct tcp_segment *g)
{
    c->passive = true;
    c->listener = listener;
    c->local_addr = p->dst;
    c->local_port = g->dst_port;
    c->remote_addr = p->src;
    c->remote_port = g->src_port;
    c->linger_at_ns = c->tcp->net->now_ns + TCP_ORPHAN_NS; /* RFC 4987 section 3.3 */
    c->keepalive_ns = listener->keepalive_ns;
    tcp_hash_add(c);
}

/* *child: the one that a cookie was sent for, as if it had been kept since then. */
static struct verdict cookie_child(struct tcp_conn *listener, const struct ipv4_packet *p,
                                   const struct tcp_segment *g, uint16_t mss,
                                   struct tcp_conn **child)
{
    struct tcp_segment syn = *g;
    struct tcp_conn *c = 0;

    if (listener->listen.ready.count < listener->listen.backlog)
        c = tcp_allocate(listener->tcp, listener->tcp->reserve, TCP_RTO_INITIAL_NS);
    if (!c)
        return verdict_drop(DROP_TCP_BACKLOG);
    child_start(c, listener, p, g);
    tcp_start(c, g->ack - 1);
    syn.seq = g->seq - 1;
    syn.mss = mss; /* the SYN-ACK had no other option */
    syn.scales = syn.sack_permitted = syn.stamped = false;
    tcp_take_syn(c, &syn);
    c->rcv_adv = c->rcv_nxt + tcp_first_window(listener->tcp); /* as the SYN-ACK offered */
    c->snd_nxt = c->snd_max = c->iss + 1;
    tcp_move(c, TCPS_SYN_RECEIVED);
    *child = c;
    return VERDICT_ACCEPTED;
}

struct verdict tcp_input_listen(struct tcp_conn *listener, const struct ipv4_packet *p,
                                const struct tcp_segment *g, const uint32_t *above,
                                struct tcp_conn **child)
{
    struct tcp_conn *c;
    uint16_t mss;
    uint32_t iss;

    *child = 0;
    if (g->flags & TCP_RST)
        return VERDICT_ACCEPTED;
    if (g->flags & TCP_ACK) {
        mss = cookie_check(listener, p, g);
        if (mss)
            return cookie_child(listener, p, g, mss, child);
        return cookies_out(listener) && tcp_seg_len(g) ? verdict_drop(DROP_TCP_BACKLOG)
                                                       : verdict_answer(ANSWER_RESET);
    }
    if (!(g->flags & TCP_SYN))
        return verdict_drop(DROP_TCP_FLAGS);
    if (listener->listen.ready.count >= listener->listen.backlog) /* the peer will ask again */
        return verdict_drop(DROP_TCP_BACKLOG);
    c = listener->listen.half_open < listener->listen.backlog
            ? tcp_find_free(listener->tcp, listener->tcp->reserve)
            : 0;
    if (!c) {
        tcp_keep_room(listener->tcp); /* its ACK will need a block */
        return cookie_send(listener, p, g);
    }
    child_start(c, listener, p, g);
    iss = tcp_isn(c);
    tcp_start(c, above && seq_le(iss, *above) ? *above + 1 : iss);
    tcp_take_syn(c, g);
    c->snd_wnd = g->wnd;
    tcp_move(c, TCPS_SYN_RECEIVED);
    return VERDICT_ACCEPTED;
}
