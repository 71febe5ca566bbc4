/*
 * What a replay changes in recorded segments besides sequence numbers: SACK blocks and echoed
 * timestamps, at any offset in the options, with the checksum adjusted; and how far the machine has
 * offered its window when that is scaled.
 */
#include "../../core/base/array.h"
#include "../../core/base/rng.h"
#include "../../sim/world/recorded/recorded_numbers.h"
#include "frames.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/* The machine's numbers were from 1000 on and its stamps from 500 on; now they are these much
 * more, so that every byte changes and carries. */
#define SHIFT 0x89abcdefu
#define LATER 0xfedcba98u

static struct decoded decoded(const struct frame *f)
{
    struct decoded d;

    decode_frame(f->bytes, f->len, &d);
    return d;
}

static struct frame own_syn(uint32_t seq, uint32_t stamp, uint8_t scale)
{
    return tcp_frame((struct segment){.from_machine = true,
                                      .seq = seq,
                                      .flags = SEG_SYN,
                                      .mss = 1460,
                                      .options = {3, 3, scale, 8, 10, (uint8_t)(stamp >> 24),
                                                  (uint8_t)(stamp >> 16), (uint8_t)(stamp >> 8),
                                                  (uint8_t)stamp, 0, 0, 0, 0, 4, 2, 1},
                                      .option_len = 16});
}

static void learn_shifts(struct replay_numbers *n, uint8_t scale, uint32_t shift, uint32_t later)
{
    struct frame then = own_syn(1000, 500, scale), now = own_syn(1000 + shift, 500 + later, scale);
    struct decoded a = decoded(&then), b = decoded(&now);

    *n = (struct replay_numbers){0};
    numbers_learn(n, &a, &b);
}

static void learn(struct replay_numbers *n, uint8_t scale)
{
    learn_shifts(n, scale, SHIFT, LATER);
}

/* A segment of the peer: an ACK with one SACK block and a timestamp after `pad` NOPs. */
static struct frame recorded(unsigned pad)
{
    struct segment s = {.seq = 5001, .ack = 1001, .flags = SEG_ACK, .window = 9000, .data = "data"};
    uint8_t *at = s.options;

    while (pad--)
        *at++ = 1;
    *at++ = 5;
    *at++ = 10;
    set32(at, 1501);
    set32(at + 4, 1701);
    at += 8;
    *at++ = 8;
    *at++ = 10;
    set32(at, 0x12345678);
    set32(at + 4, 555);
    at += 8;
    while ((at - s.options) % 4)
        *at++ = 1;
    s.option_len = (size_t)(at - s.options);
    return tcp_frame(s);
}

/* Each offset modulo 4, so that numbers lie across the words of the checksum as well. */
static void options_change_at_every_offset(void **state)
{
    struct replay_numbers n;

    (void)state;
    learn(&n, 0);
    for (unsigned pad = 0; pad < 8; pad++) {
        struct frame f = recorded(pad);
        struct decoded d = decoded(&f);

        assert_null(d.error);
        numbers_of_now(&n, f.bytes, &d);
        d = decoded(&f);
        assert_null(d.error); /* its checksum is right again */
        assert_int_equal(d.tcp_seq, 5001);
        assert_int_equal(d.tcp_ack, (uint32_t)(1001 + SHIFT));
        assert_int_equal(d.tcp_sack_count, 1);
        assert_int_equal(d.tcp_sack[0].start, (uint32_t)(1501 + SHIFT));
        assert_int_equal(d.tcp_sack[0].end, (uint32_t)(1701 + SHIFT));
        assert_int_equal(d.tcp_stamp, 0x12345678); /* the peer's own */
        assert_int_equal(d.tcp_echo, (uint32_t)(555 + LATER));
        assert_memory_equal(d.payload, "data", 4);
    }
    numbers_free(&n);
}

/* Sums that carry twice are rare. */
static void any_shift_keeps_the_checksum_right(void **state)
{
    struct rng rng;

    (void)state;
    rng_init(&rng, 1, 2);
    for (unsigned i = 0; i < 30000; i++) {
        uint64_t drawn = rng_next(&rng);
        struct replay_numbers n;
        struct frame f = recorded(i % 8);
        struct decoded d = decoded(&f);

        learn_shifts(&n, 0, (uint32_t)drawn, (uint32_t)(drawn >> 32));
        numbers_of_now(&n, f.bytes, &d);
        assert_null(decoded(&f).error);
        numbers_free(&n);
    }
}

/* A checksum that was wrong stays wrong, by as much: RFC 1624. The options of such a segment are
 * not looked for. */
static void a_wrong_checksum_stays_wrong(void **state)
{
    struct replay_numbers n;

    (void)state;
    learn(&n, 0);
    for (unsigned pad = 0; pad < 4; pad++) {
        struct frame f = recorded(pad);
        struct decoded d;

        f.bytes[f.len - 1] ^= 1;
        d = decoded(&f);
        assert_string_equal(d.error, "tcp.checksum");
        numbers_of_now(&n, f.bytes, &d);
        d = decoded(&f);
        assert_string_equal(d.error, "tcp.checksum");
        assert_int_equal(d.tcp_ack, (uint32_t)(1001 + SHIFT));
        assert_int_equal(d.tcp_echo, 555);
        f.bytes[f.len - 1] ^= 1;
        assert_null(decoded(&f).error);
    }
    numbers_free(&n);
}

/* An echo of 0 is none: that of a segment before any stamp was seen. */
static void no_echo_stays_none(void **state)
{
    struct replay_numbers n;
    struct frame f;
    struct decoded d;

    (void)state;
    learn(&n, 0);
    f = tcp_frame((struct segment){.seq = 5001,
                                   .ack = 1001,
                                   .flags = SEG_ACK,
                                   .options = {1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0},
                                   .option_len = 12});
    d = decoded(&f);
    numbers_of_now(&n, f.bytes, &d);
    d = decoded(&f);
    assert_null(d.error);
    assert_int_equal(d.tcp_echo, 0);
    assert_int_equal(d.tcp_ack, (uint32_t)(1001 + SHIFT));
    numbers_free(&n);
}

/* What the machine sends now, as it was in the recording. */
static void a_segment_of_the_machine_gets_its_recorded_number(void **state)
{
    struct replay_numbers n;
    struct frame f;
    struct decoded d;

    (void)state;
    learn(&n, 0);
    f = tcp_frame((struct segment){
        .from_machine = true, .seq = 1001 + SHIFT, .ack = 5001, .flags = SEG_ACK, .data = "odd"});
    d = decoded(&f);
    numbers_of_recording(&n, f.bytes, &d);
    d = decoded(&f);
    assert_null(d.error);
    assert_int_equal(d.tcp_seq, 1001);
    numbers_free(&n);
}

/* Data of the peer waits until the machine has offered room for it, in bytes. */
static void a_scaled_window_is_offered_in_bytes(void **state)
{
    static const struct {
        uint8_t own;
        bool peer;
        uint32_t bytes;
    } row[] = {{3, true, 800}, {3, false, 100}, {0, true, 100}, {14, true, 1638400}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct replay_numbers n;
        struct segment answer = {.seq = 5000, .ack = 1001, .flags = SEG_SYN | SEG_ACK};
        struct frame f;
        struct decoded d;

        learn(&n, row[i].own);
        if (row[i].peer) {
            memcpy(answer.options, (const uint8_t[]){3, 3, 7, 1}, 4);
            answer.option_len = 4;
        }
        f = tcp_frame(answer);
        d = decoded(&f);
        numbers_of_now(&n, f.bytes, &d);
        f = tcp_frame((struct segment){.from_machine = true,
                                       .seq = 1001 + SHIFT,
                                       .ack = 5001,
                                       .flags = SEG_ACK,
                                       .window = 100});
        d = decoded(&f);
        numbers_acked(&n, &d);
        for (uint32_t more = 0; more < 2; more++) { /* its last byte, and one after it */
            f = tcp_frame((struct segment){
                .seq = 5001 + row[i].bytes - 1 + more, .ack = 1001, .flags = SEG_ACK, .data = "x"});
            d = decoded(&f);
            assert_int_equal(numbers_offered(&n, &d), !more);
        }
        numbers_free(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_change_at_every_offset),
        cmocka_unit_test(any_shift_keeps_the_checksum_right),
        cmocka_unit_test(a_wrong_checksum_stays_wrong),
        cmocka_unit_test(no_echo_stays_none),
        cmocka_unit_test(a_segment_of_the_machine_gets_its_recorded_number),
        cmocka_unit_test(a_scaled_window_is_offered_in_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
