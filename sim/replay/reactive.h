/*
 * A captured flow (TCP, DHCP, a ping) as a scenario in which the core takes the place of one side:
 * `drywire import` and the reactive kind of `drywire replay`. See docs/replay.md.
 */
#ifndef DRYWIRE_REACTIVE_H
#define DRYWIRE_REACTIVE_H

#include "../capture/capture.h"
#include "../cli/options.h"
#include "../run.h"
#include "../scenario/scenario.h"

/* The flow of a capture that the options choose. All return an exit code; what is other than
 * EXIT_PASS has been told. */
int reactive_write(const struct capture *c,
                   const struct options *o); /* its scenario to o->output */
int reactive_scenario(const struct capture *c, const struct options *o,
                      struct scenario **sc); /* scenario_free() it */
int reactive_replay(const struct capture *c,
                    const struct options *o); /* run it under o->seed and report */

/* ---- what the kinds share ---- */

/* One departure: what it was and is, and the rule that allows it; NULL: none does. 1 then, else 0.
 */
unsigned reactive_differ(const char *what, const char *was, const char *is, const char *allowed);
unsigned reactive_differ_number(const char *what, size_t was, size_t is, const char *allowed);

/* The last line, with the departures that are not allowed; the exit code. */
int reactive_verdict(const struct run_result *run, unsigned bad);

/* For run_options: lines and frames as they come (-v). They need no context. */
void reactive_line(void *ctx, uint64_t time_ns, const char *line);
void reactive_frame(void *ctx, uint64_t time_ns, enum direction dir, const struct decoded *d,
                    size_t len, const char *fate);

#endif
