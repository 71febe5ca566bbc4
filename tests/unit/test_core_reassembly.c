/*
 * Out-of-order data as ranges, against a naive model: a map with a bit for each sequence number,
 * from which the ranges are read off. Numbers start where they wrap and where their sign changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../core/base/minmax.h"
#include "../../core/base/rng.h"
#include "../../core/net/tcp_reassembly.h"

enum { SPAN = 300 };

static const uint32_t bases[] = {0, 1000, 0xffffff80, 0x7fffff80, 0x80000000};

struct model {
    uint32_t base, next; /* next: an offset, all before it was received */
    bool have[SPAN + 1]; /* have[SPAN] stays false */
};

/* The ranges of the model after `next`. */
static struct tcp_reassembly model_ranges(struct model *m)
{
    struct tcp_reassembly out = {0};

    for (uint32_t i = m->next; i < SPAN; i++) {
        uint32_t start = i;

        while (m->have[i])
            i++;
        if (start == i)
            continue;
        out.range[out.count++] = (struct tcp_range){m->base + start, m->base + i};
    }
    return out;
}

static void expect_ranges(const struct tcp_reassembly *r, const struct tcp_reassembly *expected)
{
    assert_int_equal(r->count, expected->count);
    for (unsigned i = 0; i < r->count; i++) {
        assert_int_equal(r->range[i].start, expected->range[i].start);
        assert_int_equal(r->range[i].end, expected->range[i].end);
    }
}

/* Each part of [start, end) that is missing, by the model and by the function. */
static void expect_missing(const struct tcp_reassembly *r, const struct model *m, uint32_t start,
                           uint32_t end)
{
    uint32_t at = m->base + start, stop, i = start;

    for (;;) {
        uint32_t from;

        while (i < end && m->have[i])
            i++;
        if (i == end)
            break;
        from = i;
        while (i < end && !m->have[i])
            i++;
        assert_true(tcp_reassembly_missing(r, &at, m->base + end, &stop));
        assert_int_equal(at, m->base + from);
        assert_int_equal(stop, m->base + i);
        at = stop;
    }
    assert_false(tcp_reassembly_missing(r, &at, m->base + end, &stop));
}

static void add(struct tcp_reassembly *r, struct model *m, uint32_t start, uint32_t end)
{
    struct tcp_reassembly expected;

    memset(&m->have[start], true, end - start);
    expected = model_ranges(m);
    tcp_reassembly_add(r, m->base + start, m->base + end);
    expect_ranges(r, &expected);
}

/* In-order data up to `to` came. */
static void advance(struct tcp_reassembly *r, struct model *m, uint32_t to)
{
    struct tcp_reassembly expected;

    for (m->next = to; m->have[m->next]; m->next++)
        ;
    expected = model_ranges(m);
    assert_int_equal(tcp_reassembly_advance(r, m->base + to), m->base + m->next);
    expect_ranges(r, &expected);
}

static void ranges_that_touch_or_overlap_become_one(void **state)
{
    static const struct {
        uint32_t start, end;
        struct tcp_reassembly expected;
    } rows[] = {
        {20, 30, {.range = {{20, 30}}, .count = 1}},
        {40, 50, {.range = {{20, 30}, {40, 50}}, .count = 2}},
        {10, 15, {.range = {{10, 15}, {20, 30}, {40, 50}}, .count = 3}}, /* before all */
        {32, 35, {.range = {{10, 15}, {20, 30}, {32, 35}, {40, 50}}, .count = 4}},
        {22, 28, {.range = {{10, 15}, {20, 30}, {32, 35}, {40, 50}}, .count = 4}}, /* nothing new */
        {20, 30, {.range = {{10, 15}, {20, 30}, {32, 35}, {40, 50}}, .count = 4}},
        {30,
         31,
         {.range = {{10, 15}, {20, 31}, {32, 35}, {40, 50}},
          .count = 4}}, /* touches from the right */
        {31, 32, {.range = {{10, 15}, {20, 35}, {40, 50}}, .count = 3}}, /* fills a gap */
        {39, 40, {.range = {{10, 15}, {20, 35}, {39, 50}}, .count = 3}}, /* touches from the left */
        {14, 41, {.range = {{10, 50}}, .count = 1}},                     /* over several */
        {5, 60, {.range = {{5, 60}}, .count = 1}},                       /* around all */
    };
    struct tcp_reassembly r = {0};

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        tcp_reassembly_add(&r, rows[i].start, rows[i].end);
        expect_ranges(&r, &rows[i].expected);
    }
}

static void as_many_as_fit_are_kept(void **state)
{
    struct tcp_reassembly r = {0};
    struct model m = {.base = 0xffffffc0};

    (void)state;
    for (uint32_t i = 0; i < TCP_OOO_MAX; i++)
        add(&r, &m, 20 + 2 * i, 21 + 2 * i);
    assert_int_equal(r.count, TCP_OOO_MAX);
    advance(&r, &m, 20); /* there is room for one again */
    assert_int_equal(r.count, TCP_OOO_MAX - 1);
    add(&r, &m, 290, 295);
    assert_int_equal(r.count, TCP_OOO_MAX);
}

static void the_one_added_to_last_comes_first(void **state)
{
    struct tcp_reassembly r = {.clock = UINT32_MAX - 2}; /* it wraps */
    struct tcp_range out[4];

    (void)state;
    assert_int_equal(tcp_reassembly_recent(&r, out, 4), 0);
    tcp_reassembly_add(&r, 10, 20);
    tcp_reassembly_add(&r, 30, 40);
    tcp_reassembly_add(&r, 50, 60);
    tcp_reassembly_add(&r, 70, 80);
    tcp_reassembly_add(&r, 32, 35); /* nothing new in it, but it was touched */
    assert_int_equal(tcp_reassembly_recent(&r, out, 3), 3);
    assert_int_equal(out[0].start, 30);
    assert_int_equal(out[0].end, 40);
    assert_int_equal(out[1].start, 70);
    assert_int_equal(out[2].start, 50);
    tcp_reassembly_add(&r, 20, 25); /* moves nothing in the table */
    tcp_reassembly_add(&r, 5, 6);   /* moves all of it */
    assert_int_equal(tcp_reassembly_recent(&r, out, 4), 4);
    assert_int_equal(out[0].start, 5);
    assert_int_equal(out[1].end, 25);
    assert_int_equal(out[2].start, 30);
    assert_int_equal(out[3].start, 70);
    tcp_reassembly_add(&r, 40, 50); /* three become one */
    assert_int_equal(tcp_reassembly_advance(&r, 5), 6);
    assert_int_equal(tcp_reassembly_recent(&r, out, 4), 3);
    assert_int_equal(out[0].start, 30);
    assert_int_equal(out[0].end, 60);
    assert_int_equal(out[1].start, 10);
    assert_int_equal(out[2].start, 70);
}

static void what_is_complete_leaves(void **state)
{
    struct tcp_reassembly r = {0};
    struct model m = {.base = 0xfffffff0};

    (void)state;
    add(&r, &m, 10, 20);
    add(&r, &m, 30, 40);
    add(&r, &m, 50, 60);
    advance(&r, &m, 9); /* one byte is missing */
    assert_int_equal(r.count, 3);
    advance(&r, &m, 10); /* up to the first */
    assert_int_equal(m.next, 20);
    advance(&r, &m, 45); /* past the second */
    assert_int_equal(m.next, 45);
    assert_int_equal(r.count, 1);
    advance(&r, &m, 55); /* into the third */
    assert_int_equal(m.next, 60);
    assert_int_equal(r.count, 0);
    advance(&r, &m, 70);
}

static void what_is_missing_stops_at_the_end_that_was_asked_for(void **state)
{
    struct tcp_reassembly r = {0};
    struct model m = {.base = 0x7ffffff8};

    (void)state;
    expect_missing(&r, &m, 0, 10);
    expect_missing(&r, &m, 10, 10);
    add(&r, &m, 10, 20);
    add(&r, &m, 30, 40);
    for (uint32_t start = 0; start < 50; start++)
        for (uint32_t end = start; end < 50; end++)
            expect_missing(&r, &m, start, end);
}

static void drawn_ranges_equal_a_naive_map(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 3, 4);
    for (unsigned round = 0; round < 4000; round++) {
        struct tcp_reassembly r = {0};
        struct model m = {.base = bases[round % ARRAY_COUNT(bases)]};
        uint32_t longest = round % 2 ? 5 : 60;

        for (unsigned step = 0; step < 40 && m.next + 2 < SPAN; step++) {
            uint32_t start = m.next + 1 + (uint32_t)rng_below(&rng, SPAN - m.next - 1),
                     end = min_u32(start + 1 + (uint32_t)rng_below(&rng, longest), SPAN);

            if (rng_below(&rng, 8) == 0)
                advance(&r, &m, min_u32(m.next + (uint32_t)rng_below(&rng, 20), SPAN));
            else
                add(&r, &m, start, end);
            if (m.next < SPAN)
                expect_missing(&r, &m, m.next + (uint32_t)rng_below(&rng, SPAN - m.next), SPAN);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_that_touch_or_overlap_become_one),
        cmocka_unit_test(as_many_as_fit_are_kept),
        cmocka_unit_test(the_one_added_to_last_comes_first),
        cmocka_unit_test(what_is_complete_leaves),
        cmocka_unit_test(what_is_missing_stops_at_the_end_that_was_asked_for),
        cmocka_unit_test(drawn_ranges_equal_a_naive_map),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
