/*
 * TCP's two streams as an exchange of packets (RFC 9293, 6298, 5681, 6582).
 */
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

static uint8_t bytes[70000];

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
        assert_null(c->ooo);
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

static void out_of_order_runs_are_bounded(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    for (uint32_t i = 0; i < 1000; i++)
        seg_in(x, TCP_ACK, 3 + 2 * i, 1, 1000, "x", 1);
    assert_int_equal(c->ooo->count, TCP_OOO_MAX);
    assert_int_equal(c->ooo->range[TCP_OOO_MAX - 1].start - x->peer_iss, 3 + 2 * (TCP_OOO_MAX - 1));
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
    assert_in_range(tcp_flight(c), 9 * 1460,
                    10 * 1460); /* the initial window: RFC 6928 section 2 */
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
    seg_in(x, TCP_ACK, 1, 2101, 100, 0, 0); /* the override was for once */
    run(x);
    expect_quiet(x);
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
    struct tcp_conn *c;

    x->s.tcp.reno = true;
    c = connected(x, 65535);
    c->cc.cwnd = 20 * 1460;
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
    assert_int_equal(c->cc.ssthresh, 9 * 1460 / 2);
    assert_int_equal(c->cc.cwnd, c->cc.ssthresh + 3 * 1460);
    seg_in(x, TCP_ACK, 1, 1 + 4 * 1460, 65535, 0, 0); /* partial */
    run(x);
    expect_seg(x, TCP_ACK, 1 + 4 * 1460, 1, 1460);
    assert_true(c->cc.recovering);
    seg_in(x, TCP_ACK, 1, 1 + 10 * 1460, 65535, 0, 0);
    assert_false(c->cc.recovering);
    assert_true(c->cc.cwnd <= c->cc.ssthresh);
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

/* Both ACKs come in one poll: what the first would send again is acknowledged by the second. */
static void the_end_of_a_recovery_takes_back_what_a_partial_ack_wanted(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    c->cc.cwnd = 20 * 1460;
    write_bytes(c, bytes, 10 * 1460);
    run(x);
    for (unsigned i = 0; i < 4; i++)
        seg_in(x, TCP_ACK, 1, 1461, 65535, 0, 0);
    write_bytes(c, bytes, 3 * 1460);
    c->cc.cwnd = 20 * 1460;
    run(x);
    x->read = x->sent_count - 4;
    expect_seg(x, TCP_ACK, 1461, 1, 1460);
    for (unsigned i = 10; i < 13; i++)
        expect_seg(x, TCP_ACK, 1 + i * 1460, 1, 1460);
    seg_in(x, TCP_ACK, 1, 1 + 4 * 1460, 65535, 0, 0);
    assert_true(c->resend);
    seg_in(x, TCP_ACK, 1, 1 + 10 * 1460, 65535, 0, 0);
    run(x);
    expect_quiet(x);
    tcp_reset(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(five_segments_in_every_order_give_the_same_stream),
        T(the_first_bytes_received_win_over_overlapping_ones),
        T(out_of_order_runs_are_bounded),
        T(every_second_segment_is_acknowledged_a_single_one_after_40_ms),
        T(old_and_future_segments_are_answered_by_an_ack_and_nothing_else),
        T(the_window_closes_as_data_waits_and_opens_when_it_is_read),
        T(data_is_cut_into_segments_within_both_windows_and_pushed_at_the_end),
        T(a_small_peer_window_is_respected_and_silly_segments_avoided),
        T(a_closed_window_is_probed_with_back_off_until_it_opens),
        T(a_lost_segment_is_sent_again_after_one_rto_which_doubles),
        T(karn_no_sample_from_a_retransmission_and_the_back_off_stays),
        T(three_duplicate_acks_resend_at_once_and_partial_acks_the_next_hole),
        T(the_end_of_a_recovery_takes_back_what_a_partial_ack_wanted),
        T(an_ack_of_what_was_never_sent_is_answered_and_ignored),
        T(no_room_in_the_device_loses_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
