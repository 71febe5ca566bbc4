/*
 * What a replay found, for a report of it besides what is printed: in a mapping that a child
 * shares, since most replays run in one.
 */
#ifndef DRYWIRE_FOUND_H
#define DRYWIRE_FOUND_H

#include "../../sim/engine/sim.h"

struct found {
    struct failure failure; /* kind FAILURE_NONE: nothing to complain about */
    uint64_t seed;          /* under which it ran */
};

/* The one of this program; all zero at first. */
struct found *replay_found(void);

/* It differs from what was recorded, or from what must be. */
void replay_differs(enum failure_kind kind, const char *oracle, const char *message);

#endif
