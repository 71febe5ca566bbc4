/* `drywire replay CAPTURE --exact`: a capture of drywire, run once more (docs/replay.md). */
#ifndef DRYWIRE_REPLAY_EXACT_H
#define DRYWIRE_REPLAY_EXACT_H

#include "settings.h"
#include "../../sim/scenario/scenario.h"

/* The run of a capture, from its header. */
struct exact_run {
    struct scenario *scenario; /* scenario_free() it */
    struct run_choice choice;  /* the seed, the memory and the device of then */
    bool registers;            /* accesses of registers are in the capture */
    bool delivered; /* the capture's times are not ours: it is the scenario's far side now */
};

/* Does its header record its run? */
bool exact_run_possible(const struct capture *c);

/* 0, or an exit code after a line on stderr. Empties the capture when it is delivered. One at a
 * time: the words of the choice lie in static memory. */
int exact_run_open(struct exact_run *run, const char *path, struct capture *c);

/* 0: the same; EXIT_DIVERGED: the first difference is printed. */
int replay_exact(const char *path, struct capture *c, const struct replay_settings *s);

#endif
