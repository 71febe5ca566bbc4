/*
 * The packed virtqueue against a device that lies (row V45 of the hostile-device list, and V1-V5,
 * V7, V11 in packed form), and event suppression in both formats: event index around the wrap of
 * 16-bit indices and of the ring, indirect tables, interrupts.
 *
 * The test plays the device by writing used descriptors into the driver's memory.
 */
#include "../../core/base/array.h"
#include "virtq_fixture.h"
#include "../../core/virtio/virtq_internal.h"

enum { USED_LAP_1 = VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED, USED_LAP_2 = 0 };

/* The position of the fake device. */
static uint16_t device_slot;
static bool device_wrap;

static void packed_up(struct fixture *x, uint64_t more_features)
{
    x->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED) | more_features;
    x->memory.used = 0;
    x->f.traced[TRACE_VNET_FAILED] = 0;
    x->notified = 0;
    device_slot = 0;
    device_wrap = true;
    queue_up(x);
    assert_true(x->q.packed);
}

static void split_up(struct fixture *x, uint64_t more_features)
{
    x->features |= more_features;
    x->notified = 0;
    queue_up(x);
    assert_false(x->q.packed);
}

/* Write a used descriptor into the next slot; `count` slots are those of its chain. */
static void device_uses(struct fixture *x, uint16_t id, uint32_t len, unsigned count)
{
    struct virtq_packed_desc *d = &x->q.ring[device_slot];

    d->id.raw = id;
    d->len.raw = len;
    d->flags.raw = device_wrap ? USED_LAP_1 : USED_LAP_2;
    device_slot = (uint16_t)(device_slot + count);
    if (device_slot >= x->q.size) {
        device_slot = (uint16_t)(device_slot - x->q.size);
        device_wrap = !device_wrap;
    }
}

static void nothing_there(struct fixture *x)
{
    uint32_t len;
    void *t;

    assert_int_equal(take(x, &t, &len), 0);
    assert_false(x->dev.failed);
}

static void a_posted_buffer_is_available_on_the_first_lap(void **state)
{
    struct fixture *x = *state;
    struct virtq_seg seg = {FAKE_BUS_OFFSET + 4096, 100};

    packed_up(x, 0);
    assert_int_equal(virtq_add(&x->q, &seg, 0, 1, &token[0]), 0);
    assert_int_equal(x->q.ring[0].flags.raw, 0); /* not yet */
    virtq_publish(&x->q);
    assert_int_equal(x->q.ring[0].flags.raw, VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_WRITE);
    assert_int_equal(x->q.ring[0].addr.raw, FAKE_BUS_OFFSET + 4096);
    assert_int_equal(x->q.ring[0].len.raw, 100);
}

/* The device reads in order, so one head hides all chains after it: 2.8.21.1. */
static void a_batch_becomes_available_by_its_first_head(void **state)
{
    struct fixture *x = *state;
    struct virtq_seg seg[2] = {{1, 10}, {2, 20}};

    packed_up(x, 0);
    assert_int_equal(virtq_add(&x->q, seg, 1, 1, &token[0]), 0);
    assert_int_equal(virtq_add(&x->q, seg, 2, 0, &token[1]), 0);
    assert_int_equal(x->q.ring[0].flags.raw, 0);
    assert_int_equal(x->q.ring[1].flags.raw, VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_WRITE);
    assert_int_equal(x->q.ring[2].flags.raw, VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_NEXT);
    virtq_publish(&x->q);
    assert_int_equal(x->q.ring[0].flags.raw, VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_NEXT);
    assert_int_equal(x->q.ring[0].id.raw, x->q.ring[1].id.raw);
    assert_int_not_equal(x->q.ring[1].id.raw, x->q.ring[2].id.raw);
}

/* Sizes that are no powers of two, chains that end beyond the end of the ring, any order. */
static void laps_of_chains_in_any_order_come_back_whole(void **state)
{
    static const uint32_t size[] = {1, 2, 3, 5, 7, 8};
    struct fixture *x = *state;
    uint64_t r = 1;

    for (unsigned k = 0; k < 6; k++) {
        x->queue_size = size[k];
        packed_up(x, 0);
        for (int round = 0; round < 1000; round++) {
            uint16_t id[TEST_QUEUE];
            unsigned count[TEST_QUEUE], chains = 0;
            struct virtq_seg seg[3] = {{1, 64}, {2, 64}, {3, 64}};

            for (;;) {
                r = r * UINT64_C(6364136223846793005) + 1442695040888963407;
                count[chains] = 1 + (unsigned)(r >> 40) % 3;
                id[chains] = x->q.free_head;
                if (virtq_add(&x->q, seg, 0, count[chains], &token[chains]))
                    break;
                chains++;
            }
            virtq_publish(&x->q);
            for (unsigned i = 0; i < chains; i++) {
                unsigned at = (i + (unsigned)round) % chains;
                uint32_t len;
                void *t;

                device_uses(x, id[at], 1 + at, count[at]);
                assert_int_equal(take(x, &t, &len), 1);
                assert_ptr_equal(t, &token[at]);
                assert_int_equal(len, 1 + at);
            }
            nothing_there(x);
            assert_int_equal(x->q.in_flight, 0);
            assert_int_equal(x->q.free_count, size[k]);
        }
    }
}

/* ---- lies ---- */

static void v45_an_id_out_of_range_gives_the_device_up(void **state)
{
    static const uint16_t id[] = {TEST_QUEUE, TEST_QUEUE + 1, 0x8000, 0xffff};
    struct fixture *x = *state;

    for (unsigned i = 0; i < 4; i++) {
        packed_up(x, 0);
        post(x, 0, 64, true);
        device_uses(x, id[i], 10, 1);
        expect_broken(x, VIRTIO_FAILURE_USED_ID);
    }
}

static void v45_an_id_that_is_not_in_flight_is_rejected(void **state)
{
    struct fixture *x = *state;

    packed_up(x, 0);
    post(x, 0, 64, true);
    device_uses(x, 5, 10, 1);
    expect_broken(x, VIRTIO_FAILURE_USED_NOT_HEAD);
}

static void v45_a_descriptor_used_before_anything_is_available(void **state)
{
    struct fixture *x = *state;

    packed_up(x, 0);
    nothing_there(x);
    device_uses(x, 0, 10, 1);
    expect_broken(x, VIRTIO_FAILURE_USED_NOT_HEAD);
}

static void v45_the_same_id_twice_is_rejected(void **state)
{
    struct fixture *x = *state;
    uint32_t len;
    void *t;

    packed_up(x, 0);
    post(x, 0, 64, true);
    post(x, 1, 64, true);
    device_uses(x, 0, 10, 1);
    device_uses(x, 0, 10, 1);
    assert_int_equal(take(x, &t, &len), 1);
    expect_broken(x, VIRTIO_FAILURE_USED_NOT_HEAD);
}

/* With a wrong wrap bit a descriptor is not a used one of this lap: nothing comes, nothing breaks.
 */
static void v45_a_wrong_wrap_bit_delivers_nothing(void **state)
{
    static const uint16_t flags[] = {0, VIRTQ_DESC_F_AVAIL, VIRTQ_DESC_F_USED,
                                     VIRTQ_DESC_F_USED | VIRTQ_DESC_F_WRITE};
    struct fixture *x = *state;
    uint32_t len;
    void *t;

    for (unsigned i = 0; i < 4; i++) {
        packed_up(x, 0);
        post(x, 0, 64, true);
        device_uses(x, 0, 10, 1);
        x->q.ring[0].flags.raw = flags[i];
        nothing_there(x);
    }
    packed_up(x, 0); /* and on the second lap those of the first */
    for (int i = 0; i < TEST_QUEUE; i++) {
        post(x, i, 64, true);
        device_uses(x, 0, 10, 1); /* the id that was freed last is taken first */
        assert_int_equal(take(x, &t, &len), 1);
    }
    post(x, 0, 64, true);
    device_uses(x, 0, 10, 1);
    x->q.ring[0].flags.raw = USED_LAP_1;
    nothing_there(x);
}

static void v45_a_length_beyond_the_buffer_is_rejected(void **state)
{
    static const uint32_t lie[] = {65, 0x53355885, 0xffffffff};
    struct fixture *x = *state;

    for (unsigned i = 0; i < 3; i++) {
        packed_up(x, 0);
        post(x, 0, 64, true);
        device_uses(x, 0, lie[i], 1);
        expect_broken(x, VIRTIO_FAILURE_USED_LEN);
    }
}

static void the_length_of_a_chain_that_is_only_read_is_ignored(void **state)
{
    struct fixture *x = *state;
    uint32_t len;
    void *t;

    packed_up(x, 0);
    post(x, 0, 64, false);
    device_uses(x, 0, 0xffffffff, 1);
    assert_int_equal(take(x, &t, &len), 1);
    assert_int_equal(len, 0);
}

static void rewritten_descriptors_change_nothing(void **state)
{
    struct fixture *x = *state;
    struct virtq_seg seg[3] = {{1, 10}, {2, 10}, {3, 10}};
    uint32_t len;
    void *t;

    packed_up(x, 0);
    assert_int_equal(virtq_add(&x->q, seg, 0, 3, &token[0]), 0);
    virtq_publish(&x->q);
    post(x, 1, 64, true);
    memset((void *)x->q.ring, 0xff, TEST_QUEUE * sizeof(*x->q.ring));
    device_uses(x, 0, 30, 3);
    device_uses(x, 1, 64, 1);
    assert_int_equal(take(x, &t, &len), 1);
    assert_ptr_equal(t, &token[0]);
    assert_int_equal(take(x, &t, &len), 1);
    assert_ptr_equal(t, &token[1]);
    assert_int_equal(x->q.used_idx, 4); /* by the driver's own count of the chain */
}

static void random_lies_never_harm(void **state)
{
    struct fixture *x = *state;
    uint64_t r = 1;
    unsigned delivered = 0, broken = 0;

    for (int round = 0; round < 125000; round++) {
        bool out[TEST_QUEUE] = {false};
        uint32_t len;
        void *t;

        packed_up(x, 0);
        for (int i = 0; i < TEST_QUEUE; i++) {
            post(x, i, 64, true);
            out[i] = true;
        }
        for (int i = 0; i < TEST_QUEUE; i++) {
            int got;

            r = r * UINT64_C(6364136223846793005) + 1442695040888963407;
            device_uses(x, (uint16_t)(r >> 33) % 9, (uint32_t)(r >> 20) % 66, 1);
            got = take(x, &t, &len);
            if (got != 1) {
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

static void v27_a_packed_queue_has_any_size_up_to_the_limit(void **state)
{
    struct fixture *x = *state;

    x->queue_size = 32769;
    virtio_mmio_open(&x->dev, &x->f.platform, 0x1000);
    x->features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
    virtio_negotiate(&x->dev, UINT64_MAX);
    assert_int_equal(virtq_setup(&x->q, &x->dev, 0, &x->memory), ERR_DEVICE);
    assert_int_equal(x->dev.reason, VIRTIO_FAILURE_QUEUE_SIZE);
    x->queue_size = 32767; /* the driver takes less */
    packed_up(x, 0);
    assert_int_equal(x->q.size, VIRTQ_SIZE_MAX);
}

/* ---- when to notify ---- */

static void an_event_is_passed_by_the_entry_that_has_its_index(void **state)
{
    static const struct {
        uint16_t event, now, old;
        bool passed;
    } row[] = {
        {0, 1, 0, true},
        {0, 0, 0, false},
        {1, 1, 0, false},
        {4, 5, 0, true},
        {5, 5, 0, false},
        {9, 5, 0, false},
        {0xffff, 5, 0, false},
        {0xffff, 0, 0xffff, true},
        {0xffff, 3, 0xfffe, true},
        {0xfffe, 3, 0xfffe, true},
        {0xfffd, 3, 0xfffe, false},
        {2, 3, 0xfffe, true},
        {3, 3, 0xfffe, false},
        {0, 0, 0xff00, false},
        {0xff00, 0, 0xff00, true},
        {0x7fff, 0x8000, 0x7fff, true},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++)
        assert_int_equal(virtq_passed(row[i].event, row[i].now, row[i].old), row[i].passed);
}

/* One entry at a time over more than 2^16 of them: notified at avail_event and nowhere else. */
static void split_notifies_at_avail_event_across_the_wrap(void **state)
{
    struct fixture *x = *state;
    le16 *avail_event;
    uint32_t len;
    void *t;

    split_up(x, VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
    avail_event = (le16 *)(void *)&x->q.used->ring[TEST_QUEUE];
    x->q.used->flags.raw = VIRTQ_USED_F_NO_NOTIFY; /* is not looked at: 2.7.10.1 */
    for (uint32_t i = 0; i < 70000; i++) {
        uint16_t head = x->q.free_head;

        avail_event->raw = (uint16_t)(i % 3 == 0 ? i : i + 100);
        x->notified = 0;
        post(x, 0, 64, true);
        virtq_kick(&x->q);
        assert_int_equal(x->notified, i % 3 == 0);
        x->q.used->ring[i % TEST_QUEUE].id.raw = head;
        x->q.used->ring[i % TEST_QUEUE].len.raw = 1;
        x->q.used->idx.raw = (uint16_t)(i + 1);
        assert_int_equal(take(x, &t, &len), 1);
    }
}

/* A batch, and the event at each position in it, before it and after it. */
static void a_batch_is_notified_when_the_event_is_anywhere_in_it(void **state)
{
    struct fixture *x = *state;

    for (uint32_t size = 5; size <= TEST_QUEUE; size += 3)
        for (unsigned start = 0; start < 2 * size; start++)
            for (int event = -1; event <= 4; event++) {
                unsigned at = start + (event < 0 ? 2 * size - 1 : (unsigned)event);
                uint32_t len;
                void *t;

                x->queue_size = size;
                packed_up(x, VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
                for (unsigned i = 0; i < start; i++) { /* go there */
                    uint16_t id = x->q.free_head;

                    post(x, 0, 64, true);
                    virtq_kick(&x->q);
                    device_uses(x, id, 1, 1);
                    assert_int_equal(take(x, &t, &len), 1);
                }
                x->q.device_event->raw = VIRTQ_EVENT_FLAGS_DESC << 16 | at % size |
                                         (at / size % 2 ? 0 : VIRTQ_EVENT_WRAP);
                x->notified = 0;
                for (int i = 0; i < 4; i++)
                    post(x, i, 64, true);
                virtq_kick(&x->q);
                assert_int_equal(x->notified, event >= 0 && event < 4);
            }
}

static void packed_notifies_as_the_flags_say(void **state)
{
    struct fixture *x = *state;

    packed_up(x, 0);
    x->q.device_event->raw = VIRTQ_EVENT_FLAGS_DISABLE << 16;
    post(x, 0, 64, true);
    virtq_kick(&x->q);
    assert_int_equal(x->notified, 0);
    x->q.device_event->raw = VIRTQ_EVENT_FLAGS_ENABLE << 16;
    virtq_kick(&x->q);
    assert_int_equal(x->notified, 0); /* nothing new */
    post(x, 1, 64, true);
    virtq_kick(&x->q);
    assert_int_equal(x->notified, 1);
    x->q.device_event->raw = VIRTQ_EVENT_FLAGS_DESC << 16 | 7; /* was not negotiated */
    post(x, 2, 64, true);
    virtq_kick(&x->q);
    assert_int_equal(x->notified, 2);
}

/* ---- interrupts ---- */

static void interrupts_are_off_until_they_are_asked_for(void **state)
{
    struct fixture *x = *state;

    split_up(x, 0);
    assert_int_equal(x->q.avail->flags.raw, VIRTQ_AVAIL_F_NO_INTERRUPT);
    assert_false(virtq_interrupts(&x->q, true));
    assert_int_equal(x->q.avail->flags.raw, 0);
    assert_false(virtq_interrupts(&x->q, false));
    assert_int_equal(x->q.avail->flags.raw, VIRTQ_AVAIL_F_NO_INTERRUPT);

    x->memory.used = 0;
    split_up(x, VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
    assert_int_equal(x->q.avail->flags.raw, 0); /* 2.7.7.1 */
    assert_int_equal(x->q.avail->ring[TEST_QUEUE].raw, 0xffff);
    assert_false(virtq_interrupts(&x->q, true));
    assert_int_equal(x->q.avail->ring[TEST_QUEUE].raw, 0);

    packed_up(x, 0);
    assert_int_equal(x->q.driver_event->raw, VIRTQ_EVENT_FLAGS_DISABLE << 16);
    assert_false(virtq_interrupts(&x->q, true));
    assert_int_equal(x->q.driver_event->raw, VIRTQ_EVENT_FLAGS_DESC << 16 | VIRTQ_EVENT_WRAP);
    assert_false(virtq_interrupts(&x->q, false));
    assert_int_equal(x->q.driver_event->raw, VIRTQ_EVENT_FLAGS_DISABLE << 16);
}

static void what_came_before_interrupts_were_asked_for_is_seen(void **state)
{
    struct fixture *x = *state;
    uint32_t len;
    void *t;

    packed_up(x, 0);
    for (int i = 0; i < TEST_QUEUE; i++) {
        post(x, i, 64, true);
        device_uses(x, 0, 1, 1);
        assert_true(virtq_interrupts(&x->q, true));
        assert_int_equal(take(x, &t, &len), 1);
        assert_false(virtq_interrupts(&x->q, true));
    }
    x->features &= ~VIRTIO_BIT(VIRTIO_F_RING_PACKED);
    x->memory.used = 0;
    split_up(x, 0);
    post(x, 0, 64, true);
    x->q.used->idx.raw = 1;
    assert_true(virtq_interrupts(&x->q, true));
    assert_int_equal(take(x, &t, &len), 1);
    assert_false(virtq_interrupts(&x->q, true));
}

/* ---- indirect tables ---- */

static void a_chain_goes_into_the_table_of_its_id(void **state)
{
    struct fixture *x = *state;
    struct virtq_seg seg[3] = {{1, 10}, {2, 20}, {3, 30}};
    const struct virtq_packed_desc *packed;
    const struct virtq_desc *split;

    split_up(x, VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    for (int i = 0; i < TEST_QUEUE; i++)
        assert_int_equal(virtq_add(&x->q, seg, 1, 2, &token[i]), 0);
    assert_int_equal(virtq_add(&x->q, seg, 1, 2, &token[0]), ERR_AGAIN);
    assert_int_equal(x->q.desc[1].flags.raw, VIRTQ_DESC_F_INDIRECT);
    assert_int_equal(x->q.desc[1].len.raw, 48);
    split = (const void *)(x->q.tables + VIRTQ_INDIRECT_MAX * VIRTQ_DESC_SIZE);
    assert_int_equal(x->q.desc[1].addr.raw, (uint64_t)(uintptr_t)split + FAKE_BUS_OFFSET);
    assert_int_equal(split[0].flags.raw, VIRTQ_DESC_F_NEXT);
    assert_int_equal(split[0].next.raw, 1);
    assert_int_equal(split[1].flags.raw, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE);
    assert_int_equal(split[2].flags.raw, VIRTQ_DESC_F_WRITE);

    packed_up(x, 0);
    assert_int_equal(virtq_add(&x->q, seg, 1, 2, &token[0]), 0);
    virtq_publish(&x->q);
    packed = (const void *)x->q.tables;
    assert_int_equal(x->q.ring[0].flags.raw, VIRTQ_DESC_F_INDIRECT | VIRTQ_DESC_F_AVAIL);
    assert_int_equal(x->q.ring[0].len.raw, 48);
    assert_int_equal(packed[0].flags.raw, 0);
    assert_int_equal(packed[2].flags.raw, VIRTQ_DESC_F_WRITE); /* and no other: 2.8.19 */
    assert_int_equal(packed[2].addr.raw, 3);
}

static void one_buffer_or_very_many_are_direct(void **state)
{
    struct fixture *x = *state;
    struct virtq_seg seg[5] = {{1, 10}, {2, 20}, {3, 30}, {4, 40}, {5, 50}};

    packed_up(x, VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    assert_int_equal(virtq_add(&x->q, seg, 1, 0, &token[0]), 0);
    assert_int_equal(virtq_add(&x->q, seg, 0, 5, &token[1]), 0);
    assert_int_equal(x->q.free_count, TEST_QUEUE - 6);
}

/* The length may be as long as all buffers in the table, and no longer. */
static void v5_the_length_of_an_indirect_chain_is_checked(void **state)
{
    struct fixture *x = *state;
    struct virtq_seg seg[3] = {{1, 10}, {2, 20}, {3, 30}};
    uint32_t len;
    void *t;

    packed_up(x, VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    for (int i = 0; i < 2; i++)
        assert_int_equal(virtq_add(&x->q, seg, 1, 2, &token[i]), 0);
    virtq_publish(&x->q);
    device_uses(x, 0, 50, 1);
    assert_int_equal(take(x, &t, &len), 1);
    assert_int_equal(len, 50);
    device_uses(x, 1, 51, 1);
    expect_broken(x, VIRTIO_FAILURE_USED_LEN);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_posted_buffer_is_available_on_the_first_lap),
        T(a_batch_becomes_available_by_its_first_head),
        T(laps_of_chains_in_any_order_come_back_whole),
        T(v45_an_id_out_of_range_gives_the_device_up),
        T(v45_an_id_that_is_not_in_flight_is_rejected),
        T(v45_a_descriptor_used_before_anything_is_available),
        T(v45_the_same_id_twice_is_rejected),
        T(v45_a_wrong_wrap_bit_delivers_nothing),
        T(v45_a_length_beyond_the_buffer_is_rejected),
        T(the_length_of_a_chain_that_is_only_read_is_ignored),
        T(rewritten_descriptors_change_nothing),
        T(random_lies_never_harm),
        T(v27_a_packed_queue_has_any_size_up_to_the_limit),
        T(an_event_is_passed_by_the_entry_that_has_its_index),
        T(split_notifies_at_avail_event_across_the_wrap),
        T(a_batch_is_notified_when_the_event_is_anywhere_in_it),
        T(packed_notifies_as_the_flags_say),
        T(interrupts_are_off_until_they_are_asked_for),
        T(what_came_before_interrupts_were_asked_for_is_seen),
        T(a_chain_goes_into_the_table_of_its_id),
        T(one_buffer_or_very_many_are_direct),
        T(v5_the_length_of_an_indirect_chain_is_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
