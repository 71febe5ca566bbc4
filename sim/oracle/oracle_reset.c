/* The oracle of resets: what each of them answers. See oracle_internal.h. */
#include "oracle_internal.h"

static bool arrived_from(const struct arrived *a, const struct decoded *d)
{
    return a->used && a->local_port == d->src_port && a->remote == d->ip_dst &&
           a->remote_port == d->dst_port;
}

void arrived_acknowledged(struct oracles *o, const struct decoded *d)
{
    for (unsigned i = 0; i < ARRIVED; i++) {
        struct arrived *a = &o->arrived[i];

        if (arrived_from(a, d) && !(a->flags & SEG_RST) && (int32_t)(d->tcp_ack - a->end) >= 0)
            a->used = false;
    }
}

/* True if this reset is the reply to that segment (RFC 9293 section 3.10.7.1). */
static bool oracle_reset_answers(const struct arrived *a, const struct decoded *d)
{
    return a->flags & SEG_ACK ? d->tcp_seq == a->ack : d->tcp_seq == 0 && d->tcp_ack == a->end;
}

void check_reset(struct oracles *o, const struct decoded *d)
{
    const struct arrived *reset = NULL;

    for (unsigned i = 0; i < ARRIVED; i++) {
        struct arrived *a = &o->arrived[i];

        if (!arrived_from(a, d) || o->sim->now_ns - a->at_ns >= NS_PER_MS ||
            !oracle_reset_answers(a, d))
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

void arrived_note(struct oracles *o, const struct decoded *d)
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
