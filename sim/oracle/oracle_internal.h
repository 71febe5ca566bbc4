/*
 * Shared by the files of frame oracles: oracle_frame.c (every frame), oracle_tcp.c (flows) and
 * others.
 */
#ifndef DRYWIRE_ORACLE_INTERNAL_H
#define DRYWIRE_ORACLE_INTERNAL_H

#include "oracle.h"

enum {
    ARP_TARGETS = 32,
    OFFERS = 8,
    FLOWS = 64,
    FLOW_RANGES = 32,
    HALVES = 8,
    ARRIVED = 16,
    FLOW_HISTORY = 1 << 18
};
enum { ACKS = 8, DATAGRAMS = 256, HEARD = 64, LEASE_DEFAULT_S = 3600 };

/* Bytes of one direction of a stream, the last FLOW_HISTORY of them, by stream offset. */
struct history {
    uint8_t *ring; /* allocated when first needed, kept between runs */
    uint64_t end;  /* offset after the last byte */
};

/* Times of the oldest unacknowledged position of a connection (oracle_timer.c). */
struct flow_timer {
    bool syn_acked;
    bool started, again;  /* `oldest` was sent, more than once */
    bool heard, waited;   /* a reply has arrived since; its timer started earlier */
    bool alone, measured; /* nothing else was in flight; a round trip was measured like that */
    uint64_t oldest;      /* a position: the SYN is 0 */
    uint64_t next;        /* after the last one sent */
    uint64_t first_ns, oldest_ns, gap_ns;
    unsigned duplicates;
    uint16_t window;
    uint64_t sent_ns, heard_ns, written_ns; /* anything that takes sequence numbers; any segment */
    uint64_t advanced_ns;                   /* something new was acknowledged */
    uint64_t again_ns, begun_ns; /* something was sent again; sent when nothing was in flight */
    uint64_t marked, marked_ns;  /* a position, and when it was sent first; 0: none */
    uint64_t longest_ns, round_trip_ns, least_ns; /* least_ns: no round trip was shorter */
};

/* What a connection may have in flight at most, in bytes (oracle_cwnd.c). */
struct flow_window {
    bool begun, blind; /* blind: a segment was lost before the machine read it */
    bool recovering;   /* after a fast retransmission, until `recover` is acknowledged */
    bool closed;       /* the peer's window, and the machine may not know better */
    uint64_t begun_ns, sent_ns, opened_ns;
    uint64_t partial_ns; /* an ACK of a part of the recovery came that explains one more; 0: none */
    uint64_t cwnd, ssthresh, counted; /* counted: acknowledged since it grew by a segment */
    uint64_t next, recover; /* offsets: the next byte is `next`, unless there was a loss */
    uint64_t offered;       /* the largest window of the peer */
    unsigned duplicates;
    /* Before the ACKs of the last moment: */
    uint64_t acked_ns, flight, end; /* end: of the window, an offset */
    unsigned duplicates_before;
};

/* The options of a SYN that both ends must have sent (decode.h); its MSS, or the default. */
struct syn_options {
    uint32_t mss;
    uint8_t scale;
    bool sack_permitted;
};

/* One TCP connection as seen from both ends. Offsets count stream bytes from 0: the byte with
 * sequence number iss + 1 is number 0, FIN follows the last byte. */
struct flow {
    bool used;
    uint16_t local_port, remote_port;
    uint32_t remote;
    uint64_t touched; /* event counter: the oldest is recycled */

    bool own_syn, peer_syn; /* seen leaving; seen arriving */
    uint32_t own_iss, peer_iss;
    struct half {
        uint32_t peer, own;
        struct syn_options peer_options, own_options;
        bool answered;
    } halves[HALVES]; /* SYNs that arrived, with the SYN-ACK for each: an ACK picks one */
    unsigned half_count;
    uint64_t own_sent; /* offset after the last byte sent */
    bool own_fin;
    uint64_t own_fin_at;
    uint64_t una;       /* offset that the peer has acknowledged, FIN included */
    uint64_t sent_ns;   /* time of the last segment sent */
    uint64_t overtaken; /* how far it sent, with frames lost in its ARP queue, as an offset */
    uint64_t fin_ns;    /* start of a burst of FINs */
    unsigned fin_burst;
    uint32_t peer_mss;
    struct syn_options peer_options, own_options;
    uint64_t edge; /* furthest right edge that the peer's windows allowed, as an offset */
    bool edge_known;
    uint64_t offered; /* right edge that the machine offered, as an offset */
    bool offered_known;
    uint64_t acked; /* furthest that the machine acknowledged, FIN included */

    bool said_syn; /* the peer's SYN, as it left the peer */
    uint32_t said_iss;
    bool peer_fin; /* arrived */
    uint64_t peer_fin_at;
    uint64_t contiguous; /* offset after the last byte received without a gap */
    struct {
        uint64_t start, end;
    } ranges[FLOW_RANGES]; /* received after a gap */
    unsigned range_count;
    bool lost_track; /* more gaps than we store: ACKs are not checked */
    uint64_t read;   /* offset after the last byte that the program read */
    bool hooked;     /* the program's writes are reported */
    struct history said, written;
    bool over;     /* a reset was sent or received, or the address was lost */
    bool accepted; /* by a program */
    struct flow_timer timer;
    unsigned syns_sent; /* to open it */
    struct flow_window window;
    unsigned answers; /* segments that arrived and need an ACK of their own (oracle_limit.c) */
    uint64_t data_ns; /* when the last of them arrived */
    uint64_t challenges_full_ns;
};

/* Have both ends agreed upon SACK? */
static inline bool flow_sacks(const struct flow *f)
{
    return f->own_options.sack_permitted && f->peer_options.sack_permitted;
}

/* A segment that arrived at the machine, to find the cause of a reset. */
struct arrived {
    bool used;
    uint16_t local_port, remote_port;
    uint32_t remote;
    uint8_t flags;
    uint32_t ack, end; /* end: the sequence number after its last */
    uint64_t at_ns;
};

/* A count, and its value some time ago (oracle_report.c). */
struct tally {
    uint64_t count, last_ns;
    uint64_t mark, mark_ns; /* before mark_ns */
    uint64_t old;           /* at the mark before */
};

/* A DHCP acknowledgment that arrived. */
struct ack {
    uint32_t xid, addr, mask, gateway, dns, lease_s;
    uint64_t request_ns, latest_ns; /* when the request left: earliest, latest */
    uint64_t at_ns, number;         /* number of the received frame */
};

/* The values for checks of the machine's reports (oracle_report.c). */
struct report {
    struct tally out, in, drops;
    uint64_t lost;          /* received frames lost before the machine */
    uint64_t sent, sent_ns; /* printed count of frames sent, not checked yet; 0: none */
    struct ack acks[ACKS];
    unsigned ack_count;
    struct ack lease; /* addr 0: none */
    uint64_t number;  /* of the frame that brought it */
    unsigned datagram_count;
    struct datagram {
        uint32_t addr, sum;
        uint16_t port;
        size_t len;
    } datagrams[DATAGRAMS]; /* UDP, and replies to echo with their sequence number as port; last,
                             * since a new run does not clear them */
};

struct oracles {
    struct sim *sim;
    uint8_t mac[6];
    bool mac_known;
    uint16_t mtu;
    uint64_t slack_ns; /* between the wire and the machine */

    struct {
        uint32_t addr;
        uint64_t at_ns;
    } asked[ARP_TARGETS];
    unsigned asked_count;
    uint64_t asked_ns; /* of any program */
    bool unanswered;   /* so far */
    uint64_t answered_ns;
    uint64_t too_big_ns; /* an ICMP message came: a packet was too big for a path; 0: none */

    /* Answers with a limit: when it is whole again; an address conflict, the last defence; 0: none.
     */
    uint64_t resets_full_ns, errors_full_ns;
    uint64_t conflict_ns, defended_ns;

    /* Observed DHCP messages. */
    bool dhcp_seen;
    uint32_t xid, addr;
    uint64_t request_ns, expiry_ns, lost_ns;
    bool renewing;                        /* the last message was a REQUEST with ciaddr */
    uint32_t asked_server;                /* by unicast: that server; 0: any */
    bool acked;                           /* an ACK of that REQUEST has arrived */
    uint32_t second;                      /* the address of one more, or 0 */
    struct ack offers[OFFERS], requested; /* what the server offered, and the one requested */
    unsigned offer_count;

    uint64_t malformed, malformed_drops; /* received frames, and drops because of their format */
    struct heard {
        uint64_t at_ns;
        bool malformed;
        uint8_t packet[28]; /* its first bytes, after the Ethernet header */
        struct decoded decoded;
    } heard[HEARD]; /* the last ones received */
    unsigned heard_count;
    struct report report;

    struct flow flows[FLOWS];
    uint64_t counter;
    struct arrived arrived[ARRIVED]; /* the last ones */
    unsigned arrived_count;
};

/* The thing that this oracle checks occurred. */
static inline void oracle_look(struct oracles *o, enum oracle_id id)
{
    oracle_set_add(&o->sim->looked, id);
}

/* Report a violation. */
void oracle_fail(struct oracles *o, enum oracle_id id, const char *site, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Store bytes at an offset, not before the stored ones and without a gap. An offset before the
 * stream is negative. */
void history_put(struct history *h, uint64_t offset, const uint8_t *bytes, size_t len);
/* Offset of the first byte that differs from the stored ones, or -1. */
int64_t history_differs(const struct history *h, uint64_t offset, const uint8_t *bytes, size_t len);

/* A segment arrives; the machine acknowledges, and so those before need no reset. */
void arrived_note(struct oracles *o, const struct decoded *d);
void arrived_acknowledged(struct oracles *o, const struct decoded *d);
/* A reset must be the reply to a received segment without a reply so far. Report one that can only
 * be the reply to a reset. */
void check_reset(struct oracles *o, const struct decoded *d);

/* NULL: there is none. */
struct flow *flow_find(struct oracles *o, uint16_t local_port, uint32_t remote,
                       uint16_t remote_port);
void flows_start(struct oracles *o);
void flows_free(struct oracles *o);
void flows_tx(struct oracles *o, const struct decoded *d);
void flows_rx(struct oracles *o, const struct decoded *d);
void flows_peer(struct oracles *o, const struct decoded *d);
void flows_lost(struct oracles *o, const struct decoded *d);

/* True if the machine can send to a next hop now: it has an address, and its last ARP request got a
 * reply. */
bool oracles_reachable(const struct oracles *o);

/* A frame passes the device; contents of DHCP messages and datagrams; the end (oracle_report.c). */
void report_tx(struct oracles *o);
void report_rx(struct oracles *o);
void report_request(struct oracles *o);
/* The lease that an OFFER or ACK names. */
struct ack report_values(const struct decoded *d);
/* An ACK arrived: the seconds of its lease. */
uint32_t report_ack(struct oracles *o, const struct decoded *d);
void report_datagram(struct oracles *o, const struct decoded *d);
void report_end(struct oracles *o);

/* A frame arrives, a drop is reported, a frame leaves, the run ends (oracle_malformed.c). */
void malformed_rx(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d);
void malformed_drop(struct oracles *o, unsigned reason);
void malformed_tx(struct oracles *o, const struct decoded *d);
void malformed_end(struct oracles *o, uint64_t lost);

/* The bytes from offset `at` to `end` are sent, not counted in own_sent yet. A segment arrives that
 * acknowledges `acked` new bytes. */
void cwnd_tx(struct oracles *o, struct flow *f, uint64_t at, uint64_t end);
void cwnd_rx(struct oracles *o, struct flow *f, const struct decoded *d, uint64_t acked);

/* The machine sends a reset, an ICMP message, an ACK without data or FIN, which is the last one
 * again or not, a request for its own address. A segment arrives; an ARP packet arrives. */
void limit_reset(struct oracles *o, const struct decoded *d);
void limit_icmp(struct oracles *o, const struct decoded *d);
void limit_bare_ack(struct oracles *o, struct flow *f, bool repeated);
void limit_announced(struct oracles *o);
void limit_heard(struct oracles *o, struct flow *f, const struct decoded *d);
void limit_conflict(struct oracles *o, const struct decoded *d);

/* A segment that takes sequence numbers is sent, with data or without; a segment arrives that
 * acknowledges something new (`advanced`); a program has written. */
void timer_tx(struct oracles *o, struct flow *f, uint64_t position, bool data);
void timer_rx(struct oracles *o, struct flow *f, const struct decoded *d, bool advanced);
void timer_written(struct oracles *o, struct flow *f);
void timers_check(struct oracles *o);

#endif
