/*
 * TCP as an exchange of packets (RFC 9293, 6298, 5681, 6582, 5961). Each test is one behaviour;
 * numbers are relative, and the peer's initial number makes every test wrap at 2^32.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

static uint8_t bytes[70000];

/* ---- opening ---- */

static void syn_is_sent_again_after_1_3_7_seconds_and_given_up_after_three_minutes(void **state)
{
    static const uint64_t at_s[] = {0, 1, 3, 7, 15, 31, 63, 123, 183};
    struct stack_test *x = *state;
    struct tcp_conn *c;

    at_ms(x, 0);
    tcp_open(&x->s, &c);
    tcp_connect(c, PEER, 80);
    for (unsigned i = 0; i < 8; i++) {
        if (i) {
            run_at_ms(x, at_s[i] * 1000 - 1);
            expect_quiet(x);
        }
        run_at_ms(x, at_s[i] * 1000);
        assert_int_equal(next_sent(x).tcp_flags, TCP_SYN);
    }
    assert_int_equal(tcp_connected(c), ERR_AGAIN);
    run_at_ms(x, 183000);
    expect_quiet(x);
    assert_int_equal(tcp_connected(c), ERR_TIMEDOUT);
    tcp_close(c);
}

static void reset_in_syn_sent_refuses_only_with_a_good_ack(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connecting(x);
    struct decoded d;

    seg_in(x, TCP_RST, 0, 0, 0, 0, 0);
    assert_int_equal(tcp_connected(c), ERR_AGAIN);
    seg_in(x, TCP_RST | TCP_ACK, 0, 2, 0, 0, 0); /* beyond what was sent */
    assert_int_equal(tcp_connected(c), ERR_AGAIN);
    expect_quiet(x); /* never a reset for a reset */
    seg_in(x, TCP_ACK, 0, 2, 100, 0, 0);
    d = next_sent(x);
    assert_int_equal(d.tcp_flags, TCP_RST);
    assert_int_equal(d.tcp_seq - x->own_iss, 2);
    assert_int_equal(tcp_connected(c), ERR_AGAIN);
    seg_in(x, TCP_FIN, 0, 0, 0, 0, 0);
    seg_in(x, TCP_ACK, 0, 1, 100, 0, 0); /* an ACK without SYN changes nothing */
    assert_int_equal(tcp_connected(c), ERR_AGAIN);
    seg_in(x, TCP_RST | TCP_ACK, 0, 1, 0, 0, 0);
    assert_int_equal(tcp_connected(c), ERR_REFUSED);
    tcp_close(c);
}

static void crossing_syns_open_a_connection(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connecting(x);

    seg_in(x, TCP_SYN, 0, 0, 1000, 0, 0);
    run(x);
    expect_seg(x, TCP_SYN | TCP_ACK, 0, 1, 0);
    seg_in(x, TCP_SYN | TCP_ACK, 0, 1, 1000, 0, 0);
    run(x);
    assert_int_equal(c->state, TCP_ESTABLISHED);
    tcp_close(c);
}

static void a_peer_without_mss_option_gets_536_and_others_what_they_said(void **state)
{
    static const struct {
        uint8_t option[4];
        size_t len;
        uint32_t mss;
    } row[] = {{{0}, 0, 536},           {{2, 4, 0, 0}, 4, 536},        {{2, 4, 0, 1}, 4, 1},
               {{2, 4, 1, 44}, 4, 300}, {{2, 4, 0xff, 0xff}, 4, 1460}, {{1, 1, 1, 0}, 4, 536}};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct tcp_conn *c;
        struct decoded d;
        uint8_t frame[200];

        at_ms(x, 0);
        tcp_open(&x->s, &c);
        tcp_connect(c, PEER, 80);
        run(x);
        d = next_sent(x);
        input(x, frame,
              build_tcp(frame,
                        &(struct tcp_header){.src_port = be16_of(80),
                                             .dst_port = be16_of(d.src_port),
                                             .ack = be32_of(d.tcp_seq + 1),
                                             .flags = TCP_SYN | TCP_ACK,
                                             .window = be16_of(1000)},
                        row[i].option, row[i].len, 0, 0));
        assert_int_equal(c->state, TCP_ESTABLISHED);
        assert_int_equal(c->mss, row[i].mss);
        tcp_abort(c, ERR_RESET);
        tcp_close(c);
        x->read = x->sent_count;
    }
}

static void a_listener_accepts_and_its_lost_ack_is_made_up_by_data(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c;
    uint8_t buf[10];

    at_ms(x, 0);
    tcp_open(&x->s, &l);
    tcp_bind(l, 7);
    tcp_listen(l, 1);
    x->own_port = 7;
    seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    run(x);
    x->own_iss = next_sent(x).tcp_seq;
    seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0); /* our SYN-ACK was lost */
    run(x);
    expect_seg(x, TCP_SYN | TCP_ACK, 0, 1, 0);
    assert_int_equal(tcp_accept(l, &c), ERR_AGAIN);
    seg_in(x, TCP_ACK, 1, 1, 65535, "hello", 5); /* the bare ACK was lost */
    assert_int_equal(tcp_accept(l, &c), 0);
    assert_int_equal(read_bytes(c, buf, 10), 5);
    tcp_close(c);
    tcp_close(l);
}

/* It has the number of the SYN and is none: an old segment, which an ACK answers (3.10.7.4,
 * first). */
static void an_ack_with_the_number_of_the_syn_opens_nothing(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c;

    at_ms(x, 0);
    tcp_open(&x->s, &l);
    tcp_bind(l, 7);
    tcp_listen(l, 1);
    x->own_port = 7;
    seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    run(x);
    x->own_iss = next_sent(x).tcp_seq;
    seg_in(x, TCP_ACK, 0, 1, 65535, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 0);
    assert_int_equal(tcp_accept(l, &c), ERR_AGAIN);
    seg_in(x, TCP_ACK, 1, 1, 65535, 0, 0);
    assert_int_equal(tcp_accept(l, &c), 0);
    tcp_close(c);
    tcp_close(l);
}

/* RFC 6528: each port, on either side, has numbers of its own. */
static void initial_numbers_differ_between_ports_and_addresses(void **state)
{
    static const struct {
        uint16_t own, to;
        uint32_t addr;
    } pair[] = {{1234, 80, PEER}, {1235, 80, PEER}, {1234, 81, PEER}, {1234, 80, PEER + 1}};
    struct stack_test *x = *state;
    uint32_t seen[4];

    at_ms(x, 0);
    for (unsigned i = 0; i < 4; i++) {
        tcp_conn_init(&x->s.tcp[0], &x->s, 0, x->s.tcp[0].rcv_buf, x->s.tcp[0].snd_buf);
        x->s.tcp[0].local_port = pair[i].own;
        tcp_connect(&x->s.tcp[0], pair[i].addr, pair[i].to);
        seen[i] = x->s.tcp[0].iss;
        for (unsigned j = 0; j < i; j++) /* by more than a few ticks, as 1 in a million is not */
            assert_true(seen[i] - seen[j] + 1000 > 2000);
    }
    tcp_conn_init(&x->s.tcp[0], &x->s, 0, x->s.tcp[0].rcv_buf, x->s.tcp[0].snd_buf);
}

static void the_backlog_bounds_half_open_connections(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c;

    at_ms(x, 0);
    tcp_open(&x->s, &l);
    tcp_bind(l, 7);
    tcp_listen(l, 2);
    x->own_port = 7;
    for (x->peer_port = 1000; x->peer_port < 1010; x->peer_port++)
        seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    run(x);
    assert_int_equal(x->sent_count - x->read, 10); /* eight of them cookies: nothing is kept */
    for (unsigned i = 0; i < 3; i++)
        assert_true(x->s.tcp[i].state == (i ? TCP_SYN_RECEIVED : TCP_LISTEN));
    assert_int_equal(x->s.tcp[3].state, TCP_CLOSED);
    x->read = x->sent_count;
    tcp_close(l); /* resets its children */
    assert_int_equal(next_sent(x).tcp_flags & TCP_RST, TCP_RST);
    assert_int_equal(next_sent(x).tcp_flags & TCP_RST, TCP_RST);
    assert_true(tcp_idle(&x->s));
    assert_int_equal(tcp_open(&x->s, &c), 0);
    assert_int_equal(tcp_bind(c, 7), 0);
    tcp_close(c);
}

static void segments_for_no_connection_are_reset_by_the_book(void **state)
{
    struct stack_test *x = *state;
    struct decoded d;

    x->own_iss = 0;
    seg_in(x, TCP_SYN, 0, 0, 100, 0, 0);
    d = next_sent(x);
    assert_int_equal(d.tcp_flags, TCP_RST | TCP_ACK);
    assert_int_equal(d.tcp_seq, 0);
    assert_int_equal(d.tcp_ack - x->peer_iss, 1);
    seg_in(x, TCP_ACK, 5, 77, 100, "abc", 3);
    d = next_sent(x);
    assert_int_equal(d.tcp_flags, TCP_RST);
    assert_int_equal(d.tcp_seq, 77);
    seg_in(x, TCP_RST, 5, 0, 100, 0, 0);
    seg_in(x, TCP_RST | TCP_ACK, 5, 77, 100, 0, 0);
    expect_quiet(x);
}

static void resets_for_closed_ports_are_ten_at_once_and_a_hundred_a_second(void **state)
{
    struct stack_test *x = *state;

    at_ms(x, 0);
    for (uint32_t i = 0; i < 50; i++)
        seg_in(x, TCP_SYN, i, 0, 100, 0, 0);
    assert_int_equal(x->sent_count, 10);
    assert_int_equal(x->s.drops[DROP_TCP_LIMIT], 40);
    for (uint64_t ms = 1; ms <= 1000; ms++) { /* a flood of a thousand a second */
        at_ms(x, ms);
        seg_in(x, TCP_SYN, 0, 0, 100, 0, 0);
    }
    assert_int_equal(x->sent_count, 110);
    at_ms(x, 2000);
    for (uint32_t i = 0; i < 50; i++)
        seg_in(x, TCP_SYN, i, 0, 100, 0, 0);
    assert_int_equal(x->sent_count, 120);
    x->read = x->sent_count;
}

static void nonsense_flags_change_nothing(void **state)
{
    static const uint8_t nonsense[] = {0,       TCP_SYN | TCP_FIN,           TCP_SYN | TCP_RST,
                                       TCP_URG, TCP_SYN | TCP_FIN | TCP_ACK, TCP_FIN,
                                       TCP_PSH};
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    for (unsigned i = 0; i < sizeof(nonsense); i++) {
        seg_in(x, nonsense[i], 1, 1, 1000, 0, 0);
        assert_int_equal(c->state, TCP_ESTABLISHED);
    }
    tcp_close(c);
}

/* ---- receiving ---- */

static void five_segments_in_every_order_give_the_same_stream(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted(x, &l);
    unsigned order[5] = {0, 1, 2, 3, 4};
    uint32_t at = 1;
    uint8_t buf[100];

    for (unsigned i = 0; i < 120; i++) {
        unsigned n = i;

        for (unsigned k = 0; k < 5; k++) { /* the i-th permutation */
            unsigned swap = k + n % (5 - k), t = order[k];

            n /= 5 - k;
            order[k] = order[swap];
            order[swap] = t;
        }
        for (unsigned k = 0; k < 5; k++)
            seg_in(x, TCP_ACK, at + order[k] * 4, 1, 65535, &"0123456789abcdefghij"[order[k] * 4],
                   4);
        run(x);
        at += 20;
        assert_int_equal(c->rcv_nxt - x->peer_iss, at);
        assert_int_equal(c->ooo_count, 0);
        assert_int_equal(read_bytes(c, buf, 100), 20);
        assert_memory_equal(buf, "0123456789abcdefghij", 20);
    }
    tcp_close(c);
    tcp_close(l);
}

static void the_first_bytes_received_win_over_overlapping_ones(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    uint8_t buf[20];

    seg_in(x, TCP_ACK, 5, 1, 1000, "EFGH", 4);
    seg_in(x, TCP_ACK, 3, 1, 1000, "cdxxxxij", 8);
    seg_in(x, TCP_ACK, 1, 1, 1000, "abyyyyyyyykl", 12);
    assert_int_equal(read_bytes(c, buf, 20), 12);
    assert_memory_equal(buf, "abcdEFGHijkl", 12);
    tcp_close(c);
}

static void out_of_order_runs_are_bounded_and_the_farthest_is_forgotten(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    for (uint32_t i = 0; i < 1000; i++)
        seg_in(x, TCP_ACK, 3 + 2 * i, 1, 1000, "x", 1);
    assert_int_equal(c->ooo_count, TCP_OOO_MAX);
    assert_int_equal(c->ooo[TCP_OOO_MAX - 1].start - x->peer_iss, 3 + 2 * (TCP_OOO_MAX - 1));
    run(x);
    for (uint32_t i = 0; i < 1000; i++) /* a duplicate ACK for each: RFC 5681 section 4.2 */
        expect_seg(x, TCP_ACK, 1, 1, 0);
    expect_quiet(x);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

static void every_second_segment_is_acknowledged_a_single_one_after_40_ms(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    uint8_t buf[5000];

    seg_in(x, TCP_ACK, 1, 1, 1000, bytes, 1460);
    run(x);
    expect_quiet(x);
    seg_in(x, TCP_ACK, 1461, 1, 1000, bytes, 1460);
    run(x);
    expect_seg(x, TCP_ACK, 1, 2921, 0);
    seg_in(x, TCP_ACK, 2921, 1, 1000, bytes, 10);
    run_at_ms(x, 39);
    expect_quiet(x);
    run_at_ms(x, 40);
    expect_seg(x, TCP_ACK, 1, 2931, 0);
    assert_int_equal(read_bytes(c, buf, sizeof(buf)), 2930);
    tcp_close(c);
}

static void old_and_future_segments_are_answered_by_an_ack_and_nothing_else(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    uint8_t buf[20];

    seg_in(x, TCP_ACK, 1, 1, 1000, "abcd", 4);
    seg_in(x, TCP_ACK, 1, 1, 1000, "abcd", 4); /* again */
    run(x);
    expect_seg(x, TCP_ACK, 1, 5, 0);
    seg_in(x, TCP_ACK, 3, 1, 1000, "cdef", 4); /* straddles the left edge */
    run(x);
    expect_seg(x, TCP_ACK, 1, 7, 0);
    seg_in(x, TCP_ACK, 5 + 65536, 1, 1000, "zzzz", 4); /* beyond the window */
    run(x);
    expect_seg(x, TCP_ACK, 1, 7, 0);
    assert_int_equal(read_bytes(c, buf, 20), 6);
    assert_memory_equal(buf, "abcdef", 6);
    tcp_close(c);
}

static void the_window_closes_as_data_waits_and_opens_when_it_is_read(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    uint32_t at = 1, edge = 0;
    struct decoded d;

    for (unsigned i = 0; i < 60; i++) {
        uint32_t room = c->rcv_adv - c->rcv_nxt, len = room < 1460 ? room : 1460;

        if (!len)
            break;
        seg_in(x, TCP_ACK, at, 1, 1000, bytes, len);
        at += len;
        run(x);
        while (x->read < x->sent_count) {
            d = next_sent(x);
            assert_true((int32_t)(d.tcp_ack + d.tcp_window - edge) >= 0 || !edge);
            edge = d.tcp_ack + d.tcp_window; /* never taken back: SHLD-14 */
        }
    }
    run_at_ms(x, 100);
    x->read = x->sent_count;
    assert_int_equal(c->rcv_adv, c->rcv_nxt);
    seg_in(x, TCP_ACK, at, 1, 1000, "p", 1); /* a probe of the closed window */
    run(x);
    d = expect_seg(x, TCP_ACK, 1, at, 0);
    assert_int_equal(d.tcp_window, 0);
    assert_int_equal(read_bytes(c, bytes, sizeof(bytes)), at - 1);
    run(x);
    d = expect_seg(x, TCP_ACK, 1, at, 0); /* a window update */
    assert_true(d.tcp_window > 60000);
    memset(bytes, 0, sizeof(bytes));
    tcp_close(c);
}

/* ---- sending ---- */

static void data_is_cut_into_segments_within_both_windows_and_pushed_at_the_end(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);
    struct decoded d;

    write_bytes(c, bytes, 3000);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 1460);
    d = expect_seg(x, TCP_ACK, 1461, 1, 1460);
    assert_false(d.tcp_flags & TCP_PSH);
    d = expect_seg(x, TCP_ACK, 2921, 1, 80);
    assert_true(d.tcp_flags & TCP_PSH);
    write_bytes(c, bytes, 20000);
    run(x);
    x->read = x->sent_count;
    assert_true(tcp_flight(c) <= 3 * 1460 + 80); /* the initial window: RFC 5681 (3.1) */
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

static void a_small_peer_window_is_respected_and_silly_segments_avoided(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    write_bytes(c, bytes, 5000);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 1000);
    run(x);
    expect_quiet(x);
    seg_in(x, TCP_ACK, 1, 1001, 100, 0, 0); /* opens by a silly 100 bytes */
    run(x);
    expect_quiet(x);
    run_at_ms(x, 1001); /* nothing is in flight: the persist timer overrides */
    expect_seg(x, TCP_ACK, 1001, 1, 100);
    seg_in(x, TCP_ACK, 1, 1101, 1000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1101, 1, 1000);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

static void a_closed_window_is_probed_with_back_off_until_it_opens(void **state)
{
    static const uint64_t at_ms_[] = {1000, 3000, 7000, 15000, 31000, 63000, 123000, 183000};
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 0);

    write_bytes(c, bytes, 2000);
    run(x);
    expect_quiet(x);
    for (unsigned i = 0; i < 8; i++) {
        run_at_ms(x, at_ms_[i] - 1);
        expect_quiet(x);
        run_at_ms(x, at_ms_[i]);
        expect_seg(x, TCP_ACK, 1, 1, 1);
        seg_in(x, TCP_ACK, 1, 1, 0, 0, 0); /* the peer lives and stays closed */
        run(x);
        expect_quiet(x);
    }
    seg_in(x, TCP_ACK, 1, 1, 5000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 1460);
    expect_seg(x, TCP_ACK, 1461, 1, 540);
    seg_in(x, TCP_ACK, 1, 2001, 5000, 0, 0);
    tcp_close(c);
}

static void a_lost_segment_is_sent_again_after_one_rto_which_doubles(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    write_bytes(c, (const uint8_t *)"hello", 5);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 5);
    run_at_ms(x, 999);
    expect_quiet(x);
    run_at_ms(x, 1000);
    expect_seg(x, TCP_ACK, 1, 1, 5);
    run_at_ms(x, 2999);
    expect_quiet(x);
    run_at_ms(x, 3000);
    expect_seg(x, TCP_ACK, 1, 1, 5);
    seg_in(x, TCP_ACK, 1, 6, 65535, 0, 0);
    run_at_ms(x, 200000);
    expect_quiet(x);
    tcp_close(c);
}

static void karn_no_sample_from_a_retransmission_and_the_back_off_stays(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);
    uint64_t srtt = c->srtt_ns;

    write_bytes(c, (const uint8_t *)"hello", 5);
    run(x);
    run_at_ms(x, 1000);
    at_ms(x, 1500);
    seg_in(x, TCP_ACK, 1, 6, 65535, 0, 0);
    assert_true(c->srtt_ns == srtt);
    assert_true(c->rto_ns == 2 * NS_PER_S);
    write_bytes(c, (const uint8_t *)"again", 5);
    run(x);
    at_ms(x, 1700);
    seg_in(x, TCP_ACK, 1, 11, 65535, 0, 0);
    assert_true(c->rto_ns == NS_PER_S); /* 200 ms, raised to the minimum */
    x->read = x->sent_count;
    tcp_close(c);
}

static void three_duplicate_acks_resend_at_once_and_partial_acks_the_next_hole(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    c->cwnd = 20 * 1460;
    write_bytes(c, bytes, 10 * 1460);
    run(x);
    for (unsigned i = 0; i < 10; i++)
        expect_seg(x, TCP_ACK, 1 + i * 1460, 1, 1460);
    seg_in(x, TCP_ACK, 1, 1461, 65535, 0, 0);
    for (unsigned i = 0; i < 2; i++) {
        seg_in(x, TCP_ACK, 1, 1461, 65535, 0, 0);
        run(x);
        expect_quiet(x);
    }
    seg_in(x, TCP_ACK, 1, 1461, 65535, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1461, 1, 1460);
    assert_int_equal(c->ssthresh, 9 * 1460 / 2);
    assert_int_equal(c->cwnd, c->ssthresh + 3 * 1460);
    seg_in(x, TCP_ACK, 1, 1 + 4 * 1460, 65535, 0, 0); /* partial */
    run(x);
    expect_seg(x, TCP_ACK, 1 + 4 * 1460, 1, 1460);
    assert_true(c->recovering);
    seg_in(x, TCP_ACK, 1, 1 + 10 * 1460, 65535, 0, 0);
    assert_false(c->recovering);
    assert_true(c->cwnd <= c->ssthresh);
    run(x);
    expect_quiet(x);
    tcp_close(c);
}

static void an_ack_of_what_was_never_sent_is_answered_and_ignored(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    write_bytes(c, (const uint8_t *)"hello", 5);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 5);
    seg_in(x, TCP_ACK, 1, 7, 65535, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 6, 1, 0);
    assert_int_equal(tcp_flight(c), 5);
    seg_in(x, TCP_ACK, 1, (uint32_t)-70000, 65535, 0, 0); /* RFC 5961 section 5.2 */
    run(x);
    expect_seg(x, TCP_ACK, 6, 1, 0);
    assert_int_equal(tcp_flight(c), 5);
    seg_in(x, TCP_ACK, 1, 6, 65535, 0, 0);
    tcp_close(c);
}

static void no_room_in_the_device_loses_nothing(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    x->room = 0;
    write_bytes(c, (const uint8_t *)"hello", 5);
    seg_in(x, TCP_ACK, 1, 1, 65535, "ab", 2);
    seg_in(x, TCP_ACK, 3, 1, 65535, "cd", 2);
    run(x);
    expect_quiet(x);
    x->room = ROOM_ALWAYS;
    run(x);
    expect_seg(x, TCP_ACK, 1, 5, 5);
    expect_quiet(x);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

/* ---- blind attacks: RFC 5961 ---- */

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
    assert_int_equal(c->state, TCP_ESTABLISHED);
    seg_in(x, TCP_RST, 1, 0, 0, "why", 3);
    assert_int_equal(c->state, TCP_CLOSED);
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
    assert_int_equal(c->state, TCP_ESTABLISHED);
    tcp_close(c);
}

/* ---- closing ---- */

static void we_close_first_and_wait_two_msl(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    tcp_close(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    assert_int_equal(c->state, TCP_FIN_WAIT_1);
    seg_in(x, TCP_ACK, 1, 2, 1000, 0, 0);
    assert_int_equal(c->state, TCP_FIN_WAIT_2);
    seg_in(x, TCP_FIN | TCP_ACK, 1, 2, 1000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    assert_int_equal(c->state, TCP_TIME_WAIT);
    at_ms(x, 50000);
    seg_in(x, TCP_FIN | TCP_ACK, 1, 2, 1000, 0, 0); /* our last ACK was lost: restarts the wait */
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    seg_in(x, TCP_RST, 2, 0, 0, 0, 0); /* RFC 1337 */
    run_at_ms(x, 109999);
    assert_int_equal(c->state, TCP_TIME_WAIT);
    run_at_ms(x, 110000);
    assert_int_equal(c->state, TCP_CLOSED);
    assert_true(tcp_idle(&x->s));
}

static void the_peer_closes_first_and_we_finish_sending(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    const uint8_t *at;

    seg_in(x, TCP_FIN | TCP_ACK, 1, 1, 1000, "bye", 3);
    run(x);
    expect_seg(x, TCP_ACK, 1, 5, 0);
    assert_int_equal(tcp_readable(c, &at), 3);
    tcp_consume(c, 3);
    assert_int_equal(tcp_readable(c, &at), 0);
    write_bytes(c, (const uint8_t *)"more", 4);
    tcp_close(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 5, 4);
    assert_int_equal(c->state, TCP_LAST_ACK);
    seg_in(x, TCP_ACK, 5, 5, 1000, 0, 0);
    assert_int_equal(c->state, TCP_LAST_ACK); /* the FIN is not acknowledged yet */
    seg_in(x, TCP_ACK, 5, 6, 1000, 0, 0);
    assert_true(tcp_idle(&x->s));
}

static void both_close_at_once(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    tcp_shutdown(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    seg_in(x, TCP_FIN | TCP_ACK, 1, 1, 1000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    assert_int_equal(c->state, TCP_CLOSING);
    seg_in(x, TCP_ACK, 2, 2, 1000, 0, 0);
    assert_int_equal(c->state, TCP_TIME_WAIT);
    tcp_close(c);
}

static void a_fin_sent_again_with_the_ack_of_ours_ends_closing(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    tcp_shutdown(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    seg_in(x, TCP_FIN | TCP_ACK, 1, 1, 1000, 0, 0);
    seg_in(x, TCP_FIN | TCP_ACK, 1, 2, 1000, 0, 0);
    assert_int_equal(c->state, TCP_TIME_WAIT);
    tcp_close(c);
}

static void a_lost_fin_is_sent_again(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    write_bytes(c, (const uint8_t *)"end", 3);
    tcp_shutdown(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 3);
    seg_in(x, TCP_ACK, 1, 4, 1000, 0, 0); /* the data arrived, the FIN did not */
    run_at_ms(x, 1000);
    expect_seg(x, TCP_FIN | TCP_ACK, 4, 1, 0);
    seg_in(x, TCP_ACK, 1, 5, 1000, 0, 0);
    assert_int_equal(c->state, TCP_FIN_WAIT_2);
    tcp_close(c);
    run_at_ms(x, 61001); /* no program waits for the peer's FIN */
    assert_true(tcp_idle(&x->s));
}

static void a_fin_behind_a_gap_waits_for_the_gap(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    uint8_t buf[10];
    const uint8_t *at;

    seg_in(x, TCP_FIN | TCP_ACK, 4, 1, 1000, "def", 3);
    assert_int_equal(tcp_readable(c, &at), ERR_AGAIN);
    assert_int_equal(c->state, TCP_ESTABLISHED);
    seg_in(x, TCP_ACK, 1, 1, 1000, "abc", 3);
    assert_int_equal(read_bytes(c, buf, 10), 6);
    assert_memory_equal(buf, "abcdef", 6);
    assert_int_equal(tcp_readable(c, &at), 0);
    assert_int_equal(c->state, TCP_CLOSE_WAIT);
    seg_in(x, TCP_ACK, 8, 1, 1000, "zzz", 3); /* past the FIN: ignored */
    assert_int_equal(tcp_readable(c, &at), 0);
    tcp_close(c);
}

static void closing_with_unread_data_or_getting_data_afterwards_resets(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    seg_in(x, TCP_ACK, 1, 1, 1000, "unread", 6);
    tcp_close(c);
    expect_seg(x, TCP_RST | TCP_ACK, 1, 7, 0);
    assert_true(tcp_idle(&x->s));

    c = connected(x, 1000);
    tcp_close(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    seg_in(x, TCP_ACK, 1, 2, 1000, "late", 4);
    expect_seg(x, TCP_RST | TCP_ACK, 2, 1, 0);
    assert_true(tcp_idle(&x->s));
}

static void the_peer_reset_is_told_to_the_reader_after_the_data(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    const uint8_t *at;

    seg_in(x, TCP_ACK, 1, 1, 1000, "abc", 3);
    seg_in(x, TCP_RST | TCP_ACK, 4, 1, 0, 0, 0);
    assert_int_equal(tcp_readable(c, &at), 3);
    tcp_consume(c, 3);
    assert_int_equal(tcp_readable(c, &at), ERR_RESET);
    tcp_close(c);
}

/* ---- icmp, parsing, sockets ---- */

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
    assert_int_equal(c->state, TCP_ESTABLISHED);
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

static void the_table_is_bounded_and_gives_up_the_oldest_time_wait(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c[TCP_CONNS + 1];

    at_ms(x, 0);
    for (unsigned i = 0; i < TCP_CONNS; i++)
        assert_int_equal(tcp_open(&x->s, &c[i]), 0);
    assert_int_equal(tcp_open(&x->s, &c[TCP_CONNS]), ERR_NFILE);
    c[3]->owned = false;
    c[3]->state = TCP_TIME_WAIT;
    assert_int_equal(tcp_open(&x->s, &c[TCP_CONNS]), 0);
    assert_ptr_equal(c[TCP_CONNS], c[3]);
    for (unsigned i = 0; i < TCP_CONNS; i++)
        tcp_close(c[i]);
    assert_true(tcp_idle(&x->s));
}

static void wrong_socket_calls_are_errors(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c, *d, *child;
    const uint8_t *from;
    uint8_t *to;

    at_ms(x, 0);
    tcp_open(&x->s, &c);
    assert_int_equal(tcp_listen(c, 1), ERR_INVAL); /* not bound */
    assert_int_equal(tcp_accept(c, &child), ERR_INVAL);
    assert_int_equal(tcp_shutdown(c), ERR_NOTCONN);
    assert_int_equal(tcp_readable(c, &from), ERR_NOTCONN);
    assert_int_equal(tcp_writable(c, &to), ERR_NOTCONN);
    assert_int_equal(tcp_connect(c, IPV4_BROADCAST, 80), ERR_ADDR); /* MUST-46 */
    assert_int_equal(tcp_connect(c, IPV4(10, 0, 2, 255), 80), ERR_ADDR);
    assert_int_equal(tcp_connect(c, IPV4(224, 0, 0, 1), 80), ERR_ADDR);
    assert_int_equal(tcp_connect(c, PEER, 0), ERR_ADDR);
    assert_int_equal(tcp_bind(c, 7), 0);
    assert_int_equal(tcp_bind(c, 8), ERR_INVAL);
    tcp_open(&x->s, &d);
    assert_int_equal(tcp_bind(d, 7), ERR_INUSE);
    assert_int_equal(tcp_bind(d, 0), 0);
    assert_int_equal(tcp_listen(c, 1), 0);
    assert_int_equal(tcp_connect(c, PEER, 80), ERR_INVAL);
    tcp_close(d);
    tcp_close(c);
    c = connected(x, 10);
    assert_int_equal(tcp_connect(c, PEER, 80), ERR_ISCONN);
    assert_int_equal(tcp_shutdown(c), 0);
    assert_int_equal(tcp_shutdown(c), 0);
    assert_int_equal(tcp_writable(c, &to), ERR_PIPE);
    tcp_close(c);
}

static void initial_numbers_grow_for_one_pair_and_differ_between_keys(void **state)
{
    struct stack_test *x = *state;
    uint32_t seen[2] = {0};

    for (unsigned key = 0; key < 2; key++) {
        uint32_t last = 0;

        x->s.isn_key[0] += key;
        for (unsigned i = 0; i < 100; i++) {
            at_ms(x, i);
            tcp_conn_init(&x->s.tcp[0], &x->s, 0, x->s.tcp[0].rcv_buf, x->s.tcp[0].snd_buf);
            x->s.tcp[0].local_port = 1234;
            tcp_connect(&x->s.tcp[0], PEER, 80);
            if (i)
                assert_int_equal(x->s.tcp[0].iss - last, 250); /* a tick every 4 us */
            last = x->s.tcp[0].iss;
        }
        seen[key] = last;
    }
    assert_int_not_equal(seen[0], seen[1]);
    tcp_conn_init(&x->s.tcp[0], &x->s, 0, x->s.tcp[0].rcv_buf, x->s.tcp[0].snd_buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(syn_is_sent_again_after_1_3_7_seconds_and_given_up_after_three_minutes),
        T(reset_in_syn_sent_refuses_only_with_a_good_ack),
        T(crossing_syns_open_a_connection),
        T(a_peer_without_mss_option_gets_536_and_others_what_they_said),
        T(a_listener_accepts_and_its_lost_ack_is_made_up_by_data),
        T(an_ack_with_the_number_of_the_syn_opens_nothing),
        T(initial_numbers_differ_between_ports_and_addresses),
        T(the_backlog_bounds_half_open_connections),
        T(segments_for_no_connection_are_reset_by_the_book),
        T(resets_for_closed_ports_are_ten_at_once_and_a_hundred_a_second),
        T(nonsense_flags_change_nothing),
        T(five_segments_in_every_order_give_the_same_stream),
        T(the_first_bytes_received_win_over_overlapping_ones),
        T(out_of_order_runs_are_bounded_and_the_farthest_is_forgotten),
        T(every_second_segment_is_acknowledged_a_single_one_after_40_ms),
        T(old_and_future_segments_are_answered_by_an_ack_and_nothing_else),
        T(the_window_closes_as_data_waits_and_opens_when_it_is_read),
        T(data_is_cut_into_segments_within_both_windows_and_pushed_at_the_end),
        T(a_small_peer_window_is_respected_and_silly_segments_avoided),
        T(a_closed_window_is_probed_with_back_off_until_it_opens),
        T(a_lost_segment_is_sent_again_after_one_rto_which_doubles),
        T(karn_no_sample_from_a_retransmission_and_the_back_off_stays),
        T(three_duplicate_acks_resend_at_once_and_partial_acks_the_next_hole),
        T(an_ack_of_what_was_never_sent_is_answered_and_ignored),
        T(no_room_in_the_device_loses_nothing),
        T(a_reset_counts_only_at_exactly_the_next_number),
        T(a_syn_in_a_connection_is_challenged_ten_times_in_five_seconds),
        T(we_close_first_and_wait_two_msl),
        T(the_peer_closes_first_and_we_finish_sending),
        T(both_close_at_once),
        T(a_fin_sent_again_with_the_ack_of_ours_ends_closing),
        T(a_lost_fin_is_sent_again),
        T(a_fin_behind_a_gap_waits_for_the_gap),
        T(closing_with_unread_data_or_getting_data_afterwards_resets),
        T(the_peer_reset_is_told_to_the_reader_after_the_data),
        T(icmp_errors_end_an_attempt_only_when_hard_and_about_it),
        T(every_truncation_and_every_flipped_bit_is_dropped),
        T(malformed_options_are_dropped_and_odd_ones_skipped),
        T(the_table_is_bounded_and_gives_up_the_oldest_time_wait),
        T(wrong_socket_calls_are_errors),
        T(initial_numbers_grow_for_one_pair_and_differ_between_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
