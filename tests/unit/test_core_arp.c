/*
 * Ethernet and ARP against hostile and odd frames. The ids are those of the threat list: E1-E7,
 * A1-A9.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

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
    assert_int_equal(x->s.net.drops[DROP_ARP_CONFLICT], 12);
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

static void send_word(struct stack_test *x, uint32_t addr, const char word[2])
{
    struct dgram_socket *d;
    uint8_t *payload;

    assert_int_equal(dgram_open(&x->s.dgrams, false, &d), 0);
    dgram_bind(d, 0);
    payload = dgram_begin(&x->s.dgrams, addr);
    assert_non_null(payload);
    memcpy(payload, word, 2);
    dgram_send(d, payload, 2, addr, 99);
    dgram_close(d);
}

static void send_to(struct stack_test *x, uint32_t addr)
{
    send_word(x, addr, "hi");
}

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

static void a9_one_frame_is_parked_and_requests_are_a_second_apart(void **state)
{
    struct stack_test *x = *state;
    uint32_t near = IPV4(10, 0, 2, 50);
    uint8_t frame[100];
    struct decoded d;

    at_ms(x, 0);
    for (unsigned i = 0; i < 99; i++)
        send_to(x, near);
    send_word(x, near, "yo");
    d = next_sent(x);
    assert_int_equal(d.arp_op, 1);
    assert_int_equal(d.arp_tpa, near);
    expect_quiet(x);
    assert_int_equal(x->s.net.drops[DROP_ARP_PARKED], 99);
    run_at_ms(x, 999);
    expect_quiet(x);
    run_at_ms(x, 1000);
    assert_int_equal(next_sent(x).arp_op, 1);
    input(x, frame, build_arp(frame, 2, other_mac, near, OWN));
    d = next_sent(x);
    assert_int_equal(d.layer, LAYER_UDP);
    assert_memory_equal(d.eth_dst, other_mac, 6);
    assert_memory_equal(d.payload, "yo", 2); /* the latest */
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
    x->s.net.gateway = 0;
    send_to(x, IPV4(198, 51, 100, 1));
    expect_drop(x, DROP_IP_NO_ROUTE);
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
