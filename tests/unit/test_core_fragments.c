/*
 * Packets in pieces: echo requests, whose replies show what was put together.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

enum { DATA_MAX = 1480 };

static uint8_t message[DATA_MAX + 64]; /* an echo request */

static void message_build(size_t len)
{
    struct icmp_header *h = (struct icmp_header *)message;
    be16 sum;

    for (size_t i = 0; i < len; i++)
        message[i] = (uint8_t)(i * 7 + i / 256);
    *h = (struct icmp_header){.type = ICMP_ECHO_REQUEST, .id = be16_of(5), .seq = be16_of(6)};
    sum = checksum_finish(checksum_add(0, message, len));
    h->checksum = sum;
}

/* [offset, offset + len) of the message; the last part of it if `last`. */
static void piece_in(struct stack_test *x, uint8_t protocol, uint16_t id, size_t offset, size_t len,
                     bool last)
{
    uint8_t frame[2048];
    size_t size = build_ip(frame, PEER, OWN, protocol, message + offset, len);
    struct ipv4_header *h = (struct ipv4_header *)(frame + FRAME_IP);

    h->id = be16_of(id);
    h->flags_offset = be16_of((uint16_t)(offset / 8 | (last ? 0 : IP_FLAG_MF)));
    h->checksum = be16_of(0);
    h->checksum = checksum_finish(checksum_add(0, h, sizeof(*h)));
    input(x, frame, size);
}

static void fragment_in(struct stack_test *x, uint16_t id, size_t offset, size_t len, bool last)
{
    piece_in(x, IP_PROTOCOL_ICMP, id, offset, len, last);
}

static void expect_reply(struct stack_test *x, size_t len)
{
    struct decoded d;

    run(x);
    d = next_sent(x);
    assert_int_equal(d.icmp_type, ICMP_ECHO_REPLY);
    assert_int_equal(d.payload_len, len - 8);
    assert_memory_equal(d.payload, message + 8, len - 8);
    expect_quiet(x);
}

static void four_pieces_in_any_order_are_one_packet(void **state)
{
    static const size_t at[] = {0, 8, 408, 1000, 1477};
    struct stack_test *x = *state;

    message_build(1477);
    for (unsigned i = 0; i < 256; i++) {
        unsigned order[] = {i % 4, i / 4 % 4, i / 16 % 4, i / 64}, all = 0;

        for (unsigned k = 0; k < 4; k++)
            all |= 1u << order[k];
        if (all != 15)
            continue;
        for (unsigned k = 0; k < 4; k++) {
            expect_quiet(x);
            fragment_in(x, (uint16_t)i, at[order[k]], at[order[k] + 1] - at[order[k]],
                        order[k] == 3);
        }
        expect_reply(x, 1477);
    }
    assert_int_equal(x->s.net.drops_total, 0);
}

static void a_piece_that_comes_twice_is_one(void **state)
{
    struct stack_test *x = *state;

    message_build(100);
    fragment_in(x, 1, 0, 48, false);
    fragment_in(x, 1, 0, 48, false);
    fragment_in(x, 1, 40, 16, false); /* partly the same bytes */
    fragment_in(x, 1, 56, 44, true);
    expect_reply(x, 100);
}

static void other_bytes_for_the_same_place_end_the_packet(void **state)
{
    struct stack_test *x = *state;

    message_build(100);
    fragment_in(x, 1, 0, 48, false);
    message[44]++;
    fragment_in(x, 1, 40, 16, false);
    expect_drop(x, DROP_IP_FRAGMENT);
    message[44]--;
    fragment_in(x, 1, 48, 52, true);
    run(x);
    expect_quiet(x);
    fragment_in(x, 1, 0, 48, false); /* it begins anew, with that last piece */
    expect_reply(x, 100);
}

static void what_cannot_be_a_piece_is_dropped(void **state)
{
    static const struct {
        size_t offset, len;
        bool last;
    } rows[] = {
        {0, 7, false},   {8, 12, false},  {0, 0, false},    {8, 0, true},
        {1480, 1, true}, {1472, 9, true}, {1480, 8, false},
    };
    struct stack_test *x = *state;

    message_build(1480);
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        fragment_in(x, 1, rows[i].offset, rows[i].len, rows[i].last);
        expect_drop(x, DROP_IP_FRAGMENT);
        assert_int_equal(x->s.fragments.used, 0);
    }
}

static void there_is_one_end(void **state)
{
    struct stack_test *x = *state;

    message_build(100);
    fragment_in(x, 1, 48, 8, true);
    fragment_in(x, 1, 48, 16, true); /* another one */
    expect_drop(x, DROP_IP_FRAGMENT);
    fragment_in(x, 1, 48, 8, true);
    fragment_in(x, 1, 56, 8, false); /* something after it */
    expect_drop(x, DROP_IP_FRAGMENT);
    fragment_in(x, 1, 56, 8, false);
    fragment_in(x, 1, 48, 8, true); /* the same, the other way round */
    expect_drop(x, DROP_IP_FRAGMENT);
    assert_int_equal(x->s.fragments.used, 0);
}

static void packets_are_told_apart_and_the_oldest_makes_room(void **state)
{
    struct stack_test *x = *state;

    message_build(100);
    for (uint16_t id = 1; id <= FRAGMENT_SLOTS; id++) {
        at_ms(x, id);
        fragment_in(x, id, 0, 48, false);
    }
    assert_int_equal(x->s.fragments.used, FRAGMENT_SLOTS);
    piece_in(x, IP_PROTOCOL_UDP, 3, 48, 52, true); /* of another protocol: the first one goes */
    expect_drop(x, DROP_IP_FRAGMENT);
    run(x);
    expect_quiet(x);
    fragment_in(x, 3, 48, 52, true);
    expect_reply(x, 100);
    fragment_in(x, 1, 48, 52, true);
    run(x);
    expect_quiet(x);
    assert_int_equal(x->s.fragments.used, FRAGMENT_SLOTS);
    fragment_in(x, 4, 48, 52, true);
    expect_reply(x, 100);
    fragment_in(x, 2, 48, 52, true);
    expect_reply(x, 100);
    assert_int_equal(x->s.fragments.used, FRAGMENT_SLOTS - 2);
}

/* RFC 1122 section 3.3.2; RFC 792 page 6: the sender learns it if the first piece came. */
static void after_a_minute_a_packet_is_given_up(void **state)
{
    struct stack_test *x = *state;
    struct decoded d;

    message_build(100);
    run_at_ms(x, 0);
    fragment_in(x, 1, 0, 48, false);
    piece_in(x, IP_PROTOCOL_UDP, 2, 48, 52, true);
    piece_in(x, IP_PROTOCOL_UDP, 3, 0, 48, false);
    assert_int_equal(stack_deadline(&x->s), x->start_ns + 60 * NS_PER_S);
    run_at_ms(x, 59999);
    expect_quiet(x);
    assert_int_equal(x->s.net.drops[DROP_IP_FRAGMENT], 0);
    run_at_ms(x, 60000);
    assert_int_equal(x->s.net.drops[DROP_IP_FRAGMENT], 3);
    assert_int_equal(x->s.fragments.used, 0);
    assert_true(stack_deadline(&x->s) > x->start_ns + 61 * NS_PER_S);
    d = next_sent(x);
    assert_int_equal(d.icmp_type, ICMP_EXCEEDED);
    assert_int_equal(d.icmp_code, ICMP_EXCEEDED_REASSEMBLY);
    assert_int_equal(d.payload_len, 20 + 8);
    assert_int_equal(d.payload[5], 3); /* its identification */
    assert_memory_equal(d.payload + 20, message, 8);
    expect_quiet(x);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)
    const struct CMUnitTest tests[] = {
        T(four_pieces_in_any_order_are_one_packet),
        T(a_piece_that_comes_twice_is_one),
        T(other_bytes_for_the_same_place_end_the_packet),
        T(what_cannot_be_a_piece_is_dropped),
        T(there_is_one_end),
        T(packets_are_told_apart_and_the_oldest_makes_room),
        T(after_a_minute_a_packet_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
