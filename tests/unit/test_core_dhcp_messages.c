/*
 * The messages of the DHCP client, field by field (RFC 2131 table 5), and those of the server that
 * are long or of another exchange.
 */
#include "../../core/base/array.h"
#include "dhcp_fixture.h"

#define N(test) cmocka_unit_test_setup_teardown(test, stack_setup, stack_teardown)

static const struct dhcp_header *header_sent(const struct stack_test *x)
{
    return (const struct dhcp_header *)(x->sent[x->sent_count - 1].bytes + FRAME_UDP_PAYLOAD);
}

static void expect_option(const struct stack_test *x, uint8_t code, const void *want,
                          size_t want_len)
{
    size_t len = 0;
    const uint8_t *value = option_sent(x, code, &len);

    if (!want) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_int_equal(len, want_len);
    assert_memory_equal(value, want, len);
}

/* What all messages to a server have, and the END after which nothing follows. */
static void expect_form(const struct stack_test *x, uint32_t xid, uint32_t ciaddr)
{
    static const uint8_t zero[10];
    const struct dhcp_header *h = header_sent(x);
    const uint8_t *option = (const uint8_t *)(h + 1);
    const uint8_t *end = x->sent[x->sent_count - 1].bytes + x->sent[x->sent_count - 1].len;
    uint8_t id[7] = {1};

    memcpy(id + 1, own_mac, 6);
    assert_int_equal(h->op, 1);
    assert_int_equal(h->htype, 1);
    assert_int_equal(h->hlen, 6);
    assert_int_equal(h->hops, 0);
    assert_int_equal(be32_get(h->xid), xid);
    assert_int_equal(be16_get(h->flags), 0); /* unicast is received without an address */
    assert_int_equal(be32_get(h->ciaddr), ciaddr);
    assert_int_equal(be32_get(h->yiaddr), 0);
    assert_int_equal(be32_get(h->siaddr), 0);
    assert_int_equal(be32_get(h->giaddr), 0);
    assert_memory_equal(h->chaddr, own_mac, 6);
    assert_memory_equal(h->chaddr + 6, zero, 10);
    assert_int_equal(be32_get(h->cookie), 0x63825363);
    expect_option(x, 61, id, sizeof(id));
    expect_option(x, 57, "\x02\x40", 2);
    expect_option(x, 51, NULL, 0);
    while (*option != 255)
        option += 2 + option[1];
    for (option++; option < end; option++)
        assert_int_equal(*option, 0);
}

static void each_message_has_the_form_of_table_5(void **state)
{
    static const be32 own = {{10, 0, 2, 15}}, server = {{10, 0, 2, 2}};
    struct stack_test *x = *state;
    struct decoded d;
    uint8_t frame[100];
    uint32_t xid;
    be16 secs;

    selecting(x);
    xid = x->s.dhcp.xid;
    expect_form(x, xid, 0);
    expect_option(x, 53, "\1", 1);
    expect_option(x, 50, NULL, 0);
    expect_option(x, 54, NULL, 0);
    stack_begin(&x->s, dhcp_deadline(&x->s.dhcp));
    run(x);
    expect_form(x, xid, 0);
    assert_int_equal(next_sent(x).dhcp_type, DHCP_DISCOVER);
    secs = header_sent(x)->secs;
    assert_int_not_equal(be16_get(secs), 0);
    at_ms(x, (x->s.net.now_ns - x->start_ns) / NS_PER_MS + 2000);
    dhcp_answer(x, 2, OWN, 3600);
    expect_form(x, xid, 0);
    assert_int_equal(be16_get(header_sent(x)->secs), be16_get(secs));
    expect_option(x, 53, "\3", 1);
    expect_option(x, 50, &own, 4);
    expect_option(x, 54, &server, 4);
    d = next_sent(x);
    assert_int_equal(d.ip_src, 0);
    assert_int_equal(d.ip_dst, IPV4_BROADCAST);
    dhcp_answer(x, 5, OWN, 3600);
    assert_int_equal(next_sent(x).arp_spa, OWN);
    stack_begin(&x->s, x->s.dhcp.t1_ns);
    input(x, frame, build_arp(frame, 1, peer_mac, PEER, OWN));
    run(x);
    expect_form(x, x->s.dhcp.xid, OWN);
    expect_option(x, 53, "\3", 1);
    expect_option(x, 50, NULL, 0);
    expect_option(x, 54, NULL, 0);
    x->read = x->sent_count;
}

/* RFC 2131 section 4.3.2, INIT-REBOOT. */
static void a_confirmation_has_the_address_and_no_server(void **state)
{
    static const be32 own = {{10, 0, 2, 15}};
    struct stack_test *x = *state;
    struct decoded d;

    x->dev.link = true;
    bound(x, 3600);
    x->dev.link = false;
    run(x);
    x->dev.link = true;
    at_ms(x, 1000);
    run(x);
    assert_int_equal(x->s.dhcp.state, DHCP_REBOOTING);
    expect_form(x, x->s.dhcp.xid, 0);
    expect_option(x, 53, "\3", 1);
    expect_option(x, 50, &own, 4);
    expect_option(x, 54, NULL, 0);
    do {
        d = next_sent(x);
    } while (d.layer == LAYER_ARP);
    assert_int_equal(d.ip_src, 0);
    assert_int_equal(d.ip_dst, IPV4_BROADCAST);
}

static void an_ack_of_another_exchange_renews_nothing(void **state)
{
    struct stack_test *x = *state;
    struct dhcp_test m;
    uint64_t expiry_ns;

    bound(x, 3600);
    expiry_ns = x->s.dhcp.expiry_ns;
    stack_begin(&x->s, x->s.dhcp.t1_ns);
    run(x);
    assert_int_equal(x->s.dhcp.state, DHCP_RENEWING);
    dhcp_begin(x, &m, 5, OWN);
    dhcp_option(&m, 54, PEER);
    dhcp_option(&m, 51, 7200);
    m.bytes[7] ^= 1;
    dhcp_deliver(x, &m);
    assert_int_equal(x->s.dhcp.state, DHCP_RENEWING);
    assert_true(x->s.dhcp.expiry_ns == expiry_ns);
    m.bytes[7] ^= 1;
    dhcp_deliver(x, &m);
    assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
    assert_true(x->s.dhcp.expiry_ns > expiry_ns);
    x->read = x->sent_count;
}

/* RFC 2131 section 2: 576 bytes with the headers of IP and UDP. */
static void a_message_of_576_bytes_is_read_to_its_end(void **state)
{
    struct stack_test *x = *state;
    struct dhcp_test m;

    selecting(x);
    dhcp_begin(x, &m, 2, OWN);
    m.len = 576 - 28 - 7; /* padding */
    dhcp_option(&m, 51, 1234);
    m.bytes[m.len++] = 255;
    dhcp_deliver(x, &m);
    assert_int_equal(x->s.dhcp.state, DHCP_REQUESTING);
    assert_int_equal(x->s.dhcp.offer.lease_s, 1234);
}

/* RFC 2131 section 4.1: no other client is likely to have the same one. */
static void transaction_ids_are_drawn(void **state)
{
    struct stack_test *x = *state;
    uint32_t seen[100];
    unsigned ones[32] = {0};

    for (unsigned i = 0; i < ARRAY_COUNT(seen); i++) {
        at_ms(x, 0);
        dhcp_init(&x->s.dhcp, &x->s.ip);
        x->read = x->sent_count = 0;
        selecting(x);
        seen[i] = be32_get(header_sent(x)->xid);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(seen[i], seen[j]);
        for (unsigned bit = 0; bit < 32; bit++)
            ones[bit] += seen[i] >> bit & 1;
    }
    for (unsigned bit = 0; bit < 32; bit++)
        assert_in_range(ones[bit], 20, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        N(each_message_has_the_form_of_table_5),
        N(a_confirmation_has_the_address_and_no_server),
        N(an_ack_of_another_exchange_renews_nothing),
        N(a_message_of_576_bytes_is_read_to_its_end),
        N(transaction_ids_are_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
