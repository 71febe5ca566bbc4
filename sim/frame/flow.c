/* The TCP connections of a capture: see flow.h. */
#include "flow.h"
#include "decode.h"
#include "../../core/base/minmax.h"
#include "../base/memory.h"
#include <stdlib.h>
#include <string.h>

enum {
    ETH_HEADER = 14,
    TCP_FIXED = 20,
    SCALE_MAX = 14,
    TAG_LEN = 4, /* IEEE 802.1Q: a type and 16 bits of tag, before the frame's own type */
    TYPE_TAG = 0x8100,
    TYPE_OUTER_TAG = 0x88a8,
};

/* ---- which flow ---- */

static bool is_side(const struct flow_side *s, uint32_t addr, uint16_t port)
{
    return s->addr == addr && s->port == port;
}

/* A SYN with another sequence number: the ports are reused. */
static bool is_another(const struct flow *f, unsigned from, const struct decoded *d)
{
    const struct flow_side *s = &f->sides[from];

    return d->tcp_flags & SEG_SYN && s->known && (!s->syns || s->iss != d->tcp_seq);
}

/* The same for both directions. */
static uint64_t flow_hash_of(const struct decoded *d)
{
    uint64_t x = (uint64_t)d->ip_src << 16 | d->src_port;
    uint64_t y = (uint64_t)d->ip_dst << 16 | d->dst_port;

    return (x ^ y) * UINT64_C(0x9e3779b97f4a7c15) + (x + y) * UINT64_C(0xc2b2ae3d27d4eb4f);
}

static struct flow *flow_new(struct flows *all, const struct decoded *d, size_t number)
{
    bool syn = (d->tcp_flags & (SEG_SYN | SEG_ACK)) == SEG_SYN;
    bool answer = d->tcp_flags & SEG_SYN && !syn;
    /* The sender of the SYN is the client; in a flow without its start, the end with the higher
     * port. */
    unsigned from = syn ? CLIENT : answer ? SERVER : d->src_port >= d->dst_port ? CLIENT : SERVER;
    struct flow f = {.first_frame = number, .begun = syn || answer};

    f.sides[from].addr = d->ip_src;
    f.sides[from].port = d->src_port;
    f.sides[!from].addr = d->ip_dst;
    f.sides[!from].port = d->dst_port;
    all->flows = memory_grow(all->flows, all->count + 1, &all->size, sizeof(f));
    all->flows[all->count++] = f;
    chains_add(&all->by_ends, flow_hash_of(d));
    return &all->flows[all->count - 1];
}

/* The side that sent it, of the last flow between these two ends; NULL when there is none. */
static struct flow *flow_lookup(struct flows *all, const struct decoded *d, unsigned *from)
{
    size_t i = chains_first(&all->by_ends, flow_hash_of(d));

    for (; i; i = chains_next(&all->by_ends, i - 1))
        for (*from = 0; *from < SIDES; ++*from) {
            struct flow *f = &all->flows[i - 1];

            if (is_side(&f->sides[*from], d->ip_src, d->src_port) &&
                is_side(&f->sides[!*from], d->ip_dst, d->dst_port))
                return f;
        }
    return NULL;
}

static struct flow *flow_of(struct flows *all, const struct decoded *d, size_t number,
                            unsigned *from)
{
    struct flow *f = flow_lookup(all, d, from);

    if (f && !is_another(f, *from, d))
        return f;
    f = flow_new(all, d, number);
    *from = is_side(&f->sides[CLIENT], d->ip_src, d->src_port) ? CLIENT : SERVER;
    return f;
}

/* ---- segments ---- */

static void flow_read_options(struct flow_side *s, const uint8_t *option, size_t len)
{
    enum { END, NOP, MSS, SCALE, SACK, STAMPS = 8 };

    for (size_t i = 0; i < len && option[i] != END;) {
        size_t n = option[i] == NOP ? 1 : i + 1 < len ? option[i + 1] : 0;

        if (n == 0 || n > len - i || (n < 2 && option[i] != NOP))
            return;
        if (option[i] == MSS && n == 4)
            s->mss = (unsigned)(option[i + 2] << 8 | option[i + 3]);
        if (option[i] == SCALE && n == 3) {
            s->scaled = true;
            s->scale = min_u32(option[i + 2], SCALE_MAX);
        }
        s->sack |= option[i] == SACK;
        s->stamps |= option[i] == STAMPS;
        i += n;
    }
}

static void flow_add_syn(struct flow_side *s, const struct decoded *d,
                         const struct capture_frame *f)
{
    if (!s->syns) {
        s->known = true;
        s->iss = d->tcp_seq;
        s->syn_ns = f->time_ns;
        flow_read_options(s, d->payload - (d->tcp_header_len - TCP_FIXED),
                          (size_t)d->tcp_header_len - TCP_FIXED);
    }
    s->syns++;
    s->syns_lost += f->lost;
}

/* How much of the other side's stream a segment acknowledges. At most what came before it: with
 * holes in the capture the two sides would wait for each other. */
static uint32_t acked(const struct flow_side *other, const struct decoded *d)
{
    uint32_t ack = d->tcp_ack - other->iss - 1;

    if ((d->tcp_flags & (SEG_ACK | SEG_RST)) == SEG_RST)
        return other->seen; /* no ACK field: it follows what was received */
    if (!(d->tcp_flags & SEG_ACK) || !other->known || ack >= UINT32_C(1) << 31)
        return 0;
    return min_u32(ack, other->seen);
}

/* True if the segment extends the stream. */
static bool further(struct flow_side *s, const struct flow_segment *g)
{
    uint32_t end = g->offset + g->len + (g->flags & SEG_FIN ? 1 : 0);

    s->highest = max_u32(end, s->highest);
    if (g->offset > s->seen || end <= s->seen)
        return false;
    s->seen = end;
    return true;
}

/* After a new segment, extend the contiguous part of the stream. Reordered segments may follow it;
 * their number is limited, as a capture may be long. */
static void see(struct flow_side *s)
{
    enum { OVERTAKING = 256 };
    size_t first = s->segment_count > OVERTAKING ? s->segment_count - OVERTAKING : 0;
    bool moved = further(s, &s->segments[s->segment_count - 1]);

    while (moved && s->highest > s->seen) {
        moved = false;
        for (size_t i = first; i < s->segment_count; i++)
            moved |= further(s, &s->segments[i]);
    }
}

static void add_end(struct flow_side *s, const struct flow_segment *g)
{
    if (g->flags & SEG_FIN && !s->fin) {
        s->fin = true;
        s->fin_at = g->offset + g->len;
        s->fin_ack = g->ack;
        s->fin_ns = g->time_ns;
    }
    if (g->flags & SEG_RST && !s->rst) {
        s->rst = true;
        s->rst_ack = g->ack;
        s->rst_ns = g->time_ns;
    }
}

static void flow_add_segment(struct flow *f, unsigned from, const struct decoded *d,
                             const struct capture_frame *frame, size_t number)
{
    struct flow_side *s = &f->sides[from];
    bool scales = f->sides[CLIENT].scaled && f->sides[SERVER].scaled;
    uint32_t window = (uint32_t)d->tcp_window
                      << (scales && !(d->tcp_flags & SEG_SYN) ? s->scale : 0);
    struct flow_segment g = {.frame = number,
                             .time_ns = frame->time_ns,
                             .len = (uint32_t)d->payload_len,
                             .bytes = d->payload,
                             .flags = d->tcp_flags,
                             .lost = frame->lost};

    s->window = max_u32(window, s->window);
    if (d->tcp_flags & SEG_SYN) {
        flow_add_syn(s, d, frame);
        return; /* data in it, if any, is retransmitted if it is not acknowledged */
    }
    if (!s->known) {
        s->known = true;
        s->iss = d->tcp_seq - 1;
    }
    g.offset = d->tcp_seq - s->iss - 1;
    g.ack = acked(&f->sides[!from], d);
    if (g.offset >= UINT32_C(1) << 31)
        g.flags &= (uint8_t)~SEG_FIN;
    add_end(s, &g);
    if (g.offset >= UINT32_C(1) << 31)
        return; /* a keep-alive, or from before the start */
    s->segments = memory_grow(s->segments, s->segment_count + 1, &s->segment_size, sizeof(g));
    s->segments[s->segment_count++] = g;
    see(s);
}

/* ---- streams ---- */

static int flow_by_offset(const void *a, const void *b)
{
    const struct flow_segment *x = a, *y = b;

    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

/* A segment without new data: true if it repeats the last piece. */
static void again(struct flow_side *s, const struct flow_segment *g)
{
    struct flow_segment *last = s->piece_count ? &s->pieces[s->piece_count - 1] : NULL;

    if (last && g->len && !g->lost && !last->lost && last->offset == g->offset)
        last->twice = true;
}

/* Known bytes that now differ: the first ones count. */
static size_t conflicts(const struct flow_side *s, const struct flow_segment *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->len && g->offset + i < s->len; i++)
        n += g->bytes[i] != s->bytes[g->offset + i];
    return n;
}

/* Put the stream together, up to its first gap. */
static void flow_join(struct flow_side *s)
{
    size_t total = 0;

    s->pieces = memory_new(s->segment_count, sizeof(*s->pieces));
    if (s->segment_count)
        memcpy(s->pieces, s->segments, s->segment_count * sizeof(*s->pieces));
    qsort(s->pieces, s->segment_count, sizeof(*s->pieces), flow_by_offset);
    for (size_t i = 0; i < s->segment_count; i++)
        total += s->segments[i].len;
    s->bytes = memory_new(total, 1);
    for (size_t i = 0; i < s->segment_count; i++) {
        struct flow_segment g = s->pieces[i];

        s->conflicts += conflicts(s, &g);
        if (g.len && g.offset > s->len)
            s->gap = true;
        if (!g.len || s->gap || g.offset + (size_t)g.len <= s->len) {
            again(s, &g);
            continue;
        }
        g.bytes += s->len - g.offset;
        g.len -= (uint32_t)(s->len - g.offset);
        g.offset = (uint32_t)s->len;
        memcpy(s->bytes + s->len, g.bytes, g.len);
        s->len += g.len;
        s->pieces[s->piece_count++] = g;
    }
    s->gap |= s->fin && s->fin_at > s->len;
}

/* ---- the whole ---- */

/* The bytes of VLAN tags: an Ethernet header read at this offset has the right type, and its
 * addresses are not used. */
static size_t tags_len(const struct capture_frame *f)
{
    size_t n = 0;

    while (n + ETH_HEADER + TAG_LEN <= f->len) {
        unsigned type = f->bytes[n + 12] << 8 | f->bytes[n + 13];

        if (type != TYPE_TAG && type != TYPE_OUTER_TAG)
            break;
        n += TAG_LEN;
    }
    return n;
}

void capture_flows(struct flows *f, const struct capture *c)
{
    *f = (struct flows){0};
    for (size_t i = 0; i < c->count; i++) {
        const struct capture_frame *frame = &c->frames[i];
        size_t tags = tags_len(frame);
        struct decoded d;
        struct flow *flow;
        unsigned from = CLIENT;

        if (frame->duplicate || frame->damaged)
            continue;
        decode_frame(frame->bytes + tags, frame->len - tags, &d);
        f->fragments += d.ip_fragment;
        if (d.layer != LAYER_TCP || !d.payload || d.ip_fragment || d.tcp_header_len < TCP_FIXED ||
            !d.src_port || !d.dst_port || /* no port: RFC 6335 section 6 */
            d.payload != frame->bytes + tags + ETH_HEADER + d.ip_header_len + d.tcp_header_len ||
            (d.error && strcmp(d.error, "ip.checksum") && strcmp(d.error, "tcp.checksum")))
            continue;
        flow = flow_of(f, &d, i + 1, &from);
        flow->bad_sums += d.error != NULL;
        flow_add_segment(flow, from, &d, frame, i + 1);
    }
    for (size_t i = 0; i < f->count; i++)
        for (unsigned side = 0; side < SIDES; side++)
            flow_join(&f->flows[i].sides[side]);
}

void capture_flows_free(struct flows *f)
{
    for (size_t i = 0; i < f->count; i++)
        for (unsigned side = 0; side < SIDES; side++) {
            free(f->flows[i].sides[side].segments);
            free(f->flows[i].sides[side].pieces);
            free(f->flows[i].sides[side].bytes);
        }
    free(f->flows);
    chains_free(&f->by_ends);
    *f = (struct flows){0};
}
