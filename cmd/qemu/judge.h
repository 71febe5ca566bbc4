/*
 * Checks a serial log: the framed lines that a target writes (targets/common/console.h), live or
 * from a file, against the expectations of a scenario. Lines are matched exactly as in the
 * simulator; the time of a line is its `t=`.
 */
#ifndef DRYWIRE_JUDGE_H
#define DRYWIRE_JUDGE_H

#include "../../sim/scenario/scenario.h"
#include "../../sim/engine/sim.h"

/* In order of precedence: the first one that applies is the verdict. */
enum judgement {
    JUDGED_PASS,
    JUDGED_START,      /* the emulator did not start */
    JUDGED_STALE,      /* the first line is another run's, target's or image's */
    JUDGED_PANIC,      /* the kernel trapped */
    JUDGED_FAIL,       /* the guest reported a failure, a `never` line, or a rule was violated */
    JUDGED_FRAMING,    /* lost, split, damaged or unknown output */
    JUDGED_CRASH,      /* the emulator died of a signal */
    JUDGED_TIMEOUT,    /* no output, or no end in time */
    JUDGED_RESET,      /* status 0: a reset or triple fault */
    JUDGED_INCOMPLETE, /* no last line, lines after it, wrong counts in it, or a wrong status */
    JUDGED_MARKERS,    /* an expectation was not met */
};

const char *judgement_word(enum judgement v);

/* The values that the first line must contain; NULL is not compared. */
struct judge_wants {
    const char *target, *run, *build;
};

/* How the emulator ended. */
struct judge_end {
    bool exited; /* it ended by itself, with `status` or by `signal` */
    int status, signal;
    const char *said;  /* NULL, or its own first message */
    const char *limit; /* NULL, or the reason why it was stopped; neither: lost (judge_lost()) */
};

struct judge;

struct judge *judge_new(const struct scenario *sc, const struct judge_wants *wants);
void judge_free(struct judge *j);

/* More of the log. `on_line` (may be NULL) gets every good line, without its frame, with its time.
 */
void judge_bytes(struct judge *j, const char *bytes, size_t len,
                 void (*on_line)(void *ctx, uint64_t time_ns, const char *line), void *ctx);

/* The far side found the guest violating a rule. */
void judge_violation(struct judge *j, const struct failure *failure);

/* No later line can make this a pass. */
bool judge_lost(const struct judge *j);

/* True if the last line was read; if any framed line was read. */
bool judge_ended(const struct judge *j);
bool judge_begun(const struct judge *j);

/* The verdict and its failure (kind FAILURE_NONE for a pass). */
enum judgement judge_finish(struct judge *j, const struct judge_end *end, struct failure *failure);

#endif
