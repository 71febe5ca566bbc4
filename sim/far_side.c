/* Wire, world, oracles and capture of a scenario put together: see far_side.h. */
#include "far_side.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- what the wire says ---- */

static void wire_sent(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                      const struct decoded *d)
{
    struct far_side *f = ctx;

    sim_hash(f->sim, dir == DIRECTION_TX ? "tx" : "rx", frame, len);
    if (dir == DIRECTION_TX)
        oracles_tx(f->oracles, frame, len, d);
    else
        oracles_peer(f->oracles, frame, len, d);
}

static void wire_fate(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                      const struct decoded *d, const char *fate, bool lost)
{
    struct far_side *f = ctx;

    if (f->capture)
        pcapng_packet(&f->pcap, lost ? CAPTURE_LOST : CAPTURE_WIRE, f->sim->now_ns,
                      dir == DIRECTION_TX, frame, len, fate);
    f->listener.seen(f->listener.ctx, dir, frame, len, d, fate);
}

static void wire_arrived(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                         const struct decoded *d)
{
    struct far_side *f = ctx;

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
        wire_cut(&f->wire);
    else if (a->kind == ACTION_HEAL)
        wire_heal(&f->wire);
    else
        return false;
    return true;
}

/* ---- the capture ---- */

static void capture_failed(struct far_side *f)
{
    sim_fail(f->sim, FAILURE_HARNESS, "capture", f->capture, "cannot be written: %s",
             strerror(errno));
    f->capture = NULL;
}

static int capture_open(struct far_side *f)
{
    char comment[400];

    if (!f->capture)
        return 0;
    snprintf(comment, sizeof(comment), "drywire scenario=%s seed=%llu", f->scenario->path,
             (unsigned long long)f->sim->seed);
    if (pcapng_open(&f->pcap, f->capture, comment) == 0)
        return 0;
    capture_failed(f);
    return -1;
}

static void capture_close(struct far_side *f)
{
    if (f->capture && pcapng_close(&f->pcap))
        capture_failed(f);
    f->capture = NULL;
}

/* ---- its life ---- */

static const struct world_ops *world_of(const struct scenario *sc)
{
#ifdef DRYWIRE_SLIRP
    if (sc->world == WORLD_SLIRP)
        return &world_slirp;
#else
    (void)sc;
#endif
    return &world_native;
}

int far_side_open(struct far_side *f, struct sim *sim, const struct scenario *sc,
                  const uint8_t mac[6], const char *capture,
                  const struct far_side_listener *listener)
{
    struct wire_listener wire_listener = {f, wire_sent, wire_fate, wire_arrived};
    struct world_port port = {world_send, f};

    f->sim = sim;
    f->scenario = sc;
    f->listener = *listener;
    f->capture = capture;
    if (capture_open(f))
        return -1;
    f->oracles = oracles_start(f->oracles, sim, mac, sc->device.mtu ? sc->device.mtu : 1500);
    for (unsigned i = 0; i < sc->oracles_off_count; i++)
        oracles_off(f->oracles, sc->oracles_off[i]);
    wire_start(&f->wire, sim, sc, &wire_listener);
    f->world_ops = world_of(sc);
    if (f->world_ops->open(sim, sc, port, &f->world)) {
        capture_close(f);
        return -1;
    }
    return 0;
}

void far_side_close(struct far_side *f)
{
    f->world_ops->close(f->world);
    capture_close(f);
}

void far_side_free(struct far_side *f)
{
    wire_free(&f->wire);
    oracles_free(f->oracles);
    *f = (struct far_side){0};
}
