/*
 * Ethernet, ARP, IPv4, ICMP, UDP and DHCP against hostile and odd packets. The ids are those of the
 * threat list: E1-E7, A1-A9, I1-I15, M1-M12, U1-U4, D1-D13.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)
#define N(test) cmocka_unit_test_setup_teardown(test, stack_setup, stack_teardown)

static void expect_drop(struct stack_test *x, enum drop_reason reason)
{
    if (x->s.drops[reason] != 1)
        print_error("expected drop %s\n", trace_drop_word(reason));
    assert_int_equal(x->s.drops[reason], 1);
    assert_int_equal(x->s.drops_total, 1);
    expect_quiet(x);
    x->s.drops[reason] = 0;
    x->s.drops_total = 0;
}

/* ---- Ethernet ---- */

static void e1_e2_frames_of_impossible_length(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[2000] = {0};

    memcpy(frame, own_mac, 6);
    for (size_t len = 0; len < 14; len++) {
        input(x, frame, len);
        expect_drop(x, DROP_ETH_RUNT);
    }
    input(x, frame, 1515);
    expect_drop(x, DROP_ETH_GIANT);
}

static void e4_to_e7_addresses_and_types(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];
    size_t len = build_ip(frame, PEER, OWN, 17, "", 0);

    memcpy(frame + 6, own_mac, 6);
    input(x, frame, len);
    expect_drop(x, DROP_ETH_SOURCE);
    frame[6] = 0x01;
    input(x, frame, len);
    expect_drop(x, DROP_ETH_SOURCE);
    memcpy(frame + 6, peer_mac, 6);
    frame[5] ^= 1;
    input(x, frame, len);
    expect_drop(x, DROP_ETH_OTHER);
    memset(frame, 0xff, 6); /* unicast IP in a broadcast frame */
    input(x, frame, len);
    expect_drop(x, DROP_IP_BROADCAST_FRAME);
    memcpy(frame, own_mac, 6);
    frame[12] = 0x81; /* VLAN */
    frame[13] = 0x00;
    input(x, frame, len);
    expect_drop(x, DROP_ETH_TYPE);
}

/* ---- ARP ---- */

static size_t build_arp(uint8_t *frame, uint16_t op, const uint8_t sha[6], uint32_t spa,
                        uint32_t tpa)
{
    struct arp_packet arp = {.htype = be16_of(1),
                             .ptype = be16_of(0x0800),
                             .hlen = 6,
                             .plen = 4,
                             .op = be16_of(op),
                             .spa = be32_of(spa),
                             .tpa = be32_of(tpa)};

    memcpy(frame, own_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    frame[12] = 0x08;
    frame[13] = 0x06;
    memcpy(arp.sha, sha, 6);
    memcpy(frame + 14, &arp, sizeof(arp));
    return 14 + sizeof(arp);
}

static const uint8_t other_mac[6] = {0x02, 9, 9, 9, 9, 9};

static const struct arp_entry *entry(struct stack_test *x, uint32_t addr)
{
    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        if (x->s.arp.entry[i].state != ARP_FREE && x->s.arp.entry[i].addr == addr)
            return &x->s.arp.entry[i];
    return NULL;
}

static void a1_to_a3_malformed_arp(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];
    size_t len = build_arp(frame, 1, other_mac, IPV4(10, 0, 2, 9), OWN);

    for (size_t i = 14; i < len; i++) {
        input(x, frame, i);
        expect_drop(x, DROP_ARP_SHORT);
    }
    for (unsigned at = 14; at < 20; at++) {
        frame[at] ^= 0x10;
        input(x, frame, len);
        expect_drop(x, DROP_ARP_FORMAT);
        frame[at] ^= 0x10;
    }
    frame[21] = 3;
    input(x, frame, len);
    expect_drop(x, DROP_ARP_OP);
}

static void a4_only_a_request_for_us_creates_an_entry(void **state)
{
    struct stack_test *x = *state;
    uint32_t stranger = IPV4(10, 0, 2, 9);
    uint8_t frame[100];
    struct decoded d;

    at_ms(x, 0);
    input(x, frame, build_arp(frame, 2, other_mac, stranger, OWN));
    expect_drop(x, DROP_ARP_UNASKED);
    input(x, frame, build_arp(frame, 1, other_mac, stranger, PEER));
    expect_drop(x, DROP_ARP_OTHER);
    assert_null(entry(x, stranger));
    input(x, frame, build_arp(frame, 1, other_mac, stranger, OWN));
    d = next_sent(x);
    assert_int_equal(d.arp_op, 2);
    assert_memory_equal(d.eth_dst, other_mac, 6);
    assert_memory_equal(d.arp_sha, own_mac, 6);
    assert_int_equal(d.arp_tpa, stranger);
    assert_non_null(entry(x, stranger));
    /* other unasked traffic may update an entry */
    input(x, frame, build_arp(frame, 2, peer_mac, stranger, OWN));
    assert_memory_equal(entry(x, stranger)->mac, peer_mac, 6);
}

static void a5_a_conflict_is_defended_once_in_ten_seconds_and_never_learned(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];
    size_t len = build_arp(frame, 1, other_mac, OWN, OWN);
    struct decoded d;

    for (unsigned s = 0; s < 12; s++) {
        at_ms(x, s * 1000);
        input(x, frame, len);
    }
    d = next_sent(x);
    assert_int_equal(d.arp_spa, OWN);
    assert_int_equal(d.arp_tpa, OWN);
    next_sent(x);
    expect_quiet(x);
    assert_null(entry(x, OWN));
    assert_int_equal(x->s.drops[DROP_ARP_CONFLICT], 12);
    assert_int_equal(x->f.traced[TRACE_ARP_CONFLICT], 2);
}

static void a6_a7_odd_senders_are_not_learned(void **state)
{
    static const uint32_t odd[] = {IPV4(224, 0, 0, 1), IPV4_BROADCAST, IPV4(127, 0, 0, 1)};
    static const uint8_t group[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct stack_test *x = *state;
    uint8_t frame[100];

    for (unsigned i = 0; i < ARRAY_COUNT(odd); i++) {
        input(x, frame, build_arp(frame, 1, other_mac, odd[i], OWN));
        expect_drop(x, DROP_ARP_ADDRESS);
    }
    input(x, frame, build_arp(frame, 2, group, PEER, OWN));
    expect_drop(x, DROP_ARP_ADDRESS);
    input(x, frame, build_arp(frame, 1, own_mac, PEER, OWN)); /* no other host has our MAC */
    expect_drop(x, DROP_ARP_ADDRESS);
    assert_memory_equal(entry(x, PEER)->mac, peer_mac, 6);
    input(x, frame, build_arp(frame, 1, other_mac, 0, OWN)); /* a probe is answered */
    assert_int_equal(next_sent(x).arp_op, 2);
    assert_null(entry(x, 0));
}

/* RFC 826 asks whether the request is for us, not from which network it comes. */
static void a_request_from_another_network_is_answered_and_not_learned(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];
    struct decoded d;

    input(x, frame, build_arp(frame, 1, other_mac, IPV4(192, 168, 1, 1), OWN));
    d = next_sent(x);
    assert_int_equal(d.arp_op, 2);
    assert_memory_equal(d.eth_dst, other_mac, 6);
    assert_null(entry(x, IPV4(192, 168, 1, 1)));
    input(x, frame, build_arp(frame, 2, other_mac, IPV4(192, 168, 1, 1), OWN));
    expect_drop(x, DROP_ARP_ADDRESS);
}

/* 802.1Q: a tag with VLAN 0 is a priority only. */
static void priority_tags_are_skipped_and_vlans_are_not_ours(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100], plain[100];
    size_t len = build_arp(plain, 1, other_mac, IPV4(10, 0, 2, 9), OWN);

    memcpy(frame, plain, 12);
    memcpy(frame + 12, "\x81\x00\xe0\x00", 4); /* priority 7 */
    memcpy(frame + 16, plain + 12, len - 12);
    input(x, frame, len + 4);
    assert_int_equal(next_sent(x).arp_op, 2);
    assert_non_null(entry(x, IPV4(10, 0, 2, 9)));
    for (size_t cut = 14; cut < 18; cut++) {
        input(x, frame, cut);
        expect_drop(x, DROP_ETH_TYPE);
    }
    frame[15] = 1;
    input(x, frame, len + 4);
    expect_drop(x, DROP_ETH_TYPE);
}

static void a8_a_flood_cannot_evict_the_gateway(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];

    at_ms(x, 0);
    for (uint32_t i = 0; i < 250; i++) {
        input(x, frame, build_arp(frame, 1, other_mac, IPV4(10, 0, 2, 3 + i % 250), OWN));
        x->read = x->sent_count = 0;
    }
    assert_non_null(entry(x, PEER));
    assert_memory_equal(entry(x, PEER)->mac, peer_mac, 6);
}

static void send_to(struct stack_test *x, uint32_t addr);

static void the_neighbour_that_was_unused_for_longest_makes_room(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];

    for (uint32_t i = 0; i < ARP_ENTRIES - 1; i++) { /* and the gateway */
        at_ms(x, 10 + i);
        input(x, frame, build_arp(frame, 1, other_mac, IPV4(10, 0, 2, 100) + i, OWN));
    }
    at_ms(x, 1000);
    send_to(x, IPV4(10, 0, 2, 100));
    for (uint32_t i = 0; i < 3; i++) {
        input(x, frame, build_arp(frame, 1, other_mac, IPV4(10, 0, 2, 200) + i, OWN));
        assert_null(entry(x, IPV4(10, 0, 2, 101) + i));
        assert_non_null(entry(x, IPV4(10, 0, 2, 102) + i));
    }
    assert_non_null(entry(x, IPV4(10, 0, 2, 100)));
    assert_non_null(entry(x, PEER));
}

static void send_to(struct stack_test *x, uint32_t addr)
{
    struct dgram_socket *d;
    uint8_t *payload;

    assert_int_equal(dgram_open(&x->s, false, &d), 0);
    dgram_bind(&x->s, d, 0);
    payload = dgram_begin(&x->s, addr);
    assert_non_null(payload);
    memcpy(payload, "hi", 2);
    dgram_send(&x->s, d, payload, 2, addr, 99);
    dgram_close(d);
}

static void a9_one_frame_is_parked_and_requests_are_a_second_apart(void **state)
{
    struct stack_test *x = *state;
    uint32_t near = IPV4(10, 0, 2, 50);
    uint8_t frame[100];
    struct decoded d;

    at_ms(x, 0);
    for (unsigned i = 0; i < 100; i++)
        send_to(x, near);
    d = next_sent(x);
    assert_int_equal(d.arp_op, 1);
    assert_int_equal(d.arp_tpa, near);
    expect_quiet(x);
    assert_int_equal(x->s.drops[DROP_ARP_PARKED], 99);
    run_at_ms(x, 999);
    expect_quiet(x);
    run_at_ms(x, 1000);
    assert_int_equal(next_sent(x).arp_op, 1);
    input(x, frame, build_arp(frame, 2, other_mac, near, OWN));
    d = next_sent(x);
    assert_int_equal(d.layer, LAYER_UDP);
    assert_memory_equal(d.eth_dst, other_mac, 6);
    expect_quiet(x);
}

static void an_unanswered_neighbour_fails_and_is_asked_again_only_later(void **state)
{
    struct stack_test *x = *state;
    uint32_t near = IPV4(10, 0, 2, 50);

    at_ms(x, 0);
    send_to(x, near);
    for (unsigned s = 1; s < 5; s++)
        run_at_ms(x, s * 1000);
    assert_int_equal(x->sent_count, 3);
    assert_int_equal(x->f.traced[TRACE_ARP_FAILED], 1);
    assert_int_equal(x->lent, 0);
    at_ms(x, 4000);
    send_to(x, near);
    assert_int_equal(x->sent_count, 4);
    at_ms(x, 4001);
    send_to(x, near);
    assert_int_equal(x->sent_count, 4);
}

static void a_stale_neighbour_is_used_and_asked_and_forgotten(void **state)
{
    struct stack_test *x = *state;
    uint32_t near = IPV4(10, 0, 2, 50);
    uint8_t frame[100];

    at_ms(x, 0);
    input(x, frame, build_arp(frame, 1, other_mac, near, OWN));
    x->read = x->sent_count;
    run_at_ms(x, 61000);
    send_to(x, near);
    assert_int_equal(next_sent(x).arp_op, 1);        /* asked */
    assert_int_equal(next_sent(x).layer, LAYER_UDP); /* and used all the same */
    for (unsigned s = 62; s < 66; s++) {
        run_at_ms(x, s * 1000);
        if (s < 64)
            send_to(x, near);
    }
    assert_int_equal(entry(x, near)->state, ARP_FAILED);
    input(x, frame, build_arp(frame, 1, other_mac, IPV4(10, 0, 2, 51), OWN));
    run_at_ms(x, 200000);
    run_at_ms(x, 1000000);
    assert_null(entry(x, IPV4(10, 0, 2, 51)));
}

static void neighbours_age_at_exactly_a_minute_and_ten(void **state)
{
    struct stack_test *x = *state;
    uint32_t near = IPV4(10, 0, 2, 50);
    uint8_t frame[100];

    at_ms(x, 0);
    input(x, frame, build_arp(frame, 1, other_mac, near, OWN));
    x->read = x->sent_count;
    run_at_ms(x, 59999);
    send_to(x, near);
    assert_int_equal(next_sent(x).layer, LAYER_UDP);
    expect_quiet(x); /* fresh: no request */
    run_at_ms(x, 60000);
    assert_int_equal(entry(x, near)->state, ARP_STALE);
    run_at_ms(x, 59999 + 599999); /* ten minutes after its last use */
    assert_non_null(entry(x, near));
    run_at_ms(x, 59999 + 600000);
    assert_null(entry(x, near));
}

static void a_frame_is_60_bytes_at_least_and_1514_at_most(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[2000] = {0}, payload[1480] = {8};
    struct icmp_header *icmp = (struct icmp_header *)payload;

    at_ms(x, 0);
    send_to(x, IPV4(10, 0, 2, 50));
    assert_int_equal(x->sent[x->sent_count - 1].len, 60);
    icmp->checksum = checksum_finish(checksum_add(0, payload, sizeof(payload)));
    x->read = x->sent_count;
    input(x, frame, build_ip(frame, PEER, OWN, IP_PROTOCOL_ICMP, payload, sizeof(payload)));
    assert_int_equal(next_sent(x).layer, LAYER_ICMP);
    assert_int_equal(x->sent[x->sent_count - 1].len, 1514);
}

static void frames_off_the_subnet_go_to_the_gateway_and_without_one_nowhere(void **state)
{
    struct stack_test *x = *state;

    send_to(x, IPV4(198, 51, 100, 1));
    assert_memory_equal(next_sent(x).eth_dst, peer_mac, 6);
    x->s.gateway = 0;
    send_to(x, IPV4(198, 51, 100, 1));
    expect_drop(x, DROP_IP_NO_ROUTE);
}

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
        x->s.icmp_errors.whole_ns = UINT64_MAX; /* the limit is used up: quiet */
        input(x, frame, len);
        if (routed[i]) {
            expect_drop(x, DROP_IP_SOURCE_ROUTE);
        } else {
            assert_int_equal(x->s.drops[DROP_IP_PROTOCOL], 1);
            x->s.drops[DROP_IP_PROTOCOL] = x->s.drops[DROP_ICMP_LIMIT] = 0;
            x->s.drops_total = 0;
        }
    }
}

static void i8_fragments_are_dropped(void **state)
{
    static const uint16_t field[] = {0x2000, 0x2001, 0x0001, 0x1fff};
    struct stack_test *x = *state;
    uint8_t frame[100];

    for (unsigned i = 0; i < 4; i++) {
        size_t len = build_ip(frame, PEER, OWN, 17, "12345678", 8);

        frame[20] = (uint8_t)(field[i] >> 8);
        frame[21] = (uint8_t)field[i];
        rebuild_checksum(frame);
        input(x, frame, len);
        expect_drop(x, DROP_IP_FRAGMENT);
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
    assert_memory_equal(d.payload, frame + 14, 28); /* quoted unchanged */
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

static size_t build_icmp(uint8_t *frame, uint32_t dst, const uint8_t *message, size_t len)
{
    uint8_t copy[1600];
    be16 sum;

    memcpy(copy, message, len);
    if (len >= 4) {
        memset(copy + 2, 0, 2);
        sum = checksum_finish(checksum_add(0, copy, len));
        memcpy(copy + 2, &sum, 2);
    }
    return build_ip(frame, PEER, dst, IP_PROTOCOL_ICMP, copy, len);
}

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
}

/* ---- UDP ---- */

static size_t build_udp(uint8_t *frame, uint16_t src_port, uint16_t dst_port, const void *data,
                        size_t len)
{
    uint8_t p[1500];
    struct udp_header h = {be16_of(src_port), be16_of(dst_port), be16_of((uint16_t)(8 + len)),
                           be16_of(0)};

    memcpy(p, &h, 8);
    if (len)
        memcpy(p + 8, data, len);
    h.checksum = checksum_finish(checksum_add(checksum_pseudo(PEER, OWN, 17, 8 + len), p, 8 + len));
    memcpy(p, &h, 8);
    return build_ip(frame, PEER, OWN, 17, p, 8 + len);
}

static void u1_u2_u3_lengths_and_checksums(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *d;
    uint8_t frame[200];
    size_t len;

    dgram_open(&x->s, false, &d);
    dgram_bind(&x->s, d, 7);
    for (unsigned n = 0; n < 8; n++) {
        input(x, frame, build_ip(frame, PEER, OWN, 17, "\0\1\0\7\0\10\0\0", n));
        expect_drop(x, DROP_UDP_LENGTH);
    }
    len = build_udp(frame, 1, 7, "data", 4);
    frame[39] = 7;
    input(x, frame, len);
    expect_drop(x, DROP_UDP_LENGTH);
    frame[39] = 13;
    input(x, frame, len);
    expect_drop(x, DROP_UDP_LENGTH);
    len = build_udp(frame, 1, 7, "data", 4);
    frame[42] ^= 1;
    input(x, frame, len);
    expect_drop(x, DROP_UDP_CHECKSUM);
    frame[40] = frame[41] = 0; /* no checksum */
    input(x, frame, len);
    assert_int_equal(dgram_peek(d)->len, 4);
    dgram_next(d);
    frame[39] = 8; /* shorter than the IP payload: the rest is ignored */
    input(x, frame, len);
    assert_int_equal(dgram_peek(d)->len, 0);
    dgram_close(d);
}

static void a_port_is_bound_once_and_by_one_socket_of_its_kind(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *a, *b, *echo;

    assert_int_equal(dgram_open(&x->s, false, &a), 0);
    assert_int_equal(dgram_open(&x->s, false, &b), 0);
    assert_int_equal(dgram_open(&x->s, true, &echo), 0);
    assert_int_equal(dgram_bind(&x->s, a, 1000), 0);
    assert_int_equal(dgram_bind(&x->s, a, 1000), ERR_INVAL);
    assert_int_equal(dgram_bind(&x->s, a, 1001), ERR_INVAL);
    assert_int_equal(dgram_bind(&x->s, b, 1000), ERR_INUSE);
    assert_int_equal(dgram_bind(&x->s, echo, 1000), 0);
    assert_int_equal(dgram_connect(&x->s, b, PEER, 0), ERR_ADDR);
    assert_int_equal(dgram_connect(&x->s, b, PEER, 1), 0);
    assert_int_equal(dgram_connect(&x->s, echo, PEER, 0), 0);
    dgram_close(a);
    dgram_close(b);
    dgram_close(echo);
}

static void u4_a_closed_port_is_answered_and_the_queue_is_bounded(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *d;
    uint8_t frame[200];

    at_ms(x, 0);
    input(x, frame, build_udp(frame, 1, 7, "data", 4));
    assert_int_equal(next_sent(x).icmp_code, 3);
    x->s.drops_total = x->s.drops[DROP_UDP_PORT] = 0;
    dgram_open(&x->s, false, &d);
    assert_int_equal(dgram_bind(&x->s, d, DHCP_CLIENT_PORT), ERR_INUSE);
    dgram_bind(&x->s, d, 7);
    for (unsigned i = 0; i < DGRAM_QUEUE; i++)
        input(x, frame, build_udp(frame, 1, 7, "data", 4));
    input(x, frame, build_udp(frame, 1, 7, "data", 4));
    expect_drop(x, DROP_UDP_FULL);
    dgram_connect(&x->s, d, PEER, 2);
    input(x, frame, build_udp(frame, 1, 7, "data", 4)); /* not from there */
    assert_int_equal(x->s.drops[DROP_UDP_PORT], 1);
    dgram_close(d);
}

static void a_computed_checksum_of_zero_is_sent_as_ffff(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *d;
    unsigned zero = 0;

    dgram_open(&x->s, false, &d);
    dgram_bind(&x->s, d, 1000);
    for (uint32_t i = 0; i < 65536; i++) { /* one of them sums to zero */
        uint8_t *p = dgram_begin(&x->s, PEER);

        p[0] = (uint8_t)(i >> 8);
        p[1] = (uint8_t)i;
        x->sent_count = 0;
        dgram_send(&x->s, d, p, 2, PEER, 99);
        assert_false(x->sent[0].bytes[40] == 0 && x->sent[0].bytes[41] == 0);
        zero += x->sent[0].bytes[40] == 0xff && x->sent[0].bytes[41] == 0xff;
    }
    assert_int_equal(zero, 1);
    x->read = x->sent_count = 0;
    dgram_close(d);
}

static void icmp_errors_reach_the_socket_that_sent(void **state)
{
    struct stack_test *x = *state;
    uint8_t message[36] = {3, 3}, frame[200];
    struct dgram_socket *d, *e;
    uint8_t *p;

    dgram_open(&x->s, false, &d);
    dgram_bind(&x->s, d, 1000);
    dgram_open(&x->s, true, &e);
    dgram_bind(&x->s, e, 0);
    p = dgram_begin(&x->s, PEER);
    p[0] = 1;
    dgram_send(&x->s, d, p, 1, PEER, 99);
    memcpy(message + 8, x->sent[0].bytes + 14, 28);
    input(x, frame, build_icmp(frame, OWN, message, 36));
    assert_int_equal(dgram_error(d), ERR_REFUSED);
    assert_int_equal(dgram_error(d), 0);
    p = dgram_begin(&x->s, PEER);
    dgram_send(&x->s, e, p, 0, PEER, 1);
    memcpy(message + 8, x->sent[1].bytes + 14, 28);
    message[0] = 11; /* time exceeded */
    input(x, frame, build_icmp(frame, OWN, message, 36));
    assert_int_equal(dgram_error(e), ERR_UNREACH);
    x->read = x->sent_count;
    dgram_close(d);
    dgram_close(e);
}

/* ---- DHCP ---- */

struct dhcp_test {
    uint8_t bytes[600];
    size_t len;
};

static void dhcp_begin(struct stack_test *x, struct dhcp_test *m, uint8_t type, uint32_t yiaddr)
{
    memset(m, 0, sizeof(*m));
    m->bytes[0] = 2;
    m->bytes[1] = 1;
    m->bytes[2] = 6;
    for (int i = 0; i < 4; i++) {
        m->bytes[4 + i] = (uint8_t)(x->s.dhcp.xid >> (24 - 8 * i));
        m->bytes[16 + i] = (uint8_t)(yiaddr >> (24 - 8 * i));
    }
    memcpy(m->bytes + 28, own_mac, 6);
    memcpy(m->bytes + 236, "\x63\x82\x53\x63\x35\x01", 6);
    m->bytes[242] = type;
    m->len = 243;
}

static void dhcp_option(struct dhcp_test *m, uint8_t code, uint32_t value)
{
    m->bytes[m->len++] = code;
    m->bytes[m->len++] = 4;
    for (int shift = 24; shift >= 0; shift -= 8)
        m->bytes[m->len++] = (uint8_t)(value >> shift);
}

static void dhcp_deliver(struct stack_test *x, struct dhcp_test *m)
{
    uint8_t *copy = malloc(m->len);

    memcpy(copy, m->bytes, m->len);
    dhcp_input(&x->s, PEER, copy, m->len);
    free(copy);
}

static void dhcp_answer(struct stack_test *x, uint8_t type, uint32_t addr, uint32_t lease_s)
{
    struct dhcp_test m;

    dhcp_begin(x, &m, type, addr);
    dhcp_option(&m, 54, PEER);
    dhcp_option(&m, 1, IPV4(255, 255, 255, 0));
    dhcp_option(&m, 3, PEER);
    dhcp_option(&m, 51, lease_s);
    m.bytes[m.len++] = 255;
    dhcp_deliver(x, &m);
}

static void selecting(struct stack_test *x)
{
    run_at_ms(x, 0);
    assert_int_equal(next_sent(x).dhcp_type, 1);
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
}

static void bound(struct stack_test *x, uint32_t lease_s)
{
    struct decoded d;

    selecting(x);
    dhcp_answer(x, 2, OWN, lease_s);
    d = next_sent(x);
    assert_int_equal(d.dhcp_type, 3);
    assert_int_equal(d.dhcp_requested, OWN);
    assert_int_equal(d.dhcp_server, PEER);
    assert_int_equal(d.dhcp_ciaddr, 0);
    assert_int_equal(d.ip_src, 0);
    assert_int_equal(x->s.addr, 0); /* not before the ACK */
    dhcp_answer(x, 5, OWN, lease_s);
    assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
    assert_int_equal(x->s.addr, OWN);
    assert_int_equal(next_sent(x).arp_spa, OWN); /* announced */
}

/* RFC 2131 section 4.1: each is uniform from a second less to a second more. */
static void the_back_off_is_4_8_16_32_64_64_within_a_second(void **state)
{
    static const uint64_t wait_s[] = {4, 8, 16, 32, 64};
    struct stack_test *x = *state;
    unsigned quarter[8] = {0};

    selecting(x);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t wait = dhcp_deadline(&x->s) - x->s.now_ns;
        uint64_t least_s = wait_s[i < 4 ? i : 4] - 1;

        assert_in_range(wait / NS_PER_MS, least_s * 1000, (least_s + 2) * 1000);
        quarter[(wait - least_s * NS_PER_S) / (NS_PER_S / 4) % 8]++;
        stack_begin(&x->s, dhcp_deadline(&x->s));
        run(x);
        assert_int_equal(next_sent(x).dhcp_type, 1);
    }
    for (unsigned i = 0; i < 8; i++)
        assert_in_range(quarter[i], 1, 40);
}

static void d1_to_d6_malformed_messages_are_dropped(void **state)
{
    struct stack_test *x = *state;
    struct dhcp_test m;

    selecting(x);
    dhcp_begin(x, &m, 2, OWN);
    dhcp_option(&m, 54, PEER);
    dhcp_option(&m, 51, 3600);
    for (size_t len = m.len; len-- > 0;) {
        struct dhcp_test cut = m;

        cut.len = len;
        if (len < 243 || (len > 243 && len < 249) || len > 249) {
            dhcp_deliver(x, &cut); /* cut inside an option, or before the type */
            assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
        }
    }
    for (size_t at = 0; at < 240; at++) { /* op, htype, hlen, xid, chaddr, cookie */
        struct dhcp_test bad = m;
        bool matters = at < 3 || (at >= 4 && at < 8) || (at >= 28 && at < 34) || at >= 236;

        bad.bytes[at] ^= 0x40;
        if (!matters)
            continue;
        dhcp_deliver(x, &bad);
        assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
    }
    for (unsigned code = 0; code < 256; code++) { /* every option with every wrong length */
        for (unsigned len = 0; len < 40; len += len < 6 ? 1 : 7) {
            struct dhcp_test odd;

            dhcp_begin(x, &odd, 2, 0);
            odd.bytes[odd.len++] = (uint8_t)code;
            odd.bytes[odd.len++] = (uint8_t)len;
            odd.len += len;
            dhcp_deliver(x, &odd);
            assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
        }
    }
    dhcp_begin(x, &m, 2, OWN); /* the good one still works */
    dhcp_option(&m, 54, PEER);
    dhcp_option(&m, 51, 3600);
    dhcp_deliver(x, &m);
    assert_int_equal(x->s.dhcp.state, DHCP_REQUESTING);
}

static void an_option_of_a_wrong_length_spoils_the_whole_message(void **state)
{
    static const uint8_t codes[] = {1, 3, 6, 51, 54, 58, 59, 53};
    struct stack_test *x = *state;

    selecting(x);
    for (unsigned i = 0; i < sizeof(codes); i++) {
        for (uint8_t len = 0; len < 10; len++) {
            bool list = codes[i] == 3 || codes[i] == 6; /* routers, resolvers */
            struct dhcp_test m;

            if (codes[i] == 53 ? len == 1 : len == 4 || (list && len == 8))
                continue;
            dhcp_begin(x, &m, 2, OWN);
            dhcp_option(&m, 54, PEER);
            dhcp_option(&m, 51, 3600);
            m.bytes[m.len++] = codes[i];
            m.bytes[m.len++] = len;
            for (unsigned k = 0; k < len; k++)
                m.bytes[m.len++] = 1;
            dhcp_deliver(x, &m);
            assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
        }
    }
    dhcp_answer(x, 2, OWN, 3600);
    assert_int_equal(x->s.dhcp.state, DHCP_REQUESTING);
}

/* RFC 2131 table 1: whole seconds since the client began. */
static void secs_counts_from_the_first_discover(void **state)
{
    struct stack_test *x = *state;
    uint64_t began_ns;

    selecting(x);
    began_ns = x->s.now_ns;
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *secs;

        stack_begin(&x->s, dhcp_deadline(&x->s));
        run(x);
        secs = x->sent[x->sent_count - 1].bytes + 14 + 20 + 8 + 8;
        assert_int_equal(secs[0] << 8 | secs[1], (x->s.now_ns - began_ns) / NS_PER_S);
    }
}

/* A message that the device has no room for is not waited for: its time-out repeats it. */
static void without_room_a_dhcp_message_is_counted_and_comes_with_its_next_time_out(void **state)
{
    struct stack_test *x = *state;

    x->room = 0;
    stack_begin(&x->s, dhcp_deadline(&x->s));
    run(x);
    expect_quiet(x);
    expect_drop(x, DROP_TX_FULL);
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
    x->room = ROOM_ALWAYS;
    run(x);
    expect_quiet(x);
    stack_begin(&x->s, dhcp_deadline(&x->s));
    run(x);
    assert_int_equal(next_sent(x).dhcp_type, DHCP_DISCOVER);
    expect_quiet(x);
}

static void d9_lease_arithmetic(void **state)
{
    static const uint32_t row[][3] = {{3600, 3600, 1},
                                      {3600, 0, 0},
                                      {3600, 1800, 0xffffffff},
                                      {3600, 0xffffffff, 0xffffffff},
                                      {8, 8, 8},
                                      {0xfffffffe, 0, 0}};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < 6; i++) {
        struct dhcp_test m;
        struct dhcp_client *d = &x->s.dhcp;

        at_ms(x, 0);
        dhcp_init(&x->s);
        stack_set_address(&x->s, 0, 0, 0, 0);
        x->read = x->sent_count = 0;
        selecting(x);
        dhcp_answer(x, 2, OWN, row[i][0]);
        dhcp_begin(x, &m, 5, OWN);
        dhcp_option(&m, 54, PEER);
        dhcp_option(&m, 1, IPV4(255, 255, 255, 0));
        dhcp_option(&m, 51, row[i][0]);
        dhcp_option(&m, 58, row[i][1]);
        dhcp_option(&m, 59, row[i][2]);
        dhcp_deliver(x, &m);
        assert_int_equal(d->state, DHCP_BOUND);
        assert_true(d->request_ns < d->t1_ns && d->t1_ns < d->t2_ns && d->t2_ns < d->expiry_ns);
        assert_true(d->expiry_ns == d->request_ns + row[i][0] * NS_PER_S);
    }
}

static void d10_offers_that_cannot_be_used_do_not_stand_in_the_way_of_others(void **state)
{
    static const uint32_t bad[] = {0,
                                   IPV4_BROADCAST,
                                   IPV4(224, 0, 0, 1),
                                   IPV4(127, 0, 0, 1),
                                   IPV4(10, 0, 2, 255),
                                   IPV4(10, 0, 2, 0)};
    struct stack_test *x = *state;

    uint64_t again;

    selecting(x);
    again = dhcp_deadline(&x->s);
    for (unsigned i = 0; i < 6; i++)
        dhcp_answer(x, 2, bad[i], 3600);
    dhcp_answer(x, 2, OWN, 7); /* could not be renewed in time */
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
    assert_true(dhcp_deadline(&x->s) == again); /* nothing is asked sooner for them */
    assert_int_equal(x->sent_count, x->read);
    dhcp_answer(x, 2, OWN, 3600);
    assert_int_equal(x->s.dhcp.state, DHCP_REQUESTING);
    assert_int_equal(next_sent(x).dhcp_requested, OWN);
}

static void d11_messages_out_of_turn_are_ignored(void **state)
{
    struct stack_test *x = *state;

    selecting(x);
    dhcp_answer(x, 5, OWN, 3600); /* an unsolicited ACK */
    dhcp_answer(x, 6, OWN, 3600);
    dhcp_answer(x, 1, OWN, 3600);
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
    dhcp_answer(x, 2, OWN, 3600);
    dhcp_answer(x, 2, IPV4(10, 0, 2, 99), 3600);
    assert_int_equal(x->s.dhcp.offer.addr, OWN);
    dhcp_answer(x, 5, IPV4(10, 0, 2, 99), 3600); /* another address than asked */
    assert_int_equal(x->s.dhcp.state, DHCP_REQUESTING);
    dhcp_answer(x, 5, OWN, 3600);
    assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
    dhcp_answer(x, 6, OWN, 3600); /* a NAK in BOUND */
    dhcp_answer(x, 5, IPV4(10, 0, 2, 99), 3600);
    assert_int_equal(x->s.addr, OWN);
    x->read = x->sent_count;
}

static void renewing_is_unicast_rebinding_broadcast_and_then_it_is_over(void **state)
{
    struct stack_test *x = *state;
    struct decoded d;
    uint8_t frame[100];

    bound(x, 3600);
    at_ms(x, 1);
    input(x, frame, build_arp(frame, 1, peer_mac, PEER, OWN));
    x->read = x->sent_count;
    stack_begin(&x->s, dhcp_deadline(&x->s));
    assert_in_range((x->s.now_ns - x->start_ns) / NS_PER_S, 1700, 1800);
    run(x);
    assert_int_equal(x->s.dhcp.state, DHCP_RENEWING);
    do {
        d = next_sent(x);
    } while (d.layer == LAYER_ARP);
    assert_int_equal(d.dhcp_type, 3);
    assert_int_equal(d.ip_dst, PEER);
    assert_int_equal(d.ip_src, OWN);
    assert_int_equal(d.dhcp_ciaddr, OWN);
    assert_int_equal(d.dhcp_requested, 0);
    assert_int_equal(d.dhcp_server, 0);
    for (unsigned i = 0; i < 20 && x->s.dhcp.state == DHCP_RENEWING; i++) {
        uint64_t before = x->s.now_ns;

        stack_begin(&x->s, dhcp_deadline(&x->s));
        assert_true(x->s.now_ns - before >= 60 * NS_PER_S || x->s.now_ns == x->s.dhcp.t2_ns);
        run(x);
    }
    assert_int_equal(x->s.dhcp.state, DHCP_REBINDING);
    decode_frame(x->sent[x->sent_count - 1].bytes, x->sent[x->sent_count - 1].len, &d);
    assert_int_equal(d.ip_dst, IPV4_BROADCAST);
    assert_int_equal(d.dhcp_ciaddr, OWN);
    stack_begin(&x->s, x->s.dhcp.expiry_ns - 1);
    run(x);
    assert_int_equal(x->s.addr, OWN);
    stack_begin(&x->s, x->s.dhcp.expiry_ns);
    run(x);
    assert_int_equal(x->s.addr, 0);
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
}

static void a_renewal_with_another_address_or_a_nak_gives_the_address_up(void **state)
{
    struct stack_test *x = *state;

    for (unsigned i = 0; i < 2; i++) {
        at_ms(x, 0);
        dhcp_init(&x->s);
        stack_set_address(&x->s, 0, 0, 0, 0);
        x->read = x->sent_count = 0;
        bound(x, 3600);
        stack_begin(&x->s, dhcp_deadline(&x->s));
        run(x);
        assert_int_equal(x->s.dhcp.state, DHCP_RENEWING);
        dhcp_answer(x, i ? 6 : 5, i ? 0 : IPV4(10, 0, 2, 77), 3600);
        assert_int_equal(x->s.addr, 0);
        assert_int_equal(x->s.dhcp.state, DHCP_INIT);
    }
}

static void a_request_that_is_never_answered_starts_over_after_about_a_minute(void **state)
{
    struct stack_test *x = *state;

    selecting(x);
    dhcp_answer(x, 2, OWN, 3600);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(x->s.dhcp.state, DHCP_REQUESTING);
        stack_begin(&x->s, dhcp_deadline(&x->s));
        run(x);
    }
    assert_in_range((x->s.now_ns - x->start_ns) / NS_PER_S, 55, 65);
    run(x);
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
}

/* RFC 2131 section 4.4.5: half of what is left to T2, then of what is left of the lease, and a
 * minute at least. */
static void renewals_come_at_half_of_what_is_left(void **state)
{
    struct stack_test *x = *state;
    struct dhcp_client *d = &x->s.dhcp;

    bound(x, 3600);
    assert_in_range((d->t1_ns - d->request_ns) / NS_PER_MS, 1743750, 1800000);
    assert_in_range((d->t2_ns - d->request_ns) / NS_PER_MS, 3104296, 3150000);
    for (stack_begin(&x->s, dhcp_deadline(&x->s)); x->s.now_ns < d->expiry_ns;
         stack_begin(&x->s, dhcp_deadline(&x->s))) {
        uint64_t until_ns = x->s.now_ns < d->t2_ns ? d->t2_ns : d->expiry_ns;
        uint64_t half_ns = (until_ns - x->s.now_ns) / 2;
        uint64_t next_ns = x->s.now_ns + (half_ns > 60 * NS_PER_S ? half_ns : 60 * NS_PER_S);

        run(x);
        assert_true(dhcp_deadline(&x->s) == (next_ns < until_ns ? next_ns : until_ns));
    }
    assert_true(x->s.now_ns == d->expiry_ns);
}

static void leases_at_the_edge_of_what_can_be_used(void **state)
{
    static const struct {
        uint32_t addr, mask, gateway, lease_s, taken, used_mask, used_gateway;
    } row[] = {
        {OWN, 0xffffff00, PEER, 7, 0, 0, 0}, /* too short to be renewed in time */
        {OWN, 0xffffff00, PEER, 8, 1, 0xffffff00, PEER},
        {OWN, 0xff00ff00, PEER, 60, 0, 0, 0},          /* no mask */
        {OWN, 0xfffffffe, PEER, 60, 1, 0xfffffffe, 0}, /* RFC 3021; the router is elsewhere */
        {OWN, 0, PEER, 60, 1, 0xff000000, PEER},       /* the mask of its class: RFC 950 */
        {IPV4(127, 255, 255, 254), 0, 0, 60, 0, 0, 0},
        {IPV4(126, 0, 0, 1), 0, 0, 60, 1, 0xff000000, 0},
        {IPV4(128, 0, 0, 1), 0, 0, 60, 1, 0xffff0000, 0},
        {IPV4(191, 255, 0, 1), 0, 0, 60, 1, 0xffff0000, 0},
        {IPV4(192, 0, 0, 1), 0, 0, 60, 1, 0xffffff00, 0},
        {IPV4(223, 255, 255, 254), 0, 0, 60, 1, 0xffffff00, 0},
        {IPV4(224, 0, 0, 1), 0, 0, 60, 0, 0, 0},
        {OWN, 0xffffff00, OWN, 60, 1, 0xffffff00, 0}, /* its own router */
        {OWN, 0xffffff00, IPV4(10, 0, 3, 2), 60, 1, 0xffffff00, 0},
        {IPV4(10, 0, 2, 1), 0xffffff00, PEER, 60, 1, 0xffffff00, PEER},
        {IPV4(10, 0, 2, 254), 0xffffff00, PEER, 60, 1, 0xffffff00, PEER},
    };
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        at_ms(x, 0);
        dhcp_init(&x->s);
        stack_set_address(&x->s, 0, 0, 0, 0);
        x->read = x->sent_count = 0;
        selecting(x);
        for (uint8_t type = 2; type <= 5; type += 3) {
            struct dhcp_test m;

            dhcp_begin(x, &m, type, row[i].addr);
            dhcp_option(&m, 54, PEER);
            if (row[i].mask)
                dhcp_option(&m, 1, row[i].mask);
            dhcp_option(&m, 3, row[i].gateway);
            dhcp_option(&m, 51, row[i].lease_s);
            dhcp_deliver(x, &m); /* its last option ends with the message */
        }
        assert_int_equal(x->s.addr, row[i].taken ? row[i].addr : 0);
        assert_int_equal(x->s.mask, row[i].used_mask);
        assert_int_equal(x->s.gateway, row[i].used_gateway);
    }
}

static void an_infinite_lease_has_no_timers(void **state)
{
    struct stack_test *x = *state;

    bound(x, DHCP_LEASE_FOREVER);
    assert_true(dhcp_deadline(&x->s) == DEADLINE_NEVER);
}

static void without_an_address_only_dhcp_is_heard(void **state)
{
    struct stack_test *x = *state;
    static const uint8_t echo[12] = {8};
    uint8_t frame[200];

    selecting(x);
    input(x, frame, build_icmp(frame, OWN, echo, 12));
    input(x, frame, build_udp(frame, 1, 7, "data", 4));
    input(x, frame, build_udp(frame, 1, DHCP_CLIENT_PORT, "data", 4)); /* not from a server */
    input(x, frame, build_ip(frame, PEER, OWN, 6, "12345678901234567890", 20));
    input(x, frame, build_ip(frame, PEER, IPV4_BROADCAST, 6, "12345678901234567890", 20));
    input(x, frame, build_ip(frame, PEER, IPV4_BROADCAST, 1, echo, 12));
    expect_quiet(x);
    assert_int_equal(x->s.drops_total, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(e1_e2_frames_of_impossible_length),
        T(e4_to_e7_addresses_and_types),
        T(a1_to_a3_malformed_arp),
        T(a4_only_a_request_for_us_creates_an_entry),
        T(a5_a_conflict_is_defended_once_in_ten_seconds_and_never_learned),
        T(a6_a7_odd_senders_are_not_learned),
        T(a_request_from_another_network_is_answered_and_not_learned),
        T(priority_tags_are_skipped_and_vlans_are_not_ours),
        T(a8_a_flood_cannot_evict_the_gateway),
        T(the_neighbour_that_was_unused_for_longest_makes_room),
        T(a9_one_frame_is_parked_and_requests_are_a_second_apart),
        T(an_unanswered_neighbour_fails_and_is_asked_again_only_later),
        T(a_stale_neighbour_is_used_and_asked_and_forgotten),
        T(neighbours_age_at_exactly_a_minute_and_ten),
        T(a_frame_is_60_bytes_at_least_and_1514_at_most),
        T(frames_off_the_subnet_go_to_the_gateway_and_without_one_nowhere),
        T(i1_to_i5_malformed_headers),
        T(i6_options_are_skipped_and_source_routes_dropped),
        T(i8_fragments_are_dropped),
        T(i10_unknown_protocols_get_one_icmp_error_in_100_ms),
        T(i11_i12_i13_addresses_and_ttl),
        T(m1_to_m4_echo),
        T(m5_m6_m8_m12_errors_without_meaning),
        T(m9_no_error_about_an_error_or_a_broadcast),
        T(u1_u2_u3_lengths_and_checksums),
        T(a_port_is_bound_once_and_by_one_socket_of_its_kind),
        T(u4_a_closed_port_is_answered_and_the_queue_is_bounded),
        T(a_computed_checksum_of_zero_is_sent_as_ffff),
        T(icmp_errors_reach_the_socket_that_sent),
        N(the_back_off_is_4_8_16_32_64_64_within_a_second),
        N(d1_to_d6_malformed_messages_are_dropped),
        N(an_option_of_a_wrong_length_spoils_the_whole_message),
        N(secs_counts_from_the_first_discover),
        N(without_room_a_dhcp_message_is_counted_and_comes_with_its_next_time_out),
        N(d9_lease_arithmetic),
        N(d10_offers_that_cannot_be_used_do_not_stand_in_the_way_of_others),
        N(d11_messages_out_of_turn_are_ignored),
        N(renewing_is_unicast_rebinding_broadcast_and_then_it_is_over),
        N(a_renewal_with_another_address_or_a_nak_gives_the_address_up),
        N(a_request_that_is_never_answered_starts_over_after_about_a_minute),
        N(renewals_come_at_half_of_what_is_left),
        N(leases_at_the_edge_of_what_can_be_used),
        N(an_infinite_lease_has_no_timers),
        N(without_an_address_only_dhcp_is_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
