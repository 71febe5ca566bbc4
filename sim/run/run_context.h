/*
 * One run of a scenario, for the files that make it: run.c starts and ends it, run_events.c hears
 * what happens in it, run_actions.c does what the scenario says.
 */
#ifndef DRYWIRE_RUN_CONTEXT_H
#define DRYWIRE_RUN_CONTEXT_H

#include "far_side.h"
#include "run.h"
#include "../machine/machine.h"

struct run_context {
    struct sim sim;
    struct machine machine;
    struct far_side far;
    struct expectations expectations;

    const struct scenario *scenario;
    const struct run_options *options;
    int *pids; /* of the scenario's programs, 0: not started */
    size_t pids_size;
    unsigned started;
    unsigned actions_done;
    unsigned waits;
    struct claim claim;
};

/* ---- run_events.c ---- */

/* The callbacks of machine, wire and programs: what they report goes to the oracles, the
 * expectations, the capture and the listeners of the options. */
struct machine_listener run_machine_events(struct run_context *c);
struct far_side_listener run_wire_events(struct run_context *c);
void run_program_events(struct run_context *c);

/* The core's connection with these ends: as in struct capture_wish. */
bool run_connection(void *ctx, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                    unsigned *number, const char **word);

/* ---- run_actions.c ---- */

/* What needs no machine: the scenario's heal and the hold of the options, at their times. */
void run_schedule(struct run_context *c);

/* Set the times of programs and actions. They need a machine that has booted: those whose time has
 * passed follow at once. ctx: struct run_context. */
void run_machine_booted(void *ctx);

/* For tests: the n-th program dies at its k-th wait. */
void run_kill_at_wait(struct run_context *c);

#endif
