/*
 * TCP's timers and congestion window against the arithmetic of RFC 6298, 5681 and 6582, done here
 * by hand: each value exactly, each timer from both sides.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

static uint8_t bytes[65536];

/* Opened at 0, answered after rtt_ms with this MSS; after more than a second that is the second
 * SYN. */
static struct tcp_conn *opened(struct stack_test *x, uint64_t rtt_ms, uint16_t mss)
{
    const uint8_t option[4] = {2, 4, (uint8_t)(mss >> 8), (uint8_t)mss};
    struct tcp_conn *c;
    uint8_t frame[200];
    struct decoded d = {0};

    at_ms(x, 0);
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_connect(c, PEER, 80), 0);
    run(x);
    if (rtt_ms > 1000)
        run_at_ms(x, 1000); /* once more */
    while (x->read < x->sent_count)
        d = next_sent(x);
    x->own_iss = d.tcp_seq;
    x->own_port = d.src_port;
    at_ms(x, rtt_ms);
    input(x, frame,
          build_tcp(frame,
                    &(struct tcp_header){.src_port = be16_of(80),
                                         .dst_port = be16_of(d.src_port),
                                         .seq = be32_of(x->peer_iss),
                                         .ack = be32_of(d.tcp_seq + 1),
                                         .flags = TCP_SYN | TCP_ACK,
                                         .window = be16_of(65535)},
                    option, 4, 0, 0));
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 0);
    return c;
}

static void over(struct stack_test *x, struct tcp_conn *c)
{
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
    x->read = x->sent_count = 0;
}

/* How many data segments left since the last look. */
static unsigned segments(struct stack_test *x)
{
    unsigned n = 0;

    while (x->read < x->sent_count)
        n += next_sent(x).payload_len > 0;
    return n;
}

static void the_timer_is_srtt_and_four_times_its_variation(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = opened(x, 800, 1460);

    write_bytes(c, bytes, 5); /* SRTT 800, RTTVAR 400: 2400 */
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 5);
    assert_true(tcp_deadline(&x->s.tcp) == x->start_ns + 3200 * NS_PER_MS);
    at_ms(x, 1200); /* 400: RTTVAR 3/4 400 + 1/4 400, SRTT 7/8 800 + 1/8 400: 750 + 1600 */
    seg_in(x, TCP_ACK, 1, 6, 65535, 0, 0);
    assert_true(c->srtt_ns == 750 * NS_PER_MS && c->rttvar_ns == 400 * NS_PER_MS);
    write_bytes(c, bytes, 5);
    run(x);
    expect_seg(x, TCP_ACK, 6, 1, 5);
    run_at_ms(x, 1200 + 2349);
    expect_quiet(x);
    run_at_ms(x, 1200 + 2350);
    expect_seg(x, TCP_ACK, 6, 1, 5);
    run_at_ms(x, 1200 + 2350 + 4699);
    expect_quiet(x);
    run_at_ms(x, 1200 + 2350 + 4700);
    expect_seg(x, TCP_ACK, 6, 1, 5);
    over(x, c);
}

static void a_longer_round_trip_counts_like_a_shorter_one(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = opened(x, 400, 1460);

    write_bytes(c, bytes, 5);
    run(x);
    at_ms(x, 400 + 1100); /* RTTVAR 3/4 200 + 1/4 700 = 325, SRTT 350 + 137.5: 487.5 + 1300 */
    seg_in(x, TCP_ACK, 1, 6, 65535, 0, 0);
    assert_true(c->srtt_ns == 487500 * NS_PER_US && c->rttvar_ns == 325 * NS_PER_MS);
    assert_true(c->rto_ns == 1787500 * NS_PER_US);
    over(x, c);
}

/* RFC 6298 (2.4) and (5.7). */
static void the_timer_is_a_second_at_least_and_three_after_a_lost_syn(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = opened(x, 100, 1460);

    assert_true(c->rto_ns == NS_PER_S);
    over(x, c);
    c = opened(x, 1100, 1460);
    assert_true(c->rto_ns == 3 * NS_PER_S);
    c->srtt_ns = 0;
    tcp_rtt_sample(c, 14 * NS_PER_S);
    assert_true(c->rto_ns == 42 * NS_PER_S);
    c->srtt_ns = 0;
    tcp_rtt_sample(c, 40 * NS_PER_S);
    assert_true(c->rto_ns == 60 * NS_PER_S); /* (2.5) */
    over(x, c);
}

static struct tcp_conn *opened_reno(struct stack_test *x, uint64_t rtt_ms, uint16_t mss)
{
    x->s.tcp.reno = true;
    return opened(x, rtt_ms, mss);
}

/* RFC 6928 section 2: ten segments; one after a lost SYN. */
static void the_first_flight_depends_on_the_segment_size(void **state)
{
    static const struct {
        uint16_t mss;
        uint64_t rtt_ms;
        unsigned segments;
    } row[] = {{536, 10, 10}, {1460, 10, 10}, {1460, 1010, 1}};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct tcp_conn *c = opened(x, row[i].rtt_ms, row[i].mss);

        write_bytes(c, bytes, 20000);
        run(x);
        assert_int_equal(segments(x), row[i].segments);
        over(x, c);
    }
}

static void each_ack_adds_a_segment_until_the_threshold(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = opened_reno(x, 10, 1000);
    uint32_t acked = 1;

    write_bytes(c, bytes, 60000);
    run(x);
    assert_int_equal(segments(x), 10);
    for (unsigned i = 0; i < 6; i++) { /* one leaves, one more may be there: two */
        acked += 1000;
        seg_in(x, TCP_ACK, 1, acked, 65535, 0, 0);
        run(x);
        assert_int_equal(segments(x), 2);
    }
    assert_int_equal(c->cc.cwnd, 16000);
    stack_begin(&x->s, c->rto_at_ns); /* RFC 5681 (4): half of what is in flight */
    run(x);
    assert_int_equal(segments(x), 1);
    assert_int_equal(c->cc.ssthresh, 8000);
    assert_int_equal(c->cc.cwnd, 1000);
    for (unsigned i = 2; i <= 8; i++) {
        acked += 1000;
        seg_in(x, TCP_ACK, 1, acked, 65535, 0, 0);
        assert_int_equal(c->cc.cwnd, i * 1000);
    }
    for (unsigned i = 0; i < 8; i++) { /* from there by one segment for each window of bytes */
        assert_int_equal(c->cc.cwnd, 8000);
        acked += 1000;
        seg_in(x, TCP_ACK, 1, acked, 65535, 0, 0);
    }
    assert_int_equal(c->cc.cwnd, 9000);
    over(x, c);
}

static void the_threshold_is_two_segments_at_least(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = opened_reno(x, 10, 1000);

    write_bytes(c, bytes, 3000);
    run(x);
    stack_begin(&x->s, c->rto_at_ns);
    run(x);
    assert_int_equal(c->cc.ssthresh, 2000);
    over(x, c);
}

/* RFC 5681 section 3.2, RFC 6582 section 3.2. */
static void the_window_of_a_fast_recovery(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = opened_reno(x, 10, 1000);
    uint32_t acked = 1;

    write_bytes(c, bytes, 60000);
    run(x);
    for (unsigned i = 0; i < 6; i++) {
        acked += 1000;
        seg_in(x, TCP_ACK, 1, acked, 65535, 0, 0);
        run(x);
    }
    segments(x);
    for (unsigned i = 0; i < 2; i++)
        seg_in(x, TCP_ACK, 1, acked, 65535, 0, 0);
    run(x);
    assert_int_equal(segments(x), 2); /* limited transmit: RFC 3042 */
    assert_int_equal(c->cc.cwnd, 16000);
    assert_false(c->cc.recovering);
    seg_in(x, TCP_ACK, 1, acked, 65535, 0, 0);
    assert_true(c->cc.recovering);
    assert_int_equal(c->cc.ssthresh, 8000);
    assert_int_equal(c->cc.cwnd, 11000);
    seg_in(x, TCP_ACK, 1, acked, 65535, 0, 0);
    assert_int_equal(c->cc.cwnd, 12000);
    run(x);
    assert_int_equal(segments(x), 1); /* the lost one; the window is still full */
    acked += 3000;
    seg_in(x, TCP_ACK, 1, acked, 65535, 0, 0); /* partial: what was acknowledged less, one more */
    assert_int_equal(c->cc.cwnd, 10000);
    assert_true(c->cc.recovering);
    run(x);
    seg_in(x, TCP_ACK, 1, c->cc.recover - c->iss, 65535, 0, 0); /* all of it */
    assert_false(c->cc.recovering);
    assert_in_range(c->cc.cwnd, 2000, 8000);
    over(x, c);
}

static void a_window_that_nobody_can_use_does_not_grow(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = opened(x, 10, 1460);
    uint32_t acked = 1;

    for (unsigned i = 0; i < 200; i++) {
        write_bytes(c, bytes, 1460);
        run(x);
        x->read = x->sent_count = 0;
        acked += 1460;
        seg_in(x, TCP_ACK, 1, acked, 65535, 0, 0);
    }
    assert_int_equal(c->cc.cwnd, 2 * 14600 + 1460); /* a segment more than twice the first one */
    over(x, c);
}

/* RFC 5681 section 4.1: what the network was like before the pause is not known any more. */
static void after_a_pause_the_window_is_the_first_one(void **state)
{
    struct stack_test *x = *state;

    for (uint64_t pause_ms = 1000; pause_ms <= 1001; pause_ms++) { /* the timeout: a second */
        struct tcp_conn *c = connected(x, 65535);
        unsigned before;

        c->cc.cwnd = 20 * 1460;
        run_at_ms(x, 10);
        write_bytes(c, bytes, 1460);
        run(x);
        seg_in(x, TCP_ACK, 1, 1461, 65535, 0, 0);
        run_at_ms(x, 10 + pause_ms);
        before = x->sent_count;
        write_bytes(c, bytes, 20 * 1460);
        run(x);
        assert_int_equal(x->sent_count - before, pause_ms > 1000 ? 10 : 20);
        tcp_reset(c);
        x->read = x->sent_count;
    }
}

static void the_connection_that_waits_longest_makes_room(void **state)
{
    static const unsigned order[] = {6, 7, 5};
    struct stack_test *x = *state;
    struct tcp_conn *c[CONNS], *next;

    at_ms(x, 0);
    for (unsigned i = 0; i < CONNS; i++)
        assert_int_equal(tcp_open(&x->s.tcp, &c[i]), 0);
    assert_int_equal(tcp_open(&x->s.tcp, &next), ERR_NFILE);
    age(c[8]); /* a descriptor still refers to it */
    for (unsigned i = 0; i < 3; i++) {
        at_ms(x, 1000 * (i + 1));
        age(c[order[i]]);
        tcp_own(c[order[i]], false);
    }
    tcp_enter_time_wait(c[6]); /* its peer sent a FIN again: now it is the last */
    assert_int_equal(tcp_open(&x->s.tcp, &next), 0);
    assert_ptr_equal(next, c[7]);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(tcp_open(&x->s.tcp, &next), 0);
        assert_ptr_equal(next, c[i ? 6 : 5]);
    }
    assert_int_equal(tcp_open(&x->s.tcp, &next), ERR_NFILE);
    tcp_end(c[8]);
    for (unsigned i = 0; i < CONNS; i++)
        tcp_close(c[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_timer_is_srtt_and_four_times_its_variation),
        T(a_longer_round_trip_counts_like_a_shorter_one),
        T(the_timer_is_a_second_at_least_and_three_after_a_lost_syn),
        T(the_first_flight_depends_on_the_segment_size),
        T(each_ack_adds_a_segment_until_the_threshold),
        T(the_threshold_is_two_segments_at_least),
        T(the_window_of_a_fast_recovery),
        T(a_window_that_nobody_can_use_does_not_grow),
        T(the_connection_that_waits_longest_makes_room),
        T(after_a_pause_the_window_is_the_first_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
