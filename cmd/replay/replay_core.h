/*
 * The core under a journal (docs/recorder.md): asked what the core on metal was asked, and answered
 * what that was answered: registers, ring words, received buffers, entropy, programs. There is no
 * device, no network and no program here. Whatever the core does by itself must come out the same.
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
    OUTCOME_SAME = 1,  /* nothing is left in the journal */
    OUTCOME_TRAP,      /* for a signal handler to say */
    OUTCOME_DIFFERENT, /* `message` has the first difference */
};

/* Who listens; each may be NULL. */
struct replay_listener {
    void (*record)(uint64_t number, const struct journal_record *r);
    void (*line)(uint64_t now_ns, const char *text,
                 bool on_console); /* or of a level that is not */
};

struct output {
    enum journal_output kind;
    uint64_t what, value;
};

struct replay {
    struct ring_access ring; /* first: what the core's platform has as ctx */
    struct platform platform;
    struct process_ops processes;
    struct journal journal;
    struct replay_listener listener;

    struct journal_record next; /* not used yet */
    size_t at;                  /* behind it */
    uint64_t number;            /* of records used */
    uint64_t sum, total, now_ns, polls;
    size_t line;                           /* of the console: the next to compare */
    struct output outputs[REPLAY_OUTPUTS]; /* since the last record */
    uint64_t output_count;

    uint8_t *dma, *buffers;
    size_t dma_size;
    uint64_t dma_bus;
    void *places;                    /* NULL: none was said */
    void *kernel;                    /* NULL: not up */
    char process[JOURNAL_PROCESSES]; /* only their addresses are of use */
    sigjmp_buf escape;               /* out of the core, from wherever it is */
    char message[1000];
};

/* Take up the journal from its beginning, into r->escape. Only `journal` and
 * `listener` are set. */
void replay_open(struct replay *r);
_Noreturn void replay_run(struct replay *r);
void replay_close(struct replay *r);

/* Is what the core put out so far what the journal's end says? */
bool replay_agrees(const struct replay *r);

/* Of the core that this program is built with. */
size_t replay_kernel_size(void);

#endif
