/* `drywire import` and the reactive kind of `drywire replay`: see docs/replay.md. */
#ifndef DRYWIRE_REACTIVE_H
#define DRYWIRE_REACTIVE_H

#include "capture.h"
#include "options.h"
#include "run.h"
#include "scenario.h"

/* Write the scenario of the capture o->paths[0] to o->output. The exit code; all has been said. */
int import_capture(const struct options *o);

/* The scenario of a capture in memory; scenario_free() it. 0, or EXIT_USAGE after a line on stderr. */
int reactive_scenario(const struct capture *c, const struct options *o, struct scenario **sc);

/* Import a capture in memory, run it once under o->seed, and report where the core left it. */
int replay_reactive(const struct capture *c, const struct options *o);

/* ---- what reactive_dhcp.c shares ---- */

/* One departure: what it was and is, and the rule that allows it; NULL: none does. 1 then, else 0. */
unsigned reactive_differ(const char *what, const char *was, const char *is, const char *allowed);
unsigned reactive_differ_number(const char *what, size_t was, size_t is, const char *allowed);

/* The last line, with the departures that are not allowed; the exit code. */
int reactive_verdict(const struct run_result *run, unsigned bad);

#endif
