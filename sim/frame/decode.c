/*
 * The decoder of frames: see decode.h. Offsets are those of the RFC's figure, from the start of
 * each header: Ethernet II (RFC 894), ARP (RFC 826), IPv4 (RFC 791), ICMP (RFC 792), UDP (RFC 768),
 * TCP (RFC 9293 section 3.1), DHCP (RFC 2131 section 2, RFC 2132).
 *
 * A header is decoded when its fixed part is present; then the frame belongs to that layer, even if
 * its checksum is wrong. The result points into the frame.
 */
#include "decode.h"
#include "../../core/base/minmax.h"
#include "../base/bytes.h"
#include "dhcp.h"
#include <string.h>

enum {
    ETH_HEADER = 14,
    IP_HEADER_MIN = 20,
    ARP_LEN = 28,
    ICMP_HEADER = 8,
    UDP_HEADER = 8,
    TCP_HEADER_MIN = 20,
};

enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

/* The first error counts. */
static void decode_wrong(struct decoded *d, const char *what)
{
    if (!d->error)
        d->error = what;
}

/* ---- checksum ---- */

/* Of less than 48 bits. */
static uint32_t fold(uint64_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)((sum & 0xffff) + (sum >> 16));
}

/* The sum may be taken over words of the host's order and swapped once: RFC 1071 section 2(B). */
static uint32_t swap_host(uint32_t sum)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (sum & 0xff) << 8 | sum >> 8;
#else
    return sum;
#endif
}

/* Add eight bytes; what is carried out of 64 bits is counted. */
static inline void add_word(uint64_t *total, uint64_t *carried, const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    *carried += __builtin_add_overflow(*total, word, total);
}

uint32_t decode_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
    uint64_t total = 0, carried = 0;
    uint32_t half;
    uint16_t pair;

    for (; len >= 32; len -= 32, bytes += 32) {
        add_word(&total, &carried, bytes);
        add_word(&total, &carried, bytes + 8);
        add_word(&total, &carried, bytes + 16);
        add_word(&total, &carried, bytes + 24);
    }
    for (; len >= 8; len -= 8, bytes += 8)
        add_word(&total, &carried, bytes);
    if (len >= sizeof(half)) {
        memcpy(&half, bytes, sizeof(half));
        carried += half; /* it counts the same */
        len -= sizeof(half);
        bytes += sizeof(half);
    }
    if (len >= sizeof(pair)) {
        memcpy(&pair, bytes, sizeof(pair));
        carried += pair;
        len -= sizeof(pair);
        bytes += sizeof(pair);
    }
    if (len) /* padded with a zero: RFC 1071 section 1 */
        sum += (uint32_t)*bytes << 8;
    total = (total & 0xffffffff) + (total >> 32) + carried;
    return fold((uint64_t)sum + swap_host(fold(total)));
}

/* True if the checksum of a UDP datagram or TCP segment of `len` bytes is right. */
static bool transport_sum_good(const struct decoded *d, const uint8_t *bytes, size_t len)
{
    uint32_t pseudo = (d->ip_src >> 16) + (d->ip_src & 0xffff) + (d->ip_dst >> 16) +
                      (d->ip_dst & 0xffff) + d->ip_protocol + (uint32_t)len;

    return decode_sum(pseudo, bytes, len) == 0xffff;
}

/* ---- DHCP ---- */

/* The first of several instances counts, as for the core (docs/limits.md). */
static void decode_dhcp_option(struct decoded *d, const uint8_t *option, bool reply)
{
    uint32_t *field;
    bool list = option[0] == OPTION_ROUTER || option[0] == OPTION_DNS;

    switch (option[0]) {
    case OPTION_TYPE:
        if (option[1] != 1 || option[2] < 1 || option[2] > 8)
            decode_wrong(d, "dhcp.type");
        else if (!d->dhcp_type)
            d->dhcp_type = option[2];
        return;
    case OPTION_MASK:
        field = &d->dhcp_mask;
        break;
    case OPTION_ROUTER:
        field = &d->dhcp_router;
        break;
    case OPTION_DNS:
        field = &d->dhcp_dns;
        break;
    case OPTION_REQUESTED:
        if (reply) /* not valid there: RFC 2131 section 4.3.1, table 3 */
            return;
        field = &d->dhcp_requested;
        break;
    case OPTION_LEASE:
        field = &d->dhcp_lease_s;
        break;
    case OPTION_SERVER:
        field = &d->dhcp_server;
        break;
    case OPTION_T1:
        field = &d->dhcp_t1_s;
        break;
    case OPTION_T2:
        field = &d->dhcp_t2_s;
        break;
    default:
        return;
    }
    if (list ? option[1] < 4 || option[1] % 4 : option[1] != 4)
        decode_wrong(d, "dhcp.option_length");
    else if (!*field)
        *field = get32(option + 2);
}

static void decode_dhcp(struct decoded *d, const uint8_t *bytes, size_t len)
{
    struct dhcp_options options = dhcp_options_of(bytes, len);
    const uint8_t *option;
    uint32_t router;

    if (len < DHCP_AT_OPTIONS) {
        decode_wrong(d, "dhcp.short");
        return;
    }
    if (get32(bytes + DHCP_AT_COOKIE) != DHCP_COOKIE_VALUE) {
        decode_wrong(d, "dhcp.cookie");
        return;
    }
    d->layer = LAYER_DHCP;
    d->dhcp_xid = get32(bytes + DHCP_AT_XID);
    d->dhcp_ciaddr = get32(bytes + DHCP_AT_CIADDR);
    d->dhcp_yiaddr = get32(bytes + DHCP_AT_YIADDR);
    d->payload = bytes + DHCP_AT_OPTIONS;
    d->payload_len = len - DHCP_AT_OPTIONS;
    if (bytes[1] != 1 || bytes[2] != 6 || (d->dst_port == 68 && bytes[0] != 2))
        decode_wrong(d, "dhcp.header");
    while ((option = dhcp_next_option(&options)))
        decode_dhcp_option(d, option, bytes[0] == 2);
    if (options.broken) {
        decode_wrong(d, "dhcp.options");
        return;
    }
    if (dhcp_classless_router(bytes, len, &router)) /* it rules over option 3: RFC 3442 */
        d->dhcp_router = router;
    if (!d->dhcp_type)
        decode_wrong(d, "dhcp.type");
}

/* ---- transport ---- */

static void decode_icmp(struct decoded *d, const uint8_t *bytes, size_t len)
{
    if (len < ICMP_HEADER) {
        decode_wrong(d, "icmp.short");
        return;
    }
    d->layer = LAYER_ICMP;
    d->icmp_type = bytes[0];
    d->icmp_code = bytes[1];
    if (d->icmp_type == 8 || d->icmp_type == 0) {
        d->icmp_id = get16(bytes + 4);
        d->icmp_seq = get16(bytes + 6);
    }
    d->payload = bytes + ICMP_HEADER;
    d->payload_len = len - ICMP_HEADER;
    if (decode_sum(0, bytes, len) != 0xffff)
        decode_wrong(d, "icmp.checksum");
}

static void decode_udp(struct decoded *d, const uint8_t *bytes, size_t len)
{
    if (len < UDP_HEADER) {
        decode_wrong(d, "udp.short");
        return;
    }
    d->layer = LAYER_UDP;
    d->src_port = get16(bytes);
    d->dst_port = get16(bytes + 2);
    d->udp_len = get16(bytes + 4);
    if (d->udp_len < UDP_HEADER || d->udp_len > len) {
        decode_wrong(d, "udp.length");
        return;
    }
    d->payload = bytes + UDP_HEADER;
    d->payload_len = d->udp_len - UDP_HEADER;
    if (get16(bytes + 6) != 0 && !transport_sum_good(d, bytes, d->udp_len))
        decode_wrong(d, "udp.checksum");
    if ((d->src_port == 67 || d->src_port == 68) && (d->dst_port == 67 || d->dst_port == 68))
        decode_dhcp(d, d->payload, d->payload_len);
}

static void decode_sack(struct decoded *d, const uint8_t *option)
{
    d->tcp_sack_count = (uint8_t)min_u32((option[1] - 2u) / 8, DECODE_SACK_MAX);
    for (unsigned i = 0; i < d->tcp_sack_count; i++) {
        d->tcp_sack[i].start = get32(option + 2 + 8 * i);
        d->tcp_sack[i].end = get32(option + 6 + 8 * i);
    }
}

/* One option with a length: RFC 9293 section 3.2, RFC 7323 sections 2.2 and 3.2, RFC 2018. */
static void decode_tcp_option(struct decoded *d, const uint8_t *option)
{
    bool good = true;

    switch (option[0]) {
    case TCP_OPTION_MSS:
        good = option[1] == 4;
        if (good)
            d->tcp_mss = get16(option + 2);
        break;
    case TCP_OPTION_SCALE:
        good = option[1] == 3;
        if (good)
            d->tcp_scale = (uint8_t)(1 + min_u32(option[2], DECODE_SCALE_MAX));
        break;
    case TCP_OPTION_SACK_PERMITTED:
        d->tcp_sack_permitted = good = option[1] == 2;
        break;
    case TCP_OPTION_SACK:
        good = option[1] > 2 && (option[1] - 2) % 8 == 0;
        if (good)
            decode_sack(d, option);
        break;
    case TCP_OPTION_STAMPS:
        d->tcp_stamped = good = option[1] == 10;
        if (good) {
            d->tcp_stamp = get32(option + 2);
            d->tcp_echo = get32(option + 6);
        }
        break;
    default:
        break;
    }
    if (!good)
        decode_wrong(d, "tcp.options");
}

static void decode_tcp_options(struct decoded *d, const uint8_t *option, size_t len)
{
    size_t i = 0;

    while (i < len && option[i] != TCP_OPTION_END) {
        if (option[i] == TCP_OPTION_NOP) {
            i++;
            continue;
        }
        if (i + 2 > len || option[i + 1] < 2 || option[i + 1] > len - i) {
            decode_wrong(d, "tcp.options");
            return;
        }
        decode_tcp_option(d, option + i);
        i += option[i + 1];
    }
}

size_t decode_tcp_option_at(const struct decoded *d, const uint8_t *frame, enum tcp_option kind)
{
    size_t i = (size_t)(d->payload - frame), end = i;

    for (i -= d->tcp_header_len - TCP_HEADER_MIN; i < end && frame[i] != TCP_OPTION_END;) {
        if (frame[i] == kind)
            return i;
        i += frame[i] == TCP_OPTION_NOP ? 1 : frame[i + 1];
    }
    return 0;
}

static void decode_tcp(struct decoded *d, const uint8_t *bytes, size_t len)
{
    if (len < TCP_HEADER_MIN) {
        decode_wrong(d, "tcp.short");
        return;
    }
    d->layer = LAYER_TCP;
    d->src_port = get16(bytes);
    d->dst_port = get16(bytes + 2);
    d->tcp_seq = get32(bytes + 4);
    d->tcp_ack = get32(bytes + 8);
    d->tcp_header_len = (uint8_t)(bytes[12] >> 4 << 2);
    d->tcp_flags = bytes[13] & 63;
    d->tcp_window = get16(bytes + 14);
    if (d->tcp_header_len < TCP_HEADER_MIN || d->tcp_header_len > len) {
        decode_wrong(d, "tcp.offset");
        return;
    }
    d->payload = bytes + d->tcp_header_len;
    d->payload_len = len - d->tcp_header_len;
    if (!transport_sum_good(d, bytes, len))
        decode_wrong(d, "tcp.checksum");
    if (d->tcp_header_len > TCP_HEADER_MIN)
        decode_tcp_options(d, bytes + TCP_HEADER_MIN, d->tcp_header_len - TCP_HEADER_MIN);
}

/* ---- network ---- */

static void decode_arp(struct decoded *d, const uint8_t *bytes, size_t len)
{
    if (len < ARP_LEN) {
        decode_wrong(d, "arp.short");
        return;
    }
    d->layer = LAYER_ARP;
    d->arp_op = get16(bytes + 6);
    memcpy(d->arp_sha, bytes + 8, 6);
    d->arp_spa = get32(bytes + 14);
    memcpy(d->arp_tha, bytes + 18, 6);
    d->arp_tpa = get32(bytes + 24);
    if (get16(bytes) != 1 || get16(bytes + 2) != 0x0800 || bytes[4] != 6 || bytes[5] != 4)
        decode_wrong(d, "arp.format");
    else if (d->arp_op != 1 && d->arp_op != 2)
        decode_wrong(d, "arp.op");
}

static void decode_ipv4(struct decoded *d, const uint8_t *bytes, size_t len)
{
    if (len < IP_HEADER_MIN) {
        decode_wrong(d, "ip.short");
        return;
    }
    if (bytes[0] >> 4 != 4) {
        decode_wrong(d, "ip.version");
        return;
    }
    d->layer = LAYER_IPV4;
    d->ip_header_len = (uint8_t)((bytes[0] & 15) << 2);
    d->ip_total_len = get16(bytes + 2);
    d->ip_id = get16(bytes + 4);
    d->ip_fragment = (get16(bytes + 6) & 0x3fff) != 0; /* MF and the offset */
    d->ip_ttl = bytes[8];
    d->ip_protocol = bytes[9];
    d->ip_src = get32(bytes + 12);
    d->ip_dst = get32(bytes + 16);
    if (d->ip_header_len < IP_HEADER_MIN || d->ip_header_len > len) {
        decode_wrong(d, "ip.header_length");
        return;
    }
    if (d->ip_total_len < d->ip_header_len || d->ip_total_len > len) {
        decode_wrong(d, "ip.total_length");
        return;
    }
    if (decode_sum(0, bytes, d->ip_header_len) != 0xffff)
        decode_wrong(d, "ip.checksum");
    d->ip_end = (size_t)ETH_HEADER + d->ip_total_len;
    bytes += d->ip_header_len;
    len = (size_t)d->ip_total_len - d->ip_header_len;
    d->payload = bytes;
    d->payload_len = len;
    if (d->ip_fragment)
        return;
    if (d->ip_protocol == PROTOCOL_TCP)
        decode_tcp(d, bytes, len);
    else if (d->ip_protocol == PROTOCOL_UDP)
        decode_udp(d, bytes, len);
    else if (d->ip_protocol == PROTOCOL_ICMP)
        decode_icmp(d, bytes, len);
}

void decode_frame(const uint8_t *frame, size_t len, struct decoded *out)
{
    memset(out, 0, sizeof(*out));
    if (len < ETH_HEADER) {
        decode_wrong(out, "eth.short");
        return;
    }
    memcpy(out->eth_dst, frame, 6);
    memcpy(out->eth_src, frame + 6, 6);
    out->eth_type = get16(frame + 12);
    out->payload = frame + ETH_HEADER;
    out->payload_len = len - ETH_HEADER;
    if (out->eth_type == 0x0806)
        decode_arp(out, frame + ETH_HEADER, len - ETH_HEADER);
    else if (out->eth_type == 0x0800)
        decode_ipv4(out, frame + ETH_HEADER, len - ETH_HEADER);
    if (out->layer == LAYER_ARP) {
        out->payload = NULL;
        out->payload_len = 0;
    }
}
