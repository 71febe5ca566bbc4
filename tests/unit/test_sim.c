/* The event queue beside a list that is searched from end to end: sim/engine/sim.h. */
#include "../../sim/engine/sim.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { TIMERS = 12, WAITING_MAX = 400, STEPS = 20000 };

/* What must come, and when. */
struct waiting {
    uint64_t time_ns, order;
    unsigned who; /* below TIMERS: a timer, else an event of its own */
};

struct model {
    struct sim sim;
    struct sim_timer timers[TIMERS];
    struct self {
        struct model *model;
        unsigned who;
    } selves[TIMERS];
    struct waiting waiting[WAITING_MAX];
    size_t count;
    uint64_t inserted, random;
    unsigned ran, next;
};

static uint64_t below(struct model *m, uint64_t bound)
{
    m->random = m->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (m->random >> 33) % bound;
}

static void forget(struct model *m, unsigned who)
{
    for (size_t i = 0; i < m->count; i++)
        if (m->waiting[i].who == who)
            m->waiting[i] = m->waiting[--m->count];
}

static void wait_for(struct model *m, unsigned who, uint64_t time_ns, enum event_class class)
{
    m->waiting[m->count++] = (struct waiting){time_ns > m->sim.now_ns ? time_ns : m->sim.now_ns,
                                              (uint64_t) class << 56 | ++m->inserted, who};
}

static void event_ran(void *ctx, uint64_t arg)
{
    ((struct model *)ctx)->ran = (unsigned)arg;
}

static void timer_ran(void *ctx, uint64_t arg)
{
    struct self *self = ctx;

    assert_int_equal(arg, 0);
    assert_int_equal(self->model->timers[self->who].at_ns, SIM_NEVER);
    self->model->ran = self->who;
}

static void change(struct model *m)
{
    uint64_t at_ns = m->sim.now_ns + below(m, 50) - 5;
    unsigned who = (unsigned)below(m, TIMERS);

    if (below(m, 4) == 0 && m->count < WAITING_MAX - TIMERS) {
        wait_for(m, m->next, at_ns, EVENT_FRAME);
        sim_at(&m->sim, at_ns, EVENT_FRAME, event_ran, m, m->next++);
        return;
    }
    if (m->timers[who].at_ns == at_ns)
        return; /* keeps its place */
    forget(m, who);
    if (below(m, 5) == 0)
        at_ns = SIM_NEVER;
    else
        wait_for(m, who, at_ns, m->timers[who].class);
    sim_timer_set(&m->timers[who], at_ns);
}

static void step(struct model *m)
{
    size_t first = 0;
    uint64_t time_ns;

    assert_int_equal(m->sim.heap_count, m->count); /* nothing stale is left */
    assert_int_equal(sim_step(&m->sim), m->count > 0);
    if (!m->count)
        return;
    for (size_t i = 1; i < m->count; i++)
        if (m->waiting[i].time_ns < m->waiting[first].time_ns ||
            (m->waiting[i].time_ns == m->waiting[first].time_ns &&
             m->waiting[i].order < m->waiting[first].order))
            first = i;
    time_ns = m->waiting[first].time_ns;
    assert_int_equal(m->ran, m->waiting[first].who);
    assert_int_equal(m->sim.now_ns, time_ns);
    m->waiting[first] = m->waiting[--m->count];
}

static void events_and_timers_come_in_order(void **state)
{
    static struct model m;

    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct sim kept = m.sim; /* its memory serves the next run as well */

        m = (struct model){.sim = kept, .random = seed, .next = TIMERS};
        sim_start(&m.sim, seed);
        for (unsigned i = 0; i < TIMERS; i++) {
            m.selves[i] = (struct self){&m, i};
            sim_timer_init(&m.timers[i], &m.sim, i % 5, timer_ran, &m.selves[i]);
        }
        for (unsigned i = 0; i < STEPS; i++)
            if (below(&m, 8) < 5)
                change(&m);
            else
                step(&m);
        while (m.count)
            step(&m);
        step(&m);
    }
    sim_free(&m.sim);
}

/* Whoever accuses in a name that the table does not have has made a mistake of our own. */
static void a_violation_is_a_row_of_the_table(void **state)
{
    struct sim sim = {0};

    (void)state;
    sim_start(&sim, 1);
    sim_fail(&sim, FAILURE_SAFETY, "ring.leak", "here:1", "a leak");
    assert_int_equal(sim.failure.kind, FAILURE_SAFETY);
    sim_start(&sim, 1);
    sim_fail(&sim, FAILURE_SAFETY, "ring.nonsense", "here:1", "a leak");
    assert_int_equal(sim.failure.kind, FAILURE_HARNESS);
    assert_non_null(strstr(sim.failure.message, "oracle_table.h"));
    sim_start(&sim, 1);
    oracle_set_add(&sim.off, TCP_WINDOW);
    sim_fail(&sim, FAILURE_SAFETY, "tcp.window", "here:1", "too far");
    assert_false(sim_failed(&sim));
    sim_free(&sim);
}

/* ---- the hash ---- */

enum { ITEMS = 24 };

struct item {
    uint64_t time_ns;
    uint8_t bytes[300];
    size_t len; /* 0: the first two words of bytes */
    bool other_kind;
};

static uint64_t hash_of(const struct item items[], unsigned count)
{
    struct sim sim = {0};
    uint64_t hash;

    sim_start(&sim, 1);
    for (unsigned i = 0; i < count; i++) {
        const struct item *it = &items[i];
        uint64_t words[2];

        sim.now_ns = it->time_ns;
        memcpy(words, it->bytes, sizeof(words));
        if (it->len && it->other_kind)
            sim_hash(&sim, "other", it->bytes, it->len);
        else if (it->len)
            sim_hash(&sim, "kind", it->bytes, it->len);
        else if (it->other_kind)
            sim_hash_words(&sim, "other", words[0], words[1]);
        else
            sim_hash_words(&sim, "kind", words[0], words[1]);
    }
    assert_int_equal(sim.hashed, count);
    hash = sim.hash;
    sim_free(&sim);
    return hash;
}

/* What differs by one bit, in kind, time or place, or is missing, has another hash. Items alternate
 * between two words and bytes; in the second pass they are as alike as they can be. */
static void the_hash_depends_on_every_bit_and_its_place(void **state)
{
    static const size_t lengths[] = {1, 7, 8, 9, 16, 17, 40, 128, 129, 240, 241, 300};
    struct item items[ITEMS] = {0}, changed[ITEMS];
    uint64_t hash;

    (void)state;
    for (unsigned alike = 0; alike < 2; alike++) {
        for (unsigned i = 0; i < ITEMS; i++) {
            items[i].len = i & 1 ? lengths[i / 2] : 0;
            items[i].time_ns = alike ? 7 : 1000 * i;
            for (size_t k = 0; k < sizeof(items[i].bytes); k++)
                items[i].bytes[k] = alike ? 0 : (uint8_t)(i * 37 + k * 11);
        }
        hash = hash_of(items, ITEMS);
        assert_int_equal(hash, hash_of(items, ITEMS));
        for (unsigned i = 0; i < ITEMS; i++) {
            size_t bits = 8 * (items[i].len ? items[i].len : 16);

            memcpy(changed, items, sizeof(items));
            for (size_t b = 0; b < bits; b++) {
                changed[i].bytes[b / 8] ^= (uint8_t)(1 << b % 8);
                assert_int_not_equal(hash, hash_of(changed, ITEMS));
                changed[i].bytes[b / 8] ^= (uint8_t)(1 << b % 8);
            }
            for (unsigned b = 0; b < 64; b++) {
                changed[i].time_ns ^= UINT64_C(1) << b;
                assert_int_not_equal(hash, hash_of(changed, ITEMS));
                changed[i].time_ns ^= UINT64_C(1) << b;
            }
            changed[i].other_kind = true;
            assert_int_not_equal(hash, hash_of(changed, ITEMS));
            for (unsigned k = i + 1; k < ITEMS; k++) {
                memcpy(changed, items, sizeof(items));
                changed[i] = items[k];
                changed[k] = items[i];
                if (!alike || items[i].len != items[k].len)
                    assert_int_not_equal(hash, hash_of(changed, ITEMS));
            }
            memcpy(changed, items, sizeof(items));
            memmove(&changed[i], &changed[i + 1], (ITEMS - 1 - i) * sizeof(changed[0]));
            assert_int_not_equal(hash, hash_of(changed, ITEMS - 1));
        }
    }
}

/* The two words of an item are not each other's, whatever they and its time are. */
static void two_words_and_a_time_have_their_places(void **state)
{
    uint64_t hashes[6 * 6 * 6];
    unsigned count = 0;

    (void)state;
    for (uint64_t time = 0; time < 6; time++)
        for (uint64_t a = 0; a < 6; a++)
            for (uint64_t b = 0; b < 6; b++) {
                struct item it = {.time_ns = time};

                memcpy(it.bytes, (uint64_t[]){a, b}, 2 * sizeof(a));
                hashes[count++] = hash_of(&it, 1);
            }
    for (unsigned i = 0; i < count; i++)
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(hashes[i], hashes[k]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_and_timers_come_in_order),
        cmocka_unit_test(a_violation_is_a_row_of_the_table),
        cmocka_unit_test(the_hash_depends_on_every_bit_and_its_place),
        cmocka_unit_test(two_words_and_a_time_have_their_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
