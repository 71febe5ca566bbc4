/*
 * The judge of a serial log: every verdict, which one wins when several hold, what damage looks
 * like, and that expectations mean here what they mean in the simulator.
 */
#include "../../core/base/array.h"
#include "../../cmd/base/files.h"
#include "../../cmd/qemu/judge.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define BEGIN "test: begin proto=1 target=rv64 build=0a0b0c0d run=9f00c0de plan=1"
#define OK    "test: ok case=machine interrupts=0"
#define END   "test: end ok=1 fail=0 skip=0 notrun=0"

/* A log that the test writes, and what came out of it. */
struct fixture {
    struct scenario *scenario;
    struct judge *judge;
    struct judge_end end;
    struct failure failure;
    unsigned sequence, lines;
    uint64_t last_ns;
    char last[200];
};

static void on_line(void *ctx, uint64_t time_ns, const char *line)
{
    struct fixture *f = ctx;

    f->lines++;
    f->last_ns = time_ns;
    snprintf(f->last, sizeof(f->last), "%s", line);
}

static void start(struct fixture *f, const char *scenario)
{
    static const struct judge_wants wants = {"rv64", "9f00c0de", "0a0b0c0d"};

    *f = (struct fixture){.end = {.exited = true, .status = 33}};
    assert_int_equal(files_parse("t.scn", scenario, strlen(scenario), &f->scenario, stderr), 0);
    f->judge = judge_new(f->scenario, &wants);
}

/* Bytes as they are. */
static void raw(struct fixture *f, const char *bytes)
{
    judge_bytes(f->judge, bytes, strlen(bytes), on_line, f);
}

/* CRC-16, polynomial 0x1021, from 0xffff: "123456789" gives 0x29b1. */
static unsigned crc(const char *text)
{
    unsigned sum = 0xffff;

    for (; *text; text++)
        for (unsigned bit = 0x80; bit; bit >>= 1) {
            bool carry = (sum & 0x8000) != ((unsigned)(uint8_t)*text & bit ? 0x8000 : 0);

            sum = (sum << 1 ^ (carry ? 0x1021 : 0)) & 0xffff;
        }
    return sum;
}

/* Text in a frame without its LF. */
static const char *framed(unsigned long sequence, const char *text)
{
    static char line[600];
    char body[560];

    snprintf(body, sizeof(body), "@%lu %s", sequence, text);
    snprintf(line, sizeof(line), "%s *%04x", body, crc(body));
    return line;
}

static void say_at(struct fixture *f, const char *text, unsigned long us)
{
    char timed[512];

    snprintf(timed, sizeof(timed), "%s t=%lu", text, us);
    raw(f, framed(++f->sequence, timed));
    raw(f, "\n");
}

static void say(struct fixture *f, const char *text)
{
    say_at(f, text, 10 * f->sequence);
}

/* The lines of a good run besides `text` (may be NULL). */
static void say_run(struct fixture *f, const char *text)
{
    say(f, BEGIN);
    if (text)
        say(f, text);
    say(f, OK);
    say(f, END);
}

static void finish(struct fixture *f, enum judgement wanted, const char *words)
{
    enum judgement v = judge_finish(f->judge, &f->end, &f->failure);

    if (v != wanted)
        fail_msg("%s instead of %s: %s", judgement_word(v), judgement_word(wanted),
                 f->failure.message);
    assert_int_equal(f->failure.kind, wanted == JUDGED_PASS ? FAILURE_NONE : FAILURE_EXPECT);
    if (!strstr(f->failure.message, words))
        fail_msg("'%s' lacks '%s'", f->failure.message, words);
    judge_free(f->judge);
    scenario_free(f->scenario);
}

static void the_checksum_is_the_known_one(void **state)
{
    (void)state;
    assert_int_equal(crc("123456789"), 0x29b1);
}

static void a_good_log_passes(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect dhcp: offer addr=1\n");
    raw(&f, "OpenSBI v1.1\r\n   ____\n\n");
    assert_false(judge_begun(f.judge));
    say_run(&f, "dhcp: offer mask=2 addr=1");
    assert_true(judge_begun(f.judge));
    assert_true(judge_ended(f.judge));
    assert_false(judge_lost(f.judge));
    assert_int_equal(f.lines, 4);
    assert_string_equal(f.last, END);
    assert_int_equal(f.last_ns, SIM_POWER_ON_NS + 30 * NS_PER_US);
    finish(&f, JUDGED_PASS, "");
}

static void it_comes_in_any_pieces_and_with_cr(void **state)
{
    struct fixture f;
    char log[1000] = "\r\n";

    (void)state;
    start(&f, "never tcp: rst\n");
    snprintf(log + strlen(log), 300, "%s\r\n", framed(1, BEGIN " t=1"));
    snprintf(log + strlen(log), 300, "%s\r\n", framed(2, OK " t=2"));
    snprintf(log + strlen(log), 300, "%s\r\n", framed(3, END " t=3"));
    for (char *at = log; *at; at++)
        judge_bytes(f.judge, at, 1, NULL, NULL);
    finish(&f, JUDGED_PASS, "");
}

/* ---- each verdict ---- */

static void start_is_a_status_without_a_line(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "never tcp: rst\n");
    f.end.status = 1;
    finish(&f, JUDGED_START, "status 1 before the first line");
    start(&f, "never tcp: rst\n");
    raw(&f, "SeaBIOS\n");
    f.end.status = 1;
    f.end.said = "qemu: no such machine";
    finish(&f, JUDGED_START, "before the first line: qemu: no such machine");
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    f.end.status = 1;
    finish(&f, JUDGED_INCOMPLETE, "status 1, and \"test: end\" is missing after line 1");
}

static void stale_is_another_run_build_target_or_protocol(void **state)
{
    static const char *const lines[] = {
        "test: begin proto=1 target=rv64 build=0a0b0c0d run=9f00c0df plan=1",
        "test: begin proto=1 target=rv64 build=0a0b0c0e run=9f00c0de plan=1",
        "test: begin proto=1 target=x86_64 build=0a0b0c0d run=9f00c0de plan=1",
        "test: begin proto=2 target=rv64 build=0a0b0c0d run=9f00c0de plan=1",
        "test: begin proto=1 target=rv64 build=0a0b0c0d plan=1",
    };
    static const char *const keys[] = {"run=", "build=", "target=", "proto=", "run="};
    struct fixture f;

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(lines); i++) {
        start(&f, "never tcp: rst\n");
        say(&f, lines[i]);
        assert_true(judge_lost(f.judge));
        say(&f, OK);
        say(&f, END);
        finish(&f, JUDGED_STALE, keys[i]);
    }
}

static void a_kernel_that_does_not_know_the_run_must_fail(void **state)
{
    static const char begin[] = "test: begin proto=1 target=rv64 build=0a0b0c0d run=unknown plan=1";
    struct fixture f;

    (void)state;
    start(&f, "never tcp: rst\n");
    say(&f, begin);
    say(&f, "test: fail case=machine why=boot:device-tree");
    finish(&f, JUDGED_FAIL, "why=boot:device-tree");
    start(&f, "never tcp: rst\n");
    say(&f, begin);
    say(&f, OK);
    say(&f, END);
    finish(&f, JUDGED_STALE, "does not know its run id");
}

static void panic_is_its_line_or_its_status(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    say(&f, "test: panic why=page-fault pc=0x1");
    assert_true(judge_lost(f.judge));
    f.end.status = 37;
    finish(&f, JUDGED_PANIC, "why=page-fault");
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    f.end.status = 37;
    finish(&f, JUDGED_PANIC, "status 37 without a message");
}

static void fail_is_said_by_the_guest_a_never_or_the_far_side(void **state)
{
    static const struct failure violation = {
        .kind = FAILURE_EXPECT, .oracle = "frame.source_mac", .message = "the source MAC"};
    struct fixture f;

    (void)state;
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    say(&f, "test: fail case=machine why=no-network-device");
    assert_true(judge_lost(f.judge));
    say(&f, "test: end ok=0 fail=1 skip=0 notrun=0");
    f.end.status = 35;
    finish(&f, JUDGED_FAIL, "why=no-network-device");

    start(&f, "never tcp: rst\n");
    say_run(&f, NULL);
    f.end.status = 35;
    finish(&f, JUDGED_FAIL, "status 35 without a message");

    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    say(&f, OK);
    say(&f, "test: end ok=0 fail=1 skip=0 notrun=0");
    finish(&f, JUDGED_FAIL, "fail=1");

    start(&f, "never tcp: rst\n");
    say_run(&f, "tcp: rst dir=tx");
    finish(&f, JUDGED_FAIL, "must never be");
    assert_string_equal(f.failure.oracle, "never");
    assert_string_equal(f.failure.site, "t.scn:1");

    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    judge_violation(f.judge, &(struct failure){0});
    assert_false(judge_lost(f.judge));
    judge_violation(f.judge, &violation);
    assert_true(judge_lost(f.judge));
    finish(&f, JUDGED_FAIL, "the source MAC");
    assert_string_equal(f.failure.oracle, "frame.source_mac");
}

static void crash_is_a_signal_nobody_sent(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    f.end = (struct judge_end){.exited = true, .signal = 11};
    finish(&f, JUDGED_CRASH, "signal 11 after line 1");
    start(&f, "never tcp: rst\n");
    f.end = (struct judge_end){.exited = true, .signal = 6};
    finish(&f, JUDGED_CRASH, "signal 6 after line 0");
}

static void timeout_is_a_limit(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect tcp: rst\n");
    f.end = (struct judge_end){.limit = "silence"};
    finish(&f, JUDGED_TIMEOUT, "silence; the last line is number 0");
    start(&f, "expect tcp: rst\n");
    say(&f, BEGIN);
    f.end = (struct judge_end){.limit = "silence"};
    finish(&f, JUDGED_TIMEOUT, "silence; the last line is number 1");
}

static void reset_is_status_0(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "never tcp: rst\n");
    f.end.status = 0;
    finish(&f, JUDGED_RESET, "after line 0");
    start(&f, "never tcp: rst\n");
    say_run(&f, NULL); /* even then */
    f.end.status = 0;
    finish(&f, JUDGED_RESET, "after line 3");
}

static void incomplete_is_an_end_that_is_missing_or_wrong(void **state)
{
    static const char *const ends[] = {
        "test: end ok=0 fail=0 skip=0 notrun=1",
        "test: end ok=2 fail=0 skip=0 notrun=0",
        "test: end ok=0 fail=0 skip=1 notrun=1",
        "test: end",
    };
    struct fixture f;

    (void)state;
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    say(&f, OK);
    finish(&f, JUDGED_INCOMPLETE, "\"test: end\" is missing after line 2");

    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    raw(&f, "@2 test: o");
    finish(&f, JUDGED_INCOMPLETE, "the last line is incomplete: \"@2 test: o\"");

    start(&f, "never tcp: rst\n");
    say_run(&f, NULL);
    say(&f, "tcp: connected");
    finish(&f, JUDGED_INCOMPLETE, "after the last line");

    start(&f, "never tcp: rst\n");
    say_run(&f, NULL);
    f.end.status = 5;
    finish(&f, JUDGED_INCOMPLETE, "status 5 instead of 33");

    for (unsigned i = 0; i < ARRAY_COUNT(ends); i++) {
        start(&f, "never tcp: rst\n");
        say(&f, BEGIN);
        say(&f, OK);
        say(&f, ends[i]);
        finish(&f, JUDGED_INCOMPLETE, "1 of 1 cases");
    }

    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    say(&f, END);
    finish(&f, JUDGED_INCOMPLETE, "0 of 1 cases");
}

static void markers_are_expectations_that_were_not_met(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect tcp: connected remote=7\n");
    say_run(&f, "tcp: connected remote=8");
    assert_false(judge_lost(f.judge));
    finish(&f, JUDGED_MARKERS, "nearest line: \"tcp: connected remote=8\"");
    assert_string_equal(f.failure.oracle, "expect");

    start(&f, "expect tcp: connected count=2\n");
    say_run(&f, "tcp: connected");
    finish(&f, JUDGED_MARKERS, "2 times, only 1");

    start(&f, "expect a: up mac=52:* rx>=2\n");
    say_run(&f, "a: up mac=52:55 rx=10");
    finish(&f, JUDGED_PASS, "");

    start(&f, "expect a: up mac=52:* rx>=2\n");
    say_run(&f, "a: up mac=52:55 rx=1");
    finish(&f, JUDGED_MARKERS, "");
}

static void late_is_known_at_the_next_line(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect tcp: connected by 2s\n");
    say(&f, BEGIN);
    say_at(&f, "tcp: connected", 2000000);
    assert_false(judge_lost(f.judge));
    say(&f, OK);
    say(&f, END);
    finish(&f, JUDGED_PASS, "");

    start(&f, "expect tcp: connected by 2s\nnever tcp: rst\n");
    say(&f, BEGIN);
    say_at(&f, "tcp: state", 2000001);
    assert_true(judge_lost(f.judge));
    f.end = (struct judge_end){0}; /* the runner ended it */
    finish(&f, JUDGED_MARKERS, "was not seen by 2.000000s; nearest line: \"tcp: state\"");

    start(&f, "expect tcp: connected by 2s\nnever tcp: rst\n");
    say(&f, BEGIN);
    say_at(&f, "tcp: state", 2000001);
    say_at(&f, "tcp: rst", 2000002);
    finish(&f, JUDGED_FAIL, "must never be");
}

/* ---- damage ---- */

/* A run whose second line is `line`, unchanged. */
static void damaged(const char *line, const char *words)
{
    struct fixture f;
    char copy[700]; /* framed() has one buffer */

    snprintf(copy, sizeof(copy), "%s", line);
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    raw(&f, copy);
    raw(&f, "\n");
    assert_true(judge_lost(f.judge));
    f.sequence = 2;
    say(&f, OK);
    say(&f, END);
    finish(&f, JUDGED_FRAMING, words);
}

static void framing_is_any_damage(void **state)
{
    char line[700];

    (void)state;
    damaged("hello", "not a framed line: \"hello\"");
    damaged("@2 tcp: x t=1 *12", "not a framed line");
    damaged("@2 tcp: x t=1 *00g0", "not a framed line");
    damaged("@2 tcp: x t=1*0000", "not a framed line");
    damaged("*0000", "not a framed line");
    damaged("@", "not a framed line");
    damaged("@2 tcp: x t=1 *0000", "bad checksum");
    damaged("\x1b[31m@2 tcp: x t=1 *0000", "\"?[31m@2"); /* the terminal is left alone */
    damaged(framed(3, "tcp: x t=1"), "line 1 is followed by: \"@3 tcp: x t=1\"");
    damaged(framed(1, "tcp: x t=1"), "line 1 is followed by: \"@1");
    damaged(framed(2, "tcp: x"), "no time in");
    damaged(framed(2, "tcp: x t="), "no time in");
    damaged(framed(2, "tcp: x t=1s"), "no time in");
    damaged(framed(2, ""), "no time in");
    snprintf(line, sizeof(line), "%s", framed(2, "tcp: x t=1"));
    line[9]++;
    damaged(line, "bad checksum");
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = 0;
    damaged(line, "a line is longer than 512 octets");
}

static void numbers_have_one_way_to_be_written(void **state)
{
    static const char *const bodies[] = {"@02 tcp: x t=1", "@+2 tcp: x t=1", "@ 2 tcp: x t=1",
                                         "@2tcp: x t=1", "#2 tcp: x t=1"};
    char line[100];

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(bodies); i++) {
        snprintf(line, sizeof(line), "%s *%04x", bodies[i], crc(bodies[i]));
        damaged(line, "");
    }
}

static void the_first_line_must_be_the_beginning(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "never tcp: rst\n");
    say(&f, "tcp: connected");
    finish(&f, JUDGED_FRAMING, "the first line is: \"tcp: connected\"");
    start(&f, "never tcp: rst\n");
    f.sequence = 1;
    say(&f, "tcp: connected");
    finish(&f, JUDGED_FRAMING, "line 0 is followed by: \"@2");
}

static void firmware_says_200_lines_at_most(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "never tcp: rst\n");
    for (unsigned i = 0; i < 200; i++)
        raw(&f, "banner\n");
    assert_false(judge_lost(f.judge));
    raw(&f, "banner\n");
    assert_true(judge_lost(f.judge));
    f.end = (struct judge_end){0};
    finish(&f, JUDGED_FRAMING, "no framed line among the first 200");
}

/* ---- which one wins ---- */

static void the_first_of_the_table_wins(void **state)
{
    struct fixture f;

    (void)state;
    /* STALE before PANIC. */
    start(&f, "never tcp: rst\n");
    say(&f, "test: begin proto=1 target=rv64 build=0a0b0c0d run=1 plan=1");
    say(&f, "test: panic why=x");
    finish(&f, JUDGED_STALE, "");
    /* PANIC before the FRAMING of the line that it cut, ... */
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    raw(&f, "@2 netstackd: virt0 dh\n");
    f.sequence = 2;
    say(&f, "test: panic why=check");
    f.end.status = 37;
    finish(&f, JUDGED_PANIC, "why=check");
    /* ... also when its own line was lost. */
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    raw(&f, "@2 netstackd: virt0 dh\n");
    f.end.status = 37;
    finish(&f, JUDGED_PANIC, "status 37");
    /* PANIC before FAIL, whichever came first. */
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    say(&f, "test: fail case=machine why=x");
    say(&f, "test: panic why=y");
    finish(&f, JUDGED_PANIC, "why=y");
    /* FAIL before FRAMING. */
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    raw(&f, "garbage\n");
    say(&f, "test: fail case=machine why=x");
    finish(&f, JUDGED_FAIL, "why=x");
    /* FRAMING before CRASH. */
    start(&f, "never tcp: rst\n");
    say(&f, BEGIN);
    raw(&f, "garbage\n");
    f.end = (struct judge_end){.exited = true, .signal = 11};
    finish(&f, JUDGED_FRAMING, "");
    /* CRASH before INCOMPLETE, TIMEOUT before MARKERS, RESET before both. */
    start(&f, "expect tcp: x\n");
    say(&f, BEGIN);
    raw(&f, "@2 cut");
    f.end = (struct judge_end){.exited = true, .signal = 11};
    finish(&f, JUDGED_CRASH, "");
    start(&f, "expect tcp: x\n");
    say(&f, BEGIN);
    f.end = (struct judge_end){.limit = "silence"};
    finish(&f, JUDGED_TIMEOUT, "");
    start(&f, "expect tcp: x\n");
    say(&f, BEGIN);
    f.end.status = 0;
    finish(&f, JUDGED_RESET, "");
    /* INCOMPLETE before MARKERS. */
    start(&f, "expect tcp: x\n");
    say(&f, BEGIN);
    finish(&f, JUDGED_INCOMPLETE, "");
}

static void what_the_driver_noticed_is_added(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect tcp: x\n");
    say(&f, BEGIN);
    say(&f, "virtionetd: stalled queue=tx in_flight=1");
    say(&f, "virtionetd: link=up");
    f.end = (struct judge_end){.limit = "silence"};
    finish(&f, JUDGED_TIMEOUT, "\"virtionetd: stalled queue=tx in_flight=1\", then: silence");
    start(&f, "never tcp: x\n");
    say(&f, BEGIN);
    say(&f, "virtionetd: failed reason=used-index value=0x1");
    say(&f, "test: fail case=machine why=device-failed");
    finish(&f, JUDGED_FAIL, "value=0x1\", then: test: fail case=machine why=device-failed");
    start(&f, "never tcp: x\n");
    say_run(&f, "virtionetd: stalled queue=tx in_flight=1"); /* and it came through */
    finish(&f, JUDGED_PASS, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_the_known_one),
        cmocka_unit_test(a_good_log_passes),
        cmocka_unit_test(it_comes_in_any_pieces_and_with_cr),
        cmocka_unit_test(start_is_a_status_without_a_line),
        cmocka_unit_test(stale_is_another_run_build_target_or_protocol),
        cmocka_unit_test(a_kernel_that_does_not_know_the_run_must_fail),
        cmocka_unit_test(panic_is_its_line_or_its_status),
        cmocka_unit_test(fail_is_said_by_the_guest_a_never_or_the_far_side),
        cmocka_unit_test(crash_is_a_signal_nobody_sent),
        cmocka_unit_test(timeout_is_a_limit),
        cmocka_unit_test(reset_is_status_0),
        cmocka_unit_test(incomplete_is_an_end_that_is_missing_or_wrong),
        cmocka_unit_test(markers_are_expectations_that_were_not_met),
        cmocka_unit_test(late_is_known_at_the_next_line),
        cmocka_unit_test(framing_is_any_damage),
        cmocka_unit_test(numbers_have_one_way_to_be_written),
        cmocka_unit_test(the_first_line_must_be_the_beginning),
        cmocka_unit_test(firmware_says_200_lines_at_most),
        cmocka_unit_test(the_first_of_the_table_wins),
        cmocka_unit_test(what_the_driver_noticed_is_added),
    };

    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
