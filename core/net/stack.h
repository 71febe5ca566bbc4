/*
 * One IPv4 stack: the whole network state of a host, in one struct that its caller provides. Frames
 * come in through stack_input() and leave through the netdev; time comes in with stack_poll(). A
 * bad packet is not an error: it is dropped, counted by reason and traced.
 *
 * Call order of a poll: stack_begin(now), which receives packets over loopback, stack_input() for
 * each frame, stack_timers(), system calls, stack_output(). Input changes state, output sends.
 *
 * Each layer is a struct of its own, which knows the layers below it and none above: what it says
 * of a packet is its verdict (net.h). The way of a frame up through them is stack.c.
 */
#ifndef DRYWIRE_STACK_H
#define DRYWIRE_STACK_H

#include "../base/err.h"
#include "../interface/netdev.h"
#include "../port/platform.h"
#include "arp.h"
#include "dgram.h"
#include "dhcp.h"
#include "dns.h"
#include "eth.h"
#include "icmp.h"
#include "ipv4.h"
#include "ipv4_fragments.h"
#include "loopback.h"
#include "net.h"
#include "tcp.h"

struct stack {
    struct net net;
    struct netdev *netdev; /* virt0: the wire */
    bool link;             /* of it, at the last poll */
    bool uses_dhcp;
    struct eth eth;
    struct arp arp;
    struct loopback loopback; /* lo */
    struct ipv4 ip;
    struct ipv4_fragments fragments;
    struct icmpv4 icmp;
    struct dgram_table dgrams;
    struct dhcp_client dhcp;
    struct tcp tcp;
    struct dns dns;
};

/* The memory that stack_init() needs. */
#define STACK_MEMORY(connections, pages, page_size)                                                \
    (DGRAM_SOCKETS * DGRAM_QUEUE * sizeof(struct dgram) +                                          \
     LOOPBACK_QUEUE * sizeof(struct loopback_slot) +                                               \
     FRAGMENT_SLOTS * sizeof(struct fragment_slot) + 24 +                                          \
     TCP_MEMORY(connections, pages, page_size))

struct stack_config {
    const struct platform *platform;
    struct netdev *netdev;
    bool uses_dhcp; /* needs Ethernet; else the address is that of stack_set_address() */
    bool probes;    /* the address of a lease is probed before use: up to 7 s (RFC 5227) */
    struct tcp_config tcp;
    void *memory; /* STACK_MEMORY() of that, 8-byte aligned, not cleared; stays in use */
};

void stack_init(struct stack *s, const struct stack_config *config, uint64_t now_ns);

/* Add random bytes: at bring-up before anything was sent, or later. They change the next ports,
 * transaction ids and sequence numbers. */
enum { STACK_SEED_SIZE = 32 };
void stack_seed(struct stack *s, const uint8_t seed[STACK_SEED_SIZE]);

void stack_begin(struct stack *s, uint64_t now_ns);
void stack_input(struct stack *s, const uint8_t *frame, size_t len); /* borrowed */
void stack_timers(struct stack *s);
void stack_output(struct stack *s);
uint64_t stack_deadline(const struct stack *s);

/* True when nothing is left to finish: no connection is open, no request is pending. */
bool stack_idle(const struct stack *s);

/* The same, but connections in TIME-WAIT are ignored. */
bool stack_settled(const struct stack *s);

/* True when no socket is open, as must be when no program is left. */
bool stack_unused(const struct stack *s);

/* A new address, or none (all 0): connections of the old one end with ERR_NETDOWN. */
void stack_set_address(struct stack *s, uint32_t addr, uint32_t mask, uint32_t gateway,
                       uint32_t dns);

/* The invariants at the end of a poll, whatever was received. */
void stack_invariants(const struct stack *s);

#endif
