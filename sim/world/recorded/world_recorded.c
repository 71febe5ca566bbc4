/*
 * The world `replay`: a capture is the far side. The machine must send the same frames as in the
 * recording, and receives the same frames.
 *
 * Two cursors run through the capture. `own` is the machine's next frame: what it sends is compared
 * with that, and the first difference ends the run. `peer` is the next frame for the machine: it is
 * delivered when every frame of the machine recorded before it has been sent (recorded_plan.h), and
 * not earlier than its recorded distance from the last of them.
 *
 * The number of pure ACKs depends on how many segments a machine receives in one poll, so they are
 * not compared. A pure ACK recorded before a frame still delays it until the machine has
 * acknowledged as much and offered as much window. Sequence numbers: see recorded_numbers.h.
 *
 * Captures of drywire have more information than others (capture.h): frames lost before the machine
 * are not delivered, copies that the wire made of the machine's frames were not sent by it, and
 * frames damaged by the wire are not compared.
 */
#include "../../../core/base/minmax.h"
#include "../../frame/normal.h"
#include "../../base/memory.h"
#include "recorded_numbers.h"
#include "recorded_plan.h"
#include "../wire.h"
#include "../world.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

_Static_assert((int)REPLAY_FRAME_MAX == (int)WIRE_FRAME_MAX, "what is read can be sent");

enum { ETH_HEADER = 14, ACK_NUMBER_AT = 8, WINDOW_AT = 14 };

/* How much later than recorded a frame of the machine may be sent. */
#define PATIENCE_NS (10 * NS_PER_S)

struct world {
    struct sim *sim;
    const struct scenario *scenario;
    const struct capture *capture;
    struct world_port port;
    struct replay_step *steps;
    struct replay_numbers numbers;
    size_t own, peer; /* indices of frames; `count` at the end */
    size_t anchor;    /* the frame that times count from, and its arrival */
    uint64_t anchor_ns;
    bool delivered;            /* a frame was */
    struct sim_timer timer;    /* a frame is due */
    struct sim_timer patience; /* a frame of the machine is overdue */
    char description[320];
};

/* ---- frames of the capture ---- */

static void decode_at(const struct world *w, size_t i, struct decoded *d)
{
    decode_frame(w->capture->frames[i].bytes, w->capture->frames[i].len, d);
}

/* The first frame from `i` on that is of this kind, or count. */
static size_t next(const struct world *w, size_t i, enum replay_kind kind)
{
    while (i < w->capture->count && w->steps[i].kind != kind)
        i++;
    return i;
}

/* Of the pure ACKs between the next frame for the machine and the one before it: the last one that
 * the machine has not matched yet, or count. */
static size_t missing_ack(const struct world *w)
{
    struct decoded d;

    for (size_t i = w->peer; i-- > 0 && w->steps[i].kind != REPLAY_PEER;) {
        if (w->steps[i].kind != REPLAY_ACK)
            continue;
        decode_at(w, i, &d);
        if (!numbers_covered(&w->numbers, &d))
            return i;
    }
    return w->capture->count;
}

/* The window that the next frame for the machine needs has not been offered yet. */
static bool missing_offer(const struct world *w)
{
    struct decoded d;

    if (!w->steps[w->peer].offered)
        return false;
    decode_at(w, w->peer, &d);
    return !numbers_offered(&w->numbers, &d);
}

/* Everything that must come before the next frame for the machine has been sent. */
static bool world_recorded_peer_ready(const struct world *w)
{
    return w->peer < w->capture->count && w->own >= w->steps[w->peer].before &&
           missing_ack(w) == w->capture->count && !missing_offer(w);
}

/* What the replay waits for: a frame of the machine, or window for the next frame to it. */
static size_t wanted(const struct world *w)
{
    size_t ack;

    if (w->peer == w->capture->count || w->own < w->steps[w->peer].before)
        return w->own;
    ack = missing_ack(w);
    return ack < w->capture->count ? ack : w->peer;
}

static bool replay_busy(const struct world *w)
{
    return w->own < w->capture->count || w->peer < w->capture->count;
}

static const char *summary(const struct world *w, size_t i, char *buf, size_t size)
{
    struct decoded d;

    decode_at(w, i, &d);
    return decode_summary(&d, buf, size);
}

/* ---- delivery ---- */

static void world_recorded_deliver(struct world *w)
{
    const struct capture_frame *f = &w->capture->frames[w->peer];
    uint8_t bytes[REPLAY_FRAME_MAX];
    struct decoded d;

    memcpy(bytes, f->bytes, f->len);
    decode_frame(bytes, f->len, &d);
    numbers_of_now(&w->numbers, bytes, &d);
    w->peer = next(w, w->peer + 1, REPLAY_PEER);
    w->delivered = true;
    w->port.send(w->port.ctx, bytes, f->len);
}

/* The recorded time from frame `from` to frame `i`; clocks of captures may step back. */
static uint64_t gap_ns(const struct world *w, size_t from, size_t i)
{
    const struct capture_frame *f = w->capture->frames;

    return f[i].time_ns > f[from].time_ns ? f[i].time_ns - f[from].time_ns : 0;
}

static uint64_t world_recorded_later(uint64_t at_ns, uint64_t by_ns)
{
    return by_ns < SIM_NEVER - at_ns ? at_ns + by_ns : SIM_NEVER - 1;
}

/* When the next frame for the machine is due. */
static uint64_t due_ns(const struct world *w)
{
    const struct replay_step *s = &w->steps[w->peer];

    if (s->together && w->delivered) /* with the one before it */
        return w->sim->now_ns;
    return world_recorded_later(w->anchor_ns, gap_ns(w, w->anchor, w->peer));
}

/* Deliver due frames and wait for the next one of either side. */
static void world_recorded_go_on(struct world *w)
{
    uint64_t next_ns = SIM_NEVER, late_ns = SIM_NEVER;

    while (world_recorded_peer_ready(w)) {
        next_ns = due_ns(w);
        if (next_ns > w->sim->now_ns)
            break;
        world_recorded_deliver(w);
        next_ns = SIM_NEVER;
    }
    if (next_ns == SIM_NEVER && replay_busy(w))
        late_ns = world_recorded_later(
            w->sim->now_ns, world_recorded_later(PATIENCE_NS, gap_ns(w, w->anchor, wanted(w))));
    sim_timer_set(&w->timer, next_ns);
    sim_timer_set(&w->patience, late_ns);
}

static void world_recorded_frame_due(void *ctx, uint64_t arg)
{
    (void)arg;
    world_recorded_go_on(ctx);
}

static void __attribute__((format(printf, 2, 3))) fail(struct world *w, const char *format, ...)
{
    char text[400], site[160];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(site, sizeof(site), "%.150s", w->scenario->replay.path);
    sim_fail(w->sim, FAILURE_EXPECT, "replay.frame", site, "%s", text);
}

static void overdue(void *ctx, uint64_t arg)
{
    struct world *w = ctx;
    char was[150];

    (void)arg;
    fail(w, "frame %zu: recorded '%s', %s", wanted(w) + 1, summary(w, wanted(w), was, sizeof(was)),
         wanted(w) == w->peer ? "the machine's window has no room for it"
                              : "no such frame was sent");
}

/* ---- frames of the machine ---- */

/* The window of a segment depends on the number of segments per poll, as pure ACKs do. */
static size_t comparable(const uint8_t *frame, size_t len, const struct decoded *d, uint8_t *out)
{
    len = normal_frame(frame, len, d, out);
    if (!d->error && d->layer == LAYER_TCP && !(d->tcp_flags & SEG_SYN))
        memset(out + ETH_HEADER + d->ip_header_len + WINDOW_AT, 0, 2);
    return len;
}

/* The simulated machine may be quicker than the recorded one: a segment may acknowledge less while
 * a frame recorded before it has not been delivered yet. */
static bool acknowledges_less(const struct world *w, const struct decoded *recorded,
                              const struct decoded *sent)
{
    return recorded->layer == LAYER_TCP && sent->layer == LAYER_TCP && w->peer < w->own &&
           (int32_t)(recorded->tcp_ack - sent->tcp_ack) > 0;
}

/* Compare `frame`, sent by the machine, with the recorded frame w->own. */
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
    is_len = comparable(translated, len, &now, is);
    was_len = comparable(f->bytes, f->len, &recorded, was);
    if (acknowledges_less(w, &recorded, &now) && was_len == is_len) {
        at = ETH_HEADER + now.ip_header_len + ACK_NUMBER_AT;
        memcpy(is + at, was + at, 4);
    }
    at = normal_difference(was, was_len, is, is_len);
    if (at == SIZE_MAX || f->damaged)
        return;
    decode_summary(&recorded, was_line, sizeof(was_line));
    decode_summary(&now, is_line, sizeof(is_line));
    if (at < was_len && at < is_len)
        fail(w, "frame %zu: recorded '%s', sent '%s': byte %zu (%s) was 0x%02x, now 0x%02x",
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
    if (!d.error && decode_matches(&d, "tcp.ack")) {
        world_recorded_go_on(w);
        return;
    }
    if (w->own == w->capture->count && numbers_repeated(&w->numbers, &d))
        return; /* the connection that would acknowledge it has ended */
    if (w->own == w->capture->count) {
        fail(w, "frame %zu: no more frames recorded, sent '%s'", w->capture->count + 1,
             decode_summary(&d, line, sizeof(line)));
        return;
    }
    compare(w, frame, len, &d);
    if (!d.error)
        numbers_sent(&w->numbers, &d);
    w->anchor = w->own;
    w->anchor_ns = w->sim->now_ns;
    w->own = next(w, w->own + 1, REPLAY_OWN);
    world_recorded_go_on(w);
}

/* ---- the life of the world ---- */

static int world_recorded_replay_open(struct sim *sim, const struct scenario *sc,
                                      struct world_port port, struct world **out)
{
    struct world *w = memory_new(1, sizeof(*w));

    w->sim = sim;
    w->scenario = sc;
    w->capture = &sc->replay.capture;
    w->port = port;
    w->anchor_ns = sim->now_ns;
    w->steps = replay_plan(w->capture, sc->device.net.mac);
    w->own = next(w, 0, REPLAY_OWN);
    w->peer = next(w, 0, REPLAY_PEER);
    sim_timer_init(&w->timer, sim, EVENT_TIMER, world_recorded_frame_due, w);
    sim_timer_init(&w->patience, sim, EVENT_TIMER, overdue, w);
    sim_timer_set(&w->timer, sim->now_ns); /* the port must not be used yet */
    *out = w;
    return 0;
}

static const char *replay_describe(const struct world *w)
{
    struct world *own = (struct world *)w;
    size_t first = min_u64(w->own, w->peer);
    char line[200];

    if (first == w->capture->count)
        snprintf(own->description, sizeof(own->description), "replay: all frames are done");
    else
        snprintf(own->description, sizeof(own->description), "replay: next is frame %zu of %zu: %s",
                 first + 1, w->capture->count, summary(w, first, line, sizeof(line)));
    return own->description;
}

static void world_recorded_replay_close(struct world *w)
{
    char line[200];
    size_t first = min_u64(w->own, w->peer);

    if (first < w->capture->count)
        fail(w, "frame %zu: recorded '%s', the run ended before it", first + 1,
             summary(w, first, line, sizeof(line)));
    numbers_free(&w->numbers);
    free(w->steps);
    free(w);
}

const struct world_ops world_replay = {
    .name = "replay",
    .open = world_recorded_replay_open,
    .input = replay_input,
    .busy = replay_busy,
    .close = world_recorded_replay_close,
    .describe = replay_describe,
};
