/*
 * TCP against blind attackers and malformed segments (RFC 5961, 5927).
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

/* ---- blind attacks (RFC 5961) ---- */

static void a_reset_counts_only_at_exactly_the_next_number(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    uint8_t *at;

    seg_in(x, TCP_RST, 2, 0, 0, 0, 0); /* in the window: challenged */
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 0);
    seg_in(x, TCP_RST, 1 + 65535, 0, 0, 0, 0); /* outside: dropped */
    seg_in(x, TCP_RST, 0, 0, 0, 0, 0);
    run(x);
    expect_quiet(x);
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    seg_in(x, TCP_RST, 1, 0, 0, "why", 3);
    assert_int_equal(c->state, TCPS_CLOSED);
    assert_int_equal(tcp_writable(c, &at), ERR_RESET);
    tcp_close(c);
}

static void a_syn_in_a_connection_is_challenged_ten_times_in_five_seconds(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    unsigned answers = 0;

    for (unsigned i = 0; i < 50; i++) {
        seg_in(x, TCP_SYN, i * 1000, 0, 100, 0, 0);
        run(x);
        for (; x->read < x->sent_count; answers++)
            expect_seg(x, TCP_ACK, 1, 1, 0);
    }
    assert_int_equal(answers, 10);
    at_ms(x, 5001);
    seg_in(x, TCP_SYN, 1, 0, 100, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 0);
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    tcp_close(c);
}

/* ---- ICMP errors and parsing ---- */

static size_t quote(struct stack_test *x, uint8_t *out, uint8_t type, uint8_t code, uint32_t seq)
{
    uint8_t inner[60], icmp[80] = {type, code};
    uint32_t src = OWN;
    struct ipv4_header ip = {.version_ihl = 0x45,
                             .total_len = be16_of(40),
                             .protocol = 6,
                             .src = be32_of(src),
                             .dst = be32_of(PEER)};
    struct tcp_header tcp = {.src_port = be16_of(x->own_port),
                             .dst_port = be16_of(x->peer_port),
                             .seq = be32_of(x->own_iss + seq)};
    be16 sum;

    memcpy(inner, &ip, 20);
    memcpy(inner + 20, &tcp, 8);
    memcpy(icmp + 8, inner, 28);
    sum = checksum_finish(checksum_add(0, icmp, 36));
    memcpy(icmp + 2, &sum, 2);
    return build_ip(out, PEER, OWN, IP_PROTOCOL_ICMP, icmp, 36);
}

static void icmp_errors_end_an_attempt_only_when_hard_and_about_it(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connecting(x);
    uint8_t frame[200];

    input(x, frame, quote(x, frame, 3, 1, 0)); /* soft */
    assert_int_equal(tcp_connected(c), ERR_AGAIN);
    assert_int_equal(c->soft_error, ERR_UNREACH);
    input(x, frame, quote(x, frame, 3, 3, 5)); /* hard, about a segment that was never sent */
    input(x, frame, quote(x, frame, 4, 0, 0)); /* source quench: MUST-55 */
    assert_int_equal(tcp_connected(c), ERR_AGAIN);
    input(x, frame, quote(x, frame, 3, 3, 0));
    assert_int_equal(tcp_connected(c), ERR_REFUSED);
    tcp_close(c);

    c = connected(x, 1000);
    write_bytes(c, (const uint8_t *)"x", 1);
    run(x);
    input(x, frame, quote(x, frame, 3, 3, 1)); /* established: never aborts, RFC 5927 */
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    assert_int_equal(c->soft_error, ERR_REFUSED);
    seg_in(x, TCP_ACK, 1, 2, 1000, 0, 0); /* it arrived after all: the hint is worth nothing */
    assert_int_equal(c->soft_error, 0);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

static void every_truncation_and_every_flipped_bit_is_dropped(void **state)
{
    static const uint8_t mss[4] = {2, 4, 5, 180};
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    struct tcp_header h = {.src_port = be16_of(x->peer_port),
                           .dst_port = be16_of(x->own_port),
                           .seq = be32_of(x->peer_iss + 1),
                           .ack = be32_of(x->own_iss + 1),
                           .flags = TCP_ACK,
                           .window = be16_of(1000)};
    uint8_t frame[200];
    size_t len = build_tcp(frame, &h, mss, 4, "abcdefgh", 8);

    for (size_t i = 0; i < len; i++)
        input(x, frame, i);
    for (size_t bit = 14 * 8; bit < len * 8; bit++) {
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        input(x, frame, len);
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(c->rcv_nxt - x->peer_iss, 1);
    }
    input(x, frame, len);
    assert_int_equal(c->rcv_nxt - x->peer_iss, 9);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

static void malformed_options_are_dropped_and_odd_ones_skipped(void **state)
{
    static const struct {
        uint8_t option[8];
        size_t len;
        bool good;
    } row[] = {
        {{2, 0, 0, 0}, 4, false},
        {{99, 1, 0, 0}, 4, false},
        {{1, 1, 1, 99}, 4, false},
        {{2, 5, 0, 0}, 4, false},
        {{99, 200, 0, 0}, 4, false},
        {{1, 1, 1, 1}, 4, true},
        {{0, 9, 9, 9}, 4, true},
        {{99, 4, 7, 7}, 4, true},
        {{1, 8, 3, 0, 5, 2, 0, 0}, 8, true},
        {{254, 8, 1, 2, 3, 4, 5, 6}, 8, true},
    };
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    uint8_t frame[200];
    uint32_t at = 1;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct tcp_header h = {.src_port = be16_of(x->peer_port),
                               .dst_port = be16_of(x->own_port),
                               .seq = be32_of(x->peer_iss + at),
                               .ack = be32_of(x->own_iss + 1),
                               .flags = TCP_ACK,
                               .window = be16_of(1000)};

        input(x, frame, build_tcp(frame, &h, row[i].option, row[i].len, "z", 1));
        at += row[i].good;
        assert_int_equal(c->rcv_nxt - x->peer_iss, at);
    }
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

/* RFC 9293 MUST-64: what matters may be anywhere after what is skipped. */
static void options_at_every_alignment_are_read(void **state)
{
    struct stack_test *x = *state;

    for (unsigned at = 0; at <= 12; at++) {
        uint8_t options[16];
        struct tcp_conn *c = connecting(x);

        memset(options, 1, sizeof(options)); /* NOPs */
        if (at >= 3)
            memcpy(options, "\x63\x03\x00", 3); /* of an unknown kind */
        memcpy(options + at, "\x02\x04\x02\x00", 4);
        seg_in_with(x, TCP_SYN | TCP_ACK, 0, 1, 1000, options, sizeof(options), 0, 0);
        run(x);
        expect_seg(x, TCP_ACK, 1, 1, 0);
        assert_int_equal(c->mss, 512);
        tcp_abort(c, ERR_RESET);
        tcp_close(c);
    }
}

/* RFC 9293 MUST-57: not even an answer. */
static void a_syn_to_a_broadcast_address_opens_nothing(void **state)
{
    static const uint32_t to[] = {IPV4_BROADCAST, OWN | 255, IPV4(224, 0, 0, 1), OWN};
    struct stack_test *x = *state;
    struct tcp_conn *listener;

    assert_int_equal(tcp_open(&x->s.tcp, &listener), 0);
    assert_int_equal(tcp_bind(listener, 7), 0);
    assert_int_equal(tcp_listen(listener, 4), 0);
    for (unsigned i = 0; i < ARRAY_COUNT(to); i++) {
        struct tcp_header h = {
            .src_port = be16_of(5000), .dst_port = be16_of(7), .offset = 5 << 4, .flags = TCP_SYN};
        uint8_t frame[100];

        h.checksum = checksum_finish(
            checksum_add(checksum_pseudo(PEER, to[i], IP_PROTOCOL_TCP, sizeof(h)), &h, sizeof(h)));
        input(x, frame, build_ip(frame, PEER, to[i], IP_PROTOCOL_TCP, &h, sizeof(h)));
        run(x);
        if (to[i] != OWN) {
            expect_drop(x, DROP_IP_DESTINATION);
            continue;
        }
        assert_int_equal(next_sent(x).tcp_flags, TCP_SYN | TCP_ACK); /* the same, to us alone */
    }
    tcp_close(listener);
    x->read = x->sent_count;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_reset_counts_only_at_exactly_the_next_number),
        T(a_syn_in_a_connection_is_challenged_ten_times_in_five_seconds),
        T(icmp_errors_end_an_attempt_only_when_hard_and_about_it),
        T(every_truncation_and_every_flipped_bit_is_dropped),
        T(malformed_options_are_dropped_and_odd_ones_skipped),
        T(options_at_every_alignment_are_read),
        T(a_syn_to_a_broadcast_address_opens_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
