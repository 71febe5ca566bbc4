/* ARP: see arp.h. */
#include "arp.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../trace/trace.h"
#include "address.h"

enum { ARP_TRIES_MAX = 3 };

#define ARP_ASK_INTERVAL_NS    NS_PER_S         /* RFC 1122 section 2.3.2.1: one a second */
#define ARP_REACHABLE_NS       (60 * NS_PER_S)  /* a reply is valid for a minute */
#define ARP_STALE_NS           (600 * NS_PER_S) /* an unused entry is dropped */
#define ARP_DEFEND_INTERVAL_NS (10 * NS_PER_S)  /* RFC 5227 section 2.4(c) */

/* RFC 5227 section 1.1. */
enum { ARP_PROBE_NUM = 3 };
#define ARP_PROBE_WAIT_NS        NS_PER_S
#define ARP_PROBE_MIN_NS         NS_PER_S
#define ARP_PROBE_MAX_NS         (2 * NS_PER_S)
#define ARP_ANNOUNCE_WAIT_NS     (2 * NS_PER_S)
#define ARP_ANNOUNCE_INTERVAL_NS (2 * NS_PER_S)

static const uint8_t arp_broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t arp_unknown[6];

void arp_init(struct arp *a, struct eth *eth)
{
    mem_fill(a, 0, sizeof(*a));
    a->net = eth->net;
    a->eth = eth;
    a->announce_ns = DEADLINE_NEVER;
}

static void drop_parked(struct arp *a, struct arp_entry *e)
{
    if (!e->parked)
        return;
    a->eth->dev->free(a->eth->dev->ctx, e->parked);
    e->parked = 0;
    net_drop(a->net, DROP_ARP_PARKED);
}

static void entry_free(struct arp *a, struct arp_entry *e)
{
    drop_parked(a, e);
    mem_fill(e, 0, sizeof(*e));
}

/* What a new entry may replace first: one that we never sent to or that does not answer, one that
 * has not answered yet, one in use. */
static unsigned entry_worth(const struct arp_entry *e)
{
    if (!e->sent_to || e->state == ARP_FAILED)
        return 0;
    return e->state == ARP_INCOMPLETE ? 1 : 2;
}

static bool is_worth_less(const struct arp_entry *a, const struct arp_entry *b)
{
    unsigned a_worth = entry_worth(a), b_worth = entry_worth(b);

    return a_worth != b_worth ? a_worth < b_worth : a->used_ns < b->used_ns;
}

/* A slot for `addr`: a free one, else that of the entry worth least, of those the least recently
 * used. The gateway's entry is never taken, so that a flood of requests cannot cut us off. What is
 * only learned (`used`: false) replaces nothing that we send to: then NULL. */
static struct arp_entry *arp_make(struct arp *a, uint32_t addr, bool used)
{
    struct arp_entry *best = 0;

    for (unsigned i = 0; i < ARP_ENTRIES; i++) {
        struct arp_entry *e = &a->entry[i];

        if (e->state == ARP_FREE) {
            CHECK(!e->parked);
            CHECK(e->addr == 0);
            best = e;
            break;
        }
        if (e->addr != a->net->gateway && (!best || is_worth_less(e, best)))
            best = e;
    }
    CHECK(best);
    if (!used && best->state != ARP_FREE && entry_worth(best) > 0)
        return 0;
    entry_free(a, best);
    a->count = max_u32(a->count, (uint32_t)(best - a->entry) + 1);
    best->addr = addr;
    best->sent_to = used;
    best->used_ns = a->net->now_ns;
    return best;
}

void arp_flush(struct arp *a)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->entry[i].state != ARP_FREE)
            entry_free(a, &a->entry[i]);
    a->count = 0;
    a->announce_ns = DEADLINE_NEVER;
}

static void arp_send(struct arp *a, uint16_t op, const uint8_t dst[6], const uint8_t tha[6],
                     uint32_t tpa)
{
    uint8_t *frame = a->eth->dev->alloc(a->eth->dev->ctx);
    struct arp_packet *arp;

    if (!frame) {
        net_drop(a->net, DROP_TX_FULL);
        return;
    }
    arp = (struct arp_packet *)(frame + FRAME_IP);
    *arp = (struct arp_packet){
        .htype = be16_of(ARP_HTYPE_ETHERNET),
        .ptype = be16_of(ETH_TYPE_IPV4),
        .hlen = MAC_LEN,
        .plen = 4,
        .op = be16_of(op),
        .spa = be32_of(a->net->addr),
        .tpa = be32_of(tpa),
    };
    mem_copy(arp->sha, a->eth->dev->mac, MAC_LEN);
    mem_copy(arp->tha, tha, MAC_LEN);
    eth_output(a->eth, frame, FRAME_IP + sizeof(*arp), dst, ETH_TYPE_ARP);
}

static void arp_ask(struct arp *a, struct arp_entry *e)
{
    e->asked_ns = a->net->now_ns;
    e->tries++;
    arp_send(a, ARP_REQUEST, arp_broadcast, arp_unknown, e->addr);
}

static bool may_ask(const struct arp *a, const struct arp_entry *e)
{
    return e->asked_ns == 0 || a->net->now_ns >= e->asked_ns + ARP_ASK_INTERVAL_NS;
}

void arp_output_asking(struct arp *a, struct arp_entry *e, uint8_t *frame, size_t len,
                       uint32_t addr)
{
    if (!e)
        e = arp_make(a, addr, true);
    e->used_ns = a->net->now_ns;
    e->sent_to = true;
    if (e->state == ARP_STALE) {
        if (may_ask(a, e))
            arp_ask(a, e);
        eth_output(a->eth, frame, len, e->mac, ETH_TYPE_IPV4);
        return;
    }
    drop_parked(a, e); /* the latest one is kept: RFC 1122 section 2.3.2.2 */
    e->parked = frame;
    e->parked_len = len;
    if (e->state == ARP_INCOMPLETE)
        return;
    e->state = ARP_INCOMPLETE;
    e->tries = 0;
    if (may_ask(a, e))
        arp_ask(a, e);
}

static void arp_learn(struct arp *a, struct arp_entry *e, const uint8_t mac[6])
{
    bool news = !e->marked || !mem_equal(e->mac, mac, MAC_LEN);

    mem_copy(e->mac, mac, MAC_LEN);
    e->state = ARP_REACHABLE;
    e->answered_ns = a->net->now_ns;
    e->tries = 0;
    if (news)
        TRACE(a->net->platform, TRACE_ARP_RESOLVED, e->addr, trace_mac(mac));
    e->marked = true;
    if (e->parked) {
        uint8_t *frame = e->parked;

        e->parked = 0;
        eth_output(a->eth, frame, e->parked_len, e->mac, ETH_TYPE_IPV4);
    }
}

/* Another host claims our address: announce ours once in ten seconds, never give it up silently and
 * never learn from the packet (RFC 5227 section 2.4). */
static void arp_conflict(struct arp *a, const uint8_t mac[6])
{
    if (a->defended_ns && a->net->now_ns < a->defended_ns + ARP_DEFEND_INTERVAL_NS)
        return;
    a->defended_ns = a->net->now_ns;
    TRACE(a->net->platform, TRACE_ARP_CONFLICT, a->net->addr, trace_mac(mac));
    arp_announce(a);
}

void arp_announce(struct arp *a)
{
    arp_send(a, ARP_REQUEST, arp_broadcast, arp_unknown, a->net->addr);
    a->announce_ns = DEADLINE_NEVER;
    if (a->probe.state == ARP_PROBE_CLEAR)
        a->announce_ns = a->net->now_ns + ARP_ANNOUNCE_INTERVAL_NS;
    a->probe.state = ARP_PROBE_NONE;
}

/* ---- probes ---- */

void arp_probe(struct arp *a, uint32_t addr)
{
    a->probe = (struct arp_probe){
        .state = ARP_PROBE_RUNNING,
        .addr = addr,
        .at_ns = a->net->now_ns + rng_below(&a->net->rng, ARP_PROBE_WAIT_NS + 1),
    };
}

/* The sender has the address, whatever the packet is for; or it probes for it as well. */
static bool is_conflict(const struct arp_probe *p, const struct arp_packet *arp)
{
    uint32_t spa = be32_get(arp->spa);

    return p->state == ARP_PROBE_RUNNING &&
           (spa == p->addr ||
            (spa == 0 && be16_get(arp->op) == ARP_REQUEST && be32_get(arp->tpa) == p->addr));
}

/* Without an address, so the sender's is 0, which no host learns. */
static void probe_poll(struct arp *a)
{
    struct arp_probe *p = &a->probe;

    CHECK(a->net->addr == 0);
    if (a->net->now_ns < p->at_ns)
        return;
    if (p->sent == ARP_PROBE_NUM) {
        p->state = ARP_PROBE_CLEAR;
        return;
    }
    arp_send(a, ARP_REQUEST, arp_broadcast, arp_unknown, p->addr);
    p->sent++;
    p->at_ns = a->net->now_ns;
    if (p->sent == ARP_PROBE_NUM)
        p->at_ns += ARP_ANNOUNCE_WAIT_NS;
    else
        p->at_ns +=
            ARP_PROBE_MIN_NS + rng_below(&a->net->rng, ARP_PROBE_MAX_NS - ARP_PROBE_MIN_NS + 1);
}

/* ---- input ---- */

/* The reason to drop it, or DROP_COUNT. */
static enum drop_reason arp_check(const struct arp *a, const struct arp_packet *arp, size_t len)
{
    if (len < sizeof(*arp))
        return DROP_ARP_SHORT;
    if (be16_get(arp->htype) != ARP_HTYPE_ETHERNET || be16_get(arp->ptype) != ETH_TYPE_IPV4 ||
        arp->hlen != MAC_LEN || arp->plen != 4)
        return DROP_ARP_FORMAT;
    if (be16_get(arp->op) != ARP_REQUEST && be16_get(arp->op) != ARP_REPLY)
        return DROP_ARP_OP;
    /* No host has a group address (threats A7), and no other host has ours. */
    if ((arp->sha[0] & 1) || mem_equal(arp->sha, a->eth->dev->mac, MAC_LEN))
        return DROP_ARP_ADDRESS;
    return DROP_COUNT;
}

/* A neighbour's packet, for us or not, is learned from: the reason to drop it, or DROP_COUNT. */
static enum drop_reason arp_update(struct arp *a, const struct arp_packet *arp, bool request,
                                   bool for_us)
{
    uint32_t spa = be32_get(arp->spa);
    struct arp_entry *e = arp_find(a, spa);

    if (!e && request && for_us)
        e = arp_make(a, spa, false);
    if (e)
        arp_learn(a, e, arp->sha);
    else if (!request)
        return DROP_ARP_UNASKED;
    else if (!for_us)
        return DROP_ARP_OTHER;
    return DROP_COUNT;
}

/* True if `addr` may be a neighbour's: a host of our network, or the router. */
static bool is_neighbour(const struct net *n, uint32_t addr)
{
    return ipv4_is_host(addr) &&
           (!n->addr || ((addr ^ n->addr) & n->mask) == 0 || addr == n->gateway);
}

/* In the order of RFC 826 "Packet Reception", with the restraint described in arp.h. */
struct verdict arp_input(struct arp *a, const uint8_t *packet, size_t len)
{
    const struct arp_packet *arp = (const struct arp_packet *)packet;
    enum drop_reason reason = arp_check(a, arp, len);
    uint32_t spa;
    bool request, for_us;

    if (reason != DROP_COUNT)
        return verdict_drop(reason);
    spa = be32_get(arp->spa);
    request = be16_get(arp->op) == ARP_REQUEST;
    for_us = a->net->addr != 0 && be32_get(arp->tpa) == a->net->addr;

    if (is_conflict(&a->probe, arp)) {
        a->probe.state = ARP_PROBE_CONFLICT;
        TRACE(a->net->platform, TRACE_ARP_CONFLICT, a->probe.addr, trace_mac(arp->sha));
        return verdict_drop(DROP_ARP_CONFLICT);
    }
    if (a->net->addr && spa == a->net->addr) {
        arp_conflict(a, arp->sha);
        return verdict_drop(DROP_ARP_CONFLICT);
    }
    if (is_neighbour(a->net, spa))
        reason = arp_update(a, arp, request, for_us);
    else if (spa != 0 && !(request && for_us && ipv4_is_host(spa)))
        reason = DROP_ARP_ADDRESS; /* neither a probe nor of another network on this link */
    if (request && for_us && reason == DROP_COUNT)
        arp_send(a, ARP_REPLY, arp->sha, arp->sha, spa);
    return (struct verdict){reason, ANSWER_NONE};
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

static void entry_poll(struct arp *a, struct arp_entry *e)
{
    switch (e->state) {
    case ARP_FREE:
    case ARP_FAILED:
        break;
    case ARP_INCOMPLETE:
        if (a->net->now_ns < e->asked_ns + ARP_ASK_INTERVAL_NS)
            break;
        if (e->tries < ARP_TRIES_MAX) {
            arp_ask(a, e);
            break;
        }
        e->state = ARP_FAILED;
        TRACE(a->net->platform, TRACE_ARP_FAILED, e->addr);
        drop_parked(a, e);
        break;
    case ARP_REACHABLE:
        if (a->net->now_ns >= e->answered_ns + ARP_REACHABLE_NS)
            e->state = ARP_STALE;
        break;
    case ARP_STALE:
        /* In use and no more replies: start again as a new entry. */
        if (e->tries >= ARP_TRIES_MAX && a->net->now_ns >= e->asked_ns + ARP_ASK_INTERVAL_NS) {
            e->state = ARP_FAILED;
            e->marked = false;
            TRACE(a->net->platform, TRACE_ARP_FAILED, e->addr);
        } else if (a->net->now_ns >= e->used_ns + ARP_STALE_NS) {
            entry_free(a, e);
        }
        break;
    }
}

void arp_poll(struct arp *a)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->entry[i].state != ARP_FREE)
            entry_poll(a, &a->entry[i]);
    if (a->probe.state == ARP_PROBE_RUNNING)
        probe_poll(a);
    if (a->net->now_ns >= a->announce_ns)
        arp_announce(a);
}

uint64_t arp_deadline(const struct arp *a)
{
    uint64_t at = a->announce_ns;

    if (a->probe.state == ARP_PROBE_RUNNING)
        at = min_u64(at, a->probe.at_ns);
    for (unsigned i = 0; i < a->count; i++)
        if (a->entry[i].state != ARP_FREE)
            at = min_u64(at, entry_deadline(&a->entry[i]));
    return at;
}

bool arp_asking(const struct arp *a)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->entry[i].state == ARP_INCOMPLETE)
            return true;
    return false;
}
