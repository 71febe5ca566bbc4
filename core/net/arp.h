/*
 * ARP: who has this IPv4 address? (RFC 826; RFC 1122 section 2.3.2; RFC 5227)
 *
 * arp_output() sends a frame to a neighbour, or sends a request and parks the frame; arp_input()
 * learns and releases it. A request for our own address creates an entry; other unsolicited packets
 * only update one. The addresses are those of struct net.
 */
#ifndef DRYWIRE_ARP_H
#define DRYWIRE_ARP_H

#include "eth.h"

enum arp_state {
    ARP_FREE,
    ARP_INCOMPLETE, /* request sent, no reply yet */
    ARP_REACHABLE,  /* confirmed by a recent reply */
    ARP_STALE,      /* still used; each use sends a new request */
    ARP_FAILED,     /* no reply; kept to limit the rate of requests */
};

struct arp_entry {
    enum arp_state state;
    uint32_t addr;
    uint8_t mac[MAC_LEN];
    uint8_t tries;        /* requests sent since the last reply */
    bool marked;          /* this neighbour was traced as resolved */
    uint64_t asked_ns;    /* when the last request went out */
    uint64_t answered_ns; /* when it was last confirmed */
    bool sent_to;         /* by us; else only learned */
    uint64_t used_ns;     /* when it last carried a frame: the oldest is evicted */
    uint8_t *parked;      /* one frame that waits for the reply, or NULL */
    size_t parked_len;
};

enum { ARP_ENTRIES = NETDEV_PARKED_MAX };

enum arp_probe_state {
    ARP_PROBE_NONE,
    ARP_PROBE_RUNNING,
    ARP_PROBE_CLEAR,    /* the address is free */
    ARP_PROBE_CONFLICT, /* another host has it, or probes for it */
};

/* A probe for an address that this host is to have: RFC 5227 section 2.1.1. */
struct arp_probe {
    enum arp_probe_state state;
    uint32_t addr;
    unsigned sent;
    uint64_t at_ns; /* the next packet, or the end of the wait after the last one */
};

struct arp {
    struct net *net;
    struct eth *eth;
    struct arp_entry entry[ARP_ENTRIES];
    unsigned count;       /* entries from this one on are free */
    uint64_t defended_ns; /* when our own address was last defended */
    struct arp_probe probe;
    uint64_t announce_ns; /* when it is announced again, or DEADLINE_NEVER */
};

void arp_init(struct arp *a, struct eth *eth);

/* Clear the cache; parked frames are returned to the device. Called when the address changes. */
void arp_flush(struct arp *a);

/* The entry of `addr`, or NULL. */
static inline struct arp_entry *arp_find(struct arp *a, uint32_t addr)
{
    for (unsigned i = 0; i < a->count; i++)
        if (a->entry[i].addr == addr && a->entry[i].state != ARP_FREE)
            return &a->entry[i];
    return 0;
}

/* Send a frame to neighbour `addr`; it is complete except for the Ethernet destination. Given.
 * The first one: to a neighbour who is not known, `e` NULL, or not reachable. */
void arp_output_asking(struct arp *a, struct arp_entry *e, uint8_t *frame, size_t len,
                       uint32_t addr);

static inline void arp_output(struct arp *a, uint8_t *frame, size_t len, uint32_t addr)
{
    struct arp_entry *e = arp_find(a, addr);

    if (!e || e->state != ARP_REACHABLE) {
        arp_output_asking(a, e, frame, len, addr);
        return;
    }
    e->used_ns = a->net->now_ns;
    e->sent_to = true;
    eth_output(a->eth, frame, len, e->mac, ETH_TYPE_IPV4);
}

/* An ARP frame arrived; `packet` is what follows the Ethernet header. Borrowed. */
struct verdict arp_input(struct arp *a, const uint8_t *packet, size_t len);

/* Begin to ask whether another host has the address, which must not be used before that is known:
 * up to 7 s. What becomes of it is probe.state. */
void arp_probe(struct arp *a, uint32_t addr);

/* Announce our address (RFC 5227 section 2.3): once more in two seconds after a probe for it. */
void arp_announce(struct arp *a);

void arp_poll(struct arp *a);
uint64_t arp_deadline(const struct arp *a);

/* True while a request waits for its reply. */
bool arp_asking(const struct arp *a);

#endif
