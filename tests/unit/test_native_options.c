/*
 * The scripted peer with tcp-options (sim/world/native): what its SYN-ACK agrees to, its echoes,
 * its blocks and its windows. The machine is made of frames.
 */
#include "../../core/base/array.h"
#include "../../sim/world/world.h"
#include "frames.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SENT_MAX = 64, ECHO_PORT = 8080 };

static struct sim sim;
static struct scenario *scenario;
static struct world *world;
static uint64_t fired[PEER_FAULTS];
static bool used[16];
static struct frame sent[SENT_MAX];
static unsigned sent_count, seen;
static uint32_t peer_iss;

static void port_send(void *ctx, const uint8_t *frame, size_t len)
{
    (void)ctx;
    assert_true(sent_count < SENT_MAX);
    memcpy(sent[sent_count].bytes, frame, len);
    sent[sent_count++].len = len;
}

static void begin(const char *words)
{
    char text[200];
    const struct scenario_reading how = {.far_side = true};

    snprintf(text, sizeof(text), "title t\nworld native %s\nserve tcp-echo 10.0.2.2:%u\n", words,
             ECHO_PORT);
    sim_start(&sim, 1);
    assert_int_equal(scenario_parse("t.scn", text, strlen(text), &how, &scenario, stderr), 0);
    assert_int_equal(
        world_native.open(&sim, scenario,
                          (struct world_port){.send = port_send, .fired = fired, .used = used},
                          &world),
        0);
    sent_count = seen = 0;
}

static void end(void)
{
    world_native.close(world);
    scenario_free(scenario);
    sim_free(&sim);
}

static void set_flag(void *ctx, uint64_t arg)
{
    (void)arg;
    *(bool *)ctx = true;
}

/* A segment of the machine, and ten milliseconds. */
static void give(struct segment s)
{
    struct frame f;
    bool over = false;

    s.from_machine = true;
    f = tcp_frame(s);
    world_native.input(world, f.bytes, f.len);
    sim_at(&sim, sim.now_ns + 10 * NS_PER_MS, EVENT_TIMER, set_flag, &over, 0);
    while (!over)
        assert_true(sim_step(&sim));
}

static struct decoded next(void)
{
    struct decoded d;

    assert_true(seen < sent_count);
    decode_frame(sent[seen].bytes, sent[seen].len, &d);
    seen++;
    assert_null(d.error);
    return d;
}

static void no_more(void)
{
    assert_int_equal(seen, sent_count);
}

/* NOP, NOP and a timestamp. */
#define STAMP(n) .options = {1, 1, 8, 10, 0, 0, (uint8_t)((n) >> 8), (uint8_t)(n)}, .option_len = 12

#define EVERY_OPTION                                                                               \
    .options = {4, 2, 8, 10, 0, 0, 2, 188, 0, 0, 0, 0, 1, 3, 3, 3}, .option_len = 16

/* The handshake; the machine's first byte is 1001, its stamp was 700. */
static struct decoded handshake(struct segment syn)
{
    struct decoded d;

    syn.seq = 1000;
    syn.flags = SEG_SYN;
    syn.window = 65535;
    give(syn);
    d = next();
    assert_int_equal(d.tcp_flags, SEG_SYN | SEG_ACK);
    assert_int_equal(d.tcp_ack, 1001);
    peer_iss = d.tcp_seq;
    no_more();
    return d;
}

static void open_with_every_option(const char *words, uint16_t window)
{
    begin(words);
    handshake((struct segment){.mss = 1460, EVERY_OPTION});
    give((struct segment){
        .seq = 1001, .ack = peer_iss + 1, .flags = SEG_ACK, .window = window, STAMP(701)});
    no_more();
}

static void a_syn_ack_has_what_the_syn_offers(void **state)
{
    static const struct {
        const char *words;
        struct segment syn;
        bool sack, stamps, scale;
    } row[] = {
        {"tcp-options", {.mss = 1460, EVERY_OPTION}, true, true, true},
        {"tcp-options", {.mss = 1460}, false, false, false},
        {"tcp-options", {.options = {1, 1, 4, 2}, .option_len = 4}, true, false, false},
        {"tcp-options", {.options = {3, 3, 0, 1}, .option_len = 4}, false, false, true},
        {"tcp-options", {STAMP(700)}, false, true, false},
        {"", {.mss = 1460, EVERY_OPTION}, false, false, false},
    };

    (void)state;
    for (unsigned i = 0; i < ARRAY_COUNT(row); i++) {
        struct decoded d;

        begin(row[i].words);
        d = handshake(row[i].syn);
        assert_int_equal(d.tcp_mss, 1460);
        assert_int_equal(d.tcp_sack_permitted, row[i].sack);
        assert_int_equal(d.tcp_stamped, row[i].stamps);
        assert_int_equal(d.tcp_echo, row[i].stamps ? 700 : 0);
        assert_int_equal(d.tcp_scale, row[i].scale ? 1 + 2 : 0);
        assert_int_equal(d.tcp_window, 4096); /* what echo can hold: not scaled */
        end();
    }
}

/* The echo is that of what comes next, not of what comes after a gap: RFC 7323 section 4.3. */
static void it_echoes_and_reports_gaps(void **state)
{
    struct decoded d;
    uint32_t first;

    (void)state;
    open_with_every_option("tcp-options", 65535);
#define DATA(at, stamp)                                                                            \
    give((struct segment){.seq = at,                                                               \
                          .ack = peer_iss + 1,                                                     \
                          .flags = SEG_ACK,                                                        \
                          .window = 65535,                                                         \
                          .data = "0123456789",                                                    \
                          STAMP(stamp)})
    DATA(1021, 702);
    d = next();
    first = d.tcp_stamp;
    assert_int_equal(d.tcp_ack, 1001);
    assert_int_equal(d.tcp_echo, 701);
    assert_int_equal(d.tcp_sack_count, 1);
    assert_int_equal(d.tcp_sack[0].start, 1021);
    assert_int_equal(d.tcp_sack[0].end, 1031);
    DATA(1041, 703);
    d = next();
    assert_int_equal(d.tcp_stamp - first, 10); /* milliseconds */
    assert_int_equal(d.tcp_sack_count, 2);
    assert_int_equal(d.tcp_sack[0].start, 1041); /* the latest first */
    assert_int_equal(d.tcp_sack[1].start, 1021);
    DATA(1031, 704);
    d = next();
    assert_int_equal(d.tcp_sack_count, 1); /* all three are one */
    assert_int_equal(d.tcp_sack[0].start, 1021);
    assert_int_equal(d.tcp_sack[0].end, 1051);
    for (uint32_t at = 1061; at <= 1101; at += 20)
        DATA(at, 705);
    seen = sent_count - 1;
    assert_int_equal(next().tcp_sack_count, 3); /* there is no room for the fourth */
    DATA(1001, 706);
    DATA(1011, 707);
    seen = sent_count - 1;
    d = next();
    assert_int_equal(d.tcp_ack, 1051);
    assert_int_equal(d.tcp_echo, 707);
    assert_int_equal(d.payload_len, 40);   /* the echo */
    assert_int_equal(d.tcp_sack_count, 0); /* blocks are in bare ACKs only */
    end();
}

static void it_reports_nothing_when_it_offers_nothing(void **state)
{
    struct decoded d;

    (void)state;
    open_with_every_option("", 65535);
    DATA(1021, 702);
    d = next();
    assert_int_equal(d.tcp_ack, 1001);
    assert_int_equal(d.tcp_header_len, 20);
    end();
}

/* Eight times what the machine says; its own are a quarter on the wire. */
static void windows_are_scaled_in_both_directions(void **state)
{
    struct decoded d;

    (void)state;
    open_with_every_option("tcp-options window=1001", 3);
    give((struct segment){.seq = 1001,
                          .ack = peer_iss + 1,
                          .flags = SEG_ACK,
                          .window = 3,
                          .data = "0123456789012345678901234567890123456789",
                          STAMP(702)});
    d = next();
    assert_int_equal(d.payload_len, 24); /* 3 << 3 */
    assert_int_equal(d.tcp_window, 251); /* 1001, rounded up */
    end();
}

/* 12 bytes of each segment are the stamp: RFC 6691. */
static void segments_leave_room_for_stamps(void **state)
{
    static char bytes[301];
    struct decoded d;

    (void)state;
    memset(bytes, 'x', 300);
    begin("tcp-options");
    handshake((struct segment){.mss = 100, EVERY_OPTION});
    give((struct segment){.seq = 1001,
                          .ack = peer_iss + 1,
                          .flags = SEG_ACK,
                          .window = 65535,
                          .data = bytes,
                          STAMP(702)});
    d = next();
    assert_int_equal(d.payload_len, 88);
    assert_true(d.tcp_stamped);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_ack_has_what_the_syn_offers),
        cmocka_unit_test(it_echoes_and_reports_gaps),
        cmocka_unit_test(it_reports_nothing_when_it_offers_nothing),
        cmocka_unit_test(windows_are_scaled_in_both_directions),
        cmocka_unit_test(segments_leave_room_for_stamps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
