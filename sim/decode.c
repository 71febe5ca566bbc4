/*
 * An independent decoder of Ethernet frames, by RFC offset: see decode.h. Shares nothing with
 * core/net.
 */
#include "decode.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ETH_LEN = 14, ARP_LEN = 28, IP_MIN = 20, ICMP_LEN = 8, UDP_LEN = 8, TCP_MIN = 20 };
enum { DHCP_OPTIONS = 240, DHCP_COOKIE_AT = 236 };

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- checksums ---- */

static uint32_t fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint32_t)sum;
}

uint32_t decode_sum(uint32_t sum, const uint8_t *bytes, size_t len)
{
    uint64_t total = 0, word;
    uint32_t tail;

    /* Native words, swapped once at the end: the sum commutes with a swap of bytes. Two 32-bit
     * halves are added apart, so that no carry is lost in 2^32 words. */
    for (; len >= 8; len -= 8, bytes += 8) {
        memcpy(&word, bytes, 8);
        total += (word & 0xffffffff) + (word >> 32);
    }
    word = 0;
    memcpy(&word, bytes, len);
    total += (word & 0xffffffff) + (word >> 32);
    tail = fold(total);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    tail = (tail & 0xff) << 8 | tail >> 8;
#endif
    return fold((uint64_t)sum + tail);
}

static bool sum_good(const struct decoded *d, const uint8_t *bytes, size_t len, bool pseudo)
{
    uint32_t sum = 0;

    if (pseudo)
        sum = fold((uint64_t)(d->ip_src >> 16) + (d->ip_src & 0xffff) + (d->ip_dst >> 16) +
                   (d->ip_dst & 0xffff) + d->ip_protocol + len);
    return decode_sum(sum, bytes, len) == 0xffff;
}

/* ---- layers ---- */

static void set_error(struct decoded *d, const char *error)
{
    if (!d->error)
        d->error = error;
}

static void decode_arp(struct decoded *d, const uint8_t *p, size_t len)
{
    if (len < ARP_LEN) {
        set_error(d, "arp.length");
        return;
    }
    d->layer = LAYER_ARP;
    if (get16(p) != 1 || get16(p + 2) != 0x0800 || p[4] != 6 || p[5] != 4)
        set_error(d, "arp.format");
    d->arp_op = get16(p + 6);
    memcpy(d->arp_sha, p + 8, 6);
    d->arp_spa = get32(p + 14);
    memcpy(d->arp_tha, p + 18, 6);
    d->arp_tpa = get32(p + 24);
}

static void decode_icmp(struct decoded *d, const uint8_t *p, size_t len)
{
    if (len < ICMP_LEN) {
        set_error(d, "icmp.length");
        return;
    }
    d->layer = LAYER_ICMP;
    d->icmp_type = p[0];
    d->icmp_code = p[1];
    d->icmp_id = get16(p + 4);
    d->icmp_seq = get16(p + 6);
    d->payload = p + ICMP_LEN;
    d->payload_len = len - ICMP_LEN;
    if (!sum_good(d, p, len, false))
        set_error(d, "icmp.checksum");
}

static void dhcp_option(struct decoded *d, uint8_t code, const uint8_t *value, size_t len)
{
    if (code == 53 && len == 1)
        d->dhcp_type = value[0];
    if (len != 4)
        return;
    switch (code) {
    case 50:
        d->dhcp_requested = get32(value);
        break;
    case 51:
        d->dhcp_lease_s = get32(value);
        break;
    case 54:
        d->dhcp_server = get32(value);
        break;
    case 58:
        d->dhcp_t1_s = get32(value);
        break;
    case 59:
        d->dhcp_t2_s = get32(value);
        break;
    default:
        break;
    }
}

static void decode_dhcp(struct decoded *d, const uint8_t *p, size_t len)
{
    static const uint8_t cookie[4] = {0x63, 0x82, 0x53, 0x63};
    size_t i = DHCP_OPTIONS;

    if (len < DHCP_OPTIONS || memcmp(p + DHCP_COOKIE_AT, cookie, 4)) {
        set_error(d, "dhcp.format");
        return;
    }
    d->layer = LAYER_DHCP;
    d->dhcp_xid = get32(p + 4);
    d->dhcp_ciaddr = get32(p + 12);
    d->dhcp_yiaddr = get32(p + 16);
    while (i < len && p[i] != 255) {
        if (p[i] == 0) {
            i++;
            continue;
        }
        if (i + 2 > len || p[i + 1] > len - i - 2) {
            set_error(d, "dhcp.options");
            return;
        }
        dhcp_option(d, p[i], p + i + 2, p[i + 1]);
        i += 2u + p[i + 1];
    }
    if (!d->dhcp_type)
        set_error(d, "dhcp.type");
}

static void decode_udp(struct decoded *d, const uint8_t *p, size_t len)
{
    if (len < UDP_LEN || get16(p + 4) < UDP_LEN || get16(p + 4) > len) {
        set_error(d, "udp.length");
        return;
    }
    d->layer = LAYER_UDP;
    d->src_port = get16(p);
    d->dst_port = get16(p + 2);
    d->udp_len = get16(p + 4);
    d->payload = p + UDP_LEN;
    d->payload_len = d->udp_len - (size_t)UDP_LEN;
    if (get16(p + 6) && !sum_good(d, p, d->udp_len, true))
        set_error(d, "udp.checksum");
    else if ((d->src_port == 67 && d->dst_port == 68) || (d->src_port == 68 && d->dst_port == 67))
        decode_dhcp(d, d->payload, d->payload_len);
}

static void tcp_options(struct decoded *d, const uint8_t *p, size_t len)
{
    size_t i = 0;

    while (i < len && p[i] != 0) {
        if (p[i] == 1) {
            i++;
            continue;
        }
        if (i + 2 > len || p[i + 1] < 2 || p[i + 1] > len - i) {
            set_error(d, "tcp.options");
            return;
        }
        if (p[i] == 2 && p[i + 1] == 4)
            d->tcp_mss = get16(p + i + 2);
        i += p[i + 1];
    }
}

static void decode_tcp(struct decoded *d, const uint8_t *p, size_t len)
{
    size_t header = len < TCP_MIN ? 0 : (p[12] >> 4) * 4u;

    if (header < TCP_MIN || header > len) {
        set_error(d, len < TCP_MIN ? "tcp.length" : "tcp.offset");
        return;
    }
    d->layer = LAYER_TCP;
    d->src_port = get16(p);
    d->dst_port = get16(p + 2);
    d->tcp_seq = get32(p + 4);
    d->tcp_ack = get32(p + 8);
    d->tcp_header_len = (uint8_t)header;
    d->tcp_flags = p[13];
    d->tcp_window = get16(p + 14);
    d->payload = p + header;
    d->payload_len = len - header;
    if (!sum_good(d, p, len, true))
        set_error(d, "tcp.checksum");
    tcp_options(d, p + TCP_MIN, header - TCP_MIN);
}

static void decode_ipv4(struct decoded *d, const uint8_t *p, size_t len)
{
    size_t header = len < IP_MIN ? 0 : (p[0] & 15) * 4u, total;

    if (len < IP_MIN || p[0] >> 4 != 4 || header < IP_MIN || header > len) {
        set_error(d, "ip.header");
        return;
    }
    total = get16(p + 2);
    if (total < header || total > len) {
        set_error(d, "ip.length");
        return;
    }
    d->layer = LAYER_IPV4;
    d->ip_header_len = (uint8_t)header;
    d->ip_total_len = (uint16_t)total;
    d->ip_id = get16(p + 4);
    d->ip_fragment = get16(p + 6) & 0x3fff;
    d->ip_ttl = p[8];
    d->ip_protocol = p[9];
    d->ip_src = get32(p + 12);
    d->ip_dst = get32(p + 16);
    d->ip_end = ETH_LEN + total;
    d->payload = p + header;
    d->payload_len = total - header;
    if (decode_sum(0, p, header) != 0xffff)
        set_error(d, "ip.checksum");
    if (d->ip_fragment)
        return;
    if (d->ip_protocol == 1)
        decode_icmp(d, d->payload, d->payload_len);
    else if (d->ip_protocol == 6)
        decode_tcp(d, d->payload, d->payload_len);
    else if (d->ip_protocol == 17)
        decode_udp(d, d->payload, d->payload_len);
}

void decode_frame(const uint8_t *frame, size_t len, struct decoded *d)
{
    memset(d, 0, sizeof(*d));
    if (len < ETH_LEN) {
        d->error = "eth.length";
        return;
    }
    memcpy(d->eth_dst, frame, 6);
    memcpy(d->eth_src, frame + 6, 6);
    d->eth_type = get16(frame + 12);
    d->payload = frame + ETH_LEN;
    d->payload_len = len - ETH_LEN;
    if (d->eth_type == 0x0806)
        decode_arp(d, frame + ETH_LEN, len - ETH_LEN);
    else if (d->eth_type == 0x0800)
        decode_ipv4(d, frame + ETH_LEN, len - ETH_LEN);
}

/* ---- words ---- */

const char *const decode_words[] = {
    "any",           "arp",       "arp.request",  "arp.reply",   "ip",
    "icmp",          "icmp.echo", "icmp.reply",   "icmp.error",  "udp",
    "dhcp",          "dhcp.discover", "dhcp.offer", "dhcp.request", "dhcp.decline",
    "dhcp.ack",      "dhcp.nak",  "dhcp.release", "tcp",         "tcp.syn",
    "tcp.synack",    "tcp.ack",   "tcp.data",     "tcp.fin",     "tcp.rst",
    NULL,
};

static const char *const dhcp_names[] = {"?",   "discover", "offer",   "request", "decline",
                                         "ack", "nak",      "release", "inform"};

static const char *dhcp_name(const struct decoded *d)
{
    return dhcp_names[d->dhcp_type < 9 ? d->dhcp_type : 0];
}

static bool tcp_matches(const struct decoded *d, const char *kind)
{
    unsigned f = d->tcp_flags;

    if (strcmp(kind, "syn") == 0)
        return (f & (SEG_SYN | SEG_ACK)) == SEG_SYN;
    if (strcmp(kind, "synack") == 0)
        return (f & (SEG_SYN | SEG_ACK)) == (SEG_SYN | SEG_ACK);
    if (strcmp(kind, "ack") == 0)
        return (f & SEG_ACK) && !(f & (SEG_SYN | SEG_FIN | SEG_RST)) && d->payload_len == 0;
    if (strcmp(kind, "data") == 0)
        return d->payload_len > 0;
    if (strcmp(kind, "fin") == 0)
        return f & SEG_FIN;
    return strcmp(kind, "rst") == 0 && (f & SEG_RST);
}

bool decode_matches(const struct decoded *d, const char *word)
{
    const char *dot = strchr(word, '.');
    size_t n = dot ? (size_t)(dot - word) : strlen(word);
    const char *kind = dot ? dot + 1 : NULL;

#define IS(name) (n == sizeof(name) - 1 && memcmp(word, name, n) == 0)
    if (IS("any"))
        return true;
    if (IS("arp"))
        return d->layer == LAYER_ARP && (!kind || d->arp_op == (strcmp(kind, "request") ? 2 : 1));
    if (IS("ip"))
        return d->layer >= LAYER_IPV4;
    if (IS("icmp"))
        return d->layer == LAYER_ICMP &&
               (!kind || (strcmp(kind, "echo") == 0    ? d->icmp_type == 8
                          : strcmp(kind, "reply") == 0 ? d->icmp_type == 0
                                                       : d->icmp_type == 3 || d->icmp_type == 11 ||
                                                             d->icmp_type == 12));
    if (IS("udp"))
        return d->layer == LAYER_UDP || d->layer == LAYER_DHCP;
    if (IS("dhcp"))
        return d->layer == LAYER_DHCP && (!kind || strcmp(kind, dhcp_name(d)) == 0);
    if (IS("tcp"))
        return d->layer == LAYER_TCP && (!kind || tcp_matches(d, kind));
#undef IS
    return false;
}

/* ---- one line ---- */

struct out {
    char *buf;
    size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *format, ...)
{
    va_list args;
    int n;

    if (o->len + 1 >= o->size)
        return;
    va_start(args, format);
    n = vsnprintf(o->buf + o->len, o->size - o->len, format, args);
    va_end(args);
    if (n > 0)
        o->len = o->len + (size_t)n < o->size ? o->len + (size_t)n : o->size - 1;
}

static void put_addr(struct out *o, uint32_t a)
{
    put(o, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

static void put_ends(struct out *o, const struct decoded *d, bool ports)
{
    put_addr(o, d->ip_src);
    if (ports)
        put(o, ":%u", d->src_port);
    put(o, " > ");
    put_addr(o, d->ip_dst);
    if (ports)
        put(o, ":%u", d->dst_port);
}

static void put_tcp(struct out *o, const struct decoded *d)
{
    static const char letters[] = "FSRPAU";

    put(o, "tcp ");
    put_ends(o, d, true);
    put(o, " ");
    for (unsigned i = 0; i < 6; i++)
        if (d->tcp_flags & 1u << i)
            put(o, "%c", letters[i]);
    if (!(d->tcp_flags & 63))
        put(o, "-");
    put(o, " seq=%u", d->tcp_seq);
    if (d->tcp_flags & SEG_ACK)
        put(o, " ack=%u", d->tcp_ack);
    put(o, " win=%u", d->tcp_window);
    if (d->tcp_mss)
        put(o, " mss=%u", d->tcp_mss);
    put(o, " len=%zu", d->payload_len);
}

static void put_dhcp(struct out *o, const struct decoded *d)
{
    put(o, "dhcp %s xid=%08x", dhcp_name(d), d->dhcp_xid);
    if (d->dhcp_ciaddr) {
        put(o, " ciaddr=");
        put_addr(o, d->dhcp_ciaddr);
    }
    if (d->dhcp_requested) {
        put(o, " requested=");
        put_addr(o, d->dhcp_requested);
    }
    if (d->dhcp_yiaddr) {
        put(o, " yiaddr=");
        put_addr(o, d->dhcp_yiaddr);
    }
    if (d->dhcp_server) {
        put(o, " server=");
        put_addr(o, d->dhcp_server);
    }
    if (d->dhcp_lease_s)
        put(o, " lease=%us", d->dhcp_lease_s);
}

const char *decode_summary(const struct decoded *d, char *buf, size_t size)
{
    struct out o = {buf, size, 0};

    buf[0] = 0;
    switch (d->layer) {
    case LAYER_ARP:
        put(&o, d->arp_op == 1 ? "arp who-has " : "arp reply ");
        put_addr(&o, d->arp_op == 1 ? d->arp_tpa : d->arp_spa);
        if (d->arp_op == 1) {
            put(&o, " tell ");
            put_addr(&o, d->arp_spa);
        } else {
            put(&o, " is-at %02x:%02x:%02x:%02x:%02x:%02x", d->arp_sha[0], d->arp_sha[1],
                d->arp_sha[2], d->arp_sha[3], d->arp_sha[4], d->arp_sha[5]);
        }
        break;
    case LAYER_ICMP:
        put(&o, "icmp ");
        put_ends(&o, d, false);
        if (d->icmp_type == 8 || d->icmp_type == 0)
            put(&o, " echo %s id=%u seq=%u len=%zu", d->icmp_type ? "request" : "reply",
                d->icmp_id, d->icmp_seq, d->payload_len);
        else
            put(&o, " type=%u code=%u", d->icmp_type, d->icmp_code);
        break;
    case LAYER_UDP:
        put(&o, "udp ");
        put_ends(&o, d, true);
        put(&o, " len=%zu", d->payload_len);
        break;
    case LAYER_DHCP:
        put_dhcp(&o, d);
        break;
    case LAYER_TCP:
        put_tcp(&o, d);
        break;
    case LAYER_IPV4:
        put(&o, "ip ");
        put_ends(&o, d, false);
        put(&o, " protocol=%u len=%zu%s", d->ip_protocol, d->payload_len,
            d->ip_fragment ? " fragment" : "");
        break;
    case LAYER_OTHER:
        put(&o, "ethernet type=0x%04x len=%zu", d->eth_type, d->payload_len);
        break;
    }
    if (d->error)
        put(&o, " [%s]", d->error);
    return buf;
}
