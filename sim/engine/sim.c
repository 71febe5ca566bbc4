/*
 * A run: virtual time and the event queue, keyed random draws and the decision tape, the trace
 * hash, the first failure. See sim.h.
 */
#include "sim.h"
#include "../../core/base/minmax.h"
#include "../base/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

void sim_start(struct sim *s, uint64_t seed)
{
    struct sim fresh = {
        .now_ns = SIM_POWER_ON_NS,
        .next_ns = SIM_NEVER,
        .seed = seed,
        .heap = s->heap,
        .heap_size = s->heap_size,
        .tape = s->tape,
        .tape_size = s->tape_size,
        .hash = seed,
    };
    *s = fresh;
}

void sim_free(struct sim *s)
{
    free(s->heap);
    free(s->tape);
    *s = (struct sim){0};
}

/* ---- events ---- */

static void timer_fire(void *ctx, uint64_t arg)
{
    struct sim_timer *t = ctx;

    (void)arg;
    t->at_ns = SIM_NEVER;
    t->fn(t->ctx, 0);
}

static bool earlier(const struct event *a, const struct event *b)
{
    /* Branch-free: the processor cannot predict which event is earlier. */
    return (a->time_ns < b->time_ns) | ((a->time_ns == b->time_ns) & (a->order < b->order));
}

/* Set the slot of a timer's event. Inline, here and below, so that events stay in registers. */
static inline void heap_put(struct sim *s, size_t i, struct event e)
{
    s->heap[i] = e;
    if (e.fn == timer_fire)
        ((struct sim_timer *)e.ctx)->slot = i;
}

/* Move an event up from the empty slot `i`. */
static inline void heap_rise(struct sim *s, size_t i, struct event e)
{
    for (; i > 0 && earlier(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap_put(s, i, s->heap[(i - 1) / 2]);
    heap_put(s, i, e);
}

/* Move an event down from the empty slot `i`. */
static inline void heap_sink(struct sim *s, size_t i, struct event e)
{
    size_t n = s->heap_count, child;

    for (; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && earlier(&s->heap[child + 1], &s->heap[child]);
        if (!earlier(&s->heap[child], &e))
            break;
        heap_put(s, i, s->heap[child]);
    }
    heap_put(s, i, e);
}

static inline void heap_place(struct sim *s, size_t i, struct event e)
{
    if (i > 0 && earlier(&e, &s->heap[(i - 1) / 2]))
        heap_rise(s, i, e);
    else
        heap_sink(s, i, e);
}

/* The first slot is empty while its event runs; the other events are below two roots. */
static inline void heap_next(struct sim *s)
{
    uint64_t next = SIM_NEVER;

    if (!s->hollow && s->heap_count)
        next = s->heap[0].time_ns;
    for (size_t i = 1; s->hollow && i < min_u64(s->heap_count, 3); i++)
        next = min_u64(s->heap[i].time_ns, next);
    s->next_ns = next;
}

/* Remove the event in slot `i`: the last one fills the gap. */
static void heap_remove(struct sim *s, size_t i)
{
    struct event last = s->heap[--s->heap_count];

    if (i < s->heap_count)
        heap_place(s, i, last);
}

static void hollow_fill(struct sim *s)
{
    s->hollow = false;
    heap_remove(s, 0);
    heap_next(s);
}

static inline uint64_t event_order(struct sim *s, enum event_class class)
{
    return (uint64_t) class << 56 | ++s->heap_inserted;
}

static __attribute__((noinline)) void heap_add(struct sim *s, uint64_t time_ns, uint64_t order,
                                               event_fn *fn, void *ctx, uint64_t arg)
{
    struct event e = {time_ns, order, fn, ctx, arg};

    if (s->hollow) {
        s->hollow = false;
        heap_sink(s, 0, e);
    } else {
        if (s->heap_count == s->heap_size)
            s->heap = memory_grow(s->heap, s->heap_count + 1, &s->heap_size, sizeof(*s->heap));
        heap_rise(s, s->heap_count++, e);
    }
    s->next_ns = s->heap[0].time_ns;
}

void sim_at(struct sim *s, uint64_t time_ns, enum event_class class, event_fn *fn, void *ctx,
            uint64_t arg)
{
    uint64_t order = event_order(s, class);

    time_ns = max_u64(time_ns, s->now_ns);
    if (!s->hollow || time_ns >= s->next_ns) {
        heap_add(s, time_ns, order, fn, ctx, arg);
        return;
    }
    /* Most events set the one that is next: it takes their place. */
    s->hollow = false;
    s->next_ns = time_ns;
    heap_put(s, 0, (struct event){time_ns, order, fn, ctx, arg});
}

bool sim_step(struct sim *s)
{
    struct event e;

    if (s->hollow)
        hollow_fill(s);
    if (!s->heap_count)
        return false;
    e = s->heap[0];
    s->heap[0] = (struct event){0}; /* no other is earlier */
    s->hollow = true;
    heap_next(s);
    if (e.time_ns > s->now_ns)
        s->now_ns = e.time_ns;
    s->events++;
    e.fn(e.ctx, e.arg);
    if (s->hollow)
        hollow_fill(s);
    return true;
}

void sim_timer_init(struct sim_timer *t, struct sim *s, enum event_class class, event_fn *fn,
                    void *ctx)
{
    *t = (struct sim_timer){.sim = s, .fn = fn, .ctx = ctx, .class = class, .at_ns = SIM_NEVER};
}

void sim_timer_set(struct sim_timer *t, uint64_t at_ns)
{
    struct sim *s = t->sim;
    struct event e;

    if (at_ns == t->at_ns)
        return;
    if (t->at_ns == SIM_NEVER) {
        t->at_ns = at_ns;
        sim_at(s, at_ns, t->class, timer_fire, t, 0);
        return;
    }
    t->at_ns = at_ns;
    if (at_ns == SIM_NEVER) {
        heap_remove(s, t->slot);
    } else {
        e = s->heap[t->slot];
        e.time_ns = max_u64(at_ns, s->now_ns);
        e.order = event_order(s, t->class);
        heap_place(s, t->slot, e);
    }
    heap_next(s);
}

/* ---- draws ---- */

uint64_t draw_stream_id(const char *name)
{
    return XXH3_64bits(name, strlen(name));
}

uint64_t sim_draw(struct sim *s, struct draw_stream *d)
{
    uint64_t key;

    if (!d->id)
        d->id = draw_stream_id(d->name);
    key = sim_mix(s->seed + UINT64_C(0x9e3779b97f4a7c15)) ^ d->id;

    return sim_mix(key + ++d->ordinal * UINT64_C(0x9e3779b97f4a7c15));
}

static void tape_add(struct sim *s, const struct draw_stream *d, uint64_t value)
{
    s->tape = memory_grow(s->tape, s->tape_count + 1, &s->tape_size, sizeof(*s->tape));
    s->tape[s->tape_count++] = (struct decision){d->name, d->ordinal, value, s->now_ns};
}

bool sim_chance_drawn(struct sim *s, struct draw_stream *d, uint32_t per_65536)
{
    if ((sim_draw(s, d) & 0xffff) >= per_65536)
        return false;
    tape_add(s, d, 1);
    return true;
}

uint64_t sim_pick(struct sim *s, struct draw_stream *d, uint64_t bound)
{
    if (!bound)
        return 0;

    uint64_t x = sim_draw(s, d);
    uint64_t value = bound == UINT64_MAX ? x : x % (bound + 1);

    if (value)
        tape_add(s, d, value);
    return value;
}

/* ---- hash, failure ---- */

void sim_hash_watched(struct sim *s, const char *kind, const void *bytes, size_t len)
{
    s->hash_watch(s->hash_watch_ctx, s, kind, bytes, len);
}

void sim_hash_item(struct sim *s, const char *kind, uint64_t word, const void *bytes, size_t len)
{
    if (s->hash_watch)
        sim_hash_watched(s, kind, bytes, len);
    sim_hash_add(s, XXH3_64bits_withSeed(bytes, len, sim_mix(s->now_ns ^ word)));
}

const char *failure_kind_word(enum failure_kind kind)
{
    static const char *const words[] = {"none",  "safety",   "liveness",   "expect", "resource",
                                        "crash", "livelock", "divergence", "harness"};

    return words[kind];
}

void failure_name(char buf[FAILURE_NAME_MAX + 1], const struct failure *f)
{
    const char *kind = failure_kind_word(f->kind);
    bool same = strcmp(kind, f->oracle) == 0;

    snprintf(buf, FAILURE_NAME_MAX + 1, "%s%s%s", kind, same ? "" : " ", same ? "" : f->oracle);
}

void failure_words(char buf[FAILURE_WORDS_MAX + 1], const struct failure *f)
{
    char name[FAILURE_NAME_MAX + 1];

    failure_name(name, f);
    snprintf(buf, FAILURE_WORDS_MAX + 1, "%s%s", f->kind == FAILURE_NONE ? "pass" : "fail ",
             f->kind == FAILURE_NONE ? "" : name);
}

/* gdb stops here when a run fails (cmd/worker/under_gdb.c). */
void sim_failure_found(void);
__attribute__((noinline)) void sim_failure_found(void)
{
    __asm__ volatile("");
}

void sim_fail(struct sim *s, enum failure_kind kind, const char *oracle, const char *site,
              const char *format, ...)
{
    enum oracle_id id = oracle_find(oracle);

    if (sim_failed(s) || (id != ORACLE_COUNT && oracle_set_has(&s->off, id)))
        return;

    struct failure *f = &s->failure;
    va_list args;
    int n = 0;

    f->kind = id == ORACLE_COUNT ? FAILURE_HARNESS : kind;
    snprintf(f->oracle, sizeof(f->oracle), "%s", oracle);
    snprintf(f->site, sizeof(f->site), "%s", site);
    if (f->kind != kind)
        n = snprintf(f->message, sizeof(f->message),
                     "internal error: sim/engine/oracle_table.h has no oracle of this name; it "
                     "reports: ");
    va_start(args, format);
    vsnprintf(f->message + n, sizeof(f->message) - (size_t)n, format, args);
    va_end(args);
    f->time_ns = s->now_ns;
    f->event = s->events;
    sim_failure_found();
}
