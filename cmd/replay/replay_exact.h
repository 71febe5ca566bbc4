/* `drywire replay CAPTURE --exact`: repeat the run of a capture of drywire (docs/replay.md). */
#ifndef DRYWIRE_REPLAY_EXACT_H
#define DRYWIRE_REPLAY_EXACT_H

#include "settings.h"
#include "../../sim/scenario/scenario.h"

/* The run of a capture, from its header. */
struct exact_run {
    struct scenario *scenario; /* scenario_free() it */
    struct run_choice choice;  /* the recorded seed, memory and device */
    bool registers;            /* the capture has register accesses */
    bool delivered;            /* the capture has real times: it is now the scenario's far side */
};

/* True if its header records its run. */
bool exact_run_possible(const struct capture *c);

/* 0, or an exit code after a line on stderr. Empties the capture when it is delivered. One at a
 * time: the strings of the choice are in static memory. */
int exact_run_open(struct exact_run *run, const char *path, struct capture *c);

/* 0: the same; EXIT_DIVERGED: the first difference is printed. */
int replay_exact(const char *path, struct capture *c, const struct replay_settings *s);

#endif
