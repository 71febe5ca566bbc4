/*
 * Captured pings as a scenario in a file, or sent to the core at once with a report of how its
 * replies differ from the captured host's: see docs/replay.md.
 */
#include "reactive_echo.h"
#include "../cli/child.h"
#include "../memory.h"
#include "reactive.h"
#include "../cli/verbs.h"
#include <stdlib.h>

enum { SCENARIO_MAX = 1 << 20 };

static char *scenario_text(const struct echo_import *im, const struct options *o, size_t *len,
                           int *code)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);

    if (!out)
        out_of_memory();
    echo_import_write(im, out);
    if (fclose(out))
        out_of_memory();
    *code = 0;
    if (o->role == ROLE_CLIENT)
        fprintf(stderr,
                "drywire: %s: flow %zu is a ping, and the core is the host that is pinged, --as "
                "server\n",
                o->paths[0], im->number);
    else if (*len > SCENARIO_MAX)
        fprintf(stderr, "drywire: %s: flow %zu is too long for a scenario\n", o->paths[0],
                im->number);
    if (o->role == ROLE_CLIENT || *len > SCENARIO_MAX)
        *code = EXIT_USAGE;
    return text;
}

int echo_write_scenario(struct echo_import *im, const struct options *o)
{
    size_t len;
    int code;
    char *text = scenario_text(im, o, &len, &code);

    if (!code)
        code = write_output(o->output, text, len);
    if (!code)
        printf("%s: flow %zu of %zu, the core is the host that is pinged, %zu requests\n",
               o->output, im->number, im->total, echo_counts_of(im).requests);
    free(text);
    return code;
}

/* ---- the run ---- */

struct echo_run {
    const struct echo_import *im;
    const struct scenario *scenario;
    const struct options *options;
    size_t replies;
};

static void on_flight(void *ctx, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                      size_t len, const struct decoded *d, const char *fate, uint64_t arrival_ns)
{
    struct echo_run *r = ctx;

    (void)time_ns;
    (void)frame;
    (void)len;
    (void)fate;
    (void)arrival_ns;
    r->replies += dir == DIRECTION_TX && d->layer == LAYER_ICMP && d->icmp_type == 0;
}

static int report(const struct echo_run *r, const struct run_result *run)
{
    struct echo_counts was = echo_counts_of(r->im);
    size_t asked = r->scenario->dial_count;
    unsigned bad = 0;

    printf("%s: flow %zu of %zu, the core is the host that is pinged\n", r->options->paths[0],
           r->im->number, r->im->total);
    bad += reactive_differ_number("requests sent", was.requests, asked, "a scenario holds no more");
    bad += reactive_differ_number(
        "replies", was.replies, r->replies,
        r->replies == asked ? "every request is answered (RFC 1122 section 3.2.2.6)" : NULL);
    if (was.replies != was.same)
        bad += reactive_differ_number("replies with other bytes", was.replies - was.same, 0,
                                      "what was received is sent back (RFC 792)");
    printf("captured  %zu requests, %zu replies, %zu with the same bytes\n", was.requests,
           was.replies, was.same);
    printf("now       %zu requests, %zu replies%s\n", asked, r->replies,
           run->failure.kind ? "" : ", all with the same bytes");
    return reactive_verdict(run, bad);
}

static int run(void *ctx)
{
    struct echo_run *r = ctx;
    struct run_options ro = {.seed = r->options->seed, .on_flight = on_flight, .ctx = r};
    struct run_context *c = run_context_new();
    struct run_result result;
    int code;

    if (r->options->verbose) {
        ro.on_line = reactive_line;
        ro.on_frame = reactive_frame;
    }
    run_scenario(c, r->scenario, &ro, &result);
    code = report(r, &result);
    run_context_free(c);
    return code;
}

int echo_scenario(struct echo_import *im, const struct options *o, struct scenario **sc)
{
    size_t len;
    int code;
    char *text = scenario_text(im, o, &len, &code);

    if (!code)
        code = scenario_parse(o->paths[0], text, len, sc, stderr);
    free(text);
    return code;
}

int echo_replay(struct echo_import *im, const struct options *o)
{
    struct echo_run r = {.im = im, .options = o};
    struct scenario *sc;
    int code = echo_scenario(im, o, &sc);

    if (code)
        return code;
    r.scenario = sc;
    code = child_call(run, &r, o->timeout_s);
    scenario_free(sc);
    return code;
}
