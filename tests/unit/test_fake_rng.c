/*
 * The fake entropy device against a driver that is right, and against drivers with one mistake
 * each: every mistake is reported by name. The test is the driver, on virtio-mmio with a split
 * ring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "memory_bus.h"
#include "../../sim/fake_device/bodies.h"
#include "../../sim/fake_device/rng.h"

#define FIRST UINT64_C(0x5500000000)
enum { SIZE = 0x4000, DESC = 0, AVAIL = 0x400, USED = 0x800, BUFFER = 0x1000, QUEUE = 8 };

struct rig {
    struct memory_bus bus; /* first: the context of its functions */
    struct fake_rng device;
    uint8_t memory[SIZE];
    uint64_t delay_ns; /* of the last later() */
    unsigned what, laters, interrupts;
};

static void later(void *ctx, uint64_t delay_ns, unsigned what)
{
    struct rig *r = ctx;

    r->delay_ns = delay_ns;
    r->what = what;
    r->laters++;
}

static void interrupt(void *ctx)
{
    struct rig *r = ctx;

    r->interrupts++;
}

static bool always(void *ctx, const char *what, uint32_t per_65536)
{
    (void)ctx;
    (void)per_65536;
    return strcmp(what, "rng.short") == 0;
}

static void reg(struct rig *r, uint32_t offset, uint32_t value)
{
    fake_mmio_write(&r->device.device, offset, 4, value);
}

static uint32_t reg_read(struct rig *r, uint32_t offset)
{
    return fake_mmio_read(&r->device.device, offset, 4);
}

static void put(struct rig *r, uint32_t offset, unsigned size, uint64_t value)
{
    memcpy(r->memory + offset, &value, size);
}

static uint32_t used(const struct rig *r, uint32_t offset)
{
    uint32_t value;

    memcpy(&value, r->memory + USED + offset, 4);
    return value;
}

static void start(struct rig *r, const struct fake_rng_options *config, bool lively)
{
    struct fake_virtio_config transport = {
        .transport = FAKE_TRANSPORT_MMIO, .queue_size = QUEUE, .lively = lively};

    memset(r->memory, 0, SIZE);
    memory_bus_init(&r->bus, r->memory, SIZE, FIRST);
    r->bus.host.later = later;
    r->bus.host.interrupt = interrupt;
    r->bus.host.chance = always;
    r->laters = r->interrupts = 0;
    fake_virtio_start(&r->device.device, &fake_rng_body, &r->bus.memory, &r->bus.host, &transport,
                      config);
}

static void up(struct rig *r)
{
    assert_int_equal(reg_read(r, VIRTIO_MMIO_DEVICE_ID), VIRTIO_ID_ENTROPY);
    reg(r, VIRTIO_MMIO_STATUS, 0);
    reg(r, VIRTIO_MMIO_STATUS, 1);
    reg(r, VIRTIO_MMIO_STATUS, 3);
    reg(r, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    reg(r, VIRTIO_MMIO_DRIVER_FEATURES, 1);
    reg(r, VIRTIO_MMIO_STATUS, 11);
    assert_int_equal(reg_read(r, VIRTIO_MMIO_STATUS), 11);
    reg(r, VIRTIO_MMIO_QUEUE_SEL, 1);
    assert_int_equal(reg_read(r, VIRTIO_MMIO_QUEUE_NUM_MAX), 0); /* there is one queue */
    reg(r, VIRTIO_MMIO_QUEUE_SEL, 0);
    reg(r, VIRTIO_MMIO_QUEUE_NUM, QUEUE);
    reg(r, VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)FIRST + DESC);
    reg(r, VIRTIO_MMIO_QUEUE_DESC_HIGH, FIRST >> 32);
    reg(r, VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)FIRST + AVAIL);
    reg(r, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, FIRST >> 32);
    reg(r, VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)FIRST + USED);
    reg(r, VIRTIO_MMIO_QUEUE_USED_HIGH, FIRST >> 32);
    reg(r, VIRTIO_MMIO_QUEUE_READY, 1);
    reg(r, VIRTIO_MMIO_STATUS, 15);
}

/* Buffer number `i`, of `len` bytes, and a notification. */
static void ask(struct rig *r, unsigned i, uint32_t len, unsigned flags)
{
    put(r, DESC + 16 * i, 8, FIRST + BUFFER + 256 * i);
    put(r, DESC + 16 * i + 8, 4, len);
    put(r, DESC + 16 * i + 12, 2, flags);
    put(r, AVAIL + 4 + 2 * i, 2, i);
    put(r, AVAIL + 2, 2, i + 1);
    reg(r, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

static void due(struct rig *r)
{
    fake_virtio_event(&r->device.device, r->what);
}

static void expect(const struct rig *r, const char *begin)
{
    if (strncmp(r->bus.violation, begin, strlen(begin)) || (!*begin && *r->bus.violation))
        fail_msg("expected '%s', the device said '%s'", begin, r->bus.violation);
}

static unsigned zeros(const struct rig *r, unsigned i, uint32_t from, uint32_t to)
{
    unsigned count = 0;

    while (from < to)
        count += r->memory[BUFFER + 256 * i + from++] == 0;
    return count;
}

/* ---- a driver that is right ---- */

static void a_buffer_is_filled_and_given_back(void **state)
{
    struct rig *r = *state;

    start(r, &(struct fake_rng_options){0}, false);
    up(r);
    ask(r, 0, 100, VIRTQ_DESC_F_WRITE);
    assert_int_equal(used(r, 0) >> 16, 0); /* not at once */
    due(r);
    assert_int_equal(used(r, 0) >> 16, 1);
    assert_int_equal(used(r, 8), 100);
    assert_true(zeros(r, 0, 0, 100) < 10);
    assert_int_equal(zeros(r, 0, 100, 256), 156);
    assert_int_equal(r->device.given, 100);
    assert_int_equal(r->interrupts, 1);
    expect(r, "");
}

static void bytes_are_those_of_the_key_and_never_the_same_again(void **state)
{
    struct rig *r = *state;
    uint8_t first[32];

    for (unsigned run = 0; run < 2; run++) {
        start(r, &(struct fake_rng_options){0}, false);
        up(r);
        ask(r, 0, 32, VIRTQ_DESC_F_WRITE);
        due(r);
        if (run == 0)
            memcpy(first, r->memory + BUFFER, 32);
    }
    assert_memory_equal(first, r->memory + BUFFER, 32);
    ask(r, 1, 32, VIRTQ_DESC_F_WRITE);
    due(r);
    assert_memory_not_equal(first, r->memory + BUFFER + 256, 32);
    start(r, &(struct fake_rng_options){0}, false);
    r->bus.host.key++;
    fake_virtio_start(&r->device.device, &fake_rng_body, &r->bus.memory, &r->bus.host,
                      &r->device.device.config, &r->device.options);
    up(r);
    ask(r, 0, 32, VIRTQ_DESC_F_WRITE);
    due(r);
    assert_memory_not_equal(first, r->memory + BUFFER, 32);
}

static void it_gives_fewer_bytes_and_takes_its_time(void **state)
{
    struct rig *r = *state;

    start(r, &(struct fake_rng_options){.bytes = 5, .delay_ns = 12345}, false);
    up(r);
    ask(r, 0, 100, VIRTQ_DESC_F_WRITE);
    due(r);
    assert_int_equal(used(r, 0) >> 16, 0);
    assert_int_equal(r->delay_ns, 12345);
    due(r);
    assert_int_equal(used(r, 8), 5);
    assert_int_equal(zeros(r, 0, 5, 256), 251);
    ask(r, 1, 3, VIRTQ_DESC_F_WRITE);
    due(r);
    due(r);
    assert_int_equal(used(r, 16), 3); /* never more than there is room */
    expect(r, "");
}

static void a_lively_device_gives_at_least_one_byte(void **state)
{
    struct rig *r = *state;
    uint32_t least = 100, most = 0;

    start(r, &(struct fake_rng_options){0}, true);
    up(r);
    for (unsigned i = 0; i < QUEUE; i++) {
        uint32_t len;

        ask(r, i, 20, VIRTQ_DESC_F_WRITE);
        due(r);
        len = used(r, 8 + 8 * i);
        least = len < least ? len : least;
        most = len > most ? len : most;
    }
    assert_in_range(least, 1, 19);
    assert_in_range(most, 1, 20);
    ask(r, 0, 1, VIRTQ_DESC_F_WRITE);
    expect(r, "");
}

static void a_poke_does_not_shorten_the_delay(void **state)
{
    struct rig *r = *state;

    start(r, &(struct fake_rng_options){.delay_ns = 12345}, true);
    up(r);
    ask(r, 0, 100, VIRTQ_DESC_F_WRITE);
    due(r);
    for (unsigned i = 0; i < 5; i++)
        fake_virtio_poke(&r->device.device);
    assert_int_equal(used(r, 0) >> 16, 0);
    due(r);
    assert_int_equal(used(r, 0) >> 16, 1);
    expect(r, "");
}

/* ---- mistakes ---- */

static void a_buffer_that_cannot_be_written_is_reported(void **state)
{
    struct rig *r = *state;

    start(r, &(struct fake_rng_options){0}, false);
    up(r);
    ask(r, 0, 100, 0);
    due(r);
    expect(r, "rng.direction 5.4.6.1 a buffer of 100 bytes");
    assert_int_equal(used(r, 8), 0);
}

static void an_empty_buffer_is_reported(void **state)
{
    struct rig *r = *state;

    start(r, &(struct fake_rng_options){0}, false);
    up(r);
    ask(r, 0, 0, VIRTQ_DESC_F_WRITE);
    due(r);
    expect(r, "ring.dma_address 2.7.5 queue 0: a descriptor has address 0x5500001000, length 0");
}

static void a_buffer_that_the_driver_touches_is_reported(void **state)
{
    struct rig *r = *state;

    start(r, &(struct fake_rng_options){.delay_ns = 1}, false);
    up(r);
    ask(r, 0, 100, VIRTQ_DESC_F_WRITE);
    due(r);
    r->memory[BUFFER + 50] = 1;
    due(r);
    expect(r, "ring.ownership 2.7.13");
}

static void a_buffer_touched_while_no_bytes_came_is_reported_at_the_end(void **state)
{
    struct rig *r = *state;

    start(r, &(struct fake_rng_options){.delay_ns = 1}, false);
    up(r);
    ask(r, 0, 100, VIRTQ_DESC_F_WRITE);
    due(r);
    fake_virtio_check_leaks(&r->device.device);
    expect(r, ""); /* it may stay there */
    r->memory[BUFFER] = 1;
    fake_virtio_check_leaks(&r->device.device);
    expect(r, "ring.ownership 2.7.13");
}

static void a_second_queue_and_a_configuration_do_not_exist(void **state)
{
    struct rig *r = *state;

    start(r, &(struct fake_rng_options){0}, false);
    up(r);
    assert_int_equal(fake_mmio_read(&r->device.device, VIRTIO_MMIO_CONFIG, 1), 0);
    expect(r, "");
    reg(r, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
    expect(r, "notify.queue 4.2.2 queue 1");
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct rig));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_buffer_is_filled_and_given_back),
        T(bytes_are_those_of_the_key_and_never_the_same_again),
        T(it_gives_fewer_bytes_and_takes_its_time),
        T(a_lively_device_gives_at_least_one_byte),
        T(a_poke_does_not_shorten_the_delay),
        T(a_buffer_that_cannot_be_written_is_reported),
        T(an_empty_buffer_is_reported),
        T(a_buffer_that_the_driver_touches_is_reported),
        T(a_buffer_touched_while_no_bytes_came_is_reported_at_the_end),
        T(a_second_queue_and_a_configuration_do_not_exist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
