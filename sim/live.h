/*
 * The far side of a scenario in real time, for a guest that is not the simulated machine: QEMU with
 * anybody's kernel, or whatever else speaks Ethernet over a unix datagram socket.
 */
#ifndef DRYWIRE_LIVE_H
#define DRYWIRE_LIVE_H

#include "options.h"
#include "scenario.h"

/* Serve it until a signal, a violation or the end of the guest. The exit code; all has been said.
 */
int live_serve(const struct scenario *sc, const struct options *o);

#endif
