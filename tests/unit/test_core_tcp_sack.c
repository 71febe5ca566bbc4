/*
 * Selective acknowledgement as a receiver: which blocks an ACK has (RFC 2018 section 4), and what
 * it reports of data that came twice (RFC 2883 section 4).
 */
#include "../../core/base/array.h"
#include "../../core/base/rng.h"
#include "options_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

static const uint8_t bytes[3000];

/* A segment of the peer, and the ACK that it gets: `block` are the SACK blocks, up to an empty one.
 */
struct step {
    uint32_t start, end, ack;
    struct {
        uint32_t start, end;
    } block[5];
};

static void expect_blocks(const struct stack_test *x, const struct decoded *d,
                          const struct step *want)
{
    unsigned count = 0;

    while (want->block[count].end)
        count++;
    if (d->tcp_sack_count != count)
        print_error("after %u to %u: %u blocks, not %u\n", want->start, want->end,
                    d->tcp_sack_count, count);
    assert_int_equal(d->tcp_sack_count, count);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(d->tcp_sack[i].start - x->peer_iss, want->block[i].start);
        assert_int_equal(d->tcp_sack[i].end - x->peer_iss, want->block[i].end);
    }
}

static void data_in(struct stack_test *x, const struct tcp_conn *c, uint32_t start, uint32_t end)
{
    if (c->stamps)
        stamped_in(x, TCP_ACK, start, 1, STAMP, bytes, end - start);
    else
        seg_in(x, TCP_ACK, start, 1, 5000, bytes, end - start);
}

static void play(struct stack_test *x, struct tcp_conn *c, const struct step *step, unsigned count)
{
    struct decoded d;

    for (unsigned i = 0; i < count; i++) {
        data_in(x, c, step[i].start, step[i].end);
        stack_timers(&x->s);
        c->ack_now = true; /* do not wait for more */
        run(x);
        d = expect_seg(x, TCP_ACK, 1, step[i].ack, 0);
        expect_blocks(x, &d, &step[i]);
        expect_quiet(x);
    }
}

#define PLAY(x, c, ...)                                                                            \
    do {                                                                                           \
        const struct step step[] = {__VA_ARGS__};                                                  \
        play(x, c, step, ARRAY_COUNT(step));                                                       \
    } while (0)

/* ---- RFC 2018 section 4: eight segments of 500 bytes, of which some are lost ---- */

static void data_in_order_has_no_blocks(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);

    PLAY(x, c, {1, 501, 501, {{0}}}, {501, 1001, 1001, {{0}}}, {1001, 1501, 1501, {{0}}},
         {1501, 2001, 2001, {{0}}});
    tcp_reset(c);
}

static void a_lost_first_segment_makes_one_block_that_grows(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);

    PLAY(x, c, {501, 1001, 1, {{501, 1001}}}, {1001, 1501, 1, {{501, 1501}}},
         {1501, 2001, 1, {{501, 2001}}}, {2001, 2501, 1, {{501, 2501}}},
         {2501, 3001, 1, {{501, 3001}}}, {3001, 3501, 1, {{501, 3501}}},
         {3501, 4001, 1, {{501, 4001}}}, {1, 501, 4001, {{0}}});
    tcp_reset(c);
}

static void every_other_segment_lost_makes_a_block_each_the_latest_first(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK | STAMPS);

    PLAY(x, c, {1, 501, 501, {{0}}}, {1001, 1501, 501, {{1001, 1501}}},
         {2001, 2501, 501, {{2001, 2501}, {1001, 1501}}},
         {3001, 3501, 501, {{3001, 3501}, {2001, 2501}, {1001, 1501}}},
         {1501, 2001, 501, {{1001, 2501}, {3001, 3501}}}, /* the fourth comes late */
         {501, 1001, 2501, {{3001, 3501}}});              /* and the second */
    tcp_reset(c);
}

/* ---- their number and order ---- */

/* 40 bytes of options: four blocks, or three with the twelve bytes of timestamps. */
static void as_many_blocks_as_there_is_room_for(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);
    uint16_t port = x->peer_port;

    PLAY(x, c, {11, 12, 1, {{11, 12}}}, {21, 22, 1, {{21, 22}, {11, 12}}},
         {31, 32, 1, {{31, 32}, {21, 22}, {11, 12}}},
         {41, 42, 1, {{41, 42}, {31, 32}, {21, 22}, {11, 12}}},
         {51, 52, 1, {{51, 52}, {41, 42}, {31, 32}, {21, 22}}});
    assert_int_equal(sent_options(x).len, 36);
    tcp_reset(c);
    x->read = x->sent_count;
    x->peer_port = (uint16_t)(port + 1);
    c = connected_with(x, SACK | STAMPS);
    PLAY(x, c, {11, 12, 1, {{11, 12}}}, {21, 22, 1, {{21, 22}, {11, 12}}},
         {31, 32, 1, {{31, 32}, {21, 22}, {11, 12}}}, {41, 42, 1, {{41, 42}, {31, 32}, {21, 22}}});
    assert_int_equal(sent_options(x).len, 40);
    tcp_reset(c);
}

/* The block with the latest segment is the first, wherever it is; then those before it. */
static void the_block_that_grew_last_is_the_first(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);

    PLAY(x, c, {51, 52, 1, {{51, 52}}}, {11, 12, 1, {{11, 12}, {51, 52}}},
         {31, 32, 1, {{31, 32}, {11, 12}, {51, 52}}}, {52, 53, 1, {{51, 53}, {31, 32}, {11, 12}}},
         {12, 31, 1, {{11, 32}, {51, 53}}}, {71, 72, 1, {{71, 72}, {11, 32}, {51, 53}}},
         {1, 11, 32, {{71, 72}, {51, 53}}}, {50, 51, 32, {{50, 53}, {71, 72}}});
    tcp_reset(c);
}

/* Ranges that grow, join and end keep the order of the others. */
static void the_order_stays_when_ranges_join(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);

    PLAY(x, c, {11, 12, 1, {{11, 12}}}, {21, 22, 1, {{21, 22}, {11, 12}}},
         {31, 32, 1, {{31, 32}, {21, 22}, {11, 12}}}, {32, 33, 1, {{31, 33}, {21, 22}, {11, 12}}},
         {33, 34, 1, {{31, 34}, {21, 22}, {11, 12}}}, {12, 21, 1, {{11, 22}, {31, 34}}},
         {61, 62, 1, {{61, 62}, {11, 22}, {31, 34}}},
         {51, 52, 1, {{51, 52}, {61, 62}, {11, 22}, {31, 34}}},
         {22, 31, 1, {{11, 34}, {51, 52}, {61, 62}}});
    tcp_reset(c);
}

/* Sequence number 0 is 16 here: blocks before it, across it and after it. */
static void blocks_cross_the_wrap_of_sequence_numbers(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);

    PLAY(x, c, {12, 14, 1, {{12, 14}}}, {18, 20, 1, {{18, 20}, {12, 14}}},
         {15, 17, 1, {{15, 17}, {18, 20}, {12, 14}}}, {14, 15, 1, {{12, 17}, {18, 20}}},
         {17, 18, 1, {{12, 20}}}, {13, 19, 1, {{13, 19}, {12, 20}}}, {1, 12, 20, {{0}}});
    tcp_reset(c);
}

/* The number of a FIN is no byte of the stream. */
static void a_fin_after_a_gap_is_in_no_block(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);
    struct decoded d;

    seg_in(x, TCP_ACK | TCP_FIN, 11, 1, 1000, bytes, 5);
    run(x);
    d = expect_seg(x, TCP_ACK, 1, 1, 0);
    expect_blocks(x, &d, &(struct step){.block = {{11, 16}}});
    data_in(x, c, 1, 11);
    run(x);
    d = expect_seg(x, TCP_ACK, 1, 17, 0);
    expect_blocks(x, &d, &(struct step){.block = {{0}}});
    tcp_reset(c);
}

static void every_ack_repeats_the_blocks_until_the_gap_is_filled(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);
    struct decoded d;

    PLAY(x, c, {11, 21, 1, {{11, 21}}});
    seg_in(x, TCP_SYN, 0, 0, 1000, 0, 0); /* is challenged */
    run(x);
    d = expect_seg(x, TCP_ACK, 1, 1, 0);
    expect_blocks(x, &d, &(struct step){.block = {{11, 21}}});
    write_bytes(c, bytes, 10);
    run(x);
    d = expect_seg(x, TCP_ACK, 1, 1, 10); /* data as well */
    expect_blocks(x, &d, &(struct step){.block = {{11, 21}}});
    tcp_shutdown(c);
    run(x);
    d = expect_seg(x, TCP_ACK | TCP_FIN, 11, 1, 0);
    expect_blocks(x, &d, &(struct step){.block = {{11, 21}}});
    tcp_reset(c);
}

/* Blocks take their place from data; when too little is left, an ACK of its own follows. */
static void data_that_leaves_no_room_is_followed_by_an_ack_with_the_blocks(void **state)
{
    static const struct {
        unsigned what;
        uint32_t len, blocks; /* of data; in its segment */
    } row[] = {
        {SACK, 1460, 0},          {SACK, 1449, 0},          {SACK, 1448, 1},
        {SACK, 1440, 2},          {SACK, 1425, 3},          {SACK, 1424, 4},
        {SACK | STAMPS, 1448, 0}, {SACK | STAMPS, 1437, 0}, {SACK | STAMPS, 1436, 1},
        {SACK | STAMPS, 1420, 3},
    };
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct tcp_conn *c = connected_with(x, row[i].what);
        unsigned room = row[i].what & STAMPS ? 3 : 4;
        struct decoded d;

        for (uint32_t at = 11; at <= 51; at += 10) {
            data_in(x, c, at, at + 1);
            run(x);
        }
        x->read = x->sent_count;
        data_in(x, c, 61, 62);
        write_bytes(c, bytes, row[i].len);
        run(x);
        d = expect_seg(x, TCP_ACK, 1, 1, row[i].len);
        assert_int_equal(d.tcp_sack_count, row[i].blocks);
        assert_true(x->sent[x->read - 1].len <= 1514);
        if (!row[i].blocks) {
            d = expect_seg(x, TCP_ACK, 1 + row[i].len, 1, 0);
            assert_int_equal(d.tcp_sack_count, room);
        }
        assert_int_equal(d.tcp_sack[0].start - x->peer_iss, 61);
        expect_quiet(x);
        tcp_reset(c);
        x->sent_count = x->read = 0;
    }
}

/* The MSS limits data and the options beside it, not an ACK alone. */
static void bare_acks_have_blocks_whatever_the_mss(void **state)
{
    static const uint8_t options[8] = {2, 4, 0, 8, 4, 2, 1, 1};
    struct stack_test *x = *state;
    struct tcp_conn *c = connecting(x);

    seg_in_with(x, TCP_SYN | TCP_ACK, 0, 1, 5000, options, sizeof(options), 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 0);
    assert_int_equal(c->mss, 8);
    PLAY(x, c, {11, 12, 1, {{11, 12}}}, {21, 22, 1, {{21, 22}, {11, 12}}});
    tcp_reset(c);
}

/* ---- RFC 2883 section 4: what came twice, reported once ---- */

static void data_below_the_ack_that_came_twice_is_the_first_block(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);

    PLAY(x, c, {1, 501, 501, {{0}}}, {501, 1001, 1001, {{0}}}, {501, 1001, 1001, {{501, 1001}}},
         {1, 501, 1001, {{1, 501}}}, {1001, 1501, 1501, {{0}}});
    tcp_reset(c);
}

/* Before the blocks of what came after a gap. */
static void it_comes_before_those_of_the_gap(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);

    PLAY(x, c, {1, 501, 501, {{0}}}, {1001, 1501, 501, {{1001, 1501}}},
         {1, 501, 501, {{1, 501}, {1001, 1501}}},
         {1501, 2001, 501, {{1001, 2001}}}); /* and once only */
    tcp_reset(c);
}

static void data_above_a_gap_that_came_twice_is_followed_by_its_block(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);

    PLAY(x, c, {501, 1001, 1, {{501, 1001}}}, {1501, 2001, 1, {{1501, 2001}, {501, 1001}}},
         {1001, 1501, 1, {{501, 2001}}}, {1001, 1501, 1, {{1001, 1501}, {501, 2001}}},
         {2001, 2501, 1, {{501, 2501}}});
    tcp_reset(c);
}

/* It takes the place of the oldest one. */
static void it_is_one_of_the_blocks_for_which_there_is_room(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK | STAMPS);

    PLAY(x, c, {11, 12, 1, {{11, 12}}}, {21, 22, 1, {{21, 22}, {11, 12}}},
         {31, 32, 1, {{31, 32}, {21, 22}, {11, 12}}}, {31, 32, 1, {{31, 32}, {31, 32}, {21, 22}}});
    tcp_reset(c);
}

static void the_part_of_a_segment_that_came_twice_is_reported(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);

    PLAY(x, c, {1, 1001, 1001, {{0}}}, {501, 1501, 1501, {{501, 1001}}}, /* its left part */
         {2001, 2501, 1501, {{2001, 2501}}},                             /* a gap */
         {1501, 2251, 2501, {{2001, 2251}}},                             /* its right part */
         {3001, 3501, 2501, {{3001, 3501}}},                             /* another gap */
         {2751, 3251, 2501, {{3001, 3251}, {2751, 3501}}},               /* after it: right */
         {3251, 3751, 2501, {{3251, 3501}, {2751, 3751}}},
         {1, 100, 2501, {{1, 100}, {2751, 3751}}});
    tcp_reset(c);
}

/* Of two parts the first; acknowledged or not. */
static void of_two_parts_that_came_twice_the_first_is_reported(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);

    PLAY(x, c, {501, 601, 1, {{501, 601}}}, {801, 901, 1, {{801, 901}, {501, 601}}},
         {401, 1001, 1, {{501, 601}, {401, 1001}}}, {1, 401, 1001, {{0}}});
    PLAY(x, c, {1501, 1601, 1001, {{1501, 1601}}}, {1801, 1901, 1001, {{1801, 1901}, {1501, 1601}}},
         {1001, 2001, 2001, {{1501, 1601}}});
    PLAY(x, c, {2501, 2601, 2001, {{2501, 2601}}}, {1901, 2601, 2601, {{1901, 2001}}});
    PLAY(x, c, {2701, 2801, 2601, {{2701, 2801}}}, {2901, 3001, 2601, {{2901, 3001}, {2701, 2801}}},
         {2801, 3001, 2601, {{2901, 3001}, {2701, 3001}}}); /* what only adjoins is no part */
    tcp_reset(c);
}

/* When it had no room in a data segment, the ACK that follows has it. */
static void data_that_leaves_no_room_keeps_it_for_the_ack(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);
    struct decoded d;

    PLAY(x, c, {1, 501, 501, {{0}}});
    data_in(x, c, 1, 501);
    write_bytes(c, bytes, 1460);
    run(x);
    assert_int_equal(expect_seg(x, TCP_ACK, 1, 501, 1460).tcp_sack_count, 0);
    d = expect_seg(x, TCP_ACK, 1461, 501, 0);
    expect_blocks(x, &d, &(struct step){.block = {{1, 501}}});
    expect_quiet(x);
    tcp_reset(c);
}

/* ---- when there is nothing to report ---- */

static void nothing_is_reported_to_a_peer_that_has_not_asked(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, STAMPS | SCALE);

    PLAY(x, c, {11, 21, 1, {{0}}}, {11, 21, 1, {{0}}}, {1, 11, 21, {{0}}}, {1, 11, 21, {{0}}});
    tcp_reset(c);
}

/* What was refused will come again: a block would tell the peer to forget it. */
static void data_for_which_there_is_no_page_is_in_no_block(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);
    struct tcp_pages *p = &x->s.tcp.pages;
    unsigned taken = 0;

    PLAY(x, c, {11, 21, 1, {{11, 21}}});
    while (tcp_page_lend(p, PAGE_SENDS, NEED_GAP))
        taken++;
    assert_true(taken > 0);
    PLAY(x, c, {40001, 40002, 1, {{11, 21}}});
    expect_dropped(x, DROP_TCP_BUFFER);
    PLAY(x, c, {31, 32, 1, {{31, 32}, {11, 21}}}); /* in the page of the first */
    p->lent[PAGE_SENDS] -= taken;
    PLAY(x, c, {40001, 40002, 1, {{40001, 40002}, {31, 32}, {11, 21}}});
    tcp_reset(c);
}

/* More ranges than can be described are refused too. */
static void a_range_too_many_is_in_no_block(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, SACK);
    struct decoded d;

    for (uint32_t i = 1; i <= TCP_OOO_MAX; i++) {
        data_in(x, c, 10 * i, 10 * i + 1);
        run(x);
        d = expect_seg(x, TCP_ACK, 1, 1, 0);
        assert_int_equal(d.tcp_sack[0].start - x->peer_iss, 10 * i);
    }
    data_in(x, c, 10 * TCP_OOO_MAX + 10, 10 * TCP_OOO_MAX + 11);
    run(x);
    d = expect_seg(x, TCP_ACK, 1, 1, 0);
    assert_int_equal(d.tcp_sack[0].start - x->peer_iss, 10 * TCP_OOO_MAX);
    expect_dropped(x, DROP_TCP_BUFFER);
    tcp_reset(c);
}

/* ---- any order, against a book that is kept byte by byte ---- */

enum { STREAM = 40000, REACH = 3000 };

/* When a byte came last, counted in segments; 0: never. */
static struct book {
    uint32_t came[STREAM];
    uint32_t next; /* the first one that is missing */
} book;

/* Enter a segment; *twice is the first part of it that came before. */
static void book_enter(uint32_t start, uint32_t end, uint32_t when, struct tcp_range *twice)
{
    *twice = (struct tcp_range){0, 0};
    for (uint32_t at = start; at < end; at++) {
        if (book.came[at] && !twice->end)
            *twice = (struct tcp_range){at, at + 1};
        else if (book.came[at] && twice->end == at)
            twice->end++;
        book.came[at] = when;
    }
    while (book.came[book.next])
        book.next++;
}

/* What came after a gap: the range that was added to last before `before`. */
static uint32_t book_latest(uint32_t before, struct tcp_range *latest)
{
    uint32_t best = 0;

    for (uint32_t at = book.next; at < STREAM && at < book.next + 2 * REACH; at++) {
        uint32_t start = at, when = 0;

        for (; at < STREAM && book.came[at]; at++)
            when = when > book.came[at] ? when : book.came[at];
        if (when > best && when < before) {
            best = when;
            *latest = (struct tcp_range){start, at};
        }
    }
    return best;
}

static void expect_block(const struct stack_test *x, const struct decoded *d, unsigned i,
                         struct tcp_range want)
{
    assert_true(i < d->tcp_sack_count);
    assert_int_equal(d->tcp_sack[i].start - x->peer_iss, want.start);
    assert_int_equal(d->tcp_sack[i].end - x->peer_iss, want.end);
}

static void expect_book(const struct stack_test *x, const struct decoded *d, unsigned room,
                        struct tcp_range twice)
{
    struct tcp_range latest;
    uint32_t when = UINT32_MAX;
    unsigned n = 0;

    assert_int_equal(d->tcp_ack - x->peer_iss, book.next);
    if (twice.end)
        expect_block(x, d, n++, twice);
    while (n < room && (when = book_latest(when, &latest)))
        expect_block(x, d, n++, latest);
    assert_int_equal(d->tcp_sack_count, n);
}

static void segments_in_any_order_are_reported_as_they_came(void **state)
{
    struct stack_test *x = *state;
    uint8_t buf[STREAM];
    struct rng rng;

    for (unsigned round = 0; round < 8; round++) {
        unsigned what = round % 2 ? SACK : SACK | STAMPS;
        struct tcp_conn *c = connected_with(x, what);
        uint32_t when = 0;

        rng_init(&rng, round, 0);
        book = (struct book){.next = 1};
        book.came[0] = 1;
        while (book.next < STREAM - 3 * REACH) {
            uint32_t back = rng_below(&rng, 4) ? 0 : (uint32_t)rng_below(&rng, 500);
            uint32_t ahead = rng_below(&rng, 5) ? (uint32_t)rng_below(&rng, REACH) : 0;
            uint32_t start = book.next + ahead < back + 1 ? 1 : book.next + ahead - back;
            uint32_t end = start + 1 + (uint32_t)rng_below(&rng, round < 4 ? 900 : 60);
            struct tcp_range twice;
            struct decoded d;

            if (ahead > 40 && round >= 4) { /* often what is missing, or few gaps would fill */
                start = book.next;
                end = start + 40;
            }
            book_enter(start, end, ++when, &twice);
            data_in(x, c, start, end);
            c->ack_now = true;
            run(x);
            d = expect_seg(x, TCP_ACK, 1, book.next, 0);
            expect_book(x, &d, what & STAMPS ? 3 : 4, twice);
            expect_quiet(x);
            read_bytes(c, buf, sizeof(buf));
            x->sent_count = x->read = 0;
        }
        assert_true(when > 100);
        tcp_reset(c);
        x->sent_count = x->read = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(data_in_order_has_no_blocks),
        T(a_lost_first_segment_makes_one_block_that_grows),
        T(every_other_segment_lost_makes_a_block_each_the_latest_first),
        T(as_many_blocks_as_there_is_room_for),
        T(the_block_that_grew_last_is_the_first),
        T(the_order_stays_when_ranges_join),
        T(blocks_cross_the_wrap_of_sequence_numbers),
        T(a_fin_after_a_gap_is_in_no_block),
        T(every_ack_repeats_the_blocks_until_the_gap_is_filled),
        T(data_that_leaves_no_room_is_followed_by_an_ack_with_the_blocks),
        T(bare_acks_have_blocks_whatever_the_mss),
        T(data_below_the_ack_that_came_twice_is_the_first_block),
        T(it_comes_before_those_of_the_gap),
        T(data_above_a_gap_that_came_twice_is_followed_by_its_block),
        T(it_is_one_of_the_blocks_for_which_there_is_room),
        T(the_part_of_a_segment_that_came_twice_is_reported),
        T(of_two_parts_that_came_twice_the_first_is_reported),
        T(data_that_leaves_no_room_keeps_it_for_the_ack),
        T(nothing_is_reported_to_a_peer_that_has_not_asked),
        T(data_for_which_there_is_no_page_is_in_no_block),
        T(a_range_too_many_is_in_no_block),
        T(segments_in_any_order_are_reported_as_they_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
