/*
 * The comparison of two captures: see compare.h.
 *
 * P1: the same frames in the same order, byte by byte, after normal_frame(). P3: the same digest:
 * messages, SYN options, byte streams, the order of closing.
 */
#include "compare.h"
#include "../../core/base/minmax.h"
#include "../../sim/text/values.h"
#include "../../sim/frame/digest.h"
#include "../../sim/frame/normal.h"
#include "../../sim/base/sha256.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *const grade_words[] = {"p1", "p3", NULL};

struct comparison {
    const char *grade;
    const struct compared *a, *b;
    FILE *out;
};

/* ---- the block ---- */

/* Print one side of a difference: the frame, or that there is none. */
static void compare_say_side(const struct comparison *c, const struct compared *side, size_t frame)
{
    char line[200];
    struct decoded d;

    if (!frame || frame > side->capture.count) {
        fprintf(c->out, "%s: no such frame (%zu in the file)\n", value_shown(side->name),
                side->capture.count);
        return;
    }
    decode_frame(side->capture.frames[frame - 1].bytes, side->capture.frames[frame - 1].len, &d);
    fprintf(c->out, "%s: frame %zu: %s\n", value_shown(side->name), frame,
            decode_summary(&d, line, sizeof(line)));
}

/* Report a difference of the captures, with the first frame on each side (0: none). Always returns
 * 1. */
static int __attribute__((format(printf, 4, 5)))
compare_differ(const struct comparison *c, size_t frame_a, size_t frame_b, const char *format, ...)
{
    va_list args;

    fprintf(c->out, "differ %s: ", c->grade);
    va_start(args, format);
    vfprintf(c->out, format, args);
    va_end(args);
    fputc('\n', c->out);
    compare_say_side(c, c->a, frame_a);
    compare_say_side(c, c->b, frame_b);
    return 1;
}

/* Compare two byte strings, parts of the given frames. */
static int compare_differ_at(const struct comparison *c, const char *what, size_t frame_a,
                             size_t frame_b, const uint8_t *a, size_t a_len, const uint8_t *b,
                             size_t b_len)
{
    size_t at = normal_difference(a, a_len, b, b_len);
    struct decoded d;

    if (at == SIZE_MAX)
        return 0;
    if (at >= a_len || at >= b_len)
        return compare_differ(c, frame_a, frame_b, "%s: %zu bytes and %zu", what, a_len, b_len);
    decode_frame(c->a->capture.frames[frame_a - 1].bytes, c->a->capture.frames[frame_a - 1].len,
                 &d);
    return compare_differ(c, frame_a, frame_b, "%s: byte %zu (%s) is 0x%02x and 0x%02x", what, at,
                          normal_field(&d, at), a[at], b[at]);
}

/* ---- P1 ---- */

static int compare_same_frame(const struct comparison *c, size_t i)
{
    static uint8_t bytes[2][CAPTURE_FRAME_MAX];
    const struct compared *sides[2] = {c->a, c->b};
    size_t len[2];
    char what[40];

    for (unsigned k = 0; k < 2; k++) {
        const struct capture_frame *f = &sides[k]->capture.frames[i];
        struct decoded d;

        decode_frame(f->bytes, f->len, &d);
        len[k] = normal_frame(f->bytes, f->len, &d, bytes[k]);
    }
    snprintf(what, sizeof(what), "frame %zu", i + 1);
    return compare_differ_at(c, what, i + 1, i + 1, bytes[0], len[0], bytes[1], len[1]);
}

static int compare_p1(const struct comparison *c)
{
    size_t a = c->a->capture.count, b = c->b->capture.count;

    for (size_t i = 0; i < a && i < b; i++)
        if (compare_same_frame(c, i))
            return 1;
    if (a != b)
        return compare_differ(c, a > b ? b + 1 : 0, b > a ? a + 1 : 0, "%zu frames and %zu", a, b);
    fprintf(c->out, "same p1: %zu frames\n", a);
    return 0;
}

/* ---- P3 ---- */

static const char *const kinds[MESSAGE_KINDS] = {"dhcp", "arp", "icmp", "udp"};
static const char *const speakers[SPEAKERS] = {"out", "in"};

static int compare_messages(const struct comparison *c, const char *kind,
                            const struct message_list *a, const struct message_list *b)
{
    char what[60];

    for (size_t i = 0; i < a->count && i < b->count; i++) {
        const struct message *x = &a->messages[i], *y = &b->messages[i];

        snprintf(what, sizeof(what), "%s message %zu", kind, i + 1);
        if (compare_differ_at(c, what, x->frame, y->frame, x->bytes, x->len, y->bytes, y->len))
            return 1;
    }
    if (a->count == b->count)
        return 0;
    return compare_differ(c, a->count > b->count ? a->messages[b->count].frame : 0,
                          b->count > a->count ? b->messages[a->count].frame : 0,
                          "%zu %s messages and %zu", a->count, kind, b->count);
}

/* The machine's initial sequence numbers are a secret, the same for one seed, plus a clock of 4 us
 * (RFC 9293 section 3.4.1), which is not. */
static bool compare_near(uint32_t a, uint32_t b)
{
    uint32_t apart = min_u32(a - b, b - a);

    return apart <= 60000000 / 4;
}

static int compare_streams(const struct comparison *c, const struct connection *x,
                           const struct connection *y, enum speaker who)
{
    const struct byte_stream *a = &x->streams[who], *b = &y->streams[who];
    char what[60], hash_a[65], hash_b[65];
    size_t at;

    snprintf(what, sizeof(what), "connection of port %u, %s", x->local_port, speakers[who]);
    if (!a->syn_frame != !b->syn_frame)
        return compare_differ(c, a->syn_frame, b->syn_frame, "%s: only one capture has a SYN",
                              what);
    if (who == OWN && !compare_near(a->iss, b->iss)) /* the peer's is libslirp's own */
        return compare_differ(
            c, a->syn_frame, b->syn_frame,
            "%s: initial sequence numbers %u and %u differ by more than the clocks allow", what,
            a->iss, b->iss);
    if (normal_difference(a->options, a->options_len, b->options, b->options_len) != SIZE_MAX)
        return compare_differ(c, a->syn_frame, b->syn_frame, "%s: the options of the SYN differ",
                              what);
    at = normal_difference(a->bytes, a->len, b->bytes, b->len);
    if (at == SIZE_MAX)
        return 0;
    return compare_differ(
        c, stream_frame(a, at), stream_frame(b, at),
        "%s: byte %zu of the streams (%zu bytes sha256=%s and %zu bytes sha256=%s)", what, at,
        a->len, sha256_text(a->bytes, a->len, hash_a), b->len,
        sha256_text(b->bytes, b->len, hash_b));
}

static int compare_connection(const struct comparison *c, const struct connection *x,
                              const struct connection *y)
{
    size_t at;

    if (x->local_port != y->local_port || x->remote_port != y->remote_port ||
        x->remote != y->remote)
        return compare_differ(c, x->first_frame, y->first_frame, "another connection");
    for (unsigned who = 0; who < SPEAKERS; who++)
        if (compare_streams(c, x, y, who))
            return 1;
    at = normal_difference((const uint8_t *)x->close, strlen(x->close), (const uint8_t *)y->close,
                           strlen(y->close));
    if (at == SIZE_MAX)
        return 0;
    return compare_differ(c, x->close_frames[at], y->close_frames[at],
                          "connection of port %u closes differently: '%s' and '%s' (F, f: FIN of "
                          "the machine, of its peer; R, r: RST)",
                          x->local_port, x->close, y->close);
}

static void compare_tell(const struct comparison *c, const struct digest *g, bool verbose)
{
    fprintf(c->out, "same p3:");
    for (unsigned k = 0; k < MESSAGE_KINDS; k++)
        fprintf(c->out, " %s=%zu", kinds[k], g->lists[k].count);
    fprintf(c->out, " connections=%zu\n", g->connection_count);
    for (size_t i = 0; i < g->connection_count && verbose; i++) {
        const struct connection *x = &g->connections[i];

        for (unsigned who = 0; who < SPEAKERS; who++) {
            const struct byte_stream *s = &x->streams[who];
            char hash[65];

            fprintf(c->out, "  port=%u %s bytes=%zu sha256=%s close=%s\n", x->local_port,
                    speakers[who], s->len, sha256_text(s->bytes, s->len, hash), x->close);
        }
    }
}

/* By address and ports, then by time: which of two programs connects first is not compared. */
static int compare_order(const void *left, const void *right)
{
    const struct connection *x = left, *y = right;

    if (x->remote != y->remote)
        return x->remote < y->remote ? -1 : 1;
    if (x->remote_port != y->remote_port)
        return x->remote_port < y->remote_port ? -1 : 1;
    if (x->local_port != y->local_port)
        return x->local_port < y->local_port ? -1 : 1;
    return x->first_frame < y->first_frame ? -1 : 1;
}

static int compare_digests(const struct comparison *c, const struct digest *a,
                           const struct digest *b)
{
    for (unsigned k = 0; k < MESSAGE_KINDS; k++)
        if (compare_messages(c, kinds[k], &a->lists[k], &b->lists[k]))
            return 1;
    for (size_t i = 0; i < a->connection_count && i < b->connection_count; i++)
        if (compare_connection(c, &a->connections[i], &b->connections[i]))
            return 1;
    if (a->connection_count == b->connection_count)
        return 0;
    return compare_differ(
        c,
        a->connection_count > b->connection_count ? a->connections[b->connection_count].first_frame
                                                  : 0,
        b->connection_count > a->connection_count ? b->connections[a->connection_count].first_frame
                                                  : 0,
        "%zu connections and %zu", a->connection_count, b->connection_count);
}

static void compare_sort(struct digest *g)
{
    if (g->connection_count) /* else there is no array */
        qsort(g->connections, g->connection_count, sizeof(*g->connections), compare_order);
}

static int compare_p3(const struct comparison *c, bool verbose)
{
    struct digest a, b;
    int result;

    digest_read(&a, &c->a->capture);
    digest_read(&b, &c->b->capture);
    /* digest.by_ends has served its purpose: it is not valid after this. */
    compare_sort(&a);
    compare_sort(&b);
    result = compare_digests(c, &a, &b);
    if (!result)
        compare_tell(c, &a, verbose);
    digest_free(&a);
    digest_free(&b);
    return result;
}

int compare_captures(enum grade grade, const struct compared *a, const struct compared *b,
                     bool verbose, FILE *out)
{
    struct comparison c = {grade == GRADE_P1 ? "p1" : "p3", a, b, out};

    return grade == GRADE_P1 ? compare_p1(&c) : compare_p3(&c, verbose);
}
