/*
 * Shared by the files of the scripted peer's TCP: native_tcp.c (connections and their timers),
 * native_tcp_input.c, native_tcp_output.c.
 */
#ifndef DRYWIRE_NATIVE_TCP_H
#define DRYWIRE_NATIVE_TCP_H

#include "native.h"
#include "../service.h"

#define RTO_FIRST_NS (300 * NS_PER_MS)
#define RTO_LAST_NS  (10 * NS_PER_S)
#define LINGER_NS    (2 * NS_PER_S)   /* a short TIME_WAIT */
#define DEAD_NS      (300 * NS_PER_S) /* silent for longer than the machine's own R2: dead */

enum { TRIES_MAX = 25, STORE = 32, STORE_BYTES = 1500, FLIGHT_MAX = 32768 };
enum { NATIVE_STAMPS = 12, BLOCKS = 3 }; /* bytes of that option; blocks with them */

enum native_state { SYN_SENT, SYN_RECEIVED, OPEN, OVER };

struct stored { /* an out-of-order segment */
    bool used;
    uint32_t seq, len;
    uint8_t bytes[STORE_BYTES];
};

struct early { /* bytes that came after a gap */
    uint32_t start, end;
};

struct native_conn {
    struct world *world;
    enum native_state state;
    uint32_t local, remote;
    uint16_t local_port, remote_port;
    const struct service *service; /* NULL: a dial */
    struct stream stream;
    struct native_dial *dial;
    size_t dial_sent;
    uint64_t late_ns; /* of the present segment */

    uint32_t iss, una, nxt, max; /* send sequence space; max is the highest sent */
    uint32_t window, mss;
    uint32_t len;    /* bytes in buf from una on (from iss + 1 while the SYN is out) */
    bool fin_queued; /* FIN follows them */
    bool fin_acked;
    uint8_t buf[NATIVE_BUFFER];
    unsigned dup_acks, tries;
    uint64_t rto_ns, rto_at_ns;

    /* Agreed upon by both SYNs; only with tcp-options. */
    bool sacks, scales, stamps;
    uint8_t shift;         /* of the machine's windows */
    uint32_t stamp_recent; /* the machine's, to be echoed */

    uint32_t rcv_nxt, offered, acked;
    uint32_t filled;          /* of the window, in zero-window mode */
    uint64_t closed_until_ns; /* the window stays 0 until then */
    bool fin_received, ack;
    uint64_t linger_ns;
    uint64_t heard_ns; /* time of the machine's last segment */
    unsigned stored;   /* the last one */
    struct stored store[STORE];
    struct sim_timer timer;
};

static inline bool native_tcp_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* Sequence numbers of the first byte to be sent, and of the one after the last. */
static inline uint32_t native_tcp_data_start(const struct native_conn *c)
{
    return c->una == c->iss ? c->iss + 1 : c->una;
}

static inline uint32_t native_tcp_data_end(const struct native_conn *c)
{
    return native_tcp_data_start(c) + c->len;
}

/* The receive window: that of the option, less what the service cannot read now. */
uint32_t native_tcp_window(const struct native_conn *c);

/* One segment with all of its numbers. */
void native_tcp_segment_at(const struct native_conn *c, uint32_t seq, uint32_t ack, uint8_t flags,
                           unsigned window, const void *data, uint32_t len);

/* Send a segment with these flags at `seq`, with the present ACK and window. */
void native_tcp_segment(struct native_conn *c, uint32_t seq, uint8_t flags, const uint8_t *data,
                        uint32_t len);

/* A reset in reply to a segment without a connection: RFC 9293 section 3.10.7.1. */
void native_tcp_reset(struct world *w, const struct decoded *d, uint64_t more_ns);

/* End a connection: its timers stop, and its dial is done. */
void native_tcp_over(struct native_conn *c);

/* When a connection on which only the machine can still send is aborted: it may have ended there
 * without a segment. */
uint64_t native_tcp_dead_deadline(const struct native_conn *c);

/* The next time it must be polled. */
void native_tcp_set_timer(struct native_conn *c);

/* The machine's SYN: its MSS, and the options that both have. */
void native_tcp_agree(struct native_conn *c, const struct decoded *d);

/* Send all that can be sent now. */
void native_tcp_output(struct native_conn *c);

/* The SYN, or the SYN-ACK, again or for the first time. */
void native_tcp_send_syn(struct native_conn *c);

/* Input a segment of this connection. */
void native_tcp_conn_input(struct native_conn *c, const struct decoded *d);

#endif
