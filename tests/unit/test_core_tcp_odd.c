/*
 * TCP when the peer or the line is unusual: bursts, loss, windows that shrink, stale segments, ends
 * that contradict each other (RFC 9293, 5681, 6582, 3042). Each test is one behaviour.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

static uint8_t bytes[70000];

/* ---- acknowledgements ---- */

static void a_burst_in_one_poll_is_acknowledged_every_second_segment(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    for (uint32_t i = 0; i < 7; i++)
        seg_in(x, TCP_ACK, 1 + 1460 * i, 1, 65535, bytes, 1460);
    run(x);
    for (uint32_t i = 2; i <= 6; i += 2)
        expect_seg(x, TCP_ACK, 1, 1 + 1460 * i, 0);
    expect_quiet(x); /* the seventh waits for 40 ms */
    run_at_ms(x, 40);
    expect_seg(x, TCP_ACK, 1, 1 + 1460 * 7, 0);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

static void the_last_ack_of_a_burst_leaves_with_what_the_program_writes(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    seg_in(x, TCP_ACK, 1, 1, 65535, bytes, 1460);
    seg_in(x, TCP_ACK, 1461, 1, 65535, bytes, 1460);
    write_bytes(c, bytes, 10);
    run(x);
    expect_seg(x, TCP_ACK, 1, 2921, 10);
    expect_quiet(x);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

/* ---- numbers of segments without data ---- */

/* RFC 9293 section 3.8.1: SND.NXT is after all that was sent, whatever is sent again. A lower one
 * is old for the peer, which then ignores what the segment acknowledges. */
static void an_ack_while_data_is_sent_again_has_the_number_after_all_of_it(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    write_bytes(c, bytes, 4380);
    run(x);
    for (uint32_t i = 0; i < 3; i++)
        expect_seg(x, TCP_ACK, 1 + 1460 * i, 1, 1460);
    run_at_ms(x, 1000);
    expect_seg(x, TCP_ACK, 1, 1, 1460);
    seg_in(x, TCP_ACK, 1, 1, 65535, bytes, 100);
    run_at_ms(x, 1040);
    expect_seg(x, TCP_ACK, 4381, 101, 0);
    expect_quiet(x);
    tcp_reset(c);
    expect_seg(x, TCP_RST | TCP_ACK, 4381, 101, 0);
}

/* A number beyond the window is not acceptable: RFC 9293 section 3.10.7.4; a reset would be lost.
 */
static void a_reset_at_a_closed_window_has_the_number_that_the_peer_expects(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    write_bytes(c, bytes, 3000);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 1000);
    seg_in(x, TCP_ACK, 1, 1001, 0, 0, 0);
    run(x);
    run_at_ms(x, 1000);
    expect_seg(x, TCP_ACK, 1001, 1, 1); /* a probe, which was not taken */
    seg_in(x, TCP_ACK, 1, 1001, 0, bytes, 10);
    run_at_ms(x, 1040);
    expect_seg(x, TCP_ACK, 1001, 11, 0);
    tcp_reset(c);
    expect_seg(x, TCP_RST | TCP_ACK, 1001, 11, 0);
}

/* Its numbers are one beyond our window then, as those of lwIP: without the exception two ends that
 * have both closed their windows ignore each other until their next probes. */
static void a_peer_that_has_probed_our_closed_window_is_heard(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 1000);

    write_bytes(c, bytes, 3000);
    run(x);
    for (uint32_t at = 0; at < 65535; at += 1285)
        seg_in(x, TCP_ACK, 1 + at, 1, 1000, bytes, 1285);
    seg_in(x, TCP_ACK, 65536, 1001, 0, 0, 0); /* at the edge */
    run(x);
    assert_int_equal(c->snd_una, x->own_iss + 1001);
    assert_int_equal(c->rcv_adv, c->rcv_nxt);
    x->read = x->sent_count;
    seg_in(x, TCP_ACK, 65536, 1001, 0, bytes, 1);
    run(x);
    expect_seg(x, TCP_ACK, 1001, 65536, 0); /* the probe is answered, not taken */
    seg_in(x, TCP_ACK, 65537, 1001, 1000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1001, 65536, 1000);
    seg_in(x, TCP_ACK, 65538, 2001, 1000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2001, 65536, 0);
    assert_int_equal(c->snd_una, x->own_iss + 1001);
    tcp_reset(c);
}

/* The first segment of a full window is lost; the peer's ACK of our data is numbered at its end. */
static void an_ack_at_the_edge_of_our_window_counts(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    write_bytes(c, bytes, 100);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 100);
    seg_in(x, TCP_ACK, 65536, 101, 65535, 0, 0);
    assert_int_equal(c->snd_una, x->own_iss + 101);
    tcp_reset(c);
}

static void an_ack_keeps_to_a_window_that_shrank(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 4380);

    write_bytes(c, bytes, 4380);
    run(x);
    for (uint32_t i = 0; i < 3; i++)
        expect_seg(x, TCP_ACK, 1 + 1460 * i, 1, 1460);
    seg_in(x, TCP_ACK, 1, 1461, 2000, bytes, 10);
    run_at_ms(x, 40);
    expect_seg(x, TCP_ACK, 3461, 11, 0);
    tcp_reset(c);
    expect_seg(x, TCP_RST | TCP_ACK, 3461, 11, 0);
}

/* ---- windows ---- */

/* RFC 9293 section 3.8.6: a window that closes over data in flight is probed, without a limit. */
static void a_window_that_shrinks_to_zero_is_probed_and_its_data_sent_when_it_opens(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 5000);
    uint64_t ms = 0;

    write_bytes(c, bytes, 3000);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 1460);
    expect_seg(x, TCP_ACK, 1461, 1, 1460);
    expect_seg(x, TCP_ACK, 2921, 1, 80);
    seg_in(x, TCP_ACK, 1, 1461, 0, 0, 0);
    for (unsigned probes = 0; ms < 600000; ms += 500) {
        run_at_ms(x, ms);
        if (x->read == x->sent_count)
            continue;
        expect_seg(x, TCP_ACK, 1461, 1, 1);
        expect_quiet(x);
        seg_in(x, TCP_ACK, 1, 1461, 0, 0, 0);
        probes++;
        assert_true(probes > 1 || ms == 1000); /* the first when the timer expires */
    }
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    seg_in(x, TCP_ACK, 1, 1461, 5000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1461, 1, 1460);
    expect_seg(x, TCP_ACK, 2921, 1, 80);
    seg_in(x, TCP_ACK, 1, 3001, 5000, 0, 0);
    run(x);
    expect_quiet(x);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

static void a_window_that_shrinks_gets_again_what_fits(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 5000);

    write_bytes(c, bytes, 3000);
    run(x);
    x->read = x->sent_count;
    seg_in(x, TCP_ACK, 1, 1461, 100, 0, 0); /* 1,540 bytes are in flight */
    run_at_ms(x, 1000);
    expect_seg(x, TCP_ACK, 1461, 1,
               100); /* silly windows are no reason to keep back what is lost */
    expect_quiet(x);
    seg_in(x, TCP_ACK, 1, 1561, 5000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1561, 1, 1440);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

/* RFC 9293 section 3.10.7.4, fifth: SND.WL1 is the number of a segment as received. */
static void a_late_duplicate_does_not_set_the_window(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 5000);

    seg_in(x, TCP_ACK, 1, 1, 200, "old", 3);
    seg_in(x, TCP_ACK, 4, 1, 5000, "new", 3);
    assert_int_equal(c->snd_wnd, 5000);
    seg_in(x, TCP_ACK, 1, 1, 200, "old", 3);
    assert_int_equal(c->snd_wnd, 5000);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

/* RFC 9293 section 3.8.6.2.1: held back for 0.1 to 1 s, whatever the peer sends meanwhile. */
static void a_silly_window_holds_data_back_for_half_a_second_only(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 2000);

    seg_in(x, TCP_ACK, 1, 1, 500, 0, 0);
    write_bytes(c, bytes, 3000);
    run(x);
    expect_quiet(x);
    for (uint32_t i = 0; i < 4; i++) {
        at_ms(x, 100 + 100 * i);
        seg_in(x, TCP_ACK, 1 + i, 1, 500, "k", 1);
        run(x);
        while (x->read < x->sent_count)
            assert_int_equal(next_sent(x).payload_len, 0);
    }
    run_at_ms(x, 500);
    assert_int_equal(next_sent(x).payload_len, 500);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

/* MUST-20 (c): R2 counts from the first byte without an ACK. */
static void a_peer_that_sends_but_never_acknowledges_is_given_up(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 5000);
    uint8_t buf[100];
    uint32_t seq = 1;

    write_bytes(c, bytes, 100);
    run(x);
    for (uint64_t ms = 10000; ms < 190000; ms += 10000) {
        at_ms(x, ms);
        seg_in(x, TCP_ACK, seq++, 1, 5000, "k", 1);
        run(x);
        read_bytes(c, buf, sizeof(buf));
    }
    run_at_ms(x, 250000);
    assert_int_equal(tcp_connected(c), ERR_TIMEDOUT);
    tcp_close(c);
}

/* ---- loss ---- */

/* RFC 6582 section 3.2 (1): these duplicates come from what the timeout sent again. */
static void duplicates_of_the_ack_that_ends_a_timeout_resend_nothing(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    write_bytes(c, bytes, 3 * 1460);
    run(x);
    run_at_ms(x, 1000);
    assert_int_equal(x->sent_count - x->read, 4);
    expect_seg(x, TCP_ACK, 1, 1, 1460);
    x->read = x->sent_count;
    seg_in(x, TCP_ACK, 1, 1 + 3 * 1460, 65535, 0, 0);
    write_bytes(c, bytes, 1460);
    run(x);
    expect_seg(x, TCP_ACK, 1 + 3 * 1460, 1, 1460);
    for (unsigned i = 0; i < 3; i++)
        seg_in(x, TCP_ACK, 1, 1 + 3 * 1460, 65535, 0, 0);
    run(x);
    expect_quiet(x);
    assert_false(c->cc.recovering);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

/* ---- the path ---- */

/* "Fragmentation needed" about the packet of `total` bytes at `seq`. */
static void too_big(struct stack_test *x, uint32_t seq, uint16_t total, uint16_t mtu)
{
    struct icmp_header icmp = {.type = ICMP_UNREACHABLE, .code = 4, .seq = be16_of(mtu)};
    struct ipv4_header ip = {.version_ihl = 0x45,
                             .total_len = be16_of(total),
                             .protocol = IP_PROTOCOL_TCP,
                             .src = be32_of(OWN),
                             .dst = be32_of(PEER)};
    struct tcp_header tcp = {.src_port = be16_of(x->own_port),
                             .dst_port = be16_of(x->peer_port),
                             .seq = be32_of(x->own_iss + seq)};
    uint8_t packet[36], frame[100];

    memcpy(packet, &icmp, 8);
    memcpy(packet + 8, &ip, 20);
    memcpy(packet + 28, &tcp, 8);
    icmp.checksum = checksum_finish(checksum_add(0, packet, sizeof(packet)));
    memcpy(packet, &icmp, 8);
    input(x, frame, build_ip(frame, PEER, OWN, IP_PROTOCOL_ICMP, packet, sizeof(packet)));
}

/* RFC 1191 section 6.5, with the checks of RFC 5927 section 7. */
static void a_path_that_takes_less_gets_smaller_segments(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    write_bytes(c, bytes, 2920);
    run(x);
    x->read = x->sent_count;
    too_big(x, 1461, 1500, 1500); /* no less than the packet */
    too_big(x, 1461, 1500, 67);   /* RFC 791: 68 at least */
    too_big(x, 5000, 1500, 600);  /* never sent */
    run(x);
    expect_quiet(x);
    too_big(x, 1461, 1500, 1000);
    too_big(x, 1, 1500, 1000); /* the other one */
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 960);
    expect_seg(x, TCP_ACK, 961, 1, 960);
    expect_seg(x, TCP_ACK, 1921, 1, 960);
    expect_seg(x, TCP_ACK, 2881, 1, 40);
    expect_quiet(x);
    too_big(x, 1, 1000, 0); /* an old router: the next plateau */
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 468);
    seg_in(x, TCP_ACK, 1, 2921, 65535, 0, 0);
    run_at_ms(x, 5000);
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    assert_int_equal(c->cc.cwnd, 10 * 1460); /* nothing was lost */
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

/* The window grows by a segment for each duplicate (RFC 6582 section 3.2 (3)), and must not wrap
 * to 0. */
static void duplicates_without_end_grow_the_window_to_its_limit(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);

    write_bytes(c, bytes, 3 * 1460);
    run(x);
    for (unsigned i = 0; i < TCP_CWND_MAX / 1460; i++)
        seg_in(x, TCP_ACK, 1, 1, 65535, 0, 0);
    assert_true(c->cc.recovering);
    assert_int_equal(c->cc.cwnd, TCP_CWND_MAX);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

/* ---- ends ---- */

static void a_fin_counts_where_the_data_ends(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 5000);
    uint8_t buf[100];

    seg_in(x, TCP_ACK, 1, 1, 5000, "0123456789", 10);
    seg_in(x, TCP_ACK | TCP_FIN, 1, 1, 5000, "01234", 5); /* old: its number is past */
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    seg_in(x, TCP_ACK | TCP_FIN, 15, 1, 5000, "f", 1); /* after a gap: at 16 */
    seg_in(x, TCP_ACK, 11, 1, 5000, "abcdefgh", 8);    /* data goes past it */
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    seg_in(x, TCP_ACK | TCP_FIN, 19, 1, 5000, "end", 3);
    assert_int_equal(c->state, TCPS_CLOSE_WAIT);
    assert_int_equal(read_bytes(c, buf, sizeof(buf)), 21);
    tcp_close(c);
    tcp_abort(c, ERR_RESET);
}

/* RFC 9293 section 3.10.4: our SYN-ACK is sent again as such, and FIN follows its ACK. */
static void a_close_before_crossing_syns_are_acknowledged_waits_for_the_ack(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connecting(x);

    seg_in(x, TCP_SYN, 0, 0, 5000, 0, 0);
    run(x);
    expect_seg(x, TCP_SYN | TCP_ACK, 0, 1, 0);
    tcp_close(c);
    run(x);
    expect_quiet(x);
    run_at_ms(x, 1000);
    expect_seg(x, TCP_SYN | TCP_ACK, 0, 1, 0);
    seg_in(x, TCP_ACK, 1, 1, 5000, 0, 0);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    seg_in(x, TCP_ACK | TCP_FIN, 1, 2, 5000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
}

/* RFC 9293 section 3.10.7.3: the peer's SYN has its ACK even if ours is acknowledged first. */
static void crossing_syns_are_acknowledged_also_within_one_poll(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connecting(x);

    seg_in(x, TCP_SYN, 0, 0, 5000, 0, 0);
    seg_in(x, TCP_ACK, 1, 1, 5000, 0, 0);
    run(x);
    expect_seg(x, TCP_SYN | TCP_ACK, 0, 1, 0);
    expect_quiet(x);
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
}

static void closing_with_unread_data_in_fin_wait_2_resets(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 5000);

    tcp_shutdown(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    seg_in(x, TCP_ACK, 1, 2, 5000, "unread", 6);
    assert_int_equal(c->state, TCPS_FIN_WAIT_2);
    tcp_close(c);
    expect_seg(x, TCP_RST | TCP_ACK, 2, 7, 0);
    assert_true(tcp_idle(&x->s.tcp));
}

/* RFC 9293 MAY-2: a newer SYN opens the next connection, whose numbers are above the old ones. */
static void a_newer_syn_ends_time_wait(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted(x, &l);
    uint32_t last;

    tcp_close(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    seg_in(x, TCP_ACK | TCP_FIN, 1, 2, 65535, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
    seg_in(x, TCP_SYN, 1, 0, 65535, 0, 0); /* not newer */
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
    last = c->snd_max;
    seg_in(x, TCP_SYN, 1000, 0, 65535, 0, 0);
    run(x);
    x->own_iss = next_sent(x).tcp_seq;
    assert_true(seq_lt(last, x->own_iss));
    seg_in(x, TCP_ACK, 1001, 1, 65535, "again", 5);
    assert_int_equal(tcp_accept(l, &c), 0);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
    tcp_close(l);
}

/* It does not end for a SYN that no listener takes. */
static void a_newer_syn_that_no_listener_can_take_leaves_time_wait(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted(x, &l);

    tcp_close(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    seg_in(x, TCP_ACK | TCP_FIN, 1, 2, 65535, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    for (uint16_t port = 50001; port <= 50002; port++) { /* the backlog is full */
        x->peer_port = port;
        seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
        run(x);
        assert_int_equal(next_sent(x).tcp_flags, TCP_SYN | TCP_ACK);
    }
    x->peer_port = 50000;
    seg_in(x, TCP_SYN, 1000, 0, 65535, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
    tcp_close(l);
    x->read = x->sent_count;
    seg_in(x, TCP_SYN, 1000, 0, 65535, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_burst_in_one_poll_is_acknowledged_every_second_segment),
        T(the_last_ack_of_a_burst_leaves_with_what_the_program_writes),
        T(an_ack_while_data_is_sent_again_has_the_number_after_all_of_it),
        T(a_reset_at_a_closed_window_has_the_number_that_the_peer_expects),
        T(an_ack_keeps_to_a_window_that_shrank),
        T(a_peer_that_has_probed_our_closed_window_is_heard),
        T(an_ack_at_the_edge_of_our_window_counts),
        T(a_window_that_shrinks_to_zero_is_probed_and_its_data_sent_when_it_opens),
        T(a_window_that_shrinks_gets_again_what_fits),
        T(a_late_duplicate_does_not_set_the_window),
        T(a_silly_window_holds_data_back_for_half_a_second_only),
        T(a_peer_that_sends_but_never_acknowledges_is_given_up),
        T(duplicates_of_the_ack_that_ends_a_timeout_resend_nothing),
        T(a_path_that_takes_less_gets_smaller_segments),
        T(duplicates_without_end_grow_the_window_to_its_limit),
        T(a_fin_counts_where_the_data_ends),
        T(a_close_before_crossing_syns_are_acknowledged_waits_for_the_ack),
        T(crossing_syns_are_acknowledged_also_within_one_poll),
        T(closing_with_unread_data_in_fin_wait_2_resets),
        T(a_newer_syn_ends_time_wait),
        T(a_newer_syn_that_no_listener_can_take_leaves_time_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
