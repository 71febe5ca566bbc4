/*
 * The set of small numbers against a naive one, an array of bool: drawn operations, sizes at the
 * edges of a word of each level.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../core/base/bitset.h"
#include "../../core/base/rng.h"

static const uint32_t sizes[] = {1, 63, 64, 65, 128, 4095, 4096, 4097, 8192, 200000};

/* A set beside its model, and memory that ends where the set does. */
struct pair {
    struct bitset set;
    uint64_t *memory;
    bool *model;
    uint32_t size;
};

static struct pair pair_new(uint32_t size)
{
    struct pair p = {.size = size};

    p.memory = malloc(BITSET_WORDS(size) * sizeof(uint64_t));
    memset(p.memory, 0xff, BITSET_WORDS(size) * sizeof(uint64_t));
    p.model = calloc(size, sizeof(bool));
    bitset_init(&p.set, p.memory, size);
    return p;
}

static void pair_free(struct pair *p)
{
    free(p->memory);
    free(p->model);
}

static void change(struct pair *p, uint32_t n, bool in)
{
    p->model[n] = in;
    if (in)
        bitset_add(&p->set, n);
    else
        bitset_remove(&p->set, n);
}

static void expect_next(const struct pair *p, uint32_t from)
{
    uint32_t expected = from, found = 0xdeadbeef;

    while (expected < p->size && !p->model[expected])
        expected++;
    assert_int_equal(bitset_next(&p->set, from, &found), expected < p->size);
    assert_int_equal(found, expected < p->size ? expected : 0xdeadbeef);
}

/* All members in order, as the stack visits them, and each number asked for. */
static void expect_same(const struct pair *p)
{
    uint32_t expected = 0, found;

    for (found = 0; bitset_next(&p->set, found, &found); found++) {
        while (expected < p->size && !p->model[expected])
            expected++;
        assert_int_equal(found, expected);
        expected++;
    }
    while (expected < p->size)
        assert_false(p->model[expected++]);
    for (uint32_t n = 0; n < p->size; n++)
        assert_int_equal(bitset_has(&p->set, n), p->model[n]);
}

static void a_new_set_is_empty_whatever_the_memory_was(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct pair p = pair_new(sizes[i]);

        expect_same(&p);
        expect_next(&p, 0);
        expect_next(&p, sizes[i] - 1);
        pair_free(&p);
    }
}

static void one_member_is_found_from_every_number(void **state)
{
    static const uint32_t size = 3 * 4096 + 65;
    static const uint32_t members[] = {0,    1,     62,    63,    64,    65,           127,
                                       128,  4031,  4032,  4095,  4096,  4097,         8191,
                                       8192, 12287, 12288, 12351, 12352, 3 * 4096 + 64};
    struct pair p = pair_new(size);

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(members); i++) {
        change(&p, members[i], true);
        for (uint32_t from = 0; from < size; from++) {
            uint32_t found = size;

            assert_int_equal(bitset_next(&p.set, from, &found), from <= members[i]);
            assert_int_equal(found, from <= members[i] ? members[i] : size);
        }
        change(&p, members[i], false);
    }
    expect_same(&p);
    pair_free(&p);
}

static void from_the_size_on_there_is_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct pair p = pair_new(sizes[i]);

        for (uint32_t n = 0; n < sizes[i]; n++)
            change(&p, n, true);
        expect_next(&p, sizes[i] - 1);
        expect_next(&p, sizes[i]);
        expect_next(&p, sizes[i] + 63);
        expect_next(&p, sizes[i] + 4096);
        expect_next(&p, UINT32_MAX);
        pair_free(&p);
    }
}

/* Few members, so that the search goes through the summary, then many. */
static void drawn_operations_equal_a_naive_set(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 1, 2);
    for (unsigned i = 0; i < ARRAY_COUNT(sizes); i++) {
        uint32_t size = sizes[i];
        struct pair p = pair_new(size);

        for (unsigned step = 0; step < 4000; step++) {
            uint32_t n = (uint32_t)rng_below(&rng, size);
            uint64_t in_of_8 = step < 2000 ? 1 : 6;

            if (rng_below(&rng, 2)) { /* near a member, so that members leave again, too */
                if (!bitset_next(&p.set, n, &n))
                    n = size - 1;
            }
            change(&p, n, rng_below(&rng, 8) < in_of_8);
            expect_next(&p, (uint32_t)rng_below(&rng, (uint64_t)size + 2));
        }
        expect_same(&p);
        for (uint32_t n = 0; n < size; n++)
            change(&p, n, false);
        expect_next(&p, 0);
        pair_free(&p);
    }
}

static void a_member_that_is_added_or_removed_twice_counts_once(void **state)
{
    struct pair p = pair_new(4097);

    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        change(&p, 4096, true);
        change(&p, 4096, true);
        change(&p, 70, true);
        change(&p, 64, true);
        expect_same(&p);
        change(&p, 64, false);
        change(&p, 64, false); /* its word still has a member */
        expect_next(&p, 0);
        change(&p, 70, false);
        change(&p, 70, false);
        change(&p, 4096, false);
        expect_same(&p);
    }
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_set_is_empty_whatever_the_memory_was),
        cmocka_unit_test(one_member_is_found_from_every_number),
        cmocka_unit_test(from_the_size_on_there_is_nothing),
        cmocka_unit_test(drawn_operations_equal_a_naive_set),
        cmocka_unit_test(a_member_that_is_added_or_removed_twice_counts_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
