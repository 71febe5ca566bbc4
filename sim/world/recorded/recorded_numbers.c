/* Sequence numbers of a replay: see recorded_numbers.h. */
#include "recorded_numbers.h"
#include "../../base/bytes.h"
#include "../../base/memory.h"
#include <stdlib.h>
#include <string.h>

enum { ETH_HEADER = 14, ICMP_HEADER = 8, TCP_SEQ = 4, TCP_ACK_NUMBER = 8, TCP_CHECKSUM = 16 };

void numbers_free(struct replay_numbers *n)
{
    free(n->connections);
    *n = (struct replay_numbers){0};
}

static struct replay_connection *recorded_numbers_find(const struct replay_numbers *n,
                                                       uint16_t local, uint32_t remote,
                                                       uint16_t remote_port)
{
    for (size_t i = n->count; i-- > 0;) {
        struct replay_connection *c = &n->connections[i];

        if (c->local_port == local && c->remote == remote && c->remote_port == remote_port)
            return c;
    }
    return NULL;
}

static struct replay_connection *find_own(const struct replay_numbers *n, const struct decoded *d)
{
    return recorded_numbers_find(n, d->src_port, d->ip_dst, d->dst_port);
}

/* The connection of a segment of the machine; created if it is new. */
static struct replay_connection *open_own(struct replay_numbers *n, const struct decoded *d)
{
    struct replay_connection *c = find_own(n, d);

    if (c)
        return c;
    n->connections = memory_grow(n->connections, n->count + 1, &n->size, sizeof(*n->connections));
    c = &n->connections[n->count++];
    *c = (struct replay_connection){
        .local_port = d->src_port, .remote_port = d->dst_port, .remote = d->ip_dst};
    return c;
}

void numbers_learn(struct replay_numbers *n, const struct decoded *recorded,
                   const struct decoded *sent)
{
    struct replay_connection *c;

    if (recorded->layer != LAYER_TCP || sent->layer != LAYER_TCP ||
        !(recorded->tcp_flags & sent->tcp_flags & SEG_SYN))
        return;
    c = open_own(n, sent);
    c->shift = sent->tcp_seq - recorded->tcp_seq;
    c->stamp_shift =
        sent->tcp_stamped && recorded->tcp_stamped ? sent->tcp_stamp - recorded->tcp_stamp : 0;
    c->own_scale = sent->tcp_scale;
    c->shift_known = true;
}

/* ---- patching ---- */

/* As a word of the checksum, at an odd offset the bytes change places: RFC 1071 section 2. */
static uint16_t summed(uint16_t value, bool odd)
{
    return odd ? (uint16_t)(value << 8 | value >> 8) : value;
}

/* HC' = ~(~HC + ~m + m'): RFC 1624 section 3. */
static void change16(uint8_t *at, uint16_t value, uint8_t *checksum)
{
    bool odd = (at - checksum) & 1;
    uint32_t sum = (uint16_t)~get16(checksum) + (uint32_t)(uint16_t)~summed(get16(at), odd) +
                   summed(value, odd);

    put16(at, value);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    put16(checksum, (uint16_t)~sum);
}

static void recorded_numbers_add32(uint8_t *at, uint32_t shift, uint8_t *checksum)
{
    uint32_t value = get32(at) + shift;

    change16(at, (uint16_t)(value >> 16), checksum);
    change16(at + 2, (uint16_t)value, checksum);
}

void numbers_of_recording(const struct replay_numbers *n, uint8_t *frame, const struct decoded *d)
{
    const struct replay_connection *c;
    uint8_t *tcp = frame + ETH_HEADER + d->ip_header_len;

    if (d->layer != LAYER_TCP)
        return;
    c = find_own(n, d);
    if (c && c->shift_known)
        recorded_numbers_add32(tcp + TCP_SEQ, -c->shift, tcp + TCP_CHECKSUM);
}

/* An ICMP error quotes the IP header and at least eight bytes after it. */
static void change_quote(const struct replay_numbers *n, uint8_t *frame, const struct decoded *d)
{
    uint8_t *icmp = frame + ETH_HEADER + d->ip_header_len, *ip = icmp + ICMP_HEADER;
    size_t header = d->payload_len ? (ip[0] & 15u) * 4 : 0;
    const struct replay_connection *c;
    uint8_t *tcp;

    if (header < 20 || d->payload_len < header + 8 || ip[9] != 6)
        return;
    tcp = ip + header;
    c = recorded_numbers_find(n, get16(tcp), (uint32_t)get16(ip + 16) << 16 | get16(ip + 18),
                              get16(tcp + 2));
    if (c && c->shift_known)
        recorded_numbers_add32(tcp + TCP_SEQ, c->shift, icmp + 2);
}

/* What the peer says of the machine's numbers and timestamps in options. */
static void change_options(const struct replay_connection *c, uint8_t *frame,
                           const struct decoded *d)
{
    uint8_t *checksum = frame + ETH_HEADER + d->ip_header_len + TCP_CHECKSUM;
    size_t at = decode_tcp_option_at(d, frame, TCP_OPTION_SACK);

    for (unsigned i = 0; i < 2u * d->tcp_sack_count; i++)
        recorded_numbers_add32(frame + at + 2 + 4 * i, c->shift, checksum);
    at = decode_tcp_option_at(d, frame, TCP_OPTION_STAMPS);
    if (at && d->tcp_echo)
        recorded_numbers_add32(frame + at + 6, c->stamp_shift, checksum);
}

void numbers_of_now(struct replay_numbers *n, uint8_t *frame, const struct decoded *d)
{
    struct replay_connection *c;
    uint8_t *tcp = frame + ETH_HEADER + d->ip_header_len;

    if (d->layer == LAYER_ICMP && decode_matches(d, "icmp.error"))
        change_quote(n, frame, d);
    if (d->layer != LAYER_TCP || !(d->tcp_flags & SEG_ACK))
        return;
    c = recorded_numbers_find(n, d->dst_port, d->ip_src, d->src_port);
    if (!c)
        return;
    if (d->tcp_flags & SEG_SYN)
        c->peer_scale = d->tcp_scale;
    if (!c->shift_known)
        return;
    recorded_numbers_add32(tcp + TCP_ACK_NUMBER, c->shift, tcp + TCP_CHECKSUM);
    if (!d->error)
        change_options(c, frame, d);
}

/* ---- acknowledgments ---- */

static bool recorded_numbers_after(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

static uint32_t recorded_numbers_end_of(const struct decoded *d)
{
    return d->tcp_seq + (uint32_t)d->payload_len + (d->tcp_flags & SEG_SYN ? 1 : 0) +
           (d->tcp_flags & SEG_FIN ? 1 : 0);
}

void numbers_sent(struct replay_numbers *n, const struct decoded *d)
{
    struct replay_connection *c;

    if (d->layer != LAYER_TCP)
        return;
    c = open_own(n, d);
    if (!c->sent_known || recorded_numbers_after(recorded_numbers_end_of(d), c->sent))
        c->sent = recorded_numbers_end_of(d);
    c->sent_known = true;
}

bool numbers_repeated(const struct replay_numbers *n, const struct decoded *d)
{
    const struct replay_connection *c = d->layer == LAYER_TCP ? find_own(n, d) : NULL;

    return c && c->sent_known && !d->error &&
           !recorded_numbers_after(recorded_numbers_end_of(d), c->sent);
}

void numbers_acked(struct replay_numbers *n, const struct decoded *d)
{
    struct replay_connection *c;
    uint32_t edge;

    if (d->layer != LAYER_TCP || !(d->tcp_flags & SEG_ACK))
        return;
    c = open_own(n, d);
    edge = d->tcp_ack + decode_window(d, c->own_scale, c->peer_scale);
    if (!c->acked || recorded_numbers_after(d->tcp_ack, c->ack))
        c->ack = d->tcp_ack;
    if (!c->acked || recorded_numbers_after(edge, c->edge))
        c->edge = edge;
    c->acked = true;
}

bool numbers_covered(const struct replay_numbers *n, const struct decoded *d)
{
    const struct replay_connection *c = find_own(n, d);

    return c && c->acked && !recorded_numbers_after(d->tcp_ack, c->ack);
}

bool numbers_offered(const struct replay_numbers *n, const struct decoded *d)
{
    const struct replay_connection *c =
        recorded_numbers_find(n, d->dst_port, d->ip_src, d->src_port);

    return c && c->acked && !recorded_numbers_after(d->tcp_seq + (uint32_t)d->payload_len, c->edge);
}
