/*
 * How TCP connections end, in order and by a reset (RFC 9293).
 */
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

static void we_close_first_and_wait_two_msl(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    tcp_close(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    assert_int_equal(c->state, TCPS_FIN_WAIT_1);
    seg_in(x, TCP_ACK, 1, 2, 1000, 0, 0);
    assert_int_equal(c->state, TCPS_FIN_WAIT_2);
    seg_in(x, TCP_FIN | TCP_ACK, 1, 2, 1000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
    at_ms(x, 50000);
    seg_in(x, TCP_FIN | TCP_ACK, 1, 2, 1000, 0, 0); /* our last ACK was lost: restarts the wait */
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    seg_in(x, TCP_RST, 2, 0, 0, 0, 0); /* RFC 1337 */
    run_at_ms(x, 109999);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
    run_at_ms(x, 110000);
    assert_int_equal(c->state, TCPS_CLOSED);
    assert_true(tcp_idle(&x->s.tcp));
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
    assert_int_equal(c->state, TCPS_LAST_ACK);
    seg_in(x, TCP_ACK, 5, 5, 1000, 0, 0);
    assert_int_equal(c->state, TCPS_LAST_ACK); /* the FIN is not acknowledged yet */
    seg_in(x, TCP_ACK, 5, 6, 1000, 0, 0);
    assert_true(tcp_idle(&x->s.tcp));
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
    assert_int_equal(c->state, TCPS_CLOSING);
    seg_in(x, TCP_ACK, 2, 2, 1000, 0, 0);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
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
    assert_int_equal(c->state, TCPS_TIME_WAIT);
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
    assert_int_equal(c->state, TCPS_FIN_WAIT_2);
    tcp_close(c);
    run_at_ms(x, 61001); /* no program waits for the peer's FIN */
    assert_true(tcp_idle(&x->s.tcp));
}

static void a_fin_behind_a_gap_waits_for_the_gap(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);
    uint8_t buf[10];
    const uint8_t *at;

    seg_in(x, TCP_FIN | TCP_ACK, 4, 1, 1000, "def", 3);
    assert_int_equal(tcp_readable(c, &at), ERR_AGAIN);
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    seg_in(x, TCP_ACK, 1, 1, 1000, "abc", 3);
    assert_int_equal(read_bytes(c, buf, 10), 6);
    assert_memory_equal(buf, "abcdef", 6);
    assert_int_equal(tcp_readable(c, &at), 0);
    assert_int_equal(c->state, TCPS_CLOSE_WAIT);
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
    assert_true(tcp_idle(&x->s.tcp));

    c = connected(x, 1000);
    tcp_close(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    seg_in(x, TCP_ACK, 1, 2, 1000, "late", 4);
    expect_seg(x, TCP_RST | TCP_ACK, 2, 1, 0);
    assert_true(tcp_idle(&x->s.tcp));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(we_close_first_and_wait_two_msl),
        T(the_peer_closes_first_and_we_finish_sending),
        T(both_close_at_once),
        T(a_fin_sent_again_with_the_ack_of_ours_ends_closing),
        T(a_lost_fin_is_sent_again),
        T(a_fin_behind_a_gap_waits_for_the_gap),
        T(closing_with_unread_data_or_getting_data_afterwards_resets),
        T(the_peer_reset_is_told_to_the_reader_after_the_data),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
