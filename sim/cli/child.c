/*
 * One scenario in a child process: the story it tells into shared memory, runs compared item by
 * item, crashes and the alarm turned into verdicts. See child.h.
 */
#include "child.h"
#include "crash.h"
#include "../memory.h"
#include "../capture/origin.h"
#include "../capture/pcapng.h"
#include "../report/report.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct verdict *shared;

/* What is kept for a page, NULL: nothing. */
static struct page_log *page_log;

/* The run that is going on, for the signal handler; known from its first hashed item on. */
static const struct sim *volatile running;

enum { ALARM_MAX_S = 1000000 };

/* ---- the story ---- */

struct story {
    struct verdict *v;
    FILE *trace;
    unsigned limit;
    struct comparison *comparison; /* NULL: one run only */
};

__attribute__((format(printf, 2, 3))) static void tell(struct story *s, const char *format, ...)
{
    struct verdict *v = s->v;
    bool tail = v->tail_count || v->lines >= s->limit || v->story_len + STORY_LINE_MAX >= STORY_MAX;
    char *line = tail ? v->tail[v->tail_count++ % STORY_TAIL] : v->story + v->story_len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, STORY_LINE_MAX, format, args);
    va_end(args);
    if (n >= STORY_LINE_MAX)
        line[STORY_LINE_MAX - 2] = '\n'; /* a line that was cut is still one */
    if (tail)
        return;
    v->story_len += (size_t)n < STORY_LINE_MAX ? (size_t)n : STORY_LINE_MAX - 1;
    v->lines++;
}

static void on_line(void *ctx, uint64_t time_ns, const char *line)
{
    struct story *s = ctx;
    char at[40];

    s->v->last_ns = time_ns;
    report_time(at, sizeof(at), time_ns);
    tell(s, "%s       %s\n", at, line);
    if (page_log)
        page_log_line(page_log, time_ns, line);
    if (s->trace)
        fprintf(s->trace, "t=%" PRIu64 " %s\n", (time_ns - SIM_POWER_ON_NS) / NS_PER_US, line);
}

static void on_frame(void *ctx, uint64_t time_ns, enum direction dir, const struct decoded *d,
                     size_t len, const char *fate)
{
    struct story *s = ctx;
    char *last = s->v->last[s->v->last_count++ % LAST_FRAMES];

    (void)len;
    s->v->last_ns = time_ns;
    report_frame(last, STORY_LINE_MAX, time_ns, dir, d, fate);
    tell(s, "%s\n", last);
}

static void on_lost(void *ctx, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                    size_t len, const struct decoded *d, const char *why)
{
    char fate[60];

    snprintf(fate, sizeof(fate), "lost: %s", why);
    on_frame(ctx, time_ns, dir, d, len, fate);
    if (page_log)
        page_log_flight(page_log, time_ns, dir, frame, len, d, fate, SIM_NEVER);
}

static void on_flight(void *ctx, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                      size_t len, const struct decoded *d, const char *fate, uint64_t arrival_ns)
{
    (void)ctx;
    page_log_flight(page_log, time_ns, dir, frame, len, d, fate, arrival_ns);
}

static void on_ring(void *ctx, uint64_t time_ns, const struct vqueue *q, enum vqueue_event what,
                    unsigned chain, uint32_t value)
{
    (void)ctx;
    page_log_ring(page_log, time_ns, q, what, chain, value);
}

/* ---- runs compared item by item ---- */

enum { ITEM_BYTES = 128, SHOWN_BYTES = 16 };

struct item {
    const char *kind;
    uint64_t time_ns, digest;
    uint32_t len;
    uint8_t bytes[ITEM_BYTES];
};

/* What the first run hashed, and how far a later one agrees with it. */
struct comparison {
    struct item *items;
    size_t count, size;
    size_t at; /* of the later run */
    bool later, differs;
    char *out; /* the first difference in words */
    size_t out_size;
};

static void item_of(struct item *it, const struct sim *s, const char *kind, const void *bytes,
                    size_t len)
{
    const uint8_t *p = bytes;

    memset(it, 0, sizeof(*it));
    it->kind = kind;
    it->time_ns = s->now_ns;
    it->len = (uint32_t)len;
    memcpy(it->bytes, p, len < ITEM_BYTES ? len : ITEM_BYTES);
    for (size_t i = 0; i < len; i++)
        it->digest = (it->digest ^ p[i]) * UINT64_C(0x100000001b3);
}

static bool same_item(const struct item *a, const struct item *b)
{
    return strcmp(a->kind, b->kind) == 0 && a->time_ns == b->time_ns && a->digest == b->digest &&
           a->len == b->len;
}

/* Kind, time and the bytes from `from` on, as hexadecimal and as text. */
static void print_item(char *buf, size_t size, const struct item *it, unsigned from)
{
    unsigned end = it->len < ITEM_BYTES ? it->len : ITEM_BYTES;
    size_t n = (size_t)snprintf(buf, size, "%s at %" PRIu64 " ns, %u bytes, from byte %u ",
                                it->kind, it->time_ns - SIM_POWER_ON_NS, it->len, from);

    end = end < from + SHOWN_BYTES ? end : from + SHOWN_BYTES;
    for (unsigned i = from; i < end; i++)
        n += (size_t)snprintf(buf + n, size - n, "%02x", it->bytes[i]);
    n += (size_t)snprintf(buf + n, size - n, " |");
    for (unsigned i = from; i < end; i++)
        n += (size_t)snprintf(buf + n, size - n, "%c",
                              it->bytes[i] >= ' ' && it->bytes[i] <= '~' ? it->bytes[i] : '.');
    snprintf(buf + n, size - n, "|");
}

static void describe_difference(struct comparison *c, const struct item *was, const struct item *is)
{
    char a[180] = "the end of the run", b[180] = "the end of the run";
    unsigned from = 0;

    while (was && is && from + SHOWN_BYTES < ITEM_BYTES && from + SHOWN_BYTES < was->len &&
           !memcmp(was->bytes + from, is->bytes + from, SHOWN_BYTES))
        from += SHOWN_BYTES;
    if (was)
        print_item(a, sizeof(a), was, from);
    if (is)
        print_item(b, sizeof(b), is, from);
    snprintf(c->out, c->out_size, "item %zu differs: first %s; then %s", c->at, a, b);
    c->differs = true;
}

static void compare_item(struct comparison *c, const struct item *it)
{
    if (!c->later) {
        c->items = memory_grow(c->items, c->count + 1, &c->size, sizeof(*c->items));
        c->items[c->count++] = *it;
    } else if (c->at == c->count) {
        describe_difference(c, NULL, it);
    } else if (!same_item(&c->items[c->at], it)) {
        describe_difference(c, &c->items[c->at], it);
    } else {
        c->at++;
    }
}

static void watch(void *ctx, const struct sim *s, const char *kind, const void *bytes, size_t len)
{
    struct story *story = ctx;
    struct item it;

    running = s;
    if (!story->comparison || story->comparison->differs)
        return;
    item_of(&it, s, kind, bytes, len);
    compare_item(story->comparison, &it);
}

/* ---- in the child ---- */

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void take(struct verdict *v, const struct run_result *r, uint64_t real_ns)
{
    v->failure = r->failure;
    v->seed = r->seed;
    v->hash = r->hash;
    v->virtual_ns = r->virtual_ns;
    v->real_ns = real_ns;
    v->frames_tx = r->frames_tx;
    v->frames_rx = r->frames_rx;
    v->events = r->events;
    v->faults = r->faults;
    v->claim = r->claim;
    if (page_log)
        page_log_tape(page_log, r->tape, r->tape_count);
    memcpy(v->world, r->world, sizeof(v->world));
}

/* Run it again and again: every run must hash what the first did. A difference is always told, but
 * a failure of the first run remains the verdict. */
static void repeat(struct run_context *c, const struct scenario *sc, struct run_options *ro,
                   uint64_t times)
{
    struct story *story = ro->ctx;
    struct comparison *cmp = story->comparison;
    struct failure *f = &shared->failure;
    struct run_result r;

    ro->on_line = NULL;
    ro->on_frame = NULL;
    ro->on_lost = NULL;
    ro->on_flight = NULL;
    ro->on_ring = NULL;
    ro->pcap = NULL;
    cmp->later = true;
    for (uint64_t i = 1; i < times && !cmp->differs; i++) {
        cmp->at = 0;
        run_scenario(c, sc, ro, &r);
        if (!cmp->differs && cmp->at < cmp->count)
            describe_difference(cmp, &cmp->items[cmp->at], NULL);
    }
    if (cmp->differs && f->kind == FAILURE_NONE) {
        f->kind = FAILURE_DIVERGENCE;
        snprintf(f->oracle, sizeof(f->oracle), "determinism");
        snprintf(f->site, sizeof(f->site), "%.150s", sc->path);
        snprintf(f->message, sizeof(f->message), "two runs under the same seed differ");
        f->time_ns = r.virtual_ns + SIM_POWER_ON_NS;
        f->event = r.events;
    }
}

static void run_child(const struct scenario *sc, const struct options *o,
                      const struct guest_ops *guest, const char *pcap, const char *trace,
                      unsigned story_lines)
{
    struct origin origin;
    uint64_t times = o->check_determinism && o->repeat < 2 ? 2 : o->repeat;
    struct comparison comparison = {.out = shared->diverged, .out_size = sizeof(shared->diverged)};
    struct story story = {
        .v = shared, .limit = story_lines, .comparison = times > 1 ? &comparison : NULL};
    struct run_options ro = {.seed = o->seed,
                             .guest = guest,
                             .weak_memory = options_weak(o),
                             .pcap = pcap,
                             .origin = &origin,
                             .registers = o->detail,
                             .on_line = on_line,
                             .on_frame = on_frame,
                             .on_lost = on_lost,
                             .hash_watch = watch,
                             .ctx = &story,
                             .detail = o->verbose || trace || page_log};
    struct run_context *c = run_context_new();
    struct run_result r;
    uint64_t start;

    origin_of(&origin, sc, o);
    if (page_log) {
        ro.on_flight = on_flight;
        ro.on_ring = on_ring;
    }
    if (trace)
        story.trace = fopen(trace, "w");
    if (story.trace)
        setvbuf(story.trace, NULL, _IOLBF, 0); /* a crash leaves all lines before it */
    start = clock_ns();
    run_scenario(c, sc, &ro, &r);
    take(shared, &r, clock_ns() - start);
    if (story.trace)
        fclose(story.trace);
    if (story.comparison)
        repeat(c, sc, &ro, times);
    free(comparison.items);
    run_context_free(c);
    shared->finished = true;
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    struct failure *f = &shared->failure;

    if (f->kind != FAILURE_NONE) /* the verdict stands, the trouble came after it */
        _exit(EXIT_FAIL);
    f->kind = number == SIGALRM ? FAILURE_LIVELOCK : FAILURE_CRASH;
    f->time_ns = running ? running->now_ns : shared->last_ns;
    f->event = running ? running->events : 0;
    shared->virtual_ns = f->time_ns - SIM_POWER_ON_NS;
    shared->hash = running ? running->hash : 0;
    shared->events = f->event;
    if (running && page_log)
        page_log_tape(page_log, running->tape, running->tape_count);
    crash_describe(f, number, info, context);
    _exit(EXIT_FAIL);
}

static void watch_signals(uint64_t timeout_s)
{
    static const int numbers[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM};
    static uint8_t stack[64 * 1024];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    sigaltstack(&alternate, NULL);
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaction(numbers[i], &a, NULL);
    alarm(timeout_s < ALARM_MAX_S ? (unsigned)timeout_s : ALARM_MAX_S);
}

/* ---- in the parent ---- */

const struct verdict *child_run(const struct scenario *sc, const struct options *o,
                                const struct guest_ops *guest, const char *pcap, const char *trace,
                                struct page_log *log, unsigned story_lines)
{
    int status = 0;
    pid_t pid;

    if (!shared) {
        shared =
            mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
            out_of_memory();
    }
    memset(shared, 0, offsetof(struct verdict, story));
    page_log = log;
    shared->seed = o->seed;
    shared->last_ns = SIM_POWER_ON_NS;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO); /* what a guest prints is not our data */
        watch_signals(o->timeout_s);
        run_child(sc, o, guest, pcap, trace, story_lines);
        exit(EXIT_PASS); /* and not _exit: coverage and leak checks want their turn */
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (shared->failure.kind == FAILURE_NONE &&
        (!shared->finished || !WIFEXITED(status) || WEXITSTATUS(status))) {
        shared->failure.kind = pid < 0 ? FAILURE_HARNESS : FAILURE_CRASH;
        snprintf(shared->failure.oracle, sizeof(shared->failure.oracle), "process");
        snprintf(shared->failure.site, sizeof(shared->failure.site), "?");
        snprintf(shared->failure.message, sizeof(shared->failure.message),
                 pid < 0               ? "fork failed"
                 : WIFSIGNALED(status) ? "the child was ended by signal %d"
                                       : "the child ended with %d (see what it printed)",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        shared->failure.time_ns = shared->last_ns;
    }
    if (pcap && shared->failure.kind != FAILURE_NONE)
        pcapng_rescue(pcap);
    return shared;
}

int child_call(int (*fn)(void *ctx), void *ctx, uint64_t timeout_s)
{
    int status = 0;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        alarm(timeout_s < ALARM_MAX_S ? (unsigned)timeout_s : ALARM_MAX_S);
        exit(fn(ctx));
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0) {
        fprintf(stderr, "drywire: fork: %s\n", strerror(errno));
        return EXIT_HARNESS;
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    if (WTERMSIG(status) != SIGPIPE) /* a pager that has seen enough */
        fprintf(stderr, "drywire: ended by %s; 'drywire run' shows where\n",
                strsignal(WTERMSIG(status)));
    return WTERMSIG(status) == SIGALRM ? EXIT_LIVELOCK : EXIT_FAIL;
}

int failure_code(enum failure_kind kind)
{
    switch (kind) {
    case FAILURE_NONE:
        return EXIT_PASS;
    case FAILURE_SAFETY:
    case FAILURE_LIVENESS:
    case FAILURE_EXPECT:
    case FAILURE_RESOURCE:
    case FAILURE_CRASH:
        return EXIT_FAIL;
    case FAILURE_LIVELOCK:
        return EXIT_LIVELOCK;
    case FAILURE_DIVERGENCE:
        return EXIT_DIVERGED;
    case FAILURE_HARNESS:
        return EXIT_HARNESS;
    }
    return EXIT_HARNESS;
}
