/* Wire, world, oracles and capture of a scenario, combined: see far_side.h. */
#include "far_side.h"
#include "../base/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which lines of the scenario are used ---- */

/* The gateway and the resolver reply to pings without any line. */
static bool always_there(uint32_t addr)
{
    return addr == UINT32_C(0x0a000202) || addr == UINT32_C(0x0a000203);
}

/* A frame of the machine arrives: mark its services, and the dials that it accepts. */
static void use_by_machine(struct far_side *f, const struct decoded *d)
{
    const struct scenario *sc = f->scenario;
    bool accepts = (d->tcp_flags & (SEG_SYN | SEG_ACK)) == (SEG_SYN | SEG_ACK);

    for (unsigned i = 0; i < sc->service_count; i++) {
        const struct service *s = &sc->services[i];
        bool for_port = (d->layer == LAYER_TCP || d->layer == LAYER_UDP) &&
                        s->port == d->dst_port && service_takes(s, d->layer == LAYER_UDP);

        if (s->addr == d->ip_dst &&
            (for_port || (d->layer == LAYER_ICMP && !always_there(s->addr))))
            f->used[s->line] = true;
    }
    for (unsigned i = 0; i < sc->dial_count && accepts; i++)
        if (sc->dials[i].port == d->src_port && !sc->dials[i].datagram && !sc->dials[i].echo &&
            !sc->dials[i].segment && f->sim->now_ns >= SIM_POWER_ON_NS + sc->dials[i].at_ns)
            f->used[sc->dials[i].line] = true;
}

/* A frame arrives at the machine: mark the dials of its datagram or echo. */
static void use_by_peer(struct far_side *f, const struct decoded *d)
{
    const struct scenario *sc = f->scenario;
    bool datagram = d->layer == LAYER_UDP || d->layer == LAYER_DHCP;

    for (unsigned i = 0; i < sc->dial_count; i++) {
        const struct scenario_dial *dial = &sc->dials[i];

        if (dial->echo ? d->layer == LAYER_ICMP && d->icmp_type == 8
                       : dial->datagram && datagram && d->dst_port == dial->port)
            f->used[dial->line] = true;
    }
}

static void nothing_used(struct far_side *f)
{
    size_t size = f->scenario->line_count + 1;

    if (size > f->used_size) {
        free(f->used);
        f->used = memory_new(size, sizeof(*f->used));
        f->used_size = size;
    }
    memset(f->used, 0, size * sizeof(*f->used));
}

/* ---- events of the wire ---- */

static void wire_sent(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                      const struct decoded *d)
{
    struct far_side *f = ctx;

    sim_hash(f->sim, dir == DIRECTION_TX ? "tx" : "rx", frame, len);
    reasons_sent(&f->reasons, dir, d);
    if (dir == DIRECTION_TX)
        oracles_tx(f->oracles, frame, len, d);
    else
        oracles_peer(f->oracles, frame, len, d);
}

static uint64_t wire_fate(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                          const struct decoded *d, const char *fate, bool lost)
{
    struct far_side *f = ctx;
    uint64_t mark = reasons_fate(&f->reasons, dir, frame, len, d, fate, lost);

    f->listener.seen(f->listener.ctx, dir, frame, len, d, fate);
    return mark;
}

static void wire_arrived(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                         const struct decoded *d, uint64_t mark)
{
    struct far_side *f = ctx;

    reasons_arrived(&f->reasons, dir, d, mark);
    if (!d->error)
        (dir == DIRECTION_TX ? use_by_machine : use_by_peer)(f, d);
    if (dir == DIRECTION_TX) {
        f->world_ops->input(f->world, frame, len);
        return;
    }
    oracles_rx(f->oracles, frame, len, d);
    f->listener.arrived(f->listener.ctx, frame, len);
}

static void world_send(void *ctx, const uint8_t *frame, size_t len)
{
    struct far_side *f = ctx;

    wire_send(&f->wire, DIRECTION_RX, frame, len);
}

bool far_side_act(struct far_side *f, const struct scenario_action *a)
{
    if (a->kind == ACTION_CUT)
        wire_cut(&f->wire, (unsigned)(a - f->scenario->actions));
    else if (a->kind == ACTION_HEAL)
        wire_heal(&f->wire);
    else
        return false;
    return true;
}

/* ---- its life ---- */

static const struct world_ops *world_of(const struct scenario *sc)
{
    switch (sc->world) {
    case WORLD_SLIRP:
#ifdef DRYWIRE_SLIRP
        return &world_slirp;
#else
        break; /* not run here: main.c skips it */
#endif
    case WORLD_REPLAY:
        return &world_replay;
    case WORLD_NATIVE:
    case WORLD_PEER:
        break;
    }
    return &world_native;
}

int far_side_open(struct far_side *f, struct sim *sim, const struct scenario *sc,
                  const uint8_t mac[6], const struct capture_wish *capture,
                  const struct far_side_listener *listener)
{
    struct wire_listener wire_listener = {f, wire_sent, wire_fate, wire_arrived};
    struct world_port port = {world_send, f, f->peer_fired, NULL};

    f->sim = sim;
    f->scenario = sc;
    nothing_used(f);
    port.used = f->used;
    f->listener = *listener;
    memset(f->peer_fired, 0, sizeof(f->peer_fired));
    reasons_open(&f->reasons, sim, capture);
    f->oracles =
        oracles_start(f->oracles, sim, mac, sc->device.net.mtu ? sc->device.net.mtu : 1500);
    for (unsigned i = 0; i < sc->oracles_off_count; i++)
        oracles_off(f->oracles, sc->oracles_off[i]);
    wire_start(&f->wire, sim, sc, &wire_listener);
    f->world_ops = world_of(sc);
    if (f->world_ops->open(sim, sc, port, &f->world)) {
        reasons_close(&f->reasons);
        return -1;
    }
    return 0;
}

void far_side_close(struct far_side *f)
{
    f->world_ops->close(f->world);
    reasons_close(&f->reasons);
}

void far_side_free(struct far_side *f)
{
    wire_free(&f->wire);
    reasons_free(&f->reasons);
    oracles_free(f->oracles);
    free(f->used);
    *f = (struct far_side){0};
}
