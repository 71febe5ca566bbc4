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
    *g = (struct tcp_segment){
        .src_port = be16_get(tcp->src_port),
        .dst_port = be16_get(tcp->dst_port),
        .seq = be32_get(tcp->seq),
        .first = be32_get(tcp->seq),
        .ack = be32_get(tcp->ack),
        .wnd = be16_get(tcp->window),
        .flags = tcp->flags,
        .len = (uint32_t)(p->len - header_len),
        .had_data = p->len > header_len,
        .data = p->payload + header_len,
    };
    if (!parse_options(p->payload + sizeof(*tcp), header_len - sizeof(*tcp), g))
        return DROP_TCP_OPTIONS;
    if (g->src_port == 0 || g->dst_port == 0)
        return DROP_TCP_PORT;
    if ((g->flags & TCP_SYN) && (g->flags & (TCP_FIN | TCP_RST))) /* invalid: threats T36 */
        return DROP_TCP_FLAGS;
    return DROP_COUNT;
}
