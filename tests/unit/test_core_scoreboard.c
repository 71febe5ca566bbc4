/*
 * The scoreboard of data in flight: by the examples of its RFCs, and against a book that has a row
 * for each byte. Numbers start where they wrap and where their sign changes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../core/base/minmax.h"
#include "../../core/base/rng.h"
#include "../../core/net/tcp_scoreboard.h"

#define MS UINT64_C(1000000)

static uint32_t at(const struct tcp_scoreboard *b, enum tcp_fate fate)
{
    return tcp_scoreboard_bytes(b, fate);
}

static void expect_next(const struct tcp_scoreboard *b, uint32_t start, uint32_t end)
{
    uint32_t from = 0, to = 0;

    assert_int_equal(tcp_scoreboard_next(b, &from, &to), start != end);
    if (start != end) {
        assert_int_equal(from, start);
        assert_int_equal(to, end);
    }
}

/* Ten segments of 100, sent at 10 ms at the latest. */
static struct tcp_scoreboard ten(void)
{
    struct tcp_scoreboard b;

    tcp_scoreboard_init(&b, 0, 1000, 10 * MS);
    return b;
}

static void what_is_overtaken_is_lost(void **state)
{
    struct tcp_scoreboard b = ten();
    bool reordered = false;

    (void)state;
    assert_false(b.lost || b.once);
    assert_false(tcp_scoreboard_detect(&b, 0, 11 * MS));
    assert_int_equal(tcp_scoreboard_sack(&b, 300, 500, &reordered), 200);
    assert_false(reordered);
    assert_true(tcp_scoreboard_detect(&b, 0, 11 * MS));
    assert_int_equal(at(&b, PIECE_LOST), 300); /* all before it, nothing after it */
    assert_int_equal(at(&b, PIECE_SENT), 500);
    assert_int_equal(at(&b, PIECE_SACKED), 200);
    expect_next(&b, 0, 300);
    assert_int_equal(tcp_scoreboard_sack(&b, 300, 500, &reordered), 0); /* no news */
    assert_int_equal(tcp_scoreboard_ack(&b, 500, &reordered), 300);
    assert_int_equal(b.count, 1);
    expect_next(&b, 0, 0);
}

/* RFC 8985 section 6.2: it counts from when it was overtaken. */
static void what_is_overtaken_has_time_to_arrive(void **state)
{
    struct tcp_scoreboard b = ten();
    bool reordered = false;

    (void)state;
    tcp_scoreboard_sack(&b, 300, 400, &reordered);
    assert_false(tcp_scoreboard_detect(&b, 5 * MS, 20 * MS));
    assert_int_equal(b.reorder_at_ns, 25 * MS);
    tcp_scoreboard_sack(&b, 600, 700, &reordered);
    assert_false(tcp_scoreboard_detect(&b, 5 * MS, 22 * MS));
    assert_int_equal(b.reorder_at_ns, 25 * MS); /* the first of them */
    assert_true(tcp_scoreboard_detect(&b, 5 * MS, 25 * MS));
    assert_int_equal(at(&b, PIECE_LOST), 300);
    assert_int_equal(b.reorder_at_ns, 27 * MS);
    assert_true(tcp_scoreboard_detect(&b, 5 * MS, 27 * MS));
    assert_int_equal(at(&b, PIECE_LOST), 500);
    assert_int_equal(b.reorder_at_ns, UINT64_MAX);
}

static void what_arrives_late_was_reordered(void **state)
{
    struct tcp_scoreboard b = ten();
    bool reordered = false;

    (void)state;
    tcp_scoreboard_sack(&b, 300, 400, &reordered);
    tcp_scoreboard_sack(&b, 400, 500, &reordered);
    assert_false(reordered);
    tcp_scoreboard_sack(&b, 200, 300, &reordered);
    assert_true(reordered);

    b = ten();
    reordered = false;
    tcp_scoreboard_sack(&b, 300, 400, &reordered);
    tcp_scoreboard_ack(&b, 100, &reordered); /* what was sent once, below what arrived */
    assert_true(reordered);

    b = ten();
    reordered = false;
    tcp_scoreboard_sack(&b, 300, 400, &reordered);
    tcp_scoreboard_detect(&b, 0, 11 * MS);
    tcp_scoreboard_resent(&b, 0, 300, 12 * MS);
    tcp_scoreboard_ack(&b, 400, &reordered); /* what was sent again may be either */
    assert_false(reordered);
}

/* What was sent again is lost, too, if something that was sent after it arrives. */
static void what_was_sent_again_is_lost_again(void **state)
{
    struct tcp_scoreboard b = ten();
    bool reordered = false;

    (void)state;
    tcp_scoreboard_sack(&b, 100, 600, &reordered);
    assert_true(tcp_scoreboard_detect(&b, 0, 20 * MS));
    expect_next(&b, 0, 100);
    tcp_scoreboard_resent(&b, 0, 100, 20 * MS);
    expect_next(&b, 0, 0);
    tcp_scoreboard_sent(&b, 1100, 20 * MS);
    tcp_scoreboard_sent(&b, 1200, 21 * MS);
    tcp_scoreboard_sack(&b, 600, 1000, &reordered); /* sent before it */
    assert_false(tcp_scoreboard_detect(&b, 0, 30 * MS));
    tcp_scoreboard_sack(&b, 1000, 1100, &reordered); /* sent at the same time */
    assert_false(tcp_scoreboard_detect(&b, 0, 30 * MS));
    tcp_scoreboard_sack(&b, 1100, 1200, &reordered); /* sent after it */
    assert_true(tcp_scoreboard_detect(&b, 0, 31 * MS));
    expect_next(&b, 0, 100);
}

static void after_a_timeout_all_is_lost_that_the_peer_has_not(void **state)
{
    struct tcp_scoreboard b = ten();
    bool reordered = false;

    (void)state;
    tcp_scoreboard_sack(&b, 200, 300, &reordered);
    tcp_scoreboard_sack(&b, 900, 1000, &reordered);
    tcp_scoreboard_lose_all(&b);
    assert_int_equal(at(&b, PIECE_LOST), 800);
    assert_int_equal(at(&b, PIECE_SACKED), 200);
    tcp_scoreboard_ack(&b, 200,
                       &reordered); /* the peer has dropped what it had: RFC 2018 section 8 */
    assert_int_equal(b.piece[0].fate, PIECE_SACKED);
    tcp_scoreboard_lose_all(&b);
    assert_int_equal(at(&b, PIECE_LOST), 800);
    assert_int_equal(at(&b, PIECE_SACKED), 0);
    assert_int_equal(b.count, 1);
}

/* ---- what the peer has, byte by byte ---- */

enum { SPAN = 600 };

struct book {
    uint32_t base, una, end; /* offsets */
    bool has[SPAN];
};

/* The pieces are all of what is in flight, without gaps; `exact`: what the peer has is known, else
 * some of it may have been forgotten, but none is invented. */
static void compare(const struct tcp_scoreboard *b, const struct book *m, bool exact)
{
    uint32_t i = m->una;

    assert_int_equal(b->end, m->base + m->end);
    assert_true(b->count <= TCP_PIECES_MAX);
    for (unsigned p = 0; p < b->count; p++) {
        uint32_t stop = p + 1 < b->count ? b->piece[p + 1].start - m->base : m->end;
        bool has = b->piece[p].fate == PIECE_SACKED;

        assert_int_equal(b->piece[p].start, m->base + i);
        assert_true(stop > i && stop <= m->end);
        for (; i < stop; i++)
            assert_true(exact ? m->has[i] == has : m->has[i] || !has);
    }
    assert_int_equal(i, m->end);
}

static uint32_t book_news(struct book *m, uint32_t start, uint32_t end)
{
    uint32_t news = 0;

    for (uint32_t i = start; i < end; i++) {
        news += !m->has[i];
        m->has[i] = true;
    }
    return news;
}

static void send_next(struct tcp_scoreboard *b, uint32_t most, uint64_t now_ns)
{
    uint32_t start, end, len, lost = at(b, PIECE_LOST), has = at(b, PIECE_SACKED);

    if (!tcp_scoreboard_next(b, &start, &end))
        return;
    len = min_u32(end - start, most);
    tcp_scoreboard_resent(b, start, len, now_ns);
    if (at(b, PIECE_SACKED) == has && b->count < TCP_PIECES_MAX) /* nothing was forgotten */
        assert_int_equal(at(b, PIECE_LOST), lost - len);
}

/* `unit`: the parts of blocks; small ones need more pieces than there are. */
static void play(uint64_t seed, uint32_t base, uint32_t unit, bool exact)
{
    struct book m = {.base = base, .end = 60};
    struct tcp_scoreboard b;
    uint64_t now_ns = MS;
    struct rng rng;

    rng_init(&rng, seed, unit);
    tcp_scoreboard_init(&b, base, base + m.end, now_ns);
    while (m.end + 40 < SPAN && m.una < m.end && !m.has[m.una]) {
        uint32_t start = m.una + (uint32_t)rng_below(&rng, m.end - m.una) / unit * unit;
        uint32_t end = min_u32(start + unit * (1 + (uint32_t)rng_below(&rng, 4)), m.end);
        bool reordered = false;

        now_ns += rng_below(&rng, 2) * MS;
        switch (rng_below(&rng, 8)) {
        case 0:
        case 1:
            m.end += unit * (1 + (uint32_t)rng_below(&rng, 3));
            tcp_scoreboard_sent(&b, base + m.end, now_ns);
            break;
        case 2:
        case 3:
        case 4: {
            uint32_t news = tcp_scoreboard_sack(&b, base + start, base + end, &reordered);
            uint32_t expected = book_news(&m, start, end);

            assert_true(exact ? news == expected : news <= end - start);
            break;
        }
        case 5:
            if (rng_below(&rng, 4) == 0) {
                uint32_t news = tcp_scoreboard_ack(&b, base + end, &reordered);
                uint32_t expected = book_news(&m, m.una, end);

                assert_true(exact ? news == expected : news <= end - m.una);
                m.una = end;
            }
            break;
        case 6:
            if (rng_below(&rng, 10))
                send_next(&b, unit * 2, now_ns);
            else
                tcp_scoreboard_lose_all(&b);
            break;
        default:
            tcp_scoreboard_detect(&b, rng_below(&rng, 2) * MS, now_ns);
            break;
        }
        if (m.una == m.end || !m.has[m.una]) /* else the peer drops it: an example above */
            compare(&b, &m, exact);
    }
}

static void drawn_events_equal_a_book_of_bytes(void **state)
{
    static const uint32_t bases[] = {0, 0xffffff80, 0x7fffff80, 0x80000000};

    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++)
        play(seed, bases[seed % ARRAY_COUNT(bases)], 20, true);
}

static void with_too_many_pieces_nothing_is_invented(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++)
        play(seed, 0xffffff00, 1, false);
}

/* As many pieces as there can be: each hole still goes out, and ends. */
static void a_full_board_goes_on(void **state)
{
    struct tcp_scoreboard b;
    bool reordered = false;
    uint32_t start, end, left = 400;

    (void)state;
    tcp_scoreboard_init(&b, 0, 400, MS);
    for (uint32_t i = 1; i < 400; i += 2)
        tcp_scoreboard_sack(&b, i, i + 1, &reordered);
    assert_true(b.count <= TCP_PIECES_MAX - TCP_PIECES_KEPT + 1);
    tcp_scoreboard_detect(&b, 0, 2 * MS);
    tcp_scoreboard_lose_all(&b);
    for (unsigned i = 0; i < 1000 && tcp_scoreboard_next(&b, &start, &end); i++) {
        assert_true(left > 0);
        tcp_scoreboard_resent(&b, start, min_u32(end - start, 2), (3 + i) * MS);
        assert_true(b.count <= TCP_PIECES_MAX);
        tcp_scoreboard_sent(&b, b.end + 1, (3 + i) * MS);
        left = at(&b, PIECE_LOST);
    }
    assert_int_equal(at(&b, PIECE_LOST), 0);
    assert_int_equal(at(&b, PIECE_SENT) + at(&b, PIECE_SACKED), b.end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_overtaken_is_lost),
        cmocka_unit_test(what_is_overtaken_has_time_to_arrive),
        cmocka_unit_test(what_arrives_late_was_reordered),
        cmocka_unit_test(what_was_sent_again_is_lost_again),
        cmocka_unit_test(after_a_timeout_all_is_lost_that_the_peer_has_not),
        cmocka_unit_test(drawn_events_equal_a_book_of_bytes),
        cmocka_unit_test(with_too_many_pieces_nothing_is_invented),
        cmocka_unit_test(a_full_board_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
