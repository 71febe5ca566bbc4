/*
 * The invariants of a stack at the end of every poll, whatever was received: the state of ARP,
 * DHCP, datagram sockets and the loopback interface. Those of a connection are in tcp_invariants.c.
 * See stack.h.
 */
#include "../base/check.h"
#include "../port/machine.h"
#include "stack.h"
#include "tcp_internal.h"

static void arp_entry_invariants(const struct stack *s, const struct arp_entry *e)
{
    CHECK(e->state <= ARP_FAILED);
    CHECK(e->addr != 0);
    CHECK(e->addr != s->addr);
    CHECK(e->asked_ns <= s->now_ns);
    CHECK(e->used_ns <= s->now_ns);
    if (e->parked) {
        CHECK(e->state == ARP_INCOMPLETE);
        CHECK(e->parked_len >= FRAME_IP_PAYLOAD);
        CHECK(e->parked_len <= NETDEV_FRAME_MAX);
    }
    if (e->state == ARP_REACHABLE || e->state == ARP_STALE) {
        CHECK(e->marked);
        CHECK(!(e->mac[0] & 1)); /* no host has a group address */
    }
    for (const struct arp_entry *other = s->arp.entry; other != e; other++)
        CHECK(other->addr != e->addr);
}

static void lease_invariants(const struct stack *s)
{
    const struct dhcp_client *d = &s->dhcp;

    CHECK(d->lease.addr == s->addr);
    CHECK(ipv4_is_host(d->lease.addr));
    CHECK(ipv4_is_host(d->lease.server));
    CHECK(d->lease.mask == s->mask);
    CHECK(d->lease.mask != 0);
    CHECK(d->lease.gateway == s->gateway);
    CHECK(d->lease.gateway != s->addr);
    CHECK(((d->lease.gateway ^ s->addr) & s->mask) == 0 || d->lease.gateway == 0 ||
          s->mask == UINT32_MAX);
    CHECK(d->lease.dns == s->dns);
    CHECK(d->t1_ns <= d->t2_ns);
    CHECK(d->t2_ns <= d->expiry_ns);
    CHECK(d->request_ns <= s->now_ns);
}

static void dhcp_invariants(const struct stack *s)
{
    const struct dhcp_client *d = &s->dhcp;

    CHECK(d->began_ns <= s->now_ns);
    switch (d->state) {
    case DHCP_INIT:
        break;
    case DHCP_SELECTING:
        CHECK(d->tries >= 1);
        CHECK(s->addr == 0);
        break;
    case DHCP_REQUESTING:
        CHECK(d->tries >= 1);
        CHECK(s->addr == 0);
        CHECK(ipv4_is_host(d->offer.addr));
        CHECK(ipv4_is_host(d->offer.server));
        break;
    case DHCP_BOUND:
        CHECK(d->timer_ns == d->t1_ns);
        CHECK(d->tries == 0);
        lease_invariants(s);
        break;
    case DHCP_RENEWING:
        CHECK(d->timer_ns <= d->t2_ns);
        CHECK(d->tries >= 1);
        lease_invariants(s);
        break;
    case DHCP_REBOOTING:
        CHECK(d->tries >= 1);
        lease_invariants(s);
        break;
    case DHCP_REBINDING:
        CHECK(d->timer_ns <= d->expiry_ns);
        CHECK(d->tries >= 1);
        lease_invariants(s);
        break;
    }
}

static void dgram_invariants(const struct stack *s, const struct dgram_socket *d)
{
    CHECK(d->stack == s);
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
    for (const struct dgram_socket *other = s->dgrams; other != d; other++)
        CHECK(!other->open || d->port == 0 || other->port != d->port || other->echo != d->echo);
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

/* No two connections have the same addresses and ports: input finds at most one. */
static void tuple_invariants(const struct stack *s, const struct tcp_conn *c)
{
    if (c->state == TCP_LISTEN)
        return;
    for (const struct tcp_conn *other = s->tcp; other != c; other++)
        CHECK(other->local_port != c->local_port || other->remote_port != c->remote_port ||
              other->remote_addr != c->remote_addr || other->state == TCP_CLOSED ||
              other->state == TCP_LISTEN);
}

void stack_invariants(const struct stack *s)
{
    CHECK(s->netdev->mtu >= NETDEV_MTU_MIN);
    CHECK(s->netdev->mtu <= NETDEV_MTU_MAX);
    CHECK(!(s->netdev->mac[0] & 1));
    CHECK(s->addr != 0 || s->mask == 0);
    CHECK(s->addr != 0 || s->gateway == 0);
    CHECK(s->addr != 0 || s->dns == 0);
    CHECK(s->arp.defended_ns <= s->now_ns);
    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        if (s->arp.entry[i].state != ARP_FREE)
            arp_entry_invariants(s, &s->arp.entry[i]);
    dhcp_invariants(s);
    for (unsigned i = 0; i < DGRAM_SOCKETS; i++)
        if (s->dgrams[i].open)
            dgram_invariants(s, &s->dgrams[i]);
    loopback_invariants(&s->loopback);
    for (unsigned i = 0; i < TCP_CONNS; i++) {
        if (s->tcp[i].state == TCP_CLOSED)
            continue; /* checked when it ends and when it is used again */
        tcp_invariants(&s->tcp[i]);
        tuple_invariants(s, &s->tcp[i]);
    }
}
