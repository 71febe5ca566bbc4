/*
 * Shared by the files of the scripted peer: world_native.c (addresses, ARP, ICMP, UDP, dials),
 * native_dhcp.c and native_dns.c (servers), native_tcp.c (a small TCP of its own), native_core.c
 * (the core's TCP instead), native_frame.c (building frames). It has the addresses of QEMU's user
 * network.
 */
#ifndef DRYWIRE_NATIVE_H
#define DRYWIRE_NATIVE_H

#include "../../base/bytes.h"
#include "../../frame/decode.h"
#include "../world.h"

#define ADDR(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))

enum {
    NATIVE_FRAME_MAX = 1514,
    NATIVE_CONNS = 16,
    NATIVE_MSS = 1460,
    NATIVE_SHIFT = 2,
    NATIVE_BUFFER = 65536
};

#define NATIVE_GATEWAY       ADDR(10, 0, 2, 2)
#define NATIVE_DNS           ADDR(10, 0, 2, 3)
#define NATIVE_SECOND_SERVER ADDR(10, 0, 2, 4)
#define NATIVE_FIRST_LEASE   ADDR(10, 0, 2, 15)
#define NATIVE_NET           ADDR(10, 0, 2, 0)
#define NATIVE_MASK          ADDR(255, 255, 255, 0)

/* A frame being built, or scheduled. */
struct native_frame {
    struct native_frame *next;
    struct world *world;
    size_t len;
    uint8_t bytes[NATIVE_FRAME_MAX];
};

/* ---- frames: native_frame.c ---- */

/* The MAC address for an address of the peer: its own, or the gateway's. */
void native_mac(uint32_t addr, uint8_t mac[6]);

/* Fill Ethernet and IP headers around an IP payload of `len` bytes that is in place at
 * native_payload(f), checksums included; the UDP or TCP checksum too. */
uint8_t *native_payload(struct native_frame *f);
void native_ip(struct native_frame *f, const uint8_t dst_mac[6], uint32_t src, uint32_t dst,
               uint8_t protocol, size_t len);

/* ---- the world ---- */

struct native_dial {
    const struct scenario_dial *dial;
    bool begun, done;
    bool answered;  /* of an echo */
    unsigned tries; /* the same */
    size_t got;
    bool mismatch;
};

struct native_dhcp {
    uint32_t addr;      /* the address given */
    uint64_t expiry_ns; /* of the last lease given */
    unsigned requests, messages;
    uint32_t asked[ASKS]; /* of a scripted server, by kind */
};

struct native_core;
struct native_play;

struct world {
    struct sim *sim;
    const struct scenario *scenario;
    struct world_port port;
    struct native_frame *pending; /* frames to be sent */
    struct native_frame *spare;
    uint8_t machine_mac[6];
    bool machine_known;
    unsigned arp_requests, arp_probes;
    uint16_t ip_id, next_port;
    struct native_dhcp dhcp;
    struct native_conn *conns[NATIVE_CONNS];
    struct native_dial *dials;
    unsigned *dns_asked; /* by the line of a name: queries for it */
    struct draw_stream iss;
    struct native_play *play; /* NULL: no capture is played */
    struct native_core *core; /* NULL: TCP is native_tcp.c */
    size_t observed;          /* frames fed so far, in both passes */
    char words[160];
};

/* Count a fault of the peer that had an effect. */
static inline void native_fault(struct world *w, enum peer_fault fault)
{
    w->port.fired[fault]++;
}

/* Mark a `peer` line as used. */
static inline void native_used(struct world *w, unsigned line)
{
    w->port.used[line] = true;
}

/* A buffer for a frame; native_send() passes it to the wire after the peer's latency (plus
 * `more_ns`). */
struct native_frame *native_frame_new(struct world *w);
void native_send(struct world *w, struct native_frame *f, uint64_t more_ns);

/* True for the peer's own addresses on the local network. */
bool native_is_ours(const struct world *w, uint32_t addr);

/* The service at an address, of stream or datagram kind, or NULL. */
const struct service *native_service(const struct world *w, uint32_t addr, uint16_t port, bool udp);

void native_dhcp_input(struct world *w, const struct decoded *d);
/* True if a `peer dhcp` line has this address as its source or its server. */
bool native_dhcp_is_server(const struct world *w, uint32_t addr);

/* A query for a name server. */
void native_dns_input(struct world *w, const struct service *s, const struct decoded *d);

/* Send a datagram to the machine. */
void native_send_udp(struct world *w, uint32_t src, uint16_t src_port, uint32_t dst,
                     uint16_t dst_port, const void *bytes, size_t len, uint64_t more_ns);

/* Send an ICMP error of the peer about a frame of the machine. */
void native_icmp_error(struct world *w, const uint8_t *frame, const struct decoded *d, uint8_t code,
                       uint32_t from, uint64_t more_ns);

/* ---- frames of a capture, unchanged and readdressed: native_observe.c ---- */

void native_observe_start(struct world *w);
bool native_observe_busy(const struct world *w);

/* ---- a captured server: native_play.c ---- */

void native_play_start(struct world *w);
void native_play_input(struct world *w, const struct decoded *d);
void native_play_read(struct world *w, const uint8_t *bytes, size_t len);
bool native_play_busy(const struct world *w);
void native_play_end(struct world *w);

/* ---- TCP: native_tcp.c ---- */

void native_tcp_input(struct world *w, const uint8_t *frame, const struct decoded *d);
void native_tcp_dial(struct world *w, struct native_dial *dial);
/* Send a forged segment in the peer's name; nothing if there is no such connection. */
void native_tcp_forge(struct world *w, const struct scenario_dial *s);
bool native_tcp_busy(const struct world *w);
void native_tcp_free(struct world *w);
unsigned native_tcp_open(const struct world *w);

#endif
