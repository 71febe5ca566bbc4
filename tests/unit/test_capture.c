/* Captures in: both formats in both byte orders, and every way in which a file can be damaged. */
#include "../../core/base/array.h"
#include "../../cmd/base/files.h"
#include "../../sim/frame/capture.h"
#include "../../cmd/base/whole_file.h"
#include "../../sim/frame/pcapng.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A file by hand. */
static uint8_t file[4096];
static size_t len;
static bool swapped;

static void bytes(const void *p, size_t n)
{
    memcpy(file + len, p, n);
    len += n;
}

static void u32(uint32_t n)
{
    n = swapped ? __builtin_bswap32(n) : n;
    bytes(&n, 4);
}

static void u16(uint16_t n)
{
    n = swapped ? __builtin_bswap16(n) : n;
    bytes(&n, 2);
}

static void poke32(size_t at, uint32_t n)
{
    memcpy(file + at, &n, 4);
}

static void start(bool other_order)
{
    swapped = other_order;
    len = 0;
}

static void pcap_header(uint32_t magic, uint32_t link)
{
    u32(magic);
    u16(2);
    u16(4);
    u32(0);
    u32(0);
    u32(65535);
    u32(link);
}

static void pcap_frame(uint32_t s, uint32_t fraction, const char *text)
{
    u32(s);
    u32(fraction);
    u32((uint32_t)strlen(text));
    u32((uint32_t)strlen(text));
    bytes(text, strlen(text));
}

/* A block around what `body` writes. */
static void block(uint32_t type, void (*body)(void))
{
    size_t at = len;
    uint32_t n;

    u32(type);
    u32(0);
    body();
    while (len % 4)
        bytes("", 1);
    n = (uint32_t)(len - at) + 4;
    u32(n);
    n = swapped ? __builtin_bswap32(n) : n;
    memcpy(file + at + 4, &n, 4);
}

static void section(void)
{
    u32(0x1a2b3c4d);
    u16(1);
    u16(0);
    u32(UINT32_MAX);
    u32(UINT32_MAX);
}

static void ethernet(void)
{
    u16(1);
    u16(0);
    u32(0);
}

static void ethernet_milliseconds(void)
{
    ethernet();
    u16(9);
    u16(1);
    bytes("\x03\0\0", 4);
    u32(0);
}

static void wireless(void)
{
    u16(105);
    u16(0);
    u32(0);
}

static void packet(void)
{
    u32(0);
    u32(0);
    u32(1500);
    u32(5);
    u32(5);
    bytes("hello\0\0\0", 8);
}

static void packet_commented(void)
{
    packet();
    u16(1);
    u16(16);
    bytes("fault: duplicate", 16);
    u32(0);
}

static void simple_packet(void)
{
    u32(3);
    bytes("abc", 3);
}

static void unknown(void)
{
    bytes("whatever", 8);
}

static struct capture capture;
static char problem[200];

static int parse(void)
{
    int error = capture_parse(&capture, file, len, problem, sizeof(problem));

    if (error) {
        assert_null(capture.frames);
        assert_int_equal(capture.count, 0);
        assert_int_equal(strncmp(problem, "byte ", 5), 0);
    }
    return error;
}

static void expect_frame(size_t i, uint64_t time_ns, const char *text)
{
    assert_true(i < capture.count);
    assert_int_equal(capture.frames[i].time_ns, time_ns);
    assert_int_equal(capture.frames[i].len, strlen(text));
    assert_memory_equal(capture.frames[i].bytes, text, strlen(text));
}

static void expect_problem(const char *words)
{
    assert_int_equal(parse(), -1);
    if (!strstr(problem, words))
        fail_msg("'%s' does not say '%s'", problem, words);
}

static void pcap_is_read_in_either_byte_order_and_either_unit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        start(i & 1);
        pcap_header(i & 2 ? 0xa1b23c4d : 0xa1b2c3d4, 1);
        pcap_frame(3, 7, "hello");
        pcap_frame(4, 0, "");
        assert_int_equal(parse(), 0);
        assert_int_equal(capture.count, 2);
        expect_frame(0, UINT64_C(3000000000) + (i & 2 ? 7 : 7000), "hello");
        expect_frame(1, UINT64_C(4000000000), "");
        capture_free(&capture);
    }
}

/* One frame that is IPv4 from 10.0.2.15 to 10.0.2.255 or ARP, after `header` of the link type. */
static void expect_ethernet(uint32_t link, const char *header, size_t header_len, bool arp,
                            const char *eth)
{
    uint8_t payload[28] = {arp ? 0 : 0x45};
    size_t from = arp ? 14 : 12, size = arp ? 28 : 20;

    memcpy(payload + from, "\x0a\0\x02\x0f", 4);
    memcpy(payload + (arp ? 24 : 16), "\x0a\0\x02\xff", 4);
    start(false);
    pcap_header(0xa1b2c3d4, link);
    for (unsigned i = 0; i < 2; i++) {
        u32(1);
        u32(0);
        u32((uint32_t)(header_len + size));
        u32((uint32_t)(header_len + size));
        bytes(header, header_len);
        bytes(payload, size);
    }
    assert_int_equal(parse(), 0);
    assert_int_equal(capture.count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(capture.frames[i].len, 14 + size);
        assert_memory_equal(capture.frames[i].bytes, eth, 14);
        assert_memory_equal(capture.frames[i].bytes + 14, payload, size);
    }
    capture_free(&capture);
}

static void other_link_types_get_a_header_of_ethernet(void **state)
{
    static const char ip[] = "\2\0\x0a\0\x02\xff\2\0\x0a\0\x02\x0f\x08\0",
                      arp[] = "\2\0\x0a\0\x02\xff\2\0\x0a\0\x02\x0f\x08\6",
                      known[] = "\2\0\x0a\0\x02\xff\xa\xb\xc\xd\xe\xf\x08\0";

    (void)state;
    expect_ethernet(101, "", 0, false, ip);
    expect_ethernet(12, "", 0, false, ip);
    expect_ethernet(228, "", 0, false, ip);
    expect_ethernet(0, "\2\0\0\0", 4, false, ip);
    expect_ethernet(108, "\0\0\0\2", 4, false, ip);
    expect_ethernet(113, "\0\0\0\1\0\6\xa\xb\xc\xd\xe\xf\0\0\x08\0", 16, false, known);
    expect_ethernet(113, "\0\0\3\4\0\6\0\0\0\0\0\0\0\0\x08\0", 16, false, ip);
    expect_ethernet(113, "\0\0\3\4\0\0\0\0\0\0\0\0\0\0\x08\6", 16, true, arp);
    expect_ethernet(276, "\x08\0\0\0\0\0\0\1\0\1\0\6\xa\xb\xc\xd\xe\xf\0\0", 20, false, known);
}

/* A card that cuts segments itself is given an IP packet of 65535 bytes. */
static void the_largest_packet_is_read(void **state)
{
    size_t size = 14 + 8 + 65535, all = 24 + 16 + size;
    uint8_t *big = calloc(1, all + 1);

    (void)state;
    start(false);
    pcap_header(0xa1b2c3d4, 1);
    for (unsigned more = 0; more < 2; more++) {
        len = 24;
        u32(1);
        u32(0);
        u32((uint32_t)(size + more));
        u32((uint32_t)(size + more));
        memcpy(big, file, len);
        assert_int_equal(capture_parse(&capture, big, all + more, problem, sizeof(problem)),
                         more ? -1 : 0);
        capture_free(&capture);
    }
    free(big);
}

static void a_pcap_that_is_not_sound_is_refused(void **state)
{
    (void)state;
    start(false);
    pcap_header(0xa1b2c3d4, 105);
    expect_problem("the link type is 105; supported: Ethernet (1)");
    start(false);
    pcap_header(0xa1b2cd34, 1);
    expect_problem("modified pcap (old Linux)");
    start(false);
    bytes("\x1f\x8b\x08\0", 4);
    expect_problem("run gunzip first");
    start(false);
    pcap_header(0xa1b2c3d4, 113);
    pcap_frame(1, 1, "fifteen bytes..");
    expect_problem("frame 1 of 15 bytes is shorter than the header of its link type");
    start(false);
    pcap_header(0xa1b2c3d4, 1);
    file[4] = 3;
    expect_problem("unsupported pcap version 3.4");
    start(false);
    pcap_header(0xa1b2c3d4, 1);
    pcap_frame(1, 1000000, "late");
    expect_problem("fraction of a second of 1000000");
    start(false);
    pcap_header(0xa1b2c3d4, 1);
    pcap_frame(1, 1, "whole");
    poke32(24 + 12, 6);
    expect_problem("frame 1 was cut when it was recorded: 5 of 6 bytes");
    poke32(24 + 8, UINT32_MAX);
    expect_problem("the file ends inside frame 1");
    start(false);
    bytes("GIF89a", 6);
    expect_problem("neither pcap nor pcapng");
    len = 3;
    expect_problem("too short");
    len = 0;
    expect_problem("the file is empty");
}

static void pcapng_is_read_in_either_byte_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        start(i);
        block(0x0a0d0d0a, section);
        block(1, ethernet);
        block(0x99, unknown);
        block(6, packet);
        block(3, simple_packet);
        swapped = !swapped; /* a section of its own order, with an interface of its own */
        block(0x0a0d0d0a, section);
        block(1, ethernet_milliseconds);
        block(6, packet_commented);
        assert_int_equal(parse(), 0);
        assert_int_equal(capture.count, 3);
        expect_frame(0, 1500000, "hello");
        expect_frame(1, 1500000, "abc");
        expect_frame(2, 1500000000, "hello");
        assert_false(capture.frames[0].duplicate);
        assert_true(capture.frames[2].duplicate);
        capture_free(&capture);
    }
}

static uint8_t resolution;
static uint32_t offset_s[2];

static void ethernet_timed(void)
{
    ethernet();
    u16(9);
    u16(1);
    bytes(&resolution, 1);
    bytes("\0\0", 3);
    u16(14);
    u16(8);
    u32(offset_s[swapped]);
    u32(offset_s[!swapped]);
}

static void old_packet(void)
{
    u16(0);
    u16(7); /* drop count */
    u32(1);
    u32(0x80000000);
    u32(5);
    u32(5);
    bytes("hello\0\0\0", 8);
}

/* 0x180000000 ticks are 6442450.944 s of milliseconds and 1.5 s of 2^-32 s. */
static void times_have_any_unit_and_an_offset(void **state)
{
    static const struct {
        uint8_t resolution;
        uint32_t offset;
        uint64_t time_ns;
    } times[] = {
        {3, 0, UINT64_C(6442450944000000)},
        {0x80 | 32, 0, 1500000000},
        {0x80 | 32, 1700000000, UINT64_C(1700000001500000000)},
        {12, 0, 6442450},
        {19, 1, 1000000000},
        {0x80 | 63, 0, 0},
        {0, 0, UINT64_C(6442450944000000000)},
    };

    (void)state;
    for (unsigned i = 0; i < 2 * ARRAY_COUNT(times); i++) {
        resolution = times[i / 2].resolution;
        offset_s[0] = times[i / 2].offset;
        offset_s[1] = 0;
        start(i % 2);
        block(0x0a0d0d0a, section);
        block(1, ethernet_timed);
        block(2, old_packet);
        assert_int_equal(parse(), 0);
        assert_int_equal(capture.count, 1);
        expect_frame(0, times[i / 2].time_ns, "hello");
        capture_free(&capture);
    }
    offset_s[0] = offset_s[1] = UINT32_MAX; /* a second less */
    resolution = 9;
    start(false);
    block(0x0a0d0d0a, section);
    block(1, ethernet_timed);
    block(2, old_packet);
    assert_int_equal(parse(), 0);
    expect_frame(0, UINT64_C(0x180000000) - 1000000000, "hello");
    capture_free(&capture);
    offset_s[0] = 0x80000000;
    start(false);
    block(0x0a0d0d0a, section);
    block(1, ethernet_timed);
    block(2, old_packet);
    expect_problem("a time outside 1970 to 2554");
}

static void a_pcapng_that_is_not_sound_is_refused(void **state)
{
    size_t at;

    (void)state;
    start(false);
    block(0x0a0d0d0a, section);
    block(6, packet);
    expect_problem("interface 0, which is not described");
    start(false);
    block(0x0a0d0d0a, section);
    block(1, wireless);
    block(6, packet);
    expect_problem("of frame 1 the link type is 105");
    start(false);
    block(0x0a0d0d0a, section);
    block(1, ethernet);
    at = len;
    block(6, packet);
    poke32(at + 20, 500);
    expect_problem("frame 1 is longer than its block");
    poke32(at + 20, 4);
    expect_problem("frame 1 was cut");
    poke32(at + 20, 5);
    poke32(len - 4, 44);
    expect_problem("bytes long at its start and 44 at its end");
    poke32(at + 4, 13);
    expect_problem("a block of 13 bytes");
    poke32(at + 4, 8);
    expect_problem("a block of 8 bytes");
    start(false);
    block(0x0a0d0d0a, section);
    at = len;
    block(1, ethernet_milliseconds);
    file[at + 20] = 0x80 | 64;
    expect_problem("bad time resolution: 0xc0");
    file[at + 20] = 20;
    expect_problem("bad time resolution: 0x14");
    file[at + 16] = 14;
    expect_problem("bad time offset: 1 bytes");
    file[at + 18] = 200;
    expect_problem("an option is longer than its block");
}

static void section_commented(void)
{
    section();
    u16(1);
    u16(6);
    bytes("seed=7\0\0", 8);
}

static void ring_interface(void)
{
    u16(147);
    u16(0);
    u32(0);
}

/* A capture with everything in it, whose every prefix and every changed byte is read. */
static void everything(void)
{
    start(false);
    block(0x0a0d0d0a, section_commented);
    block(1, ethernet_milliseconds);
    block(6, packet_commented);
    block(3, simple_packet);
    block(1, ring_interface);
    block(6, packet);
}

static void check_inside(const uint8_t *base, size_t size)
{
    char value[8];

    for (size_t i = 0; i < capture.count; i++) {
        const uint8_t *from = capture.made ? capture.made : base;

        assert_true(capture.frames[i].bytes >= from);
        assert_true(capture.frames[i].bytes + capture.frames[i].len <= from + size);
        if (capture.frames[i].fault)
            assert_true(capture.frames[i].fault + capture.frames[i].fault_len <=
                        (const char *)base + size);
    }
    if (capture.origin)
        assert_true(capture.origin + capture.origin_len <= (const char *)base + size);
    if (capture.scenario)
        assert_true(capture.scenario + capture.scenario_len <= (const char *)base + size);
    for (size_t n = 0; n < sizeof(value); n++)
        capture_origin(&capture, "seed", value, n + 1);
}

/* From memory of exactly this size, so that a sanitizer sees what lies beyond. */
static void parse_copy(size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    memcpy(copy, file, size);
    if (capture_parse(&capture, copy, size, problem, sizeof(problem)) == 0) {
        check_inside(copy, size);
        capture_free(&capture);
    }
    free(copy);
}

static void no_prefix_and_no_changed_byte_is_read_beyond_its_end(void **state)
{
    static const uint8_t changes[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x04};

    (void)state;
    for (unsigned format = 0; format < 3; format++) {
        if (format == 1) {
            everything();
        } else {
            start(false);
            pcap_header(0xa1b2c3d4, format ? 101 : 1); /* made frames fill what room they have */
            pcap_frame(3, 7, format ? "" : "hello");
            pcap_frame(4, 0, "goodbye");
        }
        for (size_t n = 0; n <= len; n++)
            parse_copy(n);
        for (size_t i = 0; i < len; i++)
            for (unsigned k = 0; k < sizeof(changes); k++) {
                uint8_t was = file[i];

                file[i] = changes[k];
                parse_copy(len);
                file[i] = was;
            }
    }
}

static void expect_origin(const char *key, const char *value)
{
    char buf[64];

    assert_int_equal(capture_origin(&capture, key, buf, sizeof(buf)), value != NULL);
    if (value)
        assert_string_equal(buf, value);
}

static void what_drywire_writes_it_reads(void **state)
{
    char small[4];
    char path[] = "/tmp/drywire-capture-XXXXXX";
    int fd = mkstemp(path);
    static const char *const comments[] = {
        "seed=7\nscenario=a\\x0ab\\x5c\\xZZ\nguest=\nseed=8\nlast=x", "run x\n", "more", NULL};
    struct whole_file out;
    struct pcapng p;
    struct sink sink;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(whole_file_open(&out, path), 0);
    sink = whole_file_sink(&out);
    pcapng_start(&p, &sink, comments);
    pcapng_ring(&p, 1000000000, (const uint8_t *)"no frame", 8);
    pcapng_packet(&p, CAPTURE_WIRE, 1000000001, 1, (const uint8_t *)"one", 3, NULL);
    pcapng_packet(&p, CAPTURE_LOST, 1000000002, 0, (const uint8_t *)"two", 3, "fault: dropped");
    pcapng_packet(&p, CAPTURE_WIRE, 1000000003, 0, (const uint8_t *)"three", 5,
                  "fault: duplicated");
    pcapng_packet(&p, CAPTURE_WIRE, 1000000003, 0, (const uint8_t *)"three", 5, "fault: duplicate");
    pcapng_packet(&p, CAPTURE_WIRE, 1000000004, 0, (const uint8_t *)"4", 1,
                  "fault: delayed, corrupted");
    pcapng_packet(&p, CAPTURE_WIRE, 1000000005, 0, (const uint8_t *)"5", 1, "tcp: corrupted");
    assert_int_equal(whole_file_close(&out), 0);
    assert_int_equal(capture_read(&capture, path, problem, sizeof(problem)), 0);
    assert_int_equal(capture.count, 6);
    expect_frame(0, 1000000001, "one");
    expect_frame(4, 1000000004, "4");
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(capture.frames[i].lost, i == 1);
        assert_int_equal(capture.frames[i].duplicate, i == 3);
        assert_int_equal(capture.frames[i].damaged, i == 4);
    }
    assert_int_equal(capture.frames[1].fault_len, 7);
    assert_memory_equal(capture.frames[1].fault, "dropped", 7);
    assert_null(capture.frames[0].fault);
    assert_null(capture.frames[5].fault);
    expect_origin("seed", "7");
    expect_origin("scenario", "a\nb\\\\xZZ");
    expect_origin("guest", "");
    expect_origin("last", "x");
    assert_int_equal(capture.scenario_len, 6);
    assert_memory_equal(capture.scenario, "run x\n", 6);
    expect_origin("see", NULL);
    expect_origin("a", NULL);
    assert_false(capture_origin(&capture, "scenario", small, sizeof(small)));
    capture_free(&capture);
    unlink(path);
    assert_int_equal(capture_read(&capture, path, problem, sizeof(problem)), -1);
    assert_string_equal(problem, "cannot be read: No such file or directory");
    assert_int_equal(capture_read(&capture, "/tmp", problem, sizeof(problem)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pcap_is_read_in_either_byte_order_and_either_unit),
        cmocka_unit_test(other_link_types_get_a_header_of_ethernet),
        cmocka_unit_test(the_largest_packet_is_read),
        cmocka_unit_test(a_pcap_that_is_not_sound_is_refused),
        cmocka_unit_test(pcapng_is_read_in_either_byte_order),
        cmocka_unit_test(times_have_any_unit_and_an_offset),
        cmocka_unit_test(a_pcapng_that_is_not_sound_is_refused),
        cmocka_unit_test(no_prefix_and_no_changed_byte_is_read_beyond_its_end),
        cmocka_unit_test(what_drywire_writes_it_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
