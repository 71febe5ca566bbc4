/*
 * Peers that agree to options of TCP: window scaling, timestamps (RFC 7323), SACK (RFC 2018). The
 * options of what they send are built byte by byte, those of the stack are read as bytes.
 */
#ifndef DRYWIRE_OPTIONS_FIXTURE_H
#define DRYWIRE_OPTIONS_FIXTURE_H

#include "stack_fixture.h"

/* What a SYN offers besides its MSS. */
enum { NOTHING = 0, SCALE = 1, SACK = 2, STAMPS = 4, ALL = 7 };

enum { SHIFT = 7 };      /* of the peer's windows */
enum { STAMP = 0x7000 }; /* of the peer's SYN */

/* The options of the last segment sent. */
struct options {
    const uint8_t *at;
    size_t len;
};

static inline struct options sent_options(const struct stack_test *x)
{
    const uint8_t *tcp = x->sent[x->read - 1].bytes + 34;

    assert_true(x->read > 0);
    return (struct options){tcp + 20, (size_t)(tcp[12] >> 4) * 4 - 20};
}

static inline size_t put_stamp(uint8_t *at, uint32_t stamp, uint32_t echo)
{
    const uint8_t option[12] = {1,
                                1,
                                8,
                                10,
                                (uint8_t)(stamp >> 24),
                                (uint8_t)(stamp >> 16),
                                (uint8_t)(stamp >> 8),
                                (uint8_t)stamp,
                                (uint8_t)(echo >> 24),
                                (uint8_t)(echo >> 16),
                                (uint8_t)(echo >> 8),
                                (uint8_t)echo};

    memcpy(at, option, sizeof(option));
    return sizeof(option);
}

/* The options of a peer's SYN. */
static inline size_t put_offer(uint8_t *at, unsigned what, uint8_t shift, uint32_t stamp,
                               uint32_t echo)
{
    const uint8_t mss[4] = {2, 4, 0x05, 0xb4}, sack[4] = {4, 2, 1, 1}, scale[4] = {3, 3, shift, 0};
    size_t len = 4;

    memcpy(at, mss, 4);
    if (what & SACK) {
        memcpy(at + len, sack, 4);
        len += 4;
    }
    if (what & STAMPS)
        len += put_stamp(at + len, stamp, echo);
    if (what & SCALE) {
        memcpy(at + len, scale, 4);
        len += 4;
    }
    return len;
}

static inline void syn_in(struct stack_test *x, uint8_t flags, uint16_t window, unsigned what,
                          uint8_t shift, uint32_t stamp)
{
    uint8_t options[40];
    size_t len = put_offer(options, what, shift, stamp, 0);

    seg_in_with(x, flags, 0, 1, window, options, len, 0, 0);
}

/* The stamp of the last segment sent that had one. */
static inline uint32_t own_stamp(const struct stack_test *x)
{
    struct decoded d;

    for (unsigned i = x->sent_count; i; i--) {
        decode_frame(x->sent[i - 1].bytes, x->sent[i - 1].len, &d);
        if (d.tcp_stamped)
            return d.tcp_stamp;
    }
    return 0;
}

/* A segment with a stamp, which echoes our last one. */
static inline void stamped_in(struct stack_test *x, uint8_t flags, uint32_t seq, uint32_t ack,
                              uint32_t stamp, const void *data, size_t len)
{
    uint8_t option[12];

    put_stamp(option, stamp, own_stamp(x));
    seg_in_with(x, flags, seq, ack, 5000, option, sizeof(option), data, len);
}

/* A connection that we open to a peer that agrees to these options: snd_nxt = rcv_nxt = 1. */
static inline struct tcp_conn *connected_with(struct stack_test *x, unsigned what)
{
    struct tcp_conn *c = connecting(x);

    syn_in(x, TCP_SYN | TCP_ACK, 65535, what, SHIFT, STAMP);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 0);
    assert_int_equal(tcp_connected(c), 0);
    return c;
}

/* A listener on port 7, and the SYN of a peer with these options; the SYN-ACK is returned. */
static inline struct decoded offered(struct stack_test *x, struct tcp_conn **listener,
                                     unsigned what)
{
    struct decoded d;

    at_ms(x, 0);
    assert_int_equal(tcp_open(&x->s.tcp, listener), 0);
    assert_int_equal(tcp_bind(*listener, 7), 0);
    assert_int_equal(tcp_listen(*listener, 2), 0);
    x->own_port = 7;
    x->peer_port = 50000;
    syn_in(x, TCP_SYN, 65535, what, SHIFT, STAMP);
    run(x);
    d = next_sent(x);
    assert_int_equal(d.tcp_flags, TCP_SYN | TCP_ACK);
    x->own_iss = d.tcp_seq;
    return d;
}

/* A connection that a peer with these options opens to our port 7. */
static inline struct tcp_conn *accepted_with(struct stack_test *x, struct tcp_conn **listener,
                                             unsigned what)
{
    struct tcp_conn *c;

    offered(x, listener, what);
    if (what & STAMPS)
        stamped_in(x, TCP_ACK, 1, 1, STAMP, 0, 0);
    else
        seg_in(x, TCP_ACK, 1, 1, 1000, 0, 0);
    run(x);
    assert_int_equal(tcp_accept(*listener, &c), 0);
    return c;
}

/* One drop, for this reason; a reply may have been sent. The counts start again. */
static inline void expect_dropped(struct stack_test *x, enum drop_reason reason)
{
    if (x->s.net.drops[reason] != 1)
        print_error("expected drop %s\n", trace_drop_word(reason));
    assert_int_equal(x->s.net.drops[reason], 1);
    assert_int_equal(x->s.net.drops_total, 1);
    x->s.net.drops[reason] = 0;
    x->s.net.drops_total = 0;
}

#endif
