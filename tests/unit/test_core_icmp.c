/*
 * ICMP errors that are received, by tables: what is quoted, and the MTU of the path.
 */
#include "../../core/base/array.h"
#include "stack_fixture.h"

/* An error about a packet of ours of `total` bytes to PEER, of which `quoted` bytes after a header
 * of `words` words are there. */
static struct verdict error_in(struct stack_test *x, uint8_t code, uint16_t mtu, uint16_t total,
                               unsigned words, size_t quoted, struct icmp_message *out)
{
    uint8_t message[8 + 60 + 8] = {ICMP_UNREACHABLE, code};
    struct ipv4_header *ip = (struct ipv4_header *)(message + 8);
    struct ipv4_packet p = {
        .payload = message, .len = 8 + words * 4 + quoted, .src = PEER, .dst = OWN};
    be16 field = be16_of(mtu);

    memcpy(message + 6, &field, 2);
    *ip = (struct ipv4_header){.version_ihl = (uint8_t)(0x40 | words),
                               .total_len = be16_of(total),
                               .protocol = IP_PROTOCOL_UDP,
                               .src = be32_of(OWN),
                               .dst = be32_of(PEER)};
    memcpy(message + 8 + words * 4, "\x12\x34\x56\x78", quoted < 4 ? quoted : 4);
    field = checksum_finish(checksum_add(0, message, p.len));
    memcpy(message + 2, &field, 2);
    return icmp_input(&x->s.icmp, &p, out);
}

/* Routers older than RFC 1191 do not say their MTU: the next lower one that is common, section 7.1.
 */
static void the_mtu_of_a_path_is_what_a_router_says_or_the_next_lower_plateau(void **state)
{
    static const struct {
        uint16_t said, total;
        uint32_t mtu;
    } rows[] = {
        {1400, 1500, 1400}, {1499, 1500, 1499}, {1500, 1500, 0}, {1501, 1500, 0}, {68, 1500, 68},
        {67, 1500, 0},      {1, 1500, 0},       {0, 1500, 1492}, {0, 1493, 1492}, {0, 1492, 1006},
        {0, 1007, 1006},    {0, 1006, 508},     {0, 509, 508},   {0, 508, 296},   {0, 297, 296},
        {0, 296, 68},       {0, 69, 68},        {0, 68, 0},      {0, 28, 0},
    };
    struct icmp_message m;

    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_true(verdict_accepted(
            error_in(*state, ICMP_UNREACHABLE_TOO_BIG, rows[i].said, rows[i].total, 5, 8, &m)));
        assert_int_equal(m.kind, ICMP_FOR_SENDER);
        assert_int_equal(m.error.mtu, rows[i].mtu);
        assert_int_equal(m.error.error, ERR_MSGSIZE);
        assert_false(m.error.hard);
    }
    error_in(*state, ICMP_UNREACHABLE_PORT, 1400, 1500, 5, 8, &m);
    assert_int_equal(m.error.mtu, 0);
    assert_int_equal(m.error.error, ERR_REFUSED);
    assert_true(m.error.hard);
}

/* The header, however long, and eight bytes: RFC 1122 section 3.2.2. */
static void an_error_without_the_ports_of_its_packet_is_dropped(void **state)
{
    struct icmp_message m;

    for (unsigned words = 4; words <= 15; words++)
        for (size_t quoted = 6; quoted <= 8; quoted++) {
            struct verdict v = error_in(*state, ICMP_UNREACHABLE_PORT, 0, 100, words, quoted, &m);

            assert_int_equal(v.drop, words >= 5 && quoted == 8 ? DROP_COUNT : DROP_ICMP_QUOTE);
            if (!verdict_accepted(v))
                continue;
            assert_int_equal(m.error.local_port, 0x1234);
            assert_int_equal(m.error.remote_port, 0x5678);
            assert_int_equal(m.error.remote, PEER);
        }
}

static void an_echo_reply_that_nobody_waits_for_is_dropped(void **state)
{
    static const uint8_t reply[12] = {ICMP_ECHO_REPLY, 0, 0, 0, 0, 1, 0, 1, 'p', 'i', 'n', 'g'};
    struct stack_test *x = *state;
    uint8_t frame[64];

    input(x, frame, build_icmp(frame, OWN, reply, sizeof(reply)));
    expect_drop(x, DROP_UDP_PORT);
}

int main(void)
{
#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)
    const struct CMUnitTest tests[] = {
        WITH_HOST(the_mtu_of_a_path_is_what_a_router_says_or_the_next_lower_plateau),
        WITH_HOST(an_error_without_the_ports_of_its_packet_is_dropped),
        WITH_HOST(an_echo_reply_that_nobody_waits_for_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
