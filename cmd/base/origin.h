/*
 * Where a capture comes from, in comments for its header: enough for another drywire to run it
 * again. The first has one KEY=VALUE a line; the second is the scenario. docs/wireshark.md lists
 * the keys.
 */
#ifndef DRYWIRE_ORIGIN_H
#define DRYWIRE_ORIGIN_H

#include "options.h"
#include "../../sim/scenario/scenario.h"
#include "../../sim/run/reasons.h"

enum { ORIGIN_MAX = 16384 };

struct origin {
    char words[ORIGIN_MAX];
    struct capture_header header; /* with these words and the scenario */
};

void origin_of(struct origin *origin, const struct scenario *sc, const struct options *o);

#endif
