/*
 * System calls at their worst moments. Each program is run once to count its waits; then it is
 * killed at each of them, and everything it had must be freed: no connection, no socket, no buffer
 * is left (the run would not end, or an oracle would report it). Then the same with a transmit ring
 * that is full for seconds, where every call must wait and still finish.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../cmd/base/files.h"
#include "../../sim/run/run.h"
#include <stdio.h>

#define HEAD "title calls\nworld native\ndevice virtio-net queue=2\nlimit 1200s\n"

static const struct {
    const char *name, *text;
    const char *expect; /* appended where the program is left to finish */
} programs[] = {
    {"webget",
     HEAD "serve http 10.0.2.2:80 path=/ size=20000 delay=1s\nrun webget -q http://10.0.2.2/\n",
     "expect webget: done status=200 bytes=20000\n"},
    {"tcpsend", HEAD "serve tcp-echo 10.0.2.2:7\nrun tcpsend -q 10.0.2.2 7 150000\n",
     "expect tcpsend: done sent=150000 received=150000\n"},
    {"udpsend", HEAD "serve udp-echo 10.0.2.2:7\nrun udpsend 10.0.2.2 7 hello -n 3 -w\n",
     "expect udpsend: done sent=3\n"},
    {"ping", HEAD "run ping -c 2 10.0.2.2\n", "expect ping: done sent=2\n"},
    {"netinfo", HEAD "run netinfo\n", "expect netinfo: addr=10.0.2.15\n"},
    {"echod",
     HEAD
     "daemon echod\nat 500ms dial 7 send=\"hello there\"\nat 500ms datagram 7 send=\"dgram\"\n",
     ""},
};

static struct scenario *parse(unsigned i, bool finish)
{
    struct scenario *sc;
    char text[1000];

    /* A ring that stood still holds back what TCP owes, and lets ARP requests out at once. A
     * program that is killed does not come to its service. */
    snprintf(text, sizeof(text), "%s%s%s", programs[i].text, finish ? programs[i].expect : "",
             finish ? "oracle off arp.rate\noracle off tcp.silent\noracle off tcp.timer\n"
                    : "allow idle-line\n");
    assert_int_equal(files_parse(programs[i].name, text, strlen(text), &sc, stderr), 0);
    return sc;
}

static void expect_pass(const struct run_result *r, const char *name, unsigned k)
{
    if (r->failure.kind != FAILURE_NONE)
        print_error("%s, wait %u: %s: %s (%s)\n", name, k, r->failure.oracle, r->failure.message,
                    r->world);
    assert_int_equal(r->failure.kind, FAILURE_NONE);
}

static void killed_at_each_wait_a_program_leaves_nothing_behind(void **state)
{
    struct run_context *c = run_context_new();

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(programs); i++) {
        struct scenario *sc = parse(i, false);
        struct run_options o = {.seed = 7, .kill_program = 1, .weak_memory = TOGGLE_ON};
        struct run_result r;
        unsigned waits;

        run_scenario(c, sc, &o, &r);
        expect_pass(&r, programs[i].name, 0);
        waits = r.waits;
        assert_true(waits >= 1);
        for (unsigned k = 1; k <= waits; k++) {
            o.kill_at_wait = k;
            run_scenario(c, sc, &o, &r);
            /* The far end of a dial gets nothing from a dead program, and may fail. */
            if (strcmp(programs[i].name, "echod") || strncmp(r.failure.oracle, "world.", 6))
                expect_pass(&r, programs[i].name, k);
        }
        scenario_free(sc);
    }
    run_context_free(c);
}

static void with_a_full_ring_every_call_waits_and_finishes(void **state)
{
    static const uint64_t from_ms[] = {0, 1, 500, 1001, 1050};
    struct run_context *c = run_context_new();

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(programs); i++) {
        struct scenario *sc = parse(i, true);

        for (unsigned k = 0; k < ARRAY_COUNT(from_ms); k++) {
            struct run_options o = {.seed = k,
                                    .hold_from_ns = from_ms[k] * NS_PER_MS,
                                    .hold_until_ns = from_ms[k] * NS_PER_MS + 9 * NS_PER_S};
            struct run_result r;

            run_scenario(c, sc, &o, &r);
            expect_pass(&r, programs[i].name, k);
        }
        scenario_free(sc);
    }
    run_context_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_at_each_wait_a_program_leaves_nothing_behind),
        cmocka_unit_test(with_a_full_ring_every_call_waits_and_finishes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
