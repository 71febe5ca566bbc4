/*
 * The world `replay`: a capture is the far side. What the machine sent when it was recorded, it
 * must send again; what it received then, it receives again.
 *
 * Two cursors run through the capture. `own` stands at the machine's next frame: what it sends is
 * compared with that, and the first difference ends the run. `peer` stands at the next frame for
 * the machine: it is delivered when every frame of the machine recorded before it has been sent, not
 * earlier than its recorded distance from the last of them.
 *
 * How many pure ACKs a machine sends depends on how many segments it finds in one look, so they are
 * not compared. One that stands before a frame still holds it back, until the machine has
 * acknowledged as much and offered as much window. Sequence numbers: see replay_numbers.h.
 *
 * Captures of drywire say more than others (capture.h): what was lost on its way to the machine is
 * not delivered, what the wire made of the machine's frames was not sent by it, and what the wire
 * damaged is not compared.
 */
#include "normal.h"
#include "replay_numbers.h"
#include "wire.h"
#include "world.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)REPLAY_FRAME_MAX == (int)WIRE_FRAME_MAX, "what is read can be sent");

/* How much longer than when it was recorded a frame of the machine may take to come. */
#define PATIENCE_NS (10 * NS_PER_S)

struct world {
    struct sim *sim;
    const struct scenario *scenario;
    const struct capture *capture;
    struct world_port port;
    struct replay_numbers numbers;
    size_t own, peer; /* indices of frames; `count` at the end */
    size_t anchor;    /* the frame that times count from, and when it came */
    uint64_t anchor_ns;
    uint64_t delivered, compared;
    struct sim_timer timer;    /* a frame is due */
    struct sim_timer patience; /* a frame of the machine is overdue */
    char description[320];
};

/* ---- frames of the capture ---- */

static bool is_own(const struct world *w, size_t i)
{
    const struct capture_frame *f = &w->capture->frames[i];

    return f->len >= 12 && memcmp(f->bytes + 6, w->scenario->device.mac, 6) == 0;
}

static void decode_at(const struct world *w, size_t i, struct decoded *d)
{
    decode_frame(w->capture->frames[i].bytes, w->capture->frames[i].len, d);
}

static bool is_pure_ack(const struct decoded *d)
{
    return !d->error && decode_matches(d, "tcp.ack");
}

/* The next frame from `i` on that the machine sent and that is compared. */
static size_t next_own(const struct world *w, size_t i)
{
    struct decoded d;

    for (; i < w->capture->count; i++) {
        if (!is_own(w, i) || w->capture->frames[i].duplicate)
            continue;
        decode_at(w, i, &d);
        if (!is_pure_ack(&d))
            break;
    }
    return i;
}

/* The next frame from `i` on that the machine received. */
static size_t next_peer(const struct world *w, size_t i)
{
    while (i < w->capture->count && (is_own(w, i) || w->capture->frames[i].lost))
        i++;
    return i;
}

/* The first pure ACK before the next frame for the machine that it has not matched yet, or count. */
static size_t missing_ack(const struct world *w)
{
    struct decoded d;

    for (size_t i = w->peer; i-- > 0 && (is_own(w, i) || w->capture->frames[i].lost);) {
        decode_at(w, i, &d);
        if (is_own(w, i) && !w->capture->frames[i].duplicate && is_pure_ack(&d) &&
            !numbers_covered(&w->numbers, &d))
            return i;
    }
    return w->capture->count;
}

static const char *summary(const struct world *w, size_t i, char *buf, size_t size)
{
    struct decoded d;

    decode_at(w, i, &d);
    return decode_summary(&d, buf, size);
}

/* ---- delivery ---- */

static void deliver(struct world *w)
{
    const struct capture_frame *f = &w->capture->frames[w->peer];
    uint8_t bytes[REPLAY_FRAME_MAX];
    struct decoded d;

    memcpy(bytes, f->bytes, f->len);
    decode_frame(bytes, f->len, &d);
    numbers_of_now(&w->numbers, bytes, &d);
    w->peer = next_peer(w, w->peer + 1);
    w->delivered++;
    w->port.send(w->port.ctx, bytes, f->len);
}

/* How long after `from` frame `i` was recorded; clocks of captures are known to step back. */
static uint64_t gap_ns(const struct world *w, size_t from, size_t i)
{
    const struct capture_frame *f = w->capture->frames;

    return f[i].time_ns > f[from].time_ns ? f[i].time_ns - f[from].time_ns : 0;
}

static uint64_t later(uint64_t at_ns, uint64_t by_ns)
{
    return by_ns < SIM_NEVER - at_ns ? at_ns + by_ns : SIM_NEVER - 1;
}

/* Deliver what is due and wait for what comes next, from either side. */
static void go_on(struct world *w)
{
    size_t end = w->capture->count, wanted;
    uint64_t due_ns = SIM_NEVER;

    while (w->peer < end && w->peer < w->own && missing_ack(w) == end) {
        due_ns = later(w->anchor_ns, gap_ns(w, w->anchor, w->peer));
        if (due_ns > w->sim->now_ns)
            break;
        deliver(w);
        due_ns = SIM_NEVER;
    }
    sim_timer_set(&w->timer, due_ns);

    wanted = w->own < w->peer ? w->own : w->peer < end ? missing_ack(w) : end;
    if (due_ns != SIM_NEVER || wanted == end)
        sim_timer_set(&w->patience, SIM_NEVER);
    else
        sim_timer_set(&w->patience,
                      later(w->sim->now_ns, later(PATIENCE_NS, gap_ns(w, w->anchor, wanted))));
}

static void frame_due(void *ctx, uint64_t arg)
{
    (void)arg;
    go_on(ctx);
}

static void __attribute__((format(printf, 2, 3))) fail(struct world *w, const char *format, ...)
{
    char text[400], site[160];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(site, sizeof(site), "%.150s", w->scenario->replay.file);
    sim_fail(w->sim, FAILURE_EXPECT, "replay.frame", site, "%s", text);
}

static void overdue(void *ctx, uint64_t arg)
{
    struct world *w = ctx;
    size_t wanted = w->own < w->peer ? w->own : missing_ack(w);
    char was[150];

    (void)arg;
    if (wanted < w->capture->count)
        fail(w, "frame %zu: recorded '%s', nothing like it was sent", wanted + 1,
             summary(w, wanted, was, sizeof(was)));
}

/* ---- frames of the machine ---- */

/* The machine sent `frame` where number w->own is recorded: the same? */
static void compare(struct world *w, const uint8_t *frame, size_t len, const struct decoded *sent)
{
    const struct capture_frame *f = &w->capture->frames[w->own];
    uint8_t is[REPLAY_FRAME_MAX], was[REPLAY_FRAME_MAX], translated[REPLAY_FRAME_MAX];
    char was_line[120], is_line[120];
    size_t is_len, was_len, at;
    struct decoded recorded, now;

    decode_frame(f->bytes, f->len, &recorded);
    numbers_learn(&w->numbers, &recorded, sent);
    memcpy(translated, frame, len);
    numbers_of_recording(&w->numbers, translated, sent);
    decode_frame(translated, len, &now);
    is_len = normal_frame(translated, len, &now, is);
    was_len = normal_frame(f->bytes, f->len, &recorded, was);
    at = normal_difference(was, was_len, is, is_len);
    if (at == SIZE_MAX || f->damaged)
        return;
    decode_summary(&recorded, was_line, sizeof(was_line));
    decode_summary(&now, is_line, sizeof(is_line));
    if (at < was_len && at < is_len)
        fail(w, "frame %zu: recorded '%s', sent '%s': byte %zu (%s) was 0x%02x, is 0x%02x",
             w->own + 1, was_line, is_line, at, normal_field(&recorded, at), was[at], is[at]);
    else
        fail(w, "frame %zu: recorded '%s', sent '%s': %zu bytes, were %zu", w->own + 1, was_line,
             is_line, is_len, was_len);
}

static void replay_input(struct world *w, const uint8_t *frame, size_t len)
{
    struct decoded d;
    char line[200];

    decode_frame(frame, len, &d);
    if (!d.error)
        numbers_acked(&w->numbers, &d);
    if (is_pure_ack(&d)) {
        go_on(w);
        return;
    }
    if (w->own == w->capture->count) {
        fail(w, "frame %zu: recorded nothing more, sent '%s'", w->capture->count + 1,
             decode_summary(&d, line, sizeof(line)));
        return;
    }
    compare(w, frame, len, &d);
    w->compared++;
    w->anchor = w->own;
    w->anchor_ns = w->sim->now_ns;
    w->own = next_own(w, w->own + 1);
    go_on(w);
}

/* ---- the world's life ---- */

static int replay_open(struct sim *sim, const struct scenario *sc, struct world_port port,
                       struct world **out)
{
    struct world *w = calloc(1, sizeof(*w));

    if (!w) {
        fprintf(stderr, "drywire: out of memory\n");
        exit(4);
    }
    w->sim = sim;
    w->scenario = sc;
    w->capture = &sc->replay.capture;
    w->port = port;
    w->anchor_ns = sim->now_ns;
    w->own = next_own(w, 0);
    w->peer = next_peer(w, 0);
    sim_timer_init(&w->timer, sim, EVENT_TIMER, frame_due, w);
    sim_timer_init(&w->patience, sim, EVENT_TIMER, overdue, w);
    sim_timer_set(&w->timer, sim->now_ns); /* the port is not to be used yet */
    *out = w;
    return 0;
}

static bool replay_busy(const struct world *w)
{
    return w->own < w->capture->count || w->peer < w->capture->count;
}

static const char *replay_describe(const struct world *w)
{
    struct world *own = (struct world *)w;
    size_t first = w->own < w->peer ? w->own : w->peer;
    char line[200];

    if (first == w->capture->count)
        snprintf(own->description, sizeof(own->description), "replay: every frame has been");
    else
        snprintf(own->description, sizeof(own->description), "replay: next is frame %zu of %zu: %s",
                 first + 1, w->capture->count, summary(w, first, line, sizeof(line)));
    return own->description;
}

static void replay_close(struct world *w)
{
    char line[200];
    size_t first = w->own < w->peer ? w->own : w->peer;

    if (first < w->capture->count)
        fail(w, "frame %zu: recorded '%s', the run ended before it", first + 1,
             summary(w, first, line, sizeof(line)));
    numbers_free(&w->numbers);
    free(w);
}

const struct world_ops world_replay = {
    .name = "replay",
    .open = replay_open,
    .input = replay_input,
    .busy = replay_busy,
    .close = replay_close,
    .describe = replay_describe,
};
