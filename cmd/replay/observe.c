/*
 * A capture's frames as hostile input: see observe.h; native_observe.c sends them. This file makes
 * the run: a lease before them, an HTTP page after them, which the machine must still be able to
 * get, and the count of drops by reason.
 */
#include "observe.h"
#include "../base/files.h"
#include "found.h"
#include "../../core/trace/trace.h"
#include "../worker/child.h"
#include "../../sim/world/native/native_observe.h"
#include "../report/report.h"
#include "../base/exit_codes.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { REASONS = 80, REASON_MAX = 32 };

/* The results of one pass. */
struct pass {
    uint64_t fed, dropped, answered; /* frames */
    char reason[REASONS][REASON_MAX];
    uint64_t count[REASONS];
};

struct observing {
    const struct replay_settings *settings;
    const char *path;
    struct capture *capture;
    struct scenario *scenario;
    struct pass pass[OBSERVE_PASSES];
    size_t at; /* of the last frame, over both passes */
    bool begun, was_dropped, was_answered;
    char what[160]; /* -v: the frame and its fate */
    char fate[REASON_MAX];
};

/* ---- events of the run ---- */

/* The present frame: index + 1 over both passes, 0: none. */
static size_t observe_number_at(const struct observing *x, uint64_t time_ns)
{
    uint64_t start = SIM_POWER_ON_NS + OBSERVE_START_NS, n;

    if (time_ns < start)
        return 0;
    n = (time_ns - start) / OBSERVE_STEP_NS + 1;
    return n <= OBSERVE_PASSES * x->capture->count ? (size_t)n : 0;
}

static void observe_finish_frame(struct observing *x)
{
    struct pass *p = &x->pass[(x->at - 1) / x->capture->count];

    p->fed++;
    p->dropped += x->was_dropped;
    p->answered += x->was_answered;
    if (x->settings->verbose)
        printf("%8zu %s  %-18s %s\n", (x->at - 1) % x->capture->count + 1,
               x->at > x->capture->count ? "readdressed" : "as it is   ",
               x->was_dropped    ? x->fate
               : x->was_answered ? "answered"
                                 : "accepted",
               x->what);
    x->was_dropped = x->was_answered = false;
}

/* Later events belong to the present frame. */
static struct pass *observe_pass_at(struct observing *x, uint64_t time_ns)
{
    size_t n = observe_number_at(x, time_ns);

    while (x->at && x->at < (n ? n : OBSERVE_PASSES * x->capture->count + 1)) {
        observe_finish_frame(x);
        x->at = n && x->at < n ? x->at + 1 : 0;
        snprintf(x->what, sizeof(x->what), "(empty)");
    }
    if (n && !x->begun) {
        x->begun = true;
        x->at = n;
    }
    return n ? &x->pass[(n - 1) / x->capture->count] : NULL;
}

static void observe_count_drop(struct pass *p, const char *reason)
{
    unsigned i = 0;

    while (i + 1 < REASONS && p->count[i] && strcmp(p->reason[i], reason))
        i++;
    snprintf(p->reason[i], sizeof(p->reason[i]), "%s", reason);
    p->count[i]++;
}

static void observe_on_line(void *ctx, uint64_t time_ns, const char *line)
{
    static const char drop[] = "netstackd: drop reason=";
    struct observing *x = ctx;
    struct pass *p = observe_pass_at(x, time_ns);

    if (!p || strncmp(line, drop, sizeof(drop) - 1))
        return;
    observe_count_drop(p, line + sizeof(drop) - 1);
    if (!x->was_dropped) /* later events belong to the reply */
        snprintf(x->fate, sizeof(x->fate), "%s", line + sizeof(drop) - 1);
    x->was_dropped = true;
}

static void observe_on_frame(void *ctx, uint64_t time_ns, enum direction dir,
                             const struct decoded *d, size_t len, const char *fate)
{
    struct observing *x = ctx;

    (void)len;
    (void)fate;
    if (!observe_pass_at(x, time_ns))
        return;
    if (dir == DIRECTION_TX)
        x->was_answered = true;
    else if ((time_ns - SIM_POWER_ON_NS - OBSERVE_START_NS) % OBSERVE_STEP_NS == 0)
        decode_summary(d, x->what, sizeof(x->what));
}

/* ---- the report ---- */

static void observe_tell_pass(const struct pass *p, const char *name)
{
    printf("%s  frames=%" PRIu64 " dropped=%" PRIu64 " accepted=%" PRIu64 " answered=%" PRIu64 "\n",
           name, p->fed, p->dropped, p->fed - p->dropped, p->answered);
    for (unsigned i = 0; i < REASONS && p->count[i]; i++)
        printf("             drop %s=%" PRIu64 "\n", p->reason[i], p->count[i]);
}

static int observe_run(void *ctx)
{
    struct observing *x = ctx;
    struct run_options ro = {.seed = x->settings->choice.seed,
                             .weak_memory = memory_toggle(x->settings->choice.memory),
                             .on_line = observe_on_line,
                             .on_frame = observe_on_frame,
                             .ctx = x,
                             .detail = true};
    struct run_context *c = run_context_new();
    struct run_result r;

    run_scenario(c, x->scenario, &ro, &r);
    if (!r.failure.kind) /* else it may have ended early */
        observe_pass_at(x, SIM_NEVER - 1);
    observe_tell_pass(&x->pass[0], "as they are");
    observe_tell_pass(&x->pass[1], "readdressed");
    printf("%s  %s  observer  seed=%" PRIu64 " hash=%016" PRIx64 "  %s%s%s\n",
           r.failure.kind ? "fail" : "pass", x->path, r.seed, r.hash,
           r.failure.kind ? r.failure.oracle : "a page was fetched afterwards",
           r.failure.kind ? ": " : "", r.failure.message);
    run_context_free(c);
    replay_found()->failure = r.failure;
    return failure_code(r.failure.kind);
}

/* ---- the run around it ---- */

static struct scenario *observe_scenario_around(size_t frames)
{
    uint64_t after_ms = (OBSERVE_START_NS + OBSERVE_PASSES * frames * OBSERVE_STEP_NS) / NS_PER_MS;
    struct scenario *sc = NULL;
    char text[400];
    int n = snprintf(text, sizeof(text),
                     "title  Every frame of a capture as hostile input\nworld  native\n"
                     "serve  http 10.0.2.2:80 path=/ body=\"still here\\n\"\n"
                     "at %" PRIu64 "ms run webget http://10.0.2.2/\n"
                     "expect webget: done status=200 bytes=11\nlimit %" PRIu64 "ms\n",
                     after_ms + 1000, after_ms + 900000);

    return files_parse("observer", text, (size_t)n, &sc, stderr) ? NULL : sc;
}

int observe(const char *path, struct capture *c, const struct replay_settings *s)
{
    static struct observing x;
    int code = EXIT_HARNESS;

    x = (struct observing){.settings = s, .path = path, .capture = c};
    x.scenario = observe_scenario_around(c->count);
    if (!x.scenario) {
        capture_free(c);
        return code;
    }
    x.scenario->native.observed = *c;
    code = child_call(observe_run, &x, s->timeout_s);
    scenario_free(x.scenario); /* the capture with it */
    return code;
}
