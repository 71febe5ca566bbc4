/* Ethernet: input: check and strip; output: fill the header and send. See eth.h. */
#include "eth.h"
#include "../base/check.h"
#include "../base/mem.h"

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

struct verdict eth_input(const struct eth *e, const uint8_t *frame, size_t len,
                         struct eth_payload *out)
{
    const struct eth_header *eth = (const struct eth_header *)frame;
    size_t tag = priority_tag(frame, len), header = sizeof(*eth) + tag;
    be16 type;

    if (len < sizeof(*eth))
        return verdict_drop(DROP_ETH_RUNT);
    if (len > e->dev->mtu + header)
        return verdict_drop(DROP_ETH_GIANT);
    if ((eth->src[0] & 1) || mem_equal(eth->src, e->dev->mac, MAC_LEN))
        return verdict_drop(DROP_ETH_SOURCE);
    mem_copy(&type, frame + header - sizeof(type), sizeof(type));
    *out = (struct eth_payload){
        .type = be16_get(type),
        .group = mem_equal(eth->dst, eth_broadcast, MAC_LEN),
        .bytes = frame + header,
        .len = len - header,
    };
    if (!out->group && !mem_equal(eth->dst, e->dev->mac, MAC_LEN))
        return verdict_drop(DROP_ETH_OTHER);
    return VERDICT_ACCEPTED;
}

void eth_output(struct eth *e, uint8_t *frame, size_t len, const uint8_t dst[6], uint16_t type)
{
    struct eth_header *eth = (struct eth_header *)frame;

    CHECK(len >= sizeof(*eth));
    CHECK(len <= e->dev->mtu + sizeof(*eth));
    mem_copy(eth->dst, dst, MAC_LEN);
    mem_copy(eth->src, e->dev->mac, MAC_LEN);
    eth->type = be16_of(type);
    if (len < ETH_FRAME_MIN) {
        mem_fill(frame + len, 0, ETH_FRAME_MIN - sizeof(*eth)); /* enough; a constant is faster */
        len = ETH_FRAME_MIN;
    }
    e->dev->send(e->dev->ctx, frame, len);
}
