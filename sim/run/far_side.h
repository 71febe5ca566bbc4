/*
 * The far side of a scenario: the wire with its faults, the world at its end, the oracles that
 * watch frames, the capture. The user of it controls time: run.c runs the simulated machine in
 * virtual time, live.c any guest in real time.
 */
#ifndef DRYWIRE_FAR_SIDE_H
#define DRYWIRE_FAR_SIDE_H

#include "../oracle/oracle.h"
#include "reasons.h"
#include "../world/wire.h"
#include "../world/world.h"

struct far_side_listener {
    void *ctx;
    /* A frame reaches the machine; borrowed. */
    void (*arrived)(void *ctx, const uint8_t *frame, size_t len);
    /* A frame at the wire, either way: `fate` is NULL or the fault applied. `frame` is borrowed. */
    void (*seen)(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                 const struct decoded *d, const char *fate);
};

struct far_side {
    struct sim *sim;
    const struct scenario *scenario;
    struct wire wire;
    struct oracles *oracles;
    const struct world_ops *world_ops;
    struct world *world;
    struct far_side_listener listener;
    struct reasons reasons; /* the capture */
    uint64_t peer_fired[PEER_FAULTS];
    bool *used; /* by line of the scenario, from 1: a `serve`, `peer` or `dial` line was used */
    size_t used_size;
};

/*
 * Prepare it for a run, at the present time of `sim`. Memory of an earlier run is reused; *f is
 * zero before the first run. `mac` is the machine's address; NULL: the source of its first frame.
 * `capture` may be NULL; its sink and strings must outlive the run. Frames of the machine go to
 * wire_send(&f->wire, DIRECTION_TX, ...). 0, or -1 after sim_fail(FAILURE_HARNESS) with nothing
 * left open.
 */
int far_side_open(struct far_side *f, struct sim *sim, const struct scenario *sc,
                  const uint8_t mac[6], const struct capture_wish *capture,
                  const struct far_side_listener *listener);

/* End the world and the capture, with sim_fail() for errors that they find. */
void far_side_close(struct far_side *f);

void far_side_free(struct far_side *f);

/* Do an action of the scenario on the whole wire. False: another kind of action. */
bool far_side_act(struct far_side *f, const struct scenario_action *a);

#endif
