/* The plan of a replay: see recorded_plan.h. */
#include "recorded_plan.h"
#include "../../../core/base/minmax.h"
#include "../../frame/decode.h"
#include "../../base/memory.h"
#include <stdlib.h>
#include <string.h>

/* The peer's side of a connection: what the machine had received without a gap. */
struct received {
    uint16_t local_port, remote_port;
    uint32_t remote;
    uint32_t next;                 /* sequence number */
    uint32_t edge;                 /* of the window that the machine offered */
    uint8_t own_scale, peer_scale; /* as in decode.h */
};

struct planning {
    const struct capture *c;
    struct replay_step *steps;
    struct received *connections;
    size_t count, size;
};

/* The longest time between two polls of a machine, even on a busy host. */
#define LOOK_NS UINT64_C(100000000)
/* The longest time between frames sent in one poll. */
#define BURST_NS UINT64_C(20000)

static bool is_close(const struct capture *c, size_t before, size_t i)
{
    return c->frames[i].time_ns - c->frames[before].time_ns < LOOK_NS;
}

static bool recorded_plan_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

/* ---- the kind of each frame ---- */

static enum replay_kind kind_of(const struct capture_frame *f, const uint8_t mac[6])
{
    bool own = f->len >= 12 && memcmp(f->bytes + 6, mac, 6) == 0;
    struct decoded d;

    if (!own)
        return f->lost ? REPLAY_SKIP : REPLAY_PEER;
    if (f->duplicate)
        return REPLAY_SKIP;
    decode_frame(f->bytes, f->len, &d);
    return !d.error && decode_matches(&d, "tcp.ack") ? REPLAY_ACK : REPLAY_OWN;
}

/* ---- what the machine had received ---- */

/* The state for a segment of the peer, by ports; NULL: unknown connection. */
static struct received *recorded_plan_find(struct planning *p, uint16_t local, uint32_t remote,
                                           uint16_t port)
{
    for (size_t i = p->count; i-- > 0;) {
        struct received *r = &p->connections[i];

        if (r->local_port == local && r->remote == remote && r->remote_port == port)
            return r;
    }
    return NULL;
}

/* The same; created if it is new. */
static struct received *recorded_plan_open(struct planning *p, uint16_t local, uint32_t remote,
                                           uint16_t port)
{
    struct received *r = recorded_plan_find(p, local, remote, port);

    if (r)
        return r;
    p->connections = memory_grow(p->connections, p->count + 1, &p->size, sizeof(*p->connections));
    r = &p->connections[p->count++];
    *r = (struct received){.local_port = local, .remote_port = port, .remote = remote};
    return r;
}

static void peer_syn(struct planning *p, const struct decoded *d)
{
    struct received *r = recorded_plan_open(p, d->dst_port, d->ip_src, d->src_port);

    r->next = r->edge = d->tcp_seq + 1;
    r->peer_scale = d->tcp_scale;
}

/* True if `own` is a segment of the machine on the connection of the peer's segment `d`. */
static bool recorded_plan_answers(const struct decoded *own, const struct decoded *d)
{
    return !own->error && own->layer == LAYER_TCP && own->tcp_flags & SEG_ACK &&
           own->src_port == d->dst_port && own->ip_dst == d->ip_src && own->dst_port == d->src_port;
}

/* The sequence number after a segment without SYN. */
static uint32_t recorded_plan_end_of(const struct decoded *own)
{
    return own->tcp_seq + (uint32_t)own->payload_len + (own->tcp_flags & SEG_FIN ? 1 : 0);
}

/*
 * The index after the last frame that the machine sent before it received frame `from` of its peer;
 * 0: none. It had not received what it does not acknowledge, up to `end` (if `in_order`), nor the
 * ACK of data that it retransmits, also in the rest of such a burst.
 */
static size_t unseen_until(const struct planning *p, size_t from, const struct decoded *d,
                           uint32_t end, bool in_order)
{
    const struct capture_frame *f = p->c->frames;
    size_t until = 0;

    for (size_t i = from + 1; i < p->c->count && is_close(p->c, from, i); i++) {
        bool burst = until == i && f[i].time_ns - f[i - 1].time_ns < BURST_NS;
        struct decoded own;

        if (p->steps[i].kind != REPLAY_OWN && p->steps[i].kind != REPLAY_ACK)
            continue;
        decode_frame(f[i].bytes, f[i].len, &own);
        if (!recorded_plan_answers(&own, d))
            continue;
        if (in_order && !recorded_plan_after(end, own.tcp_ack))
            break; /* it had received it from here on */
        if (p->steps[i].kind == REPLAY_OWN &&
            (in_order || burst ||
             (d->tcp_flags & SEG_ACK &&
              !recorded_plan_after(recorded_plan_end_of(&own), d->tcp_ack))))
            until = i + 1;
    }
    return until;
}

/* For a frame for the machine: how many frames recorded after it come before it. */
static size_t held_until(struct planning *p, size_t i)
{
    struct received *r;
    struct decoded d;
    uint32_t end;
    bool in_order;

    decode_frame(p->c->frames[i].bytes, p->c->frames[i].len, &d);
    if (d.error || d.layer != LAYER_TCP)
        return 0;
    if (d.tcp_flags & SEG_SYN) {
        peer_syn(p, &d);
        return 0;
    }
    r = recorded_plan_find(p, d.dst_port, d.ip_src, d.src_port);
    end = recorded_plan_end_of(&d);
    /* After a gap, or a duplicate: it has no ACK of its own. */
    in_order = r && !recorded_plan_after(d.tcp_seq, r->next) && recorded_plan_after(end, r->next);
    p->steps[i].offered =
        r && d.payload_len && !recorded_plan_after(d.tcp_seq + (uint32_t)d.payload_len, r->edge);
    if (in_order)
        r->next = end;
    return unseen_until(p, i, &d, end, in_order);
}

static void machine_acked(struct planning *p, size_t i)
{
    struct received *r;
    struct decoded d;
    uint32_t edge;

    decode_frame(p->c->frames[i].bytes, p->c->frames[i].len, &d);
    if (d.error || d.layer != LAYER_TCP)
        return;
    if (d.tcp_flags & SEG_SYN)
        recorded_plan_open(p, d.src_port, d.ip_dst, d.dst_port)->own_scale = d.tcp_scale;
    if (!(d.tcp_flags & SEG_ACK))
        return;
    r = recorded_plan_find(p, d.src_port, d.ip_dst, d.dst_port);
    if (!r)
        return;
    if (recorded_plan_after(d.tcp_ack, r->next))
        r->next = d.tcp_ack; /* a gap was filled */
    edge = d.tcp_ack + decode_window(&d, r->own_scale, r->peer_scale);
    if (recorded_plan_after(edge, r->edge))
        r->edge = edge;
}

/* The frames before a frame for the machine. */
struct before {
    size_t own;  /* index after the last frame of the machine that comes first */
    size_t said; /* index after the last frame of the machine, pure ACKs included */
    size_t peer; /* the frame that is delivered before it, or count */
};

static void plan_peer(struct planning *p, struct before *b, size_t i)
{
    struct replay_step *s = &p->steps[i];
    size_t held = held_until(p, i);

    s->before = max_u64(held, b->own); /* in the recorded order */
    s->together = b->peer < p->c->count && p->steps[b->peer].before == s->before &&
                  (b->said <= s->before || b->said <= b->peer) && is_close(p->c, b->peer, i);
    b->own = s->before;
    b->peer = i;
}

struct replay_step *replay_plan(const struct capture *c, const uint8_t mac[6])
{
    struct planning p = {.c = c, .steps = memory_new(c->count, sizeof(*p.steps))};
    struct before b = {.peer = c->count};

    for (size_t i = 0; i < c->count; i++)
        p.steps[i] = (struct replay_step){.kind = kind_of(&c->frames[i], mac)};
    for (size_t i = 0; i < c->count; i++)
        switch (p.steps[i].kind) {
        case REPLAY_OWN:
            b.own = max_u64(i + 1, b.own);
            b.said = i + 1;
            machine_acked(&p, i);
            break;
        case REPLAY_ACK:
            b.said = i + 1;
            machine_acked(&p, i);
            break;
        case REPLAY_PEER:
            plan_peer(&p, &b, i);
            break;
        case REPLAY_SKIP:
            break;
        }
    free(p.connections);
    return p.steps;
}
