/* Expectations: which lines match, when, how often, and the message of a failure. */
#include "../../cmd/base/files.h"
#include "../../sim/scenario/scenario.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* A run without a machine: the test sets the time and prints the lines. */
struct fixture {
    struct scenario *scenario;
    struct sim sim;
    struct expectations e;
};

static void start(struct fixture *f, const char *text)
{
    memset(f, 0, sizeof(*f));
    assert_int_equal(files_parse("t.scn", text, strlen(text), &f->scenario, stderr), 0);
    sim_start(&f->sim, 1);
    expectations_start(&f->e, f->scenario, &f->sim);
}

static void end(struct fixture *f)
{
    expectations_free(&f->e);
    sim_free(&f->sim);
    scenario_free(f->scenario);
}

static void say_at(struct fixture *f, uint64_t since_power_on_ns, const char *line)
{
    f->sim.now_ns = SIM_POWER_ON_NS + since_power_on_ns;
    expectations_line(&f->e, line);
}

/* The run has failed, there, and the message holds the words. */
static void failed_at(const struct fixture *f, const char *oracle, const char *site,
                      const char *words)
{
    assert_int_equal(f->sim.failure.kind, FAILURE_EXPECT);
    assert_string_equal(f->sim.failure.oracle, oracle);
    assert_string_equal(f->sim.failure.site, site);
    if (!strstr(f->sim.failure.message, words))
        fail_msg("'%s' lacks '%s'", f->sim.failure.message, words);
}

/* Does the one expectation of `text` match the line? */
static bool met(const char *text, const char *line)
{
    struct fixture f;
    bool result;

    start(&f, text);
    say_at(&f, 0, line);
    result = f.e.open == 0;
    expectations_check(&f.e, true);
    assert_int_equal(sim_failed(&f.sim), !result);
    end(&f);
    return result;
}

static void tokens_match_in_order_with_others_between(void **state)
{
    static const char text[] = "expect netstackd: virt0 addr=1 src=dhcp\n";

    (void)state;
    assert_true(met(text, "netstackd: virt0 addr=1 src=dhcp"));
    assert_true(met(text, "netstackd: virt0 dhcp addr=1 mask=2 src=dhcp lease=3"));
    assert_true(met(text, "netstackd: x virt0 virt0 addr=1 addr=1 src=dhcp"));
    assert_false(met(text, "netstackd: virt0 src=dhcp addr=1"));
    assert_false(met(text, "netstackd: virt0 addr=1"));
    assert_false(met(text, "netstackd: virt0 addr=11 src=dhcp"));
    assert_false(met(text, "netstackd: virt addr=1 src=dhcp"));
    assert_false(met(text, "netstackd:"));
    assert_true(met("expect tcp:\n", "tcp: anything"));
}

static void a_star_at_the_end_stands_for_anything(void **state)
{
    (void)state;
    assert_true(met("expect a: mac=52:*\n", "a: x mac=52:55"));
    assert_true(met("expect a: mac=52:*\n", "a: mac=52:"));
    assert_true(met("expect a: mac=* up\n", "a: mac= up"));
    assert_false(met("expect a: mac=52:*\n", "a: mac=52"));
    assert_false(met("expect a: mac=52:*\n", "a: smac=52:55"));
    assert_false(met("expect a: mac=*:55\n", "a: mac=52:55")); /* nowhere else */
    assert_true(met("expect a: *\n", "a: *"));
    assert_false(met("expect a: *\n", "a: b")); /* and not alone */
    assert_false(met("expect a: b*\n", "a:"));
}

static void a_field_may_be_at_least_a_number(void **state)
{
    (void)state;
    assert_true(met("expect a: rx>=2\n", "a: tx=1 rx=2"));
    assert_true(met("expect a: rx>=2\n", "a: rx=10"));
    assert_true(met("expect a: rx>=0\n", "a: rx=18446744073709551"));
    assert_true(met("expect a: rx>=2\n", "a: rx=1 rx=3"));
    assert_false(met("expect a: rx>=2\n", "a: rx=1"));
    assert_false(met("expect a: rx>=2\n", "a: rx="));
    assert_false(met("expect a: rx>=2\n", "a: rx=3s"));
    assert_false(met("expect a: rx>=2\n", "a: rx=0x3"));
    assert_false(met("expect a: rx>=2\n", "a: rx=-3"));
    assert_false(met("expect a: rx>=2\n", "a: trx=3"));
    assert_false(met("expect a: rx>=2\n", "a: rxx=3"));
    assert_false(met("expect a: rx>=2\n", "a: rx 3"));
    assert_false(met("expect a: rx>=2\n", "a: rx=99999999999999999999")); /* no such number */
    assert_false(met("expect a: rx>=two\n", "a: rx=2"));
    assert_true(met("expect a: rx>=2\n", "a: rx>=2")); /* itself */
}

static void the_component_must_be_equal(void **state)
{
    (void)state;
    assert_false(met("expect tcp: rst\n", "tcpd: rst"));
    assert_false(met("expect tcpd: rst\n", "tcp: rst"));
    assert_false(met("expect tcp: rst\n", "webget: | tcp: rst"));
    assert_false(met("expect tcp: rst\n", ""));
    assert_false(met("expect tcp: rst\n", "tcp"));
}

static void only_wanted_components_are_wanted(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect tcp: connected\nnever kernel: fault\n");
    assert_true(expectations_wants(&f.e, "tcp"));
    assert_true(expectations_wants(&f.e, "kernel"));
    assert_false(expectations_wants(&f.e, "netstackd"));
    end(&f);
}

static void by_includes_its_moment_and_nothing_later(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect tcp: connected by 2s\n");
    assert_true(f.e.deadline_ns > SIM_POWER_ON_NS + 2 * NS_PER_S);
    say_at(&f, 2 * NS_PER_S, "tcp: connected");
    assert_int_equal(f.e.open, 0);
    assert_true(f.e.deadline_ns == SIM_NEVER);
    end(&f);

    start(&f, "expect tcp: connected by 2s\n");
    f.sim.now_ns = SIM_POWER_ON_NS + 2 * NS_PER_S;
    expectations_check(&f.e, false);
    assert_false(sim_failed(&f.sim));
    say_at(&f, 2 * NS_PER_S + 1, "tcp: connected");
    assert_int_equal(f.e.open, 1);
    f.sim.now_ns = f.e.deadline_ns;
    expectations_check(&f.e, false);
    failed_at(&f, "expect", "t.scn:1", "tcp: connected was not seen by 2.000000s");
    end(&f);
}

static void the_earliest_open_deadline_counts(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect a: x by 5s\nexpect b: x by 3s\nexpect c: x\nnever d: x by 1s\n");
    assert_int_equal(f.e.deadline_ns, SIM_POWER_ON_NS + 3 * NS_PER_S + 1);
    say_at(&f, NS_PER_S, "b: x");
    assert_int_equal(f.e.deadline_ns, SIM_POWER_ON_NS + 5 * NS_PER_S + 1);
    end(&f);
}

static void lines_before_after_do_not_count(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect tcp: connected after 2s\n");
    say_at(&f, NS_PER_S, "tcp: connected");
    assert_int_equal(f.e.open, 1);
    say_at(&f, 2 * NS_PER_S, "tcp: connected");
    assert_int_equal(f.e.open, 0);
    end(&f);
}

static void count_asks_for_so_many_lines(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect tcp: connected count=2\n");
    say_at(&f, 0, "tcp: connected");
    assert_int_equal(f.e.open, 1);
    expectations_check(&f.e, false);
    assert_false(sim_failed(&f.sim));
    expectations_check(&f.e, true);
    failed_at(&f, "expect", "t.scn:1", "not seen 2 times, only 1");
    say_at(&f, 0, "tcp: connected");
    assert_int_equal(f.e.open, 0);
    say_at(&f, 0, "tcp: connected");
    assert_int_equal(f.e.open, 0);
    end(&f);
}

static void never_fails_at_once(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "# a comment\nnever tcp: rst dir=tx\n");
    assert_int_equal(f.e.open, 0);
    say_at(&f, 0, "tcp: rst dir=rx");
    assert_false(sim_failed(&f.sim));
    say_at(&f, 3, "tcp: rst dir=tx local=7");
    failed_at(&f, "never", "t.scn:2", "tcp: rst dir=tx local=7");
    assert_int_equal(f.sim.failure.time_ns, SIM_POWER_ON_NS + 3);
    end(&f);
}

static void never_has_its_times_too(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "never tcp: rst after 1s by 2s\n");
    say_at(&f, 0, "tcp: rst");
    say_at(&f, 3 * NS_PER_S, "tcp: rst");
    assert_false(sim_failed(&f.sim));
    end(&f);
}

static void the_message_shows_the_nearest_line(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect webget: done status=200 bytes=26\n");
    say_at(&f, NS_PER_MS, "webget: start");
    say_at(&f, 1500 * NS_PER_MS, "webget: done status=404 bytes=26");
    say_at(&f, 2 * NS_PER_S, "webget: bye");
    say_at(&f, 3 * NS_PER_S, "other: done status=200");
    expectations_check(&f.e, true);
    failed_at(&f, "expect", "t.scn:1",
              "nearest line: \"webget: done status=404 bytes=26\" at 1.500000s");
    end(&f);
}

static void a_value_of_the_right_key_is_nearer_than_none(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect webget: done status=200\n");
    say_at(&f, 1, "webget: status=500");
    say_at(&f, 2, "webget: bye");
    expectations_check(&f.e, true);
    failed_at(&f, "expect", "t.scn:1", "\"webget: status=500\"");
    end(&f);
}

static void a_silent_component_is_said_to_be_silent(void **state)
{
    struct fixture f;

    (void)state;
    start(&f, "expect webgit: done\n");
    say_at(&f, 1, "webget: done");
    expectations_check(&f.e, true);
    failed_at(&f, "expect", "t.scn:1", "no line from webgit");
    end(&f);
}

static void long_paths_keep_their_line_and_long_lines_are_cut(void **state)
{
    struct fixture f;
    char path[400], line[2000];
    const char *text = "\n\nexpect webget: done\n";

    (void)state;
    memset(path, 'p', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    memcpy(line, "webget: ", 8);
    memset(&f, 0, sizeof(f));
    assert_int_equal(files_parse(path, text, strlen(text), &f.scenario, stderr), 0);
    sim_start(&f.sim, 1);
    expectations_start(&f.e, f.scenario, &f.sim);
    say_at(&f, 1, line);
    expectations_check(&f.e, true);
    assert_non_null(strstr(f.sim.failure.site, "ppp:3"));
    assert_non_null(strstr(f.sim.failure.message, "webget: xxx"));
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_match_in_order_with_others_between),
        cmocka_unit_test(a_star_at_the_end_stands_for_anything),
        cmocka_unit_test(a_field_may_be_at_least_a_number),
        cmocka_unit_test(the_component_must_be_equal),
        cmocka_unit_test(only_wanted_components_are_wanted),
        cmocka_unit_test(by_includes_its_moment_and_nothing_later),
        cmocka_unit_test(the_earliest_open_deadline_counts),
        cmocka_unit_test(lines_before_after_do_not_count),
        cmocka_unit_test(count_asks_for_so_many_lines),
        cmocka_unit_test(never_fails_at_once),
        cmocka_unit_test(never_has_its_times_too),
        cmocka_unit_test(the_message_shows_the_nearest_line),
        cmocka_unit_test(a_value_of_the_right_key_is_nearer_than_none),
        cmocka_unit_test(a_silent_component_is_said_to_be_silent),
        cmocka_unit_test(long_paths_keep_their_line_and_long_lines_are_cut),
    };

    return cmocka_run_group_tests_name("expectations", tests, NULL, NULL);
}
