/*
 * The stack as a program or kernel of someone else has it (docs/embedding.md): a link without
 * Ethernet, an address without DHCP, few pages, ports, the end of a connection by force.
 */
#include "../../core/base/array.h"
#include "../../core/interface/syscall.h"
#include "stack_fixture.h"

static const uint8_t unused[14] = {0x52, 0x55, 0x0a, 0, 2, 3, /* nobody's */
                                   0x02, 0,    0,    0, 0, 1, /* next_sent() looks at it */
                                   0x08, 0x00};

/* What the stack must leave as it is, and sim/frame/decode can read. */
static uint8_t *tunnel_alloc(void *ctx)
{
    uint8_t *frame = card_alloc(ctx);

    if (frame)
        memcpy(frame, unused, sizeof(unused));
    return frame;
}

static void start(struct stack_test *x, uint32_t pages)
{
    stack_init(&x->s,
               &(struct stack_config){.platform = &x->f.platform,
                                      .netdev = &x->dev,
                                      .tcp = {CONNS, pages, PAGE_SIZE, WINDOW},
                                      .memory = x->buffers},
               x->start_ns);
    x->s.net.drops_total = 0;
}

static int setup_tunnel(void **state)
{
    struct stack_test *x;

    stack_setup(state);
    x = *state;
    x->dev.ip_only = true;
    x->dev.alloc = tunnel_alloc;
    memset(x->dev.mac, 0xff, sizeof(x->dev.mac)); /* unused */
    start(x, PAGES);
    stack_set_address(&x->s, OWN, IPV4(255, 255, 255, 255), 0, 0);
    return 0;
}

/* On Ethernet, and without DHCP from the first moment on. */
static int setup_static(void **state)
{
    stack_setup(state);
    start(*state, PAGES);
    return 0;
}

static int setup_two_pages(void **state)
{
    struct stack_test *x;

    stack_setup_bound(state);
    x = *state;
    x->s.tcp.pages.count = 2;
    return 0;
}

static void expect_unused(const struct stack_test *x)
{
    for (unsigned i = 0; i < x->sent_count; i++) {
        assert_memory_equal(x->sent[i].bytes, unused, sizeof(unused));
        assert_int_equal(x->sent[i].len, 14 + x->sent[i].bytes[16] * 256 + x->sent[i].bytes[17]);
    }
}

/* ---- memory ---- */

/* Each part begins where the one before ends, or a few bytes later, and the last is inside. */
static void the_parts_of_the_memory_do_not_overlap(void **state)
{
    static const struct {
        uint32_t connections, pages, page_size;
    } rows[] = {{1, 2, 2048},    {2, 3, 4096},  {63, 2, 2048},
                {64, 64, 65536}, {65, 9, 8192}, {4097, 2, 2048}};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        uint32_t connections = rows[i].connections, pages = rows[i].pages;
        size_t size = STACK_MEMORY(connections, pages, rows[i].page_size);
        uint8_t *memory = malloc(size), *page, *queue, *slot;
        struct stack *s = calloc(1, sizeof(*s));

        stack_init(s,
                   &(struct stack_config){.platform = &x->f.platform,
                                          .netdev = &x->dev,
                                          .tcp = {connections, pages, rows[i].page_size, WINDOW},
                                          .memory = memory},
                   x->start_ns);
        page = s->tcp.pages.memory;
        queue = (uint8_t *)s->dgrams.socket[0].queue;
        slot = (uint8_t *)s->loopback.slots;
        assert_true(s->tcp.conn == (void *)memory);
        assert_in_range(s->tcp.bucket_mask + 1, connections, 2 * connections);
        assert_int_equal((uintptr_t)page % 8, 0); /* for what describes data */
        assert_true((uint8_t *)(s->tcp.conn + connections) <= page);
        assert_true((uint8_t *)(s->tcp.blocked.word + BITSET_WORDS(connections)) <= page);
        assert_true(page + (size_t)pages * rows[i].page_size <= (uint8_t *)s->tcp.pages.next);
        assert_true(s->tcp.pages.next + pages <= s->tcp.bucket);
        assert_true((uint8_t *)(s->tcp.heap + connections) <= queue);
        assert_true(queue + DGRAM_SOCKETS * DGRAM_QUEUE * sizeof(struct dgram) <= slot);
        assert_true(slot + LOOPBACK_QUEUE * sizeof(struct loopback_slot) <= memory + size);
        free(s);
        free(memory);
    }
}

static void no_more_sockets_are_set_up_than_there_are(void **state)
{
    struct stack_test *x = *state;
    struct {
        struct dgram_table table;
        uint8_t after[64];
    } b;
    uint8_t untouched[64];

    memset(&b, 0xa5, sizeof(b));
    memset(untouched, 0xa5, sizeof(untouched));
    dgram_init(&b.table, &x->s.ip, x->s.dgrams.socket[0].queue);
    assert_memory_equal(b.after, untouched, sizeof(untouched));
    assert_false(dgram_used(&b.table));
}

/* ---- a link without Ethernet ---- */

/* No ARP, no header, no padding; no router is needed to any address. */
static void packets_leave_and_come_without_ethernet(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected(x, 65535);
    uint8_t read[8];

    expect_unused(x);
    assert_int_equal(x->sent_count, 2);
    seg_in(x, TCP_ACK | TCP_PSH, 1, 1, 65535, "abc", 3);
    run(x);
    assert_int_equal(read_bytes(c, read, sizeof(read)), 3);
    run_at_ms(x, 40);
    expect_seg(x, TCP_ACK, 1, 4, 0);
    expect_quiet(x);
    expect_unused(x);
    tcp_reset(c);
}

static void a_packet_to_nobody_is_answered_without_ethernet(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[2048];
    struct decoded d;

    at_ms(x, 0);
    input(x, frame, build_udp(frame, 1000, 2000, "x", 1));
    d = next_sent(x);
    assert_int_equal(d.layer, LAYER_ICMP);
    assert_int_equal(d.ip_dst, PEER);
    expect_unused(x);
    assert_int_equal(x->s.net.drops[DROP_UDP_PORT], 1);
}

static void packets_longer_than_the_link_carries_are_dropped(void **state)
{
    struct stack_test *x = *state;
    static uint8_t frame[4096], data[4000];
    struct dgram_socket *d;
    size_t len;

    at_ms(x, 0);
    assert_int_equal(dgram_open(&x->s.dgrams, false, &d), 0);
    assert_int_equal(dgram_bind(d, 2000), 0);
    x->dev.mtu = 1000;
    for (size_t size = 970; size < 976; size++) {
        len = build_udp(frame, 1000, 2000, data, size);
        input(x, frame, len);
        if (len - 14 <= 1000) {
            assert_int_equal(dgram_peek(d)->len, size);
            dgram_next(d);
        } else {
            expect_drop(x, DROP_ETH_GIANT);
        }
        assert_null(dgram_peek(d));
    }
    dgram_close(d);
}

static void packets_shorter_than_a_header_are_dropped(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[64];

    at_ms(x, 0);
    build_udp(frame, 1000, 2000, "", 0);
    for (size_t len = 0; len < 34; len++) {
        input(x, frame, len);
        expect_drop(x, len < 14 ? DROP_ETH_RUNT : DROP_IP_SHORT);
    }
    input(x, frame, 35);
    expect_drop(x, DROP_IP_TOTAL_LEN);
}

static void without_an_address_nothing_leaves_a_link_without_ethernet(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *d;
    struct tcp_conn *c;
    uint8_t *payload;

    at_ms(x, 0);
    stack_set_address(&x->s, 0, 0, 0, 0);
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_connect(c, PEER, 80), ERR_UNREACH);
    assert_int_equal(dgram_open(&x->s.dgrams, false, &d), 0);
    assert_int_equal(dgram_bind(d, 2000), 0);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t to = i ? IPV4_BROADCAST : PEER;

        payload = dgram_begin(&x->s.dgrams, to);
        assert_int_equal(dgram_send(d, payload, 0, to, 1), ERR_UNREACH);
        expect_drop(x, DROP_IP_NO_ROUTE);
    }
    run(x);
    expect_quiet(x);
    tcp_close(c);
    dgram_close(d);
}

/* ---- an address without DHCP ---- */

static void without_dhcp_nothing_is_asked_and_nothing_wakes_the_host(void **state)
{
    struct stack_test *x = *state;
    uint8_t frame[2048];

    for (uint64_t ms = 0; ms < 100000; ms += 1000) {
        x->dev.link = ms % 3000 != 0; /* also when the link comes back */
        run_at_ms(x, ms);
    }
    assert_true(stack_deadline(&x->s) == DEADLINE_NEVER);
    expect_quiet(x);
    stack_set_address(&x->s, OWN, IPV4(255, 255, 255, 0), PEER, 0);
    x->dev.link = false;
    run_at_ms(x, 100000);
    x->dev.link = true;
    run_at_ms(x, 200000);
    assert_int_equal(x->s.net.addr, OWN);
    expect_quiet(x);
    input(x, frame, build_udp(frame, 67, 68, "", 0)); /* no client is there */
    assert_int_equal(x->s.net.drops[DROP_UDP_PORT], 1);
}

/* ---- pages ---- */

static void expect_all_pages_back(const struct stack_test *x)
{
    assert_int_equal(x->s.tcp.pages.lent[PAGE_RECEIVES], 0);
    assert_int_equal(x->s.tcp.pages.lent[PAGE_SENDS], 0);
}

/* Else a program that waits until it can write would not wait. */
static void without_a_page_a_connection_is_not_ready_to_write(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *first = connected(x, 65535), *c;
    const uint8_t *from;
    uint8_t *to;

    assert_int_equal(tcp_ready(first), READY_OUT);
    assert_int_equal(tcp_writable(first, &to), PAGE_SIZE);
    assert_int_equal(tcp_ready(first), READY_OUT); /* it has it */
    c = connected(x, 65535);
    assert_int_equal(tcp_ready(c), 0);
    assert_int_equal(tcp_writable(c, &to), ERR_AGAIN);
    seg_in(x, TCP_ACK, 1, 1, 65535, "abc", 3); /* the other one is for what is received */
    assert_int_equal(tcp_ready(c), READY_IN);
    assert_int_equal(tcp_readable(c, &from), 3);
    tcp_commit(first, 0);
    assert_int_equal(tcp_ready(c), READY_IN | READY_OUT);

    x->own_port = first->local_port;
    x->own_iss = first->iss;
    seg_in(x, TCP_ACK, 1, 1, 65535, "d", 1); /* there is none to receive it */
    assert_int_equal(x->s.net.drops[DROP_TCP_BUFFER], 1);
    assert_int_equal(first->rcv_nxt - x->peer_iss, 1);
    tcp_consume(c, 3);
    seg_in(x, TCP_ACK, 1, 1, 65535, "d", 1);
    assert_int_equal(tcp_ready(first), READY_IN | READY_OUT);
    tcp_reset(first);
    tcp_reset(c);
    expect_all_pages_back(x);
}

/* ---- ports ---- */

static void a_port_is_chosen_once_and_not_twice(void **state)
{
    enum { COUNT = CONNS - 1 };
    struct stack_test *x = *state;
    struct tcp_conn *c[COUNT], *other;

    at_ms(x, 0);
    assert_int_equal(tcp_open(&x->s.tcp, &other), 0);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(tcp_open(&x->s.tcp, &c[i]), 0);
        assert_int_equal(tcp_bind(c[i], 0), 0);
        assert_in_range(c[i]->local_port, 1024, 65535);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(c[i]->local_port, c[j]->local_port);
        assert_int_equal(tcp_bind(other, c[i]->local_port), ERR_INUSE);
        assert_int_equal(tcp_bind(c[i], 0), ERR_INVAL);
        assert_int_equal(tcp_bind(c[i], 1), ERR_INVAL);
    }
    assert_int_equal(tcp_bind(other, 1), 0);
    assert_int_equal(tcp_connect(other, PEER, 80), 0);
    assert_int_equal(other->local_port, 1);
    tcp_reset(other);
    assert_int_equal(tcp_open(&x->s.tcp, &other), 0);
    assert_int_equal(tcp_bind(other, 1), 0); /* free again */
    tcp_close(other);
    for (unsigned i = 0; i < COUNT; i++)
        tcp_close(c[i]);
}

static void a_segment_without_a_port_is_dropped(void **state)
{
    struct stack_test *x = *state;

    at_ms(x, 0);
    x->peer_port = 0;
    seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    expect_drop(x, DROP_TCP_PORT);
    x->peer_port = 1;
    x->own_port = 0;
    seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    expect_drop(x, DROP_TCP_PORT);
}

static void the_lowest_port_is_one_like_others(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *d;

    assert_int_equal(dgram_open(&x->s.dgrams, false, &d), 0);
    assert_int_equal(dgram_bind(d, 1), 0);
    assert_int_equal(d->port, 1);
    dgram_close(d);
}

/* All ports to one endpoint, each once: never that of the endpoint, which over lo could be this
 * socket, and never one that is bound. Then none is left there, but to any other. */
static void every_port_to_an_endpoint_is_used_before_none_is_free(void **state)
{
    enum { PORTS = 65536 - 1024, BOUND = 3000, TO = 2000 };
    struct stack_test *x = *state;
    uint8_t *memory = malloc(TCP_MEMORY(PORTS + 2, 2, TCP_PAGE_MIN));
    bool *used = calloc(65536, sizeof(*used));
    struct tcp *t = malloc(sizeof(*t));
    struct tcp_conn *c;

    at_ms(x, 0);
    tcp_init(t, &x->s.ip, &(struct tcp_config){PORTS + 2, 2, TCP_PAGE_MIN, TCP_WINDOW_MIN}, memory);
    assert_int_equal(tcp_open(t, &c), 0);
    assert_int_equal(tcp_bind(c, BOUND), 0);
    used[BOUND] = used[TO] = true;
    for (unsigned i = 0; i < PORTS - 2; i++) {
        assert_int_equal(tcp_open(t, &c), 0);
        assert_int_equal(tcp_connect(c, PEER, TO), 0);
        assert_true(c->local_port >= 1024);
        assert_false(used[c->local_port]);
        used[c->local_port] = true;
    }
    assert_int_equal(tcp_open(t, &c), 0);
    assert_int_equal(tcp_connect(c, PEER, TO), ERR_INUSE);
    assert_int_equal(c->local_port, 0);
    assert_int_equal(tcp_connect(c, PEER, TO + 1), 0);
    free(t);
    free(used);
    free(memory);
}

/* 127.0.0.2 and 127.0.0.3 are one host, which knows the other end by 127.0.0.1 and its port. */
static void over_lo_a_port_has_one_connection_to_a_port(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *listener, *c, *child;

    at_ms(x, 0);
    assert_int_equal(tcp_open(&x->s.tcp, &listener), 0);
    assert_int_equal(tcp_bind(listener, 7), 0);
    assert_int_equal(tcp_listen(listener, 2), 0);
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_bind(c, 5000), 0);
    assert_int_equal(tcp_connect(c, IPV4(127, 0, 0, 2), 7), 0);
    for (uint64_t ms = 0; ms < 10; ms++)
        run_at_ms(x, ms);
    assert_int_equal(tcp_accept(listener, &child), 0);
    tcp_close(c); /* the port is free, but not that end of the child */

    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_bind(c, 5000), 0);
    assert_int_equal(tcp_connect(c, IPV4(127, 0, 0, 3), 7), ERR_INUSE);
    assert_int_equal(tcp_connect(c, IPV4(127, 0, 0, 3), 8), 0);
    tcp_close(c);
    tcp_close(child);
    tcp_close(listener);
}

/* ---- the end ---- */

static void what_has_ended_cannot_listen(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connecting(x);

    seg_in(x, TCP_RST | TCP_ACK, 0, 1, 0, 0, 0);
    run(x);
    assert_int_equal(c->state, TCPS_CLOSED);
    assert_int_equal(tcp_listen(c, 1), ERR_INVAL);
    assert_int_equal(tcp_bind(c, 0), ERR_INVAL);
    assert_int_equal(tcp_connect(c, PEER, 80), ERR_ISCONN);
    tcp_close(c);
}

static void expect_reset(struct stack_test *x, struct tcp_conn *c, bool sent)
{
    x->read = x->sent_count;
    tcp_reset(c);
    if (sent)
        assert_int_equal(next_sent(x).tcp_flags, TCP_RST | TCP_ACK);
    expect_quiet(x);
    assert_int_equal(c->state, TCPS_CLOSED);
    assert_int_equal(c->local_port, 0);
    assert_false(tcp_used(&x->s.tcp));
    assert_true(tcp_idle(&x->s.tcp));
    expect_all_pages_back(x);
    run(x);
    expect_quiet(x);
}

static void a_reset_ends_a_connection_in_each_state(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c, *listener;

    at_ms(x, 0);
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    expect_reset(x, c, false);

    expect_reset(x, connecting(x), false); /* the peer may not know it */

    c = connected(x, 65535);
    write_bytes(c, (const uint8_t *)"abc", 3);
    seg_in(x, TCP_ACK, 1, 1, 65535, "xyz", 3);
    run(x);
    expect_reset(x, c, true);

    c = connected(x, 65535);
    tcp_shutdown(c);
    run(x);
    expect_reset(x, c, true); /* FIN_WAIT_1 */

    c = connected(x, 65535);
    tcp_shutdown(c);
    run(x);
    seg_in(x, TCP_ACK, 1, 2, 65535, 0, 0);
    assert_int_equal(c->state, TCPS_FIN_WAIT_2);
    expect_reset(x, c, true);

    c = connected(x, 65535);
    seg_in(x, TCP_FIN | TCP_ACK, 1, 1, 65535, 0, 0);
    run(x);
    assert_int_equal(c->state, TCPS_CLOSE_WAIT);
    expect_reset(x, c, true);

    c = connected(x, 65535);
    tcp_shutdown(c);
    run(x);
    seg_in(x, TCP_FIN | TCP_ACK, 1, 2, 65535, 0, 0);
    run(x);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
    expect_reset(x, c, false); /* nothing is left to tell */

    c = accepted(x, &listener);
    tcp_reset(c);
    expect_reset(x, listener, false);
}

int main(void)
{
#define TUNNEL(test)   cmocka_unit_test_setup_teardown(test, setup_tunnel, stack_teardown)
#define ETHERNET(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)
    const struct CMUnitTest tests[] = {
        ETHERNET(the_parts_of_the_memory_do_not_overlap),
        ETHERNET(no_more_sockets_are_set_up_than_there_are),
        ETHERNET(a_segment_without_a_port_is_dropped),
        TUNNEL(packets_leave_and_come_without_ethernet),
        TUNNEL(a_packet_to_nobody_is_answered_without_ethernet),
        TUNNEL(packets_longer_than_the_link_carries_are_dropped),
        TUNNEL(packets_shorter_than_a_header_are_dropped),
        TUNNEL(without_an_address_nothing_leaves_a_link_without_ethernet),
        cmocka_unit_test_setup_teardown(without_dhcp_nothing_is_asked_and_nothing_wakes_the_host,
                                        setup_static, stack_teardown),
        cmocka_unit_test_setup_teardown(without_a_page_a_connection_is_not_ready_to_write,
                                        setup_two_pages, stack_teardown),
        ETHERNET(a_port_is_chosen_once_and_not_twice),
        ETHERNET(the_lowest_port_is_one_like_others),
        ETHERNET(every_port_to_an_endpoint_is_used_before_none_is_free),
        ETHERNET(over_lo_a_port_has_one_connection_to_a_port),
        ETHERNET(what_has_ended_cannot_listen),
        ETHERNET(a_reset_ends_a_connection_in_each_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
