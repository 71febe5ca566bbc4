/*
 * One run in a child process (a worker of pool.h), so that a crash or a wall-clock alarm still
 * gives a verdict, the trace so far and a proper exit code. Parent and child share one mapping.
 */
#ifndef DRYWIRE_CHILD_H
#define DRYWIRE_CHILD_H

#include "../base/run_choice.h"
#include "page_log.h"
#include "../../sim/run/run.h"
#include <limits.h>

enum { LAST_FRAMES = 5, STORY_LINE_MAX = 320, STORY_MAX = 4 << 20, STORY_TAIL = 20 };

struct verdict {
    bool finished; /* the child ended by itself */
    struct claim claim;
    struct failure failure;
    uint64_t seed, hash, virtual_ns, real_ns, frames_tx, frames_rx, events, faults;
    char world[160];
    char diverged[400]; /* the first item that differs, or "" */
    char last[LAST_FRAMES][STORY_LINE_MAX];
    unsigned last_count; /* total of frames; the last ones are kept by number modulo 5 */
    uint64_t last_ns;    /* virtual time of the last printed line */
    size_t story_len;    /* bytes of its start */
    unsigned lines;      /* of them */
    unsigned tail_count; /* lines after them; the last ones are kept by number modulo STORY_TAIL */
    char tail[STORY_TAIL][STORY_LINE_MAX];
    const char *printed; /* its own output (a guest, a sanitizer): set by the parent */
    size_t printed_len;
    char story[STORY_MAX];
};

/* How much of the trace to keep: lines from its start; those of its end are kept as well. */
#define STORY_ALL UINT32_MAX

/* One run of a scenario, and the choice of the run. */
struct job {
    const struct scenario *scenario;
    struct run_choice choice;
    uint64_t repeat;                      /* above 1: number of runs, which must be the same */
    uint64_t timeout_s;                   /* of the wall clock */
    bool registers;                       /* the capture has register accesses */
    bool detail;                          /* the trace has lines of level DETAIL */
    const struct guest_ops *guest;        /* NULL: the core */
    char pcap[PATH_MAX], trace[PATH_MAX]; /* paths of its capture and whole trace; "": none */
    bool pcap_stays, trace_stays;         /* kept also when the run passes */
    struct page_log *log;                 /* a mapping that gets everything, or NULL */
    unsigned story_lines;
};

/* Run it in this process and fill *verdict, whose head is zeroed. A crash or the alarm ends this
 * process with the verdict filled, once child_watch_signals() was called. */
void child_job(const struct job *job, struct run_context *c, struct verdict *verdict);
void child_watch_signals(void);

/* Remove the files of a run that has ended or was stopped: partial ones, and those only kept for a
 * failure, unless it has failed. */
void child_tidy(const struct job *job, bool failed);

/* Call fn(ctx) in a child and return its result, an exit code. A crash becomes EXIT_FAIL, the alarm
 * EXIT_LIVELOCK, each after a line on stderr. */
int child_call(int (*fn)(void *ctx), void *ctx, uint64_t timeout_s);

#endif
