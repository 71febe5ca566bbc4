/*
 * Datagram sockets: UDP (RFC 768) and ICMP echo (RFC 792), with one small interface. A socket keeps
 * a bounded queue of received datagrams; sending builds the packet in place in a transmit frame.
 */
#ifndef DRYWIRE_DGRAM_H
#define DRYWIRE_DGRAM_H

#include "icmp.h"
#include "udp.h"

enum { DGRAM_SOCKETS = 8, DGRAM_QUEUE = 8, DGRAM_PAYLOAD_MAX = NETDEV_MTU_MAX - 28 };

struct dgram {
    uint32_t addr; /* of the sender */
    uint16_t port; /* of the sender; of an echo reply its sequence number */
    uint16_t len;
    uint8_t bytes[DGRAM_PAYLOAD_MAX];
};

struct dgram_socket {
    struct dgram_table *table;
    bool open;
    bool echo;            /* ICMP echo, else UDP */
    uint16_t port;        /* local port, 0: none yet; of an echo socket the identifier */
    uint32_t remote_addr; /* the connected peer, or 0 */
    uint16_t remote_port;
    int error;            /* of an ICMP error, given to the next call; 0: none */
    uint32_t sent_addr;   /* destination of the last datagram; only its errors are reported */
    unsigned head, count; /* of the queue */
    struct dgram *queue;  /* DGRAM_QUEUE entries */
};

struct dgram_table {
    struct ipv4 *ip;
    struct dgram_socket socket[DGRAM_SOCKETS];
};

/* `queues`: DGRAM_SOCKETS * DGRAM_QUEUE entries, which need not be cleared. */
void dgram_init(struct dgram_table *t, struct ipv4 *ip, struct dgram *queues);

/* ---- input: from UDP, and from ICMP ---- */

/* For the socket of a port, of an identifier, of the sender of what an error is about. */
struct verdict dgram_input(struct dgram_table *t, const struct udp_datagram *u);
struct verdict dgram_echo_reply(struct dgram_table *t, uint32_t src, const struct icmp_message *m);
struct verdict dgram_icmp_error(struct dgram_table *t, const struct icmp_error *e);

/* True if a UDP socket has this port. */
bool dgram_has_port(const struct dgram_table *t, uint16_t port);

/* True when a socket is open. */
bool dgram_used(const struct dgram_table *t);

/* ---- for sockets ---- */

/* Open a socket: 0 and *out, or ERR_NFILE. Closed, it is not the caller's any more, and what was
 * not read is lost. */
int dgram_open(struct dgram_table *t, bool echo, struct dgram_socket **out);
void dgram_close(struct dgram_socket *d);

/* Take local `port`, 0 picks a free one: 0, ERR_INUSE (also that of a DHCP client, without one,
 * too), or ERR_INVAL: it has one. */
int dgram_bind(struct dgram_socket *d, uint16_t port);

/* Only datagrams from there are received, and errors from there are reported; without a local port
 * it gets one. 0, or ERR_ADDR: no destination, or port 0 of UDP. */
int dgram_connect(struct dgram_socket *d, uint32_t addr, uint16_t port);

/* A buffer for a payload to `addr` of up to mtu - 28 bytes, or NULL when no frame can be sent now.
 * Must be followed by dgram_send() or dgram_cancel() with the same address. */
uint8_t *dgram_begin(struct dgram_table *t, uint32_t addr);
void dgram_cancel(struct dgram_table *t, uint32_t addr, uint8_t *payload);

/* Send the `len` bytes at `payload` from a socket with a local port: 0, or ERR_UNREACH: no route.
 * Given in both cases. `port`: of an echo socket the sequence number. */
int dgram_send(struct dgram_socket *d, uint8_t *payload, size_t len, uint32_t addr, uint16_t port);

/* The oldest received datagram, or NULL; dgram_next() drops it. */
const struct dgram *dgram_peek(const struct dgram_socket *d);
void dgram_next(struct dgram_socket *d);

/* The error of an earlier datagram, which is then forgotten; 0: none. */
int dgram_error(struct dgram_socket *d);

#endif
