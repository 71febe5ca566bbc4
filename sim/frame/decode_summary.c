/* One line about a decoded frame: see decode.h. */
#include "decode.h"
#include "../../core/base/minmax.h"
#include <stdarg.h>
#include <stdio.h>

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
    if (d->tcp_scale)
        decode_put(l, " scale=%u", d->tcp_scale - 1);
    if (d->tcp_sack_permitted)
        decode_put(l, " sack");
    if (d->tcp_stamped && (d->tcp_flags & SEG_SYN))
        decode_put(l, " ts");
    for (unsigned i = 0; i < d->tcp_sack_count; i++)
        decode_put(l, "%s%u-%u", i ? "," : " sack=", d->tcp_sack[i].start, d->tcp_sack[i].end);
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
