/*
 * A world: the far end of the wire. It gets every frame that arrives from the machine, sends frames
 * of its own, and has its own timers in the simulation.
 *
 * Rules: everything happens in virtual time (sim->now_ns, sim_timer); randomness comes from the
 * world's own draw_streams; input() may send at once or later. A frame handed to send() is copied.
 */
#ifndef DRYWIRE_WORLD_H
#define DRYWIRE_WORLD_H

#include "../scenario/scenario.h"
#include "../engine/sim.h"

struct world;

/* The output of a world: to the machine, through the wire. */
struct world_port {
    void (*send)(void *ctx, const uint8_t *frame, size_t len);
    void *ctx;
    uint64_t *fired; /* PEER_FAULTS counters: how often each fault of a native peer had an effect */
    bool *used;      /* by line of the scenario: a `peer` line was used */
};

struct world_ops {
    const char *name;

    /* Create the world of a scenario: its services, its dials (which it schedules itself, at
     * SIM_POWER_ON_NS + at_ns). 0, or negative after sim_fail(FAILURE_HARNESS). */
    int (*open)(struct sim *sim, const struct scenario *sc, struct world_port port,
                struct world **out);

    /* A frame from the machine; borrowed until return. */
    void (*input)(struct world *w, const uint8_t *frame, size_t len);

    /* True while something should still end by itself: open connections, unfinished dials. */
    bool (*busy)(const struct world *w);

    /* End it and free everything. Calls sim_fail() for what is left open (a dial whose expect= was
     * not met, a leaked virtual descriptor). */
    void (*close)(struct world *w);

    /* A program read these bytes from a connection; may be NULL. */
    void (*app_read)(struct world *w, const uint8_t *bytes, size_t len);

    /* For failure blocks: the world's state in one line, or "". */
    const char *(*describe)(const struct world *w);
};

extern const struct world_ops world_native;
extern const struct world_ops world_replay;

#ifdef DRYWIRE_SLIRP
extern const struct world_ops world_slirp;

/* Once per process, before the first run: 0, or 4 after a line on stderr when the interposition of
 * host sockets does not work (a run without it would use the real network). */
int world_slirp_self_test(void);

/* Version of the library at run time: "4.7.0". */
const char *world_slirp_version(void);
#endif

#endif
