/* The wire: see wire.h. */
#include "wire.h"
#include "../../core/base/minmax.h"
#include "../base/memory.h"
#include "faults.h"
#include <stdlib.h>
#include <string.h>

/* Propagation of a frame on a perfect wire. */
#define WIRE_DELAY_NS UINT64_C(1000)

enum { BLOCK_FRAMES = 64 };

struct wire_block {
    struct wire_block *next;
    struct wire_frame frames[BLOCK_FRAMES];
};

static const char *const stream_names[2][6] = {
    {"wire.tx.drop", "wire.tx.dup", "wire.tx.reorder", "wire.tx.corrupt", "wire.tx.jitter",
     "wire.tx.bit"},
    {"wire.rx.drop", "wire.rx.dup", "wire.rx.reorder", "wire.rx.corrupt", "wire.rx.jitter",
     "wire.rx.bit"},
};

/* ---- frames ---- */

/* All frames of a block are free. */
static void block_free(struct wire *w, struct wire_block *b)
{
    for (unsigned i = 0; i < BLOCK_FRAMES; i++) {
        b->frames[i].next = w->free;
        w->free = &b->frames[i];
    }
}

static void block_add(struct wire *w)
{
    struct wire_block *b = memory_unset(sizeof(*b));

    b->next = w->blocks;
    w->blocks = b;
    block_free(w, b);
}

/* A frame as it enters the wire. */
static struct wire_frame *frame_take(struct wire *w, enum direction dir, const uint8_t *bytes,
                                     size_t len)
{
    struct wire_frame *f;

    if (!w->free)
        block_add(w);
    f = w->free;
    w->free = f->next;
    w->taken++;
    f->wire = w;
    f->direction = dir;
    f->damaged = false;
    f->len = len;
    memcpy(f->bytes, bytes, len);
    decode_frame(f->bytes, len, &f->decoded);
    return f;
}

static void frame_give(struct wire *w, struct wire_frame *f)
{
    f->next = w->free;
    w->free = f;
    w->taken--;
}

static void arrive(void *ctx, uint64_t arg)
{
    struct wire_frame *f = ctx;
    struct wire *w = f->wire;

    (void)arg;
    w->listener.arrived(w->listener.ctx, f->direction, f->bytes, f->len, &f->decoded, f->mark);
    frame_give(w, f);
}

/* A healed wire is perfect. */
const struct wire_options *wire_options(const struct wire *w, enum direction dir)
{
    static const struct wire_options perfect;

    return w->healed ? &perfect : &w->scenario->wire[dir];
}

/* ---- on the way ---- */

/* The arrival time: transmission time plus delay and jitter; never before the frame sent before it,
 * unless a fault delayed one of them. */
static uint64_t arrival(struct wire *w, enum direction dir, const struct frame_faults *t,
                        size_t len)
{
    const struct wire_options *o = wire_options(w, dir);
    uint64_t at = w->sim->now_ns;

    if (o->bandwidth_bps) {
        at = max_u64(at, w->line_free_ns[dir]);
        at += len * 8 * NS_PER_S / o->bandwidth_bps;
        w->line_free_ns[dir] = at;
    }
    at += WIRE_DELAY_NS + o->delay_ns;
    if (o->jitter_ns)
        at += sim_draw(w->sim, &w->streams[dir].jitter) % (o->jitter_ns + 1);
    if (t->late_ns)
        return at + t->late_ns;
    at = max_u64(at, w->last_arrival_ns[dir]);
    w->last_arrival_ns[dir] = at;
    return at;
}

static void dispatch(struct wire *w, struct wire_frame *f, const struct frame_faults *t,
                     const char *fate)
{
    enum direction dir = f->direction;
    size_t sent = f->len; /* it may be cut short */

    faults_damage(w, dir, t, f);
    if (f->damaged)
        decode_frame(f->bytes, f->len, &f->decoded);
    w->arrival_ns = t->lost ? SIM_NEVER : arrival(w, dir, t, sent);
    f->mark = w->listener.fate(w->listener.ctx, dir, f->bytes, f->len, &f->decoded, fate, t->lost);
    if (t->lost)
        frame_give(w, f);
    else
        sim_at(w->sim, w->arrival_ns, EVENT_FRAME, arrive, f, 0);
}

void wire_send(struct wire *w, enum direction dir, const uint8_t *frame, size_t len)
{
    struct frame_faults t;
    struct wire_frame *f;

    if (len > WIRE_FRAME_MAX)
        len = WIRE_FRAME_MAX;
    w->frames[dir]++;
    f = frame_take(w, dir, frame, len);
    w->listener.sent(w->listener.ctx, dir, f->bytes, len, &f->decoded);
    faults_meet(w, dir, &f->decoded, f->bytes, len, &t);
    dispatch(w, f, &t, t.words[0] ? t.words : NULL);
    if (t.duplicate && !t.lost) {
        t.corrupt = false;
        t.field = 0;
        t.late_ns += WIRE_DELAY_NS;
        dispatch(w, frame_take(w, dir, frame, len), &t, "duplicate");
    }
}

void wire_cut(struct wire *w, unsigned action)
{
    w->cut = action + 1;
}

void wire_heal(struct wire *w)
{
    w->healed = true;
}

void wire_start(struct wire *w, struct sim *sim, const struct scenario *sc,
                const struct wire_listener *listener)
{
    w->sim = sim;
    w->scenario = sc;
    w->listener = *listener;
    w->cut = 0;
    w->healed = false;
    w->faults = 0;
    if (sc->action_count > w->hits_size) {
        free(w->hits);
        free(w->fired);
        w->hits = memory_new(sc->action_count, sizeof(*w->hits));
        w->fired = memory_new(sc->action_count, sizeof(*w->fired));
        w->hits_size = sc->action_count;
    }
    if (sc->action_count) {
        memset(w->hits, 0, sc->action_count * sizeof(*w->hits));
        memset(w->fired, 0, sc->action_count * sizeof(*w->fired));
    }
    memset(w->rates, 0, sizeof(w->rates));
    if (w->taken) { /* frames in flight when the last run ended are free again */
        w->free = NULL;
        w->taken = 0;
        for (struct wire_block *b = w->blocks; b; b = b->next)
            block_free(w, b);
    }
    for (unsigned dir = 0; dir < 2; dir++) {
        struct wire_streams *s = &w->streams[dir];
        struct draw_stream *each[6] = {&s->drop,    &s->duplicate, &s->reorder,
                                       &s->corrupt, &s->jitter,    &s->bit};

        for (unsigned i = 0; i < 6; i++)
            draw_stream_init(each[i], stream_names[dir][i]);
        w->last_arrival_ns[dir] = w->line_free_ns[dir] = w->frames[dir] = 0;
    }
}

void wire_free(struct wire *w)
{
    while (w->blocks) {
        struct wire_block *b = w->blocks;

        w->blocks = b->next;
        free(b);
    }
    free(w->hits);
    free(w->fired);
    *w = (struct wire){0};
}
