/*
 * `world native play=CAPTURE`: the server of a capture stands at 10.0.2.2, at its recorded port,
 * and the core is its client. Of the connections of the capture the one in which the server says
 * most is played: its segments with their payloads, lengths, overlaps and order, renumbered to what
 * the core chose. A segment comes when the core has said as much as the captured client had when it
 * was sent; what it said need not be the same. The FIN comes when the core has everything: recorded
 * clients end before they have read all, and this one may be the other way round.
 *
 * What the program reads is kept, and at the end must have the SHA-256 that the scenario names.
 * After RESEND_NS without progress everything is sent again, TRIES times.
 */
#include "native.h"
#include "memory.h"
#include "sha256.h"
#include <stdlib.h>
#include <string.h>

enum { TRIES = 10, READ_MAX = 16 << 20 };

#define RESEND_NS NS_PER_S

struct segment {
    uint32_t offset; /* of its first byte in the server's stream */
    uint32_t after;  /* bytes of the client that the server had seen */
    const uint8_t *bytes;
    uint32_t len;
};

struct native_play {
    struct segment *segments;
    size_t count, size, next;
    uint32_t stream_len; /* of the server */
    uint16_t port;       /* of the server */

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

/* A connection of the capture, from its server's side. */
struct side {
    uint32_t server, client;
    uint16_t server_port, client_port;
    uint32_t server_iss, client_iss;
    bool server_known, client_known; /* their SYNs were seen */
};

static bool is_of(const struct side *s, const struct decoded *d, bool server)
{
    uint32_t from = server ? s->server : s->client, to = server ? s->client : s->server;
    uint16_t src = server ? s->server_port : s->client_port;
    uint16_t dst = server ? s->client_port : s->server_port;

    return d->ip_src == from && d->ip_dst == to && d->src_port == src && d->dst_port == dst;
}

/* Is frame i a segment? Checksums are not looked at, which decode_frame() would do: many captures
 * are made where a card is still to fill them in. */
static bool decode_segment(const struct capture *c, size_t i, struct decoded *d)
{
    const struct capture_frame *f = &c->frames[i];
    const uint8_t *ip = f->bytes + 14, *tcp;
    size_t header, offset, total;

    *d = (struct decoded){0};
    if (f->len < 34 || get16(f->bytes + 12) != 0x0800 || ip[0] >> 4 != 4 || (ip[0] & 15) < 5 ||
        ip[9] != 6 || (get16(ip + 6) & 0x3fff))
        return false;
    header = (ip[0] & 15u) * 4;
    total = get16(ip + 2);
    if (total < header + 20 || 14 + total > f->len)
        return false;
    tcp = ip + header;
    offset = (tcp[12] >> 4) * 4u;
    if (offset < 20 || header + offset > total)
        return false;
    d->ip_src = get32(ip + 12);
    d->ip_dst = get32(ip + 16);
    d->src_port = get16(tcp);
    d->dst_port = get16(tcp + 2);
    d->tcp_seq = get32(tcp + 4);
    d->tcp_ack = get32(tcp + 8);
    d->tcp_flags = tcp[13];
    d->payload = tcp + offset;
    d->payload_len = total - header - offset;
    return true;
}

static void add(struct native_play *p, const struct side *s, const struct decoded *d)
{
    uint32_t offset = d->tcp_seq - (s->server_iss + 1), len = (uint32_t)d->payload_len;
    uint32_t after = s->client_known ? d->tcp_ack - (s->client_iss + 1) : 0;

    if (offset > INT32_MAX || d->tcp_flags & SEG_SYN)
        return;
    p->segments = memory_grow(p->segments, p->count + 1, &p->size, sizeof(*p->segments));
    p->segments[p->count++] = (struct segment){
        .offset = offset, .after = after < INT32_MAX ? after : 0, .bytes = d->payload, .len = len};
    if (offset + len > p->stream_len)
        p->stream_len = offset + len;
}

/* Take up what the server of the connection `s` says. */
static void collect(struct native_play *p, const struct capture *c, struct side *s)
{
    struct decoded d;

    for (size_t i = 0; i < c->count; i++) {
        if (!decode_segment(c, i, &d))
            continue;
        if (is_of(s, &d, false) && d.tcp_flags & SEG_SYN && !p->count) {
            s->client_iss = d.tcp_seq;
            s->client_known = true;
        }
        if (!is_of(s, &d, true))
            continue;
        if (d.tcp_flags & SEG_SYN && !p->count) {
            s->server_iss = d.tcp_seq;
            s->server_known = true;
        } else if (d.payload_len && !s->server_known) { /* it was open before the capture began */
            s->server_iss = d.tcp_seq - 1;
            s->server_known = true;
        }
        if (d.payload_len)
            add(p, s, &d);
    }
}

/* Of a segment with payload: its sender as a server. The one that sent the SYN is the client,
 * without a SYN the one with the higher port. */
static struct side side_of(const struct capture *c, const struct decoded *d)
{
    struct side s = {.server = d->ip_src,
                     .client = d->ip_dst,
                     .server_port = d->src_port,
                     .client_port = d->dst_port};
    struct decoded e;

    for (size_t i = 0; i < c->count; i++) {
        if (!decode_segment(c, i, &e) || (e.tcp_flags & (SEG_SYN | SEG_ACK)) != SEG_SYN)
            continue;
        if (is_of(&s, &e, true))
            s.server = 0; /* it is the client */
        if (is_of(&s, &e, false))
            return s;
    }
    if (s.server_port > s.client_port)
        s.server = 0;
    return s;
}

static struct native_play *play_new(const struct capture *c)
{
    struct native_play *best = NULL;
    struct decoded d;

    for (size_t i = 0; i < c->count; i++) {
        struct native_play *p;
        struct side s;

        if (!decode_segment(c, i, &d) || !d.payload_len)
            continue;
        s = side_of(c, &d);
        if (!s.server ||
            (best && best->port == s.server_port && best->machine_port == s.client_port))
            continue;
        p = memory_new(1, sizeof(*p));
        *p = (struct native_play){.port = s.server_port, .machine_port = s.client_port};
        collect(p, c, &s);
        if (best && best->stream_len >= p->stream_len) {
            free(p->segments);
            free(p);
            continue;
        }
        if (best)
            free(best->segments);
        free(best);
        best = p;
    }
    return best;
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
    put16(t, p->port);
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

/* One captured segment: larger ones, which a card put together, in parts. */
static void send_captured(struct world *w, const struct segment *s)
{
    for (uint32_t at = 0; at < s->len;) {
        uint32_t len = s->len - at < NATIVE_MSS ? s->len - at : NATIVE_MSS;

        send_segment(w, s->offset + at, SEG_PSH, s->bytes + at, len);
        at += len;
    }
}

static void go_on(struct world *w)
{
    struct native_play *p = w->play;
    static const uint8_t none[1];

    /* A client that said less than the captured one and ended will not say more. */
    while (p->next < p->count && (p->segments[p->next].after <= p->got || p->fin_got))
        send_captured(w, &p->segments[p->next++]);
    if (p->next == p->count && p->acked >= p->stream_len && !p->closing) {
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
        send_captured(w, &p->segments[i]);
    p->closing = false;
    go_on(w);
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

    if (d->ip_dst != NATIVE_GATEWAY || d->dst_port != p->port)
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
    go_on(w);
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
                 "%s has no TCP connection in which a server says anything",
                 w->scenario->native.play);
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
    free(p->segments);
    free(p);
}
