/* Segments as bytes, and as text: see segment.h. RFC 9293 section 3.1, RFC 7323, RFC 2018. */
#include "segment.h"
#include "../base/bytes.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { IP_LEN = 20, TCP_LEN = 20, ICMP_LEN = 8, PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, TTL = 64 };

/* ---- options ---- */

static unsigned segment_option_len(const struct pkt_option *o)
{
    switch ((enum pkt_option_kind)o->kind) {
    case PKT_OPTION_EOL:
    case PKT_OPTION_NOP:
        return 1;
    case PKT_OPTION_MSS:
        return 4;
    case PKT_OPTION_WSCALE:
        return 3;
    case PKT_OPTION_SACK_OK:
        return 2;
    case PKT_OPTION_SACK:
        return 2 + 4u * o->count;
    case PKT_OPTION_TS:
        return 10;
    }
    return 0;
}

unsigned pkt_options_len(const struct pkt_options *o)
{
    unsigned len = 0;

    for (unsigned i = 0; i < o->count; i++)
        len += segment_option_len(&o->option[i]);
    return len;
}

static void segment_write_options(uint8_t *at, const struct pkt_options *o)
{
    for (unsigned i = 0; i < o->count; i++) {
        const struct pkt_option *p = &o->option[i];
        unsigned len = segment_option_len(p);

        at[0] = p->kind;
        if (len > 1)
            at[1] = (uint8_t)len;
        if (p->kind == PKT_OPTION_MSS)
            put16(at + 2, p->number[0]);
        else if (p->kind == PKT_OPTION_WSCALE)
            at[2] = (uint8_t)p->number[0];
        else
            for (unsigned n = 0; n < p->count; n++)
                put32(at + 2 + 4 * n, p->number[n]);
        at += len;
    }
}

/* One option at `at`, of `len` bytes. False: no known one has this length. */
static bool segment_read_option(const uint8_t *at, unsigned len, struct pkt_option *o)
{
    *o = (struct pkt_option){.kind = at[0]};
    switch ((enum pkt_option_kind)at[0]) {
    case PKT_OPTION_EOL:
    case PKT_OPTION_NOP:
        return true;
    case PKT_OPTION_MSS:
        o->number[o->count++] = len == 4 ? get16(at + 2) : 0;
        return len == 4;
    case PKT_OPTION_WSCALE:
        o->number[o->count++] = len == 3 ? at[2] : 0;
        return len == 3;
    case PKT_OPTION_SACK_OK:
        return len == 2;
    case PKT_OPTION_SACK:
    case PKT_OPTION_TS:
        while (o->count < 2 * PKT_SACK_MAX && 2 + 4u * (o->count + 1) <= len) {
            o->number[o->count] = get32(at + 2 + 4 * o->count);
            o->count++;
        }
        return len == segment_option_len(o) && (o->kind == PKT_OPTION_TS ? len == 10 : len > 2);
    }
    return false;
}

static bool segment_read_options(const uint8_t *at, unsigned len, struct pkt_options *o)
{
    for (unsigned i = 0, size; i < len; i += size) {
        size = at[i] <= PKT_OPTION_NOP ? 1 : i + 1 < len ? at[i + 1] : 0;
        if (!size || i + size > len || !segment_read_option(at + i, size, &o->option[o->count++]))
            return false;
    }
    return true;
}

static bool segment_same_options(const struct pkt_options *a, const struct pkt_options *b)
{
    if (a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++) {
        const struct pkt_option *p = &a->option[i], *q = &b->option[i];

        if (p->kind != q->kind || p->count != q->count ||
            memcmp(p->number, q->number, p->count * sizeof(p->number[0])))
            return false;
    }
    return true;
}

/* ---- bytes ---- */

static void segment_ip(uint8_t *ip, uint32_t src, uint32_t dst, uint8_t protocol, size_t len)
{
    memset(ip, 0, IP_LEN);
    ip[0] = 0x45;
    put16(ip + 2, (unsigned)(IP_LEN + len));
    ip[8] = TTL;
    ip[9] = protocol;
    put32(ip + 12, src);
    put32(ip + 16, dst);
    put16(ip + 10, ~decode_sum(0, ip, IP_LEN) & 0xffff);
}

bool pkt_segment_fits(const struct pkt_segment *g, unsigned mtu)
{
    return IP_LEN + TCP_LEN + pkt_options_len(&g->options) + g->len <= mtu;
}

size_t pkt_segment_build(uint8_t frame[PKT_FRAME_MAX], const struct pkt_ends *ends,
                         const struct pkt_segment *g, const uint8_t *data)
{
    uint8_t *ip = frame + PKT_LINK_LEN, *tcp = ip + IP_LEN, pseudo[12];
    unsigned header = TCP_LEN + pkt_options_len(&g->options);
    size_t len = header + g->len;

    memset(frame, 0, PKT_LINK_LEN);
    segment_ip(ip, ends->src, ends->dst, PROTOCOL_TCP, len);
    memset(tcp, 0, header);
    put16(tcp, ends->src_port);
    put16(tcp + 2, ends->dst_port);
    put32(tcp + 4, g->seq);
    put32(tcp + 8, g->ack);
    tcp[12] = (uint8_t)(header / 4 << 4);
    tcp[13] = g->flags;
    put16(tcp + 14, g->window);
    put16(tcp + 18, g->urgent);
    segment_write_options(tcp + TCP_LEN, &g->options);
    if (g->len)
        memcpy(tcp + header, data, g->len);
    memcpy(pseudo, ip + 12, 8);
    pseudo[8] = 0;
    pseudo[9] = PROTOCOL_TCP;
    put16(pseudo + 10, (unsigned)len);
    put16(tcp + 16, ~decode_sum(decode_sum(0, pseudo, sizeof(pseudo)), tcp, len) & 0xffff);
    return PKT_LINK_LEN + IP_LEN + len;
}

size_t pkt_icmp_build(uint8_t frame[PKT_FRAME_MAX], const struct pkt_ends *quoted,
                      const struct pkt_icmp *icmp, uint32_t seq)
{
    uint8_t *ip = frame + PKT_LINK_LEN, *at = ip + IP_LEN, *quote = at + ICMP_LEN;
    size_t len = ICMP_LEN + IP_LEN + 8;

    memset(frame, 0, PKT_LINK_LEN + IP_LEN + len);
    segment_ip(quote, quoted->src, quoted->dst, PROTOCOL_TCP, TCP_LEN + icmp->len);
    put16(quote + IP_LEN, quoted->src_port);
    put16(quote + IP_LEN + 2, quoted->dst_port);
    put32(quote + IP_LEN + 4, seq);
    segment_ip(ip, quoted->dst, quoted->src, PROTOCOL_ICMP, len);
    at[0] = icmp->type;
    at[1] = icmp->code;
    put16(at + 6, icmp->mtu);
    put16(at + 2, ~decode_sum(0, at, len) & 0xffff);
    return PKT_LINK_LEN + IP_LEN + len;
}

bool pkt_segment_read(const uint8_t *frame, const struct decoded *d, struct pkt_segment *out)
{
    const uint8_t *tcp = frame + PKT_LINK_LEN + d->ip_header_len;

    *out = (struct pkt_segment){
        .from = d->src_port,
        .to = d->dst_port,
        .flags = tcp[13], /* all eight: the decoder leaves out ECE and CWR */
        .seq = d->tcp_seq,
        .len = (uint32_t)d->payload_len,
        .has_ack = tcp[13] & SEG_ACK,
        .ack = d->tcp_ack,
        .has_window = PKT_WINDOW_EXACT,
        .window = d->tcp_window,
        .urgent = get16(tcp + 18),
    };
    return segment_read_options(tcp + TCP_LEN, d->tcp_header_len - (unsigned)TCP_LEN,
                                &out->options);
}

const char *pkt_segment_differs(const struct pkt_segment *expected, const struct pkt_segment *came)
{
    if (expected->flags != came->flags)
        return "the flags";
    if (expected->seq != came->seq)
        return "the sequence number";
    if (expected->len != came->len)
        return "the length";
    if (expected->has_ack && expected->ack != came->ack)
        return "the acknowledgment number";
    if (expected->has_window == PKT_WINDOW_EXACT && expected->window != came->window)
        return "the window";
    if (expected->has_window == PKT_WINDOW_LEAST && expected->window > came->window)
        return "the window";
    if (expected->urgent != came->urgent)
        return "the urgent pointer";
    if (!expected->options.any && !segment_same_options(&expected->options, &came->options))
        return "the options";
    return NULL;
}

/* ---- text ---- */

struct text {
    char *buf;
    size_t size, used;
};

static void segment_put(struct text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void segment_put(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->buf + t->used, t->size - t->used, format, args);
    va_end(args);
    if (n > 0)
        t->used += (size_t)n < t->size - t->used ? (size_t)n : t->size - t->used - 1;
}

static void segment_put_option(struct text *t, const struct pkt_option *o)
{
    switch ((enum pkt_option_kind)o->kind) {
    case PKT_OPTION_EOL:
        segment_put(t, "eol");
        return;
    case PKT_OPTION_NOP:
        segment_put(t, "nop");
        return;
    case PKT_OPTION_MSS:
        segment_put(t, "mss %u", o->number[0]);
        return;
    case PKT_OPTION_WSCALE:
        segment_put(t, "wscale %u", o->number[0]);
        return;
    case PKT_OPTION_SACK_OK:
        segment_put(t, "sackOK");
        return;
    case PKT_OPTION_SACK:
        segment_put(t, "sack");
        for (unsigned i = 0; i + 1 < o->count; i += 2)
            segment_put(t, " %u:%u", o->number[i], o->number[i + 1]);
        return;
    case PKT_OPTION_TS:
        segment_put(t, "TS val %u ecr %u", o->number[0], o->number[1]);
        return;
    }
}

static void segment_put_flags(struct text *t, uint8_t flags)
{
    static const char letters[] = "FSRP.UEW";

    for (unsigned i = 0; i < 8; i++)
        if ((flags & 1u << i) && letters[i] != '.')
            segment_put(t, "%c", letters[i]);
    segment_put(t, flags & SEG_ACK ? "." : flags ? "" : "-");
}

const char *pkt_segment_text(const struct pkt_segment *g, bool inject, char *buf, size_t size)
{
    struct text t = {buf, size, 0};

    segment_put(&t, inject ? "< " : "> ");
    if (g->from)
        segment_put(&t, "%u > %u ", g->from, g->to);
    segment_put_flags(&t, g->flags);
    segment_put(&t, " %u:%u(%u)", g->seq, g->seq + g->len, g->len);
    if (g->has_ack)
        segment_put(&t, " ack %u", g->ack);
    if (g->has_window != PKT_WINDOW_ANY)
        segment_put(&t, " win %s%u", g->has_window == PKT_WINDOW_LEAST ? ">= " : "", g->window);
    if (g->urgent)
        segment_put(&t, " urg %u", g->urgent);
    if (g->options.any) {
        segment_put(&t, " <...>");
        return buf;
    }
    for (unsigned i = 0; i < g->options.count; i++) {
        segment_put(&t, i ? "," : " <");
        segment_put_option(&t, &g->options.option[i]);
    }
    segment_put(&t, g->options.count ? ">" : "");
    return buf;
}
