/*
 * The HTTP response reader against RFC 9112 (the table at the head of user/http.h). Each response
 * is read whole, cut in two at every place, and byte by byte: the result must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../user/http.h"

enum { BODY_MAX = 20000 };

struct outcome {
    enum http_phase phase;
    enum http_error error;
    unsigned status;
    bool header_complete, coded;
    size_t used, body_len;
    uint8_t body[BODY_MAX];
};

/* ---- helpers ---- */

static void feed(struct http_response *r, struct outcome *o, const uint8_t *bytes, size_t len)
{
    size_t used = 0;

    while (used < len && !http_response_over(r)) {
        struct http_slice body;
        size_t n = http_response_feed(r, bytes + used, len - used, &body);

        assert_true(n >= 1 && n <= len - used);
        if (body.len > 0) {
            assert_true(body.data >= bytes + used && body.data + body.len == bytes + used + n);
            assert_true(o->body_len + body.len <= sizeof(o->body));
            memcpy(o->body + o->body_len, body.data, body.len);
            o->body_len += body.len;
        }
        used += n;
    }
    o->used += used;
}

/* Read bytes[0..len), cut into [0..first) and pieces of `piece` bytes; then the stream ends. Each
 * piece is its own allocation, so that a sanitizer detects a read beyond its end. */
static void read_response(struct outcome *o, const char *bytes, size_t len, size_t first,
                          size_t piece)
{
    struct http_response r;
    size_t at = 0, next = first;

    memset(o, 0, sizeof(*o));
    http_response_start(&r);
    while (at < len) {
        size_t n = next < len - at ? next : len - at;
        uint8_t *copy = malloc(n ? n : 1);

        assert_non_null(copy);
        memcpy(copy, bytes + at, n);
        feed(&r, o, copy, n);
        free(copy);
        at += n;
        next = piece;
    }
    http_response_end(&r);
    assert_true(http_response_over(&r));
    assert_true((r.phase == HTTP_FAILED) == (r.error != HTTP_OK));
    assert_int_equal(r.body_bytes, o->body_len);
    assert_true(r.status_line_len <= HTTP_STATUS_LINE_KEPT);
    o->phase = r.phase;
    o->error = r.error;
    o->status = r.status;
    o->header_complete = r.header_complete;
    o->coded = r.coded;
}

static void assert_same(const struct outcome *a, const struct outcome *b)
{
    assert_int_equal(a->phase, b->phase);
    assert_int_equal(a->error, b->error);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->header_complete, b->header_complete);
    assert_int_equal(a->coded, b->coded);
    assert_int_equal(a->used, b->used);
    assert_int_equal(a->body_len, b->body_len);
    assert_memory_equal(a->body, b->body, a->body_len);
}

/* The outcome of a response, the same for every cut. */
static void read_every_cut(struct outcome *o, const char *bytes, size_t len)
{
    static struct outcome cut;

    read_response(o, bytes, len, len, 1);
    for (size_t first = 0; first < len; first++) {
        read_response(&cut, bytes, len, first, len);
        assert_same(o, &cut);
    }
    read_response(&cut, bytes, len, 1, 1);
    assert_same(o, &cut);
}

static void expect_body_n(const char *bytes, size_t len, unsigned status, const char *body)
{
    static struct outcome o;

    read_every_cut(&o, bytes, len);
    if (o.phase != HTTP_DONE)
        print_error("%s: %s\n", bytes, http_error_word(o.error));
    assert_int_equal(o.phase, HTTP_DONE);
    assert_int_equal(o.status, status);
    assert_int_equal(o.body_len, strlen(body));
    assert_memory_equal(o.body, body, strlen(body));
}

static void expect_body(const char *bytes, unsigned status, const char *body)
{
    expect_body_n(bytes, strlen(bytes), status, body);
}

static void expect_error_n(const char *bytes, size_t len, enum http_error error)
{
    static struct outcome o;

    read_every_cut(&o, bytes, len);
    if (o.error != error)
        print_error("%s: %s\n", bytes, http_error_word(o.error));
    assert_int_equal(o.error, error);
    /* What is wrong with the header is known before any byte of the body is given out. */
    if (!o.header_complete)
        assert_int_equal(o.body_len, 0);
}

static void expect_error(const char *bytes, enum http_error error)
{
    expect_error_n(bytes, strlen(bytes), error);
}

/* A response whose header has these lines, and the body `hello` after it. */
static const char *with_fields(const char *fields)
{
    static char text[1000];

    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s\r\nhello", fields);
    return text;
}

/* A chunked response with this body. */
static const char *chunked(const char *body)
{
    static char text[1000];

    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s", body);
    return text;
}

/* ---- the end of the body: section 6.3 ---- */

static void content_length_ends_the_body(void **state)
{
    (void)state;
    expect_body(with_fields("Content-Length: 5\r\n"), 200, "hello");
    expect_body(with_fields("content-LENGTH:\t 5 \t\r\n"), 200, "hello");
    expect_body("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "");
    expect_body("HTTP/1.0 200 OK\r\nContent-Length: 00003\r\n\r\nabc", 200, "abc");
}

static void fewer_bytes_than_content_length_are_incomplete(void **state)
{
    static struct outcome o;
    const char *text = with_fields("Content-Length: 6\r\n");

    (void)state;
    read_every_cut(&o, text, strlen(text));
    assert_int_equal(o.error, HTTP_INCOMPLETE);
    assert_true(o.header_complete);
    assert_int_equal(o.body_len, 5);
}

static void bytes_behind_the_end_are_not_taken(void **state)
{
    static struct outcome o;
    const char *second = "HTTP/1.1 500 No\r\n\r\n";
    char text[1100];

    (void)state;
    snprintf(text, sizeof(text), "%s%s", with_fields("Content-Length: 5\r\n"), second);
    read_every_cut(&o, text, strlen(text));
    assert_int_equal(o.status, 200);
    assert_int_equal(o.used, strlen(text) - strlen(second));

    snprintf(text, sizeof(text), "%s%s", chunked("5\r\nhello\r\n0\r\n\r\n"), second);
    read_every_cut(&o, text, strlen(text));
    assert_int_equal(o.phase, HTTP_DONE);
    assert_int_equal(o.used, strlen(text) - strlen(second));
}

static void invalid_content_length_discards_the_answer(void **state)
{
    static const char *const values[] = {
        "",    "-1",    "+5", "0x10", "5a",    "5 5", "5.0", "9223372036854775808",
        "5,6", "5, 5,", ",5", "5,,5", "\"5\"", "5;",  ",",   "18446744073709551621",
    };
    char line[100];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        snprintf(line, sizeof(line), "Content-Length: %s\r\n", values[i]);
        expect_error(with_fields(line), HTTP_CONTENT_LENGTH);
    }
    expect_error(with_fields("Content-Length: 5\r\nContent-Length: 6\r\n"), HTTP_CONTENT_LENGTH);
    expect_error(with_fields("Content-Length: 5\r\n 5\r\n"), HTTP_CONTENT_LENGTH);
    /* The largest that is a length: only the body is missing. */
    expect_error(with_fields("Content-Length: 9223372036854775807\r\n"), HTTP_INCOMPLETE);
}

static void equal_content_lengths_are_one(void **state)
{
    (void)state;
    expect_body(with_fields("Content-Length: 5, 5 ,05\r\n"), 200, "hello");
    expect_body(with_fields("Content-Length: 5\r\nX: y\r\nContent-Length: 5\r\n"), 200, "hello");
}

static void without_length_the_body_ends_with_the_stream(void **state)
{
    (void)state;
    expect_body(with_fields(""), 200, "hello");
    expect_body("HTTP/1.0 200 OK\r\n\r\n", 200, "");
    expect_error("HTTP/1.0 200 OK\r\nServer: x\r\n", HTTP_INCOMPLETE);
    expect_error("", HTTP_INCOMPLETE);
}

static void status_204_304_and_1xx_have_no_body(void **state)
{
    (void)state;
    expect_body("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", 204, "");
    expect_body("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", 304, "");
    expect_body("HTTP/1.1 304 Not Modified\r\nContent-Length: x\r\n\r\n", 304, "");
    expect_body("HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\nHTTP/1.1 103 Early\r\n"
                "Transfer-Encoding: x;\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                200, "ok");
    expect_error("HTTP/1.1 101 Switching\r\n\r\n", HTTP_UPGRADE);
}

static void a_thousand_continues_are_refused(void **state)
{
    static char text[30000];
    static struct outcome o;
    size_t len = 0;

    (void)state;
    for (int i = 0; i < 1000; i++)
        len += (size_t)sprintf(text + len, "HTTP/1.1 100 Continue\r\n\r\n");
    len += (size_t)sprintf(text + len, "HTTP/1.1 200 OK\r\n\r\n");
    read_response(&o, text, len, len, 1);
    assert_int_equal(o.error, HTTP_HEADER_TOO_LONG);
    assert_int_equal(o.used, HTTP_HEADER_MAX + 1);
}

/* ---- Transfer-Encoding: sections 6.1 and 7.1 ---- */

static void chunks_make_the_body(void **state)
{
    (void)state;
    expect_body(chunked("5\r\nhello\r\n0\r\n\r\n"), 200, "hello");
    expect_body(chunked("0\r\n\r\n"), 200, "");
    expect_body(chunked("000000000000000000005\r\nhello\r\n1\r\n!\r\n000\r\n\r\n"), 200, "hello!");
    expect_body(chunked("a\r\n0123456789\r\nB\r\nabcdefghijk\r\n0\r\n\r\n"), 200,
                "0123456789abcdefghijk");
    expect_body("HTTP/1.1 200 OK\r\ntransfer-encoding:\r\n , Chunked ,\r\n\r\n1\r\nx\r\n0\r\n\r\n",
                200, "x");
}

static void chunk_extensions_are_ignored(void **state)
{
    (void)state;
    expect_body(chunked("5;a=b;c=\"d;e\"\r\nhello\r\n0 \t;x\r\n\r\n"), 200, "hello");
}

static void bad_chunks_are_errors(void **state)
{
    static const char *const bodies[] = {
        "ffffffffffffffff\r\nx",  /* over 2^63 */
        "8000000000000000\r\nx",  /* 2^63 */
        "10000000000000005\r\nx", /* 2^64 + 5 */
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\n",
        "+5\r\n",
        " 5\r\nhello\r\n",
        "5 \r\nhello\r\n",
        "\r\n",
        ";x\r\n",
        "g\r\n",
        "5\nhello\r\n",
        "5\r\r\nhello",
        "5;a\nhello",
        "5;a\rb\r\n",
        "5\r\nhello0\r\n\r\n", /* no newline after the data */
        "5\r\nhello\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5\r\nhello!\r\n0\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(bodies); i++)
        expect_error(chunked(bodies[i]), HTTP_CHUNK);
    /* The largest size is one, but the data is missing. */
    expect_error(chunked("7fffffffffffffff\r\nx"), HTTP_INCOMPLETE);
}

static void an_endless_chunk_line_is_an_error(void **state)
{
    static char text[1 << 20];
    static struct outcome o;
    int head = sprintf(text, "%s", chunked("5;"));

    (void)state;
    memset(text + head, 'x', sizeof(text) - (size_t)head);
    read_response(&o, text, sizeof(text), sizeof(text), 1);
    assert_int_equal(o.error, HTTP_CHUNK);
    assert_true(o.used < (size_t)head + HTTP_CHUNK_LINE_MAX);

    memset(text + head - 2, '0', sizeof(text) - (size_t)head + 2);
    read_response(&o, text, sizeof(text), 4096, 4096);
    assert_int_equal(o.error, HTTP_CHUNK);
}

static void a_chunk_line_as_long_as_allowed_is_fine(void **state)
{
    static char text[4000];
    static struct outcome o;
    int head = sprintf(text, "%s", chunked("1;"));
    size_t len = (size_t)head;

    (void)state;
    memset(text + len, 'x', HTTP_CHUNK_LINE_MAX - 4);
    len += HTTP_CHUNK_LINE_MAX - 4; /* the rest is `1;` and the line end */
    len += (size_t)sprintf(text + len, "\r\n!\r\n0\r\n\r\n");
    read_response(&o, text, len, len, 1);
    assert_int_equal(o.phase, HTTP_DONE);
    assert_int_equal(o.body_len, 1);
}

static void a_body_cut_in_its_chunks_is_incomplete(void **state)
{
    const char *text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "5\r\nhello\r\n0\r\nX: y\r\n\r\n";
    size_t head = strlen("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    static struct outcome o;

    (void)state;
    for (size_t len = head; len < strlen(text); len++) {
        read_response(&o, text, len, len, 1);
        assert_int_equal(o.error, HTTP_INCOMPLETE);
        assert_true(o.header_complete);
    }
}

static void the_trailer_is_read_and_changes_nothing(void **state)
{
    static struct outcome o;
    const char *text = chunked("5\r\nhello\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: x;y\r\n"
                               "A: b\r\n c\r\n\r\n");

    (void)state;
    expect_body(text, 200, "hello");
    read_response(&o, text, strlen(text), 1, 1);
    assert_false(o.coded);
    expect_error(chunked("0\r\nno colon\r\n\r\n"), HTTP_TRAILER);
    expect_error(chunked("0\r\n folded: first\r\n\r\n"), HTTP_TRAILER);
    expect_error(chunked("0\r\nA: \1\r\n\r\n"), HTTP_TRAILER);
}

static void an_endless_trailer_is_an_error(void **state)
{
    static char text[20000];
    static struct outcome o;
    size_t len = (size_t)sprintf(text, "%s", chunked("0\r\n"));

    (void)state;
    while (len < sizeof(text) - 20)
        len += (size_t)sprintf(text + len, "A: b\r\n");
    read_response(&o, text, len, len, 1);
    assert_int_equal(o.error, HTTP_TRAILER);
    assert_true(o.header_complete);
}

static void the_last_transfer_coding_decides(void **state)
{
    static struct outcome o;
    const char *text =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n";

    (void)state;
    expect_body(text, 200, "z");
    read_response(&o, text, strlen(text), 1, 1);
    assert_true(o.coded);
    expect_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n1\r\nz", 200, "1\r\nz");
    expect_body(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        200, "");
    expect_body(with_fields("Transfer-Encoding: chunked, gzip\r\n"), 200, "hello");
    /* Names that only begin or end like it are other codings. */
    expect_body(with_fields("Transfer-Encoding: chunke\r\n"), 200, "hello");
    expect_body(with_fields("Transfer-Encoding: chunkedd\r\n"), 200, "hello");
    expect_body(with_fields("Transfer-Encoding: abcdefghijklmnopqrstuvwxyz\r\n"), 200, "hello");
}

static void bad_transfer_codings_are_errors(void **state)
{
    (void)state;
    expect_error(with_fields("Transfer-Encoding: chunked;a=b\r\n"), HTTP_TRANSFER_CODING);
    expect_error(with_fields("Transfer-Encoding: chunked, chunked\r\n"), HTTP_TRANSFER_CODING);
    expect_error(with_fields("Transfer-Encoding: chunked chunked\r\n"), HTTP_TRANSFER_CODING);
    expect_error(with_fields("Transfer-Encoding: \"chunked\"\r\n"), HTTP_TRANSFER_CODING);
    expect_error(with_fields("Transfer-Encoding: \x0b"
                             "chunked\r\n"),
                 HTTP_FIELD);
    expect_error(with_fields("Transfer-Encoding:\r\n"), HTTP_TRANSFER_CODING);
    expect_error(with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
                 HTTP_TRANSFER_CODING);
}

static void both_lengths_or_coding_in_http_1_0_are_errors(void **state)
{
    (void)state;
    expect_error(with_fields("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), HTTP_FRAMING);
    expect_error(with_fields("Content-Length: 5\r\nTransfer-Encoding: gzip\r\n"), HTTP_FRAMING);
    expect_error("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", HTTP_FRAMING);
    expect_error("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0",
                 HTTP_FRAMING);
}

/* ---- lines: sections 2.2, 4, 5 ---- */

static void the_status_line_is_strict(void **state)
{
    static const char *const lines[] = {
        "HTTP/1.1 200ok",
        "HTTP/12",
        "http/1.1 200 OK",
        "HTTP/1.1 200",
        "HTTP/1.1  200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/0.9 200 OK",
        "HTTP/1.10 200 OK",
        "HTTP/1 200 OK",
        "HTTP/1.1 099 OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1 2x0 OK",
        " HTTP/1.1 200 OK",
        "ICY 200 OK",
        "<html>",
        "",
        "HTTP/1.1 200 O\x7fK",
        "HTTP/1.1 200 O\rK",
    };
    char text[100];

    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++) {
        snprintf(text, sizeof(text), "%s\r\n\r\nhello", lines[i]);
        expect_error(text, HTTP_STATUS_LINE);
    }
    expect_error("HTTP/1.1 099 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", HTTP_STATUS_LINE);
    expect_body("HTTP/1.1 200 \r\n\r\n", 200, "");
    expect_body("HTTP/1.9 599 caf\xe9\t!\r\n\r\n", 599, "");
    expect_body("HTTP/1.1 999 x\r\n\r\n", 999, "");
}

static void the_status_line_is_kept_up_to_its_bound(void **state)
{
    struct http_response r;
    struct http_slice body;
    char text[300] = "HTTP/1.1 200 ";

    (void)state;
    memset(text + 13, 'a', 200);
    strcpy(text + 213, "\r\n\r\n");
    http_response_start(&r);
    assert_int_equal(http_response_feed(&r, (uint8_t *)text, 217, &body), 217);
    assert_int_equal(r.phase, HTTP_IN_BODY);
    assert_int_equal(r.status_line_len, HTTP_STATUS_LINE_KEPT);
    assert_memory_equal(r.status_line, text, HTTP_STATUS_LINE_KEPT);

    /* That of a 1xx response is forgotten. */
    http_response_start(&r);
    strcpy(text, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
    http_response_feed(&r, (uint8_t *)text, strlen(text), &body);
    assert_int_equal(r.status_line_len, strlen("HTTP/1.1 200 OK"));
    assert_memory_equal(r.status_line, "HTTP/1.1 200 OK", r.status_line_len);
}

static void a_single_lf_ends_a_line(void **state)
{
    (void)state;
    expect_body("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 200, "ok");
    expect_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\n\r\n0\r\nA: b\n\n", 200, "");
}

static void a_bare_cr_is_an_error(void **state)
{
    (void)state;
    expect_error(with_fields("A: b\rContent-Length: 5\r\n"), HTTP_FIELD);
    expect_error(with_fields("A: b\r\r\n"), HTTP_FIELD);
    expect_error("HTTP/1.1 200 OK\r\n\rhello", HTTP_FIELD);
}

static void octets_outside_their_sets_are_errors(void **state)
{
    static const char nul_value[] = "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n";
    static const char nul_name[] = "HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n";
    static const char nul_status[] = "HTTP/1.1 200 O\0K\r\n\r\n";

    (void)state;
    expect_error_n(nul_value, sizeof(nul_value) - 1, HTTP_FIELD);
    expect_error_n(nul_name, sizeof(nul_name) - 1, HTTP_FIELD);
    expect_error_n(nul_status, sizeof(nul_status) - 1, HTTP_STATUS_LINE);
    expect_error(with_fields("A\xe9: b\r\n"), HTTP_FIELD);
    expect_error(with_fields("A: \x1b[2J\r\n"), HTTP_FIELD);
    expect_body(with_fields("A: caf\xc3\xa9 \xff\r\n"), 200, "hello");
    expect_body(with_fields("!#$%&'*+-.^_`|~09azAZ: x\r\n"), 200, "hello");
}

static void field_lines_need_a_name_and_a_colon_behind_it(void **state)
{
    (void)state;
    expect_error(with_fields("Content-Length : 5\r\n"), HTTP_FIELD);
    expect_error(with_fields("Content-Length\r\n"), HTTP_FIELD);
    expect_error(with_fields(": 5\r\n"), HTTP_FIELD);
    expect_error(with_fields("A B: 5\r\n"), HTTP_FIELD);
    expect_error(with_fields(" Content-Length: 5\r\n"), HTTP_FIELD);
    expect_error(with_fields("\tX: y\r\n"), HTTP_FIELD);
    expect_body(with_fields("A:\r\nB::\r\n"), 200, "hello");
    /* Names that only begin or end like the known ones. */
    expect_body(with_fields("Content-Lengt: 1\r\nContent-Lengthy: 1\r\nXContent-Length: 1\r\n"),
                200, "hello");
    expect_body(
        with_fields("Transfer-Encodings: chunked\r\nTransfer-Encoding-And-More: chunked\r\n"), 200,
        "hello");
}

static void a_folded_line_continues_the_value(void **state)
{
    (void)state;
    expect_body(with_fields("Content-Length:\r\n 5\r\n"), 200, "hello");
    expect_body(with_fields("Content-Length: 5\r\n\t \r\n"), 200, "hello");
    expect_body(with_fields("Content-Length: 5\r\n ,\r\n\t5\r\n"), 200, "hello");
    expect_body(with_fields("A: b\r\n Content-Length: 1\r\n"), 200, "hello");
    /* `chun ked` after unfolding: two words are no coding. */
    expect_error(with_fields("Transfer-Encoding: chun\r\n ked\r\n"), HTTP_TRANSFER_CODING);
}

static void a_header_without_end_is_an_error(void **state)
{
    static char text[1 << 20];
    static struct outcome o;
    size_t len = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\nA: ");

    (void)state;
    memset(text + len, 'x', sizeof(text) - len); /* one line of 1 MB */
    read_response(&o, text, sizeof(text), 4096, 4096);
    assert_int_equal(o.error, HTTP_HEADER_TOO_LONG);
    assert_int_equal(o.used, HTTP_HEADER_MAX + 1);

    len = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\n"); /* no empty line */
    while (len < sizeof(text) - 20)
        len += (size_t)sprintf(text + len, "A: b\r\n");
    read_response(&o, text, len, 1, 1000);
    assert_int_equal(o.error, HTTP_HEADER_TOO_LONG);
    assert_false(o.header_complete);
}

static void a_header_as_long_as_allowed_is_fine(void **state)
{
    static char text[HTTP_HEADER_MAX + 10];
    static struct outcome o;
    int head = sprintf(text, "HTTP/1.1 200 OK\r\nA: ");

    (void)state;
    memset(text + head, 'x', HTTP_HEADER_MAX - (size_t)head - 4);
    memcpy(text + HTTP_HEADER_MAX - 4, "\r\n\r\nok", 6);
    read_response(&o, text, HTTP_HEADER_MAX + 2, 1, 1000);
    assert_int_equal(o.phase, HTTP_DONE);
    assert_int_equal(o.body_len, 2);

    memcpy(text + HTTP_HEADER_MAX - 4, "x\r\n\r\nok", 7);
    read_response(&o, text, HTTP_HEADER_MAX + 3, 1, 1000);
    assert_int_equal(o.error, HTTP_HEADER_TOO_LONG);
}

/* ---- sizes and mutations ---- */

static void eight_megabytes_pass_in_constant_memory(void **state)
{
    const uint64_t total = 8u << 20;
    struct http_response r;
    struct http_slice body;
    uint8_t piece[4096];
    uint64_t taken = 0;
    char head[100];
    int len = sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: %u\r\n\r\n", 8u << 20);

    (void)state;
    memset(piece, 'x', sizeof(piece));
    http_response_start(&r);
    assert_int_equal(http_response_feed(&r, (uint8_t *)head, (size_t)len, &body), len);
    while (!http_response_over(&r)) {
        taken += http_response_feed(&r, piece, sizeof(piece), &body);
        assert_true(taken <= total);
    }
    assert_int_equal(r.phase, HTTP_DONE);
    assert_int_equal(r.body_bytes, total);
    assert_int_equal(http_response_feed(&r, piece, sizeof(piece), &body), 0);
    assert_int_equal(body.len, 0);
}

static uint32_t next_random(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

/* Whatever comes, any cut gives the same result and no slice lies outside (see feed). */
static void mutated_responses_end_the_same_way_however_they_are_cut(void **state)
{
    static const char *const seeds[] = {
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nA: b\r\n "
        "c\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: "
        "b\r\n\r\n",
        "HTTP/1.0 404 No\r\nServer: x\r\n\r\nbody until the end",
    };
    static const char spice[] = "\r\n\r\n :;,\t0159afAF\x7f\xff-HTcC";
    static struct outcome whole, cut;
    uint32_t x = 2463534242u;
    unsigned done = 0;

    (void)state;
    for (int round = 0; round < 30000; round++) {
        char text[300];
        size_t len = (size_t)sprintf(text, "%s", seeds[next_random(&x) % 3]);

        for (unsigned n = 1 + next_random(&x) % 4; n > 0; n--) {
            size_t at = next_random(&x) % len;
            char c = spice[next_random(&x) % sizeof(spice)];

            switch (next_random(&x) % 3) {
            case 0:
                text[at] = c;
                break;
            case 1: /* insert */
                memmove(text + at + 1, text + at, len - at);
                text[at] = c;
                len++;
                break;
            default: /* remove */
                memmove(text + at, text + at + 1, len - at - 1);
                len--;
            }
        }
        read_response(&whole, text, len, len, 1);
        read_response(&cut, text, len, 1, 1);
        assert_same(&whole, &cut);
        read_response(&cut, text, len, next_random(&x) % len, 1 + next_random(&x) % 9);
        assert_same(&whole, &cut);
        done += whole.phase == HTTP_DONE;
    }
    /* Both ends must be reached, otherwise this test proves little. */
    assert_true(done > 3000 && done < 27000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_length_ends_the_body),
        cmocka_unit_test(fewer_bytes_than_content_length_are_incomplete),
        cmocka_unit_test(bytes_behind_the_end_are_not_taken),
        cmocka_unit_test(invalid_content_length_discards_the_answer),
        cmocka_unit_test(equal_content_lengths_are_one),
        cmocka_unit_test(without_length_the_body_ends_with_the_stream),
        cmocka_unit_test(status_204_304_and_1xx_have_no_body),
        cmocka_unit_test(a_thousand_continues_are_refused),
        cmocka_unit_test(chunks_make_the_body),
        cmocka_unit_test(chunk_extensions_are_ignored),
        cmocka_unit_test(bad_chunks_are_errors),
        cmocka_unit_test(an_endless_chunk_line_is_an_error),
        cmocka_unit_test(a_chunk_line_as_long_as_allowed_is_fine),
        cmocka_unit_test(a_body_cut_in_its_chunks_is_incomplete),
        cmocka_unit_test(the_trailer_is_read_and_changes_nothing),
        cmocka_unit_test(an_endless_trailer_is_an_error),
        cmocka_unit_test(the_last_transfer_coding_decides),
        cmocka_unit_test(bad_transfer_codings_are_errors),
        cmocka_unit_test(both_lengths_or_coding_in_http_1_0_are_errors),
        cmocka_unit_test(the_status_line_is_strict),
        cmocka_unit_test(the_status_line_is_kept_up_to_its_bound),
        cmocka_unit_test(a_single_lf_ends_a_line),
        cmocka_unit_test(a_bare_cr_is_an_error),
        cmocka_unit_test(octets_outside_their_sets_are_errors),
        cmocka_unit_test(field_lines_need_a_name_and_a_colon_behind_it),
        cmocka_unit_test(a_folded_line_continues_the_value),
        cmocka_unit_test(a_header_without_end_is_an_error),
        cmocka_unit_test(a_header_as_long_as_allowed_is_fine),
        cmocka_unit_test(eight_megabytes_pass_in_constant_memory),
        cmocka_unit_test(mutated_responses_end_the_same_way_however_they_are_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
