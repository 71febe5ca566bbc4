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

/* Sift an event up from the empty slot `i`. */
static inline void heap_rise(struct sim *s, size_t i, struct event e)
{
    for (; i > 0 && earlier(&e, &s->heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap_put(s, i, s->heap[(i - 1) / 2]);
    heap_put(s, i, e);
}

/* Remove the event in slot `i`: the last one fills the gap. */
static struct event heap_take(struct sim *s, size_t i)
{
    struct event taken = s->heap[i], last = s->heap[--s->heap_count];
    size_t n = s->heap_count, child;

    if (i == n)
        return taken;
    for (; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && earlier(&s->heap[child + 1], &s->heap[child]);
        if (!earlier(&s->heap[child], &last))
            break;
        heap_put(s, i, s->heap[child]);
    }
    heap_rise(s, i, last);
    return taken;
}

void sim_at(struct sim *s, uint64_t time_ns, enum event_class class, event_fn *fn, void *ctx,
            uint64_t arg)
{
    if (s->heap_count == s->heap_size)
        s->heap = memory_grow(s->heap, s->heap_count + 1, &s->heap_size, sizeof(*s->heap));
    heap_rise(s, s->heap_count++,
              (struct event){
                  .time_ns = max_u64(time_ns, s->now_ns),
                  .order = (uint64_t) class << 56 | ++s->heap_inserted,
                  .fn = fn,
                  .ctx = ctx,
                  .arg = arg,
              });
}

bool sim_step(struct sim *s)
{
    if (!s->heap_count)
        return false;

    struct event e = heap_take(s, 0);

    if (e.time_ns > s->now_ns)
        s->now_ns = e.time_ns;
    s->events++;
    e.fn(e.ctx, e.arg);
    return true;
}

void sim_timer_init(struct sim_timer *t, struct sim *s, enum event_class class, event_fn *fn,
                    void *ctx)
{
    *t = (struct sim_timer){.sim = s, .fn = fn, .ctx = ctx, .class = class, .at_ns = SIM_NEVER};
}

void sim_timer_set(struct sim_timer *t, uint64_t at_ns)
{
    if (at_ns == t->at_ns)
        return;
    if (t->at_ns != SIM_NEVER)
        heap_take(t->sim, t->slot);
    t->at_ns = at_ns;
    if (at_ns != SIM_NEVER)
        sim_at(t->sim, at_ns, t->class, timer_fire, t, 0);
}

/* ---- draws ---- */

void draw_stream_init(struct draw_stream *d, const char *name)
{
    d->name = name;
    d->id = XXH3_64bits(name, strlen(name));
    d->ordinal = 0;
}

uint64_t sim_draw(struct sim *s, struct draw_stream *d)
{
    uint64_t key = sim_mix(s->seed + UINT64_C(0x9e3779b97f4a7c15)) ^ d->id;

    return sim_mix(key + ++d->ordinal * UINT64_C(0x9e3779b97f4a7c15));
}

static void tape_add(struct sim *s, const struct draw_stream *d, uint64_t value)
{
    s->tape = memory_grow(s->tape, s->tape_count + 1, &s->tape_size, sizeof(*s->tape));
    s->tape[s->tape_count++] = (struct decision){d->name, d->ordinal, value, s->now_ns};
}

bool sim_chance(struct sim *s, struct draw_stream *d, uint32_t per_65536)
{
    if (!per_65536)
        return false;
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

/* Most items are short. Long or watched items have a function of their own, so that the short path
 * saves no registers. */
static __attribute__((noinline)) uint64_t hash_long(const void *bytes, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, len, seed);
}

static inline void hash_take(struct sim *s, uint64_t word, const void *bytes, size_t len)
{
    uint64_t seed = sim_mix(s->hash ^ sim_mix(s->now_ns ^ word));

    s->hashed++;
    s->hash = len <= 16 ? XXH3_64bits_withSeed(bytes, len, seed) : hash_long(bytes, len, seed);
}

static __attribute__((noinline)) void hash_watched(struct sim *s, const char *kind, uint64_t word,
                                                   const void *bytes, size_t len)
{
    s->hash_watch(s->hash_watch_ctx, s, kind, bytes, len);
    hash_take(s, word, bytes, len);
}

void sim_hash_item(struct sim *s, const char *kind, uint64_t word, const void *bytes, size_t len)
{
    if (s->hash_watch)
        hash_watched(s, kind, word, bytes, len);
    else
        hash_take(s, word, bytes, len);
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
