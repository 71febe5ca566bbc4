/*
 * The small pieces of the core against published vectors: checksum (RFC 1071), SipHash-2-4, text,
 * trace lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/checksum.h"
#include "../../core/base/err.h"
#include "../../core/base/fmt.h"
#include "../../core/base/rng.h"
#include "../../core/trace/trace.h"
#include "../../core/port/dma.h"

static uint16_t plain_checksum(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += (uint32_t)p[i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void checksum_of_rfc_1071_section_3(void **state)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    (void)state;
    assert_int_equal(be16_get(checksum_finish(checksum_add(0, bytes, sizeof(bytes)))),
                     (uint16_t)~0xddf2);
}

static void checksum_of_every_length_and_alignment_equals_the_plain_one(void **state)
{
    uint8_t bytes[300];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 131 + 251);
    for (size_t at = 0; at < 9; at++)
        for (size_t len = 0; len < 280; len++)
            assert_int_equal(be16_get(checksum_finish(checksum_add(0, bytes + at, len))),
                             plain_checksum(bytes + at, len));
}

static void checksum_in_even_pieces_equals_the_whole(void **state)
{
    uint8_t bytes[64];
    uint64_t whole, pieces;

    (void)state;
    memset(bytes, 0xff, sizeof(bytes));
    whole = checksum_add(0, bytes, sizeof(bytes));
    pieces = checksum_add(checksum_add(0, bytes, 20), bytes + 20, 44);
    assert_int_equal(be16_get(checksum_finish(whole)), be16_get(checksum_finish(pieces)));
    assert_true(checksum_good(whole)); /* all ones is the other zero */
}

static void pseudo_header_is_the_twelve_bytes_of_rfc_9293(void **state)
{
    static const uint8_t bytes[12] = {10, 0, 2, 15, 10, 0, 2, 2, 0, 6, 0x12, 0x34};

    (void)state;
    assert_int_equal(be16_get(checksum_finish(checksum_pseudo(0x0a00020f, 0x0a000202, 6, 0x1234))),
                     plain_checksum(bytes, 12));
}

/* The reference vectors of SipHash-2-4: key 00..0f, input 00 01 02 ... */
static void siphash_vectors(void **state)
{
    static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    static const uint64_t word[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

    (void)state;
    assert_true(rng_hash(key, word, 0) == UINT64_C(0x726fdb47dd0e0e31));
    assert_true(rng_hash(key, word, 1) == UINT64_C(0x93f5f5799a932462));
    assert_true(rng_hash(key, word, 2) == UINT64_C(0x3f2acc7f57c29bdb));
}

static void random_numbers_repeat_with_the_key_and_stay_below_their_bound(void **state)
{
    struct rng a, b;

    (void)state;
    rng_init(&a, 1, 2);
    rng_init(&b, 1, 2);
    for (int i = 0; i < 100; i++) {
        uint64_t x = rng_below(&a, 10);

        assert_true(x < 10);
        assert_true(x == rng_below(&b, 10));
    }
    assert_true(rng_next(&a) != rng_next(&a));
}

static const char *text(struct fmt *f)
{
    f->buf[f->len] = 0;
    return f->buf;
}

static void text_is_cut_at_the_end_of_the_buffer(void **state)
{
    char buf[5];
    struct fmt f = {.buf = buf, .size = sizeof(buf)};

    (void)state;
    fmt_text(&f, "abcdefgh");
    assert_string_equal(text(&f), "abcd");
}

static void numbers_addresses_and_escapes(void **state)
{
    char buf[200];
    struct fmt f = {.buf = buf, .size = sizeof(buf)};

    (void)state;
    fmt_u64(&f, 0);
    fmt_char(&f, ' ');
    fmt_u64(&f, UINT64_MAX);
    fmt_char(&f, ' ');
    fmt_i64(&f, INT64_MIN);
    fmt_char(&f, ' ');
    fmt_hex(&f, 0);
    fmt_char(&f, ' ');
    fmt_hex(&f, UINT64_MAX);
    fmt_char(&f, ' ');
    fmt_ipv4(&f, 0xff00010a);
    fmt_char(&f, ' ');
    fmt_mac(&f, UINT64_C(0x0200deadbe0f));
    fmt_char(&f, ' ');
    fmt_escaped(&f, '\\');
    fmt_escaped(&f, 0x1b);
    fmt_escaped(&f, 'a');
    assert_string_equal(text(&f),
                        "0 18446744073709551615 -9223372036854775808 0x0 0xffffffffffffffff "
                        "255.0.1.10 02:00:de:ad:be:0f \\\\\\x1ba");
}

static void a_trace_line_is_its_component_and_its_format(void **state)
{
    char buf[TRACE_LINE_MAX];
    uint64_t args[] = {0x0a00020f, 0xffffff00, 0x0a000202, 0x0a000203, 86400};

    (void)state;
    trace_format(buf, sizeof(buf), TRACE_DHCP_BOUND, args, 5);
    assert_string_equal(buf, "netstackd: virt0 dhcp addr=10.0.2.15 mask=255.255.255.0 "
                             "gateway=10.0.2.2 dns=10.0.2.3 lease_s=86400 src=dhcp");
    trace_format(buf, sizeof(buf), TRACE_DHCP_BOUND, 0, 0);
    assert_non_null(strstr(buf, "addr=0.0.0.0"));
    assert_int_equal(trace_format(buf, 8, TRACE_NET_READY, 0, 0), 7);
    assert_string_equal(buf, "netstac");
}

/* Every event formats with all its arguments at their largest, and no '%' or '?' stays. */
static void every_event_formats(void **state)
{
    char buf[TRACE_LINE_MAX];
    uint64_t args[TRACE_ARGS_MAX] = {0};

    (void)state;
    for (unsigned id = 0; id < TRACE_COUNT; id++) {
        trace_format(buf, sizeof(buf), id, args, TRACE_ARGS_MAX);
        assert_null(strchr(buf, '%'));
        if (id != TRACE_TCP_ABORTED && id != TRACE_DNS_FAILED) /* 0 is no error */
            assert_null(strchr(buf, '?'));
        for (const char *c = buf; *c; c++)
            assert_in_range(*c, 0x20, 0x7e);
    }
    memset(args, 0xff, sizeof(args));
    for (unsigned id = 0; id < TRACE_COUNT; id++)
        assert_in_range(trace_format(buf, sizeof(buf), id, args, TRACE_ARGS_MAX), 1,
                        TRACE_LINE_MAX - 1);
}

static void every_error_and_drop_reason_has_a_word(void **state)
{
    (void)state;
    for (int err = ERR_KILLED; err < 0; err++)
        assert_string_not_equal(trace_error_word(err), "?");
    assert_string_equal(trace_error_word(0), "?");
    for (unsigned i = 0; i < DROP_COUNT; i++)
        assert_string_not_equal(trace_drop_word(i), "?");
    assert_string_equal(trace_drop_word(DROP_COUNT), "?");
}

static void dma_memory_is_taken_aligned_and_never_beyond_its_end(void **state)
{
    static uint8_t bytes[64];

    (void)state;
    for (size_t used = 0; used <= 32; used++)
        for (size_t align = 1; align <= 64; align *= 2)
            for (size_t size = 0; size <= 40; size++) {
                struct dma_memory m = {.base = bytes, .size = 32, .used = used};
                size_t start = (used + align - 1) / align * align;
                void *taken = dma_take(&m, size, align);

                assert_ptr_equal(taken, start + size <= 32 ? bytes + start : NULL);
                assert_int_equal(m.used, taken ? start + size : used);
            }
    for (size_t size = SIZE_MAX - 40; size; size++) { /* the sum would wrap */
        struct dma_memory m = {.base = bytes, .size = 32, .used = 8};

        assert_null(dma_take(&m, size, 8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_of_rfc_1071_section_3),
        cmocka_unit_test(checksum_of_every_length_and_alignment_equals_the_plain_one),
        cmocka_unit_test(checksum_in_even_pieces_equals_the_whole),
        cmocka_unit_test(pseudo_header_is_the_twelve_bytes_of_rfc_9293),
        cmocka_unit_test(siphash_vectors),
        cmocka_unit_test(random_numbers_repeat_with_the_key_and_stay_below_their_bound),
        cmocka_unit_test(text_is_cut_at_the_end_of_the_buffer),
        cmocka_unit_test(numbers_addresses_and_escapes),
        cmocka_unit_test(a_trace_line_is_its_component_and_its_format),
        cmocka_unit_test(every_event_formats),
        cmocka_unit_test(every_error_and_drop_reason_has_a_word),
        cmocka_unit_test(dma_memory_is_taken_aligned_and_never_beyond_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
