/* `drywire import` and the reactive kind of `drywire replay`: see docs/replay.md. */
#ifndef DRYWIRE_REACTIVE_H
#define DRYWIRE_REACTIVE_H

#include "capture.h"
#include "options.h"

/* Write the scenario of the capture o->paths[0] to o->output. The exit code; all has been said. */
int import_capture(const struct options *o);

/* Import a capture in memory, run it once under o->seed, and report where the core left it. */
int replay_reactive(const struct capture *c, const struct options *o);

#endif
