/*
 * The state machine of an HTTP/1.1 response. Read http.h first: it lists what is accepted; the
 * sections below are those of RFC 9112. Called by webget, one response per connection.
 *
 * A byte of header or trailer goes section_byte() -> line_byte() or line_end(): line ends are
 * recognised in one place, whatever the line is. The end of the header decides how the body ends
 * (body_begin). Two field values matter, Content-Length and Transfer-Encoding; they are parsed as
 * lists on the fly and checked when the header is complete.
 */
#include "http.h"
#include "drywire.h"

/* ---- octets ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Octets allowed in a value or a reason phrase: RFC 9110 section 5.5. */
static bool is_text(uint8_t c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

/* tchar: RFC 9110 section 5.6.2. */
static bool is_token(uint8_t c)
{
    switch (c) {
    case '!':
    case '#':
    case '$':
    case '%':
    case '&':
    case '\'':
    case '*':
    case '+':
    case '-':
    case '.':
    case '^':
    case '_':
    case '`':
    case '|':
    case '~':
        return true;
    default:
        return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    }
}

static void name_add(struct http_name *name, uint8_t c)
{
    if (name->len < sizeof(name->text))
        name->text[name->len] = (char)byte_lower(c);
    name->len++;
}

/* `word` is shorter than the array, so that a longer name differs before the array ends. */
static bool name_is(const struct http_name *name, const char *word)
{
    for (unsigned i = 0; i < name->len; i++)
        if (!word[i] || name->text[i] != word[i])
            return false;
    return !word[name->len];
}

/* ---- the life of a response ---- */

static void fail(struct http_response *r, enum http_error error)
{
    r->phase = HTTP_FAILED;
    r->error = r->part == HTTP_PART_TRAILER && error != HTTP_INCOMPLETE ? HTTP_TRAILER : error;
}

/* Start a message: the first one, or the one after a 1xx response, which shares its limit. */
static void message_begin(struct http_response *r, unsigned room)
{
    *r = (struct http_response){.phase = HTTP_IN_HEADER, .room = room};
}

void http_response_start(struct http_response *r)
{
    message_begin(r, HTTP_HEADER_MAX);
}

bool http_response_over(const struct http_response *r)
{
    return r->phase == HTTP_DONE || r->phase == HTTP_FAILED;
}

void http_response_end(struct http_response *r)
{
    if (http_response_over(r))
        return;
    if (r->part == HTTP_PART_CLOSE)
        r->phase = HTTP_DONE;
    else
        fail(r, HTTP_INCOMPLETE);
}

/* ---- Content-Length and Transfer-Encoding as lists ---- */

static void note_bad(struct http_response *r, enum http_error error)
{
    if (r->bad == HTTP_OK)
        r->bad = error;
}

static void length_element_end(struct http_response *r)
{
    if (r->length_known && r->length != r->length_element)
        note_bad(r, HTTP_CONTENT_LENGTH);
    r->length = r->length_element;
    r->length_known = true;
}

/* Section 6.3 rule 5: one value, possibly repeated; anything else is an error. */
static void length_byte(struct http_response *r, uint8_t c)
{
    if (is_digit(c) && r->list != HTTP_LIST_AFTER) {
        unsigned digit = c - (unsigned)'0';

        if (r->list == HTTP_LIST_BEFORE)
            r->length_element = 0;
        r->list = HTTP_LIST_IN;
        if (r->length_element > ((uint64_t)INT64_MAX - digit) / 10)
            note_bad(r, HTTP_CONTENT_LENGTH);
        else
            r->length_element = r->length_element * 10 + digit;
    } else if (c == ',' && r->list != HTTP_LIST_BEFORE) {
        length_element_end(r);
        r->list = HTTP_LIST_BEFORE;
    } else if (is_space(c)) {
        if (r->list == HTTP_LIST_IN)
            r->list = HTTP_LIST_AFTER;
    } else {
        note_bad(r, HTTP_CONTENT_LENGTH);
    }
}

static void coding_end(struct http_response *r)
{
    r->chunked_last = name_is(&r->coding, "chunked");
    if (!r->chunked_last)
        r->coded = true;
    else if (r->chunked_seen)
        note_bad(r, HTTP_TRANSFER_CODING); /* section 6.1: not more than once */
    else
        r->chunked_seen = true;
}

/* Names only: parameters of chunked are an error (section 7.1), others are unsupported. Empty
 * elements are skipped, as RFC 9110 section 5.6.1.2 requires. */
static void coding_byte(struct http_response *r, uint8_t c)
{
    if (is_token(c) && r->list != HTTP_LIST_AFTER) {
        if (r->list == HTTP_LIST_BEFORE)
            r->coding.len = 0;
        r->list = HTTP_LIST_IN;
        name_add(&r->coding, c);
    } else if (c == ',') {
        if (r->list != HTTP_LIST_BEFORE)
            coding_end(r);
        r->list = HTTP_LIST_BEFORE;
    } else if (is_space(c)) {
        if (r->list == HTTP_LIST_IN)
            r->list = HTTP_LIST_AFTER;
    } else {
        note_bad(r, HTTP_TRANSFER_CODING);
    }
}

/* ---- the lines of header and trailer ---- */

/* Section 4: HTTP-version SP status-code SP [ reason-phrase ]; the position determines the allowed
 * bytes, up to the phrase. */
static const char status_pattern[] = "HTTP/1.d ddd ";
enum { STATUS_MINOR = 7, STATUS_CODE = 9, STATUS_PHRASE = sizeof(status_pattern) - 1 };

static void status_byte(struct http_response *r, uint8_t c)
{
    unsigned at = r->status_at++;
    bool fits;

    if (at >= STATUS_PHRASE)
        fits = is_text(c);
    else if (status_pattern[at] == 'd')
        fits = is_digit(c) && (at != STATUS_CODE || c != '0');
    else
        fits = c == (uint8_t)status_pattern[at];
    if (!fits) {
        fail(r, HTTP_STATUS_LINE);
        return;
    }
    if (at == STATUS_MINOR)
        r->minor = c - (unsigned)'0';
    if (at >= STATUS_CODE && at < STATUS_CODE + 3)
        r->status = r->status * 10 + (c - (unsigned)'0');
    if (r->status_line_len < HTTP_STATUS_LINE_KEPT)
        r->status_line[r->status_line_len++] = (char)c;
}

static void field_name_byte(struct http_response *r, uint8_t c)
{
    if (is_token(c))
        name_add(&r->name, c);
    else
        fail(r, HTTP_FIELD);
}

static void field_name_end(struct http_response *r)
{
    r->list = HTTP_LIST_BEFORE;
    r->line = HTTP_LINE_VALUE;
    if (r->part == HTTP_PART_TRAILER)
        return; /* section 7.1.2: its fields change nothing */
    if (name_is(&r->name, "content-length")) {
        r->field = HTTP_FIELD_LENGTH;
        r->length_seen = true;
    } else if (name_is(&r->name, "transfer-encoding")) {
        r->field = HTTP_FIELD_CODING;
        r->coding_seen = true;
    }
}

static void field_value_byte(struct http_response *r, uint8_t c)
{
    if (!is_text(c))
        fail(r, HTTP_FIELD);
    else if (r->field == HTTP_FIELD_LENGTH)
        length_byte(r, c);
    else if (r->field == HTTP_FIELD_CODING)
        coding_byte(r, c);
}

/* The value is complete: the next line is not a folded one. */
static void field_end(struct http_response *r)
{
    if (r->field == HTTP_FIELD_LENGTH && r->list == HTTP_LIST_BEFORE)
        note_bad(r, HTTP_CONTENT_LENGTH);
    else if (r->field == HTTP_FIELD_LENGTH)
        length_element_end(r);
    else if (r->field == HTTP_FIELD_CODING && r->list != HTTP_LIST_BEFORE)
        coding_end(r);
    r->field = HTTP_FIELD_OTHER;
}

/* A byte that is not of a line end. */
static void line_byte(struct http_response *r, uint8_t c)
{
    switch (r->line) {
    case HTTP_LINE_STATUS:
        status_byte(r, c);
        break;
    case HTTP_LINE_START:
        if (!is_space(c)) {
            field_end(r);
            r->any_field = true;
            r->name.len = 0;
            r->line = HTTP_LINE_NAME;
            field_name_byte(r, c);
        } else if (r->any_field) {
            r->line = HTTP_LINE_VALUE; /* section 5.2: a fold is replaced by a space */
            field_value_byte(r, ' ');
        } else {
            fail(r, HTTP_FIELD); /* section 2.2 */
        }
        break;
    case HTTP_LINE_NAME:
        if (c == ':')
            field_name_end(r);
        else
            field_name_byte(r, c);
        break;
    case HTTP_LINE_VALUE:
        field_value_byte(r, c);
        break;
    }
}

/* ---- from the header to the body ---- */

static void chunk_begin(struct http_response *r)
{
    r->chunk = HTTP_CHUNK_SIZE;
    r->chunk_digits = false;
    r->room = HTTP_CHUNK_LINE_MAX;
    r->left = 0;
}

static void trailer_begin(struct http_response *r)
{
    r->part = HTTP_PART_TRAILER;
    r->line = HTTP_LINE_START;
    r->any_field = false;
    r->room = HTTP_HEADER_MAX;
}

/* Section 6.3: how the body ends, in the order of its rules. */
static void body_begin(struct http_response *r)
{
    bool no_body = r->status == 204 || r->status == 304; /* rule 1 */

    if (r->coding_seen && !r->chunked_seen && !r->coded)
        note_bad(r, HTTP_TRANSFER_CODING); /* a list without elements */
    if (r->coding_seen && (r->length_seen || r->minor == 0))
        note_bad(r, HTTP_FRAMING); /* rule 3, and section 6.1 about HTTP/1.0 */
    if (r->bad != HTTP_OK && !no_body) {
        fail(r, r->bad); /* rule 5 */
        return;
    }

    r->header_complete = true;
    r->phase = HTTP_IN_BODY;
    if (no_body) {
        r->coded = false;
        r->phase = HTTP_DONE;
    } else if (r->coding_seen && r->chunked_last) { /* rule 4 */
        r->part = HTTP_PART_CHUNKS;
        chunk_begin(r);
    } else if (r->length_known) { /* rule 6 */
        r->part = HTTP_PART_LENGTH;
        r->left = r->length;
        if (r->left == 0)
            r->phase = HTTP_DONE;
    } else { /* rules 4 and 8 */
        r->part = HTTP_PART_CLOSE;
    }
}

/* The empty line after header or trailer. */
static void section_end(struct http_response *r)
{
    field_end(r);
    if (r->part == HTTP_PART_TRAILER)
        r->phase = HTTP_DONE;
    else if (r->status == 101)
        fail(r, HTTP_UPGRADE);
    else if (r->status < 200)
        message_begin(r, r->room);
    else
        body_begin(r);
}

static void line_end(struct http_response *r)
{
    switch (r->line) {
    case HTTP_LINE_STATUS:
        if (r->status_at < STATUS_PHRASE)
            fail(r, HTTP_STATUS_LINE);
        r->line = HTTP_LINE_START;
        break;
    case HTTP_LINE_START:
        section_end(r);
        break;
    case HTTP_LINE_NAME:
        fail(r, HTTP_FIELD); /* a line without a colon */
        break;
    case HTTP_LINE_VALUE:
        r->line = HTTP_LINE_START;
        break;
    }
}

/* A byte of header or trailer. Section 2.2: LF alone may end a line, a bare CR makes it invalid. */
static void section_byte(struct http_response *r, uint8_t c)
{
    bool cr = r->cr;

    if (r->room == 0) {
        fail(r, HTTP_HEADER_TOO_LONG);
        return;
    }
    r->room--;
    r->cr = c == '\r';
    if (c == '\n')
        line_end(r);
    else if (cr)
        fail(r, r->line == HTTP_LINE_STATUS ? HTTP_STATUS_LINE : HTTP_FIELD);
    else if (c != '\r')
        line_byte(r, c);
}

/* True in a value that does not matter. */
static bool value_ignored(const struct http_response *r)
{
    return (r->part == HTTP_PART_HEADER || r->part == HTTP_PART_TRAILER) && !r->cr &&
           r->line == HTTP_LINE_VALUE && r->field == HTTP_FIELD_OTHER;
}

/* The number of bytes that section_byte() would take and forget. */
static size_t value_skip(struct http_response *r, const uint8_t *bytes, size_t len)
{
    size_t n = 0;

    while (n < len && n < r->room && is_text(bytes[n]))
        n++;
    r->room -= (unsigned)n;
    return n;
}

/* ---- chunks: section 7.1 ---- */

static void chunk_size_byte(struct http_response *r, uint8_t c)
{
    unsigned digit = byte_hex(c);

    if (digit < 16 && r->left <= (uint64_t)INT64_MAX >> 4) {
        r->left = r->left << 4 | digit;
        r->chunk_digits = true;
    } else if (digit < 16 || !r->chunk_digits) {
        fail(r, HTTP_CHUNK); /* too large, or no size at all */
    } else if (is_space(c)) {
        r->chunk = HTTP_CHUNK_SPACE;
    } else if (c == ';') {
        r->chunk = HTTP_CHUNK_EXTENSION;
    } else if (c == '\r') {
        r->chunk = HTTP_CHUNK_LF;
    } else {
        fail(r, HTTP_CHUNK);
    }
}

/* The line before a chunk is complete; the last chunk has size 0. */
static void chunk_line_end(struct http_response *r)
{
    if (r->left == 0)
        trailer_begin(r);
    else
        r->chunk = HTTP_CHUNK_DATA;
}

/* A byte between the data of two chunks. */
static void chunk_byte(struct http_response *r, uint8_t c)
{
    bool fits = r->room > 0;

    r->room -= fits;
    switch (r->chunk) {
    case HTTP_CHUNK_SIZE:
        chunk_size_byte(r, c);
        break;
    case HTTP_CHUNK_SPACE: /* "BWS" of section 7.1.1: only before an extension */
        if (c == ';')
            r->chunk = HTTP_CHUNK_EXTENSION;
        else
            fits = fits && is_space(c);
        break;
    case HTTP_CHUNK_EXTENSION:
        if (c == '\r')
            r->chunk = HTTP_CHUNK_LF;
        else
            fits = fits && is_text(c);
        break;
    case HTTP_CHUNK_LF:
        fits = fits && c == '\n';
        if (fits)
            chunk_line_end(r);
        break;
    case HTTP_CHUNK_DATA:
        break; /* data is not taken byte by byte */
    case HTTP_CHUNK_DATA_CR:
        fits = c == '\r';
        r->chunk = HTTP_CHUNK_DATA_LF;
        break;
    case HTTP_CHUNK_DATA_LF:
        fits = c == '\n';
        chunk_begin(r);
        break;
    }
    if (!fits)
        fail(r, HTTP_CHUNK);
}

/* ---- the public function ---- */

/* Return the available part of a body or chunk with r->left bytes left. */
static size_t take_data(struct http_response *r, const uint8_t *bytes, size_t len,
                        struct http_slice *body)
{
    if (r->part != HTTP_PART_CLOSE) {
        if (len > r->left)
            len = (size_t)r->left;
        r->left -= len;
        if (r->left == 0 && r->part == HTTP_PART_CHUNKS)
            r->chunk = HTTP_CHUNK_DATA_CR;
        else if (r->left == 0)
            r->phase = HTTP_DONE;
    }
    r->body_bytes += len;
    body->data = bytes;
    body->len = len;
    return len;
}

size_t http_response_feed(struct http_response *r, const uint8_t *bytes, size_t len,
                          struct http_slice *body)
{
    enum http_phase phase = r->phase;
    size_t used = 0, skip;

    *body = (struct http_slice){0};
    if (http_response_over(r))
        return 0;
    while (used < len && r->phase == phase) {
        if (value_ignored(r) && (skip = value_skip(r, bytes + used, len - used)))
            used += skip;
        else if (r->part == HTTP_PART_HEADER || r->part == HTTP_PART_TRAILER)
            section_byte(r, bytes[used++]);
        else if (r->part == HTTP_PART_CHUNKS && r->chunk != HTTP_CHUNK_DATA)
            chunk_byte(r, bytes[used++]);
        else
            return used + take_data(r, bytes + used, len - used, body);
    }
    return used;
}

const char *http_error_word(enum http_error err)
{
    switch (err) {
    case HTTP_OK:
        break;
#define HTTP_WORD(name, word)                                                                      \
    case HTTP_##name:                                                                              \
        return word;
        HTTP_ERROR_LIST(HTTP_WORD)
#undef HTTP_WORD
    }
    return "ok";
}
