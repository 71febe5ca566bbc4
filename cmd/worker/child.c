/*
 * One run in a child process: its trace in shared memory, crashes and the alarm converted to
 * verdicts. See child.h; pool.c has the parent's part.
 */
#include "child.h"
#include "crash.h"
#include "../../core/base/minmax.h"
#include "../base/origin.h"
#include "../base/whole_file.h"
#include "comparison.h"
#include "../../sim/text/values.h"
#include "../base/story_line.h"
#include "../base/exit_codes.h"
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

/* Of the present run. */
static struct verdict *shared;

/* The log for a page; NULL: none. */
static struct page_log *page_log;

/* The present run, for the signal handler; set at its first hashed item. */
static const struct sim *volatile running;

enum { ALARM_MAX_S = 1000000 };

/* ---- the story ---- */

struct story {
    struct verdict *v;
    struct whole_file trace, capture; /* file NULL: none */
    unsigned limit;
    struct comparison *comparison; /* NULL: one run only */
};

__attribute__((format(printf, 2, 3))) static void child_tell(struct story *s, const char *format,
                                                             ...)
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
        line[STORY_LINE_MAX - 2] = '\n'; /* a cut line is still a line */
    if (tail)
        return;
    v->story_len += min_u64((size_t)n, STORY_LINE_MAX - 1);
    v->lines++;
}

static void child_on_line(void *ctx, uint64_t time_ns, const char *line)
{
    struct story *s = ctx;
    char at[40];

    s->v->last_ns = time_ns;
    story_time(at, sizeof(at), time_ns);
    child_tell(s, "%s       %s\n", at, line);
    if (page_log)
        page_log_line(page_log, time_ns, line);
    if (s->trace.file)
        fprintf(s->trace.file, "t=%" PRIu64 " %s\n", (time_ns - SIM_POWER_ON_NS) / NS_PER_US, line);
}

static void child_on_frame(void *ctx, uint64_t time_ns, enum direction dir, const struct decoded *d,
                           size_t len, const char *fate)
{
    struct story *s = ctx;
    char *last = s->v->last[s->v->last_count++ % LAST_FRAMES];

    (void)len;
    s->v->last_ns = time_ns;
    story_frame(last, STORY_LINE_MAX, time_ns, dir, d, fate);
    child_tell(s, "%s\n", last);
}

static void child_on_lost(void *ctx, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                          size_t len, const struct decoded *d, const char *why)
{
    char fate[60];

    snprintf(fate, sizeof(fate), "lost: %s", why);
    child_on_frame(ctx, time_ns, dir, d, len, fate);
    if (page_log)
        page_log_flight(page_log, time_ns, dir, frame, len, d, fate, SIM_NEVER);
}

static void child_on_flight(void *ctx, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                            size_t len, const struct decoded *d, const char *fate,
                            uint64_t arrival_ns)
{
    (void)ctx;
    page_log_flight(page_log, time_ns, dir, frame, len, d, fate, arrival_ns);
}

static void child_on_ring(void *ctx, uint64_t time_ns, unsigned device, const struct vqueue *q,
                          enum vqueue_event what, unsigned chain, uint32_t value)
{
    (void)ctx;
    page_log_ring(page_log, time_ns, device, q, what, chain, value);
}

static void child_watch(void *ctx, const struct sim *s, const char *kind, const void *bytes,
                        size_t len)
{
    struct story *story = ctx;

    running = s;
    if (story->comparison)
        comparison_item(story->comparison, s, kind, bytes, len);
}

/* ---- in the child ---- */

static uint64_t child_clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void child_take(struct verdict *v, const struct run_result *r, uint64_t real_ns)
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

/* Repeat the run: every run must hash the same as the first. A difference is always reported, but a
 * failure of the first run remains the verdict. */
static void child_repeat(struct run_context *c, const struct scenario *sc, struct run_options *ro,
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
    ro->capture = NULL;
    for (uint64_t i = 1; i < times && !cmp->differs; i++) {
        comparison_begin(cmp);
        run_scenario(c, sc, ro, &r);
        comparison_end(cmp);
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

/* A requested output that cannot be written fails the run; a failed run keeps its own failure, and
 * a line reports the output. */
static void child_fail_output(struct verdict *v, const char *option, const char *what,
                              const char *path, int error)
{
    struct failure *f = &v->failure;

    if (f->kind != FAILURE_NONE) {
        value_message(stderr, "drywire: --%s %s: %s\n", option, path, strerror(error));
        return;
    }
    f->kind = FAILURE_HARNESS;
    snprintf(f->oracle, sizeof(f->oracle), "%s", what);
    snprintf(f->site, sizeof(f->site), "%.150s", path);
    snprintf(f->message, sizeof(f->message), "cannot be written: %s", strerror(error));
}

static void child_tidy_file(const char *path, bool stays)
{
    if (!path[0])
        return;
    whole_file_remove(path);
    if (!stays)
        unlink(path);
}

void child_tidy(const struct job *job, bool failed)
{
    child_tidy_file(job->pcap, job->pcap_stays || failed);
    child_tidy_file(job->trace, job->trace_stays || failed);
}

void child_job(const struct job *job, struct run_context *c, struct verdict *verdict)
{
    struct origin_facts facts = {
        .verb = "run", .choice = &job->choice, .registers = job->registers, .verdict = true};
    struct origin origin;
    struct comparison comparison = {.out = verdict->diverged,
                                    .out_size = sizeof(verdict->diverged)};
    struct story story = {.v = verdict,
                          .limit = job->story_lines,
                          .comparison = job->repeat > 1 ? &comparison : NULL};
    struct run_options ro = {.seed = job->choice.seed,
                             .guest = job->guest,
                             .weak_memory = memory_toggle(job->choice.memory),
                             .registers = job->registers,
                             .on_line = child_on_line,
                             .on_frame = child_on_frame,
                             .on_lost = child_on_lost,
                             .hash_watch = child_watch,
                             .ctx = &story,
                             .detail = job->detail || job->trace[0] || job->log};
    struct run_result r;
    struct sink sink;
    uint64_t start;
    int trace_error = 0, capture_error = 0;

    if (!whole_file_is_stream(job->pcap) && !whole_file_is_stream(job->trace))
        whole_file_leave_streams();
    shared = verdict;
    page_log = job->log;
    running = NULL;
    alarm((unsigned)min_u64(job->timeout_s, ALARM_MAX_S));
    origin_of(&origin, job->scenario, &facts);
    ro.header = origin.header;
    if (job->pcap[0] && whole_file_open(&story.capture, job->pcap))
        capture_error = errno;
    if (story.capture.file) {
        sink = whole_file_sink(&story.capture);
        ro.capture = &sink;
    }
    if (page_log) {
        ro.on_flight = child_on_flight;
        ro.on_ring = child_on_ring;
    }
    if (job->trace[0] && whole_file_open(&story.trace, job->trace))
        trace_error = errno;
    if (story.trace.file)
        setvbuf(story.trace.file, NULL, _IOLBF, 0); /* a crash loses no complete lines */
    start = child_clock_ns();
    run_scenario(c, job->scenario, &ro, &r);
    child_take(verdict, &r, child_clock_ns() - start);
    if (story.capture.file && whole_file_close(&story.capture))
        capture_error = errno;
    if (capture_error)
        child_fail_output(verdict, "pcap", "capture", job->pcap, capture_error);
    if (story.trace.file && whole_file_close(&story.trace))
        trace_error = errno;
    if (trace_error)
        child_fail_output(verdict, "trace", "trace", job->trace, trace_error);
    if (story.comparison)
        child_repeat(c, job->scenario, &ro, job->repeat);
    comparison_free(&comparison);
    if (verdict->failure.kind == FAILURE_NONE)
        child_tidy(job, false);
    alarm(0);
    running = NULL;
    verdict->finished = true;
}

static void child_on_signal(int number, siginfo_t *info, void *context)
{
    struct failure *f = &shared->failure;

    if (f->kind != FAILURE_NONE) /* keep the verdict, the error came after it */
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

void child_watch_signals(void)
{
    crash_watch(child_on_signal);
}

int child_call(int (*fn)(void *ctx), void *ctx, uint64_t timeout_s)
{
    int status = 0;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        alarm((unsigned)min_u64(timeout_s, ALARM_MAX_S));
        exit(fn(ctx));
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0) {
        value_message(stderr, "drywire: fork: %s\n", strerror(errno));
        return EXIT_HARNESS;
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    value_message(stderr, "drywire: killed by %s; 'drywire run' shows where\n",
                  strsignal(WTERMSIG(status)));
    return WTERMSIG(status) == SIGALRM ? EXIT_LIVELOCK : EXIT_FAIL;
}
