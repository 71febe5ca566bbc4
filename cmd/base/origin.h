/*
 * Where a capture comes from, in comments for its header: enough for another drywire to run it
 * again. The first has one KEY=VALUE a line; the second is the scenario. docs/wireshark.md lists
 * the keys.
 */
#ifndef DRYWIRE_ORIGIN_H
#define DRYWIRE_ORIGIN_H

#include "options.h"
#include "../../sim/scenario/scenario.h"
#include "../../sim/engine/sim.h"

enum { ORIGIN_MAX = 16384 };

struct origin {
    char words[ORIGIN_MAX];
    size_t verdict_at;       /* FAILURE_WORDS_MAX of them wait there for how it ends; 0: nowhere */
    const char *comments[3]; /* up to a NULL, for pcapng_open(); of this and of the scenario */
};

void origin_of(struct origin *origin, const struct scenario *sc, const struct options *o);

#endif
