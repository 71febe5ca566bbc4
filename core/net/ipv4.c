/*
 * IPv4 for a host (RFC 791; RFC 1122 section 3.2.1): no options are sent, received ones are
 * skipped, source-routed packets and fragments are dropped (docs/limits.md).
 */
#include "../base/check.h"
#include "../base/checksum.h"
#include "../base/mem.h"
#include "stack.h"

static const uint8_t link_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

enum { IP_OPTION_END = 0, IP_OPTION_NOP = 1, IP_OPTION_LSRR = 131, IP_OPTION_SSRR = 137 };

bool ipv4_is_host(uint32_t addr)
{
    uint32_t top = addr >> 24;

    return top != 0 && top != 127 && top < 224;
}

bool ipv4_is_loopback(uint32_t addr)
{
    return addr >> 24 == 127;
}

bool ipv4_is_broadcast(const struct stack *s, uint32_t addr)
{
    if (addr == IPV4_BROADCAST)
        return true;
    return s->addr && ~s->mask > 1 && /* a network of one or two hosts has none: RFC 3021 */
           (addr == (s->addr | ~s->mask) || addr == (s->addr & s->mask));
}

bool ipv4_is_destination(const struct stack *s, uint32_t addr)
{
    return ipv4_is_loopback(addr) || (ipv4_is_host(addr) && !ipv4_is_broadcast(s, addr));
}

/* True if `addr` is this host, in a packet of any origin. */
static bool is_own(const struct stack *s, uint32_t addr)
{
    return ipv4_is_loopback(addr) || (s->addr && addr == s->addr);
}

/* Walk the options, bounded by the header; a malformed one ends the walk, since options are
 * otherwise skipped. */
static bool source_routed(const uint8_t *option, size_t len)
{
    size_t i = 0;

    while (i < len && option[i] != IP_OPTION_END) {
        if (option[i] == IP_OPTION_LSRR || option[i] == IP_OPTION_SSRR)
            return true;
        if (option[i] == IP_OPTION_NOP) {
            i++;
            continue;
        }
        if (i + 1 >= len || option[i + 1] < 2)
            return false;
        i += option[i + 1];
    }
    return false;
}

/* DROP_COUNT if the packet is well formed, else the reason to drop it. */
static enum drop_reason header_check(const uint8_t *packet, size_t len, struct ipv4_packet *out)
{
    const struct ipv4_header *ip = (const struct ipv4_header *)packet;
    size_t header_len, total;

    if (len < sizeof(*ip))
        return DROP_IP_SHORT;
    if (ip->version_ihl >> 4 != 4)
        return DROP_IP_VERSION;
    header_len = (ip->version_ihl & 15) * 4u;
    if (header_len < sizeof(*ip) || header_len > len)
        return DROP_IP_HEADER_LEN;
    total = be16_get(ip->total_len);
    if (total < header_len || total > len)
        return DROP_IP_TOTAL_LEN;
    if (!checksum_good(checksum_add(0, packet, header_len)))
        return DROP_IP_CHECKSUM;
    *out = (struct ipv4_packet){
        .header = packet,
        .header_len = header_len,
        .payload = packet + header_len,
        .len = total - header_len,
        .src = be32_get(ip->src),
        .dst = be32_get(ip->dst),
    };
    return DROP_COUNT;
}

/* Check source and destination: DROP_COUNT, or the reason to drop. RFC 1122 section 3.2.1.3. */
static enum drop_reason address_check(const struct stack *s, const struct ipv4_packet *p,
                                      enum ipv4_way way)
{
    const struct ipv4_header *ip = (const struct ipv4_header *)p->header;

    if (way == FROM_LOOPBACK) /* our address may have been lost while it was queued */
        return is_own(s, p->dst) ? DROP_COUNT : DROP_IP_DESTINATION;
    if (!ipv4_is_host(p->src) || (s->addr && p->src == s->addr) ||
        (s->addr && ipv4_is_broadcast(s, p->src)))
        return DROP_IP_SOURCE;
    /* Without an address only DHCP is received; the server may already send to the address that it
     * offers: RFC 2131 section 4.1. The client checks everything else. */
    if (s->addr == 0)
        return ip->protocol == IP_PROTOCOL_UDP && (p->broadcast || ipv4_is_host(p->dst))
                   ? DROP_COUNT
                   : DROP_IP_DESTINATION;
    if (p->broadcast)
        return DROP_COUNT;
    if (p->dst != s->addr)
        return DROP_IP_DESTINATION;
    return way == FROM_WIRE_GROUP ? DROP_IP_BROADCAST_FRAME : DROP_COUNT; /* section 3.3.6 */
}

void ipv4_input(struct stack *s, const uint8_t *packet, size_t len, enum ipv4_way way)
{
    struct ipv4_packet p;
    enum drop_reason reason = header_check(packet, len, &p);
    const struct ipv4_header *ip = (const struct ipv4_header *)packet;

    if (reason == DROP_COUNT) {
        p.broadcast = ipv4_is_broadcast(s, p.dst);
        p.looped = way == FROM_LOOPBACK;
        reason = address_check(s, &p, way);
    }
    if (reason == DROP_COUNT && (be16_get(ip->flags_offset) & (IP_FLAG_MF | IP_OFFSET_MASK)))
        reason = DROP_IP_FRAGMENT;
    if (reason == DROP_COUNT && source_routed(packet + sizeof(*ip), p.header_len - sizeof(*ip)))
        reason = DROP_IP_SOURCE_ROUTE;
    if (reason != DROP_COUNT) {
        stack_drop(s, reason);
        return;
    }
    switch (ip->protocol) {
    case IP_PROTOCOL_TCP:
        tcp_input(s, &p);
        break;
    case IP_PROTOCOL_UDP:
        udp_input(s, &p);
        break;
    case IP_PROTOCOL_ICMP:
        icmp_input(s, &p);
        break;
    default:
        stack_drop(s, DROP_IP_PROTOCOL);
        icmp_unreachable(s, &p, ICMP_UNREACHABLE_PROTOCOL);
    }
}

/* ---- output ---- */

struct netdev *ipv4_route(struct stack *s, uint32_t dst)
{
    return is_own(s, dst) ? &s->loopback.netdev : s->netdev;
}

bool ipv4_has_route(const struct stack *s, uint32_t dst)
{
    return is_own(s, dst) || (s->addr && (((dst ^ s->addr) & s->mask) == 0 || s->gateway));
}

uint8_t *ipv4_alloc_answer(struct stack *s, uint32_t dst)
{
    struct netdev *dev = ipv4_route(s, dst);
    uint8_t *frame = dev->alloc(dev->ctx);

    if (!frame)
        stack_drop(s, dev == s->netdev ? DROP_TX_FULL : DROP_LOOPBACK_FULL);
    return frame;
}

uint32_t ipv4_source(const struct stack *s, uint32_t dst)
{
    return ipv4_is_loopback(dst) ? IPV4_LOOPBACK : s->addr;
}

static void header_build(struct stack *s, uint8_t *frame, uint32_t src, uint32_t dst,
                         uint8_t protocol, size_t payload_len)
{
    struct ipv4_header *ip = (struct ipv4_header *)(frame + FRAME_IP);

    *ip = (struct ipv4_header){
        .version_ihl = 4 << 4 | sizeof(*ip) / 4,
        .total_len = be16_of((uint16_t)(sizeof(*ip) + payload_len)),
        .id = be16_of(s->ip_id++),
        .flags_offset = be16_of(IP_FLAG_DF), /* we neither fragment nor reassemble */
        .ttl = IP_TTL,
        .protocol = protocol,
        .src = be32_of(src),
        .dst = be32_of(dst),
    };
    ip->checksum = checksum_finish(checksum_add(0, ip, sizeof(*ip)));
}

int ipv4_output(struct stack *s, uint8_t *frame, uint32_t src, uint32_t dst, uint8_t protocol,
                size_t payload_len)
{
    struct netdev *dev = ipv4_route(s, dst);
    size_t len = FRAME_IP_PAYLOAD + payload_len;

    CHECK(len <= dev->mtu + (size_t)FRAME_IP);
    header_build(s, frame, src, dst, protocol, payload_len);
    if (dev != s->netdev) {
        dev->send(dev->ctx, frame, len);
        return 0;
    }
    if (ipv4_is_broadcast(s, dst)) {
        eth_output(s, frame, len, link_broadcast, ETH_TYPE_IPV4);
        return 0;
    }
    if (s->addr && ((dst ^ s->addr) & s->mask) == 0) {
        arp_output(s, frame, len, dst);
        return 0;
    }
    if (s->addr && s->gateway) {
        arp_output(s, frame, len, s->gateway);
        return 0;
    }
    dev->free(dev->ctx, frame);
    stack_drop(s, DROP_IP_NO_ROUTE);
    return ERR_UNREACH;
}
