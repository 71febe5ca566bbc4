/*
 * Replays a journal from metal: see replay_journal.h. replay_core.c runs the core; this file has
 * the log, traps, gdb and the verdict.
 */
#include "replay_journal.h"
#include "../../core/base/array.h"
#include "found.h"
#include "../../core/base/check.h"
#include "../../sim/base/memory.h"
#include "replay_core.h"
#include "../report/report.h"
#include "../../sim/text/values.h"
#include "../base/story_line.h"
#include "../base/exit_codes.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

enum { WORDS_SIZE = 200 };

/* Static for the signal handler. */
static struct replay replay;
static volatile uintptr_t trap_pc;
static volatile int trap_signal;

/* ---- messages ---- */

static void replay_journal_on_line(uint64_t now_ns, const char *text, bool on_console)
{
    char at[40];

    if (!on_console && !replay.listener.record)
        return; /* -v prints them too */
    story_time(at, sizeof(at), now_ns + SIM_POWER_ON_NS);
    printf("%s       %s\n", at, text);
}

static void replay_journal_on_record(uint64_t number, const struct journal_record *r)
{
    char words[WORDS_SIZE];

    printf("%10" PRIu64 "  %s\n", number, journal_words(r, words, sizeof(words)));
}

/* ---- traps ---- */

static void replay_journal_on_signal(int number, siginfo_t *info, void *context)
{
    (void)info;
    trap_signal = number;
#if defined(__x86_64__)
    trap_pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    trap_pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.pc;
#elif defined(__riscv)
    trap_pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.__gregs[REG_PC];
#endif
    siglongjmp(replay.escape, OUTCOME_TRAP);
}

static void replay_journal_watch_signals(void)
{
    static const int numbers[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE};
    struct sigaction a = {.sa_sigaction = replay_journal_on_signal, .sa_flags = SA_SIGINFO};

    for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++)
        sigaction(numbers[i], &a, NULL);
}

/* It trapped: compare with the panic of the journal and its file:line. */
static bool replay_journal_same_panic(struct replay *r)
{
    const struct journal_record *end = &r->journal.end;
    const char *site = check_site(trap_pc), *what = site ? site : strsignal(trap_signal);
    bool check = memchr(end->bytes, ':', end->len); /* file:line; else the cause of the trap */
    char words[WORDS_SIZE];

    if (r->next.tag != JOURNAL_END)
        snprintf(r->message, sizeof(r->message),
                 "record %" PRIu64 ": journal: %s; here the core trapped: %s", r->number + 1,
                 journal_words(&r->next, words, sizeof(words)), what);
    else if (end->field[0] != JOURNAL_PANIC || !replay_agrees(r) || check != (site != NULL) ||
             (check && (strlen(site) != end->len || memcmp(site, end->bytes, end->len))))
        snprintf(r->message, sizeof(r->message),
                 "record %" PRIu64 ": the journal ends %s%.*s; here the core trapped: %s",
                 r->number + 1,
                 end->field[0] == JOURNAL_PANIC ? "in the panic " : "without a panic ",
                 (int)end->len, (const char *)end->bytes, what);
    else
        return true;
    return false;
}

/* The core in this program checks invariants that targets leave out (core/base/check.h): one of
 * them may fail before the panic of the journal, for the same reason. Its file:line, or NULL. */
static const char *replay_journal_invariant(const struct replay *r)
{
    const char *site = check_site(trap_pc);

    return r->journal.end.field[0] == JOURNAL_PANIC && site && strstr(site, "_invariants.c:")
               ? site
               : NULL;
}

/* ---- the whole ---- */

static char *replay_journal_read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(JOURNAL_LOG_MAX + 1);

    if (!text)
        out_of_memory();
    *len = f ? fread(text, 1, JOURNAL_LOG_MAX + 1, f) : 0;
    if (!f || ferror(f)) {
        value_message(stderr, "drywire: %s: %s\n", path, strerror(errno));
        free(text);
        text = NULL;
    }
    if (f)
        fclose(f);
    return text;
}

/* 0, or EXIT_USAGE after a line. */
static int replay_journal_open(const char *path, struct journal *j)
{
    char why[300];
    size_t len;
    char *text = replay_journal_read_file(path, &len);
    int code = EXIT_USAGE;

    if (!text)
        return code;
    if (journal_parse(j, text, len, why, sizeof(why)))
        value_message(stderr, "drywire: %s: %s\n", path, why);
    else if (strcmp(j->core, CORE_REVISION))
        value_message(stderr,
                      "drywire: %s: written by core revision %s, this program has %s: build both "
                      "from the same sources\n",
                      path, j->core, CORE_REVISION);
    else if (j->kernel_size != replay_kernel_size())
        value_message(stderr,
                      "drywire: %s: the kernel's state has %" PRIu64
                      " bytes in the journal and %zu here: build both for the same target\n",
                      path, j->kernel_size, replay_kernel_size());
    else
        code = 0;
    if (code && j->text)
        journal_free(j);
    free(text);
    return code;
}

static int replay_journal_under_gdb(const char *path)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n > 0 ? n : 0] = 0;
    signal(SIGPIPE, SIG_DFL);
    execlp("gdb", "gdb", "-q", "-ex", "set confirm off", "-ex", "break replay_end", "-ex", "run",
           "--args", self, "replay", path, (char *)NULL);
    value_message(stderr,
                  "drywire: gdb is not installed; on Debian, as root: apt-get install -y gdb\n");
    return EXIT_CANNOT_TEST;
}

static int replay_journal_verdict(struct replay *r, const char *path, enum outcome outcome)
{
    static const char *const ends[] = {"asked", "full", "panic"};
    const struct journal_record *end = &r->journal.end;
    const char *invariant = NULL;

    if (outcome == OUTCOME_TRAP && replay_journal_same_panic(r))
        outcome = OUTCOME_SAME;
    else if (outcome == OUTCOME_TRAP)
        invariant = replay_journal_invariant(r);
    printf("%s  %s  target=%s build=%s records=%" PRIu64 " polls=%" PRIu64 "+%" PRIu64
           " complete=%d end=%s%s%.*s\n",
           outcome == OUTCOME_SAME ? "same"
           : invariant             ? "earlier"
                                   : "DIFFERENT",
           path, r->journal.target, r->journal.build, r->number, r->polls, end->field[1],
           r->journal.complete, ends[end->field[0]], end->len ? " at=" : "", (int)end->len,
           (const char *)end->bytes);
    if (outcome == OUTCOME_SAME && !r->journal.complete)
        puts("the journal was full here; later events are unknown");
    if (outcome == OUTCOME_SAME)
        return EXIT_PASS;
    if (invariant)
        snprintf(r->message, sizeof(r->message),
                 "an invariant that targets do not check fails before the panic: %s", invariant);
    puts(r->message);
    replay_differs(FAILURE_DIVERGENCE, "replay.journal", r->message);
    return invariant ? EXIT_EARLIER : EXIT_DIVERGED;
}

int replay_journal(const char *path, bool gdb, bool verbose)
{
    int outcome, code = replay_journal_open(path, &replay.journal);

    if (code)
        return code;
    if (gdb)
        return replay_journal_under_gdb(path);
    replay.listener.line = replay_journal_on_line;
    replay.listener.record = verbose ? replay_journal_on_record : NULL;
    replay_open(&replay);
    replay_journal_watch_signals();
    outcome = sigsetjmp(replay.escape, 1);
    if (!outcome)
        replay_run(&replay);
    code = replay_journal_verdict(&replay, path, (enum outcome)outcome);
    replay_close(&replay);
    journal_free(&replay.journal);
    return code;
}
