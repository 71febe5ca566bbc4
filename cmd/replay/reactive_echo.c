/*
 * Captured pings as a scenario in a file, or sent to the core at once with a report of how its
 * replies differ from the captured host's: see docs/replay.md.
 */
#include "import_echo.h"
#include "../../sim/base/memory.h"
#include "reactive.h"
#include "../../sim/text/values.h"
#include "../base/exit_codes.h"
#include <stdlib.h>

static char *reactive_echo_text(void *import, const struct replay_settings *s, const char *output,
                                size_t *len, int *code)
{
    const struct echo_import *im = import;
    char *text;
    FILE *out = memory_stream(&text, len);

    (void)output;
    echo_import_write(im, out);
    memory_stream_close(out);
    *code = reactive_refuse(s, im->number, *len, ROLE_CLIENT,
                            "is a ping; the core is the host that is pinged, use --as server");
    return text;
}

static void reactive_echo_written(void *import, const char *output)
{
    const struct echo_import *im = import;

    printf("%s: flow %zu of %zu, the core is the host that is pinged, %zu requests\n", output,
           im->number, im->total, echo_counts_of(im).requests);
}

/* ---- the run ---- */

struct echo_run {
    const struct echo_import *im;
    const struct scenario *scenario;
    const struct replay_settings *settings;
    size_t replies;
};

static void reactive_echo_on_flight(void *ctx, uint64_t time_ns, enum direction dir,
                                    const uint8_t *frame, size_t len, const struct decoded *d,
                                    const char *fate, uint64_t arrival_ns)
{
    struct echo_run *r = ctx;

    (void)time_ns;
    (void)frame;
    (void)len;
    (void)fate;
    (void)arrival_ns;
    r->replies += dir == DIRECTION_TX && d->layer == LAYER_ICMP && d->icmp_type == 0;
}

static int reactive_echo_report(void *ctx, const struct run_result *run)
{
    const struct echo_run *r = ctx;
    struct echo_counts was = echo_counts_of(r->im);
    size_t asked = r->scenario->dial_count;
    unsigned bad = 0;

    printf("%s: flow %zu of %zu, the core is the host that is pinged\n",
           value_shown(r->settings->path), r->im->number, r->im->total);
    bad += reactive_differ_number("requests sent", was.requests, asked, "the limit of a scenario");
    bad += reactive_differ_number(
        "replies", was.replies, r->replies,
        r->replies == asked ? "a host must answer every request (RFC 1122 section 3.2.2.6)" : NULL);
    if (was.replies != was.same)
        bad += reactive_differ_number("replies with different bytes", was.replies - was.same, 0,
                                      "a reply returns the received bytes (RFC 792)");
    printf("captured  %zu requests, %zu replies, %zu with the same bytes\n", was.requests,
           was.replies, was.same);
    printf("now       %zu requests, %zu replies%s\n", asked, r->replies,
           run->failure.kind ? "" : ", all with the same bytes");
    return reactive_verdict(run, bad);
}

static int reactive_echo_replay(void *im, const struct replay_settings *s,
                                const struct scenario *sc)
{
    struct echo_run r = {.im = im, .scenario = sc, .settings = s};
    struct run_options ro = {.on_flight = reactive_echo_on_flight, .ctx = &r};

    return reactive_run(sc, s, &ro, reactive_echo_report);
}

const struct reactive_kind reactive_echo = {
    .text = reactive_echo_text, .written = reactive_echo_written, .replay = reactive_echo_replay};
