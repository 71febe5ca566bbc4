/* Two captures compared: what is the same in spite of its bytes, and that any difference is named.
 */
#include "../../cmd/report/compare.h"
#include "../../sim/frame/digest.h"
#include "../../sim/base/sha256.h"
#include "frames.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FRAMES_MAX = 16 };

/* A capture being put together, and its frames. */
struct side {
    struct compared compared;
    struct frame frames[FRAMES_MAX];
    struct capture_frame rows[FRAMES_MAX];
};

static struct side a, b;
static char said[1000];

static void reset(struct side *s, const char *name)
{
    s->compared = (struct compared){.name = name, .capture = {.frames = s->rows}};
}

static struct capture_frame *say(struct side *s, struct frame f)
{
    size_t i = s->compared.capture.count++;

    assert_true(i < FRAMES_MAX);
    s->frames[i] = f;
    s->rows[i] = (struct capture_frame){.time_ns = i, .bytes = s->frames[i].bytes, .len = f.len};
    return &s->rows[i];
}

static void fresh(void)
{
    reset(&a, "a");
    reset(&b, "b");
}

static int compare(enum grade grade)
{
    FILE *out = fmemopen(said, sizeof(said), "w");
    int result = compare_captures(grade, &a.compared, &b.compared, true, out);

    fclose(out);
    return result;
}

static void expect_said(const char *words)
{
    if (!strstr(said, words))
        fail_msg("'%s' does not say '%s'", said, words);
}

/* Segments of a connection: relative numbers, the machine's from 100, the peer's from `iss`. */
static struct frame own(uint32_t seq, uint32_t ack, uint8_t flags, const char *data)
{
    return tcp_frame((struct segment){.from_machine = true,
                                      .seq = 100 + seq,
                                      .ack = ack,
                                      .flags = flags,
                                      .window = 9000,
                                      .data = data,
                                      .mss = flags & SEG_SYN ? 1460 : 0});
}

static uint32_t iss;

static struct frame peer(uint32_t seq, uint8_t flags, const char *data)
{
    return tcp_frame((struct segment){.seq = iss + seq,
                                      .ack = 101,
                                      .flags = flags,
                                      .window = 9000,
                                      .data = data,
                                      .mss = flags & SEG_SYN ? 1460 : 0});
}

static void handshake(struct side *s)
{
    say(s, own(0, 0, SEG_SYN, NULL));
    say(s, peer(0, SEG_SYN | SEG_ACK, NULL));
    say(s, own(1, iss + 1, SEG_ACK, NULL));
}

/* A page, closed by the peer and then by the machine. */
static void page(struct side *s)
{
    iss = 64001;
    handshake(s);
    say(s, own(1, iss + 1, SEG_ACK, "GET"));
    say(s, peer(1, SEG_ACK, "hello world"));
    say(s, peer(12, SEG_ACK | SEG_FIN, NULL));
    say(s, own(4, iss + 13, SEG_ACK | SEG_FIN, NULL));
}

/* The same page from another peer: other numbers, other segments, one sent twice, one damaged. */
static void same_page(struct side *s)
{
    iss = 5;
    handshake(s);
    say(s, own(1, iss + 1, SEG_ACK, "GET"));
    say(s, peer(6, SEG_ACK, " world"));
    say(s, peer(1, SEG_ACK, "hello"));
    say(s, own(4, iss + 12, SEG_ACK, NULL));
    say(s, peer(1, SEG_ACK, "hello w"));
    say(s, peer(1, SEG_ACK, "jello"))->damaged = true;
    say(s, peer(12, SEG_ACK | SEG_FIN, NULL));
    say(s, own(4, iss + 13, SEG_ACK | SEG_FIN, NULL));
}

static void padding_and_ip_id_do_not_count(void **state)
{
    struct frame f;

    (void)state;
    fresh();
    f = arp_frame(1, MACHINE, PEER);
    say(&a, f);
    f.len = 60;
    say(&b, f);
    f = icmp_frame(MACHINE, PEER, 8, "abc", 3);
    say(&a, f);
    set16(f.bytes + 18, 77);
    finish_ip(&f, 31);
    f.len += 5;
    say(&b, f);
    assert_int_equal(compare(GRADE_P1), 0);
    assert_string_equal(said, "same p1: 2 frames\n");
}

static void the_first_frame_that_differs_is_named_with_its_field(void **state)
{
    struct frame f;

    (void)state;
    fresh();
    say(&a, arp_frame(1, MACHINE, PEER));
    say(&b, arp_frame(1, MACHINE, PEER));
    say(&a, arp_frame(1, MACHINE, PEER));
    say(&b, arp_frame(1, MACHINE, PEER + 1));
    assert_int_equal(compare(GRADE_P1), 1);
    assert_string_equal(said, "differ p1: frame 2: byte 41 (arp.tpa) is 0x02 and 0x03\n"
                              "a: frame 2: arp who-has 10.0.2.2 tell 10.0.2.15\n"
                              "b: frame 2: arp who-has 10.0.2.3 tell 10.0.2.15\n");
    fresh();
    say(&a, own(1, 1, SEG_ACK, "GET"));
    say(&b, own(1, 1, SEG_ACK, "PUT"));
    compare(GRADE_P1);
    expect_said("byte 54 (payload) is 0x47 and 0x50");
    fresh();
    say(&a, own(0, 0, SEG_SYN, NULL));
    f = own(0, 0, SEG_SYN, NULL);
    set16(f.bytes + 14 + 20 + 22, 1400);
    finish_ip(&f, f.len - 14);
    say(&b, f);
    compare(GRADE_P1);
    expect_said("(tcp.options)");
}

static void a_frame_more_is_a_difference(void **state)
{
    (void)state;
    fresh();
    say(&a, arp_frame(1, MACHINE, PEER));
    say(&b, arp_frame(1, MACHINE, PEER));
    say(&b, arp_frame(2, PEER, MACHINE));
    assert_int_equal(compare(GRADE_P1), 1);
    assert_string_equal(said, "differ p1: 1 frames and 2\n"
                              "a: no such frame (1 in the file)\n"
                              "b: frame 2: arp 10.0.2.2 is-at 52:55:0a:00:02:02\n");
}

static void a_damaged_checksum_is_a_difference(void **state)
{
    struct frame f = own(1, 1, SEG_ACK, "GET");

    (void)state;
    fresh();
    say(&a, f);
    f.bytes[14 + 20 + 16] ^= 1;
    say(&b, f);
    assert_int_equal(compare(GRADE_P1), 1);
    fresh();
    f = udp_frame(MACHINE, 7, PEER, 7, "x", 1);
    say(&a, f);
    set16(f.bytes + 14 + 20 + 6, 0); /* none: good as well, but not the same */
    say(&b, f);
    assert_int_equal(compare(GRADE_P1), 1);
    expect_said("udp.checksum");
}

static void streams_are_the_same_whatever_the_segments(void **state)
{
    (void)state;
    fresh();
    page(&a);
    same_page(&b);
    assert_int_equal(compare(GRADE_P1), 1);
    assert_int_equal(compare(GRADE_P3), 0);
    expect_said("same p3: dhcp=0 arp=0 icmp=0 udp=0 connections=1\n");
    expect_said("  port=49152 in bytes=11 "
                "sha256=b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9 close=fF");
}

static void a_byte_of_a_stream_is_traced_to_its_frames(void **state)
{
    (void)state;
    fresh();
    page(&a);
    same_page(&b);
    b.frames[4] = peer(6, SEG_ACK, " worle");
    assert_int_equal(compare(GRADE_P3), 1);
    expect_said(
        "differ p3: connection of port 49152, in: byte 10 of the streams (11 bytes sha256=");
    expect_said("\na: frame 5: tcp 10.0.2.2:8080");
    expect_said("\nb: frame 5: tcp 10.0.2.2:8080");
    fresh();
    page(&a);
    same_page(&b);
    b.rows[5].damaged = b.rows[7].damaged = true; /* "hello" never came */
    assert_int_equal(compare(GRADE_P3), 1);
    expect_said("in: byte 0 of the streams (11 bytes");
    expect_said("b: no such frame");
}

/* The SYN-ACK of a page, with a timestamp and a window scale. */
static void say_syn_ack(struct side *s, uint8_t stamp, uint8_t shift)
{
    s->frames[1] = tcp_frame(
        (struct segment){.seq = iss,
                         .ack = 101,
                         .flags = SEG_SYN | SEG_ACK,
                         .window = 9000,
                         .mss = 1460,
                         .options = {1, 1, 8, 10, 0, 0, 0, stamp, 0, 0, 0, stamp, 3, 3, shift, 0},
                         .option_len = 16});
    s->rows[1].len = s->frames[1].len;
}

static void options_numbers_and_the_order_of_closing_count(void **state)
{
    (void)state;
    fresh();
    page(&a);
    page(&b);
    b.frames[1] = tcp_frame((struct segment){
        .seq = iss, .ack = 101, .flags = SEG_SYN | SEG_ACK, .window = 9000, .mss = 1440});
    assert_int_equal(compare(GRADE_P3), 1);
    expect_said("in: the options of the SYN differ\na: frame 2");
    fresh();
    page(&a);
    page(&b);
    for (unsigned i = 0; i < 2; i++) { /* the time in them differs, or something after it */
        say_syn_ack(&a, 1, 0);
        say_syn_ack(&b, 9, (uint8_t)i);
        assert_int_equal(compare(GRADE_P3), i);
    }
    expect_said("in: the options of the SYN differ\na: frame 2");
    fresh();
    page(&a);
    page(&b);
    b.frames[6] = peer(12, SEG_ACK | SEG_RST, NULL);
    b.rows[6].len = b.frames[6].len;
    assert_int_equal(compare(GRADE_P3), 1);
    expect_said("closes differently: 'fF' and 'fr'");
    fresh();
    page(&a);
    page(&b);
    for (unsigned i = 0; i < 7; i++) {
        if (i == 1 || i == 4 || i == 5)
            continue;
        b.frames[i].bytes[14 + 20 + 4] ^= 1; /* 2^24 */
        finish_ip(&b.frames[i], b.frames[i].len - 14);
    }
    assert_int_equal(compare(GRADE_P3), 1);
    expect_said("initial sequence numbers 100 and 16777316 differ");
    for (unsigned i = 0; i < 7; i++) {
        if (i == 1 || i == 4 || i == 5)
            continue;
        b.frames[i].bytes[14 + 20 + 4] ^= 1;
        b.frames[i].bytes[14 + 20 + 5] ^= 1; /* 2^16: a quarter of a second later */
        finish_ip(&b.frames[i], b.frames[i].len - 14);
    }
    assert_int_equal(compare(GRADE_P3), 0);
    fresh();
    page(&a);
    assert_int_equal(compare(GRADE_P3), 1);
    expect_said("1 connections and 0\na: frame 1");
}

static void a_message_repeated_is_one_and_seconds_do_not_count(void **state)
{
    struct dhcp discover = {.type = 1, .xid = 9};
    struct frame f = dhcp_frame(discover);

    (void)state;
    fresh();
    say(&a, f);
    say(&b, f);
    set16(f.bytes + 14 + 20 + 8 + 8, 4);
    finish_ip(&f, f.len - 14);
    say(&b, f);
    say(&b, f)->lost = true;
    assert_int_equal(compare(GRADE_P3), 0);
    discover.xid = 10;
    say(&b, dhcp_frame(discover));
    assert_int_equal(compare(GRADE_P3), 1);
    expect_said("1 dhcp messages and 2");
    say(&b, dhcp_frame(discover))->duplicate = true;
    say(&a, dhcp_frame(discover));
    assert_int_equal(compare(GRADE_P3), 0);
}

static void the_machine_is_who_asks_for_a_lease(void **state)
{
    uint8_t mac[6];

    (void)state;
    fresh();
    say(&a, arp_frame(1, PEER, MACHINE));
    digest_machine(&a.compared.capture, mac);
    assert_memory_equal(mac, peer_mac, 6);
    say(&a, dhcp_frame((struct dhcp){.type = 1, .xid = 9}));
    memcpy(a.frames[1].bytes + 6, machine_mac, 6);
    digest_machine(&a.compared.capture, mac);
    assert_memory_equal(mac, machine_mac, 6);
}

/* FIPS 180-4's own examples, and the lengths around which the padding changes. */
static void sha256_is_the_standards(void **state)
{
    static const struct {
        size_t len;
        const char *digest;
    } zeros[] = {
        {55, "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"},
        {56, "d4817aa5497628e7c77e6b606107042bbba3130888c5f47a375e6179be789fbb"},
        {64, "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"},
    };
    static const uint8_t zero[64];
    char text[65];

    (void)state;
    assert_string_equal(sha256_text((const uint8_t *)"abc", 3, text),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(sha256_text(NULL, 0, text),
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(sha256_text(zero, zeros[i].len, text), zeros[i].digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padding_and_ip_id_do_not_count),
        cmocka_unit_test(the_first_frame_that_differs_is_named_with_its_field),
        cmocka_unit_test(a_frame_more_is_a_difference),
        cmocka_unit_test(a_damaged_checksum_is_a_difference),
        cmocka_unit_test(streams_are_the_same_whatever_the_segments),
        cmocka_unit_test(a_byte_of_a_stream_is_traced_to_its_frames),
        cmocka_unit_test(options_numbers_and_the_order_of_closing_count),
        cmocka_unit_test(a_message_repeated_is_one_and_seconds_do_not_count),
        cmocka_unit_test(the_machine_is_who_asks_for_a_lease),
        cmocka_unit_test(sha256_is_the_standards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
