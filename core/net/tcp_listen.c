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

/* Children of a listener: those without the peer's ACK, and those that wait for accept. */
static unsigned children(const struct tcp_conn *listener, bool half_open)
{
    const struct stack *s = listener->stack;
    unsigned n = 0;

    for (unsigned i = 0; i < TCP_CONNS; i++)
        n += s->tcp[i].listener == listener && (s->tcp[i].state == TCP_SYN_RECEIVED) == half_open;
    return n;
}

bool tcp_listener_has_room(const struct tcp_conn *listener)
{
    return children(listener, true) < listener->backlog &&
           children(listener, false) < listener->backlog;
}

/* ---- cookies ---- */

static uint32_t cookie_hash(const struct stack *s, const struct ipv4_packet *p,
                            const struct tcp_segment *g, uint32_t irs, uint64_t period)
{
    uint64_t words[4] = {
        (uint64_t)p->dst << 32 | p->src,
        (uint64_t)g->dst_port << 16 | g->src_port,
        irs,
        period,
    };

    return (uint32_t)rng_hash(s->isn_key, words, 4) & ~(uint32_t)COOKIE_MSS_MASK;
}

static void cookie_send(struct tcp_conn *listener, const struct ipv4_packet *p,
                        const struct tcp_segment *g)
{
    struct stack *s = listener->stack;
    uint32_t mss = g->mss ? g->mss : TCP_MSS_DEFAULT, row = COOKIE_MSS_MASK;

    while (row && cookie_mss[row] > mss)
        row--;
    if (cookie_mss[row] > mss) { /* too small for the table */
        stack_drop(s, DROP_TCP_BACKLOG);
        return;
    }
    TRACE(s->platform, TRACE_TCP_COOKIE, listener->local_port, p->src, g->src_port);
    listener->cookie_ns = s->now_ns;
    tcp_send_cookie(s, p, g, cookie_hash(s, p, g, g->seq, s->now_ns / COOKIE_PERIOD_NS) | row);
}

/* The MSS in the cookie that `g` acknowledges, or 0: it acknowledges none of ours. */
static uint16_t cookie_check(const struct tcp_conn *listener, const struct ipv4_packet *p,
                             const struct tcp_segment *g)
{
    const struct stack *s = listener->stack;
    uint32_t cookie = g->ack - 1;
    uint64_t period = s->now_ns / COOKIE_PERIOD_NS;

    if ((g->flags & (TCP_SYN | TCP_ACK)) != TCP_ACK || listener->cookie_ns == 0 ||
        s->now_ns - listener->cookie_ns >= 2 * COOKIE_PERIOD_NS)
        return 0;
    for (unsigned ago = 0; ago < 2; ago++)
        if (cookie_hash(s, p, g, g->seq - 1, period - ago) == (cookie & ~(uint32_t)COOKIE_MSS_MASK))
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
}

/* The child that a cookie was sent for, as if it had been kept since then; NULL: no room. */
static struct tcp_conn *cookie_child(struct tcp_conn *listener, const struct ipv4_packet *p,
                                     const struct tcp_segment *g, uint16_t mss)
{
    struct tcp_segment syn = *g;
    struct tcp_conn *c = 0;

    if (children(listener, false) < listener->backlog)
        c = tcp_allocate(listener->stack);
    if (!c) {
        stack_drop(listener->stack, DROP_TCP_BACKLOG);
        return 0;
    }
    child_start(c, listener, p, g);
    tcp_start(c, g->ack - 1);
    syn.seq = g->seq - 1;
    syn.mss = mss;
    tcp_take_irs(c, &syn);
    c->rcv_adv = c->rcv_nxt + TCP_WINDOW_MAX; /* as the SYN-ACK offered */
    c->snd_nxt = c->snd_max = c->iss + 1;
    tcp_move(c, TCP_SYN_RECEIVED);
    return c;
}

struct tcp_conn *tcp_input_listen(struct tcp_conn *listener, const struct ipv4_packet *p,
                                  const struct tcp_segment *g, const uint32_t *above)
{
    struct stack *s = listener->stack;
    struct tcp_conn *c;
    uint16_t mss;
    uint32_t iss;

    if (g->flags & TCP_RST)
        return 0;
    if (g->flags & TCP_ACK) {
        mss = cookie_check(listener, p, g);
        if (mss)
            return cookie_child(listener, p, g, mss);
        tcp_reset_reply(s, p, g);
        return 0;
    }
    if (!(g->flags & TCP_SYN)) {
        stack_drop(s, DROP_TCP_FLAGS);
        return 0;
    }
    if (children(listener, false) >= listener->backlog) { /* the peer will ask again */
        stack_drop(s, DROP_TCP_BACKLOG);
        return 0;
    }
    c = children(listener, true) < listener->backlog ? tcp_find_free(s) : 0;
    if (!c) {
        cookie_send(listener, p, g);
        return 0;
    }
    child_start(c, listener, p, g);
    iss = tcp_isn(c);
    tcp_start(c, above && seq_le(iss, *above) ? *above + 1 : iss);
    tcp_take_irs(c, g);
    c->snd_wnd = g->wnd;
    tcp_move(c, TCP_SYN_RECEIVED);
    return 0;
}
