/*
 * One scenario file in a child process of its own, so that a crash or a wall-clock alarm still
 * gives a verdict, the story so far and a proper exit code. Parent and child share one mapping.
 */
#ifndef DRYWIRE_CHILD_H
#define DRYWIRE_CHILD_H

#include "options.h"
#include "../report/page_log.h"
#include "../run.h"

enum { LAST_FRAMES = 5, STORY_LINE_MAX = 320, STORY_MAX = 4 << 20, STORY_TAIL = 20 };

struct verdict {
    bool finished; /* the child came to its end by itself */
    struct claim claim;
    struct failure failure;
    uint64_t seed, hash, virtual_ns, real_ns, frames_tx, frames_rx, events, faults;
    char world[160];
    char diverged[400]; /* the first item that differs, or "" */
    char last[LAST_FRAMES][STORY_LINE_MAX];
    unsigned last_count; /* frames altogether; the last ones are kept by number modulo 5 */
    uint64_t last_ns;    /* virtual time of what was told last */
    size_t story_len;    /* bytes of its beginning */
    unsigned lines;      /* of them */
    unsigned tail_count; /* lines behind them; the last ones are kept by number modulo STORY_TAIL */
    char tail[STORY_TAIL][STORY_LINE_MAX];
    char story[STORY_MAX];
};

/* How much of the story to keep: lines from its beginning; those of its end are kept besides. */
#define STORY_ALL UINT32_MAX

/*
 * Run it as the options say, with the capture at `pcap` and the whole trace at `trace` (NULL:
 * none), and everything in `log` (NULL: the same). The verdict is the caller's until the next call.
 */
const struct verdict *child_run(const struct scenario *sc, const struct options *o,
                                const struct guest_ops *guest, const char *pcap, const char *trace,
                                struct page_log *log, unsigned story_lines);

/* The exit code that a failure stands for. */
int failure_code(enum failure_kind kind);

/* Call fn(ctx) in a child of its own and return what it returns, an exit code. A crash becomes
 * EXIT_FAIL, the alarm EXIT_LIVELOCK, each after a line on stderr. */
int child_call(int (*fn)(void *ctx), void *ctx, uint64_t timeout_s);

#endif
