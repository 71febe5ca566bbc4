/*
 * A world: what is at the far end of the wire. It gets every frame that the wire lets through from
 * the machine, answers with frames of its own, and keeps its own timers in the simulation.
 *
 * Rules: everything happens in virtual time (sim->now_ns, sim_timer); randomness comes from the
 * world's own draw_streams; input() may send at once or later. A frame handed to send() is copied.
 */
#ifndef DRYWIRE_WORLD_H
#define DRYWIRE_WORLD_H

#include "../scenario/scenario.h"
#include "../engine/sim.h"

struct world;

/* Where a world puts its frames: towards the machine, through the wire. */
struct world_port {
    void (*send)(void *ctx, const uint8_t *frame, size_t len);
    void *ctx;
    uint64_t *fired; /* PEER_FAULTS counters: how often each fault of a native peer did something */
    bool *used;      /* by line of the scenario: what a `peer` line says was asked for */
};

struct world_ops {
    const char *name;

    /* Make the world of a scenario: its services, its dials (which it schedules itself, at
     * SIM_POWER_ON_NS + at_ns). 0, or ERR-like negative after sim_fail(FAILURE_HARNESS). */
    int (*open)(struct sim *sim, const struct scenario *sc, struct world_port port,
                struct world **out);

    /* A frame from the machine; borrowed until return. */
    void (*input)(struct world *w, const uint8_t *frame, size_t len);

    /* Is anything still going on that should end by itself: open connections, dials not done? */
    bool (*busy)(const struct world *w);

    /* End it and free everything. Calls sim_fail() for what it finds left open that must not be
     * (a dial whose expect= was not met, a virtual descriptor that leaked). */
    void (*close)(struct world *w);

    /* A program read these bytes from a connection; may be NULL. */
    void (*app_read)(struct world *w, const uint8_t *bytes, size_t len);

    /* For failure blocks: one line about the world's state, or "". */
    const char *(*describe)(const struct world *w);
};

extern const struct world_ops world_native;
extern const struct world_ops world_replay;

#ifdef DRYWIRE_SLIRP
extern const struct world_ops world_slirp;

/* Once per process, before the first run: 0, or 4 after a line on stderr when the interposition of
 * host sockets is not in place (a run without it would use the real network). */
int world_slirp_self_test(void);

/* Version of the library at run time: "4.7.0". */
const char *world_slirp_version(void);
#endif

#endif
