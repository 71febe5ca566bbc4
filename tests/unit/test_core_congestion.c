/*
 * The congestion window by worked examples: a table is what happens to a sender with segments of
 * 1000 bytes, and what cwnd and ssthresh are after each line. RFC 5681, RFC 6582, RFC 3465, RFC
 * 3042. Sequence numbers wrap early in every example.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../core/net/tcp_congestion.h"

enum { MSS = 1000, ISS = 0xffffefff - 1 };

#define FULL UINT32_MAX /* ssthresh before the first loss: RFC 5681 section 3.1 */

enum what {
    SEND,          /* `bytes` that were never sent */
    ACK,           /* of `bytes` */
    DUPLICATE,     /* an ACK of nothing new */
    TIMEOUT,       /* for the first time since something new was acknowledged */
    TIMEOUT_AGAIN, /* after another */
};

struct line {
    enum what what;
    uint32_t bytes;
    uint32_t cwnd, ssthresh;
    bool resend;
};

struct sender {
    struct tcp_congestion cc;
    uint32_t una, max;
};

static struct sender established(void)
{
    struct sender s = {.una = (uint32_t)ISS + 1, .max = (uint32_t)ISS + 1};

    tcp_congestion_init(&s.cc, false, (uint32_t)ISS);
    tcp_congestion_open(&s.cc, MSS, false);
    s.cc.cwnd = 4 * MSS; /* short examples */
    return s;
}

static bool happen(struct sender *s, enum what what, uint32_t bytes)
{
    switch (what) {
    case SEND:
        s->max += bytes;
        return false;
    case ACK:
        s->una += bytes;
        return tcp_congestion_reno(
            &s->cc,
            &(struct tcp_congestion_ack){
                .mss = MSS, .acked = bytes, .una = s->una, .flight = s->max - s->una + bytes});
    case DUPLICATE:
        return tcp_congestion_duplicate(&s->cc, MSS, s->una, s->max);
    case TIMEOUT:
    case TIMEOUT_AGAIN:
        tcp_congestion_timeout(&s->cc, MSS, s->max - s->una, what == TIMEOUT, s->max);
        return false;
    }
    return false;
}

static void play(struct sender *s, const struct line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool resend = happen(s, lines[i].what, lines[i].bytes);

        if (s->cc.cwnd != lines[i].cwnd || s->cc.ssthresh != lines[i].ssthresh ||
            resend != lines[i].resend)
            print_error("line %zu: cwnd %u, ssthresh %u, resend %d\n", i, s->cc.cwnd,
                        s->cc.ssthresh, resend);
        assert_int_equal(s->cc.cwnd, lines[i].cwnd);
        assert_int_equal(s->cc.ssthresh, lines[i].ssthresh);
        assert_int_equal(resend, lines[i].resend);
    }
}

#define PLAY(s, lines) play((s), (lines), ARRAY_COUNT(lines))

/* ---- RFC 6928 section 2, RFC 5681 section 3.1, RFC 3465 ---- */

static void the_first_window_is_ten_segments_and_one_after_a_lost_syn(void **state)
{
    static const struct {
        uint32_t mss;
        bool syn_lost;
        uint32_t cwnd;
    } rows[] = {
        {1460, false, 14600}, {1448, false, 14480}, {536, false, 5360},
        {1461, false, 14600}, {7300, false, 14600}, {7301, false, 14602},
        {9000, false, 18000}, {1460, true, 1460},   {536, true, 536},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct tcp_congestion cc;

        tcp_congestion_init(&cc, false, 5);
        tcp_congestion_open(&cc, rows[i].mss, rows[i].syn_lost);
        assert_int_equal(cc.cwnd, rows[i].cwnd);
        assert_int_equal(cc.ssthresh, FULL);
        assert_false(cc.recovering);
    }
}

static void slow_start_counts_bytes_up_to_two_segments_an_ack(void **state)
{
    static const struct line lines[] = {
        {SEND, 20000, 4000, FULL, false}, {ACK, 1000, 5000, FULL, false},
        {ACK, 2000, 7000, FULL, false},   {ACK, 2001, 9000, FULL, false}, /* L = 2 */
        {ACK, 6000, 11000, FULL, false},  {ACK, 500, 11500, FULL, false},
        {ACK, 1, 11501, FULL, false},
    };
    struct sender s = established();

    (void)state;
    PLAY(&s, lines);
}

static void a_timeout_is_one_segment_and_half_of_what_was_in_flight(void **state)
{
    static const struct line lines[] = {
        {SEND, 8000, 4000, FULL, false},
        {TIMEOUT, 0, 1000, 4000, false},
        {TIMEOUT_AGAIN, 0, 1000, 4000, false}, /* ssthresh stays: RFC 5681 section 3.1 */
        {ACK, 2000, 2000, 4000, false}, /* one segment only, below what was sent: RFC 3465 2.3 */
        {ACK, 1000, 3000, 4000, false},
        {ACK, 5000, 5000, 4000, false}, /* all of it: two segments again */
        {SEND, 1999, 5000, 4000, false},
        {TIMEOUT, 0, 1000, 2000, false}, /* at least two segments: equation (4) */
        {ACK, 999, 1999, 2000, false},
        {ACK, 1000, 2999, 2000, false},
        {SEND, 4002, 2999, 2000, false},
        {TIMEOUT, 0, 1000, 2001, false},
    };
    struct sender s = established();

    (void)state;
    PLAY(&s, lines);
}

/* One segment for each window of bytes; what is left over counts for the next. */
static void congestion_avoidance_is_one_segment_a_window(void **state)
{
    static const struct line lines[] = {
        {SEND, 8000, 4000, FULL, false},  {TIMEOUT, 0, 1000, 4000, false},
        {ACK, 1000, 2000, 4000, false},   {ACK, 1000, 3000, 4000, false},
        {ACK, 1000, 4000, 4000, false}, /* as large as ssthresh: no longer slow start */
        {ACK, 1000, 4000, 4000, false},   {ACK, 2000, 4000, 4000, false},
        {ACK, 999, 4000, 4000, false},    {ACK, 1, 5000, 4000, false},
        {SEND, 30000, 5000, 4000, false}, {ACK, 4999, 5000, 4000, false},
        {ACK, 3000, 6000, 4000, false}, /* 2999 left over */
        {ACK, 3000, 6000, 4000, false},   {ACK, 1, 7000, 4000, false},
        {ACK, 6999, 7000, 4000, false}, /* a timeout forgets them */
        {TIMEOUT, 0, 1000, 6500, false},
    };
    struct sender s = established();

    (void)state;
    PLAY(&s, lines);
    assert_int_equal(s.cc.bytes_acked, 0);
}

static void the_window_has_a_bound(void **state)
{
    struct sender s = established();

    (void)state;
    for (unsigned i = 0; i < 100; i++) { /* of what is used, no more than twice as much */
        happen(&s, SEND, 12000);
        happen(&s, ACK, 12000);
    }
    assert_int_equal(s.cc.cwnd, 2 * 12000 + 2000);
    happen(&s, SEND, TCP_CWND_MAX);
    happen(&s, ACK, 2000);
    assert_int_equal(s.cc.cwnd, 2 * 12000 + 4000);
    for (unsigned i = 0; i <= TCP_CWND_MAX / MSS; i++)
        happen(&s, DUPLICATE, 0);
    assert_true(s.cc.recovering);
    assert_int_equal(s.cc.cwnd, TCP_CWND_MAX);
}

/* ---- loss: RFC 5681 section 3.2, RFC 6582 section 3.2 ---- */

/* Ten segments in flight, and a window of ten. */
static struct sender ten_in_flight(void)
{
    static const struct line lines[] = {
        {SEND, 6000, 4000, FULL, false},   {ACK, 2000, 6000, FULL, false},
        {ACK, 2000, 8000, FULL, false},    {ACK, 2000, 10000, FULL, false},
        {SEND, 10000, 10000, FULL, false},
    };
    struct sender s = established();

    PLAY(&s, lines);
    return s;
}

static void the_third_duplicate_means_a_loss(void **state)
{
    static const struct line lines[] = {
        {DUPLICATE, 0, 10000, FULL, false}, {DUPLICATE, 0, 10000, FULL, false},
        {DUPLICATE, 0, 8000, 5000, true}, /* half, and the three that have left */
        {DUPLICATE, 0, 9000, 5000, false},  {DUPLICATE, 0, 10000, 5000, false},
        {ACK, 10000, 2000, 5000, false}, /* nothing is in flight: two segments, no burst */
        {SEND, 2000, 2000, 5000, false},    {ACK, 2000, 4000, 5000, false},
    };
    struct sender s = ten_in_flight();

    (void)state;
    PLAY(&s, lines);
    assert_false(s.cc.recovering);
}

static void an_ack_between_duplicates_counts_them_anew(void **state)
{
    static const struct line lines[] = {
        {DUPLICATE, 0, 10000, FULL, false}, {DUPLICATE, 0, 10000, FULL, false},
        {ACK, 1000, 11000, FULL, false},    {DUPLICATE, 0, 11000, FULL, false},
        {DUPLICATE, 0, 11000, FULL, false}, {DUPLICATE, 0, 7500, 4500, true},
    };
    struct sender s = ten_in_flight();

    (void)state;
    PLAY(&s, lines);
}

/* What limited transmit sends does not count as in flight: RFC 5681 section 3.2, step 2. */
static void two_duplicates_let_one_segment_each_leave(void **state)
{
    struct sender s = ten_in_flight();

    (void)state;
    assert_int_equal(tcp_congestion_window(&s.cc, MSS, true), 10000);
    happen(&s, DUPLICATE, 0);
    assert_int_equal(tcp_congestion_window(&s.cc, MSS, true), 11000);
    assert_int_equal(tcp_congestion_window(&s.cc, MSS, false), 10000); /* not what is sent again */
    happen(&s, SEND, 1000);
    happen(&s, DUPLICATE, 0);
    assert_int_equal(tcp_congestion_window(&s.cc, MSS, true), 12000);
    happen(&s, SEND, 1000);
    assert_true(happen(&s, DUPLICATE, 0));
    assert_int_equal(s.cc.ssthresh, 5000);
    assert_int_equal(tcp_congestion_window(&s.cc, MSS, true), 8000);
    happen(&s, ACK, 5000); /* partial: one duplicate in a recovery counts in cwnd alone */
    happen(&s, DUPLICATE, 0);
    assert_int_equal(tcp_congestion_window(&s.cc, MSS, true), s.cc.cwnd);
}

static void partial_acks_send_the_next_hole_and_take_what_they_acknowledge(void **state)
{
    static const struct line lines[] = {
        {DUPLICATE, 0, 10000, FULL, false}, {DUPLICATE, 0, 10000, FULL, false},
        {DUPLICATE, 0, 8000, 5000, true},   {SEND, 3000, 8000, 5000, false},
        {ACK, 3000, 6000, 5000, true}, /* less 3000, and one segment more */
        {ACK, 999, 5001, 5000, true},  /* less than a segment: none more */
        {ACK, 1000, 5001, 5000, true},      {DUPLICATE, 0, 6001, 5000, false},
        {ACK, 5000, 2001, 5000, true}, /* one byte is left */
        {ACK, 1, 4000, 5000, false},   /* all up to `recover`; 3000 in flight */
    };
    struct sender s = ten_in_flight();

    (void)state;
    PLAY(&s, lines);
}

static void partial_acks_leave_a_segment(void **state)
{
    static const struct line lines[] = {
        {DUPLICATE, 0, 10000, FULL, false}, {DUPLICATE, 0, 10000, FULL, false},
        {DUPLICATE, 0, 8000, 5000, true},   {ACK, 9000, 1000, 5000, true}, /* more than cwnd */
        {ACK, 1, 1999, 5000, true}, /* never less than a segment */
        {ACK, 998, 1001, 5000, true},
    };
    struct sender s = ten_in_flight();

    (void)state;
    PLAY(&s, lines);
}

static void the_window_after_a_recovery_is_what_is_in_flight_or_half(void **state)
{
    static const struct {
        uint32_t sent, cwnd; /* during the recovery */
    } rows[] = {{0, 2000}, {999, 2000}, {1001, 2001}, {3999, 4999}, {4000, 5000}, {8000, 5000}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct sender s = ten_in_flight();

        for (unsigned n = 0; n < 3; n++)
            happen(&s, DUPLICATE, 0);
        happen(&s, SEND, rows[i].sent);
        assert_false(happen(&s, ACK, 10000));
        assert_int_equal(s.cc.cwnd, rows[i].cwnd);
        assert_int_equal(s.cc.bytes_acked, 0);
    }
}

static bool three_duplicates(struct sender *s)
{
    bool resend = happen(s, DUPLICATE, 0);

    resend |= happen(s, DUPLICATE, 0);
    assert_false(resend);
    return happen(s, DUPLICATE, 0);
}

/* Duplicates of what was sent twice say nothing: RFC 6582 section 3.2 step 2, section 4.1. */
static void duplicates_up_to_recover_mean_nothing(void **state)
{
    struct sender s = ten_in_flight();

    (void)state;
    happen(&s, TIMEOUT, 0);
    assert_false(three_duplicates(&s));
    assert_int_equal(tcp_congestion_window(&s.cc, MSS, true), 1000); /* RFC 3042: of two only */
    assert_false(happen(&s, DUPLICATE, 0));
    happen(&s, ACK, 5000);
    assert_false(three_duplicates(&s));
    happen(&s, ACK, 5000); /* just to `recover` */
    happen(&s, SEND, 4000);
    assert_false(three_duplicates(&s));
    happen(&s, ACK, 1); /* "more than recover" */
    assert_true(three_duplicates(&s));
}

static void after_a_recovery_duplicates_count_if_little_was_missing(void **state)
{
    struct sender s = ten_in_flight();

    (void)state;
    assert_true(three_duplicates(&s));
    happen(&s, ACK, 6000);
    happen(&s, SEND, 4000);
    assert_false(happen(&s, ACK, 4000)); /* four segments: the last ACK was no burst */
    assert_true(three_duplicates(&s));

    s = ten_in_flight();
    assert_true(three_duplicates(&s));
    happen(&s, ACK, 5999);
    happen(&s, SEND, 4000);
    assert_false(happen(&s, ACK, 4001));
    assert_false(three_duplicates(&s));
}

static void a_timeout_ends_a_recovery(void **state)
{
    struct sender s = ten_in_flight();

    (void)state;
    assert_true(three_duplicates(&s));
    happen(&s, TIMEOUT, 0);
    assert_false(s.cc.recovering);
    assert_int_equal(s.cc.dup_acks, 0);
    assert_int_equal(s.cc.cwnd, 1000);
    assert_false(happen(&s, ACK, 2000)); /* no partial ACK of a recovery */
    assert_int_equal(s.cc.cwnd, 2000);
}

/* Numbers are compared modulo 2^32: `recover` must not be half of them away. */
static void a_loss_is_found_after_any_number_of_bytes(void **state)
{
    (void)state;
    for (uint64_t gigabyte = 1; gigabyte <= 5; gigabyte++) {
        struct sender s = established();

        for (uint64_t done = 0; done < gigabyte << 30; done += 1 << 16) {
            happen(&s, SEND, 1 << 16);
            assert_false(happen(&s, ACK, 1 << 16));
        }
        happen(&s, SEND, 10000);
        s.cc.cwnd = 1000;
        happen(&s, ACK, 2000);
        assert_int_equal(s.cc.cwnd, 3000); /* nothing was lost: two segments an ACK */
        assert_true(three_duplicates(&s));
    }
}

/* ---- CUBIC: RFC 9438, against its formulas in floating point ---- */

enum { RTT_MS = 100 };

static double root3(double n)
{
    double root = 1;

    for (unsigned i = 0; i < 100; i++)
        root -= (root * root * root - n) / (3 * root * root);
    return root;
}

/* A window of `segments`, which has just lost something: with an ACK for each two segments, the
 * window after each round trip. */
static void cubic_rounds(struct tcp_congestion *cc, uint64_t *now_ns, double *out, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        uint32_t window = cc->cwnd;

        for (uint32_t done = 0; done < window; done += 2 * MSS) {
            *now_ns += (uint64_t)RTT_MS * 1000000 * 2 * MSS / window;
            tcp_congestion_grow(cc, &(struct tcp_congestion_ack){.mss = MSS,
                                                                 .acked = 2 * MSS,
                                                                 .una = 5,
                                                                 .flight = cc->cwnd,
                                                                 .now_ns = *now_ns,
                                                                 .rtt_ns = RTT_MS * 1000000});
        }
        out[i] = (double)cc->cwnd / MSS;
    }
}

static struct tcp_congestion cubic_lost(uint32_t segments)
{
    struct tcp_congestion cc;

    tcp_congestion_init(&cc, true, 1);
    cc.cwnd = segments * MSS;
    tcp_congestion_reduce(&cc, MSS, cc.cwnd, 2);
    tcp_congestion_repaired(&cc);
    return cc;
}

/* Figure 1: C (t - K)^3 + W_max, with K of figure 2. */
static void a_large_window_grows_as_the_cubic_function_says(void **state)
{
    static const uint32_t rows[] = {200, 1000, 5000};

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct tcp_congestion cc = cubic_lost(rows[i]);
        double w_max = rows[i], k = root3(w_max * 0.3 / 0.4), got[160];
        uint64_t now_ns = 77000000;

        assert_int_equal(cc.cwnd, (uint32_t)(w_max * 700));
        cubic_rounds(&cc, &now_ns, got, ARRAY_COUNT(got));
        for (unsigned round = 0; round < ARRAY_COUNT(got); round++) {
            double t = (round + 1) * RTT_MS / 1000.0, w = 0.4 * (t - k) * (t - k) * (t - k) + w_max;

            if (got[round] > 1.02 * w || got[round] < 0.98 * w)
                fail_msg("%u segments, round %u: %f, not %f", rows[i], round, got[round], w);
        }
    }
}

/* Section 4.3: alpha is 9/17 of a segment a round trip, and one from the window before the loss on.
 */
static void a_small_window_is_no_smaller_than_that_of_rfc_5681(void **state)
{
    struct tcp_congestion cc = cubic_lost(20);
    uint64_t now_ns = 5000000;
    double got[20], w = 14;

    (void)state;
    cubic_rounds(&cc, &now_ns, got, ARRAY_COUNT(got));
    for (unsigned round = 0; round < ARRAY_COUNT(got); round++) {
        w += w < 20 ? 9.0 / 17 : 1;
        if (got[round] > 1.08 * w || got[round] < 0.92 * w)
            fail_msg("round %u: %f, not %f", round, got[round], w);
    }
}

/* Section 4.7: with less than before, some is left to others. */
static void a_second_loss_below_the_first_lowers_the_level(void **state)
{
    struct tcp_congestion cc = cubic_lost(1000);

    (void)state;
    assert_int_equal(cc.w_max, 1000 * MSS);
    tcp_congestion_reduce(&cc, MSS, cc.cwnd, 3);
    assert_int_equal(cc.w_max, 700 * 17 / 20 * MSS);
    assert_int_equal(cc.ssthresh, 490 * MSS);
    tcp_congestion_repaired(&cc);
    cc.cwnd = 800 * MSS;
    tcp_congestion_reduce(&cc, MSS, cc.cwnd, 4);
    assert_int_equal(cc.w_max, 800 * MSS);
    tcp_congestion_timeout(&cc, MSS, 100 * MSS, true, 5);
    assert_int_equal(cc.ssthresh, 70 * MSS);
    assert_int_equal(cc.cwnd, MSS);
    tcp_congestion_reduce(&cc, MSS, 2 * MSS, 6); /* two segments at least */
    assert_int_equal(cc.ssthresh, 2 * MSS);
}

/* Section 5.8: time in which the window is not used does not count. */
static void a_pause_does_not_grow_a_cubic_window(void **state)
{
    struct tcp_congestion cc = cubic_lost(1000);
    uint64_t now_ns = 5000000;
    double got[10], before;

    (void)state;
    cubic_rounds(&cc, &now_ns, got, ARRAY_COUNT(got));
    before = got[9];
    now_ns += UINT64_C(3600000000000);
    tcp_congestion_grow(&cc, &(struct tcp_congestion_ack){.mss = MSS,
                                                          .acked = 2 * MSS,
                                                          .una = 5,
                                                          .flight = 10 * MSS,
                                                          .now_ns = now_ns,
                                                          .rtt_ns = RTT_MS * 1000000});
    cubic_rounds(&cc, &now_ns, got, 1);
    assert_true(got[0] < before * 1.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_window_is_ten_segments_and_one_after_a_lost_syn),
        cmocka_unit_test(slow_start_counts_bytes_up_to_two_segments_an_ack),
        cmocka_unit_test(a_timeout_is_one_segment_and_half_of_what_was_in_flight),
        cmocka_unit_test(congestion_avoidance_is_one_segment_a_window),
        cmocka_unit_test(the_window_has_a_bound),
        cmocka_unit_test(the_third_duplicate_means_a_loss),
        cmocka_unit_test(an_ack_between_duplicates_counts_them_anew),
        cmocka_unit_test(two_duplicates_let_one_segment_each_leave),
        cmocka_unit_test(partial_acks_send_the_next_hole_and_take_what_they_acknowledge),
        cmocka_unit_test(partial_acks_leave_a_segment),
        cmocka_unit_test(the_window_after_a_recovery_is_what_is_in_flight_or_half),
        cmocka_unit_test(duplicates_up_to_recover_mean_nothing),
        cmocka_unit_test(after_a_recovery_duplicates_count_if_little_was_missing),
        cmocka_unit_test(a_timeout_ends_a_recovery),
        cmocka_unit_test(a_loss_is_found_after_any_number_of_bytes),
        cmocka_unit_test(a_large_window_grows_as_the_cubic_function_says),
        cmocka_unit_test(a_small_window_is_no_smaller_than_that_of_rfc_5681),
        cmocka_unit_test(a_second_loss_below_the_first_lowers_the_level),
        cmocka_unit_test(a_pause_does_not_grow_a_cubic_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
