/* The ladder of a run or a capture: see seq.h; ladder.h draws it. */
#include "seq.h"
#include "../../core/base/minmax.h"
#include "../base/files.h"
#include "../../sim/frame/capture.h"
#include "../worker/child.h"
#include "../../sim/frame/digest.h"
#include "ladder.h"
#include "report.h"
#include "../../sim/text/values.h"
#include "../base/exit_codes.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 120 };

/* The width of the option, else of the terminal. */
static unsigned seq_width_of(const struct seq_settings *s)
{
    struct winsize size = {0};
    uint64_t width = s->width;

    if (!width && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    if (!width)
        width = WIDTH_DEFAULT;
    return (unsigned)max_u64(LADDER_WIDTH_MIN, min_u64(width, LADDER_WIDTH_MAX));
}

static struct ladder seq_ladder_of(const struct seq_settings *s)
{
    return (struct ladder){
        .out = stdout, .width = seq_width_of(s), .color = s->color, .mermaid = s->mermaid};
}

/* ---- a run ---- */

static void seq_on_line(void *ctx, uint64_t time_ns, const char *line)
{
    ladder_note(ctx, time_ns, line);
}

static void seq_on_frame(void *ctx, uint64_t time_ns, enum direction dir, const struct decoded *d,
                         size_t len, const char *fate)
{
    (void)len;
    /* The words of sim/world/wire.c for a lost frame. */
    ladder_frame(ctx, time_ns, dir, d, fate,
                 fate && (strstr(fate, "dropped") || strstr(fate, "cut")));
}

static void seq_on_lost(void *ctx, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                        size_t len, const struct decoded *d, const char *why)
{
    char fate[60];

    (void)frame;
    (void)len;
    snprintf(fate, sizeof(fate), "lost: %s", why);
    ladder_frame(ctx, time_ns, dir, d, fate, true);
}

struct ladder_run {
    const struct seq_settings *settings;
    const struct scenario *scenario;
    const struct guest_ops *guest;
};

static int seq_child(void *ctx)
{
    const struct ladder_run *job = ctx;
    struct ladder l = seq_ladder_of(job->settings);
    struct run_options ro = {
        .seed = job->settings->choice.seed,
        .guest = job->guest,
        .weak_memory = memory_toggle(job->settings->choice.memory),
        .on_line = seq_on_line,
        .on_frame = seq_on_frame,
        .on_lost = seq_on_lost,
        .ctx = &l,
        .detail = job->settings->verbose,
    };
    struct run_context *c = run_context_new();
    struct run_result r;
    char end[700];

    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash loses no complete lines */
    ladder_start(&l, job->scenario->title);
    run_scenario(c, job->scenario, &ro, &r);
    snprintf(end, sizeof(end), "%s  seed=%" PRIu64 " hash=%016" PRIx64 "%s%s%s%s",
             r.failure.kind ? "fail" : "pass", r.seed, r.hash, r.failure.kind ? "  " : "",
             r.failure.oracle, r.failure.kind ? ": " : "", r.failure.message);
    ladder_end(&l, end);
    run_context_free(c);
    return failure_code(r.failure.kind);
}

int seq_run(const struct scenario *sc, const struct guest_ops *guest, const struct seq_settings *s)
{
    struct ladder_run job = {s, sc, guest};

    return child_call(seq_child, &job, s->timeout_s);
}

/* ---- a capture ---- */

static void seq_capture_frame(const struct ladder *l, const struct capture_frame *f,
                              const uint8_t mac[6], uint64_t time_ns)
{
    char fate[120];
    struct decoded d;

    decode_frame(f->bytes, f->len, &d);
    snprintf(fate, sizeof(fate), "%.*s", (int)f->fault_len, f->fault ? f->fault : "");
    ladder_frame(l, time_ns, memcmp(d.eth_src, mac, 6) == 0 ? DIRECTION_TX : DIRECTION_RX, &d,
                 f->fault ? fate : NULL, f->lost);
}

int seq_capture(const char *path, const struct seq_settings *s)
{
    struct ladder l = seq_ladder_of(s);
    struct capture c;
    char problem[200], text[300];
    uint64_t start_ns;
    uint8_t mac[6];

    if (capture_read(&c, path, problem, sizeof(problem))) {
        value_message(stderr, "drywire: %s: %s\n", path, problem);
        return EXIT_USAGE;
    }
    /* Time starts at power-on of the simulation; in other captures at the first frame. */
    start_ns = c.count ? c.frames[0].time_ns : 0;
    if (capture_origin(&c, "verb", text, sizeof(text)) && strcmp(text, "run") == 0)
        start_ns = SIM_POWER_ON_NS;
    digest_machine(&c, mac);
    ladder_start(&l, path);
    for (size_t i = 0; i < c.count; i++) {
        uint64_t at = c.frames[i].time_ns;

        seq_capture_frame(&l, &c.frames[i], mac,
                          SIM_POWER_ON_NS + (at > start_ns ? at - start_ns : 0));
    }
    snprintf(text, sizeof(text), "%zu frames; the machine is %02x:%02x:%02x:%02x:%02x:%02x",
             c.count, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    ladder_end(&l, text);
    capture_free(&c);
    return EXIT_PASS;
}
