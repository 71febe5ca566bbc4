/*
 * Ethernet II (RFC 894): input: check, strip, dispatch; output: fill the header and send. Priority
 * tags are skipped; no VLAN, no 802.3 length frames.
 */
#include "../base/check.h"
#include "../base/mem.h"
#include "stack.h"

static const uint8_t eth_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* Bytes of a tag with VLAN 0 before the type of a frame. */
static size_t priority_tag(const uint8_t *frame, size_t len)
{
    const struct vlan_tag *tag = (const struct vlan_tag *)(frame + 2 * MAC_LEN);

    if (len < sizeof(struct eth_header) + sizeof(*tag) || be16_get(tag->type) != ETH_TYPE_VLAN ||
        (be16_get(tag->control) & VLAN_ID_MASK) != 0)
        return 0;
    return sizeof(*tag);
}

void eth_input(struct stack *s, const uint8_t *frame, size_t len)
{
    const struct eth_header *eth = (const struct eth_header *)frame;
    size_t tag = priority_tag(frame, len), header = sizeof(*eth) + tag;
    be16 type;
    bool group;

    if (len < sizeof(*eth)) {
        stack_drop(s, DROP_ETH_RUNT);
        return;
    }
    if (len > s->netdev->mtu + header) {
        stack_drop(s, DROP_ETH_GIANT);
        return;
    }
    if ((eth->src[0] & 1) || mem_equal(eth->src, s->netdev->mac, MAC_LEN)) {
        stack_drop(s, DROP_ETH_SOURCE);
        return;
    }
    group = mem_equal(eth->dst, eth_broadcast, MAC_LEN);
    if (!group && !mem_equal(eth->dst, s->netdev->mac, MAC_LEN)) {
        stack_drop(s, DROP_ETH_OTHER);
        return;
    }
    mem_copy(&type, frame + header - sizeof(type), sizeof(type));
    switch (be16_get(type)) {
    case ETH_TYPE_IPV4:
        ipv4_input(s, frame + header, len - header, group ? FROM_WIRE_GROUP : FROM_WIRE);
        break;
    case ETH_TYPE_ARP:
        arp_input(s, frame + header, len - header);
        break;
    default:
        stack_drop(s, DROP_ETH_TYPE);
    }
}

void eth_output(struct stack *s, uint8_t *frame, size_t len, const uint8_t dst[6], uint16_t type)
{
    struct eth_header *eth = (struct eth_header *)frame;

    CHECK(len >= sizeof(*eth));
    CHECK(len <= s->netdev->mtu + sizeof(*eth));
    mem_copy(eth->dst, dst, MAC_LEN);
    mem_copy(eth->src, s->netdev->mac, MAC_LEN);
    eth->type = be16_of(type);
    if (len < ETH_FRAME_MIN) {
        mem_fill(frame + len, 0, ETH_FRAME_MIN - len);
        len = ETH_FRAME_MIN;
    }
    s->netdev->send(s->netdev->ctx, frame, len);
}
