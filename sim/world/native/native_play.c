/*
 * `world native play=CAPTURE`: plays the server of a capture at 10.0.2.2 and its recorded port,
 * with the core as its client. The connection with the most bytes from the server is played: its
 * segments with their payloads, lengths, overlaps and order, renumbered for the core. A segment is
 * sent when the core has sent as many bytes as the captured client had by then; the bytes may
 * differ. The FIN is sent when the core has received everything, as recorded clients may end before
 * they have read all.
 *
 * The bytes that the program reads are stored, and must have the SHA-256 of the scenario at the
 * end. After RESEND_NS without progress everything is sent again, TRIES times.
 */
#include "../../../core/base/minmax.h"
#include "../../frame/flow.h"
#include "../../base/memory.h"
#include "native.h"
#include "../../base/sha256.h"
#include <stdlib.h>
#include <string.h>

enum { TRIES = 10, READ_MAX = 16 << 20 };

#define RESEND_NS NS_PER_S

struct native_play {
    struct flows flows;             /* of the capture */
    const struct flow_side *server; /* of the connection played */
    bool client_known;              /* the server's ACKs show how much the client had sent */
    size_t next;                    /* of the server's segments */
    uint32_t stream_len;            /* of the server, up to its last byte */

    /* The connection that the core opened. */
    bool open, closing, over;
    uint16_t machine_port;
    uint32_t machine, machine_iss, iss;
    uint32_t got; /* bytes of the core so far, in order */
    bool fin_got;
    uint32_t sent, acked; /* bytes of the stream, FIN counted */
    unsigned tries;
    struct sim_timer timer;

    uint8_t *read; /* by the program */
    size_t read_len, read_size;
};

/* ---- the capture ---- */

/* The length of the stream of a side, gaps included. */
static uint32_t stream_end(const struct flow_side *s)
{
    uint32_t end = 0;

    for (size_t i = 0; i < s->segment_count; i++) {
        const struct flow_segment *g = &s->segments[i];

        if (g->len && g->offset + g->len > end)
            end = g->offset + g->len;
    }
    return end;
}

/* The connection with the most bytes from the server, the first of several; NULL: none has any. */
static const struct flow *native_play_choose(const struct flows *all, uint32_t *end)
{
    const struct flow *best = NULL;

    *end = 0;
    for (size_t i = 0; i < all->count; i++) {
        uint32_t here = stream_end(&all->flows[i].sides[SERVER]);

        if (here > *end) {
            *end = here;
            best = &all->flows[i];
        }
    }
    return best;
}

static struct native_play *play_new(const struct capture *c)
{
    struct native_play *p = memory_new(1, sizeof(*p));
    const struct flow *f;

    capture_flows(&p->flows, c);
    f = native_play_choose(&p->flows, &p->stream_len);
    if (!f) {
        capture_flows_free(&p->flows);
        free(p);
        return NULL;
    }
    p->server = &f->sides[SERVER];
    p->client_known = f->sides[CLIENT].syns;
    return p;
}

/* ---- what is sent ---- */

static void send_segment(struct world *w, uint32_t offset, uint8_t flags, const uint8_t *bytes,
                         uint32_t len)
{
    struct native_play *p = w->play;
    struct native_frame *f = native_frame_new(w);
    uint8_t *t = native_payload(f);
    unsigned header = flags & SEG_SYN ? 24 : 20;

    memset(t, 0, header);
    put16(t, p->server->port);
    put16(t + 2, p->machine_port);
    put32(t + 4, p->iss + (flags & SEG_SYN ? 0 : 1) + offset);
    put32(t + 8, p->machine_iss + 1 + p->got + p->fin_got);
    t[12] = (uint8_t)(header / 4 << 4);
    t[13] = flags | SEG_ACK;
    put16(t + 14, 65535);
    if (flags & SEG_SYN) {
        put16(t + 20, 0x0204);
        put16(t + 22, NATIVE_MSS);
    }
    memcpy(t + header, bytes, len);
    native_ip(f, w->machine_mac, NATIVE_GATEWAY, p->machine, 6, header + len);
    native_send(w, f, 0);
    if (p->sent < offset + len + !!(flags & SEG_FIN))
        p->sent = offset + len + !!(flags & SEG_FIN);
}

/* One captured segment: larger ones, merged by receive offload, are sent in parts. */
static void send_captured(struct world *w, const struct flow_segment *s)
{
    for (uint32_t at = 0; at < s->len;) {
        uint32_t len = min_u32(s->len - at, NATIVE_MSS);

        send_segment(w, s->offset + at, SEG_PSH, s->bytes + at, len);
        at += len;
    }
}

/* True if the next one is due. A client that sent less than the captured one and closed will not
 * send more. */
static bool may_come(const struct native_play *p, const struct flow_segment *s)
{
    return !s->len || !p->client_known || s->ack <= p->got || p->fin_got;
}

static void native_play_go_on(struct world *w)
{
    struct native_play *p = w->play;
    const struct flow_side *s = p->server;
    static const uint8_t none[1];

    while (p->next < s->segment_count && may_come(p, &s->segments[p->next]))
        send_captured(w, &s->segments[p->next++]);
    if (p->next == s->segment_count && p->acked >= p->stream_len && !p->closing) {
        p->closing = true;
        send_segment(w, p->stream_len, SEG_FIN, none, 0);
    }
    sim_timer_set(&p->timer, p->over ? SIM_NEVER : w->sim->now_ns + RESEND_NS);
}

static void resend(void *ctx, uint64_t arg)
{
    struct world *w = ctx;
    struct native_play *p = w->play;

    (void)arg;
    if (++p->tries > TRIES) {
        p->over = true;
        return;
    }
    for (size_t i = 0; i < p->next; i++)
        send_captured(w, &p->server->segments[i]);
    p->closing = false;
    native_play_go_on(w);
}

/* ---- what comes ---- */

static void opened(struct world *w, const struct decoded *d)
{
    struct native_play *p = w->play;
    static const uint8_t none[1];

    if (p->open)
        return;
    p->open = true;
    p->machine = d->ip_src;
    p->machine_port = d->src_port;
    p->machine_iss = d->tcp_seq;
    p->iss = (uint32_t)sim_draw(w->sim, &w->iss);
    send_segment(w, 0, SEG_SYN, none, 0);
    sim_timer_set(&p->timer, w->sim->now_ns + RESEND_NS);
}

void native_play_input(struct world *w, const struct decoded *d)
{
    struct native_play *p = w->play;
    static const uint8_t none[1];
    uint32_t seq;

    if (d->ip_dst != NATIVE_GATEWAY || d->dst_port != p->server->port)
        return;
    if ((d->tcp_flags & (SEG_SYN | SEG_ACK)) == SEG_SYN) {
        opened(w, d);
        return;
    }
    if (!p->open || d->src_port != p->machine_port)
        return;
    if (d->tcp_flags & SEG_RST) {
        p->over = true;
        sim_timer_set(&p->timer, SIM_NEVER);
        return;
    }
    seq = d->tcp_seq - (p->machine_iss + 1);
    if (d->tcp_ack - (p->iss + 1) <= p->stream_len + 1 && d->tcp_ack - (p->iss + 1) > p->acked) {
        p->acked = d->tcp_ack - (p->iss + 1);
        p->tries = 0;
    }
    if (d->payload_len && seq == p->got)
        p->got += (uint32_t)d->payload_len;
    if (d->tcp_flags & SEG_FIN && seq + d->payload_len == p->got)
        p->fin_got = true;
    p->over = p->fin_got && p->acked == p->stream_len + 1;
    native_play_go_on(w);
    if (d->payload_len || d->tcp_flags & SEG_FIN)
        send_segment(w, p->sent, 0, none, 0);
}

void native_play_read(struct world *w, const uint8_t *bytes, size_t len)
{
    struct native_play *p = w->play;

    if (!p || p->read_len + len > READ_MAX)
        return;
    p->read = memory_grow(p->read, p->read_len + len, &p->read_size, 1);
    memcpy(p->read + p->read_len, bytes, len);
    p->read_len += len;
}

/* ---- its life ---- */

void native_play_start(struct world *w)
{
    w->play = play_new(&w->scenario->native.played);
    if (!w->play) {
        sim_fail(w->sim, FAILURE_EXPECT, "play.stream", w->scenario->path,
                 "%s has no TCP connection with data from a server", w->scenario->native.play);
        return;
    }
    sim_timer_init(&w->play->timer, w->sim, EVENT_TIMER, resend, w);
}

bool native_play_busy(const struct world *w)
{
    return w->play && w->play->open && !w->play->over;
}

void native_play_end(struct world *w)
{
    const char *wanted = w->scenario->native.sha256;
    struct native_play *p = w->play;
    char is[65];

    if (!p)
        return;
    sha256_text(p->read, p->read_len, is);
    if (wanted && strcmp(is, wanted))
        sim_fail(w->sim, FAILURE_EXPECT, "play.stream", w->scenario->path,
                 "of the %u bytes in %s the program read %zu, sha256 %s", p->stream_len,
                 w->scenario->native.play, p->read_len, is);
    free(p->read);
    capture_flows_free(&p->flows);
    free(p);
}
