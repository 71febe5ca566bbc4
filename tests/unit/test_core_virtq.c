/*
 * The split virtqueue against a device that lies (rows V1-V8, V11, V12 of the hostile-device list),
 * and the driver's bring-up against registers that lie (V21, V23, V24, V27, V28, V29, V38, V39).
 *
 * Ring words go to memory without hooks here: the test plays the device by writing the used ring.
 */
#include "../../core/port/machine.h"
#include "virtq_fixture.h"

static const struct virtio_options polled;
static const struct virtio_place place = {.bus = VIRTIO_BUS_MMIO, .address = 0x1000};

static void device_uses(struct fixture *x, uint16_t at, uint32_t id, uint32_t len)
{
    x->q.used->ring[at % TEST_QUEUE].id.raw = id;
    x->q.used->ring[at % TEST_QUEUE].len.raw = len;
    x->q.used->idx.raw = (uint16_t)(at + 1);
}

static void a_completion_brings_back_its_token_and_length(void **state)
{
    struct fixture *x = *state;
    uint32_t len;
    void *t;

    queue_up(x);
    post(x, 3, 100, true);
    assert_int_equal(take(x, &t, &len), 0);
    device_uses(x, 0, 0, 60);
    assert_int_equal(take(x, &t, &len), 1);
    assert_ptr_equal(t, &token[3]);
    assert_int_equal(len, 60);
    assert_int_equal(take(x, &t, &len), 0);
    assert_int_equal(x->q.free_count, TEST_QUEUE);
}

static void completions_out_of_order_free_the_right_descriptors(void **state)
{
    struct fixture *x = *state;
    uint32_t len;
    void *t;

    queue_up(x);
    for (int round = 0; round < 1000; round++) {
        uint16_t at = x->q.used_idx;
        uint16_t head[TEST_QUEUE];

        for (int i = 0; i < TEST_QUEUE; i++) {
            head[i] = x->q.free_head;
            post(x, i, 64, i & 1);
        }
        assert_int_equal(virtq_add(&x->q, &(struct virtq_seg){1, 1}, 1, 0, t = x), ERR_AGAIN);
        for (int i = 0; i < TEST_QUEUE; i++) {
            int k = (i * 5 + round) % TEST_QUEUE;

            device_uses(x, (uint16_t)(at + i), head[k], 1);
            assert_int_equal(take(x, &t, &len), 1);
            assert_ptr_equal(t, &token[k]);
            assert_int_equal(len, k & 1); /* chains that are only read have no length */
        }
    }
    assert_int_equal(x->q.in_flight, 0);
}

static void v1_an_id_out_of_range_gives_the_device_up(void **state)
{
    static const uint32_t id[] = {TEST_QUEUE, 0xffff, 0x10000, 0xffffffff};
    struct fixture *x = *state;

    for (unsigned i = 0; i < 4; i++) {
        x->memory.used = 0;
        x->f.traced[TRACE_VNET_FAILED] = 0;
        queue_up(x);
        post(x, 0, 64, true);
        device_uses(x, 0, id[i], 10);
        expect_broken(x, VIRTIO_FAILURE_USED_ID);
    }
}

static void v2_the_second_descriptor_of_a_chain_is_no_head(void **state)
{
    struct fixture *x = *state;
    struct virtq_seg seg[2] = {{1, 10}, {2, 10}};

    queue_up(x);
    virtq_add(&x->q, seg, 0, 2, &token[0]);
    virtq_publish(&x->q);
    device_uses(x, 0, 1, 10);
    expect_broken(x, VIRTIO_FAILURE_USED_NOT_HEAD);
}

static void v3_an_id_that_was_never_posted_is_rejected(void **state)
{
    struct fixture *x = *state;

    queue_up(x);
    post(x, 0, 64, true);
    device_uses(x, 0, 5, 10);
    expect_broken(x, VIRTIO_FAILURE_USED_NOT_HEAD);
}

static void v4_the_same_id_twice_is_rejected(void **state)
{
    struct fixture *x = *state;
    uint32_t len;
    void *t;

    queue_up(x);
    post(x, 0, 64, true);
    post(x, 1, 64, true);
    device_uses(x, 0, 0, 10);
    device_uses(x, 1, 0, 10);
    assert_int_equal(take(x, &t, &len), 1);
    expect_broken(x, VIRTIO_FAILURE_USED_NOT_HEAD);
}

static void v5_a_length_beyond_the_buffer_is_rejected(void **state)
{
    static const uint32_t lie[] = {65, 0x53355885, 0xffffffff};
    struct fixture *x = *state;

    for (unsigned i = 0; i < 3; i++) {
        x->memory.used = 0;
        x->f.traced[TRACE_VNET_FAILED] = 0;
        queue_up(x);
        post(x, 0, 64, true);
        device_uses(x, 0, 0, lie[i]);
        expect_broken(x, VIRTIO_FAILURE_USED_LEN);
    }
}

static void v7_the_length_of_a_transmit_chain_is_ignored(void **state)
{
    struct fixture *x = *state;
    uint32_t len;
    void *t;

    queue_up(x);
    post(x, 0, 64, false);
    device_uses(x, 0, 0, 0xffffffff);
    assert_int_equal(take(x, &t, &len), 1);
    assert_int_equal(len, 0);
}

static void v8_an_index_that_jumps_gives_the_device_up(void **state)
{
    static const uint16_t idx[] = {2, 0xffff, 0x8000, TEST_QUEUE + 1};
    struct fixture *x = *state;

    for (unsigned i = 0; i < 4; i++) {
        x->memory.used = 0;
        x->f.traced[TRACE_VNET_FAILED] = 0;
        queue_up(x);
        post(x, 0, 64, true);
        x->q.used->idx.raw = idx[i];
        expect_broken(x, VIRTIO_FAILURE_USED_INDEX);
    }
}

static void v11_v12_rewritten_descriptors_and_available_ring_change_nothing(void **state)
{
    struct fixture *x = *state;
    uint32_t len;
    void *t;

    queue_up(x);
    post(x, 0, 64, true);
    post(x, 1, 64, true);
    memset((void *)x->q.desc, 0xff, TEST_QUEUE * sizeof(*x->q.desc));
    memset((void *)x->q.avail, 0xff, 4 + 2 * TEST_QUEUE);
    device_uses(x, 0, 0, 64);
    device_uses(x, 1, 1, 64);
    assert_int_equal(take(x, &t, &len), 1);
    assert_ptr_equal(t, &token[0]);
    assert_int_equal(take(x, &t, &len), 1);
    assert_ptr_equal(t, &token[1]);
    post(x, 2, 64, true);
    assert_int_equal(x->q.avail->idx.raw, 3); /* written again from the driver's own */
}

/* Random lies: whatever the device writes, the queue delivers only what was posted, once. */
static void a_million_random_lies_never_harm(void **state)
{
    struct fixture *x = *state;
    uint64_t r = 1;
    unsigned delivered = 0, broken = 0;

    for (int round = 0; round < 125000; round++) {
        bool out[TEST_QUEUE] = {false};
        uint32_t len;
        void *t;

        x->memory.used = 0;
        queue_up(x);
        for (int i = 0; i < TEST_QUEUE; i++) {
            post(x, i, 64, true);
            out[i] = true;
        }
        for (int i = 0; i < TEST_QUEUE; i++) {
            r = r * UINT64_C(6364136223846793005) + 1442695040888963407;
            device_uses(x, (uint16_t)(r >> 60 ? (uint64_t)i : r >> 40), (uint32_t)(r >> 33) % 9,
                        (uint32_t)(r >> 20) % 66);
            if (take(x, &t, &len) != 1) {
                broken++;
                break;
            }
            assert_true(len <= 64);
            assert_true(out[(int *)t - token]);
            out[(int *)t - token] = false;
            delivered++;
        }
    }
    assert_true(delivered > 100000 && broken > 100000);
}

/* ---- bring-up ---- */

static void v38_what_is_not_a_virtio_device_is_left_alone(void **state)
{
    struct fixture *x = *state;

    x->f.reg[VIRTIO_MMIO_DEVICE_ID / 4] = 0;
    assert_int_equal(virtio_mmio_open(&x->dev, &x->f.platform, 0x1000), ERR_NODEV);
    x->f.reg[VIRTIO_MMIO_VERSION / 4] = 3;
    assert_int_equal(virtio_mmio_open(&x->dev, &x->f.platform, 0x1000), ERR_DEVICE);
    x->f.reg[VIRTIO_MMIO_MAGIC_VALUE / 4] = 0x74726977;
    assert_int_equal(virtio_mmio_open(&x->dev, &x->f.platform, 0x1000), ERR_NODEV);
    assert_int_equal(x->f.writes, 0);
}

static void v24_a_reset_that_never_ends_is_given_up(void **state)
{
    struct fixture *x = *state;

    virtio_mmio_open(&x->dev, &x->f.platform, 0x1000);
    x->status_reads_stuck = 0x0f;
    assert_int_equal(virtio_reset(&x->dev), ERR_DEVICE);
    assert_int_equal(x->dev.reason, VIRTIO_FAILURE_RESET);
}

static void v21_refused_features_end_the_bring_up(void **state)
{
    struct fixture *x = *state;

    virtio_mmio_open(&x->dev, &x->f.platform, 0x1000);
    x->refuse_features_ok = true;
    assert_int_equal(virtio_negotiate(&x->dev, UINT64_MAX), ERR_DEVICE);
    assert_int_equal(x->dev.reason, VIRTIO_FAILURE_FEATURES_OK);
}

static void v23_a_modern_device_without_version_1_is_refused(void **state)
{
    struct fixture *x = *state;

    x->features = VIRTIO_BIT(VIRTIO_NET_F_MAC);
    virtio_mmio_open(&x->dev, &x->f.platform, 0x1000);
    assert_int_equal(virtio_negotiate(&x->dev, UINT64_MAX), ERR_DEVICE);
    assert_int_equal(x->dev.reason, VIRTIO_FAILURE_NO_VERSION_1);
}

static void v27_odd_queue_sizes_are_refused(void **state)
{
    static const uint32_t size[] = {0, 3, 32769, 65536};
    struct fixture *x = *state;

    for (unsigned i = 0; i < 4; i++) {
        virtio_mmio_open(&x->dev, &x->f.platform, 0x1000);
        virtio_negotiate(&x->dev, UINT64_MAX);
        x->queue_size = size[i];
        assert_int_equal(virtq_setup(&x->q, &x->dev, 0, &x->memory), ERR_DEVICE);
    }
    virtio_mmio_open(&x->dev, &x->f.platform, 0x1000);
    virtio_negotiate(&x->dev, UINT64_MAX);
    x->queue_size = 32768; /* legal: the driver takes less */
    x->memory.used = 0;
    assert_int_equal(virtq_setup(&x->q, &x->dev, 0, &x->memory), 0);
    assert_int_equal(x->q.size, VIRTQ_SIZE_MAX);
}

static void too_little_dma_memory_is_an_error(void **state)
{
    struct fixture *x = *state;

    virtio_mmio_open(&x->dev, &x->f.platform, 0x1000);
    virtio_negotiate(&x->dev, UINT64_MAX);
    x->memory.size = 100;
    assert_int_equal(virtq_setup(&x->q, &x->dev, 0, &x->memory), ERR_DEVICE);
    assert_int_equal(x->dev.reason, VIRTIO_FAILURE_MEMORY);
}

static void v39_a_queue_that_does_not_become_ready_is_an_error(void **state)
{
    struct fixture *x = *state;

    virtio_mmio_open(&x->dev, &x->f.platform, 0x1000);
    virtio_negotiate(&x->dev, UINT64_MAX);
    x->ready_stuck = true;
    assert_int_equal(virtq_setup(&x->q, &x->dev, 0, &x->memory), ERR_DEVICE);
    assert_int_equal(x->dev.reason, VIRTIO_FAILURE_QUEUE_READY);
}

static void v28_a_configuration_that_never_holds_still_is_an_error(void **state)
{
    struct fixture *x = *state;
    uint8_t buf[6];

    virtio_mmio_open(&x->dev, &x->f.platform, 0x1000);
    x->generation_moves = 1;
    assert_int_equal(virtio_config_read(&x->dev, 0, buf, 6, 1), ERR_DEVICE);
    assert_int_equal(x->dev.reason, VIRTIO_FAILURE_CONFIG);
}

static void v29_absurd_configuration(void **state)
{
    struct fixture *x = *state;
    struct virtio_net *n = calloc(1, sizeof(*n));
    struct rng random;

    x->f.reg[VIRTIO_MMIO_CONFIG / 4] = 0xffffffff; /* a group address */
    for (unsigned seed = 0; seed < 16; seed++) {
        rng_init(&random, seed, 2);
        x->memory.used = 0;
        assert_int_equal(virtio_net_init(n, &x->f.platform, &place, &x->memory, &random, &polled),
                         0);
        assert_int_equal(n->netdev.mac[0] & 3, 2); /* a local unicast address instead */
    }

    x->memory.used = 0;
    x->features |= VIRTIO_BIT(VIRTIO_NET_F_MTU);
    x->f.reg[(VIRTIO_MMIO_CONFIG + 8) / 4] = 67u << 16;
    assert_int_equal(virtio_net_init(n, &x->f.platform, &place, &x->memory, &random, &polled),
                     ERR_DEVICE);
    assert_int_equal(n->dev.reason, VIRTIO_FAILURE_MTU);

    x->memory.used = 0;
    x->f.reg[(VIRTIO_MMIO_CONFIG + 8) / 4] = 65535u << 16;
    assert_int_equal(virtio_net_init(n, &x->f.platform, &place, &x->memory, &random, &polled), 0);
    assert_int_equal(n->netdev.mtu, NETDEV_MTU_MAX);
    free(n);
}

/* V5, V6, V19: valid receive completions. */
static void v6_short_lengths_are_dropped_and_the_buffer_is_posted_again(void **state)
{
    struct fixture *x = *state;
    struct virtio_net *n = calloc(1, sizeof(*n));
    struct frame_view view;
    struct rng random;
    uint16_t posted;

    rng_init(&random, 1, 2);
    assert_int_equal(virtio_net_init(n, &x->f.platform, &place, &x->memory, &random, &polled), 0);
    posted = n->rx.in_flight;
    for (uint32_t len = 0; len < n->header_len; len++) {
        x->q.used = n->rx.used;
        device_uses(x, n->rx.used_idx, n->rx.avail->ring[n->rx.used_idx % TEST_QUEUE].raw, len);
        assert_false(n->netdev.receive(n, &view));
        assert_int_equal(n->rx.in_flight, posted);
    }
    n->rx_slots[0] = 0;
    free(n);
}

static void needs_reset_is_noticed(void **state)
{
    struct fixture *x = *state;
    struct virtio_net *n = calloc(1, sizeof(*n));
    struct rng random;

    rng_init(&random, 1, 2);
    assert_int_equal(virtio_net_init(n, &x->f.platform, &place, &x->memory, &random, &polled), 0);
    x->f.reg[VIRTIO_MMIO_STATUS / 4] |= VIRTIO_STATUS_DEVICE_NEEDS_RESET;
    virtio_net_check(n, 1);
    assert_true(n->dev.failed);
    assert_int_equal(n->dev.reason, VIRTIO_FAILURE_NEEDS_RESET);
    assert_null(n->netdev.alloc(n));
    free(n);
}

static void send_frame(struct virtio_net *n)
{
    n->netdev.send(n, n->netdev.alloc(n), 60);
    virtio_net_kick(n);
}

static void v14_a_transmit_queue_that_stands_still_is_said_once(void **state)
{
    struct fixture *x = *state;
    struct virtio_net *n = calloc(1, sizeof(*n));
    unsigned *said = &x->f.traced[TRACE_VNET_STALLED];
    uint64_t at = 5 * NS_PER_S;
    struct rng random;

    rng_init(&random, 1, 2);
    assert_int_equal(virtio_net_init(n, &x->f.platform, &place, &x->memory, &random, &polled), 0);
    virtio_net_check(n, at); /* nothing is in flight, however long */
    virtio_net_check(n, at += 10 * NS_PER_S);
    send_frame(n);
    send_frame(n);
    virtio_net_check(n, at += 10 * NS_PER_S); /* seen for the first time */
    virtio_net_check(n, at + NS_PER_S - 1);
    assert_int_equal(*said, 0);
    virtio_net_check(n, at += NS_PER_S);
    assert_int_equal(*said, 1);
    assert_int_equal(x->f.last[0], 2);
    virtio_net_check(n, at += 100 * NS_PER_S);
    assert_int_equal(*said, 1);

    x->q.used = n->tx.used; /* one comes back: a new count begins for the other */
    device_uses(x, n->tx.used_idx, n->tx.avail->ring[n->tx.used_idx % TEST_QUEUE].raw, 0);
    virtio_net_check(n, at += NS_PER_S);
    virtio_net_check(n, at + NS_PER_S - 1);
    assert_int_equal(*said, 1);
    virtio_net_check(n, at + NS_PER_S);
    assert_int_equal(*said, 2);
    assert_int_equal(x->f.last[0], 1);
    free(n);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_completion_brings_back_its_token_and_length),
        T(completions_out_of_order_free_the_right_descriptors),
        T(v1_an_id_out_of_range_gives_the_device_up),
        T(v2_the_second_descriptor_of_a_chain_is_no_head),
        T(v3_an_id_that_was_never_posted_is_rejected),
        T(v4_the_same_id_twice_is_rejected),
        T(v5_a_length_beyond_the_buffer_is_rejected),
        T(v7_the_length_of_a_transmit_chain_is_ignored),
        T(v8_an_index_that_jumps_gives_the_device_up),
        T(v11_v12_rewritten_descriptors_and_available_ring_change_nothing),
        T(a_million_random_lies_never_harm),
        T(v38_what_is_not_a_virtio_device_is_left_alone),
        T(v24_a_reset_that_never_ends_is_given_up),
        T(v21_refused_features_end_the_bring_up),
        T(v23_a_modern_device_without_version_1_is_refused),
        T(v27_odd_queue_sizes_are_refused),
        T(too_little_dma_memory_is_an_error),
        T(v39_a_queue_that_does_not_become_ready_is_an_error),
        T(v28_a_configuration_that_never_holds_still_is_an_error),
        T(v29_absurd_configuration),
        T(v6_short_lengths_are_dropped_and_the_buffer_is_posted_again),
        T(needs_reset_is_noticed),
        T(v14_a_transmit_queue_that_stands_still_is_said_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
