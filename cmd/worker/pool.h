/*
 * Workers: processes that run one scenario after another (child.h), one per core. A worker that
 * crashed, hung or failed is replaced, so that no run sees what such a run left. Verdicts
 * are handed over in the order of the runs, however many workers there are.
 */
#ifndef DRYWIRE_POOL_H
#define DRYWIRE_POOL_H

#include "child.h"

struct pool {
    uint64_t count; /* of runs */
    /* Run number `index`. Called in the parent and in workers: it must depend on nothing that
     * changes after pool_run() was called. */
    void (*job)(void *ctx, uint64_t index, struct job *job);
    /* Its verdict, which is borrowed; in order, in the parent. */
    void (*done)(void *ctx, uint64_t index, const struct verdict *v);
    void (*progress)(void *ctx, uint64_t finished); /* now and then; may be NULL */
    void *ctx;
    unsigned workers;   /* at most */
    uint64_t timeout_s; /* of each run; one that its own alarm does not end is killed after it */
    bool alone; /* a new worker for each run: what is loaded has memory of its own (--guest) */
};

/* From now on a signal that asks for the end waits until pool_run() looks: outputs that are tried
 * before leave nothing. Called by pool_run() as well. */
void pool_prepare(void);

/* Run them all. 0, EXIT_HARNESS after a line on stderr, or 128 + N when signal N asked for the end:
 * then nothing runs any more, and done() was called for those that were finished. */
int pool_run(const struct pool *p);

/* One run, as pool_run() does it; the verdict is the caller's until the next call. A signal that
 * asks for the end ends the program. */
const struct verdict *pool_run_one(const struct job *job);

#endif
