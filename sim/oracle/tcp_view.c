/* The states of both ends of TCP connections, from the wire: see tcp_view.h. */
#include "tcp_view.h"
#include <string.h>

/* RFC 9293 section 3.3.2, in the order of trace_tcp_word(). */
enum {
    CLOSED,
    LISTEN,
    SYN_SENT,
    SYN_RECEIVED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    CLOSE_WAIT,
    CLOSING,
    LAST_ACK,
    TIME_WAIT,
};

static bool is_flow(const struct tcp_flow *f, enum direction dir, const struct decoded *d)
{
    bool tx = dir == DIRECTION_TX;

    return f->used && f->local_port == (tx ? d->src_port : d->dst_port) &&
           f->remote_port == (tx ? d->dst_port : d->src_port) &&
           f->remote == (tx ? d->ip_dst : d->ip_src);
}

const struct tcp_flow *tcp_view_flow(const struct tcp_view *v, enum direction dir,
                                     const struct decoded *d)
{
    for (unsigned i = 0; i < TCP_VIEW_FLOWS; i++)
        if (is_flow(&v->flows[i], dir, d))
            return &v->flows[i];
    return NULL;
}

/* The same; a new flow replaces the least recently used one. */
static struct tcp_flow *tcp_view_flow_make(struct tcp_view *v, enum direction dir,
                                           const struct decoded *d)
{
    struct tcp_flow *oldest = &v->flows[0];
    bool tx = dir == DIRECTION_TX;

    v->counter++;
    for (unsigned i = 0; i < TCP_VIEW_FLOWS; i++) {
        struct tcp_flow *f = &v->flows[i];

        if (is_flow(f, dir, d)) {
            f->touched = v->counter;
            return f;
        }
        if (f->touched < oldest->touched)
            oldest = f;
    }
    *oldest = (struct tcp_flow){
        .used = true,
        .touched = v->counter,
        .local_port = tx ? d->src_port : d->dst_port,
        .remote_port = tx ? d->dst_port : d->src_port,
        .remote = tx ? d->ip_dst : d->ip_src,
    };
    return oldest;
}

/* True if `end` or more is acknowledged. */
static bool covers(const struct decoded *d, uint32_t end)
{
    return (d->tcp_flags & SEG_ACK) && (int32_t)(d->tcp_ack - end) >= 0;
}

/* An end acknowledges the other one's FIN. */
static void took_fin(struct tcp_end *e)
{
    if (e->state == ESTABLISHED)
        e->state = CLOSE_WAIT;
    else if (e->state == FIN_WAIT_1)
        e->state = CLOSING;
    else if (e->state == FIN_WAIT_2)
        e->state = TIME_WAIT;
}

static void send_fin(struct tcp_end *e, const struct decoded *d)
{
    e->fin = true;
    e->fin_end = d->tcp_seq + (uint32_t)d->payload_len + 1;
    if (e->state == ESTABLISHED || e->state == SYN_RECEIVED)
        e->state = FIN_WAIT_1;
    else if (e->state == CLOSE_WAIT)
        e->state = LAST_ACK;
}

void tcp_view_sent(struct tcp_view *v, enum direction dir, const struct decoded *d)
{
    struct tcp_flow *f = tcp_view_flow_make(v, dir, d);
    struct tcp_end *own = &f->end[dir];
    const struct tcp_end *other = &f->end[!dir];

    if (d->tcp_flags & SEG_RST) {
        own->state = CLOSED;
        return;
    }
    if (d->tcp_flags & SEG_SYN) {
        bool answer = d->tcp_flags & SEG_ACK;

        if (own->state == CLOSED || own->state == TIME_WAIT || (answer && own->state == SYN_SENT))
            *own = (struct tcp_end){.state = answer ? SYN_RECEIVED : SYN_SENT};
        return;
    }
    if (other->fin && covers(d, other->fin_end))
        took_fin(own);
    if (d->tcp_flags & SEG_FIN)
        send_fin(own, d);
}

void tcp_view_arrived(struct tcp_view *v, enum direction dir, const struct decoded *d)
{
    struct tcp_flow *f = tcp_view_flow_make(v, dir, d);
    struct tcp_end *own = &f->end[!dir];

    if (d->tcp_flags & SEG_RST) {
        own->state = CLOSED;
        return;
    }
    if (!(d->tcp_flags & SEG_ACK))
        return;
    if (own->state == SYN_SENT && (d->tcp_flags & SEG_SYN))
        own->state = ESTABLISHED;
    else if (own->state == SYN_RECEIVED && !(d->tcp_flags & SEG_SYN))
        own->state = ESTABLISHED;
    if (!own->fin || !covers(d, own->fin_end))
        return;
    if (own->state == FIN_WAIT_1)
        own->state = FIN_WAIT_2;
    else if (own->state == CLOSING)
        own->state = TIME_WAIT;
    else if (own->state == LAST_ACK)
        own->state = CLOSED;
}
