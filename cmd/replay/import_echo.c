/* Converts captured pings to a scenario: see import_echo.h. */
#include "import_echo.h"
#include "../../core/base/minmax.h"
#include "../../sim/frame/decode.h"
#include "../../sim/base/memory.h"
#include "../../sim/text/values.h"
#include "../../sim/engine/sim.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOOK_BACK = 256,       /* frames back in which a reply's request is searched */
    ECHOES_MAX = 500,      /* lines of a scenario */
    BYTES_MAX = 200 << 10, /* bytes that they send */
    PAYLOAD_MAX = 1472     /* of a frame of 1514 bytes */
};

#define BEGIN_NS   (2 * NS_PER_S) /* the machine has its address by then */
#define SPAN_NS    (86400 * NS_PER_S)
#define PATIENCE_S 130 /* of the peer for the last one */
#define LIMIT_S    900

/* ---- reading ---- */

static void echo_import_add(struct echo_import *im, struct echo e)
{
    e.flow = im->flows;
    for (size_t i = im->count, steps = 0; i-- > 0 && steps++ < LOOK_BACK && e.flow == im->flows;)
        if (im->echoes[i].from == e.from && im->echoes[i].to == e.to && im->echoes[i].id == e.id)
            e.flow = im->echoes[i].flow;
    im->flows += e.flow == im->flows;
    im->echoes = memory_grow(im->echoes, im->count + 1, &im->size, sizeof(e));
    im->echoes[im->count++] = e;
}

static void echo_import_reply(struct echo_import *im, const struct decoded *d)
{
    for (size_t i = im->count, steps = 0; i-- > 0 && steps++ < LOOK_BACK;) {
        struct echo *e = &im->echoes[i];

        if (e->replied || e->from != d->ip_dst || e->to != d->ip_src || e->id != d->icmp_id ||
            e->seq != d->icmp_seq)
            continue;
        e->replied = true;
        e->same = e->len == d->payload_len && memcmp(e->bytes, d->payload, e->len) == 0;
        return;
    }
}

static void echo_import_read_frames(struct echo_import *im, const struct capture *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct capture_frame *f = &c->frames[i];
        struct decoded d;

        decode_frame(f->bytes, f->len, &d);
        if (f->lost || f->damaged || d.layer != LAYER_ICMP || d.error || d.eth_dst[0] & 1 ||
            d.payload_len > PAYLOAD_MAX)
            continue;
        if (d.icmp_type == 8)
            echo_import_add(im, (struct echo){.time_ns = f->time_ns,
                                              .from = d.ip_src,
                                              .to = d.ip_dst,
                                              .id = d.icmp_id,
                                              .seq = d.icmp_seq,
                                              .bytes = d.payload,
                                              .len = d.payload_len});
        if (d.icmp_type == 0)
            echo_import_reply(im, &d);
    }
}

static size_t echo_import_requests_of(const struct echo_import *im, size_t flow)
{
    size_t n = 0;

    for (size_t i = 0; i < im->count; i++)
        n += im->echoes[i].flow == flow;
    return n;
}

void echo_import_open(struct echo_import *im, const struct capture *c)
{
    *im = (struct echo_import){0};
    echo_import_read_frames(im, c);
}

bool echo_import_choose(struct echo_import *im, const struct import_wish *wish, size_t before,
                        bool nothing_else)
{
    im->name = wish->name;
    im->total = before + im->flows;
    im->number = wish->flow;
    if (!wish->flow && nothing_else && im->flows)
        im->number = before + 1;
    if (im->number <= before || im->number > im->total)
        return false;
    im->flow = im->number - before - 1;
    return true;
}

void echo_import_close(struct echo_import *im)
{
    free(im->echoes);
}

struct echo_counts echo_counts_of(const struct echo_import *im)
{
    struct echo_counts n = {.requests = echo_import_requests_of(im, im->flow)};

    for (size_t i = 0; i < im->count; i++) {
        n.replies += im->echoes[i].flow == im->flow && im->echoes[i].replied;
        n.same += im->echoes[i].flow == im->flow && im->echoes[i].same;
    }
    return n;
}

/* ---- the scenario ---- */

void echo_import_write(const struct echo_import *im, FILE *out)
{
    struct echo_counts n = echo_counts_of(im);
    uint64_t first = 0, at, last = 0;
    size_t lines = 0, bytes = 0;
    char text[32];

    fprintf(out, "format 1\ntitle Imported from ");
    import_put_name(out, im->name);
    fprintf(out, ", flow %zu of %zu\n", im->number, im->total);
    fprintf(out,
            "# The core is the host that is pinged: %zu requests, %zu replies, %zu with the same "
            "bytes.\n",
            n.requests, n.replies, n.same);
    fputs("world native\n", out);
    for (size_t i = 0; i < im->count && lines < ECHOES_MAX; i++) {
        const struct echo *e = &im->echoes[i];
        uint64_t since;

        if (e->flow != im->flow)
            continue;
        bytes += e->len;
        if (bytes > BYTES_MAX)
            break;
        first = lines++ ? first : e->time_ns;
        since = e->time_ns > first ? (e->time_ns - first) / NS_PER_US * NS_PER_US : 0;
        at = BEGIN_NS + min_u64(since, SPAN_NS);
        last = max_u64(at, last);
        fprintf(out, "at %s echo id=%u seq=%u send=", value_duration_text(at, text, sizeof(text)),
                e->id, e->seq);
        import_put_string(out, e->bytes, e->len);
        fputc('\n', out);
    }
    if (lines < n.requests)
        fputs("# The other requests are left out.\n", out);
    if (last / NS_PER_S + PATIENCE_S > LIMIT_S)
        fprintf(out, "limit %" PRIu64 "s\n", last / NS_PER_S + PATIENCE_S);
}
