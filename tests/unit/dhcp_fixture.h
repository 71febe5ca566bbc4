/*
 * A DHCP server of paper for stack_fixture.h: messages to the client, and the way to a lease.
 */
#ifndef DRYWIRE_DHCP_FIXTURE_H
#define DRYWIRE_DHCP_FIXTURE_H

#include "../../sim/frame/dhcp.h"
#include "stack_fixture.h"

struct dhcp_test {
    uint8_t bytes[1000];
    size_t len;
};

static inline void dhcp_begin(struct stack_test *x, struct dhcp_test *m, uint8_t type,
                              uint32_t yiaddr)
{
    memset(m, 0, sizeof(*m));
    m->bytes[0] = 2;
    m->bytes[1] = 1;
    m->bytes[2] = 6;
    for (int i = 0; i < 4; i++) {
        m->bytes[4 + i] = (uint8_t)(x->s.dhcp.xid >> (24 - 8 * i));
        m->bytes[16 + i] = (uint8_t)(yiaddr >> (24 - 8 * i));
    }
    memcpy(m->bytes + 28, own_mac, 6);
    memcpy(m->bytes + 236, "\x63\x82\x53\x63\x35\x01", 6);
    m->bytes[242] = type;
    m->len = 243;
}

static inline void dhcp_option(struct dhcp_test *m, uint8_t code, uint32_t value)
{
    m->bytes[m->len++] = code;
    m->bytes[m->len++] = 4;
    for (int shift = 24; shift >= 0; shift -= 8)
        m->bytes[m->len++] = (uint8_t)(value >> shift);
}

static inline void dhcp_deliver(struct stack_test *x, struct dhcp_test *m)
{
    uint8_t datagram[2000], frame[2048];
    struct udp_header h = {.src_port = be16_of(DHCP_SERVER_PORT),
                           .dst_port = be16_of(DHCP_CLIENT_PORT),
                           .len = be16_of((uint16_t)(sizeof(h) + m->len))};

    memcpy(datagram, &h, sizeof(h));
    memcpy(datagram + sizeof(h), m->bytes, m->len);
    input(x, frame,
          build_ip(frame, PEER, IPV4_BROADCAST, IP_PROTOCOL_UDP, datagram, sizeof(h) + m->len));
}

static inline void dhcp_answer(struct stack_test *x, uint8_t type, uint32_t addr, uint32_t lease_s)
{
    struct dhcp_test m;

    dhcp_begin(x, &m, type, addr);
    dhcp_option(&m, 54, PEER);
    dhcp_option(&m, 1, IPV4(255, 255, 255, 0));
    dhcp_option(&m, 3, PEER);
    dhcp_option(&m, 51, lease_s);
    m.bytes[m.len++] = 255;
    dhcp_deliver(x, &m);
}

static inline void selecting(struct stack_test *x)
{
    run_at_ms(x, 0);
    assert_int_equal(next_sent(x).dhcp_type, 1);
    assert_int_equal(x->s.dhcp.state, DHCP_SELECTING);
}

static inline void bound(struct stack_test *x, uint32_t lease_s)
{
    struct decoded d;

    selecting(x);
    dhcp_answer(x, 2, OWN, lease_s);
    d = next_sent(x);
    assert_int_equal(d.dhcp_type, 3);
    assert_int_equal(d.dhcp_requested, OWN);
    assert_int_equal(d.dhcp_server, PEER);
    assert_int_equal(d.dhcp_ciaddr, 0);
    assert_int_equal(d.ip_src, 0);
    assert_int_equal(x->s.net.addr, 0); /* not before the ACK */
    dhcp_answer(x, 5, OWN, lease_s);
    assert_int_equal(x->s.dhcp.state, DHCP_BOUND);
    assert_int_equal(x->s.net.addr, OWN);
    assert_int_equal(next_sent(x).arp_spa, OWN); /* announced */
}

/* The value of an option in the last message sent, or NULL. */
static inline const uint8_t *option_sent(const struct stack_test *x, uint8_t code, size_t *len)
{
    const uint8_t *frame = x->sent[x->sent_count - 1].bytes;

    return dhcp_find_option(frame + FRAME_UDP_PAYLOAD,
                            x->sent[x->sent_count - 1].len - FRAME_UDP_PAYLOAD, code, len);
}

#endif
