/*
 * The driver of the entropy device against one that the test plays in the driver's own memory: when
 * notified it returns as many bytes as the test sets. And the use of a seed by the stack.
 */
#include "virtq_fixture.h"
#include "../../core/kernel/kernel.h"
#include "../../core/port/machine.h"
#include "../../core/virtio/drivers.h"
#include "../../core/virtio/virtio_rng.h"
#include "stack_fixture.h"

static const struct virtio_options polled;
static const struct virtio_place place = {.bus = VIRTIO_BUS_MMIO, .address = 0x1000};

static struct virtio_rng n;
static uint32_t give[40];   /* bytes of each answer; 0 and `silent`: none yet */
static bool silent, breaks; /* breaks: needs a reset when it is notified */
static unsigned answers;
static uint8_t next_byte;

/* The device writes bytes that count up, and one more that it does not report. */
static void answer(void)
{
    uint16_t at = n.queue.used->idx.raw, head = n.queue.avail->ring[at % TEST_QUEUE].raw;
    const struct virtq_desc *d = &n.queue.desc[head];
    uint8_t *buffer = (uint8_t *)(uintptr_t)(d->addr.raw - FAKE_BUS_OFFSET);
    uint32_t len = give[answers];

    assert_int_equal(d->flags.raw, VIRTQ_DESC_F_WRITE);
    for (uint32_t i = 0; i < d->len.raw; i++)
        buffer[i] = i < len ? ++next_byte : 0xee;
    n.queue.used->ring[at % TEST_QUEUE].id.raw = head;
    n.queue.used->ring[at % TEST_QUEUE].len.raw = len;
    n.queue.used->idx.raw = (uint16_t)(at + 1);
    answers++;
}

static void when_notified(struct fake_platform *f, uint64_t addr, uint32_t value)
{
    on_write(f, addr, value);
    if (addr == VIRTIO_MMIO_QUEUE_NOTIFY && !silent)
        answer();
    if (addr == VIRTIO_MMIO_QUEUE_NOTIFY && breaks)
        f->reg[VIRTIO_MMIO_STATUS / 4] |= VIRTIO_STATUS_DEVICE_NEEDS_RESET;
}

static int rng_setup(void **state)
{
    silent = breaks = false;
    return setup(state);
}

static int bring_up(struct fixture *x)
{
    x->f.reg[VIRTIO_MMIO_DEVICE_ID / 4] = VIRTIO_ID_ENTROPY;
    x->features = VIRTIO_BIT(VIRTIO_F_VERSION_1);
    x->f.on_write = when_notified;
    x->memory.used = 0;
    answers = 0;
    next_byte = 0;
    return virtio_rng_init(&n, &x->f.platform, &place, &x->memory, &polled);
}

static void expect_seed(void)
{
    uint8_t seed[VIRTIO_SEED_SIZE];

    assert_true(virtio_rng_seed(&n, seed));
    for (unsigned i = 0; i < sizeof(seed); i++)
        assert_int_equal(seed[i], i + 1);
    assert_false(virtio_rng_seed(&n, seed)); /* once */
}

static void all_bytes_at_once_are_the_seed(void **state)
{
    struct fixture *x = *state;

    give[0] = VIRTIO_SEED_SIZE;
    assert_int_equal(bring_up(x), 0);
    assert_int_equal(x->f.traced[TRACE_RNG_SEEDED], 1);
    assert_int_equal(x->f.last[0], VIRTIO_SEED_SIZE);
    assert_int_equal(x->f.last[1], 1);
    assert_int_equal(n.queue.in_flight, 0);
    expect_seed();
}

static void what_is_missing_is_asked_for_again_and_no_byte_more_is_believed(void **state)
{
    struct fixture *x = *state;

    for (uint32_t i = 0; i < VIRTIO_SEED_SIZE; i++)
        give[i] = 1;
    assert_int_equal(bring_up(x), 0);
    assert_int_equal(answers, VIRTIO_SEED_SIZE);
    assert_int_equal(x->f.last[1], VIRTIO_SEED_SIZE);
    expect_seed();
    give[0] = 5;
    give[1] = 26;
    assert_int_equal(bring_up(x), 0);
    assert_int_equal(x->f.last[1], 3);
    expect_seed();
}

static void bytes_that_come_late_are_taken_at_a_poll(void **state)
{
    struct fixture *x = *state;
    uint8_t seed[VIRTIO_SEED_SIZE];

    silent = true;
    give[0] = 20;
    give[1] = 12;
    assert_int_equal(bring_up(x), 0);
    virtio_rng_check(&n, 0);
    virtio_rng_kick(&n);
    assert_false(virtio_rng_seed(&n, seed));
    answer();
    virtio_rng_check(&n, 0); /* takes them and asks for the rest */
    assert_false(virtio_rng_seed(&n, seed));
    assert_int_equal(n.queue.in_flight, 1);
    silent = false;
    virtio_rng_kick(&n);
    virtio_rng_check(&n, 0);
    expect_seed();
    assert_int_equal(n.queue.in_flight, 0);
    assert_true(virtio_rng_driver.deadline(&n) == DEADLINE_NEVER);
    virtio_rng_stop(&n);
    assert_int_equal(x->f.reg[VIRTIO_MMIO_STATUS / 4], 0);
}

static void a_buffer_without_a_byte_ends_it(void **state)
{
    struct fixture *x = *state;
    uint8_t seed[VIRTIO_SEED_SIZE];

    give[0] = 31;
    give[1] = 0;
    assert_int_equal(bring_up(x), ERR_DEVICE);
    assert_int_equal(n.dev.reason, VIRTIO_FAILURE_USED_LEN);
    assert_int_equal(x->f.traced[TRACE_RNG_FAILED], 1);
    assert_int_equal(x->f.traced[TRACE_VNET_FAILED], 0);
    assert_false(virtio_rng_seed(&n, seed));
    virtio_rng_check(&n, 0);
    virtio_rng_kick(&n);
    assert_int_equal(answers, 2);
}

static void more_bytes_than_there_was_room_for_end_it(void **state)
{
    struct fixture *x = *state;

    give[0] = 33;
    assert_int_equal(bring_up(x), ERR_DEVICE);
    assert_int_equal(n.dev.reason, VIRTIO_FAILURE_USED_LEN);
    give[0] = 12;
    give[1] = 21; /* room for 20 */
    assert_int_equal(bring_up(x), ERR_DEVICE);
}

static void bytes_of_a_device_that_needs_a_reset_are_not_used(void **state)
{
    struct fixture *x = *state;
    uint8_t seed[VIRTIO_SEED_SIZE];

    give[0] = VIRTIO_SEED_SIZE;
    breaks = true;
    assert_int_equal(bring_up(x), ERR_DEVICE);
    assert_int_equal(n.dev.reason, VIRTIO_FAILURE_NEEDS_RESET);
    assert_int_equal(x->f.traced[TRACE_RNG_FAILED], 1);
    assert_int_equal(x->f.traced[TRACE_RNG_SEEDED], 0);
    assert_false(virtio_rng_seed(&n, seed));
    assert_int_equal(x->f.reg[VIRTIO_MMIO_STATUS / 4], 0);
}

static void while_bytes_are_missing_the_status_is_read_every_100_ms(void **state)
{
    struct fixture *x = *state;
    uint64_t now_ns = NS_PER_S;

    silent = true;
    assert_int_equal(bring_up(x), 0);
    virtio_rng_check(&n, now_ns);
    assert_true(virtio_rng_driver.deadline(&n) == DEADLINE_NEVER);
    x->f.reg[VIRTIO_MMIO_STATUS / 4] |= VIRTIO_STATUS_DEVICE_NEEDS_RESET;
    virtio_rng_check(&n, now_ns + 100 * NS_PER_MS - 1);
    assert_false(n.dev.failed);
    assert_true(virtio_rng_driver.deadline(&n) == now_ns + 100 * NS_PER_MS);
    virtio_rng_check(&n, now_ns + 100 * NS_PER_MS);
    assert_true(n.dev.failed);
    assert_int_equal(n.dev.reason, VIRTIO_FAILURE_NEEDS_RESET);
    assert_true(virtio_rng_driver.deadline(&n) == DEADLINE_NEVER);
}

static void another_device_or_no_memory_is_an_error(void **state)
{
    struct fixture *x = *state;
    size_t size = x->memory.size;

    give[0] = VIRTIO_SEED_SIZE;
    assert_int_equal(bring_up(x), 0);
    x->memory.size = x->memory.used - 1; /* without the buffer */
    assert_int_equal(bring_up(x), ERR_DEVICE);
    assert_int_equal(n.dev.reason, VIRTIO_FAILURE_MEMORY);
    x->memory.size = size;
    x->queue_size = 0;
    assert_int_equal(bring_up(x), ERR_DEVICE);
    assert_int_equal(n.dev.reason, VIRTIO_FAILURE_QUEUE_ABSENT);
    x->f.reg[VIRTIO_MMIO_DEVICE_ID / 4] = VIRTIO_ID_NET;
    assert_int_equal(virtio_rng_init(&n, &x->f.platform, &place, &x->memory, &polled), ERR_NODEV);
}

/* ---- the stack ---- */

static void a_seed_changes_ports_ids_and_sequence_numbers(void **state)
{
    struct stack_test *t = *state;
    static const uint8_t seed[STACK_SEED_SIZE] = {1, [8] = 2, [16] = 3, [24] = 4};
    struct rng without = t->s.net.rng;
    uint64_t key[2] = {t->s.net.key[0], t->s.net.key[1]};

    stack_seed(&t->s, seed);
    rng_next(&without);
    rng_next(&without);
    assert_int_equal(t->s.net.rng.counter, without.counter);
    assert_int_not_equal(rng_next(&t->s.net.rng), rng_next(&without));
    assert_int_equal(t->s.net.key[0], key[0] ^ 3);
    assert_int_equal(t->s.net.key[1], key[1] ^ 4);
}

static bool seed_comes;

static void late_check(void *ctx, uint64_t now_ns)
{
    (void)ctx;
    (void)now_ns;
}

static bool late_seed(void *ctx, uint8_t seed[VIRTIO_SEED_SIZE])
{
    (void)ctx;
    memset(seed, 5, VIRTIO_SEED_SIZE);
    return seed_comes;
}

static void a_poll_takes_a_seed_that_comes_late(void **state)
{
    static const struct virtio_driver late = {.check = late_check, .seed = late_seed};
    struct stack_test *t = *state;
    struct device device = {.driver = &late};
    struct kernel *k = calloc(1, sizeof(*k));

    k->stack = t->s;
    k->devices[0] = &device;
    k->device_count = 1;
    seed_comes = false;
    devices_check(k, 0);
    assert_int_equal(k->stack.net.key[0], t->s.net.key[0]);
    seed_comes = true;
    devices_check(k, 0);
    assert_int_equal(k->stack.net.key[0], t->s.net.key[0] ^ UINT64_C(0x0505050505050505));
    free(k);
}

static void the_key_of_sequence_numbers_stays_while_a_connection_lives(void **state)
{
    struct stack_test *t = *state;
    static const uint8_t seed[STACK_SEED_SIZE] = {1, [16] = 3, [24] = 4};
    uint64_t key = t->s.net.key[0], ports = t->s.net.rng.key[0];
    struct tcp_conn *c;

    assert_int_equal(tcp_open(&t->s.tcp, &c), 0);
    age(c);
    stack_seed(&t->s, seed);
    assert_int_equal(t->s.net.key[0], key);
    assert_int_equal(t->s.net.rng.key[0], ports ^ 1);
    tcp_move(c, TCPS_CLOSED);
    tcp_move(c, TCPS_LISTEN);
    stack_seed(&t->s, seed);
    assert_int_equal(t->s.net.key[0], key ^ 3);
    tcp_close(c);
}

#define T(test) cmocka_unit_test_setup_teardown(test, rng_setup, teardown)
#define S(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(all_bytes_at_once_are_the_seed),
        T(what_is_missing_is_asked_for_again_and_no_byte_more_is_believed),
        T(bytes_that_come_late_are_taken_at_a_poll),
        T(a_buffer_without_a_byte_ends_it),
        T(more_bytes_than_there_was_room_for_end_it),
        T(bytes_of_a_device_that_needs_a_reset_are_not_used),
        T(while_bytes_are_missing_the_status_is_read_every_100_ms),
        T(another_device_or_no_memory_is_an_error),
        S(a_seed_changes_ports_ids_and_sequence_numbers),
        S(a_poll_takes_a_seed_that_comes_late),
        S(the_key_of_sequence_numbers_stays_while_a_connection_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
