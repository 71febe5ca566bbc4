/* Memory that starts each run filled: nothing that one run wrote is there in the next. */
#include "../../sim/base/pattern.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Longer than a piece of the file that it is mapped from, and of no whole pages. */
enum { SIZE = 3 * 65536 + 4097 };

static void assert_filled(const uint8_t *p)
{
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(p[i], PATTERN_FILL);
}

static void what_was_written_is_gone(void **state)
{
    uint8_t *p = pattern_new(SIZE);

    (void)state;
    assert_filled(p);
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < SIZE; i += round ? 1 : SIZE - 1)
            p[i] = (uint8_t)i;
        pattern_again(p, SIZE);
        assert_filled(p);
    }
    pattern_free(p, SIZE);
}

static void pieces_and_memories_share_no_write(void **state)
{
    uint8_t *p = pattern_new(SIZE), *q = pattern_new(SIZE);

    (void)state;
    p[0] = 1;
    assert_int_equal(p[65536], PATTERN_FILL);
    assert_int_equal(p[2 * 65536], PATTERN_FILL);
    assert_filled(q);
    pattern_free(p, SIZE);
    pattern_free(q, SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_gone),
        cmocka_unit_test(pieces_and_memories_share_no_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
