/*
 * The stream services: HTTP (RFC 9110, RFC 9112), echo, sink and scripts, in virtual time.
 *
 * A response is never built as a whole: stream_output(), stream_ending() and stream_deadline() all
 * use part_at() for the part that contains position `sent` (head, chunk-size line, body, wait, end)
 * and so always agree. stream_deadline() is exact: it is in the past if and only if there is
 * output, or an ending, now.
 */
#include "service.h"
#include "dns_service.h"
#include "../../core/base/array.h"
#include "../../core/base/check.h"
#include "../../core/base/fmt.h"
#include "../../core/base/minmax.h"
#include "../engine/sim.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- the pattern ---- */

/*
 * A line is 63 characters and a newline: eight groups of eight. Group 0 is the line's number in
 * base 64, most significant digit first, as characters from '0' on; in group g every digit is
 * higher by 7g modulo 64. The newline replaces the last character.
 */
enum { LINE_LEN = 64, GROUP_LEN = 8, GROUP_STEP = 7, LINE_FIRST = '0' };

uint8_t service_pattern(uint64_t i)
{
    uint64_t line = i / LINE_LEN;
    unsigned column = (unsigned)(i % LINE_LEN);
    unsigned place = GROUP_LEN - 1 - column % GROUP_LEN;
    unsigned digit = (unsigned)(line >> 6 * place) + GROUP_STEP * (column / GROUP_LEN);

    return column == LINE_LEN - 1 ? '\n' : (uint8_t)(LINE_FIRST + digit % 64);
}

/* One whole line, a group of eight characters per store. No byte of the sums below overflows into
 * the next one, so the order of bytes in a word does not matter. */
static void pattern_line(uint8_t *out, uint64_t line)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint8_t digits[GROUP_LEN];
    uint64_t group;

    for (unsigned i = 0; i < GROUP_LEN; i++)
        digits[i] = line >> 6 * (GROUP_LEN - 1 - i) & 63;
    memcpy(&group, digits, sizeof(group));
    for (unsigned g = 0; g < LINE_LEN / GROUP_LEN; g++) {
        uint64_t text = ((group + ones * (GROUP_STEP * g)) & ones * 63) + ones * LINE_FIRST;

        memcpy(out + GROUP_LEN * g, &text, sizeof(text));
    }
    out[LINE_LEN - 1] = '\n';
}

static void pattern_fill(uint8_t *out, uint64_t at, size_t len)
{
    while (len && at % LINE_LEN) {
        *out++ = service_pattern(at++);
        len--;
    }
    for (; len >= LINE_LEN; out += LINE_LEN, at += LINE_LEN, len -= LINE_LEN)
        pattern_line(out, at / LINE_LEN);
    while (len--)
        *out++ = service_pattern(at++);
}

/* ---- HTTP: the request ---- */

static const char error_body[] = "not here\n";

static const char *reason_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } table[] = {
        {200, "OK"},           {201, "Created"},
        {204, "No Content"},   {301, "Moved Permanently"},
        {302, "Found"},        {304, "Not Modified"},
        {400, "Bad Request"},  {401, "Unauthorized"},
        {403, "Forbidden"},    {404, "Not Found"},
        {410, "Gone"},         {429, "Too Many Requests"},
        {418, "I'm a teapot"}, {500, "Internal Server Error"},
        {502, "Bad Gateway"},  {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(table); i++)
        if (table[i].status == status)
            return table[i].phrase;
    return "Status";
}

/* The error status of the request; 0: it is a GET for the service's path. */
static unsigned request_error(const struct stream *s)
{
    static const char method[] = "GET ";
    size_t skip = sizeof(method) - 1, path_len = strlen(s->service->path);
    const char *line_end = memchr(s->request, '\n', s->request_len);

    if (!line_end || s->request_len < skip || memcmp(s->request, method, skip) != 0)
        return 400;

    const char *target = s->request + skip;
    const char *target_end = memchr(target, ' ', (size_t)(line_end - target));

    if (!target_end)
        return 400;
    if ((size_t)(target_end - target) != path_len || memcmp(target, s->service->path, path_len))
        return 404;
    return 0;
}

/* RFC 9110 section 6.4.1: responses with these statuses have no content at all. */
static bool status_has_body(unsigned status)
{
    return status >= 200 && status != 204 && status != 304;
}

static bool chunked(const struct stream *s)
{
    return s->found && s->service->framing == HTTP_CHUNKED && status_has_body(s->status);
}

/* Append to the head, which has room for all of its lines. */
static void head_add(struct stream *s, const char *text)
{
    size_t len = strlen(text);

    CHECK(len <= sizeof(s->head) - s->head_len);
    memcpy(s->head + s->head_len, text, len);
    s->head_len += (unsigned)len;
}

static void head_add_number(struct stream *s, uint64_t n)
{
    char digits[24];
    struct fmt f = {.buf = digits, .size = sizeof(digits)};

    fmt_u64(&f, n);
    digits[f.len] = 0;
    head_add(s, digits);
}

/* The request is complete, or will never be: fix the response and the time of its first byte. */
static void http_respond(struct stream *s, unsigned error, uint64_t now_ns)
{
    s->found = error == 0;
    s->status = s->found ? s->service->status : error;
    s->body_len = s->found ? s->service->body_len : sizeof(error_body) - 1;
    if (!status_has_body(s->status))
        s->body_len = 0;
    s->head_len = 0;
    head_add(s, "HTTP/1.1 ");
    head_add_number(s, s->status);
    head_add(s, " ");
    head_add(s, reason_phrase(s->status));
    head_add(s, "\r\nContent-Type: text/plain\r\n");
    if (chunked(s)) {
        head_add(s, "Transfer-Encoding: chunked\r\n");
    } else if (status_has_body(s->status) && (!s->found || s->service->framing == HTTP_LENGTH)) {
        head_add(s, "Content-Length: ");
        head_add_number(s, s->body_len);
        head_add(s, "\r\n");
    }
    head_add(s, "Connection: close\r\n\r\n");
    s->start_ns = now_ns + s->service->delay_ns;
}

/* True if the empty line that ends the request is at or after position `from`. A bare LF is a line
 * end too (RFC 9112 section 2.2). */
static bool request_complete(const struct stream *s, unsigned from)
{
    for (unsigned i = from; i < s->request_len; i++) {
        if (s->request[i] != '\n')
            continue;
        if (i >= 1 && s->request[i - 1] == '\n')
            return true;
        if (i >= 2 && s->request[i - 1] == '\r' && s->request[i - 2] == '\n')
            return true;
    }
    return false;
}

static void http_input(struct stream *s, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    if (s->start_ns)
        return; /* what follows the one request of a connection is ignored */

    unsigned before = s->request_len;
    size_t room = SERVICE_REQUEST_MAX - before;
    size_t take = min_u64(len, room);

    memcpy(s->request + before, bytes, take);
    s->request_len += (unsigned)take;
    if (request_complete(s, before))
        http_respond(s, request_error(s), now_ns);
    else if (s->request_len == SERVICE_REQUEST_MAX)
        http_respond(s, 400, now_ns);
}

/* ---- HTTP: the response ---- */

enum part_kind { PART_TEXT, PART_BODY, PART_WAIT, PART_FIN, PART_RESET };

/* The position of a stream in its response. */
struct part {
    enum part_kind kind;
    const char *text;  /* PART_TEXT: the next bytes */
    uint64_t at;       /* PART_BODY: the next position in the body */
    uint64_t left;     /* PART_TEXT, PART_BODY: contiguous bytes from there */
    uint64_t until_ns; /* PART_WAIT: SIM_NEVER waits for input */
    char line[24];     /* memory of a chunk-size line */
};

/*
 * rate= releases the body once in a millisecond: after m of them floor(m * rate / 1000) bytes are
 * due. Finer steps would make an event of every byte.
 */
static uint64_t body_due(const struct stream *s, uint64_t now_ns)
{
    uint64_t rate = s->service->rate_Bps;

    if (!rate || !s->found)
        return s->body_len;

    uint64_t ms = (now_ns - s->start_ns) / NS_PER_MS, seconds = ms / 1000;

    if (seconds > s->body_len / rate)
        return s->body_len;

    uint64_t due = seconds * rate + ms % 1000 * rate / 1000;

    return min_u64(due, s->body_len);
}

/* When byte `at` of the body is due. */
static uint64_t body_due_ns(const struct stream *s, uint64_t at)
{
    uint64_t rate = s->service->rate_Bps, wanted = at + 1;
    uint64_t ms = wanted / rate * 1000 + (wanted % rate * 1000 + rate - 1) / rate;

    return s->start_ns + ms * NS_PER_MS;
}

/* The chunk that contains an offset after the head. Without chunked coding the whole body is one
 * bare chunk. */
struct chunk {
    uint64_t start;    /* of its data in the body */
    uint64_t size;     /* of its data; 0: the last chunk, which ends the body */
    uint64_t line_len; /* of its size line; 0: bare */
    uint64_t offset;   /* the position looked for, from the start of the size line */
};

static uint64_t size_line_len(uint64_t size)
{
    uint64_t len = 3;

    while (size >>= 4)
        len++;
    return len;
}

/* RFC 9112 section 7.1: a size line, the data, CRLF. */
static struct chunk chunk_at(const struct stream *s, uint64_t offset)
{
    if (!chunked(s))
        return (struct chunk){.size = s->body_len, .offset = offset};

    uint64_t size = s->service->chunk, line_len = size_line_len(size);
    uint64_t index = offset / (line_len + size + 2);

    if (index > s->body_len / size)
        index = s->body_len / size;
    offset -= index * (line_len + size + 2);

    uint64_t start = index * size, rest = s->body_len - start;

    if (rest < size) {
        size = rest;
        line_len = size_line_len(size);
        if (size && offset >= line_len + size + 2) {
            offset -= line_len + size + 2;
            start += size;
            size = 0;
            line_len = size_line_len(0);
        }
    }
    return (struct chunk){.start = start, .size = size, .line_len = line_len, .offset = offset};
}

static void part_text(struct part *p, const char *text, uint64_t len, uint64_t skip)
{
    p->kind = PART_TEXT;
    p->text = text + skip;
    p->left = len - skip;
}

/* The response after its head. */
static void part_of_body(const struct stream *s, uint64_t now_ns, struct part *p)
{
    struct chunk c = chunk_at(s, s->sent - s->head_len);
    uint64_t data = c.offset > c.line_len ? c.offset - c.line_len : 0;
    uint64_t at = c.start + min_u64(data, c.size);
    uint64_t due = body_due(s, now_ns);

    if (s->found && at >= s->service->reset_after) {
        p->kind = PART_RESET;
    } else if (c.size && data < c.size && at >= due) {
        p->kind = PART_WAIT; /* a chunk starts when its first byte is due */
        p->until_ns = body_due_ns(s, at);
    } else if (c.offset < c.line_len) {
        snprintf(p->line, sizeof(p->line), "%" PRIx64 "\r\n", c.size);
        part_text(p, p->line, c.line_len, c.offset);
    } else if (data < c.size) {
        uint64_t end = s->found && s->service->reset_after < due ? s->service->reset_after : due;

        p->kind = PART_BODY;
        p->at = at;
        p->left = min_u64(end - at, c.size - data);
    } else if (c.line_len && data < c.size + 2) {
        part_text(p, "\r\n", 2, data - c.size);
    } else {
        p->kind = PART_FIN; /* of the last chunk, or of a bare body */
    }
}

/* ---- scripts ---- */

const struct script_step *script_step_at(const struct service *s, uint64_t at)
{
    unsigned low = 0, high = s->step_count;

    while (low < high) { /* the last one that starts at or before it */
        unsigned middle = low + (high - low) / 2;

        if (s->steps[middle].at <= at)
            low = middle + 1;
        else
            high = middle;
    }
    while (low && s->steps[low - 1].kind != SCRIPT_SAYS)
        low--;
    return low && at - s->steps[low - 1].at < s->steps[low - 1].len ? &s->steps[low - 1] : NULL;
}

/* The next step is due now, if its condition is met. */
static void script_turn(struct stream *s, uint64_t now_ns)
{
    const struct service *v = s->service;

    if (v->kind != SERVICE_SCRIPT || s->due_ns != SIM_NEVER || s->step == v->step_count)
        return;
    if (s->received >= v->steps[s->step].after)
        s->due_ns = now_ns + v->steps[s->step].wait_ns;
}

/* Bytes were taken. */
static void script_said(struct stream *s, uint64_t now_ns)
{
    const struct script_step *step = &s->service->steps[s->step];

    if (s->sent < step->at + step->len)
        return;
    s->step++;
    s->due_ns = SIM_NEVER;
    script_turn(s, now_ns);
}

static void part_of_script(const struct stream *s, uint64_t now_ns, struct part *p)
{
    const struct script_step *step = &s->service->steps[s->step];

    if (s->step == s->service->step_count || s->due_ns == SIM_NEVER) {
        if (s->peer_closed)
            p->kind = PART_FIN; /* the script has ended, or its condition can never be met */
    } else if (now_ns < s->due_ns) {
        p->until_ns = s->due_ns;
    } else if (step->kind == SCRIPT_SAYS) {
        part_text(p, step->bytes, step->len, s->sent - step->at);
    } else {
        p->kind = step->kind == SCRIPT_CLOSES ? PART_FIN : PART_RESET;
    }
}

/* ---- DNS: RFC 1035 section 4.2.2 ---- */

static size_t stream_dns_input(struct stream *s, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    size_t take = min_u64(len, SERVICE_REQUEST_MAX - s->request_len), wanted, answer;
    uint8_t *query = (uint8_t *)s->request, *head = (uint8_t *)s->head;

    memcpy(query + s->request_len, bytes, take);
    s->request_len += (unsigned)take;
    wanted = s->request_len < 2 ? 2 : 2 + ((size_t)query[0] << 8 | query[1]);
    if (s->start_ns || s->request_len < wanted)
        return len; /* one query of a connection is answered */
    answer = dns_service_answer(s->service, query + 2, wanted - 2, false, head + 2);
    head[0] = (uint8_t)(answer >> 8);
    head[1] = (uint8_t)answer;
    s->head_len = answer ? 2 + (unsigned)answer : 0;
    s->start_ns = now_ns;
    return len;
}

static void part_of_dns(const struct stream *s, struct part *p)
{
    if (s->sent < s->head_len)
        part_text(p, s->head, s->head_len, s->sent);
    else if (s->peer_closed)
        p->kind = PART_FIN;
}

static void part_at(const struct stream *s, uint64_t now_ns, struct part *p)
{
    p->kind = PART_WAIT;
    p->until_ns = SIM_NEVER;
    if (s->service->kind == SERVICE_SCRIPT) {
        part_of_script(s, now_ns, p);
        return;
    }
    if (s->service->kind == SERVICE_DNS) {
        part_of_dns(s, p);
        return;
    }
    if (s->service->kind != SERVICE_HTTP) {
        uint64_t queued = s->service->kind == SERVICE_TCP_ECHO ? s->received - s->sent : 0;

        if (queued)
            part_text(p, s->request, SERVICE_REQUEST_MAX, s->sent % SERVICE_REQUEST_MAX);
        else if (s->peer_closed)
            p->kind = PART_FIN;
        if (p->left > queued)
            p->left = queued;
    } else if (!s->start_ns) {
        if (s->peer_closed)
            p->kind = PART_FIN; /* of a peer that sent no request */
    } else if (now_ns < s->start_ns) {
        p->until_ns = s->start_ns;
    } else if (s->sent < s->head_len) {
        part_text(p, s->head, s->head_len, s->sent);
    } else {
        part_of_body(s, now_ns, p);
    }
}

/* ---- the life of a stream ---- */

void stream_open(struct stream *s, const struct service *service)
{
    s->service = service;
    s->sent = 0;
    s->start_ns = 0;
    s->received = 0;
    s->peer_closed = false;
    s->head_len = 0;
    s->status = 0;
    s->found = false;
    s->body_len = 0;
    s->request_len = 0;
    s->step = 0;
    s->due_ns = SIM_NEVER;
}

/* The queue of tcp-echo is a ring: `received` and `sent` are its ends. */
static size_t echo_input(struct stream *s, const uint8_t *bytes, size_t len)
{
    size_t room = SERVICE_REQUEST_MAX - (size_t)(s->received - s->sent);
    size_t at = s->received % SERVICE_REQUEST_MAX;
    size_t take = min_u64(len, room);
    size_t first = min_u64(take, SERVICE_REQUEST_MAX - at);

    memcpy(s->request + at, bytes, first);
    memcpy(s->request, bytes + first, take - first);
    return take;
}

size_t stream_input(struct stream *s, const uint8_t *bytes, size_t len, uint64_t now_ns)
{
    if (s->service->kind == SERVICE_TCP_ECHO)
        len = echo_input(s, bytes, len);
    else if (s->service->kind == SERVICE_DNS)
        len = stream_dns_input(s, bytes, len, now_ns);
    else if (s->service->kind == SERVICE_HTTP)
        http_input(s, bytes, len, now_ns);
    s->received += len;
    script_turn(s, now_ns);
    return len;
}

void stream_input_end(struct stream *s, uint64_t now_ns)
{
    (void)now_ns;
    s->peer_closed = true;
}

size_t stream_output(struct stream *s, uint8_t *buf, size_t room, uint64_t now_ns)
{
    size_t done = 0;

    script_turn(s, now_ns); /* a script may start without input */
    while (done < room) {
        struct part p = {.left = 0};

        part_at(s, now_ns, &p);
        if (p.kind != PART_TEXT && p.kind != PART_BODY)
            break;

        size_t n = min_u64(p.left, room - done);

        if (p.kind == PART_TEXT)
            memcpy(buf + done, p.text, n);
        else if (!s->found)
            memcpy(buf + done, error_body + p.at, n);
        else if (s->service->pattern)
            pattern_fill(buf + done, p.at, n);
        else
            memcpy(buf + done, s->service->body + p.at, n);
        s->sent += n;
        done += n;
        if (s->service->kind == SERVICE_SCRIPT)
            script_said(s, now_ns);
    }
    return done;
}

enum stream_end stream_ending(const struct stream *s, uint64_t now_ns)
{
    struct part p = {.left = 0};

    part_at(s, now_ns, &p);
    switch (p.kind) {
    case PART_FIN:
        return STREAM_FIN;
    case PART_RESET:
        return STREAM_RESET;
    case PART_TEXT:
    case PART_BODY:
    case PART_WAIT:
        break;
    }
    return STREAM_OPEN;
}

uint64_t stream_deadline(const struct stream *s, uint64_t now_ns)
{
    struct part p = {.left = 0};

    part_at(s, now_ns, &p);
    return p.kind == PART_WAIT ? p.until_ns : now_ns;
}
