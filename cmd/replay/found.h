/*
 * The result of a replay, for reports: in a mapping shared with a child, since most replays run in
 * one.
 */
#ifndef DRYWIRE_FOUND_H
#define DRYWIRE_FOUND_H

#include "../../sim/engine/sim.h"

struct found {
    struct failure failure; /* kind FAILURE_NONE: no failure */
    uint64_t seed;          /* of the run */
};

/* The one of this program; all zero at first. */
struct found *replay_found(void);

/* Set the failure: a difference from the recording, or a wrong result. */
void replay_differs(enum failure_kind kind, const char *oracle, const char *message);

#endif
