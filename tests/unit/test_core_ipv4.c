/*
 * IPv4 and ICMP against hostile and odd packets. The ids are those of the threat list: I1-I15,
 * M1-M12.
 */
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

/* ---- IPv4 ---- */

static void rebuild_checksum(uint8_t *frame)
{
    be16 sum;

    memset(frame + 24, 0, 2);
    sum = checksum_finish(checksum_add(0, frame + 14, (frame[14] & 15) * 4u));
    memcpy(frame + 24, &sum, 2);
}

static void i1_to_i5_malformed_headers(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];
    size_t len = build_ip(frame, PEER, OWN, 17, "12345678", 8);

    for (size_t i = 14; i < 34; i++) {
        input(x, frame, i);
        expect_drop(x, DROP_IP_SHORT);
    }
    for (unsigned v = 0; v < 16; v++) {
        if (v == 4)
            continue;
        frame[14] = (uint8_t)(v << 4 | 5);
        rebuild_checksum(frame);
        input(x, frame, len);
        expect_drop(x, DROP_IP_VERSION);
    }
    for (unsigned ihl = 0; ihl < 16; ihl++) {
        if (ihl >= 5 && ihl <= 7)
            continue;
        frame[14] = (uint8_t)(0x40 | ihl);
        input(x, frame, len);
        expect_drop(x, DROP_IP_HEADER_LEN);
    }
    frame[14] = 0x45;
    for (unsigned total = 0; total < 20; total++) {
        frame[16] = 0;
        frame[17] = (uint8_t)total;
        rebuild_checksum(frame);
        input(x, frame, len);
        expect_drop(x, DROP_IP_TOTAL_LEN);
    }
    frame[16] = frame[17] = 0xff;
    rebuild_checksum(frame);
    input(x, frame, len);
    expect_drop(x, DROP_IP_TOTAL_LEN);
    len = build_ip(frame, PEER, OWN, 17, "12345678", 8);
    frame[22] ^= 1;
    input(x, frame, len);
    expect_drop(x, DROP_IP_CHECKSUM);
}

static void i6_options_are_skipped_and_source_routes_dropped(void **state)
{
    static const uint8_t option[][4] = {
        {131, 4, 4, 0}, {137, 3, 4, 0},  {1, 131, 0, 0},
        {7, 0, 0, 0},   {68, 255, 0, 0}, {0, 131, 4, 4},
    };
    static const bool routed[] = {true, true, true, false, false, false};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < 6; i++) {
        uint8_t frame[100];
        uint8_t payload[12] = {0};
        size_t len;

        memcpy(payload, option[i], 4);
        len = build_ip(frame, PEER, OWN, 200, payload, 12);
        frame[14] = 0x46;
        rebuild_checksum(frame);
        x->s.icmp.errors.whole_ns = UINT64_MAX; /* the limit is used up: quiet */
        input(x, frame, len);
        if (routed[i]) {
            expect_drop(x, DROP_IP_SOURCE_ROUTE);
        } else {
            assert_int_equal(x->s.net.drops[DROP_IP_PROTOCOL], 1);
            x->s.net.drops[DROP_IP_PROTOCOL] = x->s.net.drops[DROP_ICMP_LIMIT] = 0;
            x->s.net.drops_total = 0;
        }
    }
}

static void i10_unknown_protocols_get_one_icmp_error_in_100_ms(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];
    size_t len = build_ip(frame, PEER, OWN, 4, "12345678", 8);
    struct decoded d;

    at_ms(x, 0);
    for (unsigned i = 0; i < 50; i++)
        input(x, frame, len);
    d = next_sent(x);
    assert_int_equal(d.icmp_type, 3);
    assert_int_equal(d.icmp_code, 2);
    assert_memory_equal(d.payload, frame + 14, 28);      /* quoted unchanged */
    assert_int_equal(x->sent[x->read - 1].bytes[15], 0); /* TOS */
    expect_quiet(x);
    at_ms(x, 100);
    input(x, frame, len);
    next_sent(x);
}

static void i11_i12_i13_addresses_and_ttl(void **state)
{
    static const uint32_t bad_source[] = {
        0,   IPV4_BROADCAST,      IPV4(224, 0, 0, 1), IPV4(127, 0, 0, 1),
        OWN, IPV4(10, 0, 2, 255), IPV4(240, 0, 0, 1)};
    static const uint32_t bad_destination[] = {IPV4(10, 0, 2, 16), IPV4(127, 0, 0, 1),
                                               IPV4(8, 8, 8, 8), IPV4(224, 0, 0, 1)};
    struct stack_test *x = *state;
    uint8_t frame[100];
    size_t len;

    for (unsigned i = 0; i < 7; i++) {
        input(x, frame, build_ip(frame, bad_source[i], OWN, 6, "12345678", 8));
        expect_drop(x, DROP_IP_SOURCE);
    }
    for (unsigned i = 0; i < 4; i++) {
        input(x, frame, build_ip(frame, PEER, bad_destination[i], 6, "12345678", 8));
        expect_drop(x, DROP_IP_DESTINATION);
    }
    for (unsigned ttl = 0; ttl < 2; ttl++) {
        len = build_ip(frame, PEER, OWN, 6, "1234", 4);
        frame[22] = (uint8_t)ttl;
        rebuild_checksum(frame);
        input(x, frame, len);
        expect_drop(x, DROP_TCP_SHORT); /* it came as far as TCP */
    }
}

/* ---- ICMP ---- */

static void m1_to_m4_echo(void **state)
{
    struct stack_test *x = *state;
    uint8_t message[1480] = {8, 0, 0, 0, 0x12, 0x34, 0, 1, 'd', 'a', 't', 'a'}, frame[1600];
    struct decoded d;
    size_t len;

    for (size_t i = 0; i < 8; i++) {
        input(x, frame, build_icmp(frame, OWN, message, i));
        expect_drop(x, DROP_ICMP_SHORT);
    }
    input(x, frame, build_icmp(frame, OWN, message, 12));
    d = next_sent(x);
    assert_int_equal(d.icmp_type, 0);
    assert_int_equal(d.icmp_id, 0x1234);
    assert_int_equal(d.ip_src, OWN);
    assert_memory_equal(d.payload, "data", 4);
    input(x, frame, build_icmp(frame, OWN, message, 1480)); /* as large as a packet can be */
    assert_int_equal(next_sent(x).payload_len, 1472);
    len = build_icmp(frame, OWN, message, 12);
    frame[40] ^= 1;
    input(x, frame, len);
    expect_drop(x, DROP_ICMP_CHECKSUM);
    len = build_icmp(frame, IPV4_BROADCAST, message, 12);
    input(x, frame, len);
    expect_drop(x, DROP_ICMP_BROADCAST);
    x->room = 0;
    input(x, frame, build_icmp(frame, OWN, message, 12));
    expect_drop(x, DROP_TX_FULL);
    x->room = ROOM_ALWAYS;
}

/* Short frames are padded: nothing after the packet is part of it. */
static void e3_padding_is_no_payload(void **state)
{
    static const uint8_t message[12] = {8, 0, 0, 0, 0x12, 0x34, 0, 1, 'd', 'a', 't', 'a'};
    struct stack_test *x = *state;
    uint8_t frame[100];
    struct decoded d;

    memset(frame, 'x', sizeof(frame));
    build_icmp(frame, OWN, message, sizeof(message));
    input(x, frame, 60);
    d = next_sent(x);
    assert_int_equal(d.payload_len, 4);
    assert_memory_equal(d.payload, "data", 4);
    for (size_t i = 14 + 20 + sizeof(message); i < 60; i++)
        assert_int_equal(x->sent[x->sent_count - 1].bytes[i], 0);
}

static void m5_m6_m8_m12_errors_without_meaning(void **state)
{
    static const uint8_t ignored[] = {5, 9, 13, 17, 18, 200, 4};
    struct stack_test *x = *state;
    uint8_t message[60] = {3, 3}, frame[200];

    for (size_t len = 8; len < 36; len++) { /* the quote is cut */
        message[8] = 0x45;
        input(x, frame, build_icmp(frame, OWN, message, len));
        expect_drop(x, DROP_ICMP_QUOTE);
    }
    input(x, frame, build_icmp(frame, OWN, message, 60)); /* not from our address */
    expect_drop(x, DROP_ICMP_QUOTE);
    for (unsigned i = 0; i < sizeof(ignored); i++) {
        message[0] = ignored[i];
        input(x, frame, build_icmp(frame, OWN, message, 60));
        expect_drop(x, DROP_ICMP_TYPE);
    }
}

static void m9_no_error_about_an_error_or_a_broadcast(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[200];
    static const uint8_t udp[8] = {0, 99, 0, 98, 0, 8, 0, 0};

    input(x, frame, build_ip(frame, PEER, IPV4_BROADCAST, 17, udp, 8));
    expect_drop(x, DROP_UDP_PORT);
    input(x, frame, build_ip(frame, PEER, IPV4(10, 0, 2, 255), 200, udp, 8));
    expect_drop(x, DROP_IP_PROTOCOL);
    input(x, frame, build_ip(frame, PEER, IPV4(10, 0, 2, 0), 17, udp, 8)); /* the old form */
    expect_drop(x, DROP_UDP_PORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(i1_to_i5_malformed_headers),
        T(i6_options_are_skipped_and_source_routes_dropped),
        T(i10_unknown_protocols_get_one_icmp_error_in_100_ms),
        T(i11_i12_i13_addresses_and_ttl),
        T(m1_to_m4_echo),
        T(e3_padding_is_no_payload),
        T(m5_m6_m8_m12_errors_without_meaning),
        T(m9_no_error_about_an_error_or_a_broadcast),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
