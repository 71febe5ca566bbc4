/*
 * Run a scenario once: the machine, the wire, the world and the oracles. Called by the command
 * line, the tests and the bench.
 */
#ifndef DRYWIRE_RUN_H
#define DRYWIRE_RUN_H

#include "../frame/decode.h"
#include "reasons.h"
#include "claim.h"
#include "../fake_device/vqueue.h"
#include "../machine/guest.h"
#include "../scenario/scenario.h"
#include "../engine/sim.h"

struct run_options {
    uint64_t seed;
    const struct guest_ops *guest; /* NULL: the core */
    enum toggle weak_memory;       /* overrides the scenario when not TOGGLE_DRAW; a guest
                                    * without ring.h always has strong memory */
    bool quick;                    /* bench: no memory fill between runs */
    const struct sink *capture;    /* output of the capture; NULL: none */
    struct capture_header header;  /* its section header */
    bool registers;                /* with register accesses */

    /* Called during the run, all optional: a trace line; a frame at the wire (`fate` is NULL or the
     * fault applied, "dropped" frames never arrive). */
    void (*on_line)(void *ctx, uint64_t time_ns, const char *line);
    void (*on_frame)(void *ctx, uint64_t time_ns, enum direction dir, const struct decoded *d,
                     size_t len, const char *fate);
    /* A frame lost between the wire and the machine, `why` in words: an incoming one was passed to
     * on_frame when it was sent, an outgoing one was not. */
    void (*on_lost)(void *ctx, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                    size_t len, const struct decoded *d, const char *why);
    /* For timelines of a run: the same frame with its bytes and its arrival time (SIM_NEVER:
     * never); events of queues and chains, as in struct machine_listener. */
    void (*on_flight)(void *ctx, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                      size_t len, const struct decoded *d, const char *fate, uint64_t arrival_ns);
    void (*on_ring)(void *ctx, uint64_t time_ns, unsigned device, const struct vqueue *q,
                    enum vqueue_event what, unsigned chain, uint32_t value);
    /* Bytes that a program of the core read from a connection. */
    void (*on_read)(void *ctx, const void *bytes, size_t len);
    void *ctx;
    bool detail; /* on_line also gets events of level DETAIL */

    /* See struct sim. */
    void (*hash_watch)(void *ctx, const struct sim *s, const char *kind, const void *bytes,
                       size_t len);

    /* For tests: kill the n-th program (from 1) at its k-th wait; 0: never. The device takes no
     * frames from the transmit queue in [hold_from_ns, hold_until_ns) since power-on. */
    unsigned kill_program, kill_at_wait;
    uint64_t hold_from_ns, hold_until_ns;
};

struct run_result {
    struct failure failure; /* kind FAILURE_NONE: the run passed */
    uint64_t seed, hash, hashed;
    uint64_t virtual_ns; /* since power-on */
    uint64_t frames_tx, frames_rx, events;
    uint64_t faults; /* frames with a fault */
    struct claim claim;
    unsigned waits;              /* waits of program run_options.kill_program */
    const struct decision *tape; /* valid until the next run in this context */
    size_t tape_count;
    char world[160]; /* the world's state in words, on failure */
};

/* Memory that is reused by the runs of one thread. */
struct run_context;
struct run_context *run_context_new(void);
void run_context_free(struct run_context *c);

/* The memory model of this scenario without an override; TOGGLE_DRAW: drawn from the seed, and both
 * should be run. */
enum toggle run_memory(const struct scenario *sc);

/* Run it. The verdict is in result->failure; the return value is 0, or 4 after an internal error
 * (also described in result->failure). */
int run_scenario(struct run_context *c, const struct scenario *sc, const struct run_options *o,
                 struct run_result *result);

#endif
