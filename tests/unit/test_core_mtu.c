/*
 * The largest packets of every kind that the stack sends by itself or for a program, on a card of
 * each MTU that a driver may set: none is larger than the card takes, and none stops the machine.
 */
#include "stack_fixture.h"
#include "../../core/net/dgram.h"

static void fits(const struct stack_test *x, unsigned frames)
{
    assert_true(x->sent_count >= frames);
    for (unsigned i = 0; i < x->sent_count; i++)
        assert_in_range(x->sent[i].len, ETH_FRAME_MIN, x->dev.mtu + 14u);
}

static void all_forgotten(struct stack_test *x)
{
    x->sent_count = x->read = 0;
}

/* Answers to the largest packets that such a card receives: an echo, and an ICMP error. */
static void answers(struct stack_test *x)
{
    uint8_t frame[2048], payload[NETDEV_MTU_MAX] = {8};
    struct icmp_header *icmp = (struct icmp_header *)payload;
    struct udp_header *udp = (struct udp_header *)payload;
    size_t len = x->dev.mtu - 20u;

    icmp->checksum = checksum_finish(checksum_add(0, payload, len));
    input(x, frame, build_ip(frame, PEER, OWN, IP_PROTOCOL_ICMP, payload, len));
    fits(x, 1);
    assert_int_equal(x->sent[0].len, x->dev.mtu + 14u);
    *udp = (struct udp_header){
        .src_port = be16_of(1), .dst_port = be16_of(9), .len = be16_of((uint16_t)len)};
    input(x, frame, build_ip(frame, PEER, OWN, IP_PROTOCOL_UDP, payload, len));
    fits(x, 2);
    all_forgotten(x);
}

/* The largest datagram that is promised, and what one more byte is. */
static void datagram(struct stack_test *x)
{
    struct dgram_socket *d;
    size_t max = x->dev.mtu - 28u;

    assert_int_equal(dgram_open(&x->s.dgrams, false, &d), 0);
    dgram_bind(d, 1000);
    dgram_send(d, dgram_begin(&x->s.dgrams, PEER), max, PEER, 99);
    fits(x, 1);
    assert_int_equal(x->sent[0].len, x->dev.mtu + 14u);
    dgram_close(d);
    all_forgotten(x);
}

static void segments(struct stack_test *x)
{
    static const uint8_t bytes[3000];
    struct tcp_conn *c;

    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_connect(c, PEER, x->peer_port), 0);
    run(x);

    struct decoded d = next_sent(x);

    assert_int_equal(d.tcp_mss, x->dev.mtu - 40);
    x->own_iss = d.tcp_seq;
    x->own_port = d.src_port;
    seg_in(x, TCP_SYN | TCP_ACK, 0, 1, 65535, 0, 0);
    write_bytes(c, bytes, sizeof(bytes));
    run(x);
    fits(x, 3);
    assert_int_equal(x->sent[2].len, x->dev.mtu + 14u);
    tcp_close(c);
    seg_in(x, TCP_RST, 1, 0, 0, 0, 0);
    all_forgotten(x);
}

static void every_packet_fits_every_mtu(void **state)
{
    struct stack_test *x = *state;

    for (unsigned mtu = NETDEV_MTU_MIN; mtu <= NETDEV_MTU_MAX; mtu++) {
        x->dev.mtu = x->s.ip.mtu = (uint16_t)mtu;
        at_ms(x, mtu * 1000);
        answers(x);
        datagram(x);
        segments(x);
    }
}

static void a_request_for_an_address_fits_the_smallest(void **state)
{
    struct stack_test *x = *state;

    x->dev.mtu = x->s.ip.mtu = NETDEV_MTU_MIN;
    run_at_ms(x, 20000);
    fits(x, 1);
    assert_int_equal(x->sent[0].len, NETDEV_MTU_MIN + 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_packet_fits_every_mtu, stack_setup_bound,
                                        stack_teardown),
        cmocka_unit_test_setup_teardown(a_request_for_an_address_fits_the_smallest, stack_setup,
                                        stack_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
