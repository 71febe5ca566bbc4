/* One scenario in a child process: see child.h. */
#include "child.h"
#include "../core/check.h"
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
#include <ucontext.h>
#include <unistd.h>

static struct verdict *shared;

/* ---- the story ---- */

struct story {
    struct verdict *v;
    FILE *trace;
    unsigned limit;
};

__attribute__((format(printf, 2, 3))) static void tell(struct story *s, const char *format, ...)
{
    struct verdict *v = s->v;
    va_list args;
    int n;

    if (v->lines >= s->limit || v->story_len + STORY_LINE_MAX >= STORY_MAX) {
        v->left_out++;
        return;
    }
    va_start(args, format);
    n = vsnprintf(v->story + v->story_len, STORY_LINE_MAX, format, args);
    va_end(args);
    v->story_len += (size_t)n < STORY_LINE_MAX ? (size_t)n : STORY_LINE_MAX - 1;
    v->lines++;
}

static void time_text(char *buf, size_t size, uint64_t time_ns)
{
    uint64_t us = (time_ns - SIM_POWER_ON_NS) / NS_PER_US;

    snprintf(buf, size, "%6" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

static void on_line(void *ctx, uint64_t time_ns, const char *line)
{
    struct story *s = ctx;
    char at[40];

    s->v->last_ns = time_ns;
    time_text(at, sizeof(at), time_ns);
    tell(s, "%s       %s\n", at, line);
    if (s->trace)
        fprintf(s->trace, "t=%" PRIu64 " %s\n", (time_ns - SIM_POWER_ON_NS) / NS_PER_US, line);
}

static void on_frame(void *ctx, uint64_t time_ns, enum direction dir, const struct decoded *d,
                     size_t len, const char *fate)
{
    struct story *s = ctx;
    char at[40], what[200];
    char *last = s->v->last[s->v->last_count++ % LAST_FRAMES];

    (void)len;
    s->v->last_ns = time_ns;
    time_text(at, sizeof(at), time_ns);
    decode_summary(d, what, sizeof(what));
    snprintf(last, STORY_LINE_MAX, "%s  %s  %s%s%s%s", at, dir == DIRECTION_TX ? "-->" : "<--",
             what, fate ? "  [" : "", fate ? fate : "", fate ? "]" : "");
    tell(s, "%s\n", last);
}

/* ---- two runs compared item by item ---- */

enum { ITEM_BYTES = 48 };

struct item {
    const char *kind;
    uint64_t time_ns, digest;
    uint32_t len;
    uint8_t bytes[ITEM_BYTES];
};

struct comparison {
    struct item *items;
    size_t count, size;
    size_t at; /* of the second run */
    bool second, found;
    char *out;
    size_t out_size;
};

/* run_options has one ctx for all callbacks; during a comparison the story is not told. */
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

static void print_item(char *buf, size_t size, const struct item *it)
{
    size_t n = (size_t)snprintf(buf, size, "%s t=%" PRIu64 "ns len=%u ", it->kind,
                                it->time_ns - SIM_POWER_ON_NS, it->len);

    for (unsigned i = 0; i < it->len && i < 24 && n + 3 < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%02x", it->bytes[i]);
}

static void watch(void *ctx, const struct sim *s, const char *kind, const void *bytes, size_t len)
{
    struct comparison *c = ctx;
    struct item it;
    char a[160], b[160];

    if (c->found)
        return;
    item_of(&it, s, kind, bytes, len);
    if (!c->second) {
        if (c->count == c->size) {
            c->size = c->size ? c->size * 2 : 4096;
            c->items = realloc(c->items, c->size * sizeof(*c->items));
            if (!c->items)
                exit(EXIT_HARNESS);
        }
        c->items[c->count++] = it;
        return;
    }
    if (c->at < c->count) {
        const struct item *was = &c->items[c->at];

        if (strcmp(was->kind, it.kind) == 0 && was->time_ns == it.time_ns &&
            was->digest == it.digest && was->len == it.len) {
            c->at++;
            return;
        }
        print_item(a, sizeof(a), was);
    } else {
        snprintf(a, sizeof(a), "the end of the run");
    }
    print_item(b, sizeof(b), &it);
    snprintf(c->out, c->out_size, "item %zu differs: first %s; then %s", c->at, a, b);
    c->found = true;
}

static void differ(struct verdict *v, const char *message)
{
    v->failure.kind = FAILURE_DIVERGENCE;
    snprintf(v->failure.oracle, sizeof(v->failure.oracle), "determinism");
    snprintf(v->failure.message, sizeof(v->failure.message), "%s", message);
    v->failure.time_ns = v->last_ns;
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
    memcpy(v->world, r->world, sizeof(v->world));
}

static void compare_runs(struct run_context *c, const struct scenario *sc, struct run_options ro,
                         struct verdict *v)
{
    struct comparison cmp = {.out = v->diverged, .out_size = sizeof(v->diverged)};
    struct run_result r;
    uint64_t first;

    ro.on_line = NULL;
    ro.on_frame = NULL;
    ro.pcap = NULL;
    ro.hash_watch = watch;
    ro.ctx = &cmp;
    run_scenario(c, sc, &ro, &r);
    first = r.hash;
    cmp.second = true;
    run_scenario(c, sc, &ro, &r);
    if (r.hash != first || cmp.found) {
        if (!cmp.found)
            snprintf(v->diverged, sizeof(v->diverged), "item %zu differs: only the first run has it",
                     cmp.at);
        differ(v, "two runs under the same seed differ");
    }
    free(cmp.items);
}

static void run_child(const struct scenario *sc, const struct options *o,
                      const struct guest_ops *guest, const char *pcap, const char *trace,
                      unsigned story_lines)
{
    struct story story = {.v = shared, .limit = story_lines};
    struct run_options ro = {.seed = o->seed, .guest = guest, .pcap = pcap, .on_line = on_line,
                             .on_frame = on_frame, .ctx = &story,
                             .detail = o->verbose || trace};
    struct run_context *c = run_context_new();
    struct run_result r;
    uint64_t start = clock_ns();

    if (trace)
        story.trace = fopen(trace, "w");
    run_scenario(c, sc, &ro, &r);
    take(shared, &r, clock_ns() - start);
    if (story.trace)
        fclose(story.trace);
    if (r.failure.kind == FAILURE_NONE && o->check_determinism)
        compare_runs(c, sc, ro, shared);
    ro.on_line = NULL;
    ro.on_frame = NULL;
    ro.pcap = NULL;
    for (uint64_t i = 1; i < o->repeat && shared->failure.kind == FAILURE_NONE; i++) {
        run_scenario(c, sc, &ro, &r);
        if (r.hash != shared->hash) {
            snprintf(shared->diverged, sizeof(shared->diverged),
                     "repetition %" PRIu64 " gave hash %016" PRIx64, i + 1, r.hash);
            differ(shared, "a repetition in the same process gave another hash");
        }
    }
    run_context_free(c);
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    struct failure *f = &shared->failure;
    uintptr_t pc = 0;
    const char *site;

    (void)info;
#if defined(__x86_64__)
    pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    pc = (uintptr_t)((ucontext_t *)context)->uc_mcontext.pc;
#else
    (void)context;
#endif
    site = check_site(pc);
    f->kind = number == SIGALRM ? FAILURE_LIVELOCK : FAILURE_CRASH;
    snprintf(f->oracle, sizeof(f->oracle), "%s",
             site ? "assertion" : number == SIGALRM ? "budget.alarm" : "signal");
    snprintf(f->site, sizeof(f->site), "%s", site ? site : "?");
    snprintf(f->message, sizeof(f->message), "%s",
             site                ? "an assertion failed"
             : number == SIGALRM ? "the wall-clock alarm went off"
                                 : strsignal(number));
    f->time_ns = shared->last_ns;
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
    alarm(timeout_s < 1000000 ? (unsigned)timeout_s : 1000000);
}

/* ---- in the parent ---- */

/* What is on disk when a run could not finish its capture. */
static void keep_capture(const char *pcap)
{
    char partial[4096];

    snprintf(partial, sizeof(partial), "%s.partial", pcap);
    if (access(partial, F_OK) == 0)
        rename(partial, pcap);
}

const struct verdict *child_run(const struct scenario *sc, const struct options *o,
                                const struct guest_ops *guest, const char *pcap,
                                const char *trace, unsigned story_lines)
{
    int status = 0;
    pid_t pid;

    if (!shared) {
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                      -1, 0);
        if (shared == MAP_FAILED) {
            fprintf(stderr, "drywire: out of memory\n");
            exit(EXIT_HARNESS);
        }
    }
    memset(shared, 0, offsetof(struct verdict, story));
    shared->seed = o->seed;
    shared->last_ns = SIM_POWER_ON_NS;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        watch_signals(o->timeout_s);
        run_child(sc, o, guest, pcap, trace, story_lines);
        exit(EXIT_PASS); /* and not _exit: coverage and leak checks want their turn */
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (shared->failure.kind == FAILURE_NONE &&
        (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status))) {
        shared->failure.kind = pid < 0 ? FAILURE_HARNESS : FAILURE_CRASH;
        snprintf(shared->failure.oracle, sizeof(shared->failure.oracle), "process");
        snprintf(shared->failure.site, sizeof(shared->failure.site), "?");
        snprintf(shared->failure.message, sizeof(shared->failure.message),
                 pid < 0              ? "fork failed"
                 : WIFSIGNALED(status) ? "the child was ended by signal %d"
                                       : "the child ended with %d (see what it printed)",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        shared->failure.time_ns = shared->last_ns;
    }
    if (pcap && shared->failure.kind != FAILURE_NONE)
        keep_capture(pcap);
    return shared;
}

int verdict_code(const struct verdict *v)
{
    switch (v->failure.kind) {
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
