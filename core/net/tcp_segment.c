/* The header of a received segment: bytes to struct tcp_segment. RFC 9293 section 3.1. */
#include "../base/checksum.h"
#include "tcp_internal.h"

enum { OPTION_END = 0, OPTION_NOP = 1, OPTION_MSS = 2 };

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
        if (option[i] == OPTION_MSS && option[i + 1] == 4 && (g->flags & TCP_SYN))
            g->mss = (uint16_t)(option[i + 2] << 8 | option[i + 3]);
        i += option[i + 1];
    }
    return true;
}

enum drop_reason tcp_parse(const struct ipv4_packet *p, struct tcp_segment *g)
{
    const struct tcp_header *tcp = (const struct tcp_header *)p->payload;
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
    if (!parse_options(p->payload + sizeof(*tcp), header_len - sizeof(*tcp), g))
        return DROP_TCP_OPTIONS;
    if (g->src_port == 0 || g->dst_port == 0)
        return DROP_TCP_PORT;
    if ((g->flags & TCP_SYN) && (g->flags & (TCP_FIN | TCP_RST))) /* invalid: threats T36 */
        return DROP_TCP_FLAGS;
    return DROP_COUNT;
}
