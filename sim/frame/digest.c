/* The contents of a capture without its timing: see digest.h. */
#include "digest.h"
#include "../base/memory.h"
#include "normal.h"
#include <stdlib.h>
#include <string.h>

enum { DHCP_SECS = 8, TCP_FIXED = 20 };

/* ---- messages ---- */

/* FNV-1a. */
static uint64_t digest_hash_of(const uint8_t *bytes, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static bool is_known(const struct message_list *l, uint64_t hash, const uint8_t *bytes, size_t len)
{
    for (size_t i = chains_first(&l->by_bytes, hash); i; i = chains_next(&l->by_bytes, i - 1))
        if (l->messages[i - 1].len == len && memcmp(l->messages[i - 1].bytes, bytes, len) == 0)
            return true;
    return false;
}

static void add_message(struct message_list *l, size_t number, const struct capture_frame *frame,
                        const struct decoded *d)
{
    uint8_t *bytes = memory_new(frame->len, 1);
    size_t len = normal_frame(frame->bytes, frame->len, d, bytes);
    uint64_t hash;

    if (d->layer == LAYER_DHCP) /* the one field that depends on time */
        memset(bytes + (14 + d->ip_header_len + 8) + DHCP_SECS, 0, 2);
    hash = digest_hash_of(bytes, len);
    if (is_known(l, hash, bytes, len)) {
        free(bytes);
        return;
    }
    chains_add(&l->by_bytes, hash);
    l->messages = memory_grow(l->messages, l->count + 1, &l->size, sizeof(*l->messages));
    l->messages[l->count++] = (struct message){number, bytes, len};
}

/* ---- connections ---- */

/* The connection of a segment; a SYN with another sequence number opens a new one. */
static struct connection *connection_of(struct digest *g, const struct decoded *d, enum speaker who,
                                        size_t number)
{
    struct connection key = {.local_port = who == OWN ? d->src_port : d->dst_port,
                             .remote_port = who == OWN ? d->dst_port : d->src_port,
                             .remote = who == OWN ? d->ip_dst : d->ip_src,
                             .first_frame = number};
    uint64_t ends = (uint64_t)key.remote << 32 | (uint32_t)key.remote_port << 16 | key.local_port;
    uint64_t hash = ends * UINT64_C(0x9e3779b97f4a7c15);

    for (size_t i = chains_first(&g->by_ends, hash); i; i = chains_next(&g->by_ends, i - 1)) {
        struct connection *c = &g->connections[i - 1];
        const struct byte_stream *s = &c->streams[who];

        if (c->local_port != key.local_port || c->remote_port != key.remote_port ||
            c->remote != key.remote)
            continue;
        if (d->tcp_flags & SEG_SYN && s->syn_frame && s->iss != d->tcp_seq)
            break;
        return c;
    }
    g->connections = memory_grow(g->connections, g->connection_count + 1, &g->connection_size,
                                 sizeof(*g->connections));
    g->connections[g->connection_count] = key;
    chains_add(&g->by_ends, hash);
    return &g->connections[g->connection_count++];
}

static void digest_add_syn(struct byte_stream *s, const struct decoded *d, size_t number)
{
    const uint8_t *header = d->payload - d->tcp_header_len;
    size_t stamps;

    if (s->syn_frame)
        return;
    s->syn_frame = number;
    s->iss = d->tcp_seq;
    s->options_len = (size_t)d->tcp_header_len - TCP_FIXED;
    memcpy(s->options, header + TCP_FIXED, s->options_len);
    stamps = decode_tcp_option_at(d, header, TCP_OPTION_STAMPS);
    if (stamps) /* they tell the time, as in normal.c */
        memset(s->options + stamps - TCP_FIXED + 2, 0, 8);
}

static void add_piece(struct byte_stream *s, const struct decoded *d, size_t number)
{
    uint32_t offset = d->tcp_seq - s->iss - 1;

    if (!d->payload_len || !s->syn_frame || offset >= UINT32_C(1) << 31)
        return;
    s->pieces = memory_grow(s->pieces, s->piece_count + 1, &s->piece_size, sizeof(*s->pieces));
    s->pieces[s->piece_count++] =
        (struct piece){number, offset, (uint32_t)d->payload_len, d->payload};
}

static void add_close(struct connection *c, char letter, size_t number)
{
    size_t n = strlen(c->close);

    if (strchr(c->close, letter) || (strchr(c->close, 'F') && strchr(c->close, 'f')))
        return; /* after both FINs no reply is needed */
    c->close[n] = letter;
    c->close_frames[n] = number;
}

static void digest_add_segment(struct digest *g, const struct decoded *d, enum speaker who,
                               size_t number)
{
    struct connection *c = connection_of(g, d, who, number);

    if (d->tcp_flags & SEG_SYN)
        digest_add_syn(&c->streams[who], d, number);
    add_piece(&c->streams[who], d, number);
    if (d->tcp_flags & SEG_FIN)
        add_close(c, who == OWN ? 'F' : 'f', number);
    if (d->tcp_flags & SEG_RST)
        add_close(c, who == OWN ? 'R' : 'r', number);
}

/* ---- streams ---- */

static int digest_by_offset(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;

    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

/* Reassemble the stream, up to its first gap. */
static void digest_join(struct byte_stream *s)
{
    size_t total = 0, kept = 0;

    for (size_t i = 0; i < s->piece_count; i++)
        total += s->pieces[i].len;
    s->bytes = memory_new(total, 1);
    if (s->piece_count)
        qsort(s->pieces, s->piece_count, sizeof(*s->pieces), digest_by_offset);
    for (size_t i = 0; i < s->piece_count && s->pieces[i].offset <= s->len; i++) {
        struct piece p = s->pieces[i];
        size_t known = s->len - p.offset;

        if (known >= p.len)
            continue;
        p.offset += (uint32_t)known;
        p.bytes += known;
        p.len -= (uint32_t)known;
        memcpy(s->bytes + s->len, p.bytes, p.len);
        s->len += p.len;
        s->pieces[kept++] = p;
    }
    s->piece_count = kept;
}

size_t stream_frame(const struct byte_stream *s, size_t offset)
{
    for (size_t i = 0; i < s->piece_count; i++)
        if (offset < (size_t)s->pieces[i].offset + s->pieces[i].len)
            return s->pieces[i].frame;
    return 0;
}

/* ---- the whole ---- */

void digest_machine(const struct capture *c, uint8_t mac[6])
{
    struct decoded d;

    memset(mac, 0, 6);
    for (size_t i = 0; i < c->count; i++) {
        decode_frame(c->frames[i].bytes, c->frames[i].len, &d);
        if (i == 0)
            memcpy(mac, d.eth_src, 6);
        if (d.error || d.layer != LAYER_DHCP || d.src_port != 68)
            continue;
        memcpy(mac, d.eth_src, 6);
        return;
    }
}

void digest_read(struct digest *g, const struct capture *c)
{
    *g = (struct digest){0};
    digest_machine(c, g->mac);
    for (size_t i = 0; i < c->count; i++) {
        const struct capture_frame *f = &c->frames[i];
        enum speaker who;
        struct decoded d;

        decode_frame(f->bytes, f->len, &d);
        if (f->duplicate || f->damaged || d.error)
            continue;
        who = memcmp(d.eth_src, g->mac, 6) == 0 ? OWN : PEER;
        switch (d.layer) {
        case LAYER_DHCP:
            add_message(&g->lists[MESSAGE_DHCP], i + 1, f, &d);
            break;
        case LAYER_ARP:
            add_message(&g->lists[MESSAGE_ARP], i + 1, f, &d);
            break;
        case LAYER_ICMP:
            add_message(&g->lists[MESSAGE_ICMP], i + 1, f, &d);
            break;
        case LAYER_UDP:
            add_message(&g->lists[MESSAGE_UDP], i + 1, f, &d);
            break;
        case LAYER_TCP:
            digest_add_segment(g, &d, who, i + 1);
            break;
        case LAYER_IPV4:
        case LAYER_OTHER:
            break;
        }
    }
    for (size_t i = 0; i < g->connection_count; i++)
        for (unsigned who = 0; who < SPEAKERS; who++)
            digest_join(&g->connections[i].streams[who]);
}

void digest_free(struct digest *g)
{
    for (unsigned k = 0; k < MESSAGE_KINDS; k++) {
        for (size_t i = 0; i < g->lists[k].count; i++)
            free(g->lists[k].messages[i].bytes);
        free(g->lists[k].messages);
        chains_free(&g->lists[k].by_bytes);
    }
    for (size_t i = 0; i < g->connection_count; i++)
        for (unsigned who = 0; who < SPEAKERS; who++) {
            free(g->connections[i].streams[who].pieces);
            free(g->connections[i].streams[who].bytes);
        }
    free(g->connections);
    chains_free(&g->by_ends);
    *g = (struct digest){0};
}
