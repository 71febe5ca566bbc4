/*
 * The scenario reader: every kind of line lands in its field, every mistake is one line that names
 * its place, and no text, however broken, does harm.
 */
#include "../../core/base/array.h"
#include "../../cmd/base/files.h"
#include "../../sim/scenario/scenario.h"
#include "../../sim/text/values.h"
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static char message[1024]; /* what the last parse() reported */

static struct scenario *parse_bytes(const char *text, size_t len)
{
    struct scenario *s = NULL;
    char *reported = NULL;
    size_t reported_len;
    FILE *errors = open_memstream(&reported, &reported_len);
    int code = files_parse("t.scn", text, len, &s, errors);

    fclose(errors);
    snprintf(message, sizeof(message), "%s", reported);
    free(reported);
    if (code)
        assert_int_equal(code, 2);
    assert_true(code ? !s : s && !message[0]);
    return s;
}

static struct scenario *good(const char *text)
{
    struct scenario *s = parse_bytes(text, strlen(text));

    if (!s)
        fail_msg("refused: %s", message);
    return s;
}

/* Unit tests run in the project's root. */
#define WEB "world replay file=tests/captures/web.pcap\n"

/* The text is refused with exactly one line, which contains `words`. */
static void bad(const char *text, const char *words)
{
    struct scenario *s = parse_bytes(text, strlen(text));

    if (s)
        fail_msg("accepted: %s", text);
    if (!strstr(message, words))
        fail_msg("'%s' lacks '%s'", message, words);
    assert_ptr_equal(strchr(message, '\n'), message + strlen(message) - 1);
}

/* ---- values ---- */

static void durations_are_exact(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } right[] = {
        {"10ns", 10},
        {"5us", 5000},
        {"13ms", 13000000},
        {"1.5s", 1500000000},
        {"2m", 120000000000},
        {"3h", 10800000000000},
        {"4d", 345600000000000},
        {"0s", 0},
        {"0.25m", 15000000000},
        {"0.000000001s", 1},
        {"0.1d", 8640000000000},
        {"1.50s", 1500000000},
        {"10000d", DURATION_MAX_NS},
    };
    static const char *const wrong[] = {"",
                                        "s",
                                        "1",
                                        "1 s",
                                        "-1s",
                                        "1.s",
                                        ".5s",
                                        "1.5ns",
                                        "0.3333333333s",
                                        "1e3s",
                                        "1sec",
                                        "10001d",
                                        "99999999999999999999s",
                                        "18446744073709551615d"};
    uint64_t ns;
    char text[32];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(right); i++) {
        assert_true(value_duration(right[i].text, &ns));
        assert_int_equal(ns, right[i].ns);
        value_duration_text(ns, text, sizeof(text));
        assert_true(value_duration(text, &ns));
        assert_int_equal(ns, right[i].ns);
    }
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(value_duration(wrong[i], &ns));
    assert_string_equal(value_duration_text(1500000000, text, sizeof(text)), "1.5s");
    assert_string_equal(value_duration_text(86400000000000, text, sizeof(text)), "1d");
    assert_string_equal(value_duration_text(13000000, text, sizeof(text)), "13ms");
}

static void percentages_become_rates(void **state)
{
    static const struct {
        const char *text;
        uint32_t rate;
    } right[] = {{"0%", 0},       {"10%", 6554},     {"0.5%", 328}, {"50%", 32768},
                 {"100%", 65536}, {"100.0%", 65536}, {"0.0016%", 1}};
    static const char *const wrong[] = {"",    "10",  "%",    "101%",    "100.1%",     "-1%",
                                        "1.%", ".5%", "10%%", "0.0001%", "0.00000001%"};
    uint32_t rate;

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(right); i++) {
        assert_true(value_percent(right[i].text, &rate));
        assert_int_equal(rate, right[i].rate);
    }
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(value_percent(wrong[i], &rate));
}

static void numbers_and_addresses_are_strict(void **state)
{
    uint64_t n;
    uint32_t addr;
    uint16_t port;
    uint8_t mac[6];

    (void)state;
    assert_true(value_number("18446744073709551615", &n) && n == UINT64_MAX);
    assert_true(value_number("0xffffffffffffffff", &n) && n == UINT64_MAX);
    assert_true(value_scaled("10M", &n) && n == 10000000);
    assert_true(value_scaled("0x10", &n) && n == 16);
    assert_false(value_number("18446744073709551616", &n));
    assert_false(value_number("0x10000000000000000", &n));
    assert_false(value_number("0x", &n));
    assert_false(value_number("1x", &n));
    assert_false(value_number("+1", &n));
    assert_false(value_scaled("10K", &n));
    assert_false(value_scaled("18446744073709551615k", &n));
    assert_true(value_address("10.0.2.15", &addr) && addr == 0x0a00020f);
    assert_false(value_address("10.0.2", &addr));
    assert_false(value_address("10.0.2.256", &addr));
    assert_false(value_address("10.0.2.15.", &addr));
    assert_true(value_endpoint("10.0.2.2:8080", &addr, &port) && port == 8080);
    assert_false(value_endpoint("10.0.2.2:0", &addr, &port));
    assert_false(value_endpoint("10.0.2.2:65536", &addr, &port));
    assert_false(value_endpoint("10.0.2.2", &addr, &port));
    assert_true(value_mac("02:00:00:0A:0b:01", mac) && mac[3] == 10 && mac[4] == 11);
    assert_false(value_mac("02:00:00:00:00:0", mac));
    assert_false(value_mac("02-00-00-00-00-01", mac));
}

static void the_nearest_word_is_found_or_none(void **state)
{
    static const char *const words[] = {"world", "wire", "expect", "never", NULL};

    (void)state;
    assert_string_equal(nearest_word("wrold", words), "world");
    assert_string_equal(nearest_word("expct", words), "expect");
    assert_string_equal(nearest_word("nevr", words), "never");
    assert_null(nearest_word("", words));
    assert_null(nearest_word("somethingelse", words));
    assert_null(nearest_word("a word that is far longer than any word can reasonably be", words));
}

/* ---- lines ---- */

static void every_line_lands_in_its_field(void **state)
{
    struct scenario *s = good(
        "format 1\n"
        "# a comment\n"
        "\n"
        "title  What \"must\" happen # and when  \n"
        "world native lease=1h t1=60 t2=90s nak=2 dhcp-silent=all arp-silent arp-silent=3 "
        "second-addr=10.0.2.77 mss=536 window=1000 zero-window=2s tcp-options pad "
        "latency=1ms\n"
        "device virtio-net transport=mmio-legacy ring=split queue=64 any-layout=off mrg-rxbuf=on "
        "mac=02:00:00:00:00:07 mtu=1280 # small\n"
        "run webget http://10.0.2.2:8080/a#b \"two words\"\n"
        "daemon echod\n"
        "at 2s run ping 10.0.2.2\n"
        "serve http 10.0.2.2:8080 path=/hello body=\"a\\n\\x00\\\"b\" status=404 mode=chunked "
        "chunk=7 delay=3s rate=10k reset-after=5\n"
        "serve udp-echo 10.0.2.2:8080 latency=5ms\n"
        "wire rx drop=10% delay=1ms\r\n"
        "wire tx bandwidth=10M\n"
        "at 3s link down\n"
        "at 0ms drop rx dhcp.offer count=all skip=2\n"
        "at 1s delay tx any by=5ms\n"
        "at 1s truncate rx tcp to=60\n"
        "at 4s kill echod\n"
        "at 1s dial 7 send=\"abc\" expect=\"abc\" close\n"
        "at 1s datagram 7 send=\"x\"\n"
        "expect netstackd: virt0 dhcp src=dhcp after 1s by 13s count=2\n"
        "expect webget: | \"by\" \"count=2\"\n"
        "never tcp: rst\n"
        "memory weak\n"
        "limit 4d\n"
        "until 3d\n"
        "oracle off frame.padding\n");

    (void)state;
    assert_string_equal(s->path, "t.scn");
    assert_string_equal(s->title, "What \"must\" happen # and when");
    assert_int_equal(s->world, WORLD_NATIVE);
    assert_int_equal(s->native.lease_s, 3600);
    assert_int_equal(s->native.t1_s, 60);
    assert_int_equal(s->native.t2_s, 90);
    assert_int_equal(s->native.nak_requests, 2);
    assert_int_equal(s->native.silent_requests, UINT_MAX);
    assert_true(s->native.arp_silent && s->native.pad && s->native.tcp_options &&
                !s->native.renew_silent);
    assert_int_equal(s->native.arp_silent_first, 3);
    assert_int_equal(s->native.second_address, 0x0a00024d);
    assert_int_equal(s->native.mss, 536);
    assert_int_equal(s->native.window, 1000);
    assert_int_equal(s->native.zero_window_ns, 2 * NS_PER_S);
    assert_int_equal(s->native.latency_ns, NS_PER_MS);

    assert_int_equal(s->device.transport, TRANSPORT_MMIO_LEGACY);
    assert_int_equal(s->device.queue_size, 64);
    assert_int_equal(s->device.any_layout, TOGGLE_OFF);
    assert_int_equal(s->device.net.mrg_rxbuf, TOGGLE_ON);
    assert_int_equal(s->device.ring, RING_SPLIT);
    assert_int_equal(s->device.event_idx, TOGGLE_OFF);
    assert_int_equal(s->device.net.mac[5], 7);
    assert_true(s->device.net.mac_feature);
    assert_int_equal(s->device.net.mtu, 1280);

    assert_int_equal(s->program_count, 3);
    assert_int_equal(s->programs[0].count, 3);
    assert_string_equal(s->programs[0].words[1], "http://10.0.2.2:8080/a#b");
    assert_string_equal(s->programs[0].words[2], "two words");
    assert_true(s->programs[1].daemon);
    assert_int_equal(s->programs[2].at_ns, 2 * NS_PER_S);
    assert_int_equal(s->programs[2].line, 9);

    assert_int_equal(s->service_count, 2);
    assert_string_equal(s->services[0].path, "/hello");
    assert_int_equal(s->services[0].body_len, 5);
    assert_memory_equal(s->services[0].body, "a\n\0\"b", 5);
    assert_int_equal(s->services[0].status, 404);
    assert_int_equal(s->services[0].framing, HTTP_CHUNKED);
    assert_int_equal(s->services[0].chunk, 7);
    assert_int_equal(s->services[0].delay_ns, 3 * NS_PER_S);
    assert_int_equal(s->services[0].rate_Bps, 10000);
    assert_int_equal(s->services[0].reset_after, 5);
    assert_int_equal(s->services[1].kind, SERVICE_UDP_ECHO);
    assert_int_equal(s->services[1].latency_ns, 5 * NS_PER_MS);
    assert_true(s->services[1].reset_after == UINT64_MAX);

    assert_int_equal(s->wire[DIRECTION_RX].drop, 6554);
    assert_int_equal(s->wire[DIRECTION_RX].delay_ns, NS_PER_MS);
    assert_int_equal(s->wire[DIRECTION_TX].drop, 0);
    assert_int_equal(s->wire[DIRECTION_TX].bandwidth_bps, 10000000);

    assert_int_equal(s->dial_count, 2);
    assert_int_equal(s->dials[0].port, 7);
    assert_int_equal(s->dials[0].send_len, 3);
    assert_string_equal(s->dials[0].expect, "abc");
    assert_true(!s->dials[0].datagram && s->dials[1].datagram);

    assert_int_equal(s->expect_count, 3);
    assert_string_equal(s->expects[0].component, "netstackd");
    assert_int_equal(s->expects[0].token_count, 3);
    assert_int_equal(s->expects[0].by_ns, 13 * NS_PER_S);
    assert_int_equal(s->expects[0].after_ns, NS_PER_S);
    assert_int_equal(s->expects[0].count, 2);
    assert_int_equal(s->expects[1].token_count, 3);
    assert_string_equal(s->expects[1].tokens[2], "count=2");
    assert_true(s->expects[1].by_ns == SIM_NEVER);
    assert_true(s->expects[2].never);

    assert_int_equal(s->weak_memory, TOGGLE_ON);
    assert_int_equal(s->limit_ns, 345600 * NS_PER_S);
    assert_int_equal(s->until_ns, 259200 * NS_PER_S);
    assert_int_equal(s->oracles_off_count, 1);
    assert_string_equal(s->oracles_off[0], "frame.padding");
    scenario_free(s);
}

static void actions_stand_in_order_of_time_then_of_lines(void **state)
{
    struct scenario *s = good("until 9s\n"
                              "at 3s cut\n"
                              "at 0ms drop rx arp skip=2 count=all\n"
                              "at 1s delay tx any by=5ms\n"
                              "at 1s truncate rx tcp to=60\n"
                              "at 4s link up\n");

    (void)state;
    assert_int_equal(s->action_count, 5);
    assert_int_equal(s->actions[0].kind, ACTION_DROP);
    assert_true(s->actions[0].count == UINT64_MAX && s->actions[0].skip == 2);
    assert_string_equal(s->actions[0].match, "arp");
    assert_int_equal(s->actions[1].kind, ACTION_DELAY);
    assert_int_equal(s->actions[1].by_ns, 5 * NS_PER_MS);
    assert_int_equal(s->actions[1].count, 1);
    assert_int_equal(s->actions[2].kind, ACTION_TRUNCATE);
    assert_int_equal(s->actions[2].to, 60);
    assert_int_equal(s->actions[3].kind, ACTION_CUT);
    assert_int_equal(s->actions[4].to, 1);
    scenario_free(s);
}

static void what_is_not_said_has_its_default(void **state)
{
    struct scenario *s = good("run netinfo");

    (void)state;
    assert_string_equal(s->title, "");
    assert_int_equal(s->world, WORLD_NATIVE);
    assert_int_equal(s->native.lease_s, 86400);
    assert_int_equal(s->native.latency_ns, 200 * NS_PER_US);
    assert_int_equal(s->device.transport, TRANSPORT_MMIO);
    assert_int_equal(s->device.queue_size, 256);
    assert_int_equal(s->device.net.mac[0], 2);
    assert_int_equal(s->weak_memory, TOGGLE_DRAW);
    assert_int_equal(s->limit_ns, 900 * NS_PER_S);
    assert_int_equal(s->until_ns, 0);
    scenario_free(s);
}

static void mac_none_and_lease_forever(void **state)
{
    struct scenario *s = good("until 1s\nworld native lease=forever\ndevice virtio-net mac=none\n");

    (void)state;
    assert_int_equal(s->native.lease_s, UINT32_MAX);
    assert_false(s->device.net.mac_feature);
    scenario_free(s);
}

static void a_replay_has_its_capture_and_its_seed(void **state)
{
    struct scenario *s = good("until 1s\n" WEB "memory weak\n");

    (void)state;
    assert_int_equal(s->world, WORLD_REPLAY);
    assert_string_equal(s->replay.path, "tests/captures/web.pcap");
    assert_int_equal(s->replay.capture.count, 14);
    assert_int_equal(scenario_secret(s, 7), 1);
    scenario_free(s);
    s = good("until 1s\nworld replay seed=0x20 file=tests/captures/web.pcap\n");
    assert_int_equal(scenario_secret(s, 7), 32);
    scenario_free(s);
    s = good("until 1s\nworld slirp restrict=on\n");
    assert_int_equal(s->slirp.restricted, TOGGLE_ON);
    assert_int_equal(scenario_secret(s, 7), 7);
    scenario_free(s);
}

static void packed_rings_take_any_size(void **state)
{
    struct scenario *s = good("until 1s\nworld native\ndevice virtio-net queue=100 ring=packed "
                              "event_idx=on indirect=on interrupts=on\n");

    (void)state;
    assert_int_equal(s->device.ring, RING_PACKED);
    assert_int_equal(s->device.queue_size, 100);
    assert_int_equal(s->device.event_idx, TOGGLE_ON);
    assert_int_equal(s->device.indirect, TOGGLE_ON);
    assert_int_equal(s->device.interrupts, TOGGLE_ON);
    scenario_free(s);
}

static void a_further_device_is_like_the_first_but_for_what_its_line_says(void **state)
{
    struct scenario *s =
        good("until 1s\nworld native\ndevice virtio-net transport=pci-modern ring=packed "
             "queue=100 event_idx=on indirect=on\ndevice virtio-net indirect=off\n"
             "device virtio-net transport=pci-legacy mac=none mtu=1280\n");

    (void)state;
    assert_int_equal(s->more_count, 2);
    assert_int_equal(s->more[0].transport, TRANSPORT_PCI_MODERN);
    assert_int_equal(s->more[0].ring, RING_PACKED);
    assert_int_equal(s->more[0].queue_size, 100);
    assert_int_equal(s->more[0].event_idx, TOGGLE_ON);
    assert_int_equal(s->more[0].indirect, TOGGLE_OFF);
    assert_int_equal(s->more[0].net.mac[5], 2);
    assert_true(s->more[0].net.mac_feature);
    assert_int_equal(s->more[1].transport, TRANSPORT_PCI_LEGACY);
    assert_int_equal(s->more[1].ring, RING_SPLIT); /* legacy has no other */
    assert_int_equal(s->more[1].queue_size, 256);
    assert_false(s->more[1].net.mac_feature);
    assert_int_equal(s->more[1].net.mtu, 1280);
    assert_int_equal(s->device.net.mtu, 0);
    scenario_free(s);
}

static void mistakes_name_their_line_and_what_was_meant(void **state)
{
    (void)state;
    bad("", "t.scn:1: the file is empty");
    bad("# nothing\n", "t.scn:1: nothing to do");
    bad("title x\nworld native\n", "nothing to do");
    bad("until 1s\nwrold native\n", "t.scn:2: unknown word 'wrold', did you mean 'world'?");
    bad("world natve\n", "did you mean 'native'?");
    bad("world slirp lease=1h\n", "unknown key 'lease'");
    bad("world slirp restrict=yes\n", "restrict=yes is not one of on off");
    bad("world replay\n", "t.scn:1: world replay needs file=CAPTURE");
    bad("world replay file=/nowhere.pcap\n", "/nowhere.pcap: cannot be read: No such file");
    bad("world replay file=Makefile\n", "Makefile: byte 0: neither pcap nor pcapng");
    bad("until 1s\n" WEB "serve sink 10.0.2.2:9\n", "t.scn:3: world replay takes no services");
    bad("until 1s\n" WEB "at 1s dial 7 send=x\n", "t.scn:3: world replay takes no services");
    bad("until 1s\n" WEB "device virtio-net mac=none\n", "mac=none cannot be replayed");
    bad("until 1s\n" WEB "device virtio-net mac=02:00:00:00:00:02\n",
        "tests/captures/web.pcap has no frame from 02:00:00:00:00:02");
    bad("world native leese=1h\n", "unknown key 'leese', did you mean 'lease'?");
    bad("world native lease\n", "'lease' takes a value");
    bad("world native pad=1\n", "'pad' takes no value");
    bad("world native pad pad\n", "'pad' is already given");
    bad("world peer window=2M\n", "window=");
    bad("world peer machine-window=1\n", "machine-window=");
    bad("world peer pad\n", "unknown key 'pad'");
    bad("until 1s\nworld peer\nserve sink 10.0.2.3:9\n", "t.scn:3: world peer has one address");
    bad("until 1s\nworld peer\nserve script 10.0.2.2:9\n", "no script drives the core");
    bad("until 1s\nworld peer\nserve sink 10.0.2.2:9 latency=1s\n", "answers a SYN at once");
    bad("world native\nworld native\n", "t.scn:2: 'world' is already given on line 1");
    bad("device virtio-blk\n", "unknown device");
    bad("device virtio-net\ndevice virtio-net interrupts=on\n", "for the first network device");
    bad("until 1s\ndevice virtio-net transport=pci-modern\ndevice virtio-net transport=mmio\n",
        "found before those on pci");
    bad("until 1s\ndevice virtio-net\ndevice virtio-net queue=100\n",
        "queue=100 is not a power of two");
    bad("device virtio-net\ndevice virtio-net\ndevice virtio-net\ndevice virtio-net\n"
        "device virtio-net\ndevice virtio-net\ndevice virtio-net\ndevice virtio-net\n"
        "device virtio-net\n",
        "8 devices at most");
    bad("device virtio-net queue=100\n", "queue=100 is not a power of two");
    bad("device virtio-net ring=packed transport=mmio-legacy\n", "needs a modern device");
    bad("device virtio-net transport=mmio-legacy queue=8 ring=packed\n", "needs a modern device");
    bad("device virtio-net ring=packet\n", "did you mean 'packed'?");
    bad("device virtio-net ring=packed queue=1025\n", "queue=1025");
    bad("device virtio-net event-idx=on\n", "did you mean 'event_idx'?");
    bad("device virtio-net interrupts=yes\n", "interrupts=yes is not one of on off");
    bad("device virtio-net queue=2048\n", "queue=2048");
    bad("device virtio-net transport=pci\n", "transport=pci is not one of mmio mmio-legacy");
    bad("device virtio-net msix=on\n", "msix= is for the pci transports only");
    bad("device virtio-net lie=cap-lop\n", "did you mean");
    bad("device virtio-net lie=cap-loop\n", "lie=cap-loop is not available for this device");
    bad("device virtio-net transport=pci-modern lie=magic\n", "is not available");
    bad("device virtio-net transport=pci-modern lie=msix-bar\n", "is not available");
    bad("device virtio-net transport=mmio-legacy lie=version-1\n", "is not available");
    bad("device virtio-net ring=packed lie=queue-size\n", "is not available");
    bad("device virtio-net transport=pci-transitional lie=reset\n", "is not available");
    bad("device virtio-net mac=01:00:00:00:00:01\n", "group address");
    bad("device virtio-net any-layout=on\n", "mmio-legacy and pci-legacy only");
    bad("run webgett x\n", "unknown program 'webgett', did you mean 'webget'?");
    bad("run\n", "run PROGRAM");
    bad("at 1s run\n", "run PROGRAM");
    bad("serve htpp 10.0.2.2:80\n", "did you mean 'http'?");
    bad("serve http 10.0.2.2\n", "'10.0.2.2' is not an address and port");
    bad("serve http 10.0.2.2:80 size=1 body=\"x\"\n", "exclude each other");
    bad("serve http 10.0.2.2:80 path=x\n", "start with '/'");
    bad("serve http 10.0.2.2:80 chunk=1\n", "mode=chunked only");
    bad("serve tcp-echo 10.0.2.2:80 delay=1s\n", "only latency=");
    bad("serve http 10.0.2.2:80\nserve sink 10.0.2.2:80\n", "already served, on line 1");
    bad("wire drop=200%\n", "drop=200% is not a percentage");
    bad("wire up drop=1%\n", "unknown direction 'up'");
    bad("wire tx\n", "needs a key");
    bad("wire drop=1%\nwire tx drop=2%\n", "t.scn:2: 'drop' is already given");
    bad("at 1 cut\n", "'1' is not a duration");
    bad("at 1s dorp rx any\n", "did you mean 'drop'?");
    bad("at 1s drop rx dhcp.offr\n", "did you mean 'dhcp.offer'?");
    bad("at 1s drop rx\n", "at T drop tx|rx MATCH");
    bad("at 1s delay rx any\n", "delay needs by=T");
    bad("at 1s delay rx any by=0s\n", "by=0s delays nothing");
    bad("at 1s truncate rx any to=0\n", "to=0");
    bad("at 1s truncate rx any\n", "truncate needs to=BYTES");
    bad("at 1s drop rx any by=1s\n", "by= is for delay only");
    bad("at 1s drop rx any count=0\n", "count=0");
    bad("at 1s cut off\n", "nothing else");
    bad("at 1s segment 10.0.2.2:9\n", "usage: at T segment");
    bad("at 1s segment 10.0.2.2:9 flags=A\n", "no line before this one is 'serve script");
    bad("world native\nserve script 10.0.2.2:9\nat 1s segment 10.0.2.2:9 flags=X\n",
        "letters of SAFRP");
    bad("world native\nserve script 10.0.2.2:9\nat 1s segment 10.0.2.2:9 ahead=1\n",
        "a segment needs flags=");
    bad("world native\nserve script 10.0.2.2:9\nat 1s segment 10.0.2.2:9 flags=A ahead=1 "
        "behind=1\n",
        "exclude each other");
    bad("at 1s link sideways\n", "unknown link state 'sideways'");
    bad("until 9s\nat 1s kill webget\n", "t.scn:2: no line starts the program 'webget' to kill");
    bad("at 1s dial 0 send=\"x\"\n", "port of the machine");
    bad("expect webget done\n", "'webget' has no colon");
    bad("expect web!get: done\n", "not a component");
    bad("expect webget: done by noon\n", "'noon' is not a duration");
    bad("expect webget: done after 2s by 1s\n", "earlier than 'after'");
    bad("expect webget: \"two words\"\n", "token 1 can never match");
    bad("expect webget: done count=0\n", "count=0");
    bad("never tcp: rst count=2\n", "no count=");
    bad("memory week\n", "did you mean 'weak'?");
    bad("limit 10 parsecs\n", "usage: limit T");
    bad("limit 0s\n", "limit must be greater than 0");
    bad("oracle on x\n", "only be switched off");
    bad("until 1s\nformat 1\n", "'format' must be the first line");
    bad("format 2\n", "use format 1");
    bad("until 1000s\n", "after the limit");
    bad("expect webget: done by 20m\n", "a line 'limit 20m' raises it");
    bad("run webget \"x\n", "no closing quote");
    bad("run webget \"x\\\n", "no closing quote");
    bad("run webget \"x\\q\"\n", "unknown escape");
    bad("run webget \"\\x4\"\n", "two hexadecimal digits");
    bad("run webget \"x\"y\n", "after the closing quote");
    bad("run webget \"a\\x00b\"\n", "zero byte");
    bad("run webget \x01\n", "control character 0x01");
    bad("title a \x7f\n", "control character 0x7f");
    bad("title a \xc2\x9b"
        "31m\n",
        "control character U+009B");
    bad("title a \xe2\x80\xae b\n", "control character U+202E");
    bad("bogus\xe2\x81\xa6\n", "control character U+2066");
    bad("bogus\xff\n", "byte 0xff is not UTF-8");
    bad("title \xc3\n", "byte 0xc3 is not UTF-8");
    bad("title \xc0\xaf\n", "byte 0xc0 is not UTF-8");
    bad("title \xed\xa0\x80\n", "byte 0xed is not UTF-8");
    scenario_free(good("title caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\nrun netinfo\n"));
}

static void a_message_is_one_line_whatever_the_word_holds(void **state)
{
    (void)state;
    bad("run \"a\\nb\\x1b[31m\"\n", "unknown program 'a\\x0ab\\x1b[31m'");
    bad("run \"\\xe2\\x80\\xae \\xc2\\x9b \\xff \\xc3\\xa9\"\n",
        "unknown program '\\xe2\\x80\\xae \\xc2\\x9b \\xff \xc3\xa9'");
}

static void too_many_words_are_refused(void **state)
{
    char text[2 * 200 + 16] = "run webget";

    (void)state;
    for (int i = 0; i < 130; i++)
        strcat(text, " x");
    bad(text, "more than 128 words");
}

static void a_file_that_is_not_there_is_named(void **state)
{
    struct scenario *s;
    char *reported = NULL;
    size_t len;
    FILE *errors = open_memstream(&reported, &len);

    (void)state;
    assert_int_equal(scenario_read("/no/such.scn", NULL, &s, errors), 2);
    assert_int_equal(scenario_read("/", NULL, &s, errors), 2);
    fclose(errors);
    assert_non_null(strstr(reported, "/no/such.scn: cannot be read: No such file"));
    assert_non_null(strstr(reported, "/: cannot be read: Is a directory"));
    free(reported);
}

/* Damaged copies of a text with every construct: read or refused, never a crash or a silence. */
static void damaged_text_does_no_harm(void **state)
{
    static const char text[] =
        "format 1\ntitle t\nworld native lease=1h nak=1 pad\n"
        "device virtio-net queue=64 mac=none mtu=1500 ring=packed event_idx=on\nrun webget "
        "\"http://10.0.2.2/\"\n"
        "serve http 10.0.2.2:80 path=/a body=\"x\\n\\x41\" mode=chunked chunk=3\n"
        "wire rx drop=0.5% delay=1.5ms\nat 1s delay rx tcp.data by=2ms count=3\n"
        "at 2s dial 7 send=\"a\" expect=\"a\" close\nat 3s kill webget\n"
        "expect webget: done status=200 after 1s by 9s count=1\nnever tcp: rst\nlimit 10m\n";
    char damaged[sizeof(text)];
    uint64_t x = 88172645463325252u; /* xorshift64: any fixed sequence will do */

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t len = sizeof(text) - 1;

        memcpy(damaged, text, sizeof(text));
        for (int k = 0; k < 1 + i % 4; k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            damaged[x % len] = (x >> 40) % 3 ? text[(x >> 16) % len] : (char)(x >> 24);
            if ((x >> 44) % 5 == 0)
                len = 1 + (x >> 20) % len;
        }
        scenario_free(parse_bytes(damaged, len));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_further_device_is_like_the_first_but_for_what_its_line_says),
        cmocka_unit_test(durations_are_exact),
        cmocka_unit_test(percentages_become_rates),
        cmocka_unit_test(numbers_and_addresses_are_strict),
        cmocka_unit_test(the_nearest_word_is_found_or_none),
        cmocka_unit_test(every_line_lands_in_its_field),
        cmocka_unit_test(actions_stand_in_order_of_time_then_of_lines),
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(mac_none_and_lease_forever),
        cmocka_unit_test(a_replay_has_its_capture_and_its_seed),
        cmocka_unit_test(packed_rings_take_any_size),
        cmocka_unit_test(mistakes_name_their_line_and_what_was_meant),
        cmocka_unit_test(a_message_is_one_line_whatever_the_word_holds),
        cmocka_unit_test(too_many_words_are_refused),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        cmocka_unit_test(damaged_text_does_no_harm),
    };

    return cmocka_run_group_tests_name("the scenario reader", tests, NULL, NULL);
}
