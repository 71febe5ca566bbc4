/*
 * A peer that has agreed to options and then sends whatever it likes: timestamps from before and
 * after, SACK blocks of what was sent and of what was not, windows of any scale, segments in any
 * order. The invariants of the stack hold after each (core/net/tcp_invariants.c); here each frame
 * that it sends is looked at, and each byte of both streams. test_core_tcp_fuzz.c has peers without
 * options, and all rules of RFC 9293.
 *
 *     test_core_tcp_options_fuzz [SEGMENTS [SEED]]      that many segments; 300000 by default
 */
#include "../../core/base/rng.h"
#include "options_fixture.h"
#include <stdio.h>

static uint64_t wanted = 300000, seed = 1, segments;
static struct rng rng;

static uint32_t draw(uint32_t bound)
{
    return (uint32_t)rng_below(&rng, bound);
}

/* The connection as both ends know it. */
static struct talk {
    struct stack_test *x;
    struct tcp_conn *c;
    unsigned what; /* agreed upon */
    uint8_t shift;
    uint32_t edge; /* right edge of what the peer has offered at most, and of what it was offered */
    uint32_t own_edge, read, written;
    bool fin; /* of the peer, and all before it */
} talk;

static uint8_t stream_byte(uint32_t seq)
{
    return (uint8_t)((seq * 2654435761u) >> 24);
}

/* ---- what the stack sends ---- */

static void block_is_of_what_was_offered(const struct decoded *d, unsigned i)
{
    uint32_t start = d->tcp_sack[i].start, end = d->tcp_sack[i].end;

    assert_true(seq_lt(start, end));
    assert_true(seq_le(end, talk.own_edge));
    if (!talk.fin) /* else the peer may have sent data after its FIN */
        assert_true(seq_le(end, d->tcp_ack) || seq_lt(d->tcp_ack, start));
}

static void frame_is_right(const struct decoded *d, size_t len)
{
    unsigned scale = talk.what & SCALE && !(d->tcp_flags & TCP_SYN) ? talk.c->rcv_shift : 0;
    uint32_t end = d->tcp_ack + ((uint32_t)d->tcp_window << scale);

    assert_true(len <= 1514);
    assert_int_equal(d->layer, LAYER_TCP);
    if (!(d->tcp_flags & TCP_ACK))
        return;
    assert_int_equal(d->tcp_stamped, !!(talk.what & STAMPS));
    assert_true(d->tcp_sack_count <= (talk.what & STAMPS ? 3 : 4));
    assert_true(!d->tcp_sack_count || talk.what & SACK);
    if (seq_lt(talk.own_edge, end))
        talk.own_edge = end;
    for (unsigned i = 0; i < d->tcp_sack_count; i++)
        block_is_of_what_was_offered(d, i);
    for (size_t i = 0; i < d->payload_len; i++)
        assert_int_equal(d->payload[i], stream_byte(d->tcp_seq + (uint32_t)i));
    if (d->payload_len > 1) /* one byte may be a probe */
        assert_true(seq_le(d->tcp_seq + (uint32_t)d->payload_len, talk.edge));
}

static void look(void)
{
    struct stack_test *x = talk.x;

    while (x->read < x->sent_count) {
        struct decoded d = next_sent(x);

        frame_is_right(&d, x->sent[x->read - 1].len);
    }
    x->sent_count = x->read = 0;
}

/* ---- what the peer sends ---- */

static uint32_t draw_stamp(void)
{
    switch (draw(12)) {
    case 0:
        return talk.c->stamp_recent - 1 - draw(1000);
    case 1:
        return (uint32_t)rng_next(&rng);
    default:
        return talk.c->stamp_recent + draw(20);
    }
}

/* Often a part of what is in flight. */
static size_t draw_blocks(uint8_t *at, size_t room)
{
    unsigned count = draw((uint32_t)(room - 4) / 8 + 1);
    const struct tcp_conn *c = talk.c;

    for (unsigned i = 0; i < count; i++) {
        uint32_t start = c->snd_una + draw(tcp_flight(c) + 2) - !draw(8);
        uint32_t end = draw(6) ? start + 1 + draw(3000) : c->snd_max;
        be32 pair[2];

        if (draw(4) && seq_lt(c->snd_max, end))
            end = c->snd_max;
        if (draw(60) == 0)
            end = (uint32_t)rng_next(&rng);
        pair[0] = be32_of(start);
        pair[1] = be32_of(end);
        memcpy(at + 4 + 8 * i, pair, sizeof(pair));
    }
    memcpy(at, (const uint8_t[]){1, 1, 5, (uint8_t)(2 + 8 * count)}, 4);
    return 4 + 8 * (size_t)count;
}

static size_t draw_segment_options(uint8_t *at)
{
    size_t len = 0;

    if (talk.what & STAMPS ? draw(20) : !draw(20))
        len = put_stamp(at, draw_stamp(), own_stamp(talk.x) - draw(3));
    if (talk.what & SACK ? draw(2) : !draw(20))
        len += draw_blocks(at + len, 40 - len);
    if (draw(200) == 0 && len) /* a byte of it is something else */
        at[draw((uint32_t)len)] = (uint8_t)rng_next(&rng);
    return len;
}

static uint8_t draw_segment_flags(void)
{
    switch (draw(800)) {
    case 0:
        return TCP_RST;
    case 1:
        return TCP_SYN;
    case 2:
        return TCP_SYN | TCP_ACK;
    case 3:
    case 4:
        return TCP_FIN | TCP_ACK;
    default:
        return TCP_ACK;
    }
}

static void segment_in(void)
{
    struct tcp_conn *c = talk.c;
    uint32_t seq = c->rcv_nxt, ack = c->snd_una, len = draw(3) ? 0 : 1 + draw(1400);
    uint16_t window = (uint16_t)(draw(5) ? 65535 : draw(65536) >> draw(16));
    uint8_t flags = draw_segment_flags(), options[40], data[1460];
    size_t option_len = draw_segment_options(options);

    if (draw(3) == 0)
        seq += draw(9000) - draw(4000);
    if (draw(2))
        ack += draw(tcp_flight(c) + 1);
    if (draw(100) == 0)
        ack = (uint32_t)rng_next(&rng);
    for (uint32_t i = 0; i < len; i++)
        data[i] = stream_byte(seq + i);
    if (flags & TCP_ACK && !(flags & TCP_SYN)) {
        uint32_t edge = ack + ((uint32_t)window << talk.shift);

        if (seq_lt(talk.edge, edge) && seq_le(ack, c->snd_max) && seq_le(c->snd_una, ack))
            talk.edge = edge;
    }
    segments++;
    seg_in_with(talk.x, flags, seq - talk.x->peer_iss, ack - talk.x->own_iss, window, options,
                option_len, data, len);
    talk.fin |= c->fin_received;
}

/* ---- what the program does ---- */

static void program(void)
{
    struct tcp_conn *c = talk.c;
    const uint8_t *from;
    uint8_t *to;
    int n;

    if (draw(2)) {
        n = tcp_readable(c, &from);
        n = n > 0 ? (int)draw((uint32_t)n + 1) : 0;
        for (int i = 0; i < n; i++)
            assert_int_equal(from[i], stream_byte(talk.read + (uint32_t)i));
        tcp_consume(c, (size_t)n);
        talk.read += (uint32_t)n;
        return;
    }
    n = tcp_writable(c, &to);
    if (n <= 0)
        return;
    n = (int)draw((uint32_t)n + 1);
    for (int i = 0; i < n; i++)
        to[i] = stream_byte(talk.written + (uint32_t)i);
    tcp_commit(c, (size_t)n);
    talk.written += (uint32_t)n;
    if (draw(400) == 0)
        tcp_shutdown(c);
}

/* ---- a connection ---- */

static struct tcp_conn *talk_open(struct stack_test *x)
{
    static const uint32_t windows[] = {4096, 65535, 300000, 1u << 20};
    struct tcp_conn *c;
    uint32_t shift = draw(16);

    x->s.tcp.window = windows[draw(4)];
    x->peer_iss = (uint32_t)rng_next(&rng);
    c = connecting(x);
    syn_in(x, TCP_SYN | TCP_ACK, 65535, talk.what = draw(ALL + 1), (uint8_t)shift, STAMP);
    run(x);
    x->read = x->sent_count;
    talk = (struct talk){.x = x,
                         .c = c,
                         .what = talk.what,
                         .shift = (uint8_t)(talk.what & SCALE ? min_u32(shift, 14) : 0),
                         .edge = x->own_iss + 1 + 65535,
                         .own_edge = c->rcv_adv,
                         .read = x->peer_iss + 1,
                         .written = x->own_iss + 1};
    return c;
}

static void converse(struct stack_test *x)
{
    struct tcp_conn *c = talk_open(x);
    uint64_t ms = 0;

    for (unsigned i = 0; i < 400 && c->state != TCPS_CLOSED; i++) {
        if (draw(4))
            segment_in();
        else
            program();
        if (draw(3) == 0) {
            x->room = draw(30) ? ROOM_ALWAYS : (int)draw(4);
            ms += draw(8) ? draw(60) : draw(10) ? draw(1000) : draw(70000);
            run_at_ms(x, ms);
        }
        look();
    }
    x->room = ROOM_ALWAYS;
    tcp_reset(c);
    look();
    x->start_ns += (ms + 1) * NS_PER_MS;
    x->s.arp.entry[0].answered_ns = x->start_ns + 100000 * NS_PER_S;
    assert_int_equal(x->s.tcp.pages.lent[PAGE_RECEIVES] + x->s.tcp.pages.lent[PAGE_SENDS], 0);
}

static void whatever_options_a_peer_sends_both_streams_stay_right(void **state)
{
    for (uint64_t episode = 0; segments < wanted; episode++) {
        rng_init(&rng, seed, episode);
        converse(*state);
    }
    printf("%llu segments\n", (unsigned long long)segments);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_options_a_peer_sends_both_streams_stay_right,
                                        stack_setup_bound, stack_teardown),
    };

    if (argc > 1)
        wanted = strtoull(argv[1], NULL, 0);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
