/*
 * The stream services, driven as a world drives them: input, output until nothing is due, ending,
 * deadline. Times are relative to the moment the stream was opened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../core/base/array.h"
#include "../../sim/world/service.h"
#include "../../sim/engine/sim.h"

#define T0 (5 * NS_PER_S)

static const char request[] = "GET /hello HTTP/1.1\r\nHost: 10.0.2.2\r\n\r\n";

static struct service http_service(enum http_framing framing, const char *body)
{
    return (struct service){.kind = SERVICE_HTTP,
                            .path = "/hello",
                            .body = body,
                            .body_len = strlen(body),
                            .status = 200,
                            .framing = framing,
                            .chunk = 1000,
                            .reset_after = UINT64_MAX};
}

static void input(struct stream *s, const char *text, uint64_t at_ns)
{
    assert_int_equal(stream_input(s, (const uint8_t *)text, strlen(text), T0 + at_ns),
                     strlen(text));
}

/* What is due at a time must be exactly this text. */
static void expect_output(struct stream *s, const char *text, uint64_t at_ns)
{
    uint8_t buf[2048];
    size_t n = stream_output(s, buf, sizeof(buf) - 1, T0 + at_ns);

    buf[n] = 0;
    assert_string_equal((const char *)buf, text);
}

static void expect_ending(const struct stream *s, enum stream_end end, uint64_t at_ns)
{
    assert_int_equal(stream_ending(s, T0 + at_ns), end);
}

/* Take everything that is due until the end, in reads of at most `step` bytes, time following the
 * deadlines. Returns the number of bytes; *end_ns is when the stream ended. */
static size_t drain(struct stream *s, uint8_t *buf, size_t size, size_t step, uint64_t *end_ns,
                    enum stream_end *end)
{
    uint64_t now_ns = T0;
    size_t total = 0;

    for (;;) {
        size_t room = size - total < step ? size - total : step;
        size_t n = stream_output(s, buf + total, room, now_ns);

        total += n;
        if (n)
            continue;
        *end = stream_ending(s, now_ns);
        if (*end != STREAM_OPEN)
            break;

        uint64_t next = stream_deadline(s, now_ns);

        assert_true(next > now_ns); /* nothing came out, so nothing may be due */
        assert_true(next != SIM_NEVER);
        now_ns = next;
    }
    *end_ns = now_ns - T0;
    return total;
}

static void pattern_lines_are_printable_and_all_different(void **state)
{
    char seen[200][64];

    (void)state;
    for (unsigned line = 0; line < 200; line++) {
        for (unsigned i = 0; i < 64; i++) {
            seen[line][i] = (char)service_pattern(line * 64 + i);
            if (i < 63)
                assert_in_range(seen[line][i], ' ', '~');
        }
        assert_int_equal(seen[line][63], '\n');
        for (unsigned other = 0; other < line; other++)
            assert_memory_not_equal(seen[line], seen[other], 64);
    }
}

static void pattern_body_is_the_pattern_wherever_reads_cut_it(void **state)
{
    static uint8_t buf[10000];
    enum stream_end end;
    uint64_t end_ns;

    (void)state;
    for (size_t step = 1; step < 200; step += 7) {
        struct service service = http_service(HTTP_CLOSE, "");
        struct stream s;

        service.pattern = true;
        service.body_len = 5000;
        stream_open(&s, &service);
        input(&s, request, 0);

        size_t n = drain(&s, buf, sizeof(buf), step, &end_ns, &end);

        assert_int_equal(n, s.head_len + 5000);
        for (unsigned i = 0; i < 5000; i++)
            assert_int_equal(buf[s.head_len + i], service_pattern(i));
    }
}

static void response_carries_its_length_and_closes(void **state)
{
    struct service service = http_service(HTTP_LENGTH, "hello\n");
    struct stream s;

    (void)state;
    stream_open(&s, &service);
    assert_int_equal(stream_deadline(&s, T0), SIM_NEVER);
    input(&s, request, 0);
    assert_int_equal(stream_deadline(&s, T0), T0);
    expect_output(&s,
                  "HTTP/1.1 200 OK\r\n"
                  "Content-Type: text/plain\r\n"
                  "Content-Length: 6\r\n"
                  "Connection: close\r\n"
                  "\r\n"
                  "hello\n",
                  0);
    expect_output(&s, "", 0);
    expect_ending(&s, STREAM_FIN, 0);
}

static void other_path_answers_404(void **state)
{
    struct service service = http_service(HTTP_CHUNKED, "hello\n");
    struct stream s;

    (void)state;
    service.reset_after = 2; /* belongs to the found response only */
    stream_open(&s, &service);
    input(&s, "GET /hell HTTP/1.1\r\n\r\n", 0);
    expect_output(&s,
                  "HTTP/1.1 404 Not Found\r\n"
                  "Content-Type: text/plain\r\n"
                  "Content-Length: 9\r\n"
                  "Connection: close\r\n"
                  "\r\n"
                  "not here\n",
                  0);
    expect_ending(&s, STREAM_FIN, 0);
}

static void service_of_status_404_sends_its_own_body(void **state)
{
    struct service service = http_service(HTTP_CLOSE, "gone fishing");
    struct stream s;
    uint8_t buf[300];

    (void)state;
    service.status = 404;
    stream_open(&s, &service);
    input(&s, request, 0);

    size_t n = stream_output(&s, buf, sizeof(buf), T0);

    assert_memory_equal(buf + n - 12, "gone fishing", 12);
}

static void what_is_not_a_get_answers_400(void **state)
{
    static const char *const requests[] = {"PUT /hello HTTP/1.1\r\n\r\n", "GET /hello\r\n\r\n",
                                           "\n\n", "GET\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(requests); i++) {
        struct service service = http_service(HTTP_LENGTH, "hello\n");
        struct stream s;

        stream_open(&s, &service);
        input(&s, requests[i], 0);
        assert_int_equal(s.status, 400);
    }
}

static void request_without_end_answers_400_when_it_is_too_long(void **state)
{
    struct service service = http_service(HTTP_LENGTH, "hello\n");
    struct stream s;
    uint8_t byte = 'x';

    (void)state;
    stream_open(&s, &service);
    for (unsigned i = 0; i < SERVICE_REQUEST_MAX; i++) {
        assert_int_equal(s.status, 0);
        assert_int_equal(stream_input(&s, &byte, 1, T0), 1);
    }
    assert_int_equal(s.status, 400);
    assert_int_equal(stream_input(&s, &byte, 1, T0), 1);
}

static void request_may_come_in_pieces_and_with_bare_newlines(void **state)
{
    struct service service = http_service(HTTP_LENGTH, "hello\n");
    struct stream s;

    (void)state;
    stream_open(&s, &service);
    for (const char *c = request; *c; c++) {
        assert_int_equal(s.start_ns, 0);
        assert_int_equal(stream_input(&s, (const uint8_t *)c, 1, T0), 1);
    }
    assert_int_equal(s.status, 200);

    stream_open(&s, &service);
    input(&s, "GET /hello HTTP/1.0\n", 0);
    assert_int_equal(s.start_ns, 0);
    input(&s, "\n", 0);
    assert_int_equal(s.status, 200);
}

static void delay_holds_the_first_byte_back(void **state)
{
    struct service service = http_service(HTTP_LENGTH, "hello\n");
    struct stream s;

    (void)state;
    service.delay_ns = 3 * NS_PER_MS;
    stream_open(&s, &service);
    input(&s, request, 100);
    assert_int_equal(stream_deadline(&s, T0 + 200), T0 + 100 + 3 * NS_PER_MS);
    expect_output(&s, "", 99 + 3 * NS_PER_MS);
    expect_ending(&s, STREAM_OPEN, 99 + 3 * NS_PER_MS);
    assert_int_equal(stream_deadline(&s, T0 + 100 + 3 * NS_PER_MS), T0 + 100 + 3 * NS_PER_MS);
}

static void chunks_follow_each_other_and_a_last_one_ends_them(void **state)
{
    static const struct {
        const char *body;
        const char *wire;
    } cases[] = {
        {"hello", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"},
        {"hellos", "3\r\nhel\r\n3\r\nlos\r\n0\r\n\r\n"},
        {"hi", "2\r\nhi\r\n0\r\n\r\n"},
        {"", "0\r\n\r\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        for (size_t step = 1; step < 300; step += 13) {
            struct service service = http_service(HTTP_CHUNKED, cases[i].body);
            struct stream s;
            uint8_t buf[400];
            enum stream_end end;
            uint64_t end_ns;

            service.chunk = 3;
            stream_open(&s, &service);
            input(&s, request, 0);

            size_t n = drain(&s, buf, sizeof(buf), step, &end_ns, &end);
            size_t wire = strlen(cases[i].wire);

            assert_int_equal(end, STREAM_FIN);
            assert_int_equal(n, s.head_len + wire);
            assert_memory_equal(buf + s.head_len, cases[i].wire, wire);
        }
    }
}

static void close_delimited_response_has_no_length(void **state)
{
    struct service service = http_service(HTTP_CLOSE, "hello\n");
    struct stream s;

    (void)state;
    stream_open(&s, &service);
    input(&s, request, 0);
    expect_output(&s,
                  "HTTP/1.1 200 OK\r\n"
                  "Content-Type: text/plain\r\n"
                  "Connection: close\r\n"
                  "\r\n"
                  "hello\n",
                  0);
    expect_ending(&s, STREAM_FIN, 0);
}

static void status_without_content_sends_only_a_head(void **state)
{
    struct service service = http_service(HTTP_CHUNKED, "hello\n");
    struct stream s;

    (void)state;
    service.status = 204;
    stream_open(&s, &service);
    input(&s, request, 0);
    expect_output(&s,
                  "HTTP/1.1 204 No Content\r\n"
                  "Content-Type: text/plain\r\n"
                  "Connection: close\r\n"
                  "\r\n",
                  0);
    expect_ending(&s, STREAM_FIN, 0);
}

static void rate_spreads_the_body_over_time(void **state)
{
    static const enum http_framing framings[] = {HTTP_LENGTH, HTTP_CHUNKED, HTTP_CLOSE};
    static uint8_t buf[8000];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(framings); i++) {
        struct service service = http_service(framings[i], "");
        struct stream s;
        enum stream_end end;
        uint64_t end_ns;

        service.pattern = true;
        service.body_len = 2000;
        service.chunk = 300;
        service.rate_Bps = 1500;
        stream_open(&s, &service);
        input(&s, request, 0);
        drain(&s, buf, sizeof(buf), 50, &end_ns, &end);
        assert_int_equal(end, STREAM_FIN);
        assert_int_equal(end_ns, 1334 * NS_PER_MS); /* 2000 bytes take 1333.3 ms */
    }
}

static void rate_lets_a_byte_out_no_later_than_its_deadline(void **state)
{
    struct service service = http_service(HTTP_CLOSE, "abc");
    struct stream s;
    uint8_t buf[300];

    (void)state;
    service.rate_Bps = 10;
    stream_open(&s, &service);
    input(&s, request, 0);
    assert_int_equal(stream_output(&s, buf, sizeof(buf), T0), s.head_len);
    assert_int_equal(stream_deadline(&s, T0), T0 + 100 * NS_PER_MS);
    expect_output(&s, "", 100 * NS_PER_MS - 1);
    expect_output(&s, "a", 100 * NS_PER_MS);
    expect_output(&s, "bc", 900 * NS_PER_MS);
}

static void reset_comes_after_exactly_n_bytes_of_the_body(void **state)
{
    static const enum http_framing framings[] = {HTTP_LENGTH, HTTP_CHUNKED};

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(framings); i++) {
        for (uint64_t after = 0; after <= 6; after++) {
            struct service service = http_service(framings[i], "hello\n");
            struct stream s;
            uint8_t buf[400];
            enum stream_end end;
            uint64_t end_ns;

            service.reset_after = after;
            stream_open(&s, &service);
            input(&s, request, 0);

            size_t n = drain(&s, buf, sizeof(buf), sizeof(buf), &end_ns, &end);
            size_t line = framings[i] == HTTP_CHUNKED && after ? 3 : 0;

            assert_int_equal(end, STREAM_RESET);
            assert_int_equal(n, s.head_len + line + after);
            assert_memory_equal(buf + s.head_len + line, "hello\n", after);
        }
    }
}

static void peer_that_closes_without_asking_is_closed(void **state)
{
    struct service service = http_service(HTTP_LENGTH, "hello\n");
    struct stream s;

    (void)state;
    stream_open(&s, &service);
    input(&s, "GET /he", 0);
    expect_ending(&s, STREAM_OPEN, 0);
    stream_input_end(&s, T0);
    assert_int_equal(stream_deadline(&s, T0), T0);
    expect_output(&s, "", 0);
    expect_ending(&s, STREAM_FIN, 0);
}

static void peer_that_closes_after_asking_is_answered(void **state)
{
    struct service service = http_service(HTTP_LENGTH, "hello\n");
    struct stream s;

    (void)state;
    service.delay_ns = NS_PER_S;
    stream_open(&s, &service);
    input(&s, request, 0);
    stream_input_end(&s, T0);
    expect_ending(&s, STREAM_OPEN, 0);
    assert_int_equal(stream_deadline(&s, T0), T0 + NS_PER_S);
}

static void echo_returns_the_stream_through_a_full_queue(void **state)
{
    struct service service = {.kind = SERVICE_TCP_ECHO};
    struct stream s;
    uint8_t in[3000], out[3000];
    uint64_t given = 0, returned = 0;

    (void)state;
    stream_open(&s, &service);
    while (returned < 100000) {
        for (size_t i = 0; i < sizeof(in); i++)
            in[i] = service_pattern(given + i);
        given += stream_input(&s, in, sizeof(in), T0);
        assert_true(given - returned <= SERVICE_REQUEST_MAX);

        size_t n = stream_output(&s, out, 2777, T0);

        for (size_t i = 0; i < n; i++)
            assert_int_equal(out[i], service_pattern(returned + i));
        returned += n;
    }
    stream_input_end(&s, T0);
    expect_ending(&s, STREAM_OPEN, 0);
    while ((returned += stream_output(&s, out, sizeof(out), T0)) < given)
        ;
    expect_ending(&s, STREAM_FIN, 0);
}

static void sink_takes_everything_and_closes_after_the_peer(void **state)
{
    struct service service = {.kind = SERVICE_SINK};
    struct stream s;
    uint8_t bytes[10000] = {0};

    (void)state;
    stream_open(&s, &service);
    assert_int_equal(stream_input(&s, bytes, sizeof(bytes), T0), sizeof(bytes));
    assert_int_equal(s.received, sizeof(bytes));
    expect_output(&s, "", 0);
    expect_ending(&s, STREAM_OPEN, 0);
    assert_int_equal(stream_deadline(&s, T0), SIM_NEVER);
    stream_input_end(&s, T0);
    expect_ending(&s, STREAM_FIN, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pattern_lines_are_printable_and_all_different),
        cmocka_unit_test(pattern_body_is_the_pattern_wherever_reads_cut_it),
        cmocka_unit_test(response_carries_its_length_and_closes),
        cmocka_unit_test(other_path_answers_404),
        cmocka_unit_test(service_of_status_404_sends_its_own_body),
        cmocka_unit_test(what_is_not_a_get_answers_400),
        cmocka_unit_test(request_without_end_answers_400_when_it_is_too_long),
        cmocka_unit_test(request_may_come_in_pieces_and_with_bare_newlines),
        cmocka_unit_test(delay_holds_the_first_byte_back),
        cmocka_unit_test(chunks_follow_each_other_and_a_last_one_ends_them),
        cmocka_unit_test(close_delimited_response_has_no_length),
        cmocka_unit_test(status_without_content_sends_only_a_head),
        cmocka_unit_test(rate_spreads_the_body_over_time),
        cmocka_unit_test(rate_lets_a_byte_out_no_later_than_its_deadline),
        cmocka_unit_test(reset_comes_after_exactly_n_bytes_of_the_body),
        cmocka_unit_test(peer_that_closes_without_asking_is_closed),
        cmocka_unit_test(peer_that_closes_after_asking_is_answered),
        cmocka_unit_test(echo_returns_the_stream_through_a_full_queue),
        cmocka_unit_test(sink_takes_everything_and_closes_after_the_peer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
