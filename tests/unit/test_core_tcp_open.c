/*
 * How TCP connections open, and what a socket's calls refuse (RFC 9293, 6528). As in the other
 * tests of TCP each test is one behaviour, numbers are relative, and the peer's initial number
 * makes every test wrap at 2^32.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

/* ---- opening ---- */

static void syn_is_sent_again_after_1_3_7_seconds_and_given_up_after_three_minutes(void **state)
{
    static const uint64_t at_s[] = {0, 1, 3, 7, 15, 31, 63, 123, 183};
    struct stack_test *x = *state;
    struct tcp_conn *c;

    at_ms(x, 0);
    tcp_open(&x->s.tcp, &c);
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
    assert_int_equal(c->state, TCPS_ESTABLISHED);
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
        tcp_open(&x->s.tcp, &c);
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
        assert_int_equal(c->state, TCPS_ESTABLISHED);
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
    tcp_open(&x->s.tcp, &l);
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
    tcp_open(&x->s.tcp, &l);
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

/* The initial number of a connection from port `own`. */
static uint32_t number_of(struct stack_test *x, uint16_t own, uint32_t addr, uint16_t port)
{
    struct tcp_conn *c;
    uint32_t iss;

    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_bind(c, own), 0);
    assert_int_equal(tcp_connect(c, addr, port), 0);
    iss = c->iss;
    tcp_close(c);
    return iss;
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
        seen[i] = number_of(x, pair[i].own, pair[i].addr, pair[i].to);
        for (unsigned j = 0; j < i; j++) /* by more than a few ticks, as 1 in a million is not */
            assert_true(seen[i] - seen[j] + 1000 > 2000);
    }
}

static void initial_numbers_grow_for_one_pair_and_differ_between_keys(void **state)
{
    struct stack_test *x = *state;
    uint32_t seen[2] = {0};

    for (unsigned key = 0; key < 2; key++) {
        uint32_t last = 0;

        x->s.net.key[0] += key;
        for (unsigned i = 0; i < 100; i++) {
            uint32_t now;

            at_ms(x, i);
            now = number_of(x, 1234, PEER, 80);
            if (i)
                assert_int_equal(now - last, 250); /* a tick every 4 us */
            last = now;
        }
        seen[key] = last;
    }
    assert_int_not_equal(seen[0], seen[1]);
}

static uint16_t port_to(struct stack_test *x, uint32_t addr, uint16_t port)
{
    struct tcp_conn *c;
    uint16_t own;

    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_connect(c, addr, port), 0);
    own = c->local_port;
    tcp_close(c);
    return own;
}

/* RFC 6056 section 3.3.3: one more each time, from a place that depends on the key. */
static void ports_start_at_a_keyed_hash_of_the_peer(void **state)
{
    struct stack_test *x = *state;
    uint16_t first[4], after;

    at_ms(x, 0);
    first[0] = port_to(x, PEER, 80);
    after = port_to(x, PEER, 80);
    assert_int_equal((uint16_t)(after - first[0]), 1);
    first[1] = port_to(x, PEER, 81);
    first[2] = port_to(x, PEER + 1, 80);
    x->s.net.key[0]++;
    first[3] = port_to(x, PEER, 80);
    for (unsigned i = 0; i < ARRAY_COUNT(first); i++)
        for (unsigned j = 0; j < i; j++)
            assert_true((uint16_t)(first[i] - first[j] + 10) > 20);
}

static void the_backlog_bounds_half_open_connections(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c;

    at_ms(x, 0);
    tcp_open(&x->s.tcp, &l);
    tcp_bind(l, 7);
    tcp_listen(l, 2);
    x->own_port = 7;
    for (x->peer_port = 1000; x->peer_port < 1010; x->peer_port++)
        seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    run(x);
    assert_int_equal(x->sent_count - x->read, 10); /* eight of them cookies: nothing is kept */
    for (unsigned i = 0; i < 3; i++)
        assert_true(x->s.tcp.conn[i].state == (i ? TCPS_SYN_RECEIVED : TCPS_LISTEN));
    assert_int_equal(x->s.tcp.conn[3].state, TCPS_CLOSED);
    x->read = x->sent_count;
    tcp_close(l); /* resets its children */
    assert_int_equal(next_sent(x).tcp_flags & TCP_RST, TCP_RST);
    assert_int_equal(next_sent(x).tcp_flags & TCP_RST, TCP_RST);
    assert_true(tcp_idle(&x->s.tcp));
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
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
    assert_int_equal(x->s.net.drops[DROP_TCP_LIMIT], 40);
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
        assert_int_equal(c->state, TCPS_ESTABLISHED);
    }
    tcp_close(c);
}

/* ---- sockets ---- */

static void the_table_is_bounded_and_gives_up_the_oldest_time_wait(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c[CONNS + 1];

    at_ms(x, 0);
    for (unsigned i = 0; i < CONNS; i++)
        assert_int_equal(tcp_open(&x->s.tcp, &c[i]), 0);
    assert_int_equal(tcp_open(&x->s.tcp, &c[CONNS]), ERR_NFILE);
    age(c[3]);
    tcp_own(c[3], false);
    assert_int_equal(tcp_open(&x->s.tcp, &c[CONNS]), 0);
    assert_ptr_equal(c[CONNS], c[3]);
    for (unsigned i = 0; i < CONNS; i++)
        tcp_close(c[i]);
    assert_true(tcp_idle(&x->s.tcp));
}

static void wrong_socket_calls_are_errors(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c, *d, *child;
    const uint8_t *from;
    uint8_t *to;

    at_ms(x, 0);
    tcp_open(&x->s.tcp, &c);
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
    tcp_open(&x->s.tcp, &d);
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

static void a_server_starts_again_on_its_port(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c, *again;

    c = accepted(x, &l);
    tcp_open(&x->s.tcp, &again);
    tcp_close(l);
    assert_int_equal(tcp_bind(again, 7), ERR_INUSE); /* a program still has its connection */
    tcp_close(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 1, 1, 0);
    seg_in(x, TCP_FIN | TCP_ACK, 1, 2, 65535, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
    assert_int_equal(tcp_bind(again, 7), 0);
    assert_int_equal(tcp_listen(again, 1), 0);
    x->peer_port++;
    seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    run(x);
    assert_int_equal(next_sent(x).tcp_flags, TCP_SYN | TCP_ACK);
    tcp_close(again);
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
        T(ports_start_at_a_keyed_hash_of_the_peer),
        T(the_backlog_bounds_half_open_connections),
        T(segments_for_no_connection_are_reset_by_the_book),
        T(resets_for_closed_ports_are_ten_at_once_and_a_hundred_a_second),
        T(nonsense_flags_change_nothing),
        T(the_table_is_bounded_and_gives_up_the_oldest_time_wait),
        T(wrong_socket_calls_are_errors),
        T(a_server_starts_again_on_its_port),
        T(initial_numbers_grow_for_one_pair_and_differ_between_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
