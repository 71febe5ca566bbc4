/* ARP: see arp.h. */
#include "../base/check.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../base/mem.h"
#include "../trace/trace.h"
#include "stack.h"

enum { ARP_TRIES_MAX = 3 };

#define ARP_ASK_INTERVAL_NS    NS_PER_S         /* RFC 1122 section 2.3.2.1: one a second */
#define ARP_REACHABLE_NS       (60 * NS_PER_S)  /* a reply is valid for a minute */
#define ARP_STALE_NS           (600 * NS_PER_S) /* an unused entry is dropped */
#define ARP_DEFEND_INTERVAL_NS (10 * NS_PER_S)  /* RFC 5227 section 2.4(c) */

static const uint8_t arp_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t arp_unknown[6];

void arp_init(struct arp_cache *c)
{
    mem_fill(c, 0, sizeof(*c));
}

static struct arp_entry *arp_find(struct stack *s, uint32_t addr)
{
    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        if (s->arp.entry[i].state != ARP_FREE && s->arp.entry[i].addr == addr)
            return &s->arp.entry[i];
    return 0;
}

static void drop_parked(struct stack *s, struct arp_entry *e)
{
    if (!e->parked)
        return;
    s->netdev->free(s->netdev->ctx, e->parked);
    e->parked = 0;
    stack_drop(s, DROP_ARP_PARKED);
}

static void entry_free(struct stack *s, struct arp_entry *e)
{
    drop_parked(s, e);
    mem_fill(e, 0, sizeof(*e));
}

/* A slot for `addr`: a free one, else the least recently used. The gateway's entry is never taken,
 * so that a flood of requests cannot cut us off. */
static struct arp_entry *arp_make(struct stack *s, uint32_t addr)
{
    struct arp_entry *best = 0;

    for (unsigned i = 0; i < ARP_ENTRIES; i++) {
        struct arp_entry *e = &s->arp.entry[i];

        if (e->state == ARP_FREE) {
            CHECK(!e->parked);
            CHECK(e->addr == 0);
            best = e;
            break;
        }
        if (e->addr != s->gateway && (!best || e->used_ns < best->used_ns))
            best = e;
    }
    CHECK(best);
    entry_free(s, best);
    best->addr = addr;
    best->used_ns = s->now_ns;
    return best;
}

void arp_flush(struct stack *s)
{
    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        if (s->arp.entry[i].state != ARP_FREE)
            entry_free(s, &s->arp.entry[i]);
}

static void arp_send(struct stack *s, uint16_t op, const uint8_t dst[6], const uint8_t tha[6],
                     uint32_t tpa)
{
    uint8_t *frame = s->netdev->alloc(s->netdev->ctx);
    struct arp_packet *arp;

    if (!frame) {
        stack_drop(s, DROP_TX_FULL);
        return;
    }
    arp = (struct arp_packet *)(frame + FRAME_IP);
    *arp = (struct arp_packet){
        .htype = be16_of(ARP_HTYPE_ETHERNET),
        .ptype = be16_of(ETH_TYPE_IPV4),
        .hlen = MAC_LEN,
        .plen = 4,
        .op = be16_of(op),
        .spa = be32_of(s->addr),
        .tpa = be32_of(tpa),
    };
    mem_copy(arp->sha, s->netdev->mac, MAC_LEN);
    mem_copy(arp->tha, tha, MAC_LEN);
    eth_output(s, frame, FRAME_IP + sizeof(*arp), dst, ETH_TYPE_ARP);
}

static void arp_ask(struct stack *s, struct arp_entry *e)
{
    e->asked_ns = s->now_ns;
    e->tries++;
    arp_send(s, ARP_REQUEST, arp_broadcast, arp_unknown, e->addr);
}

static bool may_ask(const struct stack *s, const struct arp_entry *e)
{
    return e->asked_ns == 0 || s->now_ns >= e->asked_ns + ARP_ASK_INTERVAL_NS;
}

void arp_output(struct stack *s, uint8_t *frame, size_t len, uint32_t addr)
{
    struct arp_entry *e = arp_find(s, addr);

    if (!e)
        e = arp_make(s, addr);
    e->used_ns = s->now_ns;
    if (e->state == ARP_REACHABLE || e->state == ARP_STALE) {
        if (e->state == ARP_STALE && may_ask(s, e))
            arp_ask(s, e);
        eth_output(s, frame, len, e->mac, ETH_TYPE_IPV4);
        return;
    }
    drop_parked(s, e); /* the latest one is kept: RFC 1122 section 2.3.2.2 */
    e->parked = frame;
    e->parked_len = len;
    if (e->state == ARP_INCOMPLETE)
        return;
    e->state = ARP_INCOMPLETE;
    e->tries = 0;
    if (may_ask(s, e))
        arp_ask(s, e);
}

static void arp_learn(struct stack *s, struct arp_entry *e, const uint8_t mac[6])
{
    bool news = !e->marked || !mem_equal(e->mac, mac, MAC_LEN);

    mem_copy(e->mac, mac, MAC_LEN);
    e->state = ARP_REACHABLE;
    e->answered_ns = s->now_ns;
    e->tries = 0;
    if (news)
        TRACE(s->platform, TRACE_ARP_RESOLVED, e->addr, trace_mac(mac));
    e->marked = true;
    if (e->parked) {
        uint8_t *frame = e->parked;

        e->parked = 0;
        eth_output(s, frame, e->parked_len, e->mac, ETH_TYPE_IPV4);
    }
}

/* Another host claims our address: announce ours once in ten seconds, never give it up silently and
 * never learn from the packet (RFC 5227 section 2.4). */
static void arp_conflict(struct stack *s, const uint8_t mac[6])
{
    stack_drop(s, DROP_ARP_CONFLICT);
    if (s->arp.defended_ns && s->now_ns < s->arp.defended_ns + ARP_DEFEND_INTERVAL_NS)
        return;
    s->arp.defended_ns = s->now_ns;
    TRACE(s->platform, TRACE_ARP_CONFLICT, s->addr, trace_mac(mac));
    arp_announce(s);
}

void arp_announce(struct stack *s)
{
    arp_send(s, ARP_REQUEST, arp_broadcast, arp_unknown, s->addr);
}

static bool arp_check(struct stack *s, const struct arp_packet *arp, size_t len)
{
    if (len < sizeof(*arp)) {
        stack_drop(s, DROP_ARP_SHORT);
        return false;
    }
    if (be16_get(arp->htype) != ARP_HTYPE_ETHERNET || be16_get(arp->ptype) != ETH_TYPE_IPV4 ||
        arp->hlen != MAC_LEN || arp->plen != 4) {
        stack_drop(s, DROP_ARP_FORMAT);
        return false;
    }
    if (be16_get(arp->op) != ARP_REQUEST && be16_get(arp->op) != ARP_REPLY) {
        stack_drop(s, DROP_ARP_OP);
        return false;
    }
    /* No host has a group address (threats A7), and no other host has ours. */
    if ((arp->sha[0] & 1) || mem_equal(arp->sha, s->netdev->mac, MAC_LEN)) {
        stack_drop(s, DROP_ARP_ADDRESS);
        return false;
    }
    return true;
}

/* In the order of RFC 826 "Packet Reception", with the restraint described in arp.h. */
void arp_input(struct stack *s, const uint8_t *packet, size_t len)
{
    const struct arp_packet *arp = (const struct arp_packet *)packet;
    struct arp_entry *e;
    uint32_t spa, tpa;
    bool request, for_us;

    if (!arp_check(s, arp, len))
        return;
    spa = be32_get(arp->spa);
    tpa = be32_get(arp->tpa);
    request = be16_get(arp->op) == ARP_REQUEST;
    for_us = s->addr != 0 && tpa == s->addr;

    if (s->addr && spa == s->addr) {
        arp_conflict(s, arp->sha);
        return;
    }
    if (spa == 0) { /* a probe: send a reply, learn nothing from it */
        if (request && for_us)
            arp_send(s, ARP_REPLY, arp->sha, arp->sha, 0);
        return;
    }
    if (!ipv4_is_host(spa) || (s->addr && ((spa ^ s->addr) & s->mask) && spa != s->gateway)) {
        if (request && for_us && ipv4_is_host(spa)) /* of another network on this link: RFC 826 */
            arp_send(s, ARP_REPLY, arp->sha, arp->sha, spa);
        else
            stack_drop(s, DROP_ARP_ADDRESS);
        return;
    }
    e = arp_find(s, spa);
    if (!e && request && for_us)
        e = arp_make(s, spa);
    if (e)
        arp_learn(s, e, arp->sha);
    else if (!request)
        stack_drop(s, DROP_ARP_UNASKED);
    else if (!for_us)
        stack_drop(s, DROP_ARP_OTHER);
    if (request && for_us)
        arp_send(s, ARP_REPLY, arp->sha, arp->sha, spa);
}

/* ---- time ---- */

static uint64_t entry_deadline(const struct arp_entry *e)
{
    switch (e->state) {
    case ARP_FREE:
    case ARP_FAILED:
        break; /* checked when it is used again */
    case ARP_INCOMPLETE:
        return e->asked_ns + ARP_ASK_INTERVAL_NS;
    case ARP_REACHABLE:
    case ARP_STALE:
        break; /* ages when it is used */
    }
    return DEADLINE_NEVER;
}

static void entry_poll(struct stack *s, struct arp_entry *e)
{
    switch (e->state) {
    case ARP_FREE:
    case ARP_FAILED:
        break;
    case ARP_INCOMPLETE:
        if (s->now_ns < e->asked_ns + ARP_ASK_INTERVAL_NS)
            break;
        if (e->tries < ARP_TRIES_MAX) {
            arp_ask(s, e);
            break;
        }
        e->state = ARP_FAILED;
        TRACE(s->platform, TRACE_ARP_FAILED, e->addr);
        drop_parked(s, e);
        break;
    case ARP_REACHABLE:
        if (s->now_ns >= e->answered_ns + ARP_REACHABLE_NS)
            e->state = ARP_STALE;
        break;
    case ARP_STALE:
        /* In use and no more replies: start again as a new entry. */
        if (e->tries >= ARP_TRIES_MAX && s->now_ns >= e->asked_ns + ARP_ASK_INTERVAL_NS) {
            e->state = ARP_FAILED;
            e->marked = false;
            TRACE(s->platform, TRACE_ARP_FAILED, e->addr);
        } else if (s->now_ns >= e->used_ns + ARP_STALE_NS) {
            entry_free(s, e);
        }
        break;
    }
}

void arp_poll(struct stack *s)
{
    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        if (s->arp.entry[i].state != ARP_FREE)
            entry_poll(s, &s->arp.entry[i]);
}

uint64_t arp_deadline(const struct stack *s)
{
    uint64_t at = DEADLINE_NEVER;

    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        if (s->arp.entry[i].state != ARP_FREE)
            at = min_u64(at, entry_deadline(&s->arp.entry[i]));
    return at;
}
