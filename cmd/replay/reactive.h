/*
 * A captured flow (TCP, DHCP, a ping) as a scenario in which the core takes the place of one side:
 * `drywire import` and the reactive kind of `drywire replay`. See docs/replay.md.
 */
#ifndef DRYWIRE_REACTIVE_H
#define DRYWIRE_REACTIVE_H

#include "../../sim/frame/capture.h"
#include "settings.h"
#include "../../sim/run/run.h"
#include "../../sim/scenario/scenario.h"

/* The flow of a capture that the options choose. All return an exit code; what is other than
 * EXIT_PASS has been printed. */
int reactive_write(const struct capture *c, const struct replay_settings *s,
                   const char *output); /* its scenario into a file */
int reactive_scenario(const struct capture *c, const struct replay_settings *s,
                      struct scenario **sc); /* scenario_free() it */
int reactive_replay(const struct capture *c,
                    const struct replay_settings *s); /* run it and report */

/* ---- what the kinds share ---- */

/* One departure: what it was and is, and the rule that allows it; NULL: none does. 1 then, else 0.
 */
unsigned reactive_differ(const char *what, const char *was, const char *is, const char *allowed);
unsigned reactive_differ_number(const char *what, size_t was, size_t is, const char *allowed);

/* The last line, with the departures that are not allowed; the exit code. */
int reactive_verdict(const struct run_result *run, unsigned bad);

/* Run the scenario in a child, under the seed and the limits of `o`, and report there: the exit
 * code. With -v frames are printed as they arrive, and lines unless ro->on_line is there to do it.
 */
int reactive_run(const struct scenario *sc, const struct replay_settings *s,
                 const struct run_options *ro,
                 int (*report)(void *ctx, const struct run_result *run));
void reactive_line(void *ctx, uint64_t time_ns, const char *line); /* needs no context */

/* Frames of a run as a capture: what run_options.on_flight is told of each. */
struct reactive_frames {
    struct capture capture;
    size_t size;
};
void reactive_keep(struct reactive_frames *kept, uint64_t time_ns, const uint8_t *frame, size_t len,
                   const char *fate, uint64_t arrival_ns);
void reactive_frames_free(struct reactive_frames *kept);

#endif
