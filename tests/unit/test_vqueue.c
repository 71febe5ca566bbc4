/*
 * The strict device side of a virtqueue against a driver that is wrong: each row writes descriptors
 * by hand, the device must name the rule that they break, and accept the right ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "memory_bus.h"

enum { SIZE = 4, RING = 0, AVAIL = 0x400, USED = 0x600, TABLE = 0x800, BUFFER = 0x1000 };
enum {
    NEXT = VIRTQ_DESC_F_NEXT,
    WRITE = VIRTQ_DESC_F_WRITE,
    INDIRECT = VIRTQ_DESC_F_INDIRECT,
    LAP_1 = VIRTQ_DESC_F_AVAIL, /* available on the first lap */
    LAP_2 = VIRTQ_DESC_F_USED,
};
#define FIRST UINT64_C(0x7700000000)

struct desc {
    uint32_t at; /* offset of the buffer */
    uint32_t len;
    uint16_t flags;
    uint16_t number; /* next (split), id (packed) */
};

static uint8_t memory[0x8000];
static struct memory_bus bus;
static struct vqueue queue;

static void put(uint32_t offset, unsigned size, uint64_t value)
{
    memcpy(memory + offset, &value, size);
}

static uint64_t get(uint32_t offset, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, memory + offset, size);
    return value;
}

static void start(uint64_t features)
{
    memset(memory, 0, sizeof(memory));
    memory_bus_init(&bus, memory, sizeof(memory), FIRST);
    vqueue_reset(&queue);
    queue.memory = &bus.memory;
    queue.host = &bus.host;
    queue.size = queue.size_max = SIZE;
    queue.desc = FIRST + RING;
    queue.avail = FIRST + AVAIL;
    queue.used = FIRST + USED;
    vqueue_start(&queue, features);
    assert_string_equal(bus.violation, "");
    assert_true(queue.ready);
}

static void split(uint64_t features)
{
    start(features);
}

static void packed(uint64_t features)
{
    start(features | VIRTIO_BIT(VIRTIO_F_RING_PACKED));
}

static void write_desc(uint32_t at, const struct desc *d)
{
    put(at, 8, FIRST + d->at);
    put(at + 8, 4, d->len);
    put(at + 12, 2, queue.packed ? d->number : d->flags);
    put(at + 14, 2, queue.packed ? d->flags : d->number);
}

static void slots(unsigned from, const struct desc *d, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        write_desc(RING + (from + i) * 16, &d[i]);
}

static void table(const struct desc *d, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        write_desc(TABLE + i * 16, &d[i]);
}

#define SLOTS(from, ...)                                                                           \
    slots(from, (const struct desc[]){__VA_ARGS__},                                                \
          sizeof((const struct desc[]){__VA_ARGS__}) / sizeof(struct desc))
#define TABLE_OF(...)                                                                              \
    table((const struct desc[]){__VA_ARGS__},                                                      \
          sizeof((const struct desc[]){__VA_ARGS__}) / sizeof(struct desc))

/* The heads become available; the device looks. */
static void offer(unsigned count, const uint16_t *heads)
{
    uint16_t idx = (uint16_t)get(AVAIL + 2, 2);

    for (unsigned i = 0; i < count; i++)
        put(AVAIL + 4 + (uint32_t)((idx + i) % SIZE) * 2, 2, heads[i]);
    put(AVAIL + 2, 2, idx + count);
    vqueue_fetch(&queue);
}

static void offer_first(void)
{
    offer(1, (const uint16_t[]){0});
}

static void broken(const char *begin)
{
    if (strncmp(bus.violation, begin, strlen(begin)))
        fail_msg("expected '%s', the device said '%s'", begin, bus.violation);
}

static void fine(unsigned held)
{
    assert_string_equal(bus.violation, "");
    assert_int_equal(queue.held_count, held);
}

/* ---- split ---- */

static void split_tables(void **state)
{
    (void)state;
    split(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    TABLE_OF({BUFFER, 12, NEXT, 2}, {0, 0, 0, 0}, {BUFFER + 12, 100, WRITE, 0});
    SLOTS(0, {TABLE, 48, INDIRECT, 0});
    offer_first();
    fine(1);
    assert_int_equal(queue.chain[0].readable, 12);
    assert_int_equal(queue.chain[0].writable, 100);
    assert_int_equal(vqueue_first_len(&queue, 0), 12);
    memory[TABLE + 8] = 13; /* the driver changes it while the device has it */
    vqueue_check_untouched(&queue, 0);
    broken("ring.ownership");

    split(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)); /* direct descriptors may come first: 2.7.5.3.2 */
    TABLE_OF({BUFFER + 12, 100, WRITE, 0});
    SLOTS(0, {BUFFER, 12, NEXT, 1}, {TABLE, 16, INDIRECT, 0});
    offer_first();
    fine(1);
    assert_int_equal(queue.chain[0].writable, 100);

    split(0);
    SLOTS(0, {TABLE, 16, INDIRECT, 0});
    offer_first();
    broken("ring.indirect 2.7.5.3.1 queue 0: a descriptor is INDIRECT, which was not negotiated");

    split(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    SLOTS(0, {TABLE, 16, INDIRECT | NEXT, 1});
    offer_first();
    broken("ring.indirect 2.7.5.3.1 queue 0: a descriptor is both");

    split(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    SLOTS(0, {TABLE, 17, INDIRECT, 0});
    offer_first();
    broken("ring.indirect 2.7.5.3 ");

    split(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    SLOTS(0, {TABLE, 16 * (SIZE + 1), INDIRECT, 0});
    offer_first();
    broken("ring.indirect 2.7.5.3.1 queue 0: an indirect table is longer");

    split(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    TABLE_OF({TABLE + 64, 16, INDIRECT, 0});
    SLOTS(0, {TABLE, 16, INDIRECT, 0});
    offer_first();
    broken("ring.indirect 2.7.5.3.1 queue 0: an indirect table refers to another");

    split(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    TABLE_OF({BUFFER, 1, NEXT, 1}, {BUFFER + 1, 1, NEXT, 0});
    SLOTS(0, {TABLE, 32, INDIRECT, 0});
    offer_first();
    broken("ring.indirect 2.7.5.3.1 queue 0: the chain in an indirect table has no end");

    split(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    TABLE_OF({BUFFER, 1, NEXT, 2}, {BUFFER + 1, 1, 0, 0});
    SLOTS(0, {TABLE, 32, INDIRECT, 0});
    offer_first();
    broken("ring.indirect 2.7.5.3.1 queue 0: the chain in an indirect table has no end");
}

static void split_wishes(void **state)
{
    (void)state;
    split(VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
    SLOTS(0, {BUFFER, 1, 0, 0}, {BUFFER + 1, 1, 0, 0});
    offer(2, (const uint16_t[]){0, 1});
    assert_int_equal(get(USED + 4 + 8 * SIZE, 2), 2); /* avail_event: notify for the next one */
    put(AVAIL, 2, VIRTQ_AVAIL_F_NO_INTERRUPT);
    vqueue_complete(&queue, (unsigned)vqueue_next(&queue), 0);
    assert_true(vqueue_wants_interrupt(&queue)); /* used_event 0 was passed, whatever the flag */
    broken("ring.event 2.7.7.1");
    vqueue_complete(&queue, (unsigned)vqueue_next(&queue), 0);
    assert_false(vqueue_wants_interrupt(&queue));
}

static void split_sleep(void **state)
{
    (void)state;
    split(0); /* asked for without a second look */
    SLOTS(0, {BUFFER, 1, 0, 0});
    put(AVAIL, 2, VIRTQ_AVAIL_F_NO_INTERRUPT);
    offer_first();
    vqueue_complete(&queue, (unsigned)vqueue_next(&queue), 0);
    assert_false(vqueue_wants_interrupt(&queue));
    vqueue_check_asleep(&queue);
    fine(0); /* no notification */
    put(AVAIL, 2, 0);
    vqueue_shown(&queue, FIRST + USED + 2, 1);
    vqueue_check_asleep(&queue);
    fine(0); /* looked */
    vqueue_shown(&queue, FIRST + USED + 2, 0);
    vqueue_check_asleep(&queue);
    broken("interrupt.missed 2.7.14");
}

/* ---- packed ---- */

static void packed_chains(void **state)
{
    (void)state;
    packed(0);
    SLOTS(0, {BUFFER, 12, LAP_1 | NEXT, 9}, {BUFFER + 12, 5, LAP_1 | WRITE, 9},
          {BUFFER + 32, 5, LAP_1, 60000});
    vqueue_fetch(&queue);
    fine(2);
    vqueue_complete(&queue, (unsigned)vqueue_next(&queue), 3);
    assert_int_equal(get(RING + 12, 2), 9);
    assert_int_equal(get(RING + 8, 4), 3);
    assert_int_equal(get(RING + 14, 2), LAP_1 | LAP_2 | WRITE);
    vqueue_complete(&queue, (unsigned)vqueue_next(&queue), 0); /* skips the slot of the second */
    assert_int_equal(get(RING + 32 + 12, 2), 60000);
    assert_int_equal(get(RING + 32 + 14, 2), LAP_1 | LAP_2);
    SLOTS(3, {BUFFER, 1, LAP_1 | NEXT, 9}); /* around the end */
    SLOTS(0, {BUFFER + 1, 1, LAP_2, 9});
    vqueue_fetch(&queue);
    fine(1);
}

static void packed_mistakes(void **state)
{
    (void)state;
    packed(0);
    SLOTS(0, {BUFFER, 1, LAP_2, 0});
    vqueue_fetch(&queue);
    broken("ring.wrap 2.8.1 ");

    packed(0);
    SLOTS(0, {BUFFER, 1, LAP_1 | NEXT, 0}, {BUFFER + 1, 1, 0, 0});
    vqueue_fetch(&queue);
    broken("ring.wrap 2.8.6 ");

    packed(0); /* a list without an end */
    SLOTS(0, {BUFFER, 1, LAP_1 | NEXT, 0}, {BUFFER + 1, 1, LAP_1 | NEXT, 0},
          {BUFFER + 2, 1, LAP_1 | NEXT, 0}, {BUFFER + 3, 1, LAP_1 | NEXT, 0});
    vqueue_fetch(&queue);
    broken("ring.index 2.8.17");

    packed(0);
    SLOTS(0, {BUFFER, 1, LAP_1, 3}, {BUFFER + 1, 1, LAP_1, 3});
    vqueue_fetch(&queue);
    broken("ring.reuse 2.8.21.1");

    packed(0);
    SLOTS(0, {BUFFER, 1, LAP_1 | WRITE | NEXT, 0}, {BUFFER + 1, 1, LAP_1, 0});
    vqueue_fetch(&queue);
    broken("ring.direction 2.8.17");

    packed(0);
    SLOTS(0, {0x7fff, 2, LAP_1, 0});
    vqueue_fetch(&queue);
    broken("ring.dma_address 2.8.4");

    packed(0);
    SLOTS(0, {BUFFER, 8, LAP_1 | VIRTQ_DESC_F_WRITE, 0},
          {BUFFER + 7, 8, LAP_1 | VIRTQ_DESC_F_WRITE, 1});
    vqueue_fetch(&queue);
    broken("ring.overlap");

    packed(0); /* what the device only reads may be the same for all */
    SLOTS(0, {BUFFER, 8, LAP_1, 0}, {BUFFER + 7, 8, LAP_1, 1});
    vqueue_fetch(&queue);
    fine(2);

    packed(0); /* and so may a header that the driver does not read */
    queue.shared = 8;
    SLOTS(0, {BUFFER, 8, LAP_1 | VIRTQ_DESC_F_WRITE, 0},
          {BUFFER, 8, LAP_1 | VIRTQ_DESC_F_WRITE, 1});
    vqueue_fetch(&queue);
    fine(2);

    packed(0); /* the ring is full; the driver continues, one lap too early */
    SLOTS(0, {BUFFER, 1, LAP_1, 0}, {BUFFER + 1, 1, LAP_1, 1}, {BUFFER + 2, 1, LAP_1, 2},
          {BUFFER + 3, 1, LAP_1, 3});
    vqueue_fetch(&queue);
    fine(4);
    SLOTS(0, {BUFFER + 4, 1, LAP_2, 4});
    vqueue_fetch(&queue);
    broken("ring.index 2.8.16");

    packed(0);
    SLOTS(0, {BUFFER, 1, LAP_1, 0});
    vqueue_fetch(&queue);
    put(RING + 8, 4, 2);
    vqueue_check_untouched(&queue, (unsigned)vqueue_next(&queue));
    broken("ring.descriptor_changed 2.8.16");
}

static void packed_stores(void **state)
{
    bool inside = false;

    (void)state;
    packed(0);
    SLOTS(0, {BUFFER, 1, LAP_1, 0});
    vqueue_fetch(&queue);
    assert_true(vqueue_driver_may_store(&queue, FIRST + RING + 16, &inside));
    assert_true(vqueue_driver_may_store(&queue, FIRST + AVAIL, &inside));
    assert_false(vqueue_driver_may_store(&queue, FIRST + USED, &inside));
    assert_false(vqueue_driver_may_store(&queue, FIRST + BUFFER, &inside));
    fine(1);
    vqueue_driver_may_store(&queue, FIRST + RING, &inside);
    broken("ring.descriptor_changed 2.8.16");
}

static void packed_places(void **state)
{
    (void)state;
    packed(0);
    vqueue_reset(&queue);
    queue.size = 3;
    queue.desc = FIRST + RING;
    queue.avail = FIRST + AVAIL + 2;
    queue.used = FIRST + USED;
    vqueue_start(&queue, VIRTIO_BIT(VIRTIO_F_RING_PACKED));
    broken("ring.alignment 2.8.11");

    bus.violation[0] = 0;
    put(RING + 2 * 16 + 14, 2, LAP_1);
    queue.avail = FIRST + AVAIL;
    vqueue_start(&queue, VIRTIO_BIT(VIRTIO_F_RING_PACKED));
    broken("ring.not_cleared 2.8.13");
}

static void packed_tables(void **state)
{
    (void)state;
    packed(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    TABLE_OF({BUFFER, 12, 0, 0}, {BUFFER + 12, 100, WRITE, 0});
    SLOTS(0, {TABLE, 32, LAP_1 | INDIRECT, 7});
    vqueue_fetch(&queue);
    fine(1);
    assert_int_equal(queue.chain[(unsigned)vqueue_peek(&queue)].writable, 100);

    packed(0);
    SLOTS(0, {TABLE, 32, LAP_1 | INDIRECT, 7});
    vqueue_fetch(&queue);
    broken("ring.indirect 2.8.19 queue 0: a descriptor is INDIRECT, which was not negotiated");

    packed(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    TABLE_OF({BUFFER, 12, NEXT, 0}, {BUFFER + 12, 100, WRITE, 0});
    SLOTS(0, {TABLE, 32, LAP_1 | INDIRECT, 7});
    vqueue_fetch(&queue);
    broken("ring.indirect 2.8.19 queue 0: a descriptor in an indirect table has a flag");

    packed(VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC));
    TABLE_OF({BUFFER, 12, 0, 0});
    SLOTS(0, {BUFFER + 64, 1, LAP_1 | NEXT, 7}, {TABLE, 16, LAP_1 | INDIRECT, 7});
    vqueue_fetch(&queue);
    broken("ring.indirect 2.8.19 queue 0: the chain that ends in slot 1 mixes");
}

static void packed_wishes(void **state)
{
    (void)state;
    packed(0); /* event index was not negotiated */
    put(AVAIL, 4, VIRTQ_EVENT_FLAGS_DESC << 16);
    SLOTS(0, {BUFFER, 1, LAP_1, 0});
    vqueue_fetch(&queue);
    vqueue_complete(&queue, (unsigned)vqueue_next(&queue), 0);
    vqueue_wants_interrupt(&queue);
    broken("ring.event 2.8.10");

    packed(VIRTIO_BIT(VIRTIO_F_EVENT_IDX)); /* requests slot 1 */
    assert_int_equal(get(USED, 4), VIRTQ_EVENT_FLAGS_DESC << 16 | VIRTQ_EVENT_WRAP);
    put(AVAIL, 4, VIRTQ_EVENT_FLAGS_DESC << 16 | VIRTQ_EVENT_WRAP | 1);
    SLOTS(0, {BUFFER, 1, LAP_1, 0}, {BUFFER + 1, 1, LAP_1, 1}, {BUFFER + 2, 1, LAP_1, 2});
    vqueue_fetch(&queue);
    assert_int_equal(get(USED, 4), VIRTQ_EVENT_FLAGS_DESC << 16 | VIRTQ_EVENT_WRAP | 3);
    for (unsigned i = 0; i < 3; i++) {
        vqueue_complete(&queue, (unsigned)vqueue_next(&queue), 0);
        assert_int_equal(vqueue_wants_interrupt(&queue), i == 1);
    }
    fine(0);
    vqueue_shown(&queue, FIRST + RING + 2 * 16 + 14, LAP_1); /* slept before slot 2 was used */
    put(AVAIL, 4, VIRTQ_EVENT_FLAGS_DESC << 16 | VIRTQ_EVENT_WRAP | 2);
    vqueue_check_asleep(&queue);
    broken("interrupt.missed 2.8.22");
}

static void packed_notifications(void **state)
{
    (void)state;
    packed(VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
    SLOTS(0, {BUFFER, 1, LAP_1, 0});
    vqueue_shown(&queue, FIRST + USED, get(USED, 4));
    vqueue_check_kick(&queue);
    fine(0);
    vqueue_check_notified(&queue); /* as if it had not come */
    broken("ring.lost_notification 2.8.21.2");

    packed(VIRTIO_BIT(VIRTIO_F_EVENT_IDX));
    SLOTS(0, {BUFFER, 1, LAP_1, 0});
    vqueue_fetch(&queue);
    vqueue_shown(&queue, FIRST + USED, get(USED, 4)); /* requests slot 1, which does not exist */
    vqueue_check_kick(&queue);
    broken("notify.suppressed 2.8.10");

    packed(0);
    vqueue_notifications(&queue, false);
    assert_int_equal(get(USED, 4), VIRTQ_EVENT_FLAGS_DISABLE << 16);
    SLOTS(0, {BUFFER, 1, LAP_1, 0});
    vqueue_check_notified(&queue);
    fine(0);
    vqueue_shown(&queue, FIRST + USED, get(USED, 4));
    vqueue_check_kick(&queue);
    broken("notify.suppressed 2.8.10");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_tables),    cmocka_unit_test(split_wishes),
        cmocka_unit_test(split_sleep),     cmocka_unit_test(packed_chains),
        cmocka_unit_test(packed_mistakes), cmocka_unit_test(packed_stores),
        cmocka_unit_test(packed_places),   cmocka_unit_test(packed_tables),
        cmocka_unit_test(packed_wishes),   cmocka_unit_test(packed_notifications),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
