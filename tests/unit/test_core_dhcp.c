/*
 * DHCP against hostile and odd messages, and its leases (RFC 2131). The ids are those of the
 * threat list: D1-D13.
 */
#include "../../core/base/array.h"
#include "dhcp_fixture.h"

#define N(test) cmocka_unit_test_setup_teardown(test, stack_setup, stack_teardown)

/* RFC 2131 section 4.1: each is uniform from a second less to a second more. */
static void the_back_off_is_4_8_16_32_64_64_within_a_second(void **state)
{
    static const uint64_t wait_s[] = {4, 8, 16, 32, 64};
    struct stack_test *x = *state;
    unsigned quarter[8] = {0};

    selecting(x);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t wait = dhcp_deadline(&x->s.dhcp) - x->s.net.now_ns;
        uint64_t least_s = wait_s[i < 4 ? i : 4] - 1;

        assert_in_range(wait / NS_PER_MS, least_s * 1000, (least_s + 2) * 1000);
        quarter[(wait - least_s * NS_PER_S) / (NS_PER_S / 4) % 8]++;
        stack_begin(&x->s, dhcp_deadline(&x->s.dhcp));
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

/* RFC 3442: option 121 before option 3. RFC 2131 section 4.4.1: the list of the DISCOVER comes in
 * the REQUEST again. */
static void everything_that_can_be_used_is_asked_for(void **state)
{
    static const uint8_t wanted[] = {1, 121, 3, 6, 12, 15, 26, 42, 51, 54, 58, 59, 119};
    struct stack_test *x = *state;

    selecting(x);
    for (unsigned i = 0; i < 2; i++) {
        size_t len = 0;
        const uint8_t *list = option_sent(x, 55, &len);

        assert_int_equal(len, sizeof(wanted));
        assert_memory_equal(list, wanted, len);
        dhcp_answer(x, 2, OWN, 3600);
    }
    assert_int_equal(x->s.dhcp.state, DHCP_REQUESTING);
}

/* RFC 2131 table 1: whole seconds since the client began. */
static void secs_counts_from_the_first_discover(void **state)
{
    struct stack_test *x = *state;
    uint64_t began_ns;

    selecting(x);
    began_ns = x->s.net.now_ns;
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *secs;

        stack_begin(&x->s, dhcp_deadline(&x->s.dhcp));
        run(x);
        secs = x->sent[x->sent_count - 1].bytes + 14 + 20 + 8 + 8;
        assert_int_equal(secs[0] << 8 | secs[1], (x->s.net.now_ns - began_ns) / NS_PER_S);
    }
}

/* A message that the device has no room for is not waited for: its time-out repeats it. */
static void without_room_a_dhcp_message_is_counted_and_comes_with_its_next_time_out(void **state)
{
    struct stack_test *x = *state;

    x->room = 0;
    stack_begin(&x->s, dhcp_deadline(&x->s.dhcp));
    run(x);
    expect_quiet(x);
    expect_drop(x, DROP_TX_FULL);
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
    x->room = ROOM_ALWAYS;
    run(x);
    expect_quiet(x);
    stack_begin(&x->s, dhcp_deadline(&x->s.dhcp));
    run(x);
    assert_int_equal(next_sent(x).dhcp_type, DHCP_DISCOVER);
    expect_quiet(x);
}

static void d9_lease_arithmetic(void **state)
{
    static const uint32_t row[][3] = {
        {3600, 3600, 1},    {3600, 0, 0}, {3600, 1800, 0xffffffff}, {3600, 0xffffffff, 0xffffffff},
        {3600, 1700, 1700}, {8, 8, 8},    {0xfffffffe, 0, 0}};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct dhcp_test m;
        struct dhcp_client *d = &x->s.dhcp;

        at_ms(x, 0);
        dhcp_init(&x->s.dhcp, &x->s.ip);
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
        if (row[i][1] == 1700) /* T1 must be less than T2: half of it */
            assert_true(d->t1_ns - d->request_ns <= 850 * NS_PER_S);
    }
}

static void padding_and_unknown_options_are_skipped(void **state)
{
    struct stack_test *x = *state;
    struct dhcp_test m;

    selecting(x);
    dhcp_begin(x, &m, 2, OWN);
    m.bytes[m.len++] = 0; /* a pad */
    dhcp_option(&m, 15, 0x6c6f6361);
    m.bytes[m.len++] = 0;
    m.bytes[m.len++] = 0;
    dhcp_option(&m, 54, PEER);
    dhcp_option(&m, 51, 3600);
    dhcp_deliver(x, &m);
    assert_int_equal(x->s.dhcp.state, DHCP_REQUESTING);
    assert_int_equal(x->s.dhcp.offer.lease_s, 3600);
}

/* RFC 3442: the default route among classless routes rules, wherever option 3 is. */
static void classless_routes_rule_over_the_router(void **state)
{
    static const struct {
        uint8_t len, value[20];
        uint32_t gateway; /* PEER: the option has no sense, so that of option 3 */
    } row[] = {
        {5, {0, 10, 0, 2, 3}, IPV4(10, 0, 2, 3)},
        {14, {32, 10, 0, 2, 9, 0, 0, 0, 0, 0, 10, 0, 2, 3}, IPV4(10, 0, 2, 3)},
        {13, {24, 10, 0, 3, 10, 0, 2, 4, 0, 10, 0, 2, 3}, IPV4(10, 0, 2, 3)},
        {12, {17, 10, 0, 3, 10, 0, 2, 4, 0, 10, 0, 2}, PEER}, /* cut */
        {8, {24, 10, 0, 3, 10, 0, 2, 4}, 0},                  /* no default route */
        {10, {0, 10, 0, 2, 3, 0, 10, 0, 2, 4}, IPV4(10, 0, 2, 3)},
        {5, {33, 10, 0, 2, 3}, PEER},
        {9, {33, 10, 0, 2, 3, 10, 0, 2, 3}, PEER},
        {0, {0}, PEER},
    };
    struct stack_test *x = *state;

    for (unsigned i = 0; i < 2 * ARRAY_COUNT(row); i++) {
        unsigned r = i / 2;
        struct dhcp_test m;

        at_ms(x, 0);
        dhcp_init(&x->s.dhcp, &x->s.ip);
        x->read = x->sent_count = 0;
        selecting(x);
        dhcp_begin(x, &m, 2, OWN);
        dhcp_option(&m, 54, PEER);
        dhcp_option(&m, 1, IPV4(255, 255, 255, 0));
        if (i % 2)
            dhcp_option(&m, 3, PEER);
        m.bytes[m.len++] = 121;
        m.bytes[m.len++] = row[r].len;
        memcpy(m.bytes + m.len, row[r].value, row[r].len);
        m.len += row[r].len;
        if (i % 2 == 0)
            dhcp_option(&m, 3, PEER);
        dhcp_deliver(x, &m);
        assert_int_equal(x->s.dhcp.offer.gateway, row[r].gateway);
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
    again = dhcp_deadline(&x->s.dhcp);
    for (unsigned i = 0; i < 6; i++)
        dhcp_answer(x, 2, bad[i], 3600);
    dhcp_answer(x, 2, OWN, 7); /* could not be renewed in time */
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
    assert_true(dhcp_deadline(&x->s.dhcp) == again); /* nothing is asked sooner for them */
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
    assert_int_equal(x->s.net.addr, OWN);
    x->read = x->sent_count;
}

static void renewing_is_unicast_rebinding_broadcast_and_then_it_is_over(void **state)
{
    struct stack_test *x = *state;
    struct decoded d;
    uint8_t frame[100];
    uint32_t first_xid;

    bound(x, 3600);
    first_xid = x->s.dhcp.xid;
    at_ms(x, 1);
    input(x, frame, build_arp(frame, 1, peer_mac, PEER, OWN));
    x->read = x->sent_count;
    stack_begin(&x->s, dhcp_deadline(&x->s.dhcp));
    assert_in_range((x->s.net.now_ns - x->start_ns) / NS_PER_S, 1700, 1800);
    run(x);
    assert_int_equal(x->s.dhcp.state, DHCP_RENEWING);
    do {
        d = next_sent(x);
    } while (d.layer == LAYER_ARP);
    assert_int_equal(d.dhcp_type, 3);
    assert_int_not_equal(d.dhcp_xid, first_xid); /* an exchange of its own */
    assert_int_equal(d.ip_dst, PEER);
    assert_int_equal(d.ip_src, OWN);
    assert_int_equal(d.dhcp_ciaddr, OWN);
    assert_int_equal(d.dhcp_requested, 0);
    assert_int_equal(d.dhcp_server, 0);
    for (unsigned i = 0; i < 20 && x->s.dhcp.state == DHCP_RENEWING; i++) {
        uint64_t before = x->s.net.now_ns;

        stack_begin(&x->s, dhcp_deadline(&x->s.dhcp));
        assert_true(x->s.net.now_ns - before >= 60 * NS_PER_S ||
                    x->s.net.now_ns == x->s.dhcp.t2_ns);
        run(x);
    }
    assert_int_equal(x->s.dhcp.state, DHCP_REBINDING);
    decode_frame(x->sent[x->sent_count - 1].bytes, x->sent[x->sent_count - 1].len, &d);
    assert_int_equal(d.ip_dst, IPV4_BROADCAST);
    assert_int_equal(d.dhcp_ciaddr, OWN);
    stack_begin(&x->s, x->s.dhcp.expiry_ns - 1);
    run(x);
    assert_int_equal(x->s.net.addr, OWN);
    stack_begin(&x->s, x->s.dhcp.expiry_ns);
    run(x);
    assert_int_equal(x->s.net.addr, 0);
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
}

static void a_renewal_with_another_address_or_a_nak_gives_the_address_up(void **state)
{
    struct stack_test *x = *state;

    for (unsigned i = 0; i < 2; i++) {
        at_ms(x, 0);
        dhcp_init(&x->s.dhcp, &x->s.ip);
        stack_set_address(&x->s, 0, 0, 0, 0);
        x->read = x->sent_count = 0;
        bound(x, 3600);
        stack_begin(&x->s, dhcp_deadline(&x->s.dhcp));
        run(x);
        assert_int_equal(x->s.dhcp.state, DHCP_RENEWING);
        dhcp_answer(x, i ? 6 : 5, i ? 0 : IPV4(10, 0, 2, 77), 3600);
        assert_int_equal(x->s.net.addr, 0);
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
        stack_begin(&x->s, dhcp_deadline(&x->s.dhcp));
        run(x);
    }
    assert_in_range((x->s.net.now_ns - x->start_ns) / NS_PER_S, 55, 65);
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
    for (stack_begin(&x->s, dhcp_deadline(&x->s.dhcp)); x->s.net.now_ns < d->expiry_ns;
         stack_begin(&x->s, dhcp_deadline(&x->s.dhcp))) {
        uint64_t until_ns = x->s.net.now_ns < d->t2_ns ? d->t2_ns : d->expiry_ns;
        uint64_t half_ns = (until_ns - x->s.net.now_ns) / 2;
        uint64_t next_ns = x->s.net.now_ns + (half_ns > 60 * NS_PER_S ? half_ns : 60 * NS_PER_S);

        run(x);
        assert_true(dhcp_deadline(&x->s.dhcp) == (next_ns < until_ns ? next_ns : until_ns));
    }
    assert_true(x->s.net.now_ns == d->expiry_ns);
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
        dhcp_init(&x->s.dhcp, &x->s.ip);
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
        assert_int_equal(x->s.net.addr, row[i].taken ? row[i].addr : 0);
        assert_int_equal(x->s.net.mask, row[i].used_mask);
        assert_int_equal(x->s.net.gateway, row[i].used_gateway);
    }
}

/* ---- probes: RFC 5227 ---- */

static void probing(struct stack_test *x)
{
    selecting(x);
    x->s.dhcp.probes = true;
    dhcp_answer(x, 2, OWN, 3600);
    assert_int_equal(next_sent(x).dhcp_type, DHCP_REQUEST);
    dhcp_answer(x, 5, OWN, 3600);
    run(x);
    assert_int_equal(x->s.dhcp.state, DHCP_PROBING);
    assert_int_equal(x->s.net.addr, 0);
}

/* To the next deadline. */
static uint64_t wait_next(struct stack_test *x)
{
    uint64_t before_ns = x->s.net.now_ns;

    assert_true(stack_deadline(&x->s) != DEADLINE_NEVER);
    stack_begin(&x->s, stack_deadline(&x->s));
    run(x);
    return x->s.net.now_ns - before_ns;
}

static void expect_arp(struct stack_test *x, uint32_t spa, uint32_t tpa)
{
    const uint8_t *frame = x->sent[x->read].bytes;
    struct decoded d = next_sent(x);
    static const uint8_t zero[6];

    assert_int_equal(d.layer, LAYER_ARP);
    assert_memory_equal(frame, "\xff\xff\xff\xff\xff\xff", 6);
    assert_int_equal(d.arp_op, 1);
    assert_memory_equal(d.arp_sha, own_mac, 6);
    assert_int_equal(d.arp_spa, spa);
    assert_memory_equal(frame + 32, zero, 6);
    assert_int_equal(d.arp_tpa, tpa);
}

/* Up to a second, three probes one to two seconds apart, two seconds of silence; then the lease
 * begins, and its address is announced twice, two seconds apart (sections 1.1, 2.1.1, 2.3). */
static void an_address_is_probed_three_times_and_announced_twice(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];

    probing(x);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t wait_ns = wait_next(x);

        assert_in_range(wait_ns, i ? NS_PER_S : 0, i ? 2 * NS_PER_S : NS_PER_S);
        expect_arp(x, 0, OWN);
        assert_int_equal(x->s.net.addr, 0);
    }
    assert_int_equal(wait_next(x), 2 * NS_PER_S);
    assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
    assert_int_equal(x->s.net.addr, OWN);
    expect_arp(x, OWN, OWN);
    expect_quiet(x);
    assert_true(x->s.dhcp.expiry_ns == x->s.dhcp.request_ns + 3600 * NS_PER_S);
    assert_int_equal(wait_next(x), 2 * NS_PER_S);
    expect_arp(x, OWN, OWN);
    expect_quiet(x);
    input(x, frame, build_arp(frame, 2, peer_mac, OWN, PEER)); /* now it is defended */
    expect_arp(x, OWN, OWN);
    expect_quiet(x);
    assert_true(wait_next(x) > 1000 * NS_PER_S); /* T1: no address is probed again */
}

/* Other times in other runs. */
static void the_times_of_probes_are_drawn(void **state)
{
    struct stack_test *x = *state;
    unsigned first[4] = {0}, next[4] = {0};

    for (unsigned i = 0; i < 100; i++) {
        at_ms(x, 0);
        dhcp_init(&x->s.dhcp, &x->s.ip);
        x->s.arp.probe.state = ARP_PROBE_NONE;
        x->read = x->sent_count = 0;
        probing(x);
        first[wait_next(x) / (NS_PER_S / 4) % 4]++;
        next[(wait_next(x) - NS_PER_S) / (NS_PER_S / 4) % 4]++;
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_in_range(first[i], 10, 40);
        assert_in_range(next[i], 10, 40);
    }
}

/* RFC 2131 section 3.1(5) and table 5: broadcast from 0, with the address, the server and the
 * client identifier, and nothing that is asked for; ten seconds later it begins again. */
static void an_address_of_another_host_is_declined(void **state)
{
    static const uint8_t other_mac[6] = {2, 9, 9, 9, 9, 9};
    static const struct {
        uint16_t op;
        uint32_t spa, tpa;
        bool own, conflict;
    } row[] = {
        {2, OWN, 0, false, true},    /* the answer to a probe */
        {2, OWN, PEER, false, true}, /* any packet with that sender */
        {1, OWN, PEER, false, true},
        {1, 0, OWN, false, true},                 /* another host's probe */
        {1, OWN, OWN, true, false},               /* our own, mirrored */
        {1, 0, IPV4(10, 0, 2, 16), false, false}, /* a probe for another */
        {2, 0, OWN, false, false},                /* not a probe */
        {1, PEER, OWN, false, false},             /* it asks for it, too */
        {2, PEER, OWN, false, false},
    };
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        uint8_t frame[100];
        struct decoded d;
        size_t len = 0;

        at_ms(x, 0);
        dhcp_init(&x->s.dhcp, &x->s.ip);
        x->s.arp.probe.state = ARP_PROBE_NONE;
        x->read = x->sent_count = 0;
        x->f.traced[TRACE_ARP_CONFLICT] = x->f.traced[TRACE_DHCP_DECLINED] = 0;
        probing(x);
        wait_next(x);
        expect_arp(x, 0, OWN);
        input(
            x, frame,
            build_arp(frame, row[i].op, row[i].own ? own_mac : other_mac, row[i].spa, row[i].tpa));
        run(x);
        assert_int_equal(x->f.traced[TRACE_ARP_CONFLICT], row[i].conflict);
        assert_int_equal(x->f.traced[TRACE_DHCP_DECLINED], row[i].conflict);
        if (!row[i].conflict) {
            assert_int_equal(x->s.dhcp.state, DHCP_PROBING);
            expect_quiet(x);
            continue;
        }
        d = next_sent(x);
        assert_int_equal(d.dhcp_type, DHCP_DECLINE);
        assert_int_equal(d.ip_src, 0);
        assert_int_equal(d.ip_dst, IPV4_BROADCAST);
        assert_int_equal(d.dhcp_ciaddr, 0);
        assert_int_equal(d.dhcp_requested, OWN);
        assert_int_equal(d.dhcp_server, PEER);
        assert_non_null(option_sent(x, 61, &len));
        assert_int_equal(len, 7);
        assert_null(option_sent(x, 51, &len));
        assert_null(option_sent(x, 55, &len));
        assert_null(option_sent(x, 57, &len));
        expect_quiet(x);
        dhcp_take(&x->s.dhcp); /* not sooner for that */
        assert_int_equal(wait_next(x), 10 * NS_PER_S);
        assert_int_equal(next_sent(x).dhcp_type, DHCP_DISCOVER);
        assert_int_equal(x->s.net.addr, 0);
    }
}

/* RFC 5227 section 2.1.1: after ten conflicts one attempt a minute, until there is a lease. */
static void after_ten_conflicts_it_is_tried_once_a_minute(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];

    for (unsigned i = 1; i <= 12; i++) {
        at_ms(x, (x->s.net.now_ns - x->start_ns) / NS_PER_MS + 1);
        if (i == 1)
            selecting(x);
        x->s.dhcp.probes = true;
        dhcp_answer(x, 2, OWN, 3600);
        dhcp_answer(x, 5, OWN, 3600);
        assert_int_equal(x->s.dhcp.state, DHCP_PROBING);
        input(x, frame, build_arp(frame, 2, peer_mac, OWN, 0)); /* before the first probe */
        run(x);
        assert_int_equal(x->s.dhcp.state, DHCP_INIT);
        assert_int_equal(wait_next(x), (i < 10 ? 10 : 60) * NS_PER_S);
        assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
    }
    dhcp_answer(x, 2, OWN, 3600);
    dhcp_answer(x, 5, OWN, 3600);
    while (x->s.dhcp.state == DHCP_PROBING)
        wait_next(x);
    assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
    assert_int_equal(x->s.dhcp.conflicts, 0);
    x->read = x->sent_count;
}

/* The link comes back while an address is probed: the exchange begins anew, on whatever network. */
static void a_probe_ends_with_its_link(void **state)
{
    struct stack_test *x = *state;

    x->dev.link = true;
    probing(x);
    wait_next(x);
    expect_arp(x, 0, OWN);
    x->dev.link = false;
    run(x);
    x->dev.link = true;
    run(x);
    assert_int_equal(next_sent(x).dhcp_type, DHCP_DISCOVER);
    for (unsigned i = 0; i < 3; i++)
        wait_next(x);
    while (x->read < x->sent_count)
        assert_int_equal(next_sent(x).dhcp_type, DHCP_DISCOVER);
}

/* ---- giving it back ---- */

static void expect_release(struct stack_test *x)
{
    struct decoded d = next_sent(x);
    size_t len = 0;

    assert_int_equal(d.dhcp_type, DHCP_RELEASE);
    assert_int_equal(d.ip_src, OWN);
    assert_int_equal(d.ip_dst, PEER);
    assert_memory_equal(d.eth_dst, peer_mac, 6);
    assert_int_equal(d.dhcp_ciaddr, OWN);
    assert_int_equal(d.dhcp_requested, 0);
    assert_int_equal(d.dhcp_server, PEER);
    assert_non_null(option_sent(x, 61, &len));
    assert_int_equal(len, 7);
    assert_null(option_sent(x, 55, &len));
    assert_null(option_sent(x, 57, &len));
}

/* RFC 2131 section 4.4.6 and table 5: unicast, which ARP may have to ask for first. */
static void a_released_address_is_used_until_the_server_knows(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];

    for (unsigned known = 0; known < 2; known++) {
        at_ms(x, 0);
        arp_flush(&x->s.arp);
        dhcp_init(&x->s.dhcp, &x->s.ip);
        stack_set_address(&x->s, 0, 0, 0, 0);
        x->read = x->sent_count = 0;
        bound(x, 3600);
        at_ms(x, 10);
        if (known)
            input(x, frame, build_arp(frame, 1, peer_mac, PEER, OWN));
        x->read = x->sent_count;
        dhcp_release(&x->s.dhcp);
        dhcp_release(&x->s.dhcp); /* once is enough */
        if (!known) {
            run(x);
            assert_int_equal(next_sent(x).arp_tpa, PEER);
            expect_quiet(x);
            assert_int_equal(x->s.net.addr, OWN);
            dhcp_answer(x, 5, OWN, 3600); /* nothing was asked */
            assert_int_equal(x->s.dhcp.state, DHCP_RELEASING);
            input(x, frame, build_arp(frame, 2, peer_mac, PEER, OWN));
        }
        expect_release(x);
        expect_quiet(x);
        assert_true(stack_deadline(&x->s) == x->s.net.now_ns);
        run(x);
        assert_int_equal(x->s.net.addr, 0);
        assert_int_equal(x->s.dhcp.lease.addr, 0);
        assert_int_equal(x->f.said[TRACE_DHCP_LOST][1], LEASE_LOST_RELEASED);
        assert_true(stack_deadline(&x->s) == DEADLINE_NEVER);
        expect_quiet(x);
    }
}

static void a_server_that_arp_does_not_find_holds_nothing_up(void **state)
{
    struct stack_test *x = *state;

    bound(x, 3600);
    dhcp_release(&x->s.dhcp);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(wait_next(x), NS_PER_S);
    assert_int_equal(x->s.net.addr, 0);
    assert_true(stack_deadline(&x->s) == DEADLINE_NEVER);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(next_sent(x).arp_tpa, PEER);
    expect_quiet(x);
}

/* Neither the link nor an exchange that was under way brings an address back; a request does. */
static void without_a_lease_it_stays_so_until_one_is_asked_for(void **state)
{
    struct stack_test *x = *state;

    for (unsigned when = 0; when < 3; when++) { /* DISCOVER, REQUEST or a probe under way */
        at_ms(x, 0);
        dhcp_init(&x->s.dhcp, &x->s.ip);
        x->read = x->sent_count = 0;
        selecting(x);
        x->s.dhcp.probes = true;
        if (when >= 1)
            dhcp_answer(x, 2, OWN, 3600);
        if (when == 2)
            dhcp_answer(x, 5, OWN, 3600);
        assert_int_equal(x->s.dhcp.state, when == 0   ? DHCP_SELECTING
                                          : when == 1 ? DHCP_REQUESTING
                                                      : DHCP_PROBING);
        x->read = x->sent_count;
        dhcp_release(&x->s.dhcp);
        assert_true(stack_deadline(&x->s) == DEADLINE_NEVER);
        dhcp_answer(x, 2, OWN, 3600);
        dhcp_answer(x, 5, OWN, 3600);
        x->s.link = false;
        x->dev.link = true;
        run(x);
        expect_quiet(x);
        assert_true(stack_deadline(&x->s) == DEADLINE_NEVER);
        dhcp_take(&x->s.dhcp);
        run(x);
        assert_int_equal(next_sent(x).dhcp_type, DHCP_DISCOVER);
        dhcp_take(&x->s.dhcp); /* it is wanted already */
        run(x);
        expect_quiet(x);
        dhcp_answer(x, 2, OWN, 3600);
        x->read = x->sent_count;
    }
}

/* ---- rapid commit: RFC 4039 ---- */

static void rapid_ack(struct stack_test *x, uint32_t addr, int option_len)
{
    struct dhcp_test m;

    dhcp_begin(x, &m, 5, addr);
    dhcp_option(&m, 54, PEER);
    dhcp_option(&m, 51, 3600);
    if (option_len >= 0) {
        m.bytes[m.len++] = 80;
        m.bytes[m.len++] = (uint8_t)option_len;
        m.len += (size_t)option_len;
    }
    dhcp_deliver(x, &m);
}

static void an_ack_with_rapid_commit_needs_no_request(void **state)
{
    struct stack_test *x = *state;
    size_t len = 1;

    selecting(x);
    assert_non_null(option_sent(x, 80, &len));
    assert_int_equal(len, 0);
    at_ms(x, 100);
    rapid_ack(x, OWN, -1); /* without the option, or not as it is */
    rapid_ack(x, OWN, 1);
    assert_int_equal(x->s.net.drops[DROP_DHCP_STATE], 2);
    rapid_ack(x, IPV4(127, 0, 0, 1), 0); /* of no use */
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
    assert_int_equal(x->f.said[TRACE_DHCP_REFUSED][1], DHCP_REFUSAL_ADDRESS);
    expect_quiet(x);
    rapid_ack(x, OWN, 0);
    assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
    assert_int_equal(x->s.net.addr, OWN);
    assert_true(x->s.dhcp.expiry_ns == x->start_ns + 3600 * NS_PER_S); /* from the DISCOVER on */
    expect_arp(x, OWN, OWN);
    expect_quiet(x);
}

static void a_request_has_no_rapid_commit_and_its_ack_may_have(void **state)
{
    struct stack_test *x = *state;
    size_t len = 0;

    selecting(x);
    dhcp_answer(x, 2, OWN, 3600);
    assert_int_equal(next_sent(x).dhcp_type, DHCP_REQUEST);
    assert_null(option_sent(x, 80, &len));
    rapid_ack(x, OWN, 0);
    assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
    x->read = x->sent_count;
}

static void a_rapid_commit_is_probed_for_too(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[100];
    struct decoded d;

    selecting(x);
    x->s.dhcp.probes = true;
    rapid_ack(x, OWN, 0);
    assert_int_equal(x->s.dhcp.state, DHCP_PROBING);
    input(x, frame, build_arp(frame, 2, peer_mac, OWN, 0));
    run(x);
    d = next_sent(x);
    assert_int_equal(d.dhcp_type, DHCP_DECLINE);
    assert_int_equal(d.dhcp_server, PEER);
    assert_int_equal(d.dhcp_requested, OWN);
}

static void an_infinite_lease_has_no_timers(void **state)
{
    struct stack_test *x = *state;

    bound(x, DHCP_LEASE_FOREVER);
    assert_true(dhcp_deadline(&x->s.dhcp) == DEADLINE_NEVER);
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
    assert_int_equal(x->s.net.drops_total, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        N(the_back_off_is_4_8_16_32_64_64_within_a_second),
        N(d1_to_d6_malformed_messages_are_dropped),
        N(an_option_of_a_wrong_length_spoils_the_whole_message),
        N(everything_that_can_be_used_is_asked_for),
        N(secs_counts_from_the_first_discover),
        N(without_room_a_dhcp_message_is_counted_and_comes_with_its_next_time_out),
        N(d9_lease_arithmetic),
        N(d10_offers_that_cannot_be_used_do_not_stand_in_the_way_of_others),
        N(d11_messages_out_of_turn_are_ignored),
        N(classless_routes_rule_over_the_router),
        N(padding_and_unknown_options_are_skipped),
        N(renewing_is_unicast_rebinding_broadcast_and_then_it_is_over),
        N(a_renewal_with_another_address_or_a_nak_gives_the_address_up),
        N(a_request_that_is_never_answered_starts_over_after_about_a_minute),
        N(renewals_come_at_half_of_what_is_left),
        N(leases_at_the_edge_of_what_can_be_used),
        N(an_address_is_probed_three_times_and_announced_twice),
        N(the_times_of_probes_are_drawn),
        N(an_address_of_another_host_is_declined),
        N(after_ten_conflicts_it_is_tried_once_a_minute),
        N(a_probe_ends_with_its_link),
        N(a_released_address_is_used_until_the_server_knows),
        N(a_server_that_arp_does_not_find_holds_nothing_up),
        N(without_a_lease_it_stays_so_until_one_is_asked_for),
        N(an_ack_with_rapid_commit_needs_no_request),
        N(a_request_has_no_rapid_commit_and_its_ack_may_have),
        N(a_rapid_commit_is_probed_for_too),
        N(an_infinite_lease_has_no_timers),
        N(without_an_address_only_dhcp_is_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
