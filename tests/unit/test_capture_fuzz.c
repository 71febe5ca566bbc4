/*
 * Captures damaged at random, by seed: for any bytes the reader and its users (the plan of a
 * replay, the digest, readdressing, the import of TCP, DHCP and pings) stay within bounds, and an
 * imported scenario sends the same bytes. Each file is parsed in memory of exactly its size, so
 * that sanitizers detect overruns.
 *
 *     test_capture_fuzz [BYTES [SEED]]      that many mutated bytes; 2000000 by default
 */
#include "../../cmd/base/files.h"
#include "../../sim/frame/capture.h"
#include "../../sim/frame/digest.h"
#include "../../cmd/replay/import.h"
#include "../../cmd/replay/import_dhcp.h"
#include "../../cmd/replay/import_echo.h"
#include "../../sim/world/native/native_observe.h"
#include "../../sim/world/recorded/recorded_plan.h"
#include "../../sim/scenario/scenario.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { FILES = 10, FILE_SIZE = 8192, MUTATIONS = 16 };

/* Both formats, a capture with comments and rings, one of QEMU, fragments, odd lengths. */
static const char *const paths[FILES] = {
    "tests/captures/web.pcap",
    "tests/captures/web-lost-synack.pcapng",
    "tests/captures/lease-lost-offer.pcap",
    "tests/captures/public/frag/zeek-fragmented-1.pcap",
    "tests/captures/public/ip-malformed/pcpp-ipv4-malformed.pcap",
    "tests/captures/public/http/arkime-http-301-get.pcap",
    "tests/captures/public/dhcp/pcpp-Dhcp3.pcap",
    "tests/captures/public/dhcp/tcpdump-dhcp-rfc3004.pcap",
    "tests/captures/public/dhcp/tcpdump-dhcp-option-33.pcap",
    "tests/captures/public/icmp/zeek-5-pings.pcap",
};

static uint8_t files[FILES][FILE_SIZE];
static size_t lens[FILES];
static uint64_t wanted = 2000000, state = 1, connections, imported, pings;

static uint32_t draw(uint32_t bound)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % bound);
}

static int read_files(void **unused)
{
    (void)unused;
    for (unsigned i = 0; i < FILES; i++) {
        FILE *f = fopen(paths[i], "rb");

        if (!f) {
            fprintf(stderr, "%s is not here: run this in the project's root\n", paths[i]);
            return -1;
        }
        lens[i] = fread(files[i], 1, FILE_SIZE, f);
        fclose(f);
    }
    return 0;
}

/* Lengths and counts break readers: their edges come more often than other values. */
static uint8_t value(void)
{
    static const uint8_t edges[] = {0, 1, 2, 4, 6, 8, 12, 16, 28, 32, 0x0a, 0x7f, 0x80, 0xfe, 0xff};

    return draw(2) ? edges[draw(sizeof(edges))] : (uint8_t)draw(256);
}

/* Headers are where structure is: half of the damage goes to the first 64 bytes. */
static unsigned mutate(uint8_t *bytes, size_t len)
{
    unsigned n = 1 + draw(MUTATIONS);

    for (unsigned i = 0; i < n; i++) {
        size_t at = draw(2) && len > 64 ? draw(64) : draw((uint32_t)len);

        if (i == 0 && draw(8)) /* the magic mostly stays, or nothing is read at all */
            at = at < 4 && len > 8 ? at + 4 : at;
        bytes[at] = value();
    }
    return n;
}

/* Lines are sorted by kind of request; within one, in the order of the import. */
static void same_answers(const struct dhcp_import *im, const struct scenario *sc)
{
    size_t at = 0;

    assert_int_equal(sc->native.dhcp_count, im->count);
    for (unsigned ask = 0; ask < ASKS; ask++)
        for (size_t i = 0; i < im->count; i++) {
            const struct dhcp_answer *a = &im->answers[i], *b = &sc->native.dhcp[at];

            if (a->ask != ask)
                continue;
            at++;
            assert_int_equal(a->ask, b->ask);
            assert_int_equal(a->n, b->n);
            assert_int_equal(a->silent, b->silent);
            if (a->silent)
                continue;
            assert_true(a->lost == b->lost && a->unicast == b->unicast &&
                        a->unsummed == b->unsummed);
            assert_true(a->src == b->src && a->dst == b->dst && a->chosen == b->chosen);
            assert_true(a->own_xid == b->own_xid && a->own_chaddr == b->own_chaddr);
            assert_int_equal(a->wait_ns, b->wait_ns);
            assert_int_equal(a->len, b->len);
            assert_memory_equal(a->bytes, b->bytes, a->len);
        }
}

/* The script sends what the peer sent. */
static void same_stream(const struct flow_side *peer, const struct scenario *sc)
{
    size_t at = 0;

    assert_int_equal(sc->service_count, 1);
    for (unsigned i = 0; i < sc->services[0].step_count; i++) {
        const struct script_step *step = &sc->services[0].steps[i];

        assert_true(step->len <= peer->len - at);
        if (step->len)
            assert_memory_equal(step->bytes, peer->bytes + at, step->len);
        at += step->len;
    }
    assert_int_equal(at, peer->len);
}

static void import_tcp(const struct capture *c)
{
    struct import_wish wish = {.name = "fuzz"};
    struct import im;
    size_t count = 1;
    char problem[200];

    for (wish.flow = 1; wish.flow <= count; wish.flow++)
        for (wish.role = ROLE_CLIENT; wish.role <= ROLE_SERVER; wish.role++) {
            char *text = NULL;
            size_t len;
            FILE *out;
            struct scenario *sc;

            if (import_open(&im, c, &wish, problem, sizeof(problem))) {
                assert_true(strlen(problem) > 0 && !strchr(problem, '\n'));
                continue;
            }
            count = im.flows.count;
            out = open_memstream(&text, &len);
            assert_non_null(out);
            import_write(&im, out, NULL);
            fclose(out);
            assert_int_equal(files_parse("fuzz", text, len, &sc, stderr), 0);
            same_stream(import_peer(&im), sc);
            scenario_free(sc);
            free(text);
            import_close(&im);
            connections++;
        }
}

static void import_dhcp(const struct capture *c)
{
    struct import_wish wish = {.name = "fuzz"};
    struct dhcp_import im = {.total = 1};
    struct scenario *sc;

    for (wish.flow = 1; wish.flow <= im.total; wish.flow++) {
        if (dhcp_import_open(&im, c, &wish)) {
            char *text = NULL;
            size_t len;
            FILE *out = open_memstream(&text, &len);

            assert_non_null(out);
            dhcp_import_write(&im, out);
            fclose(out);
            assert_int_equal(files_parse("fuzz", text, len, &sc, stderr), 0);
            same_answers(&im, sc);
            scenario_free(sc);
            free(text);
            imported++;
        }
        dhcp_import_close(&im);
    }
}

static void import_pings(const struct capture *c)
{
    struct import_wish wish = {.name = "fuzz"};
    struct echo_import im;
    struct scenario *sc;

    echo_import_open(&im, c);
    for (wish.flow = 1; wish.flow <= im.flows; wish.flow++) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        assert_non_null(out);
        assert_true(echo_import_choose(&im, &wish, 0, true));
        echo_import_write(&im, out);
        fclose(out);
        assert_int_equal(files_parse("fuzz", text, len, &sc, stderr), 0);
        assert_int_equal(sc->dial_count, echo_counts_of(&im).requests);
        scenario_free(sc);
        free(text);
        pings++;
    }
    echo_import_close(&im);
}

static void use(const struct capture *c)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};
    struct replay_step *steps = replay_plan(c, mac);
    struct digest g;

    digest_read(&g, c);
    digest_free(&g);
    free(steps);
    import_tcp(c);
    import_dhcp(c);
    import_pings(c);
    for (size_t i = 0; i < c->count; i++) {
        uint8_t *copy = malloc(c->frames[i].len + 1);

        assert_non_null(copy);
        memcpy(copy, c->frames[i].bytes, c->frames[i].len);
        native_readdress(copy, c->frames[i].len, mac, 0x0a00020f);
        free(copy);
    }
}

static void no_damage_is_read_beyond_its_end(void **unused)
{
    uint64_t mutated = 0, read = 0, refused = 0;

    (void)unused;
    while (mutated < wanted) {
        unsigned i = draw(FILES);
        size_t len = draw(4) ? lens[i] : 4 + draw((uint32_t)lens[i] - 4);
        uint8_t *bytes = malloc(len);
        struct capture c;
        char problem[200], origin[64];

        assert_non_null(bytes);
        memcpy(bytes, files[i], len);
        mutated += mutate(bytes, len);
        if (capture_parse(&c, bytes, len, problem, sizeof(problem))) {
            refused++;
            assert_true(strlen(problem) > 0 && !strchr(problem, '\n'));
        } else {
            read++;
            capture_origin(&c, "scenario", origin, sizeof(origin));
            use(&c);
        }
        capture_free(&c);
        free(bytes);
    }
    printf("%llu mutated bytes: %llu files read, %llu refused\n", (unsigned long long)mutated,
           (unsigned long long)read, (unsigned long long)refused);
    assert_true(read > refused / 20); /* else only the reader is tested */
    assert_true(refused > read / 20);
    assert_true(connections > read / 10);
    assert_true(imported > read / 10);
    assert_true(pings > read / 50);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_damage_is_read_beyond_its_end),
    };

    if (argc > 1)
        wanted = strtoull(argv[1], NULL, 0);
    if (argc > 2)
        state = strtoull(argv[2], NULL, 0);
    return cmocka_run_group_tests(tests, read_files, NULL);
}
