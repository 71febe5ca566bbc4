/*
 * One IPv4 stack: everything a host knows about its network, in one struct that its caller
 * provides. Frames come in through stack_input() and leave through the netdev; time comes in with
 * stack_poll(). A bad packet is not an error: it is dropped, counted by reason and traced.
 *
 * Call order of a poll: stack_begin(now), which takes in what we sent to ourselves, stack_input()
 * for each frame, stack_timers(), system calls, stack_output(). Input changes state, output sends.
 */
#ifndef DRYWIRE_STACK_H
#define DRYWIRE_STACK_H

#include "../base/err.h"
#include "../interface/netdev.h"
#include "../port/platform.h"
#include "../base/rate.h"
#include "../base/rng.h"
#include "../trace/trace_events.h"
#include "arp.h"
#include "dgram.h"
#include "dhcp.h"
#include "loopback.h"
#include "tcp.h"
#include "wire.h"

struct stack {
    const struct platform *platform;
    struct netdev *netdev;    /* virt0: the wire */
    struct loopback loopback; /* lo */
    struct rng rng;
    uint64_t isn_key[2]; /* RFC 6528 */
    uint64_t now_ns;     /* of the poll that is running */

    uint32_t addr, mask, gateway, dns; /* host order; addr 0: no address */
    uint16_t ip_id;
    struct rate icmp_errors;

    struct arp_cache arp;
    struct dhcp_client dhcp;
    struct dgram_socket dgrams[DGRAM_SOCKETS];
    struct tcp_conn tcp[TCP_CONNS];
    uint16_t tcp_next_port; /* counter of RFC 6056 section 3.3.3 */
    struct rate tcp_resets; /* to segments that fit no connection */

    uint64_t drops[DROP_COUNT];
    uint64_t drops_total;
};

/* Large buffers that stack_init() is given: they need not be cleared. */
enum {
    STACK_BUFFERS_SIZE = TCP_CONNS * (TCP_RCV_BUFFER + TCP_SND_BUFFER) +
                         DGRAM_SOCKETS * DGRAM_QUEUE * sizeof(struct dgram) +
                         LOOPBACK_QUEUE * sizeof(struct loopback_slot)
};

void stack_init(struct stack *s, const struct platform *p, struct netdev *netdev, void *buffers,
                uint64_t now_ns);

/* Random bytes of the machine's: at bring-up, before anything was sent, or later. They change which
 * ports, transaction ids and sequence numbers come next. */
enum { STACK_SEED_SIZE = 32 };
void stack_seed(struct stack *s, const uint8_t seed[STACK_SEED_SIZE]);

void stack_begin(struct stack *s, uint64_t now_ns);
void stack_input(struct stack *s, const uint8_t *frame, size_t len); /* borrowed */
void stack_timers(struct stack *s);
void stack_output(struct stack *s);
uint64_t stack_deadline(const struct stack *s);

/* Nothing is left to finish: no connection is open, nothing is being asked. */
bool stack_idle(const struct stack *s);

/* The same, but for connections in TIME-WAIT. */
bool stack_settled(const struct stack *s);

/* No socket is open: what must be true when no program is left. */
bool stack_unused(const struct stack *s);

/* A new address, or none (0): connections of the old one end with ERR_NETDOWN. */
void stack_set_address(struct stack *s, uint32_t addr, uint32_t mask, uint32_t gateway,
                       uint32_t dns);

void stack_drop(struct stack *s, enum drop_reason reason);

/* What must be true at the end of a poll, whatever came over the wire. */
void stack_invariants(const struct stack *s);

/* ---- between the layers ---- */

/* A received IPv4 packet, header checked. */
struct ipv4_packet {
    const uint8_t *header; /* header_len bytes of it, then the payload */
    size_t header_len;
    const uint8_t *payload;
    size_t len; /* of the payload */
    uint32_t src, dst;
    bool broadcast; /* to more than this host, by Ethernet or by IP */
    bool looped;    /* from ourselves: it never was on the wire */
};

/* The way a packet came: in a frame to us, in one to more than us, over lo. */
enum ipv4_way { FROM_WIRE, FROM_WIRE_GROUP, FROM_LOOPBACK };

void eth_input(struct stack *s, const uint8_t *frame, size_t len);
/* Fill the Ethernet header but for the destination; pad; send. Given. */
void eth_output(struct stack *s, uint8_t *frame, size_t len, const uint8_t dst[6], uint16_t type);

void ipv4_input(struct stack *s, const uint8_t *packet, size_t len, enum ipv4_way way);
/* The interface that packets to `dst` leave by: frames for ipv4_output() come from its alloc(). */
struct netdev *ipv4_route(struct stack *s, uint32_t dst);
/* Room for a packet that answers one from `dst`, or NULL: counted as dropped, nobody asks again. */
uint8_t *ipv4_alloc_answer(struct stack *s, uint32_t dst);
/* The source address of what we send to `dst`; 0: there is none yet. */
uint32_t ipv4_source(const struct stack *s, uint32_t dst);
/* Send a frame whose IP payload is in place. `src` 0 only for DHCP. 0, or ERR_UNREACH: no route,
 * the frame is gone all the same. */
int ipv4_output(struct stack *s, uint8_t *frame, uint32_t src, uint32_t dst, uint8_t protocol,
                size_t payload_len);
/* Is this a unicast address that a single host on a wire can have? */
bool ipv4_is_host(uint32_t addr);
bool ipv4_is_loopback(uint32_t addr);
/* Can a program talk to this address: that of one host, or of ours? */
bool ipv4_is_destination(const struct stack *s, uint32_t addr);
bool ipv4_is_broadcast(const struct stack *s, uint32_t addr);

void icmp_input(struct stack *s, const struct ipv4_packet *packet);
/* Answer a packet by an ICMP error, unless RFC 1122 section 3.2.2 forbids it or the limit is used
 * up. */
void icmp_unreachable(struct stack *s, const struct ipv4_packet *packet, uint8_t code);

void udp_input(struct stack *s, const struct ipv4_packet *packet);
/* Send a UDP datagram whose payload is in place in the frame; given. */
int udp_output(struct stack *s, uint8_t *frame, uint32_t src, uint16_t src_port, uint32_t dst,
               uint16_t dst_port, size_t len);
void dgram_echo_reply(struct stack *s, uint32_t src, uint16_t id, uint16_t seq,
                      const uint8_t *bytes, size_t len);
/* An ICMP error about a datagram that we sent; port is the identifier for echo sockets. */
void dgram_icmp_error(struct stack *s, bool echo, uint16_t local_port, uint32_t remote, int error);

void tcp_input(struct stack *s, const struct ipv4_packet *packet);
void tcp_icmp_error(struct stack *s, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                    uint32_t seq, int error, bool hard);

#endif
