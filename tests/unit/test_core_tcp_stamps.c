/*
 * Timestamps: protection against old segments (PAWS, RFC 7323 section 5), which stamp is echoed
 * (section 4.3), and SYNs that end TIME-WAIT (RFC 6191).
 */
#include "../../core/base/array.h"
#include "options_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, stack_setup_bound, stack_teardown)

/* The next segment, and the stamp that it echoes. */
static void expect_echo(struct stack_test *x, uint8_t flags, uint32_t seq, uint32_t ack, size_t len,
                        uint32_t echo)
{
    struct decoded d = expect_seg(x, flags, seq, ack, len);

    assert_true(d.tcp_stamped);
    assert_int_equal(d.tcp_echo, echo);
}

/* ---- PAWS ---- */

/* Section 5.3, R1: it is acknowledged, so that a peer that is right learns what is missing. */
static void a_segment_from_before_is_dropped_and_acknowledged(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);

    for (unsigned i = 0; i < 20; i++) {
        stamped_in(x, TCP_ACK, 1, 1, STAMP - 1, "old!", 4);
        run(x);
        expect_dropped(x, DROP_TCP_STAMP);
        expect_echo(x, TCP_ACK, 1, 1, 0, STAMP);
        expect_quiet(x);
    }
    stamped_in(x, TCP_ACK | TCP_FIN, 1, 1, STAMP - 0x7fffffff, 0, 0); /* as old as can be */
    run(x);
    expect_dropped(x, DROP_TCP_STAMP);
    expect_echo(x, TCP_ACK, 1, 1, 0, STAMP);
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    tcp_reset(c);
    tcp_close(l);
}

/* Two ends that both think so of the other's ACKs must not loop: RFC 5961 section 7. */
static void old_acks_are_acknowledged_ten_times_in_five_seconds(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);

    for (unsigned i = 0; i < 20; i++) {
        stamped_in(x, TCP_ACK, 1, 1, STAMP - 1, 0, 0);
        run(x);
    }
    assert_int_equal(x->s.net.drops[DROP_TCP_STAMP], 20);
    assert_int_equal(x->sent_count - x->read, 10);
    tcp_reset(c);
    tcp_close(l);
}

/* Its ACK field, its window and its data have no effect. */
static void nothing_of_an_old_segment_counts(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);
    uint8_t buf[10];

    write_bytes(c, (const uint8_t *)"data", 4);
    run(x);
    expect_seg(x, TCP_ACK, 1, 1, 4);
    stamped_in(x, TCP_ACK, 1, 5, STAMP - 1, "old!", 4);
    assert_int_equal(c->snd_una - c->iss, 1);
    assert_int_equal(tcp_ready(c) & 1, 0);
    assert_int_equal(read_bytes(c, buf, sizeof(buf)), 0);
    stamped_in(x, TCP_ACK, 1, 5, STAMP, "new!", 4);
    assert_int_equal(c->snd_una - c->iss, 5);
    assert_int_equal(read_bytes(c, buf, sizeof(buf)), 4);
    assert_memory_equal(buf, "new!", 4);
    tcp_reset(c);
    tcp_close(l);
}

static void an_equal_or_newer_stamp_is_taken_across_its_wrap(void **state)
{
    static const uint32_t stamps[] = {STAMP,      STAMP, STAMP + 1, 0x80000000, 0xffffffff,
                                      0xffffffff, 0,     5,         0x80000004};
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);

    for (unsigned i = 0; i < ARRAY_COUNT(stamps); i++) {
        stamped_in(x, TCP_ACK, 1 + i, 1, stamps[i], "x", 1);
        run_at_ms(x, 100 * i + 50);
        expect_echo(x, TCP_ACK, 1, 2 + i, 0, stamps[i]);
    }
    assert_int_equal(x->s.net.drops_total, 0);
    stamped_in(x, TCP_ACK, 10, 1, 5, "x", 1); /* 2^31 - 1 before */
    run(x);
    expect_dropped(x, DROP_TCP_STAMP);
    next_sent(x);
    tcp_reset(c);
    tcp_close(l);
}

/* Section 5.5: after 24 days the clock of the peer may have gone half around. */
static void after_24_days_any_stamp_is_taken(void **state)
{
    const uint64_t days_ms = UINT64_C(24) * 86400 * 1000;
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);

    x->s.arp.entry[0].answered_ns = x->start_ns + days_ms * NS_PER_MS;
    at_ms(x, days_ms);
    stamped_in(x, TCP_ACK, 1, 1, STAMP - 1, "x", 1);
    run(x);
    expect_dropped(x, DROP_TCP_STAMP);
    expect_echo(x, TCP_ACK, 1, 1, 0, STAMP);
    at_ms(x, days_ms + 1);
    stamped_in(x, TCP_ACK, 1, 1, STAMP - 1, "x", 1);
    run_at_ms(x, days_ms + 50);
    expect_echo(x, TCP_ACK, 1, 2, 0, STAMP - 1);
    stamped_in(x, TCP_ACK, 2, 1, STAMP - 2, "x", 1); /* from now on the new one counts */
    run(x);
    expect_dropped(x, DROP_TCP_STAMP);
    next_sent(x);
    tcp_reset(c);
    tcp_close(l);
}

/* The age counts from the SYN on, however long the machine is up. */
static void the_stamp_of_a_syn_is_not_old(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c;

    x->start_ns += UINT64_C(30) * 86400 * NS_PER_S;
    x->s.arp.entry[0].answered_ns = x->start_ns;
    c = connected_with(x, STAMPS);
    stamped_in(x, TCP_ACK, 1, 1, STAMP - 1, "x", 1);
    run(x);
    expect_dropped(x, DROP_TCP_STAMP);
    next_sent(x);
    tcp_reset(c);
}

/* Section 5.2: a reset that is otherwise right is taken with any stamp, or without. */
static void resets_are_exempt(void **state)
{
    struct stack_test *x = *state;

    for (unsigned with = 0; with < 2; with++) {
        struct tcp_conn *c = connected_with(x, STAMPS);

        if (with)
            stamped_in(x, TCP_RST, 1, 0, STAMP - 1, 0, 0);
        else
            seg_in(x, TCP_RST, 1, 0, 0, 0, 0);
        assert_int_equal(tcp_connected(c), ERR_RESET);
        tcp_close(c);
    }
    assert_int_equal(x->s.net.drops_total, 0);
}

/* Section 3.2: silently. */
static void a_segment_without_a_stamp_is_dropped(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);

    seg_in(x, TCP_ACK, 1, 1, 1000, "bare", 4);
    run_at_ms(x, 500);
    expect_drop(x, DROP_TCP_STAMP);
    seg_in(x, TCP_ACK | TCP_FIN, 1, 1, 1000, 0, 0);
    run_at_ms(x, 1000);
    expect_drop(x, DROP_TCP_STAMP);
    tcp_reset(c);
    tcp_close(l);
}

/* But a SYN is challenged: a peer that has restarted without them would else never learn of the
 * connection that it has lost (RFC 5961 section 4.2). */
static void a_syn_without_a_stamp_is_challenged(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);

    seg_in(x, TCP_SYN, 100, 0, 1000, 0, 0);
    run(x);
    expect_dropped(x, DROP_TCP_FLAGS);
    expect_echo(x, TCP_ACK, 1, 1, 0, STAMP);
    assert_int_equal(c->state, TCPS_ESTABLISHED);
    tcp_reset(c);
    tcp_close(l);
}

static void stamps_mean_nothing_when_not_agreed_upon(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, SCALE | SACK);

    stamped_in(x, TCP_ACK, 1, 1, STAMP, "x", 1);
    stamped_in(x, TCP_ACK, 2, 1, STAMP - 1, "y", 1);
    run(x);
    assert_false(expect_seg(x, TCP_ACK, 1, 3, 0).tcp_stamped);
    assert_int_equal(x->s.net.drops_total, 0);
    tcp_reset(c);
    tcp_close(l);
}

/* ---- what is echoed: section 4.3 ---- */

/* Its example (A): of several segments that one ACK acknowledges, the first. */
static void a_late_ack_echoes_the_first_segment(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);

    stamped_in(x, TCP_ACK, 1, 1, STAMP + 1, "A", 1);
    stamped_in(x, TCP_ACK, 2, 1, STAMP + 2, "B", 1);
    run(x);
    expect_echo(x, TCP_ACK, 1, 3, 0, STAMP + 1);
    stamped_in(x, TCP_ACK, 3, 1, STAMP + 3, "C", 1);
    run_at_ms(x, 40);
    expect_echo(x, TCP_ACK, 1, 4, 0, STAMP + 3);
    stamped_in(x, TCP_ACK, 4, 1, STAMP + 4, "D", 1);
    stamped_in(x, TCP_ACK, 4, 1, STAMP + 5, "DE", 2); /* the first again, which counts */
    run(x);
    expect_echo(x, TCP_ACK, 1, 6, 0, STAMP + 5);
    tcp_reset(c);
    tcp_close(l);
}

/* Example (B): after a gap, the one before it; when it is filled, the one that filled it. */
static void a_gap_keeps_the_stamp_of_before_it(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);
    const struct {
        char letter;
        uint32_t stamp, ack, echo;
    } row[] = {
        {'A', STAMP + 1, 2, STAMP + 1}, {'C', STAMP + 3, 2, STAMP + 1},
        {'B', STAMP + 2, 4, STAMP + 2}, {'E', STAMP + 5, 4, STAMP + 2},
        {'D', STAMP + 4, 6, STAMP + 4},
    };

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        stamped_in(x, TCP_ACK, (uint32_t)(1 + row[i].letter - 'A'), 1, row[i].stamp, &row[i].letter,
                   1);
        run_at_ms(x, 100 * i + 50);
        expect_echo(x, TCP_ACK, 1, row[i].ack, 0, row[i].echo);
    }
    tcp_reset(c);
    tcp_close(l);
}

/* What was sent again and is old data gives its stamp as well, as does an ACK alone. */
static void duplicates_and_bare_acks_renew_the_echo(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);

    stamped_in(x, TCP_ACK, 1, 1, STAMP + 1, "A", 1);
    run_at_ms(x, 40);
    expect_echo(x, TCP_ACK, 1, 2, 0, STAMP + 1);
    stamped_in(x, TCP_ACK, 1, 1, STAMP + 7, "A", 1);
    run(x);
    expect_echo(x, TCP_ACK, 1, 2, 0, STAMP + 7);
    stamped_in(x, TCP_ACK, 2, 1, STAMP + 9, 0, 0);
    write_bytes(c, (const uint8_t *)"data", 4);
    run(x);
    expect_echo(x, TCP_ACK, 1, 2, 4, STAMP + 9);
    tcp_reset(c);
    tcp_close(l);
}

/* One that is not in the window gives nothing, be it as new as it likes. */
static void an_unacceptable_segment_does_not_renew_the_echo(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l, *c = accepted_with(x, &l, STAMPS);

    stamped_in(x, TCP_ACK, 70000, 1, STAMP + 9, "x", 1);
    stamped_in(x, TCP_ACK, (uint32_t)-70000, 1, STAMP + 9, "x", 1);
    stamped_in(x, TCP_RST, 2, 1, STAMP + 9, 0, 0);
    run(x);
    for (unsigned i = 0; i < 3; i++)
        expect_echo(x, TCP_ACK, 1, 1, 0, STAMP);
    expect_quiet(x);
    tcp_reset(c);
    tcp_close(l);
}

/* A SYN sent again: its answer must not look as if it had been on its way since the first one. */
static void a_second_syn_is_echoed_as_it_came(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l;

    assert_int_equal(offered(x, &l, STAMPS).tcp_echo, STAMP);
    at_ms(x, 900);
    syn_in(x, TCP_SYN, 65535, STAMPS, 0, STAMP + 900);
    run(x);
    assert_int_equal(next_sent(x).tcp_echo, STAMP + 900);
    syn_in(x, TCP_SYN, 65535, NOTHING, 0, 0); /* one without a stamp changes nothing */
    run(x);
    assert_int_equal(next_sent(x).tcp_echo, STAMP + 900);
    tcp_close(l);
}

/* Section 3.2: every segment has one once that is agreed upon, a FIN and a reset too; its own
 * clock ticks in milliseconds. */
static void every_segment_has_a_stamp(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *c = connected_with(x, STAMPS);
    uint32_t base = c->stamp_base + 1000000;
    struct decoded d;

    at_ms(x, 1);
    write_bytes(c, (const uint8_t *)"data", 4);
    run(x);
    d = expect_seg(x, TCP_ACK, 1, 1, 4);
    assert_int_equal(d.tcp_stamp, base + 1);
    run_at_ms(x, 1001);
    d = expect_seg(x, TCP_ACK, 1, 1, 4); /* again: when it is sent now */
    assert_int_equal(d.tcp_stamp, base + 1001);
    assert_int_equal(d.tcp_echo, STAMP);
    stamped_in(x, TCP_ACK, 1, 5, STAMP + 1, 0, 0);
    tcp_shutdown(c);
    run(x);
    expect_echo(x, TCP_ACK | TCP_FIN, 5, 1, 0, STAMP + 1);
    stamped_in(x, TCP_ACK, 1, 6, STAMP + 1, 0, 0);
    tcp_reset(c);
    expect_echo(x, TCP_ACK | TCP_RST, 6, 1, 0, STAMP + 1);
    expect_quiet(x);
}

/* Section 7.1: what others learn from their own connections says nothing of another's clock. */
static void the_clocks_of_two_connections_have_nothing_in_common(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *a = connected_with(x, STAMPS), *b;
    uint32_t first = own_stamp(x);

    x->peer_port++;
    b = connected_with(x, STAMPS);
    assert_true(own_stamp(x) - first + 100000 > 200000);
    tcp_reset(a);
    tcp_reset(b);
}

/* ---- TIME-WAIT: RFC 6191 section 2 ---- */

/* A connection of the peer that has ended and waits; its last number is 2. */
static struct tcp_conn *waiting(struct stack_test *x, unsigned what)
{
    struct tcp_conn *l, *c = accepted_with(x, &l, what);

    tcp_close(c);
    run(x);
    expect_seg(x, TCP_ACK | TCP_FIN, 1, 1, 0);
    if (what & STAMPS)
        stamped_in(x, TCP_ACK | TCP_FIN, 1, 2, STAMP, 0, 0);
    else
        seg_in(x, TCP_ACK | TCP_FIN, 1, 2, 1000, 0, 0);
    run(x);
    expect_seg(x, TCP_ACK, 2, 2, 0);
    assert_int_equal(c->state, TCPS_TIME_WAIT);
    return l;
}

static void a_newer_stamp_ends_time_wait_and_an_older_one_does_not(void **state)
{
    const struct {
        const char *what;
        unsigned before, now;
        uint32_t stamp, seq;
        bool opens;
    } row[] = {
        {"newer, a lower number", STAMPS, STAMPS, STAMP + 1, 0, true},
        {"newer, a higher number", STAMPS, STAMPS, STAMP + 1, 1000, true},
        {"equal, a higher number", STAMPS, STAMPS, STAMP, 3, true},
        {"equal, the same number", STAMPS, STAMPS, STAMP, 2, false},
        {"older, a higher number", STAMPS, STAMPS, STAMP - 1, 1000, false},
        {"older, a lower number", STAMPS, STAMPS, STAMP - 1, 0, false},
        {"none now, a higher number", STAMPS, NOTHING, 0, 3, true},
        {"none now, a lower number", STAMPS, NOTHING, 0, 1, false},
        {"none before, a lower number", NOTHING, STAMPS, 0x90000000, 0, true},
        {"none at all, a higher number", NOTHING, NOTHING, 0, 3, true},
        {"none at all, a lower number", NOTHING, NOTHING, 0, 1, false},
    };
    struct stack_test *x = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct tcp_conn *l = waiting(x, row[i].before);
        uint8_t options[40];
        size_t len = put_offer(options, row[i].now, SHIFT, row[i].stamp, 0);
        struct decoded d;

        seg_in_with(x, TCP_SYN, row[i].seq, 0, 65535, options, len, 0, 0);
        run(x);
        d = next_sent(x);
        if (d.tcp_flags != (row[i].opens ? TCP_SYN | TCP_ACK : TCP_ACK))
            print_error("%s\n", row[i].what);
        assert_int_equal(d.tcp_flags, row[i].opens ? TCP_SYN | TCP_ACK : TCP_ACK);
        expect_quiet(x);
        tcp_close(l);
        x->read = x->sent_count;
        for (unsigned j = 0; j < CONNS; j++)
            if (x->s.tcp.conn[j].state == TCPS_TIME_WAIT)
                tcp_end(&x->s.tcp.conn[j]);
    }
}

/* Its last ACK was lost: the FIN that comes again renews the wait, an old one does not. */
static void time_wait_has_paws_as_well(void **state)
{
    struct stack_test *x = *state;
    struct tcp_conn *l = waiting(x, STAMPS);

    stamped_in(x, TCP_ACK | TCP_FIN, 1, 2, STAMP - 1, 0, 0);
    run(x);
    expect_dropped(x, DROP_TCP_STAMP);
    expect_echo(x, TCP_ACK, 2, 2, 0, STAMP);
    stamped_in(x, TCP_ACK | TCP_FIN, 1, 2, STAMP + 5, 0, 0);
    run(x);
    expect_echo(x, TCP_ACK, 2, 2, 0, STAMP + 5);
    tcp_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_segment_from_before_is_dropped_and_acknowledged),
        T(old_acks_are_acknowledged_ten_times_in_five_seconds),
        T(nothing_of_an_old_segment_counts),
        T(an_equal_or_newer_stamp_is_taken_across_its_wrap),
        T(after_24_days_any_stamp_is_taken),
        T(the_stamp_of_a_syn_is_not_old),
        T(resets_are_exempt),
        T(a_segment_without_a_stamp_is_dropped),
        T(a_syn_without_a_stamp_is_challenged),
        T(stamps_mean_nothing_when_not_agreed_upon),
        T(a_late_ack_echoes_the_first_segment),
        T(a_gap_keeps_the_stamp_of_before_it),
        T(duplicates_and_bare_acks_renew_the_echo),
        T(an_unacceptable_segment_does_not_renew_the_echo),
        T(a_second_syn_is_echoed_as_it_came),
        T(every_segment_has_a_stamp),
        T(the_clocks_of_two_connections_have_nothing_in_common),
        T(a_newer_stamp_ends_time_wait_and_an_older_one_does_not),
        T(time_wait_has_paws_as_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
