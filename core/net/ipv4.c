/* IPv4: see ipv4.h. */
#include "ipv4.h"
#include "../base/check.h"
#include "../base/checksum.h"
#include "../base/err.h"
#include "../base/mem.h"

static const uint8_t link_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

enum { IP_OPTION_END = 0, IP_OPTION_NOP = 1, IP_OPTION_LSRR = 131, IP_OPTION_SSRR = 137 };

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

static uint64_t header_sum(const uint8_t *header, size_t len)
{
    uint64_t sum = checksum_20(header);
    uint32_t word;

    for (size_t at = sizeof(struct ipv4_header); at < len; at += sizeof(word)) {
        mem_copy(&word, header + at, sizeof(word));
        sum = checksum_carry(sum, word);
    }
    return sum;
}

/* DROP_COUNT if the packet is well formed, else the reason to drop it. *out but for how it came. */
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
    if (!checksum_good(header_sum(packet, header_len)))
        return DROP_IP_CHECKSUM;
    out->header = packet;
    out->header_len = header_len;
    out->payload = packet + header_len;
    out->len = total - header_len;
    out->src = be32_get(ip->src);
    out->dst = be32_get(ip->dst);
    out->piece = be16_get(ip->flags_offset) & (IP_FLAG_MF | IP_OFFSET_MASK);
    out->protocol = ip->protocol;
    return DROP_COUNT;
}

/* Check source and destination: DROP_COUNT, or the reason to drop. RFC 1122 section 3.2.1.3. */
static enum drop_reason address_check(const struct net *n, const struct ipv4_packet *p,
                                      enum ipv4_way way)
{
    if (way == FROM_LOOPBACK) /* our address may have been lost while it was queued */
        return ipv4_is_own(n, p->dst) ? DROP_COUNT : DROP_IP_DESTINATION;
    if (!ipv4_is_host(p->src) || (n->addr && p->src == n->addr) ||
        (n->addr && ipv4_is_broadcast(n, p->src)))
        return DROP_IP_SOURCE;
    /* Without an address only DHCP is received; the server may already send to the address that it
     * offers: RFC 2131 section 4.1. The client checks everything else. */
    if (n->addr == 0)
        return p->protocol == IP_PROTOCOL_UDP && (p->broadcast || ipv4_is_host(p->dst))
                   ? DROP_COUNT
                   : DROP_IP_DESTINATION;
    if (p->broadcast)
        return DROP_COUNT;
    if (p->dst != n->addr)
        return DROP_IP_DESTINATION;
    return way == FROM_WIRE_GROUP ? DROP_IP_BROADCAST_FRAME : DROP_COUNT; /* section 3.3.6 */
}

struct verdict ipv4_input(const struct ipv4 *ip, const uint8_t *packet, size_t len,
                          enum ipv4_way way, struct ipv4_packet *out)
{
    const struct ipv4_header *header = (const struct ipv4_header *)packet;
    enum drop_reason reason = header_check(packet, len, out);

    if (reason != DROP_COUNT)
        return verdict_drop(reason);
    out->broadcast = ipv4_is_broadcast(ip->net, out->dst);
    out->looped = way == FROM_LOOPBACK;
    reason = address_check(ip->net, out, way);
    if (reason != DROP_COUNT)
        return verdict_drop(reason);
    if (out->header_len > sizeof(*header) &&
        source_routed(packet + sizeof(*header), out->header_len - sizeof(*header)))
        return verdict_drop(DROP_IP_SOURCE_ROUTE);
    return VERDICT_ACCEPTED;
}

/* ---- output ---- */

uint16_t ipv4_mtu(const struct ipv4 *ip, uint32_t dst)
{
    return ipv4_is_own(ip->net, dst) ? ip->loopback->netdev.mtu : ip->mtu;
}

uint8_t *ipv4_alloc_answer(struct ipv4 *ip, uint32_t dst)
{
    struct netdev *dev = ipv4_route(ip, dst);
    uint8_t *frame = dev->alloc(dev->ctx);

    if (!frame)
        net_drop(ip->net, dev == ip->dev ? DROP_TX_FULL : DROP_LOOPBACK_FULL);
    return frame;
}

static void header_build(struct ipv4 *ip, uint8_t *frame, uint32_t src, uint32_t dst,
                         uint8_t protocol, size_t payload_len)
{
    struct ipv4_header *h = (struct ipv4_header *)(frame + FRAME_IP);

    *h = (struct ipv4_header){
        .version_ihl = 4 << 4 | sizeof(*h) / 4,
        .total_len = be16_of((uint16_t)(sizeof(*h) + payload_len)),
        .id = be16_of(ip->id++),
        .flags_offset = be16_of(IP_FLAG_DF), /* we neither fragment nor reassemble */
        .ttl = IPV4_TTL,
        .protocol = protocol,
        .src = be32_of(src),
        .dst = be32_of(dst),
    };
    h->checksum = checksum_finish(checksum_20(h));
}

int ipv4_output(struct ipv4 *ip, uint8_t *frame, uint32_t src, uint32_t dst, uint8_t protocol,
                size_t payload_len)
{
    struct netdev *dev = ipv4_route(ip, dst);
    size_t len = FRAME_IP_PAYLOAD + payload_len;
    uint32_t next_hop;

    CHECK(len <= dev->mtu + (size_t)FRAME_IP);
    header_build(ip, frame, src, dst, protocol, payload_len);
    if (dev->ip_only && ipv4_has_route(ip, dst)) {
        dev->send(dev->ctx, frame, len);
        return 0;
    }
    if (!dev->ip_only && ipv4_is_broadcast(ip->net, dst)) {
        eth_output(ip->arp->eth, frame, len, link_broadcast, ETH_TYPE_IPV4);
        return 0;
    }
    next_hop = ((dst ^ ip->net->addr) & ip->net->mask) == 0 ? dst : ip->net->gateway;
    if (ip->net->addr && next_hop) {
        arp_output(ip->arp, frame, len, next_hop);
        return 0;
    }
    dev->free(dev->ctx, frame);
    net_drop(ip->net, DROP_IP_NO_ROUTE);
    return ERR_UNREACH;
}
