/* The independent decoder: good frames, every kind of broken one, words and summaries. */
#include "frames.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct decoded decoded(const struct frame *f)
{
    struct decoded d;

    decode_frame(f->bytes, f->len, &d);
    return d;
}

/* One good frame of each layer. */
enum { SEEDS = 6 };

static struct frame seed_frame(unsigned i)
{
    struct segment syn = {
        .from_machine = true, .seq = 1, .flags = SEG_SYN, .window = 65535, .mss = 1460};
    struct dhcp offer = {
        .type = 2, .xid = 0x12345678, .yiaddr = MACHINE, .server = PEER, .lease_s = 86400};

    switch (i) {
    case 0:
        return arp_frame(1, MACHINE, PEER);
    case 1:
        return icmp_frame(MACHINE, PEER, 8, "abc", 3);
    case 2:
        return udp_frame(MACHINE, 7000, PEER, 7, "hello", 5);
    case 3:
        return tcp_frame(syn);
    case 4:
        return tcp_frame((struct segment){.seq = 9, .ack = 2, .flags = SEG_ACK, .data = "data"});
    default:
        return dhcp_frame(offer);
    }
}

static void a_good_frame_has_no_error_and_all_its_fields(void **state)
{
    struct frame f = seed_frame(3);
    struct decoded d = decoded(&f);

    (void)state;
    assert_null(d.error);
    assert_int_equal(d.layer, LAYER_TCP);
    assert_int_equal(d.tcp_mss, 1460);
    assert_int_equal(d.tcp_header_len, 24);
    assert_int_equal(d.tcp_window, 65535);
    assert_int_equal(d.payload_len, 0);
    assert_int_equal(d.ip_end, f.len);
    f = seed_frame(5);
    d = decoded(&f);
    assert_null(d.error);
    assert_int_equal(d.layer, LAYER_DHCP);
    assert_int_equal(d.dhcp_type, 2);
    assert_int_equal(d.dhcp_yiaddr, MACHINE);
    assert_int_equal(d.dhcp_server, PEER);
    assert_int_equal(d.dhcp_lease_s, 86400);
    f = seed_frame(0);
    d = decoded(&f);
    assert_null(d.error);
    assert_int_equal(d.arp_op, 1);
    assert_int_equal(d.arp_tpa, PEER);
}

static void padding_is_no_payload(void **state)
{
    struct frame f = seed_frame(4);
    struct decoded d;

    (void)state;
    f.len = 60;
    d = decoded(&f);
    assert_null(d.error);
    assert_int_equal(d.payload_len, 4);
    assert_memory_equal(d.payload, "data", 4);
    assert_int_equal(d.ip_end, 58);
}

static void a_truncated_frame_is_an_error_at_every_length(void **state)
{
    (void)state;
    for (unsigned i = 0; i < SEEDS; i++) {
        struct frame f = seed_frame(i);

        for (size_t len = 0; len < f.len; len++) {
            uint8_t *exact = malloc(len ? len : 1); /* so that a sanitizer sees one byte more */
            struct decoded d;
            char line[200];

            memcpy(exact, f.bytes, len);
            decode_frame(exact, len, &d);
            assert_non_null(d.error);
            assert_non_null(decode_summary(&d, line, sizeof(line)));
            free(exact);
        }
    }
}

static void one_wrong_bit_behind_the_ethernet_header_is_found(void **state)
{
    (void)state;
    for (unsigned i = 1; i < SEEDS; i++) {
        struct frame f = seed_frame(i);

        for (size_t bit = 14 * 8; bit < f.len * 8; bit++) {
            struct decoded d;

            f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            d = decoded(&f);
            assert_non_null(d.error);
            f.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

static void noise_is_survived(void **state)
{
    uint32_t x = 1;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        struct frame f = seed_frame(round % SEEDS);
        struct decoded d;
        char line[120];

        for (unsigned i = 0; i < 6; i++) {
            x = x * 1664525 + 1013904223;
            f.bytes[12 + (x >> 8) % (f.len - 12)] = (uint8_t)(x >> 24);
        }
        d = decoded(&f);
        decode_summary(&d, line, sizeof(line));
        for (const char *c = line; *c; c++)
            assert_in_range(*c, ' ', '~');
    }
}

static void a_wrong_checksum_is_named(void **state)
{
    static const struct {
        unsigned seed;
        size_t at;
        const char *name;
    } rows[] = {
        {1, 24, "ip.checksum"},
        {1, 36, "icmp.checksum"},
        {2, 40, "udp.checksum"},
        {3, 50, "tcp.checksum"},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct frame f = seed_frame(rows[i].seed);

        f.bytes[rows[i].at] ^= 1;
        assert_string_equal(decoded(&f).error, rows[i].name);
    }
}

static void a_udp_checksum_of_zero_means_none(void **state)
{
    struct frame f = seed_frame(2);

    (void)state;
    set16(f.bytes + 40, 0);
    assert_null(decoded(&f).error);
}

static void options_end_where_the_header_ends(void **state)
{
    struct frame f = seed_frame(3);

    (void)state;
    f.bytes[14 + 20 + 21] = 5; /* one more than there is */
    finish_ip(&f, 44);
    assert_string_equal(decoded(&f).error, "tcp.options");
    f.bytes[14 + 20 + 21] = 0; /* a walk that does not advance */
    finish_ip(&f, 44);
    assert_string_equal(decoded(&f).error, "tcp.options");
    f = seed_frame(5);
    f.bytes[14 + 28 + 241] = 255;
    finish_ip(&f, 328);
    assert_non_null(decoded(&f).error);
}

static void a_fragment_is_not_looked_into(void **state)
{
    struct frame f = seed_frame(2);
    struct decoded d;

    (void)state;
    set16(f.bytes + 14 + 6, 0x2000);
    finish_ip(&f, 33);
    d = decoded(&f);
    assert_null(d.error);
    assert_true(d.ip_fragment);
    assert_int_equal(d.layer, LAYER_IPV4);
}

static void sums_of_pieces_are_the_sum(void **state)
{
    uint8_t bytes[257];

    (void)state;
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 151 + 7);
    for (size_t len = 0; len < sizeof(bytes); len++) {
        uint32_t plain = 0;

        for (size_t i = 0; i < len; i++)
            plain += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
        while (plain >> 16)
            plain = (plain & 0xffff) + (plain >> 16);
        assert_int_equal(decode_sum(0, bytes, len), plain);
        assert_int_equal(
            decode_sum(decode_sum(0, bytes, len / 4 * 2), bytes + len / 4 * 2, len - len / 4 * 2),
            plain);
    }
}

static bool says(const struct frame *f, const char *word)
{
    struct decoded d = decoded(f);

    return decode_matches(&d, word);
}

static void words_match_what_they_name(void **state)
{
    struct frame arp = seed_frame(0), echo = seed_frame(1), udp = seed_frame(2);
    struct frame syn = seed_frame(3), data = seed_frame(4), offer = seed_frame(5);
    struct frame ack = tcp_frame((struct segment){.flags = SEG_ACK});
    struct frame fin = tcp_frame((struct segment){.flags = SEG_ACK | SEG_FIN});

    (void)state;
    assert_true(says(&arp, "arp.request") && !says(&arp, "arp.reply") && !says(&arp, "ip"));
    assert_true(says(&echo, "icmp.echo") && !says(&echo, "icmp.reply") && says(&echo, "ip"));
    assert_true(says(&udp, "udp") && !says(&udp, "dhcp"));
    assert_true(says(&syn, "tcp.syn") && !says(&syn, "tcp.synack") && !says(&syn, "tcp.ack"));
    assert_true(says(&data, "tcp.data") && !says(&data, "tcp.ack"));
    assert_true(says(&ack, "tcp.ack") && !says(&fin, "tcp.ack") && says(&fin, "tcp.fin"));
    assert_true(says(&offer, "dhcp.offer") && says(&offer, "udp") && !says(&offer, "dhcp.ack"));
    for (unsigned i = 0; decode_words[i]; i++)
        assert_true(i == 0 || !says(&(struct frame){.len = 20}, decode_words[i]));
}

static void a_summary_says_who_and_what(void **state)
{
    struct frame f = seed_frame(3);
    struct decoded d = decoded(&f);
    char line[160];

    (void)state;
    assert_string_equal(decode_summary(&d, line, sizeof(line)),
                        "tcp 10.0.2.15:49152 > 10.0.2.2:8080 S seq=1 win=65535 mss=1460 len=0");
    f = seed_frame(0);
    d = decoded(&f);
    assert_string_equal(decode_summary(&d, line, sizeof(line)),
                        "arp who-has 10.0.2.2 tell 10.0.2.15");
    for (size_t size = 1; size < sizeof(line); size++) {
        memset(line, '#', sizeof(line));
        decode_summary(&d, line, size);
        assert_true(strlen(line) < size);
        assert_int_equal(line[size], '#');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_frame_has_no_error_and_all_its_fields),
        cmocka_unit_test(padding_is_no_payload),
        cmocka_unit_test(a_truncated_frame_is_an_error_at_every_length),
        cmocka_unit_test(one_wrong_bit_behind_the_ethernet_header_is_found),
        cmocka_unit_test(noise_is_survived),
        cmocka_unit_test(a_wrong_checksum_is_named),
        cmocka_unit_test(a_udp_checksum_of_zero_means_none),
        cmocka_unit_test(options_end_where_the_header_ends),
        cmocka_unit_test(a_fragment_is_not_looked_into),
        cmocka_unit_test(sums_of_pieces_are_the_sum),
        cmocka_unit_test(words_match_what_they_name),
        cmocka_unit_test(a_summary_says_who_and_what),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
