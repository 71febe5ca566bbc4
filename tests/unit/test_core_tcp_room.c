/*
 * TCP when the table is full or is meant to become so: SYN floods and cookies (RFC 4987), and which
 * connections make room for others. Each test is one behaviour.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

static uint8_t bytes[70000];

/* ---- SYN floods ---- */

static struct tcp_conn *flooded(struct stack_test *x, unsigned backlog)
{
    struct tcp_conn *l;

    at_ms(x, 0);
    tcp_open(&x->s.tcp, &l);
    tcp_bind(l, 7);
    tcp_listen(l, backlog);
    x->own_port = 7;
    for (x->peer_port = 1000; x->peer_port < 2000; x->peer_port++)
        seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    run(x);
    x->read = x->sent_count;
    return l;
}

/* The SYN-ACK for a SYN from `port`, which is a cookie. */
static void cookie(struct stack_test *x, uint16_t port)
{
    struct decoded d;

    x->peer_port = port;
    seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    d = next_sent(x);
    assert_int_equal(d.tcp_flags, TCP_SYN | TCP_ACK);
    assert_int_equal(d.tcp_ack - x->peer_iss, 1);
    assert_int_equal(d.tcp_mss, 1460);
    x->own_iss = d.tcp_seq;
}

/* RFC 4987: forged SYNs take no block from anyone, and a good client is served meanwhile. */
static void a_syn_flood_keeps_no_good_client_out(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l = flooded(x, 4), *c;
    uint8_t buf[10];
    unsigned used = 0;

    for (unsigned i = 0; i < CONNS; i++)
        used += x->s.tcp.conn[i].state != TCPS_CLOSED;
    assert_int_equal(used, 5);
    cookie(x, 40000);
    seg_in(x, TCP_ACK, 1, 1, 65535, "hello", 5); /* its bare ACK was lost */
    assert_int_equal(tcp_accept(l, &c), 0);
    assert_int_equal(c->remote_port, 40000);
    assert_int_equal(c->mss, 1460);
    assert_int_equal(read_bytes(c, buf, sizeof(buf)), 5);
    write_bytes(c, bytes, 10);
    run(x);
    expect_seg(x, TCP_ACK, 1, 6, 10);
    seg_in(x, TCP_ACK | TCP_FIN, 6, 11, 65535, 0, 0);
    tcp_close(c);
    run(x);
    expect_seg(x, TCP_FIN | TCP_ACK, 11, 7, 0);
    seg_in(x, TCP_ACK, 7, 12, 65535, 0, 0);
    tcp_close(l);
}

static void a_cookie_counts_once_for_its_connection_and_for_two_minutes(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l = flooded(x, 1), *c;

    cookie(x, 40000);
    seg_in(x, TCP_ACK, 1, 9, 65535, 0, 0); /* another number */
    seg_in(x, TCP_ACK, 2, 1, 65535, 0, 0); /* another SYN */
    x->peer_port++;                        /* another port */
    seg_in(x, TCP_ACK, 1, 1, 65535, 0, 0);
    x->peer_port--;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(next_sent(x).tcp_flags, TCP_RST);
    assert_int_equal(tcp_accept(l, &c), ERR_AGAIN);
    at_ms(x, 63000);
    seg_in(x, TCP_ACK, 1, 1, 65535, 0, 0);
    assert_int_equal(tcp_accept(l, &c), 0);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
    x->read = x->sent_count;
    at_ms(x, 200000);
    seg_in(x, TCP_ACK, 1, 1, 65535, 0, 0);
    assert_int_equal(next_sent(x).tcp_flags, TCP_RST);
    tcp_close(l);
}

/* Only the first segment shows the cookie: when it is lost, those after it must not end the
 * connection, and it comes again. */
static void data_after_a_lost_answer_to_a_cookie_is_not_reset(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l = flooded(x, 1), *c;
    uint8_t buf[20];

    cookie(x, 40000);
    x->s.net.drops_total = x->s.net.drops[DROP_TCP_BACKLOG] = 0;
    seg_in(x, TCP_ACK, 6, 1, 65535, "world", 5);
    run(x);
    expect_drop(x, DROP_TCP_BACKLOG);
    seg_in(x, TCP_ACK | TCP_FIN, 11, 1, 65535, 0, 0);
    run(x);
    expect_drop(x, DROP_TCP_BACKLOG);
    seg_in(x, TCP_ACK, 1, 1, 65535, "hello", 5);
    seg_in(x, TCP_ACK, 6, 1, 65535, "world", 5);
    assert_int_equal(tcp_accept(l, &c), 0);
    assert_int_equal(read_bytes(c, buf, sizeof(buf)), 10);
    tcp_reset(c);
    x->read = x->sent_count;
    at_ms(x, 130000); /* no cookie is out any more */
    seg_in(x, TCP_ACK, 6, 1, 65535, "world", 5);
    assert_int_equal(next_sent(x).tcp_flags, TCP_RST);
    tcp_close(l);
}

/* A cookie keeps the largest value of its table that is not above the peer's. */
static void a_cookie_remembers_about_what_the_peer_can_take(void **state)
{
    static const uint16_t said[] = {216,  535,  536,  965,  966,  1219, 1220, 1359,
                                    1360, 1439, 1440, 1451, 1452, 1459, 1460},
                          kept[] = {216,  216,  536,  536,  966,  966,  1220, 1220,
                                    1360, 1360, 1440, 1440, 1452, 1452, 1460};
    struct stack_test *x = *state;
    struct tcp_conn *l = flooded(x, 1), *c;
    uint8_t frame[2048];

    for (unsigned i = 0; i < ARRAY_COUNT(said); i++) {
        const uint8_t option[4] = {2, 4, (uint8_t)(said[i] >> 8), (uint8_t)said[i]};
        struct tcp_header h = {.src_port = be16_of(x->peer_port = (uint16_t)(40000 + i)),
                               .dst_port = be16_of(x->own_port),
                               .seq = be32_of(x->peer_iss),
                               .flags = TCP_SYN,
                               .window = be16_of(65535)};

        input(x, frame, build_tcp(frame, &h, option, 4, 0, 0));
        x->own_iss = next_sent(x).tcp_seq;
        seg_in(x, TCP_ACK, 1, 1, 65535, 0, 0);
        assert_int_equal(tcp_accept(l, &c), 0);
        assert_int_equal(c->mss, kept[i]);
        tcp_reset(c);
        assert_int_equal(next_sent(x).tcp_flags, TCP_RST | TCP_ACK);
    }
    tcp_close(l);
}

static void what_waits_for_accept_bounds_cookies_too(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l = flooded(x, 1), *c;

    cookie(x, 40000);
    seg_in(x, TCP_ACK, 1, 1, 65535, 0, 0);
    x->peer_port = 40001;
    seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0); /* one waits: no cookie that cannot be honoured */
    run(x);
    expect_quiet(x);
    assert_int_equal(tcp_accept(l, &c), 0);
    assert_int_equal(c->remote_port, 40000);
    tcp_abort(c, ERR_RESET);
    tcp_close(c);
    tcp_close(l);
}

/* Peers leave a part of the table to programs, and a program's own connection goes before a
 * half-open one of a peer. */
static void half_open_connections_make_room_for_our_own(void **state)
{
    enum { RESERVE = CONNS / TCP_RESERVE_PART };
    struct stack_test *x = *state;
    struct tcp_conn *l[2], *own[RESERVE], *c;
    unsigned n = 0;

    l[0] = flooded(x, 8);
    tcp_open(&x->s.tcp, &l[1]);
    tcp_bind(l[1], 8);
    tcp_listen(l[1], 8);
    x->own_port = 8;
    for (x->peer_port = 1000; x->peer_port < 1010; x->peer_port++)
        seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    for (unsigned i = 0; i < CONNS; i++)
        n += x->s.tcp.conn[i].state != TCPS_CLOSED;
    assert_int_equal(n, CONNS - RESERVE);
    n = x->s.tcp.half_open.count;
    for (unsigned i = 0; i < RESERVE; i++)
        assert_int_equal(tcp_open(&x->s.tcp, &own[i]), 0);
    assert_int_equal(x->s.tcp.half_open.count, n); /* that was free */
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(x->s.tcp.half_open.count, n - 1);
    tcp_close(c);
    for (unsigned i = 0; i < RESERVE; i++)
        tcp_close(own[i]);
    tcp_close(l[0]);
    tcp_close(l[1]);
}

/* What a program has closed keeps a block until the peer lets it end: the oldest goes first. */
static void closed_connections_make_room_for_new_ones(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c, *first = 0;
    struct decoded d;

    for (unsigned i = 0; i < CONNS; i++) {
        x->peer_port = (uint16_t)(80 + i);
        c = connected(x, 0); /* its window stays closed */
        first = first ? first : c;
        write_bytes(c, bytes, 100);
        tcp_close(c);
    }
    assert_int_equal(first->state, TCPS_FIN_WAIT_1);
    run(x);
    x->read = x->sent_count;
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_ptr_equal(c, first);
    d = next_sent(x);
    assert_int_equal(d.tcp_flags, TCP_RST | TCP_ACK);
    assert_int_equal(d.dst_port, 80);
    tcp_close(c);
}

/* A minute after the program has closed, and after each byte that the peer takes. */
static void a_closed_connection_ends_a_minute_after_its_last_progress(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 0); /* its window stays closed */
    struct decoded d;

    write_bytes(c, bytes, 100);
    tcp_close(c);
    for (uint64_t ms = 500; ms <= 90000; ms += 500) {
        run_at_ms(x, ms);
        if (ms == 30000)
            seg_in(x, TCP_ACK, 1, 2, 0, 0, 0); /* a probe was taken */
        else if (ms % 5000 == 0 && ms < 90000)
            seg_in(x, TCP_ACK, 1, ms < 30000 ? 1 : 2, 0, 0, 0);
        if (ms < 90000)
            assert_int_equal(c->state, TCPS_FIN_WAIT_1);
    }
    assert_int_equal(c->state, TCPS_CLOSED);
    do
        d = next_sent(x);
    while (x->read < x->sent_count);
    assert_int_equal(d.tcp_flags, TCP_RST | TCP_ACK);
}

/* What a peer opened and left idle ends for the next one; what we opened ourselves never does. */
static void an_idle_connection_of_a_peer_gives_way_when_the_table_is_full(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c, *child = accepted(x, &l), *own = 0;
    const uint8_t *from;

    for (unsigned i = 2; i < CONNS; i++)
        assert_int_equal(tcp_open(&x->s.tcp, &own), 0);
    assert_int_equal(tcp_open(&x->s.tcp, &c), ERR_NFILE);
    assert_int_equal(tcp_readable(child, &from), ERR_AGAIN); /* for less than a second */
    at_ms(x, 1000);
    assert_int_equal(tcp_open(&x->s.tcp, &c), ERR_NFILE);
    assert_int_equal(tcp_readable(child, &from), ERR_TIMEDOUT);
    assert_int_equal(next_sent(x).tcp_flags, TCP_RST | TCP_ACK);
    assert_int_equal(tcp_open(&x->s.tcp, &c), ERR_NFILE); /* the program has it still */
    tcp_close(child);
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    for (unsigned i = 0; i < CONNS; i++)
        if (x->s.tcp.conn[i].owned)
            tcp_close(&x->s.tcp.conn[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_syn_flood_keeps_no_good_client_out),
        T(a_cookie_counts_once_for_its_connection_and_for_two_minutes),
        T(data_after_a_lost_answer_to_a_cookie_is_not_reset),
        T(a_cookie_remembers_about_what_the_peer_can_take),
        T(what_waits_for_accept_bounds_cookies_too),
        T(half_open_connections_make_room_for_our_own),
        T(closed_connections_make_room_for_new_ones),
        T(a_closed_connection_ends_a_minute_after_its_last_progress),
        T(an_idle_connection_of_a_peer_gives_way_when_the_table_is_full),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
