/* What the layers of a host share: see net.h. */
#include "net.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../trace/trace.h"

void net_set_up(struct net *n, const struct platform *p, uint64_t now_ns)
{
    uint64_t key = p->entropy(p->ctx); /* one call per statement: C orders no arguments */

    n->platform = p;
    n->now_ns = now_ns;
    rng_init(&n->rng, key, p->entropy(p->ctx));
    n->key[0] = p->entropy(p->ctx);
    n->key[1] = p->entropy(p->ctx);
    net_set_address(n, 0, 0, 0, 0);
    mem_fill(n->drops, 0, sizeof(n->drops));
    n->drops_total = 0;
}

void net_set_address(struct net *n, uint32_t addr, uint32_t mask, uint32_t gateway, uint32_t dns)
{
    bool has_broadcast = addr && ~mask > 1; /* a network of one or two hosts has none: RFC 3021 */

    n->addr = addr;
    n->mask = mask;
    n->gateway = gateway;
    n->dns[0] = dns;
    n->dns[1] = 0;
    n->broadcast[0] = has_broadcast ? addr | ~mask : UINT32_MAX;
    n->broadcast[1] = has_broadcast ? addr & mask : UINT32_MAX;
}

void net_drop(struct net *n, enum drop_reason reason)
{
    CHECK(reason < DROP_COUNT);
    n->drops[reason]++;
    n->drops_total++;
    TRACE(n->platform, TRACE_NET_DROP, reason);
}
