/*
 * One IPv4 stack: the whole network state of a host, in one struct that its caller provides. Frames
 * come in through stack_input() and leave through the netdev; time comes in with stack_poll(). A
 * bad packet is not an error: it is dropped, counted by reason and traced.
 *
 * Call order of a poll: stack_begin(now), which receives packets over loopback, stack_input() for
 * each frame, stack_timers(), system calls, stack_output(). Input changes state, output sends.
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

    bool link; /* of the device, at the last poll */
    struct arp_cache arp;
    struct dhcp_client dhcp;
    struct dgram_socket dgrams[DGRAM_SOCKETS];
    struct tcp_conn tcp[TCP_CONNS];
    uint16_t tcp_next_port; /* counter of RFC 6056 section 3.3.3 */
    struct rate tcp_resets; /* to segments without a connection */

    uint64_t drops[DROP_COUNT];
    uint64_t drops_total;
};

/* The large buffers of stack_init(): they need not be cleared. */
enum {
    STACK_BUFFERS_SIZE = TCP_CONNS * (TCP_RCV_BUFFER + TCP_SND_BUFFER) +
                         DGRAM_SOCKETS * DGRAM_QUEUE * sizeof(struct dgram) +
                         LOOPBACK_QUEUE * sizeof(struct loopback_slot)
};

void stack_init(struct stack *s, const struct platform *p, struct netdev *netdev, void *buffers,
                uint64_t now_ns);

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

/* A new address, or none (0): connections of the old one end with ERR_NETDOWN. */
void stack_set_address(struct stack *s, uint32_t addr, uint32_t mask, uint32_t gateway,
                       uint32_t dns);

void stack_drop(struct stack *s, enum drop_reason reason);

/* The invariants at the end of a poll, whatever was received. */
void stack_invariants(const struct stack *s);

/* ---- between the layers ---- */

/* A received IPv4 packet, header checked. */
struct ipv4_packet {
    const uint8_t *header; /* header_len bytes of it, then the payload */
    size_t header_len;
    const uint8_t *payload;
    size_t len; /* of the payload */
    uint32_t src, dst;
    bool broadcast; /* sent to more than this host, by Ethernet or by IP */
    bool looped;    /* sent by this host over loopback */
};

/* How a packet was received: in a frame to this host only, in one to several hosts, over lo. */
enum ipv4_way { FROM_WIRE, FROM_WIRE_GROUP, FROM_LOOPBACK };

void eth_input(struct stack *s, const uint8_t *frame, size_t len);
/* Fill the Ethernet header except for the destination; pad; send. Given. */
void eth_output(struct stack *s, uint8_t *frame, size_t len, const uint8_t dst[6], uint16_t type);

void ipv4_input(struct stack *s, const uint8_t *packet, size_t len, enum ipv4_way way);
/* The interface for packets to `dst`: frames for ipv4_output() come from its alloc(). */
struct netdev *ipv4_route(struct stack *s, uint32_t dst);
/* True if there is a next hop to `dst`: this host, its network, or a router. */
bool ipv4_has_route(const struct stack *s, uint32_t dst);
/* A buffer for a reply to `dst`, or NULL: counted as dropped, without a retry. */
uint8_t *ipv4_alloc_answer(struct stack *s, uint32_t dst);
/* The source address for packets to `dst`; 0: none yet. */
uint32_t ipv4_source(const struct stack *s, uint32_t dst);
/* Send a frame whose IP payload is in place. `src` 0 only for DHCP. 0, or ERR_UNREACH: no route.
 * Given in both cases. */
int ipv4_output(struct stack *s, uint8_t *frame, uint32_t src, uint32_t dst, uint8_t protocol,
                size_t payload_len);
/* True if this is a unicast address that one host on a wire can have. */
bool ipv4_is_host(uint32_t addr);
bool ipv4_is_loopback(uint32_t addr);
/* True if a program can send to this address: one host, or this host. */
bool ipv4_is_destination(const struct stack *s, uint32_t addr);
bool ipv4_is_broadcast(const struct stack *s, uint32_t addr);

void icmp_input(struct stack *s, const struct ipv4_packet *packet);
/* Send an ICMP error about a packet, unless RFC 1122 section 3.2.2 or the rate limit forbids it. */
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
/* An ICMP error about the segment `seq`; `mtu`: that of the path, or 0. */
void tcp_icmp_error(struct stack *s, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                    uint32_t seq, int error, bool hard, uint32_t mtu);

#endif
