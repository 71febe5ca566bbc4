/* TCP input of the scripted peer: see native_tcp.h. */
#include "../../../core/base/minmax.h"
#include "native_tcp.h"
#include <string.h>

/* The service reads bytes in order; returns how many. */
static uint32_t native_tcp_input_deliver(struct native_conn *c, const uint8_t *bytes, uint32_t len)
{
    struct native_dial *dial = c->dial;

    if (c->service)
        return (uint32_t)stream_input(&c->stream, bytes, len, c->world->sim->now_ns);
    for (uint32_t i = 0; i < len; i++, dial->got++)
        if (dial->got < dial->dial->expect_len &&
            (uint8_t)dial->dial->expect[dial->got] != bytes[i])
            dial->mismatch = true;
    return len;
}

static void received(struct native_conn *c, const uint8_t *bytes, uint32_t len)
{
    const struct native_options *o = &c->world->scenario->native;
    uint32_t n = native_tcp_input_deliver(c, bytes, len);

    c->rcv_nxt += n;
    c->filled += n;
    if (o->zero_window_ns && c->filled >= o->window && c->closed_until_ns == 0) {
        native_fault(c->world, PEER_ZERO_WINDOW);
        c->closed_until_ns = c->world->sim->now_ns + o->zero_window_ns;
    }
}

void native_tcp_agree(struct native_conn *c, const struct decoded *d)
{
    bool offers = c->world->scenario->native.tcp_options;

    c->sacks = offers && d->tcp_sack_permitted;
    c->scales = offers && d->tcp_scale;
    c->shift = c->scales ? d->tcp_scale - 1 : 0;
    c->stamps = offers && d->tcp_stamped;
    c->stamp_recent = d->tcp_stamp;
    if (d->tcp_mss)
        c->mss = min_u32(d->tcp_mss, NATIVE_MSS);
    if (c->stamps) /* they are in each segment: RFC 6691 */
        c->mss = c->mss > NATIVE_STAMPS ? c->mss - NATIVE_STAMPS : 1;
}

static void store_early(struct native_conn *c, const struct decoded *d)
{
    if (d->payload_len > STORE_BYTES)
        return;
    for (unsigned i = 0; i < STORE; i++) {
        struct stored *s = &c->store[i];

        if (s->used)
            continue;
        c->stored = i;
        s->used = true;
        s->seq = d->tcp_seq;
        s->len = (uint32_t)d->payload_len;
        memcpy(s->bytes, d->payload, s->len);
        return;
    }
}

static void drain_store(struct native_conn *c)
{
    for (bool again = true; again;) {
        again = false;
        for (unsigned i = 0; i < STORE; i++) {
            struct stored *s = &c->store[i];
            uint32_t skip = c->rcv_nxt - s->seq;

            if (!s->used || native_tcp_before(c->rcv_nxt, s->seq))
                continue;
            s->used = false;
            if (skip < s->len) {
                received(c, s->bytes + skip, s->len - skip);
                again = true;
            }
        }
    }
}

static void native_tcp_input_data(struct native_conn *c, const struct decoded *d)
{
    uint32_t seq = d->tcp_seq, len = (uint32_t)d->payload_len, skip = c->rcv_nxt - seq;

    if (!len && seq != c->rcv_nxt - 1) /* that number: a keep-alive, RFC 9293 section 3.8.4 */
        return;
    c->ack = true;
    if (!len)
        return;
    if (native_tcp_before(c->rcv_nxt, seq)) {
        if (seq - c->rcv_nxt < NATIVE_BUFFER)
            store_early(c, d);
        return;
    }
    if (skip >= len || native_tcp_window(c) == 0)
        return; /* old, or a probe of our closed window */
    received(c, d->payload + skip, len - skip);
    drain_store(c);
}

static void input_fin(struct native_conn *c, const struct decoded *d)
{
    if (!(d->tcp_flags & SEG_FIN))
        return;
    c->ack = true;
    if (c->fin_received || d->tcp_seq + d->payload_len != c->rcv_nxt)
        return;
    c->rcv_nxt++;
    c->fin_received = true;
    if (c->service)
        stream_input_end(&c->stream, c->world->sim->now_ns);
    if (c->dial && !c->service)
        c->fin_queued = true;
}

static void native_tcp_input_ack(struct native_conn *c, const struct decoded *d)
{
    uint32_t ack = d->tcp_ack, acked = ack - c->una, data;
    uint32_t window = d->tcp_flags & SEG_SYN ? d->tcp_window : d->tcp_window << c->shift;
    bool fin = c->fin_queued && !c->fin_acked && ack == native_tcp_data_end(c) + 1;

    if (native_tcp_before(c->max, ack) || native_tcp_before(ack, c->una))
        return;
    if (ack == c->una) {
        bool duplicate = !d->payload_len && window == c->window && c->max != c->una;

        c->window = window;
        if (duplicate && ++c->dup_acks == 3)
            c->nxt = c->una; /* go back: the machine keeps what it has received */
        return;
    }
    c->window = window;
    data = acked - (c->una == c->iss) - fin;
    c->len -= min_u32(data, c->len);
    c->una = ack;
    if (native_tcp_before(c->nxt, ack))
        c->nxt = ack;
    c->dup_acks = 0;
    c->tries = 0;
    c->rto_ns = RTO_FIRST_NS;
    c->rto_at_ns = c->una == c->max ? SIM_NEVER : c->world->sim->now_ns + c->rto_ns;
    if (fin) {
        c->len = 0;
        c->fin_acked = true;
        c->linger_ns = c->world->sim->now_ns + (c->fin_received ? LINGER_NS : 60 * NS_PER_S);
    }
}

void native_tcp_conn_input(struct native_conn *c, const struct decoded *d)
{
    c->heard_ns = c->world->sim->now_ns;
    if (d->tcp_flags & SEG_RST) {
        if (d->tcp_seq == c->rcv_nxt || c->state == SYN_SENT)
            native_tcp_over(c);
        return;
    }
    if (c->stamps && d->tcp_stamped && !native_tcp_before(c->acked, d->tcp_seq) &&
        !native_tcp_before(d->tcp_stamp, c->stamp_recent))
        c->stamp_recent = d->tcp_stamp; /* RFC 7323 section 4.3 */
    if (c->state == SYN_SENT) {
        if ((d->tcp_flags & (SEG_SYN | SEG_ACK)) != (SEG_SYN | SEG_ACK) || d->tcp_ack != c->iss + 1)
            return;
        c->rcv_nxt = d->tcp_seq + 1;
        native_tcp_agree(c, d);
        c->state = OPEN;
        c->ack = true;
    } else if (d->tcp_flags & SEG_SYN) {
        if (c->state == SYN_RECEIVED)
            native_tcp_send_syn(c);
        else
            c->ack = true;
        native_tcp_output(c);
        return;
    }
    if (d->tcp_flags & SEG_ACK) {
        if (c->state == SYN_RECEIVED && d->tcp_ack == c->iss + 1)
            c->state = OPEN;
        native_tcp_input_ack(c, d);
    }
    if (c->state == OPEN) {
        native_tcp_input_data(c, d);
        input_fin(c, d);
        if (c->fin_received && c->linger_ns != SIM_NEVER)
            c->linger_ns = c->world->sim->now_ns + LINGER_NS;
    }
    native_tcp_output(c);
}
