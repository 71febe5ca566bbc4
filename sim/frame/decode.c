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
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    ETH_HEADER = 14,
    IP_HEADER_MIN = 20,
    ARP_LEN = 28,
    ICMP_HEADER = 8,
    UDP_HEADER = 8,
    TCP_HEADER_MIN = 20,
    DHCP_FIXED = 240, /* with the magic cookie */
};

enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

/* The first error counts. */
static void decode_wrong(struct decoded *d, const char *what)
{
    if (!d->error)
        d->error = what;
}

/* ---- checksum ---- */

static uint32_t fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)sum;
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

uint32_t decode_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
    uint64_t low = 0, high = 0, word[4];
    uint8_t rest[4] = {0};
    uint32_t half;

    /* The halves of the words are summed separately; no frame is long enough to overflow them. */
    for (; len >= sizeof(word); len -= sizeof(word), bytes += sizeof(word)) {
        memcpy(word, bytes, sizeof(word));
        low += (word[0] & 0xffffffff) + (word[1] & 0xffffffff);
        high += (word[0] >> 32) + (word[1] >> 32);
        low += (word[2] & 0xffffffff) + (word[3] & 0xffffffff);
        high += (word[2] >> 32) + (word[3] >> 32);
    }
    for (; len >= 8; len -= 8, bytes += 8) {
        memcpy(word, bytes, 8);
        low += word[0] & 0xffffffff;
        high += word[0] >> 32;
    }
    if (len >= 4) {
        memcpy(&half, bytes, 4);
        low += half;
        len -= 4;
        bytes += 4;
    }
    for (size_t i = 0; i < len; i++)
        rest[i] = bytes[i]; /* padded with zeros: RFC 1071 section 1 */
    memcpy(&half, rest, 4);
    low += half;
    return fold((uint64_t)sum + swap_host(fold(low + high)));
}

/* True if the checksum of a UDP datagram or TCP segment of `len` bytes is right. */
static bool transport_sum_good(const struct decoded *d, const uint8_t *bytes, size_t len)
{
    uint32_t pseudo = (d->ip_src >> 16) + (d->ip_src & 0xffff) + (d->ip_dst >> 16) +
                      (d->ip_dst & 0xffff) + d->ip_protocol + (uint32_t)len;

    return decode_sum(pseudo, bytes, len) == 0xffff;
}

/* ---- DHCP ---- */

enum {
    OPTION_PAD = 0,
    OPTION_MASK = 1,
    OPTION_ROUTER = 3,
    OPTION_DNS = 6,
    OPTION_REQUESTED = 50,
    OPTION_LEASE = 51,
    OPTION_TYPE = 53,
    OPTION_SERVER = 54,
    OPTION_T1 = 58,
    OPTION_T2 = 59,
    OPTION_END = 255,
};

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

/* Options after the cookie; those in `file` and `sname` (option 52) are not read. */
static void decode_dhcp(struct decoded *d, const uint8_t *bytes, size_t len)
{
    size_t i = DHCP_FIXED;

    if (len < DHCP_FIXED) {
        decode_wrong(d, "dhcp.short");
        return;
    }
    if (get32(bytes + 236) != 0x63825363) {
        decode_wrong(d, "dhcp.cookie");
        return;
    }
    d->layer = LAYER_DHCP;
    d->dhcp_xid = get32(bytes + 4);
    d->dhcp_ciaddr = get32(bytes + 12);
    d->dhcp_yiaddr = get32(bytes + 16);
    d->payload = bytes + DHCP_FIXED;
    d->payload_len = len - DHCP_FIXED;
    if (bytes[1] != 1 || bytes[2] != 6 || (d->dst_port == 68 && bytes[0] != 2))
        decode_wrong(d, "dhcp.header");
    while (i < len && bytes[i] != OPTION_END) {
        if (bytes[i] == OPTION_PAD) {
            i++;
            continue;
        }
        if (i + 2 > len || bytes[i + 1] > len - i - 2) {
            decode_wrong(d, "dhcp.options");
            return;
        }
        decode_dhcp_option(d, bytes + i, bytes[0] == 2);
        i += 2u + bytes[i + 1];
    }
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

static void decode_tcp_options(struct decoded *d, const uint8_t *option, size_t len)
{
    enum { TCP_OPTION_END = 0, TCP_OPTION_NOP = 1, TCP_OPTION_MSS = 2 };
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
        if (option[i] == TCP_OPTION_MSS) {
            if (option[i + 1] != 4)
                decode_wrong(d, "tcp.options");
            else
                d->tcp_mss = get16(option + i + 2);
        }
        i += option[i + 1];
    }
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

/* ---- match words ---- */

/* In the order of decode_words. */
enum word {
    WORD_ANY,
    WORD_ARP,
    WORD_ARP_REQUEST,
    WORD_ARP_REPLY,
    WORD_IP,
    WORD_ICMP,
    WORD_ICMP_ECHO,
    WORD_ICMP_REPLY,
    WORD_ICMP_ERROR,
    WORD_UDP,
    WORD_DHCP,
    WORD_DHCP_DISCOVER,
    WORD_DHCP_OFFER,
    WORD_DHCP_REQUEST,
    WORD_DHCP_DECLINE,
    WORD_DHCP_ACK,
    WORD_DHCP_NAK,
    WORD_DHCP_RELEASE,
    WORD_TCP,
    WORD_TCP_SYN,
    WORD_TCP_SYNACK,
    WORD_TCP_ACK,
    WORD_TCP_DATA,
    WORD_TCP_FIN,
    WORD_TCP_RST,
    WORD_COUNT,
};

const char *const decode_words[] = {
    "any",        "arp",          "arp.request",  "arp.reply", "ip",       "icmp",
    "icmp.echo",  "icmp.reply",   "icmp.error",   "udp",       "dhcp",     "dhcp.discover",
    "dhcp.offer", "dhcp.request", "dhcp.decline", "dhcp.ack",  "dhcp.nak", "dhcp.release",
    "tcp",        "tcp.syn",      "tcp.synack",   "tcp.ack",   "tcp.data", "tcp.fin",
    "tcp.rst",    NULL,
};

_Static_assert(sizeof(decode_words) / sizeof(*decode_words) == WORD_COUNT + 1, "one word each");

static bool is_dhcp(const struct decoded *d, uint8_t type)
{
    return d->layer == LAYER_DHCP && d->dhcp_type == type;
}

static bool is_icmp_error(const struct decoded *d)
{
    /* RFC 1122 section 3.2.2 */
    return d->layer == LAYER_ICMP && (d->icmp_type == 3 || d->icmp_type == 4 || d->icmp_type == 5 ||
                                      d->icmp_type == 11 || d->icmp_type == 12);
}

static bool has_flags(const struct decoded *d, uint8_t mask, uint8_t flags)
{
    return d->layer == LAYER_TCP && (d->tcp_flags & mask) == flags;
}

static bool decode_word_matches(const struct decoded *d, enum word word)
{
    switch (word) {
    case WORD_ANY:
        return true;
    case WORD_ARP:
        return d->layer == LAYER_ARP;
    case WORD_ARP_REQUEST:
        return d->layer == LAYER_ARP && d->arp_op == 1;
    case WORD_ARP_REPLY:
        return d->layer == LAYER_ARP && d->arp_op == 2;
    case WORD_IP:
        return d->layer >= LAYER_IPV4;
    case WORD_ICMP:
        return d->layer == LAYER_ICMP;
    case WORD_ICMP_ECHO:
        return d->layer == LAYER_ICMP && d->icmp_type == 8;
    case WORD_ICMP_REPLY:
        return d->layer == LAYER_ICMP && d->icmp_type == 0;
    case WORD_ICMP_ERROR:
        return is_icmp_error(d);
    case WORD_UDP:
        return d->layer == LAYER_UDP || d->layer == LAYER_DHCP;
    case WORD_DHCP:
        return d->layer == LAYER_DHCP;
    case WORD_DHCP_DISCOVER:
        return is_dhcp(d, 1);
    case WORD_DHCP_OFFER:
        return is_dhcp(d, 2);
    case WORD_DHCP_REQUEST:
        return is_dhcp(d, 3);
    case WORD_DHCP_DECLINE:
        return is_dhcp(d, 4);
    case WORD_DHCP_ACK:
        return is_dhcp(d, 5);
    case WORD_DHCP_NAK:
        return is_dhcp(d, 6);
    case WORD_DHCP_RELEASE:
        return is_dhcp(d, 7);
    case WORD_TCP:
        return d->layer == LAYER_TCP;
    case WORD_TCP_SYN:
        return has_flags(d, SEG_SYN | SEG_ACK, SEG_SYN);
    case WORD_TCP_SYNACK:
        return has_flags(d, SEG_SYN | SEG_ACK, SEG_SYN | SEG_ACK);
    case WORD_TCP_ACK:
        return has_flags(d, SEG_ACK | SEG_SYN | SEG_FIN | SEG_RST, SEG_ACK) && !d->payload_len;
    case WORD_TCP_DATA:
        return d->layer == LAYER_TCP && d->payload_len > 0;
    case WORD_TCP_FIN:
        return has_flags(d, SEG_FIN, SEG_FIN);
    case WORD_TCP_RST:
        return has_flags(d, SEG_RST, SEG_RST);
    case WORD_COUNT:
        break;
    }
    return false;
}

bool decode_matches(const struct decoded *d, const char *word)
{
    for (unsigned i = 0; i < WORD_COUNT; i++)
        if (!strcmp(word, decode_words[i]))
            return decode_word_matches(d, (enum word)i);
    return false;
}

/* ---- one line ---- */

struct line {
    char *buf;
    size_t size, used;
};

static void decode_put(struct line *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void decode_put(struct line *l, const char *format, ...)
{
    va_list args;
    int n;

    if (l->used + 1 >= l->size)
        return;
    va_start(args, format);
    n = vsnprintf(l->buf + l->used, l->size - l->used, format, args);
    va_end(args);
    if (n > 0)
        l->used += min_u64((size_t)n, l->size - l->used - 1);
}

static void put_addr(struct line *l, const char *before, uint32_t a)
{
    decode_put(l, "%s%u.%u.%u.%u", before, a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static void put_mac(struct line *l, const char *before, const uint8_t mac[6])
{
    decode_put(l, "%s%02x:%02x:%02x:%02x:%02x:%02x", before, mac[0], mac[1], mac[2], mac[3], mac[4],
               mac[5]);
}

static void put_ends(struct line *l, const struct decoded *d, bool ports)
{
    put_addr(l, " ", d->ip_src);
    if (ports)
        decode_put(l, ":%u", d->src_port);
    put_addr(l, " > ", d->ip_dst);
    if (ports)
        decode_put(l, ":%u", d->dst_port);
}

static void put_arp(struct line *l, const struct decoded *d)
{
    if (d->arp_op == 1) {
        put_addr(l, "arp who-has ", d->arp_tpa);
        put_addr(l, " tell ", d->arp_spa);
    } else if (d->arp_op == 2) {
        put_addr(l, "arp ", d->arp_spa);
        put_mac(l, " is-at ", d->arp_sha);
    } else {
        decode_put(l, "arp op=%u", d->arp_op);
    }
}

static void put_icmp(struct line *l, const struct decoded *d)
{
    decode_put(l, "icmp");
    if (d->icmp_type == 8 || d->icmp_type == 0) {
        decode_put(l, d->icmp_type ? " echo" : " reply");
        put_ends(l, d, false);
        decode_put(l, " id=%u seq=%u", d->icmp_id, d->icmp_seq);
    } else {
        put_ends(l, d, false);
        decode_put(l, " type=%u code=%u", d->icmp_type, d->icmp_code);
    }
    decode_put(l, " len=%zu", d->payload_len);
}

static void put_tcp(struct line *l, const struct decoded *d)
{
    static const char letters[] = "FSRP.U";
    char flags[7];
    unsigned n = 0;

    for (unsigned i = 0; i < 6; i++)
        if ((d->tcp_flags & 1u << i) && (1u << i) != SEG_ACK)
            flags[n++] = letters[i];
    if (d->tcp_flags & SEG_ACK)
        flags[n++] = '.';
    if (!n)
        flags[n++] = '-';
    flags[n] = 0;
    decode_put(l, "tcp");
    put_ends(l, d, true);
    decode_put(l, " %s seq=%u", flags, d->tcp_seq);
    if (d->tcp_flags & SEG_ACK)
        decode_put(l, " ack=%u", d->tcp_ack);
    decode_put(l, " win=%u", d->tcp_window);
    if (d->tcp_mss)
        decode_put(l, " mss=%u", d->tcp_mss);
    decode_put(l, " len=%zu", d->payload_len);
}

static void put_dhcp(struct line *l, const struct decoded *d)
{
    static const char *const types[] = {"untyped", "discover", "offer",   "request", "decline",
                                        "ack",     "nak",      "release", "inform"};

    decode_put(l, "dhcp %s xid=%08x", types[d->dhcp_type], d->dhcp_xid);
    if (d->dhcp_ciaddr)
        put_addr(l, " ciaddr=", d->dhcp_ciaddr);
    if (d->dhcp_yiaddr)
        put_addr(l, " yiaddr=", d->dhcp_yiaddr);
    if (d->dhcp_requested)
        put_addr(l, " requested=", d->dhcp_requested);
    if (d->dhcp_server)
        put_addr(l, " server=", d->dhcp_server);
    if (d->dhcp_lease_s)
        decode_put(l, " lease=%u", d->dhcp_lease_s);
}

const char *decode_summary(const struct decoded *d, char *buf, size_t size)
{
    struct line l = {.buf = buf, .size = size};

    if (size)
        buf[0] = 0;
    switch (d->layer) {
    case LAYER_OTHER:
        decode_put(&l, "eth type=%04x len=%zu", d->eth_type, d->payload_len);
        break;
    case LAYER_ARP:
        put_arp(&l, d);
        break;
    case LAYER_IPV4:
        decode_put(&l, "ip");
        put_ends(&l, d, false);
        decode_put(&l, " protocol=%u%s len=%zu", d->ip_protocol, d->ip_fragment ? " fragment" : "",
                   d->payload_len);
        break;
    case LAYER_ICMP:
        put_icmp(&l, d);
        break;
    case LAYER_UDP:
        decode_put(&l, "udp");
        put_ends(&l, d, true);
        decode_put(&l, " len=%zu", d->payload_len);
        break;
    case LAYER_TCP:
        put_tcp(&l, d);
        break;
    case LAYER_DHCP:
        put_dhcp(&l, d);
        break;
    }
    if (d->error)
        decode_put(&l, " bad=%s", d->error);
    return buf;
}
