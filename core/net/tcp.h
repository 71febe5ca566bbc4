/*
 * TCP (RFC 9293), with the retransmission timer of RFC 6298, congestion control of RFC 5681 and
 * RFC 6582, sequence numbers of RFC 6528 and the checks of RFC 5961. Read RFC 9293 sections 3.3 and
 * 3.10 first.
 *
 * A connection is one struct tcp_conn in a table (tcp_table.h). Data lives in two buffers
 * indexed by sequence number, whose pages a connection has only while it holds data (tcp_pages.h):
 * sent data from snd_una on, received data up to rcv_nxt for the program, and after rcv_nxt the
 * out-of-order data, described by `ooo`. tcp_input() changes state, only tcp_output() builds
 * segments, from that state, tcp_poll() runs the timers. With a peer that does SACK, what is lost
 * is found by tcp_recovery.c, else by duplicate ACKs.
 *
 *                 passive                              active
 *   CLOSED -> LISTEN -> SYN_RECEIVED -> ESTABLISHED <- SYN_SENT <- CLOSED
 *   ESTABLISHED -> FIN_WAIT_1 -> FIN_WAIT_2 -> TIME_WAIT -> CLOSED     we close first
 *                  FIN_WAIT_1 -> CLOSING ----> TIME_WAIT               both at once
 *   ESTABLISHED -> CLOSE_WAIT -> LAST_ACK ---> CLOSED                  the peer closes first
 */
#ifndef DRYWIRE_TCP_H
#define DRYWIRE_TCP_H

#include "../base/bitset.h"
#include "../base/rate.h"
#include "../port/machine.h"
#include "icmp.h"
#include "ipv4.h"
#include "tcp_congestion.h"
#include "tcp_reassembly.h"
#include "tcp_pages.h"
#include "tcp_scoreboard.h"

struct tcp;

/* The order is that of the words in trace.c. */
enum tcp_state {
    TCPS_CLOSED,
    TCPS_LISTEN,
    TCPS_SYN_SENT,
    TCPS_SYN_RECEIVED,
    TCPS_ESTABLISHED,
    TCPS_FIN_WAIT_1,
    TCPS_FIN_WAIT_2,
    TCPS_CLOSE_WAIT,
    TCPS_CLOSING,
    TCPS_LAST_ACK,
    TCPS_TIME_WAIT,
};

enum {
    TCP_CONNS_MAX = 1 << 18,
    TCP_RESERVE_PART = 8, /* of the table is for programs alone, however many peers come */
    TCP_PAGE_MIN = 2048,
    TCP_PAGE_MAX = 65536,
    TCP_WINDOW_MIN = 2048,
    TCP_WINDOW_MAX = 1 << 26,
    TCP_WINDOW_UNSCALED = 65535, /* the largest without window scaling */
    TCP_SHIFT_MAX = 14,          /* RFC 7323 section 2.3 */
    TCP_DEFAULT_MSS = 536,       /* MUST-15 */
    TCP_QUICK_ACKS = 64,         /* about a window of segments */
};

#define TCP_RTO_INITIAL_NS     (1 * NS_PER_S)    /* RFC 6298 (2.1) */
#define TCP_RTO_MIN_NS         (1 * NS_PER_S)    /* (2.4) */
#define TCP_RTO_MAX_NS         (60 * NS_PER_S)   /* (2.5) */
#define TCP_TAIL_DELAY_NS      (200 * NS_PER_MS) /* RFC 8985 section 7.2: an ACK may be delayed */
#define TCP_RTO_AFTER_SYN_NS   (3 * NS_PER_S)    /* (5.7) */
#define TCP_R2_NS              (180 * NS_PER_S)  /* give up after this time: MUST-23, SHLD-11 */
#define TCP_DELACK_NS          (40 * NS_PER_MS)  /* MUST-40 allows 500 ms */
#define TCP_OVERRIDE_NS        (500 * NS_PER_MS) /* 0.1 to 1 s: section 3.8.6.2.1 */
#define TCP_KEEPALIVE_MIN_NS   (1 * NS_PER_S)
#define TCP_KEEPALIVE_MAX_NS   (UINT64_C(604800) * NS_PER_S) /* a week */
#define TCP_KEEPALIVE_AGAIN_NS (75 * NS_PER_S)
#define TCP_MSL_NS             (30 * NS_PER_S)
#define TCP_ORPHAN_NS          (60 * NS_PER_S) /* without progress and without a program */
#define TCP_IDLE_NS            (1 * NS_PER_S)  /* without progress: it may give way to another */
#define TCP_STAMP_OLD_NS       (UINT64_C(2073600) * NS_PER_S) /* 24 days: RFC 7323 section 5.5 */

struct tcp_conn;

struct tcp_list {
    struct tcp_conn *first, *last;
    uint32_t count;
};

/* Of a LISTEN. */
struct tcp_listener {
    struct tcp_list ready; /* children that wait for accept */
    unsigned backlog;
    uint32_t half_open; /* children without the peer's ACK */
    uint64_t cookie_ns; /* when a SYN cookie was sent last; 0: never */
};

struct tcp_conn {
    struct tcp *tcp;
    uint32_t number; /* in the table, and in traces */
    enum tcp_state state;
    bool owned;                /* a descriptor refers to it, or will by accept */
    bool passive;              /* came from a LISTEN: MUST-11 */
    bool hashed;               /* it is in a bucket */
    struct tcp_conn *listener; /* until it is accepted */
    int error;                 /* why it ended; returned to the program */
    int soft_error;            /* last ICMP hint: SHLD-25 */

    /* For tcp_table.c. */
    struct tcp_list *list;
    struct tcp_conn *previous, *next;
    uint32_t hash_next; /* 1 + the next number of the bucket, or 0 */
    uint32_t heap_at;   /* 1 + its place in the heap, or 0 */
    uint64_t heap_ns;   /* its key there */

    uint32_t local_addr, remote_addr; /* host order */
    uint16_t local_port, remote_port;

    /* Send sequence space: RFC 9293 section 3.3.1, plus snd_max, the highest ever sent. */
    uint32_t iss, snd_una, snd_nxt, snd_max;
    uint32_t snd_wnd, snd_wl1, snd_wl2;
    uint32_t snd_wnd_max; /* largest window that the peer ever offered */
    uint32_t mss;         /* effective send MSS */
    uint32_t snd_start;   /* sequence number of the first byte in the buffer */
    uint32_t snd_len;     /* bytes in it */
    bool fin_queued;      /* the program closed: FIN follows the last byte */
    struct tcp_buffer snd;

    /* Receive sequence space; rcv_adv is the right edge last offered, rcv_read the program's. */
    uint32_t irs, rcv_nxt, rcv_adv, rcv_read;
    bool fin_received; /* and everything before it */
    bool fin_seen;     /* at fin_seq, perhaps after a gap */
    uint32_t fin_seq;
    struct tcp_buffer rcv;
    struct tcp_reassembly *ooo; /* all after rcv_nxt; in a page, or NULL */

    /* Agreed upon by both SYNs. */
    bool sacks, scaled, stamps;
    uint8_t snd_shift, rcv_shift; /* of windows: RFC 7323 section 2.3 */

    /* Timestamps: RFC 7323 section 4.3. */
    uint32_t stamp_base;      /* what is added to the clock */
    uint32_t stamp_recent;    /* the one to echo: TS.Recent */
    uint64_t stamp_recent_ns; /* when it came */
    uint32_t rcv_acked;       /* acknowledged last: Last.ACK.sent */
    struct tcp_range twice;   /* received again, to be reported: RFC 2883; empty: none */

    /* What tcp_output() must send. */
    bool ack_now;
    bool resend;               /* the segment at snd_una, once */
    uint8_t resend_reason;     /* enum retransmit_reason */
    bool probe;                /* one byte beyond a closed window */
    bool keepalive;            /* a question whether the peer is there */
    bool override;             /* as much as the window allows, even a silly one */
    unsigned segments_unacked; /* full segments received since the last ACK sent */
    uint8_t quick_acks;        /* the next segments get an ACK each: the peer has lost some */

    /* RFC 6298. */
    uint64_t srtt_ns, rttvar_ns, rto_ns;
    uint64_t rtt_start_ns; /* of the segment being timed; 0: none */
    uint32_t rtt_seq;      /* its first sequence number */
    bool syn_retried;
    uint64_t sent_ns;          /* when data was sent last */
    uint64_t first_unacked_ns; /* since when nothing new was acknowledged: R2 */
    uint64_t progress_ns;      /* when data or an ACK of new data came last */
    unsigned probes;           /* sent in this closed-window period */
    uint8_t keepalives;        /* sent since the peer was heard */

    /* Keep-alive: RFC 9293 section 3.8.4. */
    uint64_t keepalive_ns; /* 0: off */
    uint64_t heard_ns;     /* when the peer's last acceptable segment came */

    union {
        struct tcp_congestion cc;
        struct tcp_listener listen; /* of a LISTEN, which sends nothing */
    };

    /* Loss recovery by SACK (tcp_recovery.c): RFC 8985. */
    struct tcp_scoreboard *board; /* in a page, or NULL: nothing is known to be lost */
    uint32_t tail_end;            /* what is acknowledged when the probe of the tail is */
    bool tail_timer;              /* rto_at_ns is when to probe it */
    bool tail_probe;              /* it is to be sent */
    bool tail_out;                /* it is in flight */
    bool tail_again;              /* it was not new data */
    bool reordering;              /* the network changes the order of segments */
    uint8_t reorder_more;         /* how often it was more than expected */
    bool timed_out;               /* the timer expired, and nothing was acknowledged since */

    /* RFC 5961 section 7. */
    uint8_t challenges;    /* in this period */
    uint64_t challenge_ns; /* its start */

    /* DEADLINE_NEVER: off. */
    uint64_t rto_at_ns, persist_at_ns, delack_at_ns, linger_at_ns, keepalive_at_ns;
};

struct tcp {
    struct net *net;
    struct ipv4 *ip;
    uint16_t next_port; /* counter of RFC 6056 section 3.3.3 */
    struct rate resets; /* to segments without a connection */

    struct tcp_conn *conn; /* `count` of them */
    uint32_t count;
    struct tcp_pages pages;
    uint32_t window; /* bytes that a connection may hold in each direction */
    uint8_t shift;   /* of the windows that connections offer */
    bool reno;
    struct bitset free, due, blocked; /* blocked: the device had no room */
    uint32_t free_count, reserve;     /* reserve: blocks that peers' connections leave */
    bool any_blocked;
    uint32_t *bucket, bucket_mask; /* 1 + the first number, or 0 */
    uint64_t hash_key[2];
    struct tcp_conn *recent; /* whose segment came last, if it is still in a bucket */
    uint32_t *heap, heap_count;
    struct tcp_list half_open, orphans, time_wait, served; /* oldest first */

    /* Connections that are neither CLOSED nor LISTEN, those in TIME-WAIT, those of programs. */
    uint32_t open, waiting, owned;
};

/* ---- for the stack ---- */

/* The memory of a table of `connections` with `pages` pages, in bytes, 8-aligned. */
#define TCP_BUCKETS(connections) ((size_t)2 * (connections) + 1) /* at most, when rounded */
#define TCP_MEMORY(connections, pages, page_size)                                                  \
    ((size_t)(connections) * sizeof(struct tcp_conn) + 3 * 8 * BITSET_WORDS(connections) +         \
     4 * (TCP_BUCKETS(connections) + (connections) + (size_t)(pages) + 1) +                        \
     (size_t)(pages) * (page_size))

struct tcp_config {
    uint32_t connections; /* 1..TCP_CONNS_MAX */
    uint32_t pages;       /* 2 or more; while all are lent, received data is dropped and programs
                           * wait (tcp_pages.h) */
    uint32_t page_size;   /* a power of two, TCP_PAGE_MIN..TCP_PAGE_MAX */
    uint32_t window;      /* TCP_WINDOW_MIN..TCP_WINDOW_MAX: bytes that a connection may hold in
                           * each direction, in pages that it has while it holds them */
    bool reno;            /* after its first loss the congestion window grows as RFC 5681 says, not
                           * by CUBIC (RFC 9438) */
};

/* `memory`: TCP_MEMORY() bytes, which need not be cleared. */
void tcp_init(struct tcp *t, struct ipv4 *ip, const struct tcp_config *config, void *memory);

/* Run the timers that have expired by net->now_ns; tcp_output_all() sends what they ask for. */
void tcp_poll(struct tcp *t);

/* When the next one expires, now if something is due, or DEADLINE_NEVER. */
uint64_t tcp_deadline(const struct tcp *t);

/* True when there is no connection. */
bool tcp_idle(const struct tcp *t);

/* The same, but those in TIME-WAIT are ignored. */
bool tcp_settled(const struct tcp *t);

/* End every connection whose own address is `addr`. */
void tcp_abort_from(struct tcp *t, uint32_t addr, int error);

/* `p`: an IPv4 packet for TCP. */
struct verdict tcp_input(struct tcp *t, const struct ipv4_packet *p);

/* The answer of verdict ANSWER_RESET: limited, and never to a RST. */
void tcp_reset_reply(struct tcp *t, const struct ipv4_packet *p);

/* An ICMP error about a segment that we sent. */
struct verdict tcp_icmp_error(struct tcp *t, const struct icmp_error *e);

/* Send the segments that are due, as far as the device has room. */
void tcp_output_all(struct tcp *t);

/* True when a program has a connection. */
bool tcp_used(const struct tcp *t);

/* ---- for sockets; nothing here blocks ---- */

/* A new connection block: 0 and *out, or ERR_NFILE. */
int tcp_open(struct tcp *t, struct tcp_conn **out);

/* 0, ERR_INUSE, ERR_INVAL. Port 0 picks one. */
int tcp_bind(struct tcp_conn *c, uint16_t port);

/* 0, ERR_INVAL. `backlog` is cut to 1..half of the table. */
int tcp_listen(struct tcp_conn *c, unsigned backlog);

/* Start to connect (the end of the poll sends the SYN): 0, ERR_ADDR, ERR_UNREACH, ERR_ISCONN,
 * ERR_INVAL, ERR_INUSE (this port has a connection to there, or none is free). tcp_connected() then
 * returns ERR_AGAIN until it is 0 or an error. */
int tcp_connect(struct tcp_conn *c, uint32_t addr, uint16_t port);
int tcp_connected(struct tcp_conn *c);

/* The oldest established child: 0 and *out, ERR_AGAIN, ERR_INVAL. */
int tcp_accept(struct tcp_conn *c, struct tcp_conn **out);

/* Ask a peer that was silent for `idle_ns` whether it is there, then every 75 s; the tenth time the
 * connection ends with ERR_TIMEDOUT. 0: never, as at first (MUST-25). A listener's is that of what
 * it accepts later. 0, or ERR_INVAL: below a second or above a week. */
int tcp_keepalive(struct tcp_conn *c, uint64_t idle_ns);

/* Contiguous received bytes: their number and *at; 0 at the end of the stream; ERR_AGAIN when there
 * are none yet, or the error that ended the connection. tcp_consume() takes some of them. */
int tcp_readable(struct tcp_conn *c, const uint8_t **at);
void tcp_consume(struct tcp_conn *c, size_t len);

/* Contiguous room to write: its size and *at; ERR_AGAIN, or an error. tcp_commit() adds the bytes
 * written there to the stream, and must follow, if only with 0: until then a ring is lent. */
int tcp_writable(struct tcp_conn *c, uint8_t **at);
void tcp_commit(struct tcp_conn *c, size_t len);

/* No more writing: 0, ERR_NOTCONN. */
int tcp_shutdown(struct tcp_conn *c);

/* Close by the program, which has it no more: `c` is free, or ends by itself. Unread data makes it
 * a reset: SHLD-3. */
void tcp_close(struct tcp_conn *c);

/* The same at once, with a reset: ABORT of RFC 9293 section 3.10.5. */
void tcp_reset(struct tcp_conn *c);

/* READY_IN, READY_OUT, READY_ERR (core/interface/syscall.h) as of now. */
unsigned tcp_ready(struct tcp_conn *c);

#endif
