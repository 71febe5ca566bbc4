/*
 * The DHCP client: RFC 2131 section 4.4, with option formats of RFC 2132.
 *
 *                     OFFER            ACK              T1               T2
 *   INIT -> SELECTING -----> REQUESTING ---> BOUND -----> RENEWING -----> REBINDING
 *    ^  DISCOVER                |  NAK,       ^  ACK       |  NAK          |  NAK, expiry
 *    +--------------------------+  no answer  +------------+---------------+----> INIT
 *
 * A server with rapid commit answers DISCOVER with an ACK: SELECTING -> BOUND (RFC 4039).
 *
 * If addresses are probed before use (`probes`), PROBING is between the ACK and BOUND: the host has
 * no address yet. If another host has it, the server gets a DECLINE (section 3.1(5)).
 *
 * On request a lease is given back: RELEASING lasts while ARP looks for the server, then the
 * address is lost, and INIT without a timer, until another request (section 4.4.6).
 *
 * When the link comes back, a lease is confirmed in REBOOTING: ACK -> BOUND, NAK -> INIT, and
 * without an answer it is as it was (section 3.7). After power-on there is none to confirm. The
 * client keeps the lease; the stack, which reads `news`, gives the host its address.
 */
#ifndef DRYWIRE_DHCP_H
#define DRYWIRE_DHCP_H

#include "udp.h"

/* The order is that of the words in trace.c. */
enum dhcp_state {
    DHCP_INIT,
    DHCP_SELECTING,
    DHCP_REQUESTING,
    DHCP_BOUND,
    DHCP_RENEWING,
    DHCP_REBINDING,
    DHCP_REBOOTING,
    DHCP_PROBING,
    DHCP_RELEASING,
};

#define DHCP_LEASE_FOREVER UINT32_C(0xffffffff)

/* A name or list of names as text: no name is longer than 253 bytes (RFC 1035 section 2.3.4). */
enum { DHCP_NAME_SIZE = 254 };

/* What a message offers; addresses in host order, 0 when absent. Names are of letters, digits, `-`
 * and `_`, joined by dots; empty when absent. */
struct dhcp_lease {
    uint32_t addr, mask, gateway, dns, server;
    uint32_t lease_s, t1_s, t2_s;
    uint32_t dns_second; /* asked when `dns` does not answer */
    uint32_t ntp;
    uint16_t mtu; /* 576 to that of the device */
    char host[DHCP_NAME_SIZE], domain[DHCP_NAME_SIZE];
    char search[DHCP_NAME_SIZE]; /* domains, a comma between them */
};

/* What happened to the lease since the stack last cleared it. */
enum dhcp_news {
    DHCP_NO_NEWS,
    DHCP_NEW,     /* there is one: to be announced */
    DHCP_RENEWED, /* its mask, router or name server may be others */
    DHCP_LOST,
};

struct dhcp_client {
    struct net *net;
    struct ipv4 *ip;
    enum dhcp_news news;
    enum dhcp_state state;
    bool probes;        /* RFC 5227 section 2.1; set by the owner */
    bool off;           /* no address is wanted: dhcp_release() */
    unsigned conflicts; /* addresses declined since there was a lease */
    uint32_t xid;
    uint64_t began_ns;       /* start of this exchange: the field `secs` */
    uint16_t secs;           /* as sent in DISCOVER, repeated in its REQUEST */
    unsigned tries;          /* messages sent in this state */
    uint64_t timer_ns;       /* retransmission, T1 or T2 */
    uint64_t request_ns;     /* when the REQUEST went out: the lease counts from there */
    struct dhcp_lease offer; /* in REQUESTING and PROBING */
    struct dhcp_lease lease; /* addr 0: none */
    uint64_t t1_ns, t2_ns, expiry_ns;
};

/* Start now. */
void dhcp_init(struct dhcp_client *d, struct ipv4 *ip);

/* A datagram for port 68 arrived. */
struct verdict dhcp_input(struct dhcp_client *d, const struct udp_datagram *u);

/* The link is up again, perhaps to another network. */
void dhcp_link_up(struct dhcp_client *d);

/* Give the address back and stay without one, until dhcp_take(). */
void dhcp_release(struct dhcp_client *d);
void dhcp_take(struct dhcp_client *d);

void dhcp_poll(struct dhcp_client *d);
uint64_t dhcp_deadline(const struct dhcp_client *d);

#endif
