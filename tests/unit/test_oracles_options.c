/*
 * The oracles of TCP where options count: SACK blocks (RFC 2018, RFC 2883), windows that are scaled
 * in either direction (RFC 7323 section 2). The machine's first byte is 1001, the peer's 5001.
 */
#include "oracle_fixture.h"
#include "../../core/base/array.h"

#define NO_OPTIONS     .option_len = 0
#define SACK_OK        .options = {1, 1, 4, 2}, .option_len = 4
#define SCALE(n)       .options = {1, 3, 3, n}, .option_len = 4
#define BLOCK_BYTES(n) (uint8_t)((n) >> 24), (uint8_t)((n) >> 16), (uint8_t)((n) >> 8), (uint8_t)(n)
#define BLOCKS_1(a, b) .options = {1, 1, 5, 10, BLOCK_BYTES(a), BLOCK_BYTES(b)}, .option_len = 12
#define BLOCKS_2(a, b, c, d)                                                                       \
    .options = {1, 1, 5, 18, BLOCK_BYTES(a), BLOCK_BYTES(b), BLOCK_BYTES(c), BLOCK_BYTES(d)},      \
    .option_len = 20

/* The machine connects; each SYN has these options. */
#define OPEN(own, peer)                                                                            \
    do {                                                                                           \
        begin_leased();                                                                            \
        OUT(.seq = 1000, .flags = SEG_SYN, .window = 4000, .mss = 1460, own);                      \
        IN(.seq = 5000, .ack = 1001, .flags = SEG_SYN | SEG_ACK, .window = 1000, .mss = 1460,      \
           peer);                                                                                  \
    } while (0)

#define ACK_OUT(...)  OUT(.seq = 1001, .flags = SEG_ACK, .window = 4000, __VA_ARGS__)
#define DATA_IN(s, d) IN(.seq = s, .ack = 1001, .flags = SEG_ACK, .window = 1000, .data = d)

/* ---- SACK ---- */

/* 5001 to 5011 arrive, then 5021 to 5031 and 5041 to 5051 after gaps. */
static void with_gaps(void)
{
    OPEN(SACK_OK, SACK_OK);
    DATA_IN(5001, "0123456789");
    DATA_IN(5021, "0123456789");
    DATA_IN(5041, "0123456789");
}

static void blocks_of_what_arrived_are_right(void **state)
{
    (void)state;
    with_gaps();
    ACK_OUT(.ack = 5011, BLOCKS_2(5041, 5051, 5021, 5031));
    ACK_OUT(.ack = 5011, BLOCKS_1(5022, 5030)); /* a part as well */
    DATA_IN(5011, "0123456789");
    ACK_OUT(.ack = 5031, BLOCKS_1(5041, 5051));
    quiet();
    assert_true(oracle_set_has(&sim.looked, TCP_SACK));
}

static void a_block_with_a_byte_that_never_arrived_is_wrong(void **state)
{
    static const struct {
        uint32_t start, end;
    } wrong[] = {
        {5041, 5052}, {5040, 5051}, /* a byte more at either end */
        {5021, 5051},               /* the gap between two as well */
        {5005, 5031},               /* the first gap */
        {5061, 5071},               /* nothing of it */
        {5021, 5021},               /* empty */
        {5031, 5021},               /* the wrong way round */
        {5001, 5012},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(wrong); i++) {
        with_gaps();
        ACK_OUT(.ack = 5011, BLOCKS_1(wrong[i].start, wrong[i].end));
        caught_by("tcp.sack");
        with_gaps();
        ACK_OUT(.ack = 5011, BLOCKS_2(5021, 5031, wrong[i].start, wrong[i].end));
        caught_by("tcp.sack");
    }
}

/* What the peer has sent has not arrived yet. */
static void a_block_of_what_was_lost_is_wrong(void **state)
{
    (void)state;
    OPEN(SACK_OK, SACK_OK);
    say(tcp_frame((struct segment){
        .seq = 5011, .ack = 1001, .flags = SEG_ACK, .window = 1000, .data = "0123456789"}));
    ACK_OUT(.ack = 5001, BLOCKS_1(5011, 5021));
    caught_by("tcp.sack");
}

static void blocks_need_both_syns(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        if (i == 0)
            OPEN(SACK_OK, SCALE(1));
        else if (i == 1)
            OPEN(SCALE(1), SACK_OK);
        else
            OPEN(NO_OPTIONS, NO_OPTIONS);
        DATA_IN(5011, "0123456789");
        quiet();
        ACK_OUT(.ack = 5001, BLOCKS_1(5011, 5021));
        caught_by("tcp.sack");
    }
}

/* D-SACK: what is acknowledged already, or is in another block. */
static void a_block_may_report_what_came_twice(void **state)
{
    (void)state;
    with_gaps();
    DATA_IN(5001, "01234");
    ACK_OUT(.ack = 5011, BLOCKS_2(5001, 5006, 5021, 5031));
    DATA_IN(5021, "01234");
    ACK_OUT(.ack = 5011, BLOCKS_2(5021, 5026, 5021, 5031));
    quiet();
}

static void blocks_may_cross_the_wrap(void **state)
{
    for (unsigned more = 0; more < 2; more++) {
        (void)state;
        begin_leased();
        OUT(.seq = 1000, .flags = SEG_SYN, .window = 4000, SACK_OK);
        IN(.seq = 0xfffffff0, .ack = 1001, .flags = SEG_SYN | SEG_ACK, .window = 1000, SACK_OK);
        DATA_IN(0xfffffffb, "0123456789");
        ACK_OUT(.ack = 0xfffffff1, BLOCKS_1(0xfffffffbu, 5u + more));
        if (more)
            caught_by("tcp.sack");
        else
            quiet();
    }
}

/* ---- the peer's windows ---- */

static char many[3001];

/* The peer offers 1000 << 1 bytes when it has a shift, and the machine sends up to `end`. */
static void sends_up_to(bool own, bool peer, bool syn_only, uint32_t end)
{
    memset(many, 'x', sizeof(many) - 1);
    if (own && peer)
        OPEN(SCALE(2), SCALE(1));
    else if (own)
        OPEN(SCALE(2), NO_OPTIONS);
    else if (peer)
        OPEN(NO_OPTIONS, SCALE(1));
    else
        OPEN(NO_OPTIONS, NO_OPTIONS);
    oracles_app_written(oracles, 49152, PEER, 8080, (const uint8_t *)many, sizeof(many) - 1);
    if (!syn_only)
        IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 1000);
    quiet();
    ACK_OUT(.ack = 5001, .data = many, .len = 1);
    quiet();
    for (uint32_t at = 2; at < end && sim.failure.kind == FAILURE_NONE;) {
        uint32_t len = end - at < 1000 ? end - at : 1000;

        OUT(.seq = 1000 + at, .ack = 5001, .flags = SEG_ACK, .window = 4000, .data = many,
            .len = len);
        at += len;
    }
}

static void the_peers_window_is_scaled_as_both_syns_have_it(void **state)
{
    static const struct {
        bool own, peer, syn_only;
        uint32_t window;
    } row[] = {
        {true, true, false, 2000},   {true, false, false, 1000}, {false, true, false, 1000},
        {false, false, false, 1000}, {true, true, true, 1000}, /* that of a SYN is never scaled */
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        sends_up_to(row[i].own, row[i].peer, row[i].syn_only, 1 + row[i].window);
        quiet();
        sends_up_to(row[i].own, row[i].peer, row[i].syn_only, 3 + row[i].window);
        caught_by("tcp.window");
    }
}

/* ---- the machine's windows ---- */

/* The machine offers 100 units, then `window` units after five more bytes. */
static void offers(uint8_t shift, uint16_t window)
{
    begin_leased();
    OUT(.seq = 1000, .flags = SEG_SYN, .window = 100, .mss = 1460, SCALE(shift));
    IN(.seq = 5000, .ack = 1001, .flags = SEG_SYN | SEG_ACK, .window = 1000, .mss = 1460, SCALE(0));
    OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = 100);
    DATA_IN(5001, "01234");
    quiet();
    OUT(.seq = 1001, .ack = 5006, .flags = SEG_ACK, .window = window);
}

/* Rounding may take back less than a unit: RFC 7323 section 2.4. */
static void a_scaled_window_may_shrink_by_less_than_a_unit(void **state)
{
    static const struct {
        uint8_t shift;
        uint16_t window;
        bool right;
    } row[] = {
        {3, 100, true}, {3, 99, true},  {3, 98, false}, /* 800: to 805, 797, 789 */
        {2, 98, true},  {2, 97, false},                 /* 400: to 397, 393 */
        {1, 97, true},  {1, 96, false},                 /* 200: to 199, 197 */
        {0, 95, true},  {0, 94, false},                 /* 100: to 100, 99 */
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        offers(row[i].shift, row[i].window);
        if (row[i].right)
            quiet();
        else
            caught_by("tcp.window_shrink");
    }
}

/* That of a SYN-ACK is in bytes, and what follows may be no more than that. */
static void the_window_of_a_syn_ack_is_not_scaled(void **state)
{
    (void)state;
    for (uint16_t window = 12; window <= 13; window++) {
        begin_leased();
        IN(.seq = 5000, .flags = SEG_SYN, .window = 8000, .mss = 1460, SCALE(0));
        OUT(.seq = 1000, .ack = 5001, .flags = SEG_SYN | SEG_ACK, .window = 105, .mss = 1460,
            SCALE(3));
        IN(.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 8000);
        OUT(.seq = 1001, .ack = 5001, .flags = SEG_ACK, .window = window);
        if (window == 13) /* 104 */
            quiet();
        else
            caught_by("tcp.window_shrink");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_what_arrived_are_right),
        cmocka_unit_test(a_block_with_a_byte_that_never_arrived_is_wrong),
        cmocka_unit_test(a_block_of_what_was_lost_is_wrong),
        cmocka_unit_test(blocks_need_both_syns),
        cmocka_unit_test(a_block_may_report_what_came_twice),
        cmocka_unit_test(blocks_may_cross_the_wrap),
        cmocka_unit_test(the_peers_window_is_scaled_as_both_syns_have_it),
        cmocka_unit_test(the_window_of_a_syn_ack_is_not_scaled),
        cmocka_unit_test(a_scaled_window_may_shrink_by_less_than_a_unit),
    };

    return cmocka_run_group_tests(tests, NULL, free_all);
}
