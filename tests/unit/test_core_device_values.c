/*
 * No value of a device reaches an assertion of the driver, over the whole range of its MTU and
 * queue sizes; nor do completions that arrive while others are taken. And rings may have any
 * address that the transport supports. A rejected value is named; with an accepted one the driver
 * can receive and send.
 */
#include "../../core/base/array.h"
#include "virtq_fixture.h"
#include "../../core/port/machine.h"

static const struct virtio_options polled;
static const struct virtio_place place = {.bus = VIRTIO_BUS_MMIO, .address = 0x1000};

static int bring_up(struct fixture *x, struct virtio_net *n)
{
    struct rng random;

    rng_init(&random, 1, 2);
    x->memory.used = 0;
    x->f.traced[TRACE_VNET_FAILED] = 0;
    return virtio_net_init(n, &x->f.platform, &place, &x->memory, &random, &polled);
}

static void refused(const struct fixture *x, const struct virtio_net *n, int result,
                    enum virtio_failure reason, uint64_t value)
{
    assert_int_equal(result, ERR_DEVICE);
    assert_int_equal(n->dev.reason, reason);
    assert_int_equal(x->f.traced[TRACE_VNET_FAILED], 1);
    assert_int_equal(x->f.last[0], reason);
    assert_int_equal(x->f.last[1], value);
    assert_int_equal(x->f.reg[VIRTIO_MMIO_STATUS / 4], 0);
}

static void every_mtu_is_taken_lowered_or_refused_by_name(void **state)
{
    struct fixture *x = *state;
    struct virtio_net *n = calloc(1, sizeof(*n));

    x->features |= VIRTIO_BIT(VIRTIO_NET_F_MTU);
    for (uint32_t mtu = 0; mtu <= UINT16_MAX; mtu++) {
        int result;

        x->f.reg[(VIRTIO_MMIO_CONFIG + 8) / 4] = mtu << 16;
        result = bring_up(x, n);
        if (mtu < NETDEV_MTU_MIN) {
            refused(x, n, result, VIRTIO_FAILURE_MTU, mtu);
            continue;
        }
        assert_int_equal(result, 0);
        assert_int_equal(n->netdev.mtu, mtu < NETDEV_MTU_MAX ? mtu : NETDEV_MTU_MAX);
        assert_in_range(n->netdev.mtu, NETDEV_MTU_MIN, NETDEV_MTU_MAX);
    }
    free(n);
}

/* Everything that can be had, in flight, and one frame more is refused without harm. */
static void sends_all_it_can(struct virtio_net *n)
{
    unsigned sent = 0;
    uint8_t *frame;

    while ((frame = n->netdev.alloc(n))) {
        n->netdev.send(n, frame, NETDEV_FRAME_MAX);
        sent++;
    }
    virtio_net_kick(n);
    assert_true(sent > 0);
    assert_true(n->rx_count > 0);
    assert_int_equal(n->rx.in_flight, n->rx_count);
    assert_int_equal(n->tx.in_flight, sent);
}

static void every_queue_size(struct fixture *x, bool power_of_two, unsigned smallest)
{
    struct virtio_net *n = calloc(1, sizeof(*n));

    for (uint32_t size = 0; size <= UINT16_MAX + 1; size++) {
        bool good = size >= smallest && size <= 32768 && !(power_of_two && (size & (size - 1)));
        int result;

        x->queue_size = size;
        result = bring_up(x, n);
        if (good) {
            assert_int_equal(result, 0);
            assert_int_equal(n->rx.size, size < VIRTQ_SIZE_MAX ? size : VIRTQ_SIZE_MAX);
            sends_all_it_can(n);
        } else if (size) {
            refused(x, n, result, VIRTIO_FAILURE_QUEUE_SIZE, size);
        } else {
            refused(x, n, result, VIRTIO_FAILURE_QUEUE_ABSENT, VIRTIO_NET_RECEIVEQ1);
        }
    }
    free(n);
}

static void every_size_of_split_queues(void **state)
{
    every_queue_size(*state, true, 1);
}

static void every_size_of_packed_queues(void **state)
{
    struct fixture *x = *state;

    x->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
    every_queue_size(x, false, 1);
}

static void every_size_of_packed_queues_with_indirect_tables(void **state)
{
    struct fixture *x = *state;

    x->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED) | VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
    every_queue_size(x, false, 1);
}

/* The PFN has 32 bits: this test's memory lies low. */
static uint64_t low_bus_address(void *ctx, const void *ptr)
{
    (void)ctx;
    return 0x10000 + (uint64_t)((const uint8_t *)ptr - current->base);
}

static void legacy(struct fixture *x, uint64_t features)
{
    x->f.platform.bus_address = low_bus_address;
    x->f.reg[VIRTIO_MMIO_VERSION / 4] = VIRTIO_MMIO_VERSION_LEGACY;
    x->features = features;
}

/* A frame takes two descriptors, header and rest: one alone holds none (5.1.6.6). */
static void every_size_of_legacy_queues(void **state)
{
    legacy(*state, 0);
    every_queue_size(*state, true, 2);
}

static void one_descriptor_is_enough_for_any_layout(void **state)
{
    legacy(*state, VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT));
    every_queue_size(*state, true, 1);
}

/* Nor does a table of two, which would be longer than the queue (2.7.5.3.1). */
static void every_size_of_legacy_queues_with_indirect_tables(void **state)
{
    legacy(*state, VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    every_queue_size(*state, true, 2);
}

/* ---- where rings lie ---- */

static uint64_t ring_base;

static uint64_t placed_bus_address(void *ctx, const void *ptr)
{
    (void)ctx;
    return ring_base + (uint64_t)((const uint8_t *)ptr - current->base);
}

/* A legacy device gets a page number of 32 bits: 4.2.4. */
static void a_legacy_ring_above_16_tib_is_refused(void **state)
{
    struct fixture *x = *state;
    struct virtio_net *n = calloc(1, sizeof(*n));
    const uint64_t top = UINT64_C(1) << 44;
    int result;

    legacy(x, 0);
    x->f.platform.bus_address = placed_bus_address;
    ring_base = top;
    refused(x, n, bring_up(x, n), VIRTIO_FAILURE_MEMORY, top);
    ring_base = UINT64_C(0xffffffff80000000);
    refused(x, n, bring_up(x, n), VIRTIO_FAILURE_MEMORY, ring_base);
    ring_base = top - VIRTQ_LEGACY_ALIGN; /* the transmit queue lies above */
    result = bring_up(x, n);
    refused(x, n, result, VIRTIO_FAILURE_MEMORY, placed_bus_address(0, n->tx.desc));
    ring_base = top - VIRTIO_NET_DMA_SIZE / VIRTQ_LEGACY_ALIGN * VIRTQ_LEGACY_ALIGN;
    assert_int_equal(bring_up(x, n), 0);
    assert_int_equal(x->f.reg[VIRTIO_MMIO_QUEUE_PFN / 4],
                     placed_bus_address(0, n->tx.desc) / VIRTQ_LEGACY_ALIGN);
    free(n);
}

/* Both halves of the three addresses, also where the ring lies across a multiple of 4 GiB. */
static void a_modern_ring_lies_anywhere_in_64_bits(void **state)
{
    static const uint64_t base[] = {UINT64_C(0xffffffff) << 32, UINT64_C(0xa5c396b487d2e100),
                                    (UINT64_C(0x80000001) << 32) - 16, (UINT64_C(1) << 32) - 4096};
    struct fixture *x = *state;
    struct virtio_net *n = calloc(1, sizeof(*n));

    x->f.platform.bus_address = placed_bus_address;
    for (unsigned i = 0; i < ARRAY_COUNT(base); i++) {
        const uint32_t *r = x->f.reg;

        ring_base = base[i];
        assert_int_equal(bring_up(x, n), 0);

        const void *part[3] = {n->tx.desc, n->tx.avail, n->tx.used};
        unsigned at[3] = {VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
                          VIRTIO_MMIO_QUEUE_USED_LOW};

        for (unsigned k = 0; k < 3; k++)
            assert_int_equal((uint64_t)r[at[k] / 4 + 1] << 32 | r[at[k] / 4],
                             placed_bus_address(0, part[k]));
    }
    free(n);
}

/* ---- a device that acts while the driver looks ---- */

/* What the device has used, and has written so far. */
static struct virtq *busy;
static unsigned acts;
static uint32_t busy_len;
static uint16_t busy_slot;
static bool busy_wrap;

/* One more chain is used: that of the next entry, whether it was published or not. */
static void act(void)
{
    acts++;
    assert_true(acts <= 4 * TEST_QUEUE); /* the poll does not end */
    if (busy->packed) {
        struct virtq_packed_desc *d = &busy->ring[busy_slot];

        d->len.raw = busy_len;
        d->flags.raw = busy_wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0;
        if (++busy_slot == busy->size) {
            busy_slot = 0;
            busy_wrap = !busy_wrap;
        }
        return;
    }

    uint16_t at = busy->used->idx.raw % TEST_QUEUE;

    busy->used->ring[at].id.raw = busy->avail->ring[at].raw;
    busy->used->ring[at].len.raw = busy_len;
    busy->used->idx.raw++;
}

static void acting_barrier(void *ctx, enum barrier kind)
{
    (void)ctx;
    if (kind == BARRIER_READ)
        act();
}

static void acts_on(struct fixture *x, struct virtq *q, uint32_t len)
{
    busy = q;
    busy_len = len;
    busy_slot = 0;
    busy_wrap = true;
    acts = 0;
    x->f.platform.barrier = acting_barrier;
    act();
}

static void short_frames_without_end(struct fixture *x)
{
    struct virtio_net *n = calloc(1, sizeof(*n));
    struct frame_view view;

    assert_int_equal(bring_up(x, n), 0);
    acts_on(x, &n->rx, n->header_len - 1);
    assert_false(n->netdev.receive(n, &view)); /* comes back */
    assert_true(n->dev.failed);
    assert_int_equal(n->dev.reason, VIRTIO_FAILURE_USED_NOT_HEAD);
    assert_int_equal(n->netdev.frames_rx, TEST_QUEUE); /* what it had been given */
    free(n);
}

static void short_frames_without_end_end_a_poll_split(void **state)
{
    short_frames_without_end(*state);
}

static void short_frames_without_end_end_a_poll_packed(void **state)
{
    struct fixture *x = *state;

    x->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
    short_frames_without_end(x);
}

/* Frames that are whole, given back by the stack at once, as a poll does. */
static void whole_frames_without_end(struct fixture *x)
{
    struct virtio_net *n = calloc(1, sizeof(*n));
    struct frame_view view;
    unsigned frames = 0;

    assert_int_equal(bring_up(x, n), 0);
    acts_on(x, &n->rx, 100);
    while (n->netdev.receive(n, &view)) {
        n->netdev.recycle(n, &view);
        frames++;
    }
    assert_int_equal(frames, TEST_QUEUE);
    assert_int_equal(n->dev.reason, VIRTIO_FAILURE_USED_NOT_HEAD);
    free(n);
}

static void whole_frames_without_end_end_a_poll_split(void **state)
{
    whole_frames_without_end(*state);
}

static void whole_frames_without_end_end_a_poll_packed(void **state)
{
    struct fixture *x = *state;

    x->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
    whole_frames_without_end(x);
}

/* Frames are sent in one poll, and each is used before the device was notified of it. */
static void sent_before_published(struct fixture *x)
{
    struct virtio_net *n = calloc(1, sizeof(*n));

    assert_int_equal(bring_up(x, n), 0);
    for (unsigned i = 0; i < TEST_QUEUE; i++)
        n->netdev.send(n, n->netdev.alloc(n), 60);
    acts_on(x, &n->tx, 0);
    assert_null(n->netdev.alloc(n)); /* full: it looks for what came back */
    assert_int_equal(n->tx.in_flight, TEST_QUEUE);
    assert_true(n->dev.failed);
    assert_int_equal(n->dev.reason, VIRTIO_FAILURE_USED_NOT_HEAD);
    free(n);
}

static void a_frame_used_before_it_was_published_split(void **state)
{
    sent_before_published(*state);
}

static void a_frame_used_before_it_was_published_packed(void **state)
{
    struct fixture *x = *state;

    x->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
    sent_before_published(x);
}

/* ---- memory, time ---- */

static void less_memory(struct fixture *x)
{
    struct virtio_net *n = calloc(1, sizeof(*n));
    size_t enough;

    assert_int_equal(bring_up(x, n), 0);
    enough = x->memory.used;
    for (x->memory.size = 0; x->memory.size < enough; x->memory.size += 97) {
        assert_int_equal(bring_up(x, n), ERR_DEVICE);
        assert_int_equal(n->dev.reason, VIRTIO_FAILURE_MEMORY);
        assert_int_equal(x->f.reg[VIRTIO_MMIO_STATUS / 4], 0);
    }
    x->memory.size = enough;
    assert_int_equal(bring_up(x, n), 0);
    free(n);
}

static void any_less_memory_than_it_takes_is_refused_split(void **state)
{
    less_memory(*state);
}

static void any_less_memory_than_it_takes_is_refused_packed(void **state)
{
    struct fixture *x = *state;

    x->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
    less_memory(x);
}

static void any_less_memory_than_it_takes_is_refused_with_indirect_tables(void **state)
{
    struct fixture *x = *state;

    x->features |= VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
    less_memory(x);
}

static void a_busy_driver_looks_at_the_device_every_100_ms(void **state)
{
    struct fixture *x = *state;
    struct virtio_net *n = calloc(1, sizeof(*n));
    uint64_t at_ns = 7 * NS_PER_S;

    assert_int_equal(bring_up(x, n), 0);
    virtio_net_check(n, at_ns);
    x->f.reg[VIRTIO_MMIO_STATUS / 4] |= VIRTIO_STATUS_DEVICE_NEEDS_RESET;
    virtio_net_check(n, at_ns + 1);
    assert_true(virtio_net_deadline(n) == at_ns + 100 * NS_PER_MS);
    virtio_net_check(n, at_ns + 100 * NS_PER_MS - 1);
    assert_false(n->dev.failed);
    virtio_net_check(n, at_ns + 100 * NS_PER_MS);
    assert_true(n->dev.failed);
    assert_int_equal(n->dev.reason, VIRTIO_FAILURE_NEEDS_RESET);
    assert_true(virtio_net_deadline(n) == DEADLINE_NEVER);
    free(n);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_mtu_is_taken_lowered_or_refused_by_name),
        T(every_size_of_split_queues),
        T(every_size_of_packed_queues),
        T(every_size_of_packed_queues_with_indirect_tables),
        T(every_size_of_legacy_queues),
        T(one_descriptor_is_enough_for_any_layout),
        T(every_size_of_legacy_queues_with_indirect_tables),
        T(a_legacy_ring_above_16_tib_is_refused),
        T(a_modern_ring_lies_anywhere_in_64_bits),
        T(short_frames_without_end_end_a_poll_split),
        T(short_frames_without_end_end_a_poll_packed),
        T(whole_frames_without_end_end_a_poll_split),
        T(whole_frames_without_end_end_a_poll_packed),
        T(a_frame_used_before_it_was_published_split),
        T(a_frame_used_before_it_was_published_packed),
        T(any_less_memory_than_it_takes_is_refused_split),
        T(any_less_memory_than_it_takes_is_refused_packed),
        T(any_less_memory_than_it_takes_is_refused_with_indirect_tables),
        T(a_busy_driver_looks_at_the_device_every_100_ms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
