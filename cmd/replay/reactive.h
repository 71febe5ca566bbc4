/*
 * A captured flow (TCP, DHCP, a ping) as a scenario in which the core replaces one side: `drywire
 * import` and the reactive kind of `drywire replay`. See docs/replay.md.
 */
#ifndef DRYWIRE_REACTIVE_H
#define DRYWIRE_REACTIVE_H

#include "../../sim/frame/capture.h"
#include "settings.h"
#include "../../sim/run/run.h"
#include "../../sim/scenario/scenario.h"

/* For the flow of a capture that the options choose. All return an exit code; the error of any but
 * EXIT_PASS has been printed. */
int reactive_write(const struct capture *c, const struct replay_settings *s,
                   const char *output); /* its scenario into a file */
int reactive_scenario(const struct capture *c, const struct replay_settings *s,
                      struct scenario **sc); /* scenario_free() it */
int reactive_replay(const struct capture *c,
                    const struct replay_settings *s); /* run it and report */

/* ---- a kind of flow: reactive_tcp.c, reactive_dhcp.c, reactive_echo.c; `im` is its import ---- */

struct reactive_kind {
    /* The scenario, to be freed. *code is 0, or an exit code after a line on stderr. `output` is
     * the file that it will be written to, or NULL. */
    char *(*text)(void *im, const struct replay_settings *s, const char *output, size_t *len,
                  int *code);
    void (*written)(void *im, const char *output); /* print what was written */
    /* Run it and report. The exit code; everything has been printed. */
    int (*replay)(void *im, const struct replay_settings *s, const struct scenario *sc);
};

extern const struct reactive_kind reactive_tcp, reactive_dhcp, reactive_echo;

/* ---- shared by all kinds ---- */

/* 0, or EXIT_USAGE after a line on stderr: the settings request the role that flow `number` cannot
 * have
 * (`why`), or its text is too long for a scenario. */
int reactive_refuse(const struct replay_settings *s, size_t number, size_t len, enum role role,
                    const char *why);

/* Print one difference: old and new value, and the rule that allows it; NULL: none. Returns 1 then,
 * else 0. */
unsigned reactive_differ(const char *what, const char *was, const char *is, const char *allowed);
unsigned reactive_differ_number(const char *what, size_t was, size_t is, const char *allowed);

/* Print the last line, with the number of differences that are not allowed; returns the exit
 * code. */
int reactive_verdict(const struct run_result *run, unsigned bad);

/* Run the scenario in a child, with the seed and the limits of `o`, and report there: returns the
 * exit code. With -v frames are printed as they arrive, and lines as well unless ro->on_line prints
 * them. */
int reactive_run(const struct scenario *sc, const struct replay_settings *s,
                 const struct run_options *ro,
                 int (*report)(void *ctx, const struct run_result *run));
void reactive_line(void *ctx, uint64_t time_ns, const char *line); /* the context is unused */

/* Frames of a run as a capture: a callback for run_options.on_flight. */
struct reactive_frames {
    struct capture capture;
    size_t size;
};
void reactive_keep(struct reactive_frames *kept, uint64_t time_ns, const uint8_t *frame, size_t len,
                   const char *fate, uint64_t arrival_ns);
void reactive_frames_free(struct reactive_frames *kept);

#endif
