/*
 * The far side of a scenario in real time, for a guest that is not the simulated machine: QEMU with
 * anybody's kernel, or whatever else speaks Ethernet over a unix datagram socket.
 */
#ifndef DRYWIRE_LIVE_H
#define DRYWIRE_LIVE_H

#include "../base/options.h"
#include "../../sim/scenario/scenario.h"
#include "../../sim/engine/sim.h"

/* Who the guest is, and what it did: both may be NULL. */
struct live_guest {
    const uint8_t *mac;      /* NULL: whatever its first frame says */
    struct failure *failure; /* filled in when a rule was violated */
};

/* Serve it until a signal, a violation or the end of the guest. The exit code; all has been said.
 */
int live_serve(const struct scenario *sc, const struct options *o, struct live_guest guest);

#endif
