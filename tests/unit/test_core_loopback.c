/*
 * The loopback interface: packets to 127.0.0.0/8 and to our own address are received in the next
 * poll and never reach the wire, and packets with these addresses from the wire are dropped.
 */
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)
#define N(test) cmocka_unit_test_setup_teardown(test, stack_setup, stack_teardown)

#define LO IPV4(127, 0, 0, 1)

/* The next poll: what is queued comes in. */
static void poll_again(struct stack_test *x)
{
    stack_begin(&x->s, x->s.net.now_ns + NS_PER_US);
}

static struct dgram_socket *udp_socket(struct stack_test *x, uint16_t port)
{
    struct dgram_socket *d;

    assert_int_equal(dgram_open(&x->s.dgrams, false, &d), 0);
    assert_int_equal(dgram_bind(d, port), 0);
    return d;
}

static struct dgram_socket *echo_socket(struct stack_test *x)
{
    struct dgram_socket *d;

    assert_int_equal(dgram_open(&x->s.dgrams, true, &d), 0);
    assert_int_equal(dgram_bind(d, 0), 0);
    return d;
}

/* Send `len` bytes of 'x'. False: there is no room. */
static bool say(struct stack_test *x, struct dgram_socket *d, size_t len, uint32_t addr,
                uint16_t port)
{
    uint8_t *payload = dgram_begin(&x->s.dgrams, addr);

    if (!payload)
        return false;
    memset(payload, 'x', len);
    assert_int_equal(dgram_send(d, payload, len, addr, port), 0);
    return true;
}

static void expect_heard(struct dgram_socket *d, size_t len, uint32_t addr, uint16_t port)
{
    const struct dgram *q = dgram_peek(d);

    assert_non_null(q);
    assert_int_equal(q->len, len);
    assert_int_equal(q->addr, addr);
    assert_int_equal(q->port, port);
    dgram_next(d);
}

/* ---- there and back ---- */

static void a_datagram_comes_in_with_the_next_poll_and_not_before(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *a = udp_socket(x, 1000), *b = udp_socket(x, 2000);

    x->room = 0; /* the card has nothing to do with it */
    x->s.dhcp.timer_ns = DEADLINE_NEVER;
    assert_true(stack_idle(&x->s) && stack_deadline(&x->s) == DEADLINE_NEVER);
    assert_true(say(x, a, 1472, LO, 2000)); /* all that fits in an MTU of 1500 */
    assert_false(stack_idle(&x->s) || stack_settled(&x->s));
    assert_true(stack_deadline(&x->s) == x->s.net.now_ns);
    run(x);
    assert_null(dgram_peek(b));
    assert_int_equal(x->s.loopback.netdev.frames_tx, 1);
    assert_int_equal(x->s.loopback.netdev.frames_rx, 0);
    poll_again(x);
    expect_heard(b, 1472, LO, 1000);
    assert_int_equal(x->s.loopback.netdev.frames_tx, 1);
    assert_int_equal(x->s.loopback.netdev.frames_rx, 1);
    assert_true(stack_idle(&x->s) && stack_deadline(&x->s) == DEADLINE_NEVER);
    expect_quiet(x);
    assert_int_equal(x->s.net.drops_total, 0);
    dgram_close(a);
    dgram_close(b);
}

static void our_own_address_is_reached_over_lo_and_from_itself(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *a = udp_socket(x, 1000), *b = udp_socket(x, 2000);

    say(x, a, 5, OWN, 2000);
    poll_again(x);
    expect_heard(b, 5, OWN, 1000);
    say(x, a, 5, IPV4(127, 9, 9, 9), 2000);
    poll_again(x);
    expect_heard(b, 5, LO, 1000);
    expect_quiet(x);
    say(x, a, 5, OWN, 2000); /* the address goes while the packet is queued */
    stack_set_address(&x->s, 0, 0, 0, 0);
    poll_again(x);
    assert_null(dgram_peek(b));
    expect_drop(x, DROP_IP_DESTINATION);
    dgram_close(a);
    dgram_close(b);
}

static void ping_takes_one_poll_there_and_one_back(void **state)
{
    static const uint32_t to[] = {LO, IPV4(127, 255, 255, 254), OWN};
    struct stack_test *x = *state;
    struct dgram_socket *e = echo_socket(x);

    for (unsigned i = 0; i < 3; i++) {
        say(x, e, 56, to[i], (uint16_t)i);
        poll_again(x);
        assert_null(dgram_peek(e)); /* an answer waits for its own poll */
        poll_again(x);
        expect_heard(e, 56, to[i], (uint16_t)i);
    }
    expect_quiet(x);
    dgram_close(e);
}

static void a_closed_port_says_so_without_any_address(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *a = udp_socket(x, 1000);
    struct tcp_conn *c;

    say(x, a, 5, LO, 9);
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_connect(c, LO, 9), 0);
    tcp_output(c);
    poll_again(x);
    poll_again(x);
    assert_int_equal(dgram_error(a), ERR_REFUSED);
    assert_int_equal(tcp_connected(c), ERR_REFUSED);
    tcp_close(c);
    dgram_close(a);
}

/* ---- the bound ---- */

static void a_full_queue_holds_senders_back_and_drops_answers(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *e = echo_socket(x);
    unsigned heard = 0;

    for (unsigned i = 0; i < LOOPBACK_QUEUE; i++)
        assert_true(say(x, e, 1, LO, (uint16_t)i));
    assert_false(say(x, e, 1, LO, 99));
    assert_int_equal(x->s.net.drops_total, 0); /* whoever sends asks again */
    poll_again(x); /* the first answer finds the queue full of requests, its own among them */
    expect_drop(x, DROP_LOOPBACK_FULL);
    assert_int_equal(x->s.loopback.count, LOOPBACK_QUEUE - 1);
    poll_again(x);
    for (; dgram_peek(e); heard++)
        dgram_next(e);
    assert_int_equal(heard, DGRAM_QUEUE); /* the socket's own bound */
    assert_int_equal(x->s.loopback.count, 0);
    dgram_close(e);
}

static void room_that_is_given_back_is_there_again(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *a = udp_socket(x, 1000);

    for (unsigned i = 0; i < 3 * LOOPBACK_QUEUE; i++)
        dgram_cancel(&x->s.dgrams, LO, dgram_begin(&x->s.dgrams, LO));
    assert_int_equal(x->s.loopback.count, 0);
    for (unsigned i = 0; i < 3 * LOOPBACK_QUEUE; i++) { /* round and round the ring */
        say(x, a, i, LO, 1000);
        poll_again(x);
        expect_heard(a, i, LO, 1000);
    }
    dgram_close(a);
}

/* ---- TCP ---- */

/* A connection to a port of ours from ourselves, both ends. */
static void connect_to_self(struct stack_test *x, uint32_t addr, uint16_t port,
                            struct tcp_conn **client, struct tcp_conn **server)
{
    struct tcp_conn *listener;

    assert_int_equal(tcp_open(&x->s.tcp, &listener), 0);
    assert_int_equal(tcp_bind(listener, port), 0);
    assert_int_equal(tcp_listen(listener, 1), 0);
    assert_int_equal(tcp_open(&x->s.tcp, client), 0);
    assert_int_equal(tcp_connect(*client, addr, port), 0);
    for (unsigned i = 0; i < 4; i++) {
        stack_output(&x->s);
        poll_again(x);
    }
    assert_int_equal(tcp_connected(*client), 0);
    assert_int_equal(tcp_accept(listener, server), 0);
    tcp_close(listener);
}

static void a_stream_longer_than_the_queue_arrives_whole(void **state)
{
    static uint8_t sent[60000], got[60000];
    struct stack_test *x = *state;
    struct tcp_conn *c, *d;
    size_t n = 0;

    x->dev.mtu = x->s.ip.mtu = 576; /* that is the card's, not lo's */
    connect_to_self(x, LO, 7, &c, &d);
    assert_int_equal(c->mss, 1448);
    assert_int_equal(c->local_addr, LO);
    assert_int_equal(d->remote_addr, LO);
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (uint8_t)(i * 7 + i / 251);
    write_bytes(c, sent, sizeof(sent));
    for (unsigned i = 0; i < 50; i++) {
        stack_output(&x->s);
        assert_true(x->s.loopback.count <= LOOPBACK_QUEUE);
        poll_again(x);
        n += read_bytes(d, got + n, sizeof(got) - n);
    }
    assert_int_equal(n, sizeof(sent));
    assert_memory_equal(got, sent, sizeof(sent));
    assert_int_equal(x->s.net.drops_total, 0);
    expect_quiet(x);
    tcp_abort(c, ERR_RESET);
    tcp_abort(d, ERR_RESET);
    tcp_close(c);
    tcp_close(d);
}

static void only_connections_of_a_lost_address_end_with_it(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c, *d, *outside, *own, *server;

    connect_to_self(x, LO, 7, &c, &d);
    assert_int_equal(tcp_open(&x->s.tcp, &outside), 0);
    assert_int_equal(tcp_connect(outside, PEER, 80), 0);
    connect_to_self(x, OWN, 8, &own, &server);
    stack_set_address(&x->s, 0, 0, 0, 0);
    assert_int_equal(tcp_connected(outside), ERR_NETDOWN);
    assert_int_equal(tcp_connected(own), ERR_NETDOWN);
    assert_int_equal(tcp_connected(server), ERR_NETDOWN);
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    assert_int_equal(d->state, TCPS_ESTABLISHED);
    tcp_abort(c, ERR_RESET);
    tcp_abort(d, ERR_RESET);
    tcp_close(c);
    tcp_close(d);
    tcp_close(outside);
    tcp_close(own);
    tcp_close(server);
    x->read = x->sent_count;
}

static void a_connection_with_itself_is_a_simultaneous_open(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c;
    uint8_t got[8];

    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_bind(c, 4000), 0);
    assert_int_equal(tcp_connect(c, LO, 4000), 0);
    for (unsigned i = 0; i < 6; i++) {
        stack_output(&x->s);
        poll_again(x);
    }
    assert_int_equal(tcp_connected(c), 0);
    write_bytes(c, (const uint8_t *)"hello", 5);
    stack_output(&x->s);
    poll_again(x);
    assert_int_equal(read_bytes(c, got, sizeof(got)), 5);
    assert_memory_equal(got, "hello", 5);
    tcp_close(c);
    for (unsigned i = 0; i < 6; i++) {
        stack_output(&x->s);
        poll_again(x);
    }
    assert_int_equal(c->state, TCPS_TIME_WAIT);
    expect_quiet(x);
}

static void a_port_is_never_picked_that_is_the_far_ends_own(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c;
    uint16_t base;

    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_connect(c, LO, 5000), 0);
    base = c->local_port;
    tcp_close(c);
    x->s.tcp.next_port = (uint16_t)(x->s.tcp.next_port + 5000 - base - 1); /* 5000 would be next */
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_connect(c, LO, 5000), 0);
    assert_int_equal(c->local_port, 5001);
    tcp_close(c);
}

/* ---- loopback addresses on the wire ---- */

static void nothing_for_or_from_127_comes_from_the_wire(void **state)
{
    static const uint8_t udp[12] = {0, 99, 0, 7, 0, 12, 0, 0, 'd', 'a', 't', 'a'};
    struct stack_test *x = *state;
    struct dgram_socket *d = udp_socket(x, 7);
    struct arp_packet arp = {.htype = be16_of(1),
                             .ptype = be16_of(0x0800),
                             .hlen = 6,
                             .plen = 4,
                             .op = be16_of(ARP_REQUEST),
                             .spa = be32_of(PEER),
                             .tpa = be32_of(LO)};
    uint8_t frame[100];
    size_t len;

    for (unsigned i = 0; i < 4; i++) {
        bool leased = i & 1, group = i & 2;

        stack_set_address(&x->s, leased ? OWN : 0, IPV4(255, 255, 255, 0), PEER, 0);
        len = build_ip(frame, PEER, LO, IP_PROTOCOL_UDP, udp, sizeof(udp));
        if (group)
            memset(frame, 0xff, 6);
        input(x, frame, len);
        expect_drop(x, DROP_IP_DESTINATION);
        len = build_ip(frame, LO, group ? IPV4_BROADCAST : OWN, IP_PROTOCOL_UDP, udp, sizeof(udp));
        input(x, frame, len);
        expect_drop(x, DROP_IP_SOURCE);
    }
    memcpy(arp.sha, peer_mac, 6);
    build_ip(frame, PEER, OWN, 0, 0, 0); /* for its Ethernet addresses */
    frame[13] = 0x06;
    memcpy(frame + 14, &arp, sizeof(arp));
    input(x, frame, 14 + sizeof(arp));
    expect_quiet(x); /* no reply for 127.0.0.1 */
    assert_null(dgram_peek(d));
    dgram_close(d);
}

static void an_icmp_error_from_the_wire_cannot_end_what_is_on_lo(void **state)
{
    static const uint32_t to[] = {LO, OWN};
    struct stack_test *x = *state;
    struct dgram_socket *d = udp_socket(x, 1000);

    for (unsigned i = 0; i < 2; i++) {
        uint8_t message[36] = {3, 3}, frame[200];
        be16 sum;

        at_ms(x, 1000 * i);
        say(x, d, 5, to[i], 9);
        memcpy(message + 8, x->s.loopback.slots[x->s.loopback.head].frame + FRAME_IP, 28);
        sum = checksum_finish(checksum_add(0, message, sizeof(message)));
        memcpy(message + 2, &sum, 2);
        input(x, frame, build_ip(frame, PEER, OWN, IP_PROTOCOL_ICMP, message, sizeof(message)));
        expect_drop(x, DROP_ICMP_QUOTE);
        assert_int_equal(dgram_error(d), 0);
        poll_again(x);
        poll_again(x);
        assert_int_equal(dgram_error(d), ERR_REFUSED); /* our own answer can */
        x->s.net.drops[DROP_UDP_PORT] = x->s.net.drops_total = 0;
    }
    dgram_close(d);
}

/* ---- neighbours of the subject ---- */

static void no_program_can_play_the_dhcp_server(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *d = udp_socket(x, DHCP_SERVER_PORT);

    say(x, d, 300, LO, DHCP_CLIENT_PORT);
    poll_again(x);
    expect_drop(x, DROP_UDP_PORT); /* not dhcp-format: it was not looked at */
    dgram_close(d);
}

static void a_dhcp_server_that_has_our_address_is_renewed_to_nobody(void **state)
{
    struct stack_test *x = *state;

    x->s.dhcp.state = DHCP_BOUND;
    x->s.dhcp.lease = (struct dhcp_lease){.addr = OWN,
                                          .mask = x->s.net.mask,
                                          .gateway = x->s.net.gateway,
                                          .dns = x->s.net.dns[0],
                                          .server = OWN};
    x->s.dhcp.timer_ns = x->s.net.now_ns;
    x->s.dhcp.t2_ns = x->s.dhcp.expiry_ns = x->s.net.now_ns + 1000 * NS_PER_S;
    run(x);
    assert_int_equal(x->s.dhcp.state, DHCP_RENEWING);
    expect_quiet(x);
    assert_int_equal(x->s.loopback.count, 1);
    poll_again(x);
    assert_int_equal(x->s.net.drops[DROP_UDP_PORT], 1);
    poll_again(x);
}

static void an_address_that_is_a_net_of_its_own_is_no_broadcast(void **state)
{
    struct stack_test *x = *state;

    stack_set_address(&x->s, OWN, 0xffffffff, 0, 0);
    assert_false(ipv4_is_broadcast(&x->s.net, OWN));
    stack_set_address(&x->s, OWN, 0xfffffffe, 0, 0); /* RFC 3021 */
    assert_false(ipv4_is_broadcast(&x->s.net, OWN) || ipv4_is_broadcast(&x->s.net, OWN - 1));
    stack_set_address(&x->s, OWN, 0xfffffffc, 0, 0);
    assert_true(ipv4_is_broadcast(&x->s.net, OWN) && ipv4_is_broadcast(&x->s.net, OWN - 3));
    assert_true(ipv4_is_destination(&x->s.net, LO));
    assert_false(ipv4_is_destination(&x->s.net, IPV4(224, 0, 0, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        N(a_datagram_comes_in_with_the_next_poll_and_not_before),
        T(our_own_address_is_reached_over_lo_and_from_itself),
        T(ping_takes_one_poll_there_and_one_back),
        N(a_closed_port_says_so_without_any_address),
        T(a_full_queue_holds_senders_back_and_drops_answers),
        N(room_that_is_given_back_is_there_again),
        N(a_stream_longer_than_the_queue_arrives_whole),
        T(only_connections_of_a_lost_address_end_with_it),
        N(a_connection_with_itself_is_a_simultaneous_open),
        N(a_port_is_never_picked_that_is_the_far_ends_own),
        T(nothing_for_or_from_127_comes_from_the_wire),
        T(an_icmp_error_from_the_wire_cannot_end_what_is_on_lo),
        N(no_program_can_play_the_dhcp_server),
        T(a_dhcp_server_that_has_our_address_is_renewed_to_nobody),
        T(an_address_that_is_a_net_of_its_own_is_no_broadcast),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
