/*
 * Workers: processes that run one scenario after another (child.h), one per core. A worker that
 * crashed, hung or failed is replaced, so that it does not affect later runs. Verdicts are passed
 * on in the order of the runs, with any number of workers.
 */
#ifndef DRYWIRE_POOL_H
#define DRYWIRE_POOL_H

#include "child.h"

struct pool {
    uint64_t count; /* of runs */
    /* Run number `index`. Called in the parent and in workers: must not depend on anything that
     * changes after the call of pool_run(). */
    void (*job)(void *ctx, uint64_t index, struct job *job);
    /* Its verdict, borrowed; in order, in the parent. */
    void (*done)(void *ctx, uint64_t index, const struct verdict *v);
    void (*progress)(void *ctx, uint64_t finished); /* periodically; may be NULL */
    void *ctx;
    unsigned workers;   /* at most */
    uint64_t timeout_s; /* of each run; a run that does not end by its alarm is killed after it */
    bool alone;         /* a new worker for each run: the loaded object has state (--guest) */
};

/* From now on a termination signal is held until pool_run() checks it, so that outputs opened
 * before leave no files. Also called by pool_run(). */
void pool_prepare(void);

/* Run them all. 0, EXIT_HARNESS after a line on stderr, or 128 + N after termination signal N: then
 * no run is active any more, and done() was called for finished runs. */
int pool_run(const struct pool *p);

/* One run, as in pool_run(); the verdict is borrowed until the next call. A termination signal ends
 * the program. */
const struct verdict *pool_run_one(const struct job *job);

#endif
