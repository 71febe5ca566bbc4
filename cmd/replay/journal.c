/* Reads a journal from the lines of a log: see journal.h; its records are checked by
 * journal_records.c. */
#include "journal.h"
#include "../base/console.h"
#include "../../sim/base/crc.h"
#include "../../sim/text/values.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_OCTETS = 320 }; /* of a framed line, at most */

/* ---- lines ---- */

struct reader {
    struct journal *j;
    char *why;
    size_t why_size;
    uint64_t sequence; /* of the last line */
    size_t number;     /* of the line in the file */
    bool begun, ended; /* the journal */
    size_t wanted;     /* bytes that it should have */
    size_t lines_size;
};

static int __attribute__((format(printf, 2, 3)))
journal_refuse(struct reader *r, const char *format, ...)
{
    va_list args;
    size_t n = (size_t)snprintf(r->why, r->why_size, "line %zu: ", r->number);

    va_start(args, format);
    if (n < r->why_size)
        vsnprintf(r->why + n, r->why_size - n, format, args);
    va_end(args);
    return -1;
}

/* Decimal digits at *at, which moves past them. */
static bool journal_decimal(const char **at, uint64_t *out)
{
    const char *start = *at;
    uint64_t n = 0;

    for (; **at >= '0' && **at <= '9' && *at - start < 19; ++*at)
        n = n * 10 + (uint64_t)(**at - '0');
    *out = n;
    return *at > start;
}

/* The text at *at, which moves past it. */
static bool journal_literal(const char **at, const char *text)
{
    size_t len = strlen(text);

    if (strncmp(*at, text, len))
        return false;
    *at += len;
    return true;
}

static bool journal_hex_text(const char **at, char *out, size_t digits)
{
    if (strspn(*at, "0123456789abcdef") < digits)
        return false;
    memcpy(out, *at, digits);
    out[digits] = 0;
    *at += digits;
    return true;
}

/* A line without its frame and time, or NULL. */
static char *journal_unframe(struct reader *r, char *line)
{
    size_t len = strlen(line);
    uint64_t sequence, time_us;
    char *text;

    if (len >= LINE_OCTETS || console_unframe(line, len, &text, &sequence) != UNFRAMED ||
        sequence != r->sequence + 1 || !console_take_time(text, &time_us))
        return NULL;
    r->sequence = sequence;
    return text;
}

/* ---- the journal's lines ---- */

static int journal_begin_line(struct reader *r, const char *at)
{
    struct journal *j = r->j;
    uint64_t version, detail, bytes, complete;

    if (r->begun)
        return journal_refuse(r, "a second journal starts");
    if (!journal_literal(&at, "journal: begin version=") || !journal_decimal(&at, &version))
        return journal_refuse(r, "not the first line of a journal");
    if (version != JOURNAL_VERSION)
        return journal_refuse(
            r, "unsupported journal version %" PRIu64 "; this program supports version %d", version,
            JOURNAL_VERSION);
    if (!journal_literal(&at, " core=") || !journal_hex_text(&at, j->core, 16) ||
        !journal_literal(&at, " kernel=") || !journal_decimal(&at, &j->kernel_size) ||
        !journal_literal(&at, " detail=") || !journal_decimal(&at, &detail) ||
        !journal_literal(&at, " bytes=") || !journal_decimal(&at, &bytes) ||
        !journal_literal(&at, " records=") || !journal_decimal(&at, &j->records) ||
        !journal_literal(&at, " complete=") || !journal_decimal(&at, &complete) || *at ||
        detail > 1 || complete > 1 || bytes == 0)
        return journal_refuse(r, "not the first line of a journal");
    if (bytes > JOURNAL_MAX)
        return journal_refuse(r, "the journal has %" PRIu64 " bytes, more than the maximum", bytes);
    j->detail = detail;
    j->complete = complete;
    j->bytes = malloc(bytes);
    if (!j->bytes)
        return journal_refuse(r, "out of memory");
    r->wanted = bytes;
    r->begun = true;
    return 0;
}

static int journal_base64_value(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

static int journal_data_line(struct reader *r, const char *at)
{
    struct journal *j = r->j;
    uint64_t offset;

    if (!journal_literal(&at, "journal: data off=") || !journal_decimal(&at, &offset) ||
        offset != j->len || !journal_literal(&at, " b64=") || !*at)
        return journal_refuse(r, "expected the next part of the journal");
    while (*at) {
        uint32_t four = 0;
        unsigned digits = 0;

        for (; digits < 4 && journal_base64_value(at[digits]) >= 0; digits++)
            four = four << 6 | (uint32_t)journal_base64_value(at[digits]);
        if (digits < 2 || (digits < 4 && strcmp(at + digits, digits == 2 ? "==" : "=")))
            return journal_refuse(r, "not base64");
        four <<= 6 * (4 - digits);
        if (digits - 1 > r->wanted - j->len)
            return journal_refuse(r, "more bytes than its first line announces");
        for (unsigned i = 0; i + 1 < digits; i++)
            j->bytes[j->len++] = (uint8_t)(four >> (16 - 8 * i));
        at += 4;
    }
    return 0;
}

static int journal_end_line(struct reader *r, const char *at)
{
    struct journal *j = r->j;
    char digits[9], expected[9];

    if (!journal_literal(&at, "journal: end crc32=") || !journal_hex_text(&at, digits, 8) || *at)
        return journal_refuse(r, "not the last line of a journal");
    if (j->len != r->wanted)
        return journal_refuse(r, "the journal ends after %zu of %zu bytes", j->len, r->wanted);
    snprintf(expected, sizeof(expected), "%08x", crc32(j->bytes, j->len));
    if (strcmp(digits, expected))
        return journal_refuse(r, "bad checksum");
    r->ended = true;
    return 0;
}

/* The value of a field in the log's first line. */
static void journal_first_line(struct journal *j, const char *line)
{
    const char *target = strstr(line, " target="), *build = strstr(line, " build=");

    if (target)
        snprintf(j->target, sizeof(j->target), "%.*s", (int)strcspn(target + 8, " "), target + 8);
    if (build)
        snprintf(j->build, sizeof(j->build), "%.*s", (int)strcspn(build + 7, " "), build + 7);
}

static int journal_keep_line(struct reader *r, char *line)
{
    struct journal *j = r->j;

    if (j->line_count == r->lines_size) {
        char **more;

        r->lines_size = r->lines_size ? r->lines_size * 2 : 256;
        more = realloc(j->line, r->lines_size * sizeof(*j->line));
        if (!more)
            return journal_refuse(r, "out of memory");
        j->line = more;
    }
    j->line[j->line_count++] = line;
    return 0;
}

static int journal_whole_line(struct reader *r, char *line)
{
    char *body;

    if (!r->sequence && strncmp(line, "@1 ", 3))
        return 0; /* firmware's */
    if (!*line)
        return 0; /* a break: targets/common/console.h */
    body = journal_unframe(r, line);
    if (!body)
        return journal_refuse(r, "damaged, or a line before it is missing");
    value_show(body, strlen(body) + 1); /* it is printed on a terminal */
    if (r->sequence == 1)
        journal_first_line(r->j, body);
    if (r->begun && !r->ended)
        return strncmp(body, "journal: end ", 13) ? journal_data_line(r, body)
                                                  : journal_end_line(r, body);
    if (!strncmp(body, "journal: ", 9))
        return journal_begin_line(r, body);
    return r->ended ? 0 : journal_keep_line(r, body);
}

static int journal_read_lines(struct reader *r, size_t len)
{
    char *at = r->j->text, *end = at + len;

    while (at < end) {
        char *stop = memchr(at, '\n', (size_t)(end - at)), *last;

        r->number++;
        if (!stop)
            return r->ended || !r->sequence ? 0 : journal_refuse(r, "cut off");
        *stop = 0;
        last = at + strlen(at);
        if (last != stop)
            return journal_refuse(r, "contains a NUL byte");
        if (last > at && last[-1] == '\r')
            last[-1] = 0;
        if (journal_whole_line(r, at))
            return -1;
        at = stop + 1;
    }
    return 0;
}

/* ---- the whole ---- */

int journal_parse(struct journal *j, const char *log, size_t len, char *why, size_t why_size)
{
    struct reader r = {.j = j, .why = why, .why_size = why_size};
    const char *wrong;
    uint64_t record;

    *j = (struct journal){.target = "?", .build = "?"};
    if (len > JOURNAL_LOG_MAX) {
        snprintf(why, why_size, "too large for a log (%d MiB at most)", JOURNAL_LOG_MAX >> 20);
        return -1;
    }
    j->text = malloc(len + 1);
    if (!j->text) {
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    memcpy(j->text, log, len);
    j->text[len] = 0;
    if (journal_read_lines(&r, len))
        goto bad;
    if (!r.ended) {
        snprintf(
            why, why_size, "%s",
            r.begun ? "the last line of the journal is missing"
            : r.sequence
                ? "contains no journal; boot kernel-journal.elf with journal=on or journal=dump"
                : "neither a capture nor a serial log (for a scenario use drywire run)");
        goto bad;
    }
    wrong = journal_check(j, &record);
    if (wrong) {
        snprintf(why, why_size, "record %" PRIu64 " of the journal: %s", record, wrong);
        goto bad;
    }
    return 0;
bad:
    journal_free(j);
    return -1;
}

void journal_free(struct journal *j)
{
    free(j->bytes);
    free(j->line);
    free(j->text);
    *j = (struct journal){.len = 0};
}
