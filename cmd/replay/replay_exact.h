/* `drywire replay CAPTURE --exact`: a capture of drywire, run once more (docs/replay.md). */
#ifndef DRYWIRE_REPLAY_EXACT_H
#define DRYWIRE_REPLAY_EXACT_H

#include "../base/options.h"
#include "../../sim/scenario/scenario.h"

/* The run that a capture is of, as its header says. */
struct exact_run {
    struct scenario *scenario; /* scenario_free() it */
    struct options options;    /* `drywire run`, with the seed and the device of then */
    bool delivered; /* the capture's times are not ours: it is the scenario's far side now */
};

/* Does its header say what made it? */
bool exact_run_possible(const struct capture *c);

/* 0, or an exit code after a line on stderr. Empties the capture when it is delivered. One at a
 * time: some words of the options lie in static memory. */
int exact_run_open(struct exact_run *run, const char *path, struct capture *c,
                   const struct options *o);

/* 0: the same; EXIT_DIVERGED: the first difference is told. */
int replay_exact(const char *path, struct capture *c, const struct options *o);

#endif
