/*
 * A small TCP for the scripted peer: both ends of a connection, retransmission with back-off, fast
 * retransmit, an out-of-order store, zero windows both ways. It is written for a lossy wire and a
 * peer under test: it is bounded and ends on any input. It shares nothing with core/net and has no
 * congestion control.
 */
#include "native_tcp.h"
#include "../../../core/base/minmax.h"
#include "../../base/memory.h"
#include <stdlib.h>
#include <string.h>

/* ---- time ---- */

void native_tcp_send_syn(struct native_conn *c)
{
    native_tcp_segment(c, c->iss, SEG_SYN | (c->state == SYN_RECEIVED ? SEG_ACK : 0), NULL, 0);
    c->nxt = c->max = c->iss + 1;
}

static void rto_due(struct native_conn *c)
{
    uint32_t end = native_tcp_data_end(c);

    if (++c->tries > TRIES_MAX) {
        native_tcp_over(c); /* half-open and dead connections are aborted */
        return;
    }
    c->rto_ns = min_u64(c->rto_ns * 2, RTO_LAST_NS);
    c->rto_at_ns = c->world->sim->now_ns + c->rto_ns;
    c->dup_acks = 0;
    if (c->state != OPEN) {
        native_tcp_send_syn(c);
        return;
    }
    c->nxt = c->una;
    if (c->window == 0) { /* a probe of one byte, or FIN */
        uint8_t byte = c->buf[c->una % NATIVE_BUFFER];

        if (c->len)
            native_tcp_segment(c, c->una, SEG_ACK, &byte, 1);
        else if (c->fin_queued)
            native_tcp_segment(c, end, SEG_ACK | SEG_FIN, NULL, 0);
        if (c->max == c->una)
            c->max = c->una + 1;
        c->tries--;
    }
}

static void conn_timer(void *ctx, uint64_t arg)
{
    struct native_conn *c = ctx;
    uint64_t now = c->world->sim->now_ns;

    (void)arg;
    if (c->state == OVER)
        return;
    if (now >= c->linger_ns || now >= native_tcp_dead_deadline(c)) {
        native_tcp_over(c);
        return;
    }
    if (c->closed_until_ns && now >= c->closed_until_ns) {
        c->closed_until_ns = 0;
        c->filled = 0;
        c->ack = true;
    }
    if (now >= c->rto_at_ns)
        rto_due(c);
    native_tcp_output(c);
}

/* ---- connections ---- */

static struct native_conn *conn_new(struct world *w)
{
    for (unsigned i = 0; i < NATIVE_CONNS; i++) {
        struct native_conn *c = w->conns[i];

        if (c && c->state != OVER)
            continue;
        if (!c)
            c = w->conns[i] = memory_unset(sizeof(*c));
        memset(c, 0, offsetof(struct native_conn, buf));
        memset((uint8_t *)c + offsetof(struct native_conn, dup_acks), 0,
               offsetof(struct native_conn, store) - offsetof(struct native_conn, dup_acks));
        for (unsigned k = 0; k < STORE; k++)
            c->store[k].used = false;
        c->world = w;
        c->iss = (uint32_t)sim_draw(w->sim, &w->iss);
        c->una = c->nxt = c->max = c->iss;
        c->mss = 536;
        c->rto_ns = RTO_FIRST_NS;
        c->rto_at_ns = c->linger_ns = SIM_NEVER;
        c->heard_ns = w->sim->now_ns;
        sim_timer_init(&c->timer, w->sim, EVENT_TIMER, conn_timer, c);
        return c;
    }
    return NULL;
}

static struct native_conn *conn_find(struct world *w, const struct decoded *d)
{
    for (unsigned i = 0; i < NATIVE_CONNS; i++) {
        struct native_conn *c = w->conns[i];

        if (c && c->state != OVER && c->local == d->ip_dst && c->remote == d->ip_src &&
            c->local_port == d->dst_port && c->remote_port == d->src_port)
            return c;
    }
    return NULL;
}

static void accept_syn(struct world *w, const struct service *s, const struct decoded *d)
{
    struct native_conn *c = conn_new(w);

    if (!c)
        return; /* the machine will try again */
    c->local = d->ip_dst;
    c->local_port = d->dst_port;
    c->remote = d->ip_src;
    c->remote_port = d->src_port;
    c->service = s;
    c->window = d->tcp_window;
    c->rcv_nxt = d->tcp_seq + 1;
    native_tcp_agree(c, d);
    c->state = SYN_RECEIVED;
    stream_open(&c->stream, s);
    c->rto_at_ns = w->sim->now_ns + c->rto_ns;
    if (s->latency_ns) { /* the SYN-ACK is the first retransmission */
        c->rto_at_ns = w->sim->now_ns + s->latency_ns;
        c->nxt = c->max = c->iss + 1;
    } else {
        native_tcp_send_syn(c);
    }
    native_tcp_set_timer(c);
}

void native_tcp_input(struct world *w, const uint8_t *frame, const struct decoded *d)
{
    struct native_conn *c = conn_find(w, d);
    const struct service *s;

    if (c) {
        native_tcp_conn_input(c, d);
        return;
    }
    s = native_service(w, d->ip_dst, d->dst_port, false);
    if (s && s->kind == SERVICE_BLACKHOLE)
        return;
    if (s && s->kind == SERVICE_UNREACHABLE) {
        native_icmp_error(w, frame, d, 1, NATIVE_GATEWAY, s->latency_ns);
        return;
    }
    if (s && s->kind != SERVICE_REFUSE && (d->tcp_flags & (SEG_SYN | SEG_ACK)) == SEG_SYN)
        accept_syn(w, s, d);
    else if (s || native_is_ours(w, d->ip_dst))
        native_tcp_reset(w, d, s ? s->latency_ns : 0);
}

void native_tcp_dial(struct world *w, struct native_dial *dial)
{
    struct native_conn *c = conn_new(w);

    if (!c) {
        dial->done = true;
        return;
    }
    c->service = native_service(w, dial->dial->from_addr, dial->dial->from_port, false);
    c->local = c->service ? c->service->addr : NATIVE_GATEWAY;
    c->local_port = c->service ? c->service->port : w->next_port++;
    c->remote = w->dhcp.addr;
    c->remote_port = dial->dial->port;
    c->dial = dial;
    if (c->service)
        stream_open(&c->stream, c->service);
    c->state = SYN_SENT;
    c->rto_at_ns = w->sim->now_ns + c->rto_ns;
    native_tcp_send_syn(c);
    native_tcp_set_timer(c);
}

void native_tcp_forge(struct world *w, const struct scenario_dial *s)
{
    struct native_conn *last = NULL;

    for (unsigned i = 0; i < NATIVE_CONNS; i++) {
        struct native_conn *c = w->conns[i];

        if (c && c->local == s->from_addr && c->local_port == s->from_port &&
            c->state != SYN_SENT && (!last || c->heard_ns > last->heard_ns))
            last = c;
    }
    if (!last)
        return;
    native_used(w, s->line);
    native_tcp_segment_at(last, last->max + s->seq_offset, last->rcv_nxt + s->ack_offset, s->flags,
                          s->window, s->send, (uint32_t)s->send_len);
}

bool native_tcp_busy(const struct world *w)
{
    for (unsigned i = 0; i < NATIVE_CONNS; i++) {
        const struct native_conn *c = w->conns[i];

        /* A connection in its short TIME_WAIT, or dead: the run does not wait for it. */
        if (c && c->state != OVER && c->linger_ns == SIM_NEVER && c->state != SYN_RECEIVED)
            return true;
    }
    return false;
}

unsigned native_tcp_open(const struct world *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < NATIVE_CONNS; i++)
        n += w->conns[i] && w->conns[i]->state != OVER;
    return n;
}

void native_tcp_free(struct world *w)
{
    for (unsigned i = 0; i < NATIVE_CONNS; i++)
        free(w->conns[i]);
}
