/* A connection of a script: see flow.h. */
#include "flow.h"
#include <stdlib.h>

/* 24 days: half of what a clock of milliseconds has in 32 bits. */
#define STAMP_OLD_NS (UINT64_C(24) * 86400 * 1000000000)

uint8_t pkt_flow_byte(uint32_t seq)
{
    return (uint8_t)(seq * 31 + (seq >> 8) * 7 + (seq >> 16));
}

void pkt_flow_free(struct pkt_flow *f)
{
    free(f->written);
}

void pkt_flow_received(struct pkt_flow *f, const struct pkt_segment *g)
{
    if (g->flags & SEG_RST)
        f->reset = true;
    if ((g->flags & (SEG_SYN | SEG_ACK)) != SEG_SYN)
        return;
    if (f->has_syn && (f->syn != g->seq || f->reset))
        f->opening = true;
    f->has_syn = true;
    f->syn = g->seq;
    f->reset = false;
}

void pkt_flow_sent(struct pkt_flow *f, const struct decoded *d)
{
    if (d->tcp_flags & SEG_RST) {
        f->reset = true;
        return;
    }
    if ((d->tcp_flags & SEG_SYN) && (!f->learned || f->opening)) {
        f->local_isn = d->tcp_seq;
        f->learned = f->assumed = true;
        f->opening = f->open = false;
        f->stamps = 0;
        f->has_stamp = false;
        f->written_len = 0;
        f->written_from = 1;
        f->read = 0;
    }
    if ((d->tcp_flags & SEG_ACK) && !f->open) {
        f->open = true;
        f->first = d->tcp_ack - f->remote_isn;
    }
}

void pkt_flow_learn(struct pkt_flow *f, const struct pkt_segment *g, uint32_t seq)
{
    if (!f->assumed || f->local_isn != seq) /* a SYN sent again: its number is known */
        return;
    f->assumed = false;
    f->local_isn = seq - g->seq;
    f->written_from = g->seq + 1;
}

/* ---- timestamps ---- */

/* A value that the peer echoes. One that no line has had is as far from the last value as the
 * script's is from its own last one. */
static uint32_t flow_stamp_of(struct pkt_flow *f, uint32_t script)
{
    for (unsigned i = f->stamps; i > 0 && f->stamps - i < PKT_STAMPS; i--)
        if (f->stamp[(i - 1) % PKT_STAMPS].script == script)
            return f->stamp[(i - 1) % PKT_STAMPS].wire;
    if (f->stamps) {
        unsigned last = (f->stamps - 1) % PKT_STAMPS;

        return f->stamp[last].wire + (script - f->stamp[last].script);
    }
    if (!f->has_stamp)
        return script;
    f->stamp[f->stamps % PKT_STAMPS].script = script; /* of a line with <...> */
    f->stamp[f->stamps++ % PKT_STAMPS].wire = f->last_stamp;
    return f->last_stamp;
}

static const struct pkt_option *flow_find_stamp(const struct pkt_options *o)
{
    for (unsigned i = 0; i < o->count; i++)
        if (o->option[i].kind == PKT_OPTION_TS)
            return &o->option[i];
    return NULL;
}

/* A value that the stack sent: any, but it does not go back (RFC 7323 section 4.1); after
 * STAMP_OLD_NS both directions are the same. */
static void flow_take_stamp(struct pkt_flow *f, const struct pkt_option *expected,
                            struct pkt_option *came, uint64_t time_ns)
{
    uint32_t wire = came->number[0];
    bool back = f->has_stamp && time_ns - f->last_stamp_ns < STAMP_OLD_NS &&
                (int32_t)(wire - f->last_stamp) < 0;

    f->has_stamp = true;
    f->last_stamp = wire;
    f->last_stamp_ns = time_ns;
    if (!expected || back)
        return;
    f->stamp[f->stamps % PKT_STAMPS].script = expected->number[0];
    f->stamp[f->stamps++ % PKT_STAMPS].wire = wire;
    came->number[0] = expected->number[0];
}

/* ---- a segment ---- */

static void flow_shift_sack(struct pkt_options *o, uint32_t by)
{
    for (unsigned i = 0; i < o->count; i++)
        for (unsigned n = 0; o->option[i].kind == PKT_OPTION_SACK && n < o->option[i].count; n++)
            o->option[i].number[n] += by;
}

void pkt_flow_inbound(struct pkt_flow *f, struct pkt_segment *g)
{
    g->seq += f->remote_isn;
    if (g->has_ack)
        g->ack += f->local_isn;
    flow_shift_sack(&g->options, f->local_isn);
    for (unsigned i = 0; i < g->options.count; i++)
        if (g->options.option[i].kind == PKT_OPTION_TS && (g->flags & SEG_ACK))
            g->options.option[i].number[1] = flow_stamp_of(f, g->options.option[i].number[1]);
}

void pkt_flow_outbound(struct pkt_flow *f, const struct pkt_segment *expected,
                       struct pkt_segment *g, uint64_t time_ns)
{
    const struct pkt_option *stamp = expected ? flow_find_stamp(&expected->options) : NULL;

    /* A reset for a segment without ACK has the number 0, whatever the connection had: RFC 9293
     * section 3.10.7.1. */
    if (!(g->flags & SEG_RST) || g->seq || !expected || expected->seq)
        g->seq -= f->local_isn;
    if (g->has_ack)
        g->ack -= f->remote_isn;
    flow_shift_sack(&g->options, 0 - f->remote_isn);
    for (unsigned i = 0; expected && i < g->options.count; i++)
        if (g->options.option[i].kind == PKT_OPTION_TS)
            flow_take_stamp(f, stamp, &g->options.option[i], time_ns);
}
