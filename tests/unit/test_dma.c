/* The DMA memory of a simulated machine: no byte of one run is there in the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../sim/base/pattern.h"
#include "../../sim/machine/dma_memory.h"

enum { SIZE = 1 << 20, BUFFER = 2048 };

static void assert_clean(const struct dma *a)
{
    for (size_t i = 0; i < a->size; i++)
        assert_int_equal(a->memory[i], PATTERN_FILL);
}

/* Whoever wrote there, seen or not: the driver before it posted the buffer, or the device. */
static void a_posted_buffer_is_as_new_in_the_next_run(void **state)
{
    static const uint8_t bytes[100] = {1, 2, 3};
    static const size_t at[] = {0, 4096, 100000, SIZE - BUFFER};
    struct draw_stream place;
    struct sim sim = {0};
    struct dma a;

    (void)state;
    assert_int_equal(dma_allocate(&a, SIZE), 0);
    draw_stream_init(&place, "memory.place");
    sim_start(&sim, 1);
    dma_start(&a, &sim, false, false, &place, 48);
    for (size_t i = 0; i < ARRAY_COUNT(at); i++) {
        uint64_t bus = dma_bus_address(&a, a.memory + at[i]);

        memset(a.memory + at[i], 0, BUFFER);
        dma_own(&a, bus, BUFFER, true);
        dma_own(&a, bus, BUFFER, false);
        if (i % 2)
            dma_device_write(&a, bus, bytes, sizeof(bytes));
    }
    dma_clean(&a);
    assert_clean(&a);
    dma_free(&a);
}

/* What the driver gives to the device is known by dma_given(). */
static void a_given_buffer_is_as_new_in_the_next_run(void **state)
{
    struct draw_stream place;
    struct sim sim = {0};
    struct dma a;

    (void)state;
    assert_int_equal(dma_allocate(&a, SIZE), 0);
    draw_stream_init(&place, "memory.place");
    sim_start(&sim, 1);
    dma_start(&a, &sim, true, false, &place, 48);
    memset(a.memory + 5000, 7, 1514);
    dma_given(&a, a.memory + 5000, 1514);
    dma_clean(&a);
    assert_clean(&a);
    dma_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_posted_buffer_is_as_new_in_the_next_run),
        cmocka_unit_test(a_given_buffer_is_as_new_in_the_next_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
