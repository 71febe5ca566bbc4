/*
 * UDP against hostile and odd packets, and its sockets. The ids are those of the threat list:
 * U1-U4.
 */
#include "stack_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

static void u1_u2_u3_lengths_and_checksums(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *d;
    uint8_t frame[200];
    size_t len;

    dgram_open(&x->s.dgrams, false, &d);
    dgram_bind(d, 7);
    for (unsigned n = 0; n < 8; n++) {
        input(x, frame, build_ip(frame, PEER, OWN, 17, "\0\1\0\7\0\10\0\0", n));
        expect_drop(x, DROP_UDP_LENGTH);
    }
    len = build_udp(frame, 1, 7, "data", 4);
    frame[39] = 7;
    input(x, frame, len);
    expect_drop(x, DROP_UDP_LENGTH);
    frame[39] = 13;
    input(x, frame, len);
    expect_drop(x, DROP_UDP_LENGTH);
    len = build_udp(frame, 1, 7, "data", 4);
    frame[42] ^= 1;
    input(x, frame, len);
    expect_drop(x, DROP_UDP_CHECKSUM);
    frame[40] = frame[41] = 0; /* no checksum */
    input(x, frame, len);
    assert_int_equal(dgram_peek(d)->len, 4);
    dgram_next(d);
    frame[39] = 8; /* shorter than the IP payload: the rest is ignored */
    input(x, frame, len);
    assert_int_equal(dgram_peek(d)->len, 0);
    dgram_close(d);
}

static void a_port_is_bound_once_and_by_one_socket_of_its_kind(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *a, *b, *echo;

    assert_int_equal(dgram_open(&x->s.dgrams, false, &a), 0);
    assert_int_equal(dgram_open(&x->s.dgrams, false, &b), 0);
    assert_int_equal(dgram_open(&x->s.dgrams, true, &echo), 0);
    assert_int_equal(dgram_bind(a, 1000), 0);
    assert_int_equal(dgram_bind(a, 1000), ERR_INVAL);
    assert_int_equal(dgram_bind(a, 1001), ERR_INVAL);
    assert_int_equal(dgram_bind(b, 1000), ERR_INUSE);
    assert_int_equal(dgram_bind(echo, 1000), 0);
    assert_int_equal(dgram_connect(b, PEER, 0), ERR_ADDR);
    assert_int_equal(dgram_connect(b, PEER, 1), 0);
    assert_int_equal(dgram_connect(echo, PEER, 0), 0);
    dgram_close(a);
    dgram_close(b);
    dgram_close(echo);
}

static void u4_a_closed_port_is_answered_and_the_queue_is_bounded(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *d;
    uint8_t frame[200];

    at_ms(x, 0);
    input(x, frame, build_udp(frame, 1, 7, "data", 4));
    assert_int_equal(next_sent(x).icmp_code, 3);
    x->s.net.drops_total = x->s.net.drops[DROP_UDP_PORT] = 0;
    dgram_open(&x->s.dgrams, false, &d);
    assert_int_equal(dgram_bind(d, DHCP_CLIENT_PORT), ERR_INUSE);
    dgram_bind(d, 7);
    for (unsigned i = 0; i < DGRAM_QUEUE; i++)
        input(x, frame, build_udp(frame, 1, 7, "data", 4));
    input(x, frame, build_udp(frame, 1, 7, "data", 4));
    expect_drop(x, DROP_UDP_FULL);
    dgram_connect(d, PEER, 2);
    input(x, frame, build_udp(frame, 1, 7, "data", 4)); /* not from there */
    assert_int_equal(x->s.net.drops[DROP_UDP_PORT], 1);
    dgram_close(d);
}

static void a_computed_checksum_of_zero_is_sent_as_ffff(void **state)
{
    struct stack_test *x = *state;
    struct dgram_socket *d;
    unsigned zero = 0;

    dgram_open(&x->s.dgrams, false, &d);
    dgram_bind(d, 1000);
    for (uint32_t i = 0; i < 65536; i++) { /* one of them sums to zero */
        uint8_t *p = dgram_begin(&x->s.dgrams, PEER);

        p[0] = (uint8_t)(i >> 8);
        p[1] = (uint8_t)i;
        x->sent_count = 0;
        dgram_send(d, p, 2, PEER, 99);
        assert_false(x->sent[0].bytes[40] == 0 && x->sent[0].bytes[41] == 0);
        zero += x->sent[0].bytes[40] == 0xff && x->sent[0].bytes[41] == 0xff;
    }
    assert_int_equal(zero, 1);
    x->read = x->sent_count = 0;
    dgram_close(d);
}

static void icmp_errors_reach_the_socket_that_sent(void **state)
{
    struct stack_test *x = *state;
    uint8_t message[36] = {3, 3}, frame[200];
    struct dgram_socket *d, *e;
    uint8_t *p;

    dgram_open(&x->s.dgrams, false, &d);
    dgram_bind(d, 1000);
    dgram_open(&x->s.dgrams, true, &e);
    dgram_bind(e, 0);
    p = dgram_begin(&x->s.dgrams, PEER);
    p[0] = 1;
    dgram_send(d, p, 1, PEER, 99);
    memcpy(message + 8, x->sent[0].bytes + 14, 28);
    input(x, frame, build_icmp(frame, OWN, message, 36));
    assert_int_equal(dgram_error(d), ERR_REFUSED);
    assert_int_equal(dgram_error(d), 0);
    p = dgram_begin(&x->s.dgrams, PEER);
    dgram_send(e, p, 0, PEER, 1);
    memcpy(message + 8, x->sent[1].bytes + 14, 28);
    message[0] = 11; /* time exceeded */
    input(x, frame, build_icmp(frame, OWN, message, 36));
    assert_int_equal(dgram_error(e), ERR_UNREACH);
    x->read = x->sent_count;
    dgram_close(d);
    dgram_close(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(u1_u2_u3_lengths_and_checksums),
        T(a_port_is_bound_once_and_by_one_socket_of_its_kind),
        T(u4_a_closed_port_is_answered_and_the_queue_is_bounded),
        T(a_computed_checksum_of_zero_is_sent_as_ffff),
        T(icmp_errors_reach_the_socket_that_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
