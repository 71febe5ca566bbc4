/* The first difference of two captures of one run: see exact_compare.h. */
#include "exact_compare.h"
#include "../../core/base/minmax.h"
#include "../base/exit_codes.h"
#include "../base/origin.h"
#include "../../sim/frame/decode.h"
#include "../../sim/frame/normal.h"
#include "../../sim/frame/pcapng.h"
#include "../../sim/text/values.h"
#include "found.h"
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

enum { BLOCK_PACKET = 6, END_OF_OPTIONS = 0, OPTION_COMMENT = 1, OPTION_FLAGS = 2 };

static void exact_say_frame(const char *name, const struct capture *c, size_t i)
{
    const struct capture_frame *f = &c->frames[i];
    char line[200], fault[120];
    struct decoded d;

    if (i >= c->count) {
        printf("%s: no such frame (%zu in the file)\n", name, c->count);
        return;
    }
    decode_frame(f->bytes, f->len, &d);
    snprintf(fault, sizeof(fault), "%.*s", (int)f->fault_len, f->fault ? f->fault : "");
    value_show(fault, sizeof(fault));
    printf("%s: %" PRIu64 ".%09" PRIu64 " %s%s%s%s%s\n", name, f->time_ns / NS_PER_S,
           f->time_ns % NS_PER_S, f->lost ? "lost " : "", f->fault ? "[" : "", fault,
           f->fault ? "] " : "", decode_summary(&d, line, sizeof(line)));
}

/* The difference of frame i in words; "": equal. */
static void exact_difference(const struct capture *was, const struct capture *is, size_t i,
                             char *buf, size_t size)
{
    const struct capture_frame *a = &was->frames[i], *b = &is->frames[i];
    size_t at = normal_difference(a->bytes, a->len, b->bytes, b->len);
    struct decoded d;

    *buf = 0;
    decode_frame(a->bytes, a->len, &d);
    if (at != SIZE_MAX && at < a->len && at < b->len)
        snprintf(buf, size, "byte %zu (%s) was 0x%02x, now 0x%02x", at, normal_field(&d, at),
                 a->bytes[at], b->bytes[at]);
    else if (at != SIZE_MAX)
        snprintf(buf, size, "%zu bytes, were %zu", b->len, a->len);
    else if (a->time_ns != b->time_ns)
        snprintf(buf, size, "time differs by %+" PRId64 " ns", (int64_t)(b->time_ns - a->time_ns));
    else if (a->lost != b->lost || a->fault_len != b->fault_len ||
             (a->fault && memcmp(a->fault, b->fault, a->fault_len)))
        snprintf(buf, size, "another fault");
}

/* In the byte order of this machine, which its captures have. */
static uint32_t exact_own32(const uint8_t *p)
{
    uint32_t n;

    memcpy(&n, p, sizeof(n));
    return n;
}

/* The offset of the first record after the header. */
static size_t exact_header_len(const struct capture *c)
{
    uint32_t len = exact_own32(c->file + 4);

    return min_u64(len, c->file_len);
}

/* ---- packets of the file: frames with their comments, and events of the rings ---- */

struct packet {
    size_t number; /* as Wireshark counts */
    const uint8_t *fields, *bytes, *options, *end;
    uint32_t len;
};

/* The next one from *at on, which is at the start of a block; false: none is left, or the file is
 * not in this machine's byte order. The contents of an event are not checked. */
static bool exact_next_packet(const struct capture *c, size_t *at, struct packet *p)
{
    while (c->file_len - *at >= 32) {
        const uint8_t *block = c->file + *at;
        uint32_t len = exact_own32(block + 4);

        if (len > c->file_len - *at || len < 12)
            return false;
        *at += len;
        if (exact_own32(block) != BLOCK_PACKET || len < 32)
            continue;
        p->number++;
        p->fields = block + 8;
        p->len = exact_own32(block + 20);
        p->bytes = block + 28;
        p->end = block + len - 4;
        if (p->len > len - 32)
            p->len = len - 32;
        p->options = len - 32 - p->len < 4 ? p->end : p->bytes + ((p->len + 3) & ~3u);
        return true;
    }
    return false;
}

/* The next option of this code; NULL: none is left. */
static const uint8_t *exact_next_option(const uint8_t **at, const uint8_t *end, uint16_t code,
                                        uint16_t *len)
{
    while (end - *at >= 4) {
        const uint8_t *option = *at;
        uint16_t is;

        memcpy(&is, option, sizeof(is));
        memcpy(len, option + 2, sizeof(*len));
        if (is == END_OF_OPTIONS || end - option - 4 < ((*len + 3) & ~3))
            break;
        *at += 4 + ((*len + 3) & ~3);
        if (is == code)
            return option + 4;
    }
    *len = 0;
    return NULL;
}

static void exact_quote(char *buf, size_t size, const uint8_t *text, size_t len)
{
    snprintf(buf, size, text ? "'%.*s'" : "none", (int)len, (const char *)text);
    value_show(buf, size);
}

/* The difference of two packets of the same number in words; "": none known. */
static void exact_packet_difference(const struct packet *a, const struct packet *b, char *buf,
                                    size_t size)
{
    size_t at = normal_difference(a->bytes, a->len, b->bytes, b->len);
    const uint8_t *x_at = a->options, *y_at = b->options, *x, *y;
    char was[120], is[120];
    uint16_t x_len, y_len;

    *buf = 0;
    if (exact_own32(a->fields) != exact_own32(b->fields))
        snprintf(buf, size, "was from interface %u, now from %u", exact_own32(a->fields),
                 exact_own32(b->fields));
    else if (at != SIZE_MAX && at < a->len && at < b->len)
        snprintf(buf, size, "byte %zu was 0x%02x, now 0x%02x", at, a->bytes[at], b->bytes[at]);
    else if (at != SIZE_MAX)
        snprintf(buf, size, "%u bytes, were %u", b->len, a->len);
    else if (memcmp(a->fields + 4, b->fields + 4, 8))
        snprintf(buf, size, "time differs");
    do {
        x = exact_next_option(&x_at, a->end, OPTION_COMMENT, &x_len);
        y = exact_next_option(&y_at, b->end, OPTION_COMMENT, &y_len);
        exact_quote(was, sizeof(was), x, x_len);
        exact_quote(is, sizeof(is), y, y_len);
        if (!*buf && (!x != !y || x_len != y_len || (x && memcmp(x, y, x_len))))
            snprintf(buf, size, "comment was %s, now %s", was, is);
    } while (x && y && !*buf);
    x_at = a->options;
    y_at = b->options;
    x = exact_next_option(&x_at, a->end, OPTION_FLAGS, &x_len);
    y = exact_next_option(&y_at, b->end, OPTION_FLAGS, &y_len);
    if (!*buf && (x_len != y_len || (x && memcmp(x, y, x_len))))
        snprintf(buf, size, "direction differs");
}

/* The first packet that differs, in words. False: none, although the files do. */
static bool exact_packets_differ(const struct capture *was, const struct capture *is, char *buf,
                                 size_t size)
{
    size_t a_at = exact_header_len(was), b_at = exact_header_len(is);
    struct packet a = {0}, b = {0};
    char what[300] = "";
    bool x, y;

    do {
        x = exact_next_packet(was, &a_at, &a);
        y = exact_next_packet(is, &b_at, &b);
        *what = 0;
        if (x && y)
            exact_packet_difference(&a, &b, what, sizeof(what));
        else if (x || y)
            snprintf(what, sizeof(what), x ? "missing now" : "was not captured");
        if (*what)
            snprintf(buf, size, "packet %zu of the file%s: %s", x ? a.number : b.number,
                     exact_own32(x ? a.fields : b.fields) == CAPTURE_RING ? ", a ring event" : "",
                     what);
    } while (x && y && !*what);
    return *what;
}

int exact_differs(const char *path, const char *format, ...)
{
    char what[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    printf("DIFFERENT  %s  exact: %s\n", value_shown(path), what);
    replay_differs(FAILURE_DIVERGENCE, "replay.exact", what);
    return EXIT_DIVERGED;
}

/* The verdict of the run, as in origin.h; "": not in the capture. */
static const char *exact_verdict_of(const struct capture *c, char *buf, size_t size)
{
    size_t n;

    origin_word(c, "verdict", buf, size);
    for (n = strlen(buf); n && buf[n - 1] == ' ';)
        buf[--n] = 0;
    return buf;
}

/* A capture to a pipe, or of a crash, has no verdict. */
static int exact_compare_verdicts(const char *path, const struct capture *was,
                                  const struct capture *is, const struct failure *f,
                                  bool saved_again)
{
    char then[4 * FAILURE_WORDS_MAX], now[FAILURE_WORDS_MAX + 1], name[FAILURE_NAME_MAX + 1];

    failure_name(name, f);
    exact_verdict_of(was, then, sizeof(then));
    exact_verdict_of(is, now, sizeof(now));
    if (*then && strcmp(then, "unfinished") && strcmp(then, now)) {
        return exact_differs(path, "all %zu frames are the same; the verdict was %s, now %s%s%s",
                             was->count, then, now, *f->message ? ": " : "", f->message);
    }
    printf("same  %s  exact: %zu frames with their times, and %zu bytes of records%s\n",
           value_shown(path), was->count, was->file_len - exact_header_len(was),
           saved_again ? "; the file was rewritten by another program" : "");
    if (f->kind != FAILURE_NONE)
        printf("as before  %s: %s\n", name, value_shown(f->message));
    return EXIT_PASS;
}

static int exact_different(const char *path, const struct capture *was, const struct capture *is,
                           size_t i, const char *what)
{
    exact_differs(path, "frame %zu: %s", i + 1, what);
    exact_say_frame("captured", was, i);
    exact_say_frame("now     ", is, i);
    return EXIT_DIVERGED;
}

int exact_compare(const char *path, const struct capture *was, const struct capture *is,
                  const struct failure *f)
{
    size_t most = min_u64(was->count, is->count), skip[2], at;
    char what[400];

    for (size_t i = 0; i < most; i++) {
        exact_difference(was, is, i, what, sizeof(what));
        if (*what)
            return exact_different(path, was, is, i, what);
    }
    if (was->count != is->count) {
        snprintf(what, sizeof(what), "%zu frames were captured, now there are %zu", was->count,
                 is->count);
        return exact_different(path, was, is, most, what);
    }
    skip[0] = exact_header_len(was);
    skip[1] = exact_header_len(is);
    at = normal_difference(was->file + skip[0], was->file_len - skip[0], is->file + skip[1],
                           is->file_len - skip[1]);
    if (at != SIZE_MAX && exact_packets_differ(was, is, what, sizeof(what)))
        return exact_differs(path, "all %zu frames are the same; %s", was->count, what);
    return exact_compare_verdicts(path, was, is, f, at != SIZE_MAX);
}
