/*
 * Headers of segments: bytes to struct tcp_segment (RFC 9293 section 3.1), and the options of those
 * that are sent (RFC 7323 section 2 and 3, RFC 2018).
 */
#include "../base/checksum.h"
#include "../base/mem.h"
#include "tcp_internal.h"

enum {
    OPTION_END = 0,
    OPTION_NOP = 1,
    OPTION_MSS = 2,
    OPTION_SCALE = 3,
    OPTION_SACK_PERMITTED = 4,
    OPTION_SACK = 5,
    OPTION_STAMPS = 8,
};

/* ---- what was received ---- */

static inline void take_stamps(uint32_t stamp, uint32_t echo, struct tcp_segment *g)
{
    g->stamped = true;
    g->stamp = stamp;
    g->echo = echo;
}

static uint32_t option_get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* One option with a length; one of a wrong length means nothing. */
static void take_tcp_option(const uint8_t *option, struct tcp_segment *g)
{
    bool syn = g->flags & TCP_SYN;
    unsigned len = option[1];

    switch (option[0]) {
    case OPTION_MSS: /* MUST-65 */
        if (len == 4 && syn)
            g->mss = (uint16_t)(option[2] << 8 | option[3]);
        break;
    case OPTION_SCALE:
        if (len == 3 && syn) {
            g->scales = true;
            g->shift = (uint8_t)min_u32(option[2], TCP_SHIFT_MAX); /* section 2.3 */
        }
        break;
    case OPTION_SACK_PERMITTED:
        if (len == 2 && syn)
            g->sack_permitted = true;
        break;
    case OPTION_SACK:
        if (len > 2 && (len - 2) % 8 == 0) {
            g->sack = option + 2;
            g->sack_count = (uint8_t)((len - 2) / 8);
        }
        break;
    case OPTION_STAMPS:
        if (len == 10)
            take_stamps(option_get32(option + 2), option_get32(option + 6), g);
        break;
    default: /* MUST-6 */
        break;
    }
}

static bool has_stamps_alone(const struct tcp_stamps *option, size_t len)
{
    return len == sizeof(*option) && be32_get(option->head) == TCP_STAMPS_HEAD;
}

/* Walk the options; false when one is malformed (MUST-7). */
static bool parse_options(const uint8_t *option, size_t len, struct tcp_segment *g)
{
    size_t i = 0;

    while (i < len && option[i] != OPTION_END) {
        if (option[i] == OPTION_NOP) {
            i++;
            continue;
        }
        if (i + 2 > len || option[i + 1] < 2 || option[i + 1] > len - i)
            return false;
        take_tcp_option(option + i, g);
        i += option[i + 1];
    }
    return true;
}

enum drop_reason tcp_parse(const struct ipv4_packet *p, struct tcp_segment *g)
{
    const struct tcp_header *tcp = (const struct tcp_header *)p->payload;
    const struct tcp_stamps *option;
    size_t header_len;

    if (p->len < sizeof(*tcp))
        return DROP_TCP_SHORT;
    header_len = (tcp->offset >> 4) * 4u;
    if (header_len < sizeof(*tcp) || header_len > p->len)
        return DROP_TCP_SHORT;
    if (!checksum_good(checksum_add(checksum_pseudo(p->src, p->dst, IP_PROTOCOL_TCP, p->len),
                                    p->payload, p->len)))
        return DROP_TCP_CHECKSUM;
    g->src_port = be16_get(tcp->src_port);
    g->dst_port = be16_get(tcp->dst_port);
    g->seq = g->first = be32_get(tcp->seq);
    g->ack = be32_get(tcp->ack);
    g->wnd = be16_get(tcp->window);
    g->flags = tcp->flags;
    g->len = (uint32_t)(p->len - header_len);
    g->had_data = g->len > 0;
    g->data = p->payload + header_len;
    g->mss = 0;
    g->scales = g->sack_permitted = g->stamped = false;
    g->stamp = 0;
    g->sack_count = 0;
    option = (const struct tcp_stamps *)(p->payload + sizeof(*tcp));
    if (has_stamps_alone(option, header_len - sizeof(*tcp)))
        take_stamps(be32_get(option->stamp), be32_get(option->echo), g);
    else if (!parse_options(p->payload + sizeof(*tcp), header_len - sizeof(*tcp), g))
        return DROP_TCP_OPTIONS;
    if (g->src_port == 0 || g->dst_port == 0)
        return DROP_TCP_PORT;
    if ((g->flags & TCP_SYN) && (g->flags & (TCP_FIN | TCP_RST))) /* invalid: threats T36 */
        return DROP_TCP_FLAGS;
    return DROP_COUNT;
}

struct tcp_range tcp_sack_block(const struct tcp_segment *g, unsigned i)
{
    return (struct tcp_range){option_get32(g->sack + 8 * i), option_get32(g->sack + 8 * i + 4)};
}

/* ---- what is sent ---- */

static uint8_t *option_put32(uint8_t *at, uint32_t value)
{
    be32 word = be32_of(value);

    mem_copy(at, &word, sizeof(word));
    return at + sizeof(word);
}

/* The first two bytes of an option, after two that only align it. */
static uint8_t *put_aligned(uint8_t *at, uint8_t code, uint8_t len)
{
    return option_put32(at, OPTION_NOP << 24 | OPTION_NOP << 16 | (uint32_t)code << 8 | len);
}

size_t tcp_put_syn_options(uint8_t *at, const struct tcp_options *o)
{
    uint8_t *start = at;

    at = option_put32(at, OPTION_MSS << 24 | 4 << 16 | (uint32_t)o->mss);
    if (o->stamps)
        at = put_aligned(at, OPTION_STAMPS, 10);
    if (o->sack_permitted && o->stamps) { /* in the place of those that only align */
        at[-4] = OPTION_SACK_PERMITTED;
        at[-3] = 2;
    } else if (o->sack_permitted) {
        at = put_aligned(at, OPTION_SACK_PERMITTED, 2);
    }
    if (o->stamps)
        at = option_put32(option_put32(at, o->stamp), o->echo);
    if (o->scales)
        at = option_put32(at, OPTION_NOP << 24 | OPTION_SCALE << 16 | 3 << 8 | (uint32_t)o->shift);
    return (size_t)(at - start);
}

size_t tcp_put_sack(uint8_t *at, const struct tcp_range *block, unsigned count)
{
    at = put_aligned(at, OPTION_SACK, (uint8_t)(2 + 8 * count));
    for (unsigned i = 0; i < count; i++)
        at = option_put32(option_put32(at, block[i].start), block[i].end);
    return 4 + 8 * (size_t)count;
}
