/*
 * Reactive replay: the choice of a captured flow, and the common part of all reports. See
 * docs/replay.md.
 */
#include "reactive.h"
#include "../worker/child.h"
#include "../../sim/base/memory.h"
#include "found.h"
#include "import.h"
#include "import_dhcp.h"
#include "import_echo.h"
#include "../report/report.h"
#include "../../sim/text/values.h"
#include "../base/files.h"
#include "../base/outputs.h"
#include "../base/story_line.h"
#include "../base/exit_codes.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- which flow ---- */

struct chosen {
    const struct reactive_kind *kind;
    void *im;          /* one of these */
    struct import tcp; /* open for TCP only */
    struct dhcp_import dhcp;
    struct echo_import echo;
};

static void reactive_close_others(struct chosen *x)
{
    dhcp_import_close(&x->dhcp);
    echo_import_close(&x->echo);
}

/* 0, or EXIT_USAGE after a line on stderr. */
static int reactive_choose(struct chosen *x, const struct capture *c,
                           const struct replay_settings *s)
{
    const char *slash = strrchr(s->path, '/');
    struct import_wish wish = {
        .name = slash ? slash + 1 : s->path, .flow = s->flow, .role = s->role};
    char problem[200];

    x->kind = &reactive_tcp;
    x->im = &x->tcp;
    echo_import_open(&x->echo, c);
    wish.others = x->echo.flows;
    if (dhcp_import_open(&x->dhcp, c, &wish)) {
        x->kind = &reactive_dhcp;
        x->im = &x->dhcp;
    } else if (echo_import_choose(&x->echo, &wish, x->dhcp.before + x->dhcp.flows.count,
                                  !x->dhcp.tcp_data && !x->dhcp.flows.count)) {
        x->kind = &reactive_echo;
        x->im = &x->echo;
    }
    wish.others += x->dhcp.flows.count;
    if (x->im != &x->tcp || !import_open(&x->tcp, c, &wish, problem, sizeof(problem)))
        return 0;
    value_message(stderr, "drywire: %s: %s\n", s->path, problem);
    reactive_close_others(x);
    return EXIT_USAGE;
}

static void reactive_chosen_close(struct chosen *x)
{
    if (x->im == &x->tcp)
        import_close(&x->tcp);
    reactive_close_others(x);
}

/* ---- actions on a flow ---- */

int reactive_write(const struct capture *c, const struct replay_settings *s, const char *output)
{
    struct chosen x;
    int code = reactive_choose(&x, c, s);
    size_t len;
    char *text;

    if (code)
        return code;
    text = x.kind->text(x.im, s, output, &len, &code);
    if (!code)
        code = output_write("output", output, text, len);
    if (!code)
        x.kind->written(x.im, output);
    free(text);
    reactive_chosen_close(&x);
    return code;
}

static int reactive_parse(const struct chosen *x, const struct replay_settings *s,
                          struct scenario **sc)
{
    size_t len;
    int code;
    char *text = x->kind->text(x->im, s, NULL, &len, &code);

    if (!code)
        code = files_parse(s->path, text, len, sc, stderr);
    free(text);
    return code;
}

int reactive_scenario(const struct capture *c, const struct replay_settings *s,
                      struct scenario **sc)
{
    struct chosen x;
    int code = reactive_choose(&x, c, s);

    if (code)
        return code;
    code = reactive_parse(&x, s, sc);
    reactive_chosen_close(&x);
    return code;
}

int reactive_replay(const struct capture *c, const struct replay_settings *s)
{
    struct scenario *sc;
    struct chosen x;
    int code = reactive_choose(&x, c, s);

    if (code)
        return code;
    code = reactive_parse(&x, s, &sc);
    if (!code) {
        code = x.kind->replay(x.im, s, sc);
        scenario_free(sc);
    }
    reactive_chosen_close(&x);
    return code;
}

/* ---- shared by all kinds ---- */

int reactive_refuse(const struct replay_settings *s, size_t number, size_t len, enum role role,
                    const char *why)
{
    if (s->role != role && len <= SCENARIO_MAX)
        return 0;
    value_message(stderr, "drywire: %s: flow %zu %s\n", s->path, number,
                  s->role == role ? why : "is too long for a scenario");
    return EXIT_USAGE;
}

unsigned reactive_differ(const char *what, const char *was, const char *is, const char *allowed)
{
    if (!strcmp(was, is))
        return 0;
    printf("  differs  %s: captured %s, now %s; %s%s\n", what, was, is,
           allowed ? "allowed: " : "NOT ALLOWED", allowed ? allowed : "");
    return !allowed;
}

unsigned reactive_differ_number(const char *what, size_t was, size_t is, const char *allowed)
{
    char a[24], b[24];

    snprintf(a, sizeof(a), "%zu", was);
    snprintf(b, sizeof(b), "%zu", is);
    return reactive_differ(what, a, b, allowed);
}

int reactive_verdict(const struct run_result *run, unsigned bad)
{
    char message[80];

    replay_found()->failure = run->failure;
    if (!run->failure.kind && bad) {
        snprintf(message, sizeof(message),
                 "%u difference%s from the capture not allowed by any rule", bad,
                 bad == 1 ? "" : "s");
        replay_differs(FAILURE_EXPECT, "replay.differs", message);
    }
    if (run->failure.kind)
        printf("fail  seed=%" PRIu64 " hash=%016" PRIx64 "  %s %s: %s\n", run->seed, run->hash,
               run->failure.oracle, run->failure.site, run->failure.message);
    else
        printf("%s  seed=%" PRIu64 " hash=%016" PRIx64 "\n", bad ? "fail" : "pass", run->seed,
               run->hash);
    return run->failure.kind ? failure_code(run->failure.kind) : bad ? EXIT_FAIL : EXIT_PASS;
}

/* ---- a run ---- */

void reactive_line(void *ctx, uint64_t time_ns, const char *line)
{
    char at[40];

    (void)ctx;
    story_time(at, sizeof(at), time_ns);
    printf("%s       %s\n", at, line);
}

static void reactive_tell_frame(void *ctx, uint64_t time_ns, enum direction dir,
                                const struct decoded *d, size_t len, const char *fate)
{
    char line[300];

    (void)ctx;
    (void)len;
    story_frame(line, sizeof(line), time_ns, dir, d, fate);
    puts(line);
}

struct in_child {
    const struct scenario *scenario;
    struct run_options options;
    int (*report)(void *ctx, const struct run_result *run);
};

static int reactive_child(void *ctx)
{
    struct in_child *r = ctx;
    struct run_context *c = run_context_new();
    struct run_result result;
    int code;

    run_scenario(c, r->scenario, &r->options, &result);
    code = r->report(r->options.ctx, &result);
    run_context_free(c);
    return code;
}

int reactive_run(const struct scenario *sc, const struct replay_settings *s,
                 const struct run_options *ro,
                 int (*report)(void *ctx, const struct run_result *run))
{
    struct in_child r = {.scenario = sc, .options = *ro, .report = report};

    r.options.seed = s->choice.seed;
    r.options.weak_memory = memory_toggle(s->choice.memory);
    if (s->verbose)
        r.options.on_frame = reactive_tell_frame;
    if (s->verbose && !r.options.on_line)
        r.options.on_line = reactive_line;
    return child_call(reactive_child, &r, s->timeout_s);
}

void reactive_keep(struct reactive_frames *kept, uint64_t time_ns, const uint8_t *frame, size_t len,
                   const char *fate, uint64_t arrival_ns)
{
    struct capture *c = &kept->capture;
    uint8_t *bytes = memcpy(memory_new(len, 1), frame, len);

    c->frames = memory_grow(c->frames, c->count + 1, &kept->size, sizeof(*c->frames));
    c->frames[c->count++] = (struct capture_frame){.time_ns = time_ns,
                                                   .bytes = bytes,
                                                   .len = len,
                                                   .lost = arrival_ns == SIM_NEVER,
                                                   .fault = fate};
}

void reactive_frames_free(struct reactive_frames *kept)
{
    for (size_t i = 0; i < kept->capture.count; i++)
        free((void *)kept->capture.frames[i].bytes);
    capture_free(&kept->capture);
}
