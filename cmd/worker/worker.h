/*
 * One worker process: its pipes, the verdict that it shares with the parent, and its output. pool.c
 * starts runs on it.
 */
#ifndef DRYWIRE_WORKER_H
#define DRYWIRE_WORKER_H

#include "pool.h"
#include <signal.h>
#include <sys/types.h>
#include <time.h>

struct worker {
    pid_t pid;           /* 0: none */
    int orders, answers; /* the parent's ends of two pipes */
    int printed;
    struct verdict *verdict; /* shared with it */
    bool busy, overdue;
    uint64_t index; /* of its run */
    time_t since;   /* start of the run */
};

/* Initialise a slot for successive workers: 0 or -1. */
int worker_place(struct worker *w);
void worker_free(struct worker *w);

/* Start one that runs jobs of the pool, with the signal mask; it closes the descriptors of the
 * `count` others. 0 or -1 with errno set. */
int worker_start(struct worker *w, const struct pool *pool, const sigset_t *mask,
                 struct worker *all, unsigned count);

/* Send it the number of a run. It may have died: the result reports that. */
void worker_give(const struct worker *w, uint64_t index);

/* Wait for its report: 0, or -1 if it has ended. */
int worker_hear(const struct worker *w);

/* End it, or collect its end; returns the status of waitpid(). */
int worker_end(struct worker *w);

/* Set the verdict of its run from that status, if the run has reported nothing. */
void worker_judge_end(struct verdict *v, int status, bool overdue);

/* The verdict of its run with its output, in one allocation, to be freed. */
struct verdict *worker_verdict(const struct worker *w);

#endif
