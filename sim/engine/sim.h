/*
 * One simulated run: virtual time, the event queue, keyed randomness with its decision tape, the
 * trace hash and the first failure. All state of a run is reached from one struct sim; nothing here
 * reads a host clock, a host random source or an address.
 *
 * Time is virtual nanoseconds and starts at SIM_POWER_ON_NS, never at 0. Events are ordered by
 * (time, class, insertion), so ties never depend on addresses.
 */
#ifndef DRYWIRE_SIM_H
#define DRYWIRE_SIM_H

#include "../../core/base/minmax.h"
#include "oracle_table.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NS_PER_US       UINT64_C(1000)
#define NS_PER_MS       UINT64_C(1000000)
#define NS_PER_S        UINT64_C(1000000000)
#define SIM_POWER_ON_NS NS_PER_S
#define SIM_NEVER       UINT64_MAX

/* ---- events ---- */

/* The order of events at the same time. */
enum event_class { EVENT_DEVICE, EVENT_FRAME, EVENT_TIMER, EVENT_MACHINE, EVENT_FAULT };

typedef void event_fn(void *ctx, uint64_t arg);

struct event {
    uint64_t time_ns;
    uint64_t order; /* class in the top byte, then the insertion number */
    event_fn *fn;
    void *ctx;
    uint64_t arg;
};

/* A timer that can be moved. Its owner embeds it, does not move it in memory, and turns it off
 * before freeing it, unless the run has ended; fn may set it again. */
struct sim_timer {
    struct sim *sim;
    event_fn *fn; /* called with (ctx, 0) */
    void *ctx;
    enum event_class class;
    uint64_t at_ns; /* SIM_NEVER: off */
    size_t slot;    /* while it is on: of its event in the heap */
};

/* ---- randomness ---- */

/*
 * A named stream of draws. A draw is a pure function of (seed, name, ordinal), so adding a draw in
 * one stream never shifts another. Streams are embedded in their owner.
 */
struct draw_stream {
    const char *name; /* "wire.rx.drop"; a literal */
    uint64_t id;      /* hash of the name; 0: not known yet */
    uint64_t ordinal; /* of the next draw */
};

/* A draw that changed behaviour: `explain` prints it and a shrinker removes it. */
struct decision {
    const char *stream;
    uint64_t ordinal;
    uint64_t value;
    uint64_t time_ns;
};

/* ---- failures ---- */

enum failure_kind {
    FAILURE_NONE,
    FAILURE_SAFETY,     /* an oracle was violated */
    FAILURE_LIVENESS,   /* something never finished */
    FAILURE_EXPECT,     /* an expectation of the scenario was not met, or a `never` line matched */
    FAILURE_RESOURCE,   /* a leak at the end of the run */
    FAILURE_CRASH,      /* assertion or signal */
    FAILURE_LIVELOCK,   /* a step budget was used up: exit 124 */
    FAILURE_DIVERGENCE, /* a second run differed: exit 3 */
    FAILURE_HARNESS,    /* internal error: exit 4 */
};

struct failure {
    enum failure_kind kind;
    char oracle[48]; /* "ring.ownership", "expect" */
    char site[160];  /* "core/net/tcp_input.c:12" or "lease.scn:7" */
    char message[400];
    uint64_t time_ns;
    uint64_t event; /* number of the event that was running */
};

const char *failure_kind_word(enum failure_kind kind);

enum { FAILURE_NAME_MAX = 59, FAILURE_WORDS_MAX = 64 };

/* Kind and oracle, only once when both are the same word. */
void failure_name(char buf[FAILURE_NAME_MAX + 1], const struct failure *f);

/* `pass`, or `fail` and the name. */
void failure_words(char buf[FAILURE_WORDS_MAX + 1], const struct failure *f);

/* ---- the run ---- */

struct sim {
    uint64_t now_ns;
    uint64_t seed;

    struct event *heap; /* binary heap by (time_ns, order) */
    size_t heap_count, heap_size;
    uint64_t next_ns; /* time of the first one, SIM_NEVER when there is none */
    uint64_t heap_inserted;
    bool hollow;     /* the first slot is empty: its event is running */
    uint64_t events; /* dispatched so far */

    struct decision *tape;
    size_t tape_count, tape_size;

    uint64_t hash;
    uint64_t hashed; /* items in the hash */
    /* If set, called with each hashed item: to compare two runs item by item. */
    void (*hash_watch)(void *ctx, const struct sim *s, const char *kind, const void *bytes,
                       size_t len);
    void *hash_watch_ctx;

    struct failure failure;
    struct oracle_set looked; /* something they check occurred in this run */
    struct oracle_set off;    /* their violations are not failures of this run */
};

/* Prepare a struct sim for a run with `seed`. Memory of an earlier run is reused for speed. */
void sim_start(struct sim *s, uint64_t seed);
void sim_free(struct sim *s);

/* Call fn(ctx, arg) at time_ns (or now, if that has passed). */
void sim_at(struct sim *s, uint64_t time_ns, enum event_class class, event_fn *fn, void *ctx,
            uint64_t arg);

void sim_timer_init(struct sim_timer *t, struct sim *s, enum event_class class, event_fn *fn,
                    void *ctx);
void sim_timer_set(struct sim_timer *t, uint64_t at_ns); /* SIM_NEVER turns it off */

/* Take the next event from the queue, advance time to it and run it. False when there is none. */
bool sim_step(struct sim *s);

/* ---- draws ---- */

/* The finaliser of SplitMix64: a bijection whose output bits depend on all input bits. */
static inline uint64_t sim_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* The hash of a name. */
uint64_t draw_stream_id(const char *name);

/* `name` is used at the first draw: most streams of a run have none. */
static inline void draw_stream_init(struct draw_stream *d, const char *name)
{
    *d = (struct draw_stream){.name = name};
}

/* The next 64 bits of a stream; not recorded. */
uint64_t sim_draw(struct sim *s, struct draw_stream *d);

/* True with probability per_65536 / 65536; true is recorded on the tape. Most rates are 0, for
 * which nothing is drawn. */
bool sim_chance_drawn(struct sim *s, struct draw_stream *d, uint32_t per_65536);
static inline bool sim_chance(struct sim *s, struct draw_stream *d, uint32_t per_65536)
{
    return per_65536 && sim_chance_drawn(s, d, per_65536);
}

/* A number in [0, bound]; recorded when it is not 0. */
uint64_t sim_pick(struct sim *s, struct draw_stream *d, uint64_t bound);

/* ---- hash, failure ---- */

/* The parts of the functions below that are common to all kinds; `word` is a mix of its letters. */
void sim_hash_item(struct sim *s, const char *kind, uint64_t word, const void *bytes, size_t len);
void sim_hash_watched(struct sim *s, const char *kind, const void *bytes, size_t len);

/* An odd factor: nothing of the items before is lost, and each place in the order has another one.
 * What is added comes from one item alone: no item's hash waits for that of the one before. */
static inline void sim_hash_add(struct sim *s, uint64_t item)
{
    s->hashed++;
    s->hash = s->hash * UINT64_C(0x9e3779b97f4a7c15) + item;
}

/* Letter by letter, since a compiler then knows the result for a literal. */
static inline uint64_t sim_hash_kind(const char *kind)
{
    uint64_t word = 0;

    for (unsigned shift = 0; *kind && shift < 64; shift += 8)
        word |= (uint64_t)(uint8_t)*kind++ << shift;
    return sim_mix(word);
}

/* Add (now, kind, bytes) to the trace hash. `kind` is a literal: its first eight letters count.
 * Inline, so that they are a constant for the compiler. */
static inline void sim_hash(struct sim *s, const char *kind, const void *bytes, size_t len)
{
    sim_hash_item(s, kind, sim_hash_kind(kind), bytes, len);
}

/* The same for two words, which most items are. */
static inline void sim_hash_words(struct sim *s, const char *kind, uint64_t a, uint64_t b)
{
    if (s->hash_watch)
        sim_hash_watched(s, kind, (uint64_t[]){a, b}, 2 * sizeof(a));
    sim_hash_add(s, sim_mix(sim_mix(sim_mix(s->now_ns ^ sim_hash_kind(kind)) + a) + b));
}

/* Record a failure; only the first one of a run counts. `oracle` and `site` are copied. `oracle` is
 * a name of the table, anything else is an internal error; for FAILURE_HARNESS it is any word. A
 * violation of an oracle that is off is ignored. */
void sim_fail(struct sim *s, enum failure_kind kind, const char *oracle, const char *site,
              const char *format, ...) __attribute__((cold, format(printf, 5, 6)));

#define SIM_STRING2(x) #x
#define SIM_STRING(x)  SIM_STRING2(x)
#define SIM_SITE       __FILE__ ":" SIM_STRING(__LINE__)

static inline bool sim_failed(const struct sim *s)
{
    return s->failure.kind != FAILURE_NONE;
}

#endif
