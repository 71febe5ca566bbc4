/*
 * `drywire explain`: the effects of a seed on a scenario: each frame with a fault, and each draw.
 */
#include "worker/child.h"
#include "report/stream_words.h"
#include "verb.h"
#include "../sim/text/values.h"
#include "base/guest_file.h"
#include "base/can_run.h"
#include "base/read_scenario.h"
#include "base/exit_codes.h"
#include <inttypes.h>
#include <string.h>

struct explanation {
    unsigned touched;
};

static void explain_frame(void *ctx, uint64_t time_ns, enum direction dir, const struct decoded *d,
                          size_t len, const char *fate)
{
    struct explanation *e = ctx;
    uint64_t us = (time_ns - SIM_POWER_ON_NS) / NS_PER_US;
    char what[200];

    if (!fate)
        return;
    e->touched++;
    printf("%6" PRIu64 ".%06" PRIu64 "  %s  %s: %s (%zu bytes)\n", us / 1000000, us % 1000000,
           dir == DIRECTION_TX ? "tx" : "rx", fate, decode_summary(d, what, sizeof(what)), len);
}

static void explain_lost(void *ctx, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                         size_t len, const struct decoded *d, const char *why)
{
    char fate[60];

    (void)frame;
    snprintf(fate, sizeof(fate), "lost: %s", why);
    explain_frame(ctx, time_ns, dir, d, len, fate);
}

/* Decisions by stream: the count of each, in the order of the first; or each one. */
static void explain_tape(const struct run_result *r, bool all)
{
    enum { STREAMS = 64 };
    const char *streams[STREAMS];
    size_t counts[STREAMS] = {0};
    unsigned count = 0;

    for (size_t i = 0; i < r->tape_count; i++) {
        const struct decision *d = &r->tape[i];
        unsigned k = 0;

        while (k < count && strcmp(streams[k], d->stream))
            k++;
        if (k == STREAMS)
            continue;
        streams[k] = d->stream;
        count += k == count;
        counts[k]++;
        if (all)
            printf("  %6" PRIu64 ".%06" PRIu64 "  %-16s draw %-6" PRIu64 " value %-8" PRIu64
                   " %s\n",
                   (d->time_ns - SIM_POWER_ON_NS) / NS_PER_S,
                   (d->time_ns - SIM_POWER_ON_NS) % NS_PER_S / NS_PER_US, d->stream, d->ordinal,
                   d->value, stream_words(d->stream));
    }
    for (unsigned k = 0; k < count; k++)
        printf("  %-16s %6zu %s  %s\n", streams[k], counts[k], counts[k] == 1 ? "time " : "times",
               stream_words(streams[k]));
    if (!count)
        puts("  none");
}

struct explain_settings {
    struct run_choice choice;
    uint64_t timeout_s;
    bool verbose;
};

struct explain_job {
    const struct explain_settings *settings;
    const struct scenario *scenario;
    const struct guest_ops *guest;
};

/* In a child, which a guest may crash. */
static int explain_child(void *ctx)
{
    const struct explain_job *job = ctx;
    const struct explain_settings *s = job->settings;
    struct explanation e = {0};
    struct run_options ro = {
        .seed = s->choice.seed,
        .guest = job->guest,
        .weak_memory = memory_toggle(s->choice.memory),
        .on_frame = explain_frame,
        .on_lost = explain_lost,
        .ctx = &e,
    };
    struct run_context *c = run_context_new();
    struct run_result r;

    printf("%s, seed %" PRIu64 "\n\nFrames that a fault touched:\n",
           value_shown(job->scenario->path), s->choice.seed);
    run_scenario(c, job->scenario, &ro, &r);
    if (!e.touched)
        puts("  none");
    printf("\nDecisions that the seed drew%s:\n", s->verbose ? "" : " (-v: each one)");
    explain_tape(&r, s->verbose);
    printf("\n%s  hash=%016" PRIx64 "%s%s\n", r.failure.kind ? "fail" : "pass", r.hash,
           r.failure.kind ? "  " : "", r.failure.message);
    run_context_free(c);
    return failure_code(r.failure.kind);
}

static int explain_run(const struct call *call, const void *settings)
{
    const struct explain_settings *s = settings;
    struct explain_job job = {.settings = s};
    struct scenario *sc;
    int code;

    if (call->count != 1) {
        value_message(
            stderr,
            "drywire: explain takes one scenario file, e.g. drywire explain FILE --seed 7\n");
        return EXIT_USAGE;
    }
    if (s->choice.guest && !(job.guest = guest_file_load(s->choice.guest)))
        return EXIT_USAGE;
    if (read_scenario(call->words[0], &s->choice, &sc, stderr))
        return EXIT_USAGE;
    job.scenario = sc;
    code = can_run(sc);
    if (!code)
        code = child_call(explain_child, &job, s->timeout_s);
    scenario_free(sc);
    return code;
}

static const struct option_place places[] = {
    OPTION("seed", explain_settings, choice.seed),
    OPTION("memory", explain_settings, choice.memory),
    OPTION("guest", explain_settings, choice.guest),
    OPTION("timeout", explain_settings, timeout_s),
    OPTION("verbose", explain_settings, verbose),
    {NULL},
};

const struct verb verb_explain = {explain_run, sizeof(struct explain_settings), places};
