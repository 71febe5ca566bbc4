/*
 * A stack on a network card of paper: the test hands it frames and reads what it sends, one packet
 * at a time. Sequence numbers are relative to the two initial ones, times to the start of the test.
 */
#ifndef DRYWIRE_STACK_FIXTURE_H
#define DRYWIRE_STACK_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/checksum.h"
#include "../../core/net/dhcp_message.h"
#include "../../core/net/stack.h"
#include "../../core/net/tcp_internal.h"
#include "../../sim/frame/decode.h"
#include "fake_platform.h"

enum { SENT_MAX = 2048, ROOM_ALWAYS = 1000000 };

/* As many as a machine of the kernel has. */
enum { CONNS = 16, PAGES = 128, PAGE_SIZE = 16384, WINDOW = 65535 };
#define STACK_TEST_MEMORY STACK_MEMORY(CONNS, PAGES, PAGE_SIZE)
#define STACK_TEST_TCP                                                                             \
    {                                                                                              \
        CONNS, PAGES, PAGE_SIZE, WINDOW                                                            \
    }

static const uint8_t peer_mac[6] = {0x52, 0x55, 0x0a, 0x00, 0x02, 0x02};
static const uint8_t own_mac[6] = {0x02, 0, 0, 0, 0, 1};

#define OWN  IPV4(10, 0, 2, 15)
#define PEER IPV4(10, 0, 2, 2)

struct stack_test {
    struct fake_platform f;
    struct netdev dev;
    struct stack s;
    uint8_t *buffers;
    uint64_t start_ns;
    int room;          /* frames that the card will still take */
    uint8_t out[2048]; /* the frame being built */
    unsigned lent;
    struct {
        uint8_t bytes[2048];
        size_t len;
    } sent[SENT_MAX];
    unsigned sent_count, read;
    /* the peer of TCP tests */
    uint16_t own_port, peer_port;
    uint32_t peer_iss, own_iss;
};

static uint8_t *card_alloc(void *ctx)
{
    struct stack_test *x = ctx;

    if (x->room <= 0)
        return NULL;
    x->room--;
    x->lent++;
    return malloc(2048);
}

static void card_send(void *ctx, uint8_t *frame, size_t len)
{
    struct stack_test *x = ctx;

    assert_true(x->sent_count < SENT_MAX);
    x->lent--;
    memcpy(x->sent[x->sent_count].bytes, frame, len);
    x->sent[x->sent_count++].len = len;
    x->dev.frames_tx++;
    free(frame);
}

static void card_free(void *ctx, uint8_t *frame)
{
    struct stack_test *x = ctx;

    x->lent--;
    x->room++;
    free(frame);
}

static inline int stack_setup(void **state)
{
    struct stack_test *x = calloc(1, sizeof(*x));

    fake_platform_init(&x->f);
    x->room = ROOM_ALWAYS;
    x->dev = (struct netdev){
        .ctx = x, .mtu = 1500, .alloc = card_alloc, .send = card_send, .free = card_free};
    memcpy(x->dev.mac, own_mac, 6);
    x->buffers = malloc(STACK_TEST_MEMORY);
    x->start_ns = 1000 * NS_PER_S;
    stack_init(&x->s,
               &(struct stack_config){.platform = &x->f.platform,
                                      .netdev = &x->dev,
                                      .uses_dhcp = true,
                                      .tcp = STACK_TEST_TCP,
                                      .memory = x->buffers},
               x->start_ns);
    x->own_port = 40000;
    x->peer_port = 80;
    x->peer_iss = 0xfffffff0; /* wraps early in every test */
    *state = x;
    return 0;
}

/* Another window for each connection; there is none yet. */
static inline void set_window(struct stack_test *x, uint32_t window)
{
    struct tcp_config config = STACK_TEST_TCP;

    config.window = window;
    tcp_init(&x->s.tcp, &x->s.ip, &config, x->buffers);
}

static inline int stack_teardown(void **state)
{
    struct stack_test *x = *state;

    stack_set_address(&x->s, 0, 0, 0, 0);
    arp_flush(&x->s.arp);
    assert_int_equal(x->lent, 0); /* every frame was sent or given back */
    free(x->buffers);
    free(x);
    return 0;
}

/* With an address, and the peer's already known. */
static inline int stack_setup_bound(void **state)
{
    struct stack_test *x;
    struct arp_entry *e;

    stack_setup(state);
    x = *state;
    x->s.dhcp.timer_ns = DEADLINE_NEVER;
    stack_set_address(&x->s, OWN, IPV4(255, 255, 255, 0), PEER, 0);
    x->s.arp.count = 1;
    e = &x->s.arp.entry[0];
    *e = (struct arp_entry){.state = ARP_REACHABLE,
                            .addr = PEER,
                            .marked = true,
                            .answered_ns = x->start_ns + 100000 * NS_PER_S};
    memcpy(e->mac, peer_mac, 6);
    return 0;
}

static inline void at_ms(struct stack_test *x, uint64_t ms)
{
    stack_begin(&x->s, x->start_ns + ms * NS_PER_MS);
}

/* One poll: timers, then output. */
static inline void run(struct stack_test *x)
{
    stack_timers(&x->s);
    stack_output(&x->s);
}

static inline void run_at_ms(struct stack_test *x, uint64_t ms)
{
    at_ms(x, ms);
    run(x);
}

static inline void input_copy(struct stack *s, const uint8_t *frame, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1); /* exactly as long: an over-read is seen */

    memcpy(copy, frame, len);
    stack_input(s, copy, len);
    free(copy);
}

static inline void input(struct stack_test *x, const uint8_t *frame, size_t len)
{
    input_copy(&x->s, frame, len);
}

/* The next frame that was sent and not checked yet; fails without one. */
static inline struct decoded next_sent(struct stack_test *x)
{
    struct decoded d;

    assert_true(x->read < x->sent_count);
    decode_frame(x->sent[x->read].bytes, x->sent[x->read].len, &d);
    x->read++;
    assert_null(d.error);
    assert_memory_equal(d.eth_src, own_mac, 6);
    return d;
}

static inline void expect_quiet(struct stack_test *x)
{
    assert_int_equal(x->read, x->sent_count);
}

/* One drop, for this reason, and no reply; the counts start again. */
static inline void expect_drop(struct stack_test *x, enum drop_reason reason)
{
    if (x->s.net.drops[reason] != 1)
        print_error("expected drop %s\n", trace_drop_word(reason));
    assert_int_equal(x->s.net.drops[reason], 1);
    assert_int_equal(x->s.net.drops_total, 1);
    expect_quiet(x);
    x->s.net.drops[reason] = 0;
    x->s.net.drops_total = 0;
}

/* ---- building packets ---- */

static inline size_t build_ip(uint8_t *frame, uint32_t src, uint32_t dst, uint8_t protocol,
                              const void *payload, size_t len)
{
    struct eth_header *eth = (struct eth_header *)frame;
    struct ipv4_header *ip = (struct ipv4_header *)(frame + 14);

    memcpy(eth->dst, own_mac, 6);
    memcpy(eth->src, peer_mac, 6);
    eth->type = be16_of(ETH_TYPE_IPV4);
    *ip = (struct ipv4_header){.version_ihl = 0x45,
                               .total_len = be16_of((uint16_t)(20 + len)),
                               .ttl = 64,
                               .protocol = protocol,
                               .src = be32_of(src),
                               .dst = be32_of(dst)};
    ip->checksum = checksum_finish(checksum_add(0, ip, 20));
    if (len)
        memcpy(frame + 34, payload, len);
    return 34 + len;
}

static inline size_t build_arp(uint8_t *frame, uint16_t op, const uint8_t sha[6], uint32_t spa,
                               uint32_t tpa)
{
    struct arp_packet arp = {.htype = be16_of(1),
                             .ptype = be16_of(0x0800),
                             .hlen = 6,
                             .plen = 4,
                             .op = be16_of(op),
                             .spa = be32_of(spa),
                             .tpa = be32_of(tpa)};

    memcpy(frame, own_mac, 6);
    memcpy(frame + 6, peer_mac, 6);
    frame[12] = 0x08;
    frame[13] = 0x06;
    memcpy(arp.sha, sha, 6);
    memcpy(frame + 14, &arp, sizeof(arp));
    return 14 + sizeof(arp);
}

/* An ICMP message from the peer, its checksum computed. */
static inline size_t build_icmp(uint8_t *frame, uint32_t dst, const uint8_t *message, size_t len)
{
    uint8_t copy[1600];
    be16 sum;

    memcpy(copy, message, len);
    if (len >= 4) {
        memset(copy + 2, 0, 2);
        sum = checksum_finish(checksum_add(0, copy, len));
        memcpy(copy + 2, &sum, 2);
    }
    return build_ip(frame, PEER, dst, IP_PROTOCOL_ICMP, copy, len);
}

static inline size_t build_udp(uint8_t *frame, uint16_t src_port, uint16_t dst_port,
                               const void *data, size_t len)
{
    uint8_t p[1500];
    struct udp_header h = {be16_of(src_port), be16_of(dst_port), be16_of((uint16_t)(8 + len)),
                           be16_of(0)};

    memcpy(p, &h, 8);
    if (len)
        memcpy(p + 8, data, len);
    h.checksum = checksum_finish(checksum_add(checksum_pseudo(PEER, OWN, 17, 8 + len), p, 8 + len));
    memcpy(p, &h, 8);
    return build_ip(frame, PEER, OWN, 17, p, 8 + len);
}

static inline size_t build_tcp(uint8_t *frame, const struct tcp_header *header, const void *options,
                               size_t option_len, const void *data, size_t len)
{
    uint8_t segment[2000];
    struct tcp_header *tcp = (struct tcp_header *)segment;
    size_t total = 20 + option_len + len;

    *tcp = *header;
    if (!tcp->offset)
        tcp->offset = (uint8_t)((20 + option_len) / 4 << 4);
    if (option_len)
        memcpy(segment + 20, options, option_len);
    if (len)
        memcpy(segment + 20 + option_len, data, len);
    tcp->checksum = checksum_finish(
        checksum_add(checksum_pseudo(PEER, OWN, IP_PROTOCOL_TCP, total), segment, total));
    return build_ip(frame, PEER, OWN, IP_PROTOCOL_TCP, segment, total);
}

/* A segment from the peer, relative numbers; its options, a multiple of 4 bytes. */
static inline void seg_in_with(struct stack_test *x, uint8_t flags, uint32_t seq, uint32_t ack,
                               uint16_t window, const void *options, size_t option_len,
                               const void *data, size_t len)
{
    uint8_t frame[2048];
    struct tcp_header h = {.src_port = be16_of(x->peer_port),
                           .dst_port = be16_of(x->own_port),
                           .seq = be32_of(x->peer_iss + seq),
                           .ack = be32_of(flags & TCP_ACK ? x->own_iss + ack : 0),
                           .flags = flags,
                           .window = be16_of(window)};

    input(x, frame, build_tcp(frame, &h, options, option_len, data, len));
}

/* The same; a SYN has an MSS of 1460. */
static inline void seg_in(struct stack_test *x, uint8_t flags, uint32_t seq, uint32_t ack,
                          uint16_t window, const void *data, size_t len)
{
    static const uint8_t mss[4] = {2, 4, 0x05, 0xb4};

    seg_in_with(x, flags, seq, ack, window, mss, flags & TCP_SYN ? sizeof(mss) : 0, data, len);
}

/* The next segment sent, which must be exactly this; returns it. */
static inline struct decoded expect_seg(struct stack_test *x, uint8_t flags, uint32_t seq,
                                        uint32_t ack, size_t len)
{
    struct decoded d = next_sent(x);

    assert_int_equal(d.layer, LAYER_TCP);
    assert_int_equal(d.tcp_flags & ~TCP_PSH, flags);
    assert_int_equal(d.tcp_seq - x->own_iss, seq);
    if (flags & TCP_ACK)
        assert_int_equal(d.tcp_ack - x->peer_iss, ack);
    assert_int_equal(d.payload_len, len);
    return d;
}

/* A connection that we open: its SYN is sent, and its numbers are known. */
static inline struct tcp_conn *connecting(struct stack_test *x)
{
    struct tcp_conn *c;
    struct decoded d;

    at_ms(x, 0);
    assert_int_equal(tcp_open(&x->s.tcp, &c), 0);
    assert_int_equal(tcp_connect(c, PEER, x->peer_port), 0);
    run(x);
    d = next_sent(x);
    assert_int_equal(d.tcp_flags, TCP_SYN);
    assert_int_equal(d.tcp_mss, 1460);
    x->own_iss = d.tcp_seq;
    x->own_port = d.src_port;
    return c;
}

/* An established connection that we opened: snd_nxt = rcv_nxt = 1. */
static inline struct tcp_conn *connected(struct stack_test *x, uint16_t window)
{
    struct tcp_conn *c = connecting(x);

    seg_in(x, TCP_SYN | TCP_ACK, 0, 1, window, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 0);
    assert_int_equal(tcp_connected(c), 0);
    return c;
}

/* An established connection that the peer opened to our port 7. */
static inline struct tcp_conn *accepted(struct stack_test *x, struct tcp_conn **listener)
{
    struct tcp_conn *c;
    struct decoded d;

    at_ms(x, 0);
    assert_int_equal(tcp_open(&x->s.tcp, listener), 0);
    assert_int_equal(tcp_bind(*listener, 7), 0);
    assert_int_equal(tcp_listen(*listener, 2), 0);
    x->own_port = 7;
    x->peer_port = 50000;
    seg_in(x, TCP_SYN, 0, 0, 65535, 0, 0);
    run(x);
    d = next_sent(x);
    assert_int_equal(d.tcp_flags, TCP_SYN | TCP_ACK);
    x->own_iss = d.tcp_seq;
    assert_int_equal(d.tcp_ack - x->peer_iss, 1);
    seg_in(x, TCP_ACK, 1, 1, 65535, 0, 0);
    run(x);
    assert_int_equal(tcp_accept(*listener, &c), 0);
    return c;
}

/* An open connection goes through its states to TIME-WAIT, without a peer. */
static inline void age(struct tcp_conn *c)
{
    tcp_move(c, TCPS_SYN_SENT);
    tcp_move(c, TCPS_ESTABLISHED);
    tcp_move(c, TCPS_FIN_WAIT_1);
    tcp_enter_time_wait(c);
}

static inline void write_bytes(struct tcp_conn *c, const uint8_t *bytes, size_t len)
{
    while (len) {
        uint8_t *to;
        int n = tcp_writable(c, &to);

        assert_true(n > 0);
        n = (size_t)n < len ? n : (int)len;
        memcpy(to, bytes, (size_t)n);
        tcp_commit(c, (size_t)n);
        bytes += n;
        len -= (size_t)n;
    }
}

/* Read everything that can be read now; returns its length. */
static inline size_t read_bytes(struct tcp_conn *c, uint8_t *out, size_t size)
{
    size_t done = 0;
    const uint8_t *from;
    int n;

    while ((n = tcp_readable(c, &from)) > 0) {
        assert_true(done + (size_t)n <= size);
        memcpy(out + done, from, (size_t)n);
        tcp_consume(c, (size_t)n);
        done += (size_t)n;
    }
    return done;
}

#endif
