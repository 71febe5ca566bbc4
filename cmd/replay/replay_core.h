/*
 * The core under a journal (docs/recorder.md): it gets the calls and the results of the core on
 * metal: registers, ring words, received buffers, entropy, programs. There is no device, no network
 * and no program. The output of the core must be the same.
 */
#ifndef DRYWIRE_REPLAY_CORE_H
#define DRYWIRE_REPLAY_CORE_H

#include "../../core/port/platform.h"
#include "../../core/port/process.h"
#include "journal.h"
#include "../../sim/machine/ring_access.h"
#include <setjmp.h>

enum { REPLAY_OUTPUTS = 16 };

/* How a replay ends: what sigsetjmp(escape) returns. */
enum outcome {
    OUTCOME_SAME = 1,  /* end of the journal */
    OUTCOME_TRAP,      /* for a signal handler */
    OUTCOME_DIFFERENT, /* `message` has the first difference */
};

/* Callbacks; each may be NULL. */
struct replay_listener {
    void (*record)(uint64_t number, const struct journal_record *r);
    void (*line)(uint64_t now_ns, const char *text,
                 bool on_console); /* or of a level that is not printed */
};

struct output {
    enum journal_output kind;
    uint64_t what, value;
};

struct replay {
    struct ring_access ring; /* first: the ctx of the core's platform */
    struct platform platform;
    struct process_ops processes;
    struct journal journal;
    struct replay_listener listener;

    struct journal_record next; /* not used yet */
    size_t at;                  /* after it */
    uint64_t number;            /* of records used */
    uint64_t sum, total, now_ns, polls;
    size_t line;                           /* of the console: the next to compare */
    struct output outputs[REPLAY_OUTPUTS]; /* since the last record */
    uint64_t output_count;

    uint8_t *dma, *buffers;
    size_t dma_size;
    uint64_t dma_bus;
    void *places;                    /* NULL: not set */
    void *kernel;                    /* NULL: not up */
    char process[JOURNAL_PROCESSES]; /* only their addresses are used */
    sigjmp_buf escape;               /* leaves the core from any depth */
    char message[1000];
};

/* Start the journal from its beginning; ends through r->escape. The caller sets `journal` and
 * `listener` only. */
void replay_open(struct replay *r);
_Noreturn void replay_run(struct replay *r);
void replay_close(struct replay *r);

/* True if the core's output so far matches the sums at the journal's end. */
bool replay_agrees(const struct replay *r);

/* Of the core in this program. */
size_t replay_kernel_size(void);

#endif
