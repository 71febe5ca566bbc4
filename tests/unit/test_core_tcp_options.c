/*
 * The options of SYNs and what they agree upon: their bytes, window scaling (RFC 7323 section 2),
 * the MSS with timestamps (RFC 6691), malformed options (RFC 9293 MUST-6, MUST-7), SYN cookies.
 * Timestamps themselves: test_core_tcp_stamps.c, SACK: test_core_tcp_sack.c.
 */
#include "../../core/base/array.h"
#include "../../core/base/rng.h"
#include "options_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

enum { LARGE = 300000, LARGE_SHIFT = 3 }; /* 65,535 << 3 is the first that is as large */

static uint8_t bytes[2000];

/* ---- the bytes ---- */

static void expect_options(const struct stack_test *x, const uint8_t *want, size_t len)
{
    struct options o = sent_options(x);

    assert_int_equal(o.len, len);
    assert_memory_equal(o.at, want, len);
}

/* MSS, SACK-permitted, timestamps, NOP and window scale: 20 bytes, in the order of Linux. */
static void a_syn_offers_every_option_in_20_bytes(void **state)
{
    struct stack_test *x = *state;
    uint8_t want[20] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 3};
    struct tcp_conn *c;
    be32 stamp;

    set_window(x, LARGE);
    c = connecting(x);
    stamp = be32_of(c->stamp_base + 1000000);
    memcpy(want + 8, &stamp, 4);
    expect_options(x, want, sizeof(want));
    run_at_ms(x, 1234); /* again, with the time of then */
    next_sent(x);
    stamp = be32_of(c->stamp_base + 1001234);
    memcpy(want + 8, &stamp, 4);
    expect_options(x, want, sizeof(want));
    tcp_reset(c);
}

static void a_syn_ack_has_the_options_of_the_syn(void **state)
{
    enum { MSS = 2, SACKED = 4, STAMPED = 8 };
    static const struct {
        size_t len;
        uint8_t bytes[20], stamp_at;
    } want[ALL + 1] = {
        [NOTHING] = {4, {MSS, 4, 0x05, 0xb4}, 0},
        [SCALE] = {8, {MSS, 4, 0x05, 0xb4, 1, 3, 3, 3}, 0},
        [SACK] = {8, {MSS, 4, 0x05, 0xb4, 1, 1, SACKED, 2}, 0},
        [SACK | SCALE] = {12, {MSS, 4, 0x05, 0xb4, 1, 1, SACKED, 2, 1, 3, 3, 3}, 0},
        [STAMPS] = {16, {MSS, 4, 0x05, 0xb4, 1, 1, STAMPED, 10}, 8},
        [STAMPS |
            SCALE] = {20,
                      {MSS, 4, 0x05, 0xb4, 1, 1, STAMPED, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 3},
                      8},
        [STAMPS | SACK] = {16, {MSS, 4, 0x05, 0xb4, SACKED, 2, STAMPED, 10}, 8},
        [ALL] = {20,
                 {MSS, 4, 0x05, 0xb4, SACKED, 2, STAMPED, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 3},
                 8},
    };
    struct stack_test *x = *state;

    set_window(x, LARGE);
    for (unsigned what = 0; what <= ALL; what++) {
        struct tcp_conn *l, *c;
        uint8_t bytes_want[20];
        be32 stamp[2];

        c = accepted_with(x, &l, what);
        memcpy(bytes_want, want[what].bytes, sizeof(bytes_want));
        stamp[0] = be32_of(c->stamp_base + 1000000);
        stamp[1] = be32_of(STAMP);
        if (want[what].stamp_at)
            memcpy(bytes_want + want[what].stamp_at, stamp, sizeof(stamp));
        expect_options(x, bytes_want, want[what].len);
        tcp_reset(c);
        tcp_close(l);
        x->read = x->sent_count;
    }
}

/* What only one end has offered is not used. */
static void an_option_is_agreed_upon_when_the_syn_ack_has_it(void **state)
{
    struct stack_test *x = *state;

    set_window(x, LARGE);
    for (unsigned what = 0; what <= ALL; what++) {
        struct tcp_conn *c = connected_with(x, what);

        assert_int_equal(c->sacks, !!(what & SACK));
        assert_int_equal(c->scaled, !!(what & SCALE));
        assert_int_equal(c->stamps, !!(what & STAMPS));
        assert_int_equal(c->rcv_shift, what & SCALE ? LARGE_SHIFT : 0);
        assert_int_equal(c->snd_shift, what & SCALE ? SHIFT : 0);
        assert_int_equal(sent_options(x).len, what & STAMPS ? 12 : 0);
        tcp_reset(c);
        x->read = x->sent_count;
    }
}

/* Both SYNs offer all: the SYN-ACKs of a simultaneous open have what the other SYN had. */
static void a_simultaneous_open_agrees_as_well(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connecting(x);

    syn_in(x, TCP_SYN, 65535, SACK | SCALE, SHIFT, 0);
    run(x);
    assert_int_equal(next_sent(x).tcp_flags, TCP_SYN | TCP_ACK);
    assert_int_equal(sent_options(x).len, 12);
    assert_true(c->sacks && c->scaled && !c->stamps);
    syn_in(x, TCP_SYN | TCP_ACK, 1000, SACK | SCALE, SHIFT, 0);
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    assert_int_equal(c->snd_wnd, 1000); /* a SYN again: not scaled */
    tcp_reset(c);
}

/* ---- the peer's windows ---- */

static void the_peers_windows_are_shifted_by_at_most_14(void **state)
{
    static const uint8_t shifts[] = {0, 1, 14, 15, 255};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(shifts); i++) {
        unsigned shift = shifts[i] > 14 ? 14 : shifts[i];
        struct tcp_conn *c = connecting(x);

        syn_in(x, TCP_SYN | TCP_ACK, 40000, SCALE, shifts[i], 0);
        assert_int_equal(c->snd_wnd, 40000); /* that of a SYN is never scaled */
        seg_in(x, TCP_ACK, 1, 1, 50000, 0, 0);
        assert_int_equal(c->snd_wnd, 50000u << shift);
        seg_in(x, TCP_ACK, 1, 1, 60000, "data", 4);
        assert_int_equal(c->snd_wnd, 60000u << shift);
        seg_in(x, TCP_ACK | TCP_FIN, 5, 1, 100, 0, 0);
        assert_int_equal(c->snd_wnd, 100u << shift);
        tcp_reset(c);
        x->read = x->sent_count;
    }
}

/* As much as the window allows is sent, and not a byte more. */
static void a_scaled_window_is_filled(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connecting(x);

    syn_in(x, TCP_SYN | TCP_ACK, 1000, SCALE, 2, 0);
    seg_in(x, TCP_ACK, 1, 1, 250, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 0);
    write_bytes(c, bytes, 2000);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 1000);
    expect_quiet(x);
    tcp_reset(c);
}

static void a_window_scale_counts_only_in_a_syn_and_only_when_both_have_it(void **state)
{
    static const uint8_t scale[8] = {3, 3, 9, 2, 4, 0, 100, 0};
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, NOTHING);

    seg_in_with(x, TCP_ACK, 1, 1, 777, scale, sizeof(scale), 0, 0);
    assert_int_equal(c->snd_wnd, 777);
    assert_int_equal(c->mss, 1460);
    assert_int_equal(c->snd_shift, 0);
    tcp_reset(c);
}

/* ---- our windows ---- */

/* What a segment offers, in bytes, by the rules of the wire. */
static uint32_t wire_window(const struct decoded *d, unsigned shift)
{
    return (uint32_t)d->tcp_window << (d->tcp_flags & TCP_SYN ? 0 : shift);
}

static void our_window_is_scaled_but_in_a_syn(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c;
    struct decoded d;

    set_window(x, LARGE);
    d = offered(x, &l, SCALE);
    assert_int_equal(d.tcp_window, 65535);
    run_at_ms(x, 1500);
    d = next_sent(x); /* again: as before */
    assert_int_equal(d.tcp_window, 65535);
    seg_in(x, TCP_ACK, 1, 1, 1000, "data", 4);
    run_at_ms(x, 1600);
    d = next_sent(x);
    assert_int_equal(wire_window(&d, LARGE_SHIFT), (LARGE - 4) / 8 * 8);
    assert_int_equal(tcp_accept(l, &c), 0);
    tcp_reset(c);
    tcp_close(l);
}

static void a_syn_offers_what_fits_without_scaling(void **state)
{
    static const uint32_t windows[] = {4096, 65535, 65536, 70000, 1u << 26};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(windows); i++) {
        struct tcp_conn *c;

        set_window(x, windows[i]);
        c = connecting(x);
        assert_int_equal(be16_get(((struct tcp_header *)(x->sent[x->read - 1].bytes + 34))->window),
                         windows[i] > 65535 ? 65535 : windows[i]);
        tcp_reset(c);
        x->read = x->sent_count;
    }
}

/* The smallest shift with which the window fits: RFC 7323 section 2.3. */
static void our_shift_is_the_smallest_that_is_enough(void **state)
{
    static const struct {
        uint32_t window;
        uint8_t shift;
    } row[] = {{2048, 0},   {65535, 0},  {65536, 1},     {131070, 1},    {131071, 1},
               {131072, 2}, {300000, 3}, {1u << 25, 10}, {1u << 26, 11}, {65535u << 10, 10}};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        set_window(x, row[i].window);
        assert_int_equal(x->s.tcp.shift, row[i].shift);
    }
}

/* A peer on which everything depends that a window promises: it fills all of it, at odd sizes. */
struct filler {
    struct stack_test *x;
    struct tcp_conn *c;
    struct rng rng;
    unsigned shift;
    uint32_t capacity;
    uint32_t sent, read; /* sequence numbers: by the peer, by the program */
    uint32_t edge;       /* the highest number offered, as on the wire */
};

/* Every frame that was sent. It never offers a unit or more above what may be held. It takes back
 * less than a unit, which rounding may do (RFC 7323 section 2.4), and only where that would be too
 * much; what it adds is all that rounding adds, or worth a segment (MUST-39). */
static void windows_are_right(struct filler *f)
{
    uint32_t unit = 1u << f->shift, step = min_u32(1460, f->capacity / 2);

    while (f->x->read < f->x->sent_count) {
        struct decoded d = next_sent(f->x);
        uint32_t ack = d.tcp_ack - f->x->peer_iss, edge = ack + wire_window(&d, f->shift);
        uint32_t same = (f->edge - ack + unit - 1) / unit * unit, held = ack - f->read;
        uint32_t free = held < f->capacity ? (f->capacity - held) / unit * unit : 0;

        assert_true(edge - f->read < f->capacity + unit);
        if (free >= f->edge - ack + step)
            assert_int_equal(edge, ack + free);
        if (edge < f->edge) {
            assert_true(f->edge - edge < unit);
            assert_true(ack - f->read + same >= f->capacity + unit);
        } else {
            assert_true(edge - f->edge < unit || edge - f->edge >= step);
            f->edge = edge;
        }
    }
    assert_int_equal(f->c->rcv_adv - f->x->peer_iss, f->edge);
    f->x->sent_count = f->x->read = 0;
}

static void filler_sends(struct filler *f, uint32_t len)
{
    len = min_u32(min_u32(len, 1460), f->edge - f->sent);
    if (!len)
        return;
    seg_in(f->x, TCP_ACK, f->sent, 1, 1000, bytes, len);
    f->sent += len;
    assert_int_equal(f->c->rcv_nxt - f->x->peer_iss, f->sent); /* what was offered is taken */
}

static void filler_reads(struct filler *f, uint32_t len)
{
    const uint8_t *at;
    int n = tcp_readable(f->c, &at);

    if (n <= 0)
        return;
    n = (int)min_u32(len, (uint32_t)n);
    tcp_consume(f->c, (size_t)n);
    f->read += (uint32_t)n;
}

static void fill_and_empty(struct stack_test *x, uint32_t window, unsigned what, uint64_t seed)
{
    struct filler f = {.x = x, .sent = 1, .read = 1};
    uint64_t ms = 0;

    set_window(x, window);
    f.c = connected_with(x, what);
    f.shift = what & SCALE ? x->s.tcp.shift : 0;
    f.capacity = what & SCALE ? window : min_u32(window, 65535);
    f.edge = f.c->rcv_adv - x->peer_iss;
    rng_init(&f.rng, seed, window);
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t drawn = rng_next(&f.rng);
        bool fills = i / 500 % 2; /* periods in which more is sent, and in which more is read */

        if (drawn % 4 < (fills ? 1 : 3))
            filler_reads(&f, (uint32_t)(drawn >> 32) % (i % 3 ? 4001 : 20));
        else
            filler_sends(&f, 1 + (uint32_t)(drawn >> 32) % (i % 5 ? 1460 : 7));
        if (drawn >> 16 & 1)
            ms += 30;
        run_at_ms(x, ms);
        windows_are_right(&f);
    }
    while (f.sent != f.edge) { /* all that was offered */
        filler_sends(&f, 1460);
        run_at_ms(x, ms += 50);
        windows_are_right(&f);
    }
    assert_true(f.edge - f.read >= f.capacity - 1460);
    tcp_reset(f.c);
    x->sent_count = x->read = 0;
}

static void a_window_is_never_taken_back_nor_too_large(void **state)
{
    static const uint32_t windows[] = {2048,   40001,  65535,  65536,   65537,
                                       131071, 200003, 300000, 1000003, 1u << 20};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(windows); i++)
        for (unsigned what = NOTHING; what <= SCALE; what++)
            fill_and_empty(x, windows[i], what, i);
}

/* What may still be on its way from before is old data, not nonsense: a window of it, however it
 * was counted. */
static void a_duplicate_of_a_window_ago_is_old_data(void **state)
{
    static const struct {
        uint32_t window, ago;
    } row[] = {{4096, 65535}, {LARGE, LARGE}};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        uint32_t next = 1;

        set_window(x, row[i].window);
        struct filler f = {.x = x, .c = connected_with(x, SCALE), .read = 1};

        while (next != 1 + 10 + row[i].ago - 1) {
            uint32_t len = min_u32(1000, 1 + 10 + row[i].ago - 1 - next);

            seg_in(x, TCP_ACK, next, 1, 1000, bytes, len);
            next += len;
            filler_reads(&f, len);
            run(x);
        }
        x->sent_count = x->read = 0;
        seg_in(x, TCP_ACK, 1, 1, 1000, bytes, 10);
        run(x);
        assert_int_equal(x->s.net.drops_total, 0);
        expect_seg(x, TCP_ACK, 1, next, 0);
        seg_in(x, TCP_ACK, 0, 1, 1000, bytes, 10); /* a byte before that */
        run(x);
        expect_dropped(x, DROP_TCP_SEQUENCE);
        tcp_reset(f.c);
        x->sent_count = x->read = 0;
    }
}

/* ---- the MSS ---- */

/* The options of each segment come out of what fits: RFC 6691. */
static void timestamps_take_12_bytes_of_a_segment(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, STAMPS);
    struct decoded d;

    assert_int_equal(c->mss, 1448);
    write_bytes(c, bytes, 1500);
    run(x);
    d = expect_seg(x, TCP_ACK, 1, 1, 1448);
    assert_int_equal(d.tcp_header_len, 32);
    assert_int_equal(x->sent[x->read - 1].len, 1514);
    expect_seg(x, TCP_ACK, 1449, 1, 52);
    tcp_reset(c);
}

/* An MSS so small that the options alone would fill it leaves one byte; none is 536. */
static void every_mss_leaves_room_for_data(void **state)
{
    static const uint16_t said[] = {0, 1, 12, 13, 14, 536, 1460, 9000},
                          kept[] = {524, 1, 1, 1, 2, 524, 1448, 1448};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(said); i++) {
        struct tcp_conn *c = connecting(x);
        uint8_t options[16] = {2, 4, (uint8_t)(said[i] >> 8), (uint8_t)said[i]};

        put_stamp(options + 4, STAMP, 0);
        seg_in_with(x, TCP_SYN | TCP_ACK, 0, 1, 65535, options, sizeof(options), 0, 0);
        assert_int_equal(c->mss, kept[i]);
        write_bytes(c, bytes, 2);
        run(x);
        next_sent(x);
        tcp_reset(c);
        x->read = x->sent_count;
    }
}

/* RFC 1191: so is the MSS of a smaller path. */
static void the_mss_of_a_path_leaves_room_for_stamps(void **state)
{
    static const struct {
        unsigned what;
        uint32_t mss;
    } row[] = {{NOTHING, 960}, {STAMPS, 948}};
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct tcp_conn *c = connected_with(x, row[i].what);
        struct icmp_error e = {.remote = PEER,
                               .remote_port = x->peer_port,
                               .local_port = x->own_port,
                               .seq = x->own_iss + 1,
                               .mtu = 1000};

        write_bytes(c, bytes, 1000);
        run(x);
        tcp_icmp_error(&x->s.tcp, &e);
        assert_int_equal(c->mss, row[i].mss);
        tcp_reset(c);
        x->read = x->sent_count;
    }
}

/* ---- malformed options ---- */

#define OPTIONS(...)                                                                               \
    sizeof((const uint8_t[]){__VA_ARGS__}),                                                        \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void a_malformed_option_drops_its_segment(void **state)
{
    static const struct {
        size_t len;
        uint8_t bytes[12];
    } row[] = {
        {OPTIONS(2, 4, 5, 180, 3, 0, 0, 0)},  /* length 0 */
        {OPTIONS(8, 1, 1, 1)},                /* 1 */
        {OPTIONS(4, 1, 0, 0)},                /* 1 */
        {OPTIONS(2, 5, 5, 180)},              /* a byte too long */
        {OPTIONS(8, 10, 0, 0, 0, 0, 0, 0)},   /* two bytes too long */
        {OPTIONS(2, 4, 5, 180, 77, 5, 0, 0)}, /* a byte too long, the second one */
        {OPTIONS(1, 1, 1, 3)},                /* no room for a length */
        {OPTIONS(77, 255, 0, 0)},             /* unknown, too long */
        {OPTIONS(77, 0, 0, 0)},               /* unknown, length 0 */
    };
    struct stack_test *x = *state;
    struct tcp_conn *l, *c;

    c = accepted_with(x, &l, NOTHING);
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        seg_in_with(x, TCP_ACK, 1, 1, 1000, row[i].bytes, row[i].len, "data", 4);
        run(x);
        expect_drop(x, DROP_TCP_OPTIONS);
        x->peer_port = 50001;
        seg_in_with(x, TCP_SYN, 0, 0, 1000, row[i].bytes, row[i].len, 0, 0);
        run(x);
        expect_drop(x, DROP_TCP_OPTIONS);
        x->peer_port = 50000;
    }
    tcp_reset(c);
    tcp_close(l);
}

/* One of the wrong size means nothing, the others of its segment count: MUST-6. */
static void an_option_of_a_wrong_size_is_ignored(void **state)
{
    static const struct {
        size_t len;
        uint8_t bytes[20];
        unsigned what; /* that remains */
        uint32_t mss;
    } row[] = {
        {OPTIONS(2, 4, 1, 0, 3, 4, 7, 7), NOTHING, 256},
        {OPTIONS(2, 4, 1, 0, 3, 2, 1, 1), NOTHING, 256},
        {OPTIONS(2, 4, 1, 0, 4, 3, 1, 1), NOTHING, 256},
        {OPTIONS(8, 9, 0, 0, 0, 1, 0, 0, 0, 4, 2, 1), SACK, 536},
        {OPTIONS(8, 11, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 4, 2, 1, 1), SACK, 536},
        {OPTIONS(2, 3, 1, 3, 3, 5, 1, 1), SCALE, 536},
        {OPTIONS(2, 5, 1, 0, 0, 3, 3, 5), SCALE, 536},
        {OPTIONS(77, 2, 4, 2), SACK, 536},              /* unknown */
        {OPTIONS(77, 5, 4, 2, 9, 3, 3, 5), SCALE, 536}, /* unknown, with something inside */
        {OPTIONS(1, 1, 4, 2), SACK, 536},
        {OPTIONS(1, 1, 0, 0, 3, 3, 5, 1), NOTHING, 536}, /* after the end */
        {OPTIONS(0, 1, 2, 0), NOTHING, 536},             /* malformed, but after the end */
        {OPTIONS(2, 4, 1, 0, 2, 4, 2, 0), NOTHING, 512}, /* the last of two */
    };
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct tcp_conn *c = connecting(x);

        seg_in_with(x, TCP_SYN | TCP_ACK, 0, 1, 1000, row[i].bytes, row[i].len, 0, 0);
        run(x);
        expect_seg(x, TCP_ACK, 1, 1, 0);
        assert_int_equal(c->sacks, !!(row[i].what & SACK));
        assert_int_equal(c->scaled, !!(row[i].what & SCALE));
        assert_int_equal(c->stamps, !!(row[i].what & STAMPS));
        assert_int_equal(c->mss, row[i].mss);
        tcp_reset(c);
        x->read = x->sent_count;
    }
}

/* SACK blocks are whole pairs, and up to four of them. */
static void sack_blocks_are_read_when_their_option_has_whole_ones(void **state)
{
    uint8_t options[40], frame[2048];
    struct tcp_header h = {.src_port = be16_of(1), .dst_port = be16_of(2), .flags = TCP_ACK};
    struct tcp_segment g;
    struct ipv4_packet p = {.src = PEER, .dst = OWN, .payload = frame + 34};

    (void)state;
    for (unsigned len = 2; len <= 38; len++) {
        unsigned count = len > 2 && len % 8 == 2 ? (len - 2) / 8 : 0;
        size_t size = (len + 3) / 4 * 4;

        memset(options, 1, sizeof(options));
        options[0] = 5;
        options[1] = (uint8_t)len;
        for (unsigned i = 2; i < len; i++)
            options[i] = (uint8_t)(i + 100);
        p.len = build_tcp(frame, &h, options, size, 0, 0) - 34;
        assert_int_equal(tcp_parse(&p, &g), DROP_COUNT);
        assert_int_equal(g.sack_count, count);
        for (unsigned i = 0; i < count; i++) {
            struct tcp_range block = tcp_sack_block(&g, i);

            assert_int_equal(block.start, 0x66676869 + i * 0x08080808);
            assert_int_equal(block.end, 0x6a6b6c6d + i * 0x08080808);
        }
    }
}

/* They mean something only where both numbers start. */
static void options_of_a_syn_mean_nothing_elsewhere(void **state)
{
    uint8_t options[40], frame[2048];
    size_t len = put_offer(options, ALL, SHIFT, STAMP, 0);
    struct tcp_header h = {.src_port = be16_of(1), .dst_port = be16_of(2), .flags = TCP_ACK};
    struct ipv4_packet p = {.src = PEER, .dst = OWN, .payload = frame + 34};
    struct tcp_segment g;

    (void)state;
    p.len = build_tcp(frame, &h, options, len, 0, 0) - 34;
    assert_int_equal(tcp_parse(&p, &g), DROP_COUNT);
    assert_true(g.mss == 0 && !g.scales && !g.sack_permitted && g.stamped);
}

/* ---- SYN cookies ---- */

/* A SYN-ACK of which nothing is kept has an MSS alone, whatever the SYN offered and its ACK shows.
 */
static void the_child_of_a_cookie_has_no_option(void **state)
{
    static const uint8_t mss[4] = {2, 4, 0x05, 0xb4};
    struct stack_test *x = *state;
    struct tcp_conn *l, *c;
    struct decoded d;

    set_window(x, LARGE);
    offered(x, &l, ALL); /* the backlog has two half-open children */
    x->peer_port++;
    syn_in(x, TCP_SYN, 65535, ALL, SHIFT, STAMP);
    x->peer_port++;
    run(x);
    x->read = x->sent_count;
    syn_in(x, TCP_SYN, 65535, ALL, SHIFT, STAMP);
    d = next_sent(x);
    assert_int_equal(d.tcp_window, 65535);
    expect_options(x, mss, sizeof(mss));
    x->own_iss = d.tcp_seq;
    stamped_in(x, TCP_ACK, 1, 1, STAMP + 1, 0, 0);
    assert_int_equal(tcp_accept(l, &c), 0);
    assert_true(!c->sacks && !c->scaled && !c->stamps);
    assert_int_equal(c->snd_wnd, 5000);
    assert_int_equal(c->mss, 1460);
    stamped_in(x, TCP_ACK, 11, 1, STAMP - 1, "after a gap", 11); /* not PAWS, no SACK */
    run(x);
    d = expect_seg(x, TCP_ACK, 1, 1, 0);
    assert_int_equal(sent_options(x).len, 0);
    assert_int_equal(d.tcp_window, 65535);
    tcp_reset(c);
    tcp_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_syn_offers_every_option_in_20_bytes),
        T(a_syn_ack_has_the_options_of_the_syn),
        T(an_option_is_agreed_upon_when_the_syn_ack_has_it),
        T(a_simultaneous_open_agrees_as_well),
        T(the_peers_windows_are_shifted_by_at_most_14),
        T(a_scaled_window_is_filled),
        T(a_window_scale_counts_only_in_a_syn_and_only_when_both_have_it),
        T(our_window_is_scaled_but_in_a_syn),
        T(a_syn_offers_what_fits_without_scaling),
        T(our_shift_is_the_smallest_that_is_enough),
        T(a_window_is_never_taken_back_nor_too_large),
        T(a_duplicate_of_a_window_ago_is_old_data),
        T(timestamps_take_12_bytes_of_a_segment),
        T(every_mss_leaves_room_for_data),
        T(the_mss_of_a_path_leaves_room_for_stamps),
        T(a_malformed_option_drops_its_segment),
        T(an_option_of_a_wrong_size_is_ignored),
        T(sack_blocks_are_read_when_their_option_has_whole_ones),
        T(options_of_a_syn_mean_nothing_elsewhere),
        T(the_child_of_a_cookie_has_no_option),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
