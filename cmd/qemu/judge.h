/*
 * The judge of a serial log: the framed lines that a target writes (targets/common/console.h), read
 * as they come or from a file, against the expectations of a scenario. What a line says is matched
 * exactly as in the simulator; its time is its own `t=`.
 */
#ifndef DRYWIRE_JUDGE_H
#define DRYWIRE_JUDGE_H

#include "../../sim/scenario/scenario.h"
#include "../../sim/engine/sim.h"

/* In the order in which they are looked for: the first that holds is the verdict. */
enum judgement {
    JUDGED_PASS,
    JUDGED_START,      /* the emulator did not start */
    JUDGED_STALE,      /* the first line is another run's, target's or image's */
    JUDGED_PANIC,      /* the kernel trapped */
    JUDGED_FAIL,       /* the guest reported a failure, a `never` line, or a rule was violated */
    JUDGED_FRAMING,    /* lost, split, damaged or unknown output */
    JUDGED_CRASH,      /* the emulator died of a signal */
    JUDGED_TIMEOUT,    /* silence, or no end in time */
    JUDGED_RESET,      /* status 0: a reset or triple fault */
    JUDGED_INCOMPLETE, /* no last line, lines after it, wrong counts in it, or a wrong status */
    JUDGED_MARKERS,    /* an expectation was not met */
};

const char *judgement_word(enum judgement v);

/* What the first line must contain; NULL is not compared. */
struct judge_wants {
    const char *target, *run, *build;
};

/* How the emulator ended. */
struct judge_end {
    bool exited; /* it ended by itself, with `status` or by `signal` */
    int status, signal;
    const char *said;  /* NULL, or its own first words */
    const char *limit; /* NULL, or why it was ended; neither: it was lost (judge_lost()) */
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

/* Nothing that is still to come can make this a pass. */
bool judge_lost(const struct judge *j);

/* Was the last line seen? Were any framed lines? */
bool judge_ended(const struct judge *j);
bool judge_begun(const struct judge *j);

/* The verdict, and the failure that goes with it (kind FAILURE_NONE for a pass). */
enum judgement judge_finish(struct judge *j, const struct judge_end *end, struct failure *failure);

#endif
