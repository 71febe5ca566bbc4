/*
 * The invariants of a stack at the end of every poll, whatever was received: the state of ARP,
 * DHCP, datagram sockets and the loopback interface. Those of a connection are in tcp_invariants.c.
 * See stack.h.
 */
#include "../base/check.h"
#include "../port/machine.h"
#include "stack.h"

static void arp_entry_invariants(const struct arp *a, const struct arp_entry *e)
{
    CHECK(e->state <= ARP_FAILED);
    CHECK(e->addr != 0);
    CHECK(e->addr != a->net->addr);
    CHECK(e->asked_ns <= a->net->now_ns);
    CHECK(e->used_ns <= a->net->now_ns);
    if (e->parked) {
        CHECK(e->state == ARP_INCOMPLETE);
        CHECK(e->parked_len >= FRAME_IP_PAYLOAD);
        CHECK(e->parked_len <= NETDEV_FRAME_MAX);
    }
    if (e->state == ARP_REACHABLE || e->state == ARP_STALE) {
        CHECK(e->marked);
        CHECK(!(e->mac[0] & 1)); /* no host has a group address */
    }
    for (const struct arp_entry *other = a->entry; other != e; other++)
        CHECK(other->addr != e->addr);
}

static void arp_invariants(const struct arp *a)
{
    CHECK(a->defended_ns <= a->net->now_ns);
    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        if (a->entry[i].state != ARP_FREE)
            arp_entry_invariants(a, &a->entry[i]);
}

static void lease_invariants(const struct dhcp_client *d)
{
    CHECK(d->lease.addr == d->net->addr);
    CHECK(ipv4_is_host(d->lease.addr));
    CHECK(ipv4_is_host(d->lease.server));
    CHECK(d->lease.mask == d->net->mask);
    CHECK(d->lease.mask != 0);
    CHECK(d->lease.gateway == d->net->gateway);
    CHECK(d->lease.gateway != d->net->addr);
    CHECK(((d->lease.gateway ^ d->net->addr) & d->net->mask) == 0 || d->lease.gateway == 0 ||
          d->net->mask == UINT32_MAX);
    CHECK(d->lease.dns == d->net->dns[0]);
    CHECK(d->lease.dns_second == d->net->dns[1]);
    CHECK(d->t1_ns <= d->t2_ns);
    CHECK(d->t2_ns <= d->expiry_ns);
    CHECK(d->request_ns <= d->net->now_ns);
}

static void dhcp_invariants(const struct dhcp_client *d)
{
    CHECK(d->began_ns <= d->net->now_ns);
    switch (d->state) {
    case DHCP_INIT:
        break;
    case DHCP_SELECTING:
        CHECK(d->tries >= 1);
        CHECK(d->net->addr == 0);
        break;
    case DHCP_REQUESTING:
        CHECK(d->tries >= 1);
        CHECK(d->net->addr == 0);
        CHECK(ipv4_is_host(d->offer.addr));
        CHECK(ipv4_is_host(d->offer.server));
        break;
    case DHCP_PROBING:
        CHECK(d->net->addr == 0);
        CHECK(d->timer_ns == DEADLINE_NEVER);
        CHECK(d->ip->arp->probe.state == ARP_PROBE_RUNNING);
        CHECK(d->ip->arp->probe.addr == d->offer.addr);
        break;
    case DHCP_RELEASING:
        CHECK(d->timer_ns == DEADLINE_NEVER);
        lease_invariants(d);
        break;
    case DHCP_BOUND:
        CHECK(d->timer_ns == d->t1_ns);
        CHECK(d->tries == 0);
        lease_invariants(d);
        break;
    case DHCP_RENEWING:
        CHECK(d->timer_ns <= d->t2_ns);
        CHECK(d->tries >= 1);
        lease_invariants(d);
        break;
    case DHCP_REBOOTING:
        CHECK(d->tries >= 1);
        lease_invariants(d);
        break;
    case DHCP_REBINDING:
        CHECK(d->timer_ns <= d->expiry_ns);
        CHECK(d->tries >= 1);
        lease_invariants(d);
        break;
    }
}

static void dgram_socket_invariants(const struct dgram_table *t, const struct dgram_socket *d)
{
    CHECK(d->table == t);
    CHECK(d->count <= DGRAM_QUEUE);
    CHECK(d->head < DGRAM_QUEUE);
    CHECK(d->error <= 0);
    CHECK(d->port != DHCP_CLIENT_PORT || d->echo);
    CHECK(d->port != 0 || d->count == 0);
    CHECK(d->port != 0 || d->sent_addr == 0);
    CHECK(d->remote_addr == 0 || d->port != 0);
    CHECK(d->remote_port == 0 || d->remote_addr != 0);
    if (d->count)
        CHECK(d->queue[d->head].len <= DGRAM_PAYLOAD_MAX);
    for (const struct dgram_socket *other = t->socket; other != d; other++)
        CHECK(!other->open || d->port == 0 || other->port != d->port || other->echo != d->echo);
}

static void dgram_invariants(const struct dgram_table *t)
{
    for (unsigned i = 0; i < DGRAM_SOCKETS; i++)
        if (t->socket[i].open)
            dgram_socket_invariants(t, &t->socket[i]);
}

static void loopback_invariants(const struct loopback *lo)
{
    CHECK(lo->netdev.ctx == lo);
    CHECK(lo->head < LOOPBACK_QUEUE);
    CHECK(lo->count <= LOOPBACK_QUEUE);
    CHECK(!lo->lent);
    CHECK(lo->netdev.frames_tx - lo->netdev.frames_rx == lo->count);
    if (lo->count) {
        CHECK(lo->slots[lo->head].len >= FRAME_IP_PAYLOAD);
        CHECK(lo->slots[lo->head].len <= NETDEV_FRAME_MAX);
    }
}

void stack_invariants(const struct stack *s)
{
    const struct net *n = &s->net;

    CHECK(s->netdev->mtu >= NETDEV_MTU_MIN);
    CHECK(s->netdev->mtu <= NETDEV_MTU_MAX);
    CHECK(s->ip.mtu <= s->netdev->mtu);
    CHECK(s->ip.mtu >= NETDEV_MTU_MIN);
    CHECK(s->netdev->ip_only || !(s->netdev->mac[0] & 1));
    CHECK(n->addr != 0 || n->mask == 0);
    CHECK(n->addr != 0 || n->gateway == 0);
    CHECK(n->addr != 0 || n->dns[0] == 0);
    CHECK(n->dns[0] != 0 || n->dns[1] == 0);
    arp_invariants(&s->arp);
    if (s->uses_dhcp)
        dhcp_invariants(&s->dhcp);
    dgram_invariants(&s->dgrams);
    loopback_invariants(&s->loopback);
}
