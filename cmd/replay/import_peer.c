/*
 * The peer of an imported scenario, a line for each piece of its stream: after how many bytes of
 * the machine, the pause then, and the fate of the piece on the wire. See import_parts.h.
 */
#include "import_parts.h"
#include "../../core/base/minmax.h"
#include "../../sim/engine/sim.h"
#include "../../sim/text/values.h"
#include <inttypes.h>

#define LATENCY_NS     (200 * NS_PER_US) /* without information in the capture */
#define LATENCY_MAX_NS NS_PER_S
#define LATE_MAX_NS    (200 * NS_PER_MS) /* a gap filled later than this was a loss */

struct playing {
    const struct import *im;
    FILE *out;
    uint64_t latency_ns;
    uint64_t prev_ns; /* time of the peer's previous action */
    uint64_t after;
    size_t own_at; /* of the machine's segments, the one that `after` has reached */
    uint64_t own_end;
    uint64_t heard_ns; /* when the machine's bytes up to `after` had arrived */
    uint64_t waits_ns; /* so far */
};

uint64_t import_latency(const struct import *im)
{
    const struct flow_side *own = import_own(im), *peer = import_peer(im);
    uint64_t ns = LATENCY_NS;

    if (im->own == CLIENT && own->syns == 1 && peer->syns == 1 && peer->syn_ns > own->syn_ns)
        ns = peer->syn_ns - own->syn_ns;
    if (im->own == SERVER && own->syns == 1 && peer->segment_count &&
        peer->segments[0].time_ns > own->syn_ns && !peer->segments[0].len)
        ns = peer->segments[0].time_ns - own->syn_ns;
    ns = min_u64(ns, LATENCY_MAX_NS);
    return ns < NS_PER_US ? NS_PER_US : ns / NS_PER_US * NS_PER_US;
}

/* The number of bytes of the machine before the next line. */
static void import_put_after(struct playing *p, uint64_t ack)
{
    const struct flow_side *own = import_own(p->im);
    uint64_t captured = min_u64(ack, own->len), after = captured;

    if (p->im->webget)
        after = captured ? p->im->said : 0;
    for (; p->own_end < captured && p->own_at < own->segment_count; p->own_at++) {
        const struct flow_segment *g = &own->segments[p->own_at];

        if (g->offset + (uint64_t)g->len <= p->own_end || g->lost)
            continue;
        p->own_end = g->offset + (uint64_t)g->len;
        p->heard_ns = g->time_ns;
    }
    fprintf(p->out, "peer " IMPORT_PEER ":%u", import_peer(p->im)->port);
    if (after <= p->after)
        return;
    p->after = after;
    fprintf(p->out, " after=%" PRIu64, after);
}

static void import_put_duration(FILE *out, const char *key, uint64_t ns)
{
    char text[32];

    if (ns >= NS_PER_US)
        fprintf(out, " %s=%s", key,
                value_duration_text(ns / NS_PER_US * NS_PER_US, text, sizeof(text)));
}

static void import_put_wait(struct playing *p, uint64_t time_ns)
{
    uint64_t from = p->heard_ns ? p->heard_ns + p->latency_ns : 0;

    from = max_u64(from, p->prev_ns);
    if (time_ns > from) {
        uint64_t left = IMPORT_WAITS_NS - p->waits_ns, ns = min_u64(time_ns - from, left);

        p->waits_ns += ns;
        import_put_duration(p->out, "wait", ns);
    }
    p->prev_ns = max_u64(time_ns, p->prev_ns);
}

/* True if the machine requested the piece, with duplicate ACKs after frame `from`. Only those just
 * before the piece are checked: a capture may be long. */
static bool import_asked_again(const struct flow_side *own, const struct flow_segment *piece,
                               size_t from)
{
    enum { LOOK_BACK = 256, DUPLICATES = 3 }; /* RFC 5681 section 3.2 */
    size_t at = 0, end = own->segment_count;
    unsigned n = 0;

    while (at < end) {
        size_t middle = at + (end - at) / 2;

        if (own->segments[middle].frame < piece->frame)
            at = middle + 1;
        else
            end = middle;
    }
    for (unsigned i = 0; i < LOOK_BACK && at-- > 0 && own->segments[at].frame > from; i++)
        n += !own->segments[at].len && own->segments[at].ack == piece->offset;
    return n >= DUPLICATES;
}

/* The first segment that arrived before the piece although it follows it in the stream, or NULL. */
static const struct flow_segment *
import_overtaken_by(const struct flow_side *peer, const struct flow_segment *piece, size_t *from)
{
    for (; *from < peer->segment_count; ++*from) {
        const struct flow_segment *g = &peer->segments[*from];

        if (g->len && !g->lost && g->offset >= piece->offset + piece->len)
            return g->frame < piece->frame ? g : NULL;
    }
    return NULL;
}

/* The faults of a piece: lost, late, twice. True: its time of sending is unknown. */
static bool import_put_way(struct playing *p, const struct flow_segment *piece, size_t *from)
{
    const struct flow_segment *h = import_overtaken_by(import_peer(p->im), piece, from);
    uint64_t late = h && piece->time_ns > h->time_ns ? piece->time_ns - h->time_ns : 0;

    if (piece->lost ||
        (h && (late >= LATE_MAX_NS || import_asked_again(import_own(p->im), piece, h->frame))))
        fputs(" lost", p->out);
    else if (h)
        import_put_duration(p->out, "late", max_u64(late, NS_PER_US));
    if (piece->twice)
        fputs(" twice", p->out);
    return h != NULL;
}

static void import_put_end(struct playing *p)
{
    const struct flow_side *own = import_own(p->im), *peer = import_peer(p->im);
    bool answers = own->fin && peer->fin_ack > own->len && peer->fin_ns >= own->fin_ns;

    if (peer->rst && !peer->fin) {
        uint64_t accepted_ns = p->im->own == SERVER ? p->prev_ns + NS_PER_MS : 0;

        import_put_after(p, peer->rst_ack);
        /* a program gets it only when it has the connection */
        import_put_wait(p, p->after || peer->rst_ns > accepted_ns ? peer->rst_ns : accepted_ns);
        fputs(" reset\n", p->out);
    } else if (peer->fin && !peer->gap && (!answers || (p->im->webget && p->im->web_close))) {
        import_put_after(p, peer->fin_ack);
        if (!answers)
            import_put_wait(p, peer->fin_ns);
        fputs(" close\n", p->out);
    }
}

uint64_t import_put_peer(const struct import *im, FILE *out, const char *side, uint64_t latency_ns)
{
    const struct flow_side *peer = import_peer(im);
    struct playing p = {.im = im, .out = out, .latency_ns = latency_ns};
    size_t from = 0;

    p.prev_ns = peer->syns ? peer->syn_ns + latency_ns : 0;
    if (!peer->syns && peer->segment_count)
        p.prev_ns = peer->segments[0].time_ns;
    for (size_t i = 0; i < peer->piece_count; i++) {
        const struct flow_segment *piece = &peer->pieces[i];

        import_put_after(&p, piece->ack);
        if (!import_put_way(&p, piece, &from))
            import_put_wait(&p, piece->time_ns);
        if (side) {
            fprintf(out, " bytes=%u\n", piece->len);
            continue;
        }
        fputs(" send=", out);
        import_put_string(out, piece->bytes, piece->len);
        fputc('\n', out);
    }
    import_put_end(&p);
    if (p.waits_ns == IMPORT_WAITS_NS)
        fputs("# Pauses are left out once they add up to ten days.\n", out);
    return p.waits_ns;
}
