/* Reader of journals: see journal.h. */
#include "journal.h"
#include "../../core/base/err.h"
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
    size_t wanted;     /* bytes that it says it has */
    size_t lines_size;
};

static int __attribute__((format(printf, 2, 3))) refuse(struct reader *r, const char *format, ...)
{
    va_list args;
    size_t n = (size_t)snprintf(r->why, r->why_size, "line %zu: ", r->number);

    va_start(args, format);
    if (n < r->why_size)
        vsnprintf(r->why + n, r->why_size - n, format, args);
    va_end(args);
    return -1;
}

/* Decimal digits at *at, which moves behind them. */
static bool decimal(const char **at, uint64_t *out)
{
    const char *start = *at;
    uint64_t n = 0;

    for (; **at >= '0' && **at <= '9' && *at - start < 19; ++*at)
        n = n * 10 + (uint64_t)(**at - '0');
    *out = n;
    return *at > start;
}

/* The text at *at, which moves behind it. */
static bool literal(const char **at, const char *text)
{
    size_t len = strlen(text);

    if (strncmp(*at, text, len))
        return false;
    *at += len;
    return true;
}

static bool hex_text(const char **at, char *out, size_t digits)
{
    if (strspn(*at, "0123456789abcdef") < digits)
        return false;
    memcpy(out, *at, digits);
    out[digits] = 0;
    *at += digits;
    return true;
}

/* A line without its frame and time, or NULL. */
static char *unframe(struct reader *r, char *line)
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

static int begin_line(struct reader *r, const char *at)
{
    struct journal *j = r->j;
    uint64_t version, detail, bytes, complete;

    if (r->begun)
        return refuse(r, "a second journal begins");
    if (!literal(&at, "journal: begin version=") || !decimal(&at, &version))
        return refuse(r, "not the beginning of a journal");
    if (version != JOURNAL_VERSION)
        return refuse(r, "a journal of version %" PRIu64 "; this program reads version %d", version,
                      JOURNAL_VERSION);
    if (!literal(&at, " core=") || !hex_text(&at, j->core, 16) || !literal(&at, " kernel=") ||
        !decimal(&at, &j->kernel_size) || !literal(&at, " detail=") || !decimal(&at, &detail) ||
        !literal(&at, " bytes=") || !decimal(&at, &bytes) || !literal(&at, " records=") ||
        !decimal(&at, &j->records) || !literal(&at, " complete=") || !decimal(&at, &complete) ||
        *at || detail > 1 || complete > 1 || bytes == 0)
        return refuse(r, "not the beginning of a journal");
    if (bytes > JOURNAL_MAX)
        return refuse(r, "a journal of %" PRIu64 " bytes, more than any has", bytes);
    j->detail = detail;
    j->complete = complete;
    j->bytes = malloc(bytes);
    if (!j->bytes)
        return refuse(r, "out of memory");
    r->wanted = bytes;
    r->begun = true;
    return 0;
}

static int base64_value(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

static int data_line(struct reader *r, const char *at)
{
    struct journal *j = r->j;
    uint64_t offset;

    if (!literal(&at, "journal: data off=") || !decimal(&at, &offset) || offset != j->len ||
        !literal(&at, " b64=") || !*at)
        return refuse(r, "not the next part of the journal");
    while (*at) {
        uint32_t four = 0;
        unsigned digits = 0;

        for (; digits < 4 && base64_value(at[digits]) >= 0; digits++)
            four = four << 6 | (uint32_t)base64_value(at[digits]);
        if (digits < 2 || (digits < 4 && strcmp(at + digits, digits == 2 ? "==" : "=")))
            return refuse(r, "not base64");
        four <<= 6 * (4 - digits);
        if (digits - 1 > r->wanted - j->len)
            return refuse(r, "more bytes than the journal has");
        for (unsigned i = 0; i + 1 < digits; i++)
            j->bytes[j->len++] = (uint8_t)(four >> (16 - 8 * i));
        at += 4;
    }
    return 0;
}

static int end_line(struct reader *r, const char *at)
{
    struct journal *j = r->j;
    char digits[9], expected[9];

    if (!literal(&at, "journal: end crc32=") || !hex_text(&at, digits, 8) || *at)
        return refuse(r, "not the end of a journal");
    if (j->len != r->wanted)
        return refuse(r, "the journal ends after %zu of %zu bytes", j->len, r->wanted);
    snprintf(expected, sizeof(expected), "%08x", crc32(j->bytes, j->len));
    if (strcmp(digits, expected))
        return refuse(r, "the journal has another checksum");
    r->ended = true;
    return 0;
}

/* The value of a field in the log's first line. */
static void first_line(struct journal *j, const char *line)
{
    const char *target = strstr(line, " target="), *build = strstr(line, " build=");

    if (target)
        snprintf(j->target, sizeof(j->target), "%.*s", (int)strcspn(target + 8, " "), target + 8);
    if (build)
        snprintf(j->build, sizeof(j->build), "%.*s", (int)strcspn(build + 7, " "), build + 7);
}

static int keep_line(struct reader *r, char *line)
{
    struct journal *j = r->j;

    if (j->line_count == r->lines_size) {
        char **more;

        r->lines_size = r->lines_size ? r->lines_size * 2 : 256;
        more = realloc(j->line, r->lines_size * sizeof(*j->line));
        if (!more)
            return refuse(r, "out of memory");
        j->line = more;
    }
    j->line[j->line_count++] = line;
    return 0;
}

static int whole_line(struct reader *r, char *line)
{
    char *body;

    if (!r->sequence && strncmp(line, "@1 ", 3))
        return 0; /* firmware's */
    if (!*line)
        return 0; /* a break: targets/common/console.h */
    body = unframe(r, line);
    if (!body)
        return refuse(r, "damaged, or one before it is missing");
    value_show(body, strlen(body) + 1); /* it goes to a terminal */
    if (r->sequence == 1)
        first_line(r->j, body);
    if (r->begun && !r->ended)
        return strncmp(body, "journal: end ", 13) ? data_line(r, body) : end_line(r, body);
    if (!strncmp(body, "journal: ", 9))
        return begin_line(r, body);
    return r->ended ? 0 : keep_line(r, body);
}

static int read_lines(struct reader *r, size_t len)
{
    char *at = r->j->text, *end = at + len;

    while (at < end) {
        char *stop = memchr(at, '\n', (size_t)(end - at)), *last;

        r->number++;
        if (!stop)
            return r->ended || !r->sequence ? 0 : refuse(r, "cut off");
        *stop = 0;
        last = at + strlen(at);
        if (last != stop)
            return refuse(r, "a NUL in it");
        if (last > at && last[-1] == '\r')
            last[-1] = 0;
        if (whole_line(r, at))
            return -1;
        at = stop + 1;
    }
    return 0;
}

/* ---- records ---- */

static const uint8_t field_count[] = {JOURNAL_RECORDS(JOURNAL_FIELD_COUNT)};
static const bool has_bytes[] = {JOURNAL_RECORDS(JOURNAL_HAS_BYTES)};
_Static_assert(sizeof(field_count) == JOURNAL_TAGS, "one row a tag");

/* LEB128, no longer than it need be. */
static bool number(const uint8_t *bytes, size_t len, size_t *at, uint64_t *out)
{
    uint64_t n = 0;

    for (unsigned shift = 0; shift < 64 && *at < len; shift += 7) {
        uint8_t byte = bytes[(*at)++];

        if (shift == 63 && byte > 1)
            return false;
        n |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = n;
            return byte || !shift;
        }
    }
    return false;
}

const char *journal_next(const uint8_t *bytes, size_t len, size_t *at, struct journal_record *out)
{
    uint64_t n = 0;

    if (len - *at < 2)
        return "it ends within a record";
    *out = (struct journal_record){.tag = (enum journal_tag)bytes[*at], .check = bytes[*at + 1]};
    if (out->tag == JOURNAL_NONE || out->tag >= JOURNAL_TAGS)
        return "an unknown tag";
    *at += 2;
    for (unsigned i = 0; i < field_count[out->tag]; i++)
        if (!number(bytes, len, at, &out->field[i]))
            return "not a number";
    if (!has_bytes[out->tag])
        return NULL;
    if (!number(bytes, len, at, &n) || n > len - *at || n > JOURNAL_COPY_MAX)
        return "more bytes than there are";
    out->bytes = bytes + *at;
    out->len = (size_t)n;
    *at += out->len;
    return NULL;
}

/* A machine is not on for longer: a hundred years. */
#define TIME_MAX_NS (UINT64_C(100) * 366 * 86400 * 1000000000)

/* What is known of the machine so far. */
struct check {
    bool initialised;
    uint64_t dma_size, now_ns;
    unsigned slots;
};

static bool words_fit(const struct journal_record *r)
{
    uint64_t ends = 0;

    for (size_t i = 0; i < r->len; i++)
        ends += r->bytes[i] == 0;
    return r->field[0] > 0 && r->field[0] <= JOURNAL_WORDS_MAX && ends == r->field[0] &&
           r->bytes[r->len - 1] == 0;
}

static bool register_fits(const struct journal_record *r)
{
    unsigned size_log = r->field[0] & 3;

    return r->field[0] >> 2 <= 2 && size_log <= 2 &&
           r->field[2] <= UINT32_MAX >> (32 - (8 << size_log));
}

static bool load_fits(const struct check *c, const struct journal_record *r)
{
    unsigned size = 1u << (r->field[0] & 3);
    uint64_t at = r->field[0] >> 2;

    return (size == 2 || size == 4) && at % size == 0 && at <= c->dma_size - size &&
           r->field[1] <= UINT32_MAX >> (32 - 8 * size);
}

static bool copy_fits(const struct journal_record *r)
{
    int64_t result = journal_unzigzag(r->field[3]);

    if (r->field[2] > JOURNAL_COPY_MAX || (result != 0 && result != ERR_FAULT))
        return false;
    return r->tag == JOURNAL_USER_WRITE || r->len == (result ? 0 : r->field[2]);
}

static bool init_fits(struct check *c, const struct journal_record *r)
{
    bool fits = !c->initialised && r->field[0] < TIME_MAX_NS && r->field[1] <= 1 &&
                r->field[3] >= 4096 && r->field[3] <= JOURNAL_DMA_MAX;

    c->initialised = true;
    c->dma_size = r->field[3];
    c->now_ns = r->field[0];
    return fits;
}

/* The place of a panic. */
static bool printable(const struct journal_record *r)
{
    for (size_t i = 0; i < r->len; i++)
        if (r->bytes[i] < ' ' || r->bytes[i] > '~')
            return false;
    return true;
}

/* Can this record be here, and are its numbers possible at all? */
static bool fits(struct check *c, const struct journal_record *r)
{
    switch (r->tag) {
    case JOURNAL_SLOT:
        return !c->initialised && c->slots++ < JOURNAL_SLOTS_MAX && r->field[1] <= UINT32_MAX;
    case JOURNAL_BUS:
        return !c->initialised && r->field[2] <= UINT32_MAX && r->field[3] <= UINT32_MAX &&
               r->field[4] <= UINT32_MAX && r->field[5] <= 1 && r->field[7] <= UINT32_MAX;
    case JOURNAL_INIT:
        return init_fits(c, r);
    case JOURNAL_START:
        return c->initialised && words_fit(r);
    case JOURNAL_POLL:
        c->now_ns += r->field[0];
        return c->initialised && r->field[0] < TIME_MAX_NS && c->now_ns < TIME_MAX_NS;
    case JOURNAL_STOP:
        return c->initialised;
    case JOURNAL_END:
        return r->field[0] <= JOURNAL_PANIC && printable(r);
    case JOURNAL_REG_READ:
    case JOURNAL_REG_WRITE:
        return register_fits(r);
    case JOURNAL_ENTROPY:
        return true;
    case JOURNAL_LOAD:
        return c->initialised && load_fits(c, r);
    case JOURNAL_TAKE:
        return c->initialised && r->field[0] <= c->dma_size && r->len <= c->dma_size - r->field[0];
    case JOURNAL_CREATE:
        return r->field[1] < JOURNAL_PROCESSES && journal_unzigzag(r->field[0]) <= 0;
    case JOURNAL_SYSCALL:
    case JOURNAL_FAULT:
    case JOURNAL_TICK:
        return r->field[0] < JOURNAL_PROCESSES;
    case JOURNAL_USER_READ:
    case JOURNAL_USER_WRITE:
        return r->field[0] < JOURNAL_PROCESSES && copy_fits(r);
    case JOURNAL_NONE:
    case JOURNAL_TAGS:
        break;
    }
    return false;
}

/* Walk over all of them once. NULL, or what is wrong, with *n the number of the record. */
static const char *check_records(struct journal *j, uint64_t *n)
{
    struct check c = {.initialised = false};
    struct journal_record r = {.tag = JOURNAL_NONE};
    size_t at = 0;

    for (*n = 1; at < j->len; ++*n) {
        const char *wrong = journal_next(j->bytes, j->len, &at, &r);

        if (wrong)
            return wrong;
        if (!fits(&c, &r) || (*n == 1 && !journal_is_call(r.tag)))
            return "impossible, or out of place";
        if (r.tag == JOURNAL_END && at != j->len)
            return "an end in the middle";
    }
    if (r.tag != JOURNAL_END)
        return "no end";
    if (*n - 1 != j->records)
        return "another number of records than it says";
    if ((r.field[0] == JOURNAL_FULL) == j->complete)
        return "its first line and its end disagree about whether it is complete";
    j->end = r;
    return NULL;
}

/* ---- the whole ---- */

int journal_parse(struct journal *j, const char *log, size_t len, char *why, size_t why_size)
{
    struct reader r = {.j = j, .why = why, .why_size = why_size};
    const char *wrong;
    uint64_t record;

    *j = (struct journal){.target = "?", .build = "?"};
    if (len > JOURNAL_LOG_MAX) {
        snprintf(why, why_size, "larger than any log: %d MiB at most", JOURNAL_LOG_MAX >> 20);
        return -1;
    }
    j->text = malloc(len + 1);
    if (!j->text) {
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    memcpy(j->text, log, len);
    j->text[len] = 0;
    if (read_lines(&r, len))
        goto bad;
    if (!r.ended) {
        snprintf(why, why_size, "%s",
                 r.begun ? "the journal has no end"
                 : r.sequence
                     ? "no journal in it: was it a kernel-journal.elf with journal=on or dump?"
                     : "neither a capture nor a serial log of a kernel (a scenario is for "
                       "drywire run)");
        goto bad;
    }
    wrong = check_records(j, &record);
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

static const char *space_word(uint64_t where)
{
    static const char *const words[] = {"mmio", "port", "pci"};

    return words[where >> 2];
}

const char *journal_words(const struct journal_record *r, char *buf, size_t size)
{
    static const char *const names[] = {
#define NAME(tag, fields, bytes) [JOURNAL_##tag] = #tag,
        JOURNAL_RECORDS(NAME)
#undef NAME
    };
    size_t n = (size_t)snprintf(buf, size, "%s", names[r->tag]);

    if (r->tag == JOURNAL_REG_READ || r->tag == JOURNAL_REG_WRITE)
        snprintf(buf + n, size - n, " %s %#" PRIx64 " size %u value %#" PRIx64,
                 space_word(r->field[0]), r->field[1], 1u << (r->field[0] & 3), r->field[2]);
    else if (r->tag == JOURNAL_LOAD)
        snprintf(buf + n, size - n, " dma+%#" PRIx64 " size %u value %#" PRIx64, r->field[0] >> 2,
                 1u << (r->field[0] & 3), r->field[1]);
    else
        for (unsigned i = 0; i < field_count[r->tag] && n < size; i++)
            n += (size_t)snprintf(buf + n, size - n, " %" PRIu64, r->field[i]);
    return buf;
}
