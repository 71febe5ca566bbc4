/*
 * A captured TCP connection as a scenario in a file, or run at once with a report of the
 * differences between the core and the captured side: see docs/replay.md.
 */
#include "import.h"
#include "../../core/base/minmax.h"
#include "../../sim/base/memory.h"
#include "reactive.h"
#include "../../sim/base/sha256.h"
#include "../../sim/text/values.h"
#include "../base/outputs.h"
#include "../base/exit_codes.h"
#include <stdlib.h>
#include <string.h>

enum {
    INLINE_MAX = 64 << 10, /* a longer stream goes into a file of its own */
    STREAM_MAX = 16 << 20, /* maximum of that file */
};

/* case.scn has its bytes in case.bin. */
static char *reactive_tcp_side_path(const char *path)
{
    size_t len = strlen(path);
    char *side = memory_new(len + 5, 1);

    len -= len > 4 && !strcmp(path + len - 4, ".scn") ? 4 : 0;
    snprintf(side, len + 5, "%.*s.bin", (int)len, path);
    return side;
}

static bool reactive_tcp_beside(const struct import *im)
{
    return import_peer(im)->len > INLINE_MAX;
}

/* Check the sizes and write the file beside `output`: 0, or an exit code after a line on stderr. */
static int reactive_tcp_write_side(const struct import *im, const struct replay_settings *s,
                                   const char *output, const char *side, size_t len)
{
    const struct flow_side *peer = import_peer(im);

    if (peer->len > STREAM_MAX || len > SCENARIO_MAX) {
        value_message(stderr,
                      "drywire: %s: flow %zu is too long for a scenario: the peer sends %zu bytes "
                      "in %zu pieces; use drywire replay --loose\n",
                      s->path, im->number, peer->len, peer->piece_count);
        return EXIT_USAGE;
    }
    if (!reactive_tcp_beside(im))
        return 0;
    if (output_is_file(side, s->path)) {
        value_message(stderr,
                      "drywire: --output %s: its bytes would go into %s, the input file; choose "
                      "another name\n",
                      output, side);
        return EXIT_USAGE;
    }
    return output_write("output", side, peer->bytes, peer->len);
}

static char *reactive_tcp_text(void *import, const struct replay_settings *s, const char *output,
                               size_t *len, int *code)
{
    const struct import *im = import;
    char *side = output ? reactive_tcp_side_path(output) : NULL;
    const char *slash = side ? strrchr(side, '/') : NULL;
    char *text;
    FILE *out = memory_stream(&text, len);

    import_write(im, out, side && reactive_tcp_beside(im) ? slash ? slash + 1 : side : NULL);
    memory_stream_close(out);
    *code = side ? reactive_tcp_write_side(im, s, output, side, *len) : 0;
    free(side);
    return text;
}

static void reactive_tcp_written(void *import, const char *output)
{
    const struct import *im = import;
    char *side = reactive_tcp_side_path(output);
    bool beside = reactive_tcp_beside(im);

    printf("%s: flow %zu of %zu, the core is the %s (%s), %zu bytes to it%s%s\n", output,
           im->number, import_total(im), im->own == CLIENT ? "client" : "server",
           im->webget ? "webget" : "talk", import_peer(im)->len, beside ? ", in " : "",
           beside ? side : "");
    import_notes(im, stdout, "  ");
    free(side);
}

/* ---- the run ---- */

struct reactive {
    const struct import *im;
    const struct replay_settings *settings;
    uint8_t *read; /* bytes read by the program */
    size_t read_len, read_size;
    struct reactive_frames frames; /* of the run */
};

static void reactive_tcp_on_read(void *ctx, const void *bytes, size_t len)
{
    struct reactive *r = ctx;

    r->read = memory_grow(r->read, r->read_len + len, &r->read_size, 1);
    memcpy(r->read + r->read_len, bytes, len);
    r->read_len += len;
}

static void reactive_tcp_on_flight(void *ctx, uint64_t time_ns, enum direction dir,
                                   const uint8_t *frame, size_t len, const struct decoded *d,
                                   const char *fate, uint64_t arrival_ns)
{
    struct reactive *r = ctx;

    (void)dir;
    if (!d->error && d->layer == LAYER_TCP)
        reactive_keep(&r->frames, time_ns, frame, len, fate, arrival_ns);
}

/* ---- the report ---- */

struct counts {
    size_t data, acks, again, largest;
};

static struct counts reactive_tcp_counts_of(const struct flow_side *s)
{
    struct counts n = {0};
    uint64_t end = 0;

    for (size_t i = 0; i < s->segment_count; i++) {
        const struct flow_segment *g = &s->segments[i];

        n.data += g->len > 0;
        n.acks += !g->len && (g->flags & 0x17) == 0x10;
        n.again += g->len && g->offset + (uint64_t)g->len <= end;
        n.largest = max_u64(g->len, n.largest);
        if (g->len && g->offset + (uint64_t)g->len > end)
            end = g->offset + (uint64_t)g->len;
    }
    return n;
}

static void reactive_tcp_options_words(const struct flow_side *s, char *buf, size_t size)
{
    snprintf(buf, size, "mss=%u%s%s%s", s->mss, s->sack ? " sack" : "",
             s->stamps ? " timestamps" : "", s->scaled ? " scale" : "");
}

static const char *reactive_tcp_close_words(const struct flow_side *own,
                                            const struct flow_side *peer)
{
    if ((own->rst || peer->rst) &&
        !(own->fin && peer->fin)) /* else it is a reply to late segments */
        return own->rst ? "reset by the machine" : "reset by the peer";
    if (!own->fin || !peer->fin)
        return own->fin    ? "closed by the machine only"
               : peer->fin ? "closed by the peer only"
                           : "open";
    return own->fin_ns <= peer->fin_ns ? "closed by the machine first" : "closed by the peer first";
}

static unsigned reactive_tcp_departures(const struct import *im, const struct flow_side *own,
                                        const struct flow_side *peer)
{
    const struct flow_side *was = import_own(im), *peer_was = import_peer(im);
    struct counts a = reactive_tcp_counts_of(was), b = reactive_tcp_counts_of(own);
    unsigned mss = peer_was->mss ? peer_was->mss : 536, bad = 0;
    bool same = was->len == own->len && memcmp(was->bytes, own->bytes, own->len) == 0;
    char x[80], y[80];

    reactive_tcp_options_words(was, x, sizeof(x));
    reactive_tcp_options_words(own, y, sizeof(y));
    bad += reactive_differ("options of the SYN", was->syns ? x : "unknown", y,
                           "each side chooses its options (RFC 9293 section 3.2)");
    bad += reactive_differ_number(
        "bytes sent by the machine", was->len, own->len,
        im->webget || was->gap || own->rst || peer->rst
            ? "the program sends its own request, or the captured one was cut off"
            : NULL);
    if (!im->webget && !im->filled && !same && was->len == own->len)
        bad += reactive_differ("data of the machine", "its stream", "another", NULL);
    bad +=
        reactive_differ_number("data segments", a.data, b.data,
                               "the sender chooses the segment boundaries (RFC 9293 section 3.8)");
    if (b.largest > mss)
        bad += reactive_differ_number("its largest segment", a.largest, b.largest, NULL);
    bad += reactive_differ_number(
        "pure ACKs", a.acks, b.acks,
        "the receiver chooses when to acknowledge (RFC 9293 section 3.8.6.3)");
    bad += reactive_differ_number("retransmitted segments", a.again, b.again,
                                  "depends on its timer and the faults (RFC 6298)");
    bad += reactive_differ(
        "the end", reactive_tcp_close_words(was, peer_was), reactive_tcp_close_words(own, peer),
        own->rst && !(own->fin && peer->fin) ? NULL
                                             : "a program closes after it has read to the end");
    return bad;
}

/* Compare the streams: 1 when they differ. */
static unsigned reactive_tcp_delivered(const struct reactive *r)
{
    const struct flow_side *peer = import_peer(r->im);
    char was[65], is[65];
    bool same =
        r->read_len == peer->len && (!peer->len || !memcmp(r->read, peer->bytes, peer->len));

    sha256_text(peer->bytes, peer->len, was);
    sha256_text(r->read_len ? r->read : peer->bytes, r->read_len, is);
    printf("captured  %zu bytes sha256=%s\n", peer->len, was);
    printf("delivered %zu bytes sha256=%s%s\n", r->read_len, is,
           same ? " the same" : " NOT THE SAME");
    return !same;
}

static const struct flow *reactive_tcp_flow_of_run(const struct flows *all)
{
    const struct flow *most = NULL;

    for (size_t i = 0; i < all->count; i++) {
        const struct flow *f = &all->flows[i];

        if (!most || f->sides[0].len + f->sides[1].len > most->sides[0].len + most->sides[1].len)
            most = f;
    }
    return most;
}

static int reactive_tcp_report(void *ctx, const struct run_result *run)
{
    struct reactive *r = ctx;
    const struct import *im = r->im;
    const struct flow *f;
    struct flows flows;
    unsigned bad = 0;

    printf("%s: flow %zu of %zu, the core is the %s (%s)\n", value_shown(r->settings->path),
           im->number, import_total(im), im->own == CLIENT ? "client" : "server",
           im->webget ? "webget" : "talk");
    import_notes(im, stdout, "  imported: ");
    capture_flows(&flows, &r->frames.capture);
    f = reactive_tcp_flow_of_run(&flows);
    if (f)
        bad += reactive_tcp_departures(im, &f->sides[im->own], &f->sides[!im->own]);
    else
        printf("  differs  no connection was opened; NOT ALLOWED\n");
    bad += reactive_tcp_delivered(r) + !f;
    capture_flows_free(&flows);
    reactive_frames_free(&r->frames);
    free(r->read);
    return reactive_verdict(run, bad);
}

static int reactive_tcp_replay(void *im, const struct replay_settings *s, const struct scenario *sc)
{
    struct reactive r = {.im = im, .settings = s};
    struct run_options ro = {
        .on_read = reactive_tcp_on_read, .on_flight = reactive_tcp_on_flight, .ctx = &r};

    return reactive_run(sc, s, &ro, reactive_tcp_report);
}

const struct reactive_kind reactive_tcp = {
    .text = reactive_tcp_text, .written = reactive_tcp_written, .replay = reactive_tcp_replay};
