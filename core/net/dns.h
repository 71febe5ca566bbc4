/*
 * The DNS resolver of a host: a stub (RFC 1034 section 5.3.1), which asks the name servers of the
 * lease for the IPv4 addresses of a name, and keeps what they say for as long as they say.
 *
 * Each query has an id and a port of its own, both random, and only an answer to it, from the
 * address and port that it was sent to, is taken (RFC 5452 section 9). The servers are asked in
 * turn, again after 1, 2, 4 and 8 s. An answer that does not fit in a datagram is asked for again
 * over TCP (RFC 7766). An alias that its answer does not resolve is asked for in turn.
 */
#ifndef DRYWIRE_DNS_H
#define DRYWIRE_DNS_H

#include "dgram.h"
#include "dns_message.h"
#include "tcp.h"

enum { DNS_PORT = 53, DNS_LOOKUPS = 4, DNS_CACHE = 16, DNS_SERVERS = 2 };
enum { DNS_STREAM_MAX = 2048 }; /* the longest answer over TCP */
enum { DNS_TTL_MAX_S = 86400 }; /* nothing is kept for longer */

/* What is known of a name: its addresses, or that there are none. */
struct dns_result {
    int error; /* 0, ERR_NONAME, ERR_NODATA, ...: dns_resolve() */
    unsigned count;
    uint32_t addr[DNS_ADDRESSES];
};

struct dns_lookup {
    enum { LOOKUP_FREE, LOOKUP_ASKING, LOOKUP_DONE } state; /* DONE: until the next poll begins */
    struct dns_name name;
    struct dns_name asked;  /* the name, or an alias of it */
    unsigned links;         /* CNAME records from the one to the other */
    uint32_t ttl_s;         /* the least of them */
    unsigned tries, failed; /* of `asked`: queries sent, servers in a row that cannot answer */
    int error;              /* of the last of those */
    uint32_t server;        /* the last query */
    uint16_t id, port;
    uint64_t timer_ns;
    struct tcp_conn *stream; /* NULL: it is a datagram */
    bool sent;               /* over TCP; then `got` bytes of the answer were received */
    size_t got;
    uint8_t answer[2 + DNS_STREAM_MAX];
    struct dns_result result;
};

struct dns_entry {
    struct dns_name name; /* of length 0: free */
    uint64_t until_ns;
    uint64_t used; /* the larger, the later */
    struct dns_result result;
};

struct dns {
    struct net *net;
    struct ipv4 *ip;
    const struct dgram_table *dgrams; /* their ports are not used */
    struct tcp *tcp;
    uint32_t server[DNS_SERVERS]; /* those that filled the cache */
    uint64_t uses;
    unsigned busy; /* lookups that are not free: without one, a poll costs nothing */
    struct dns_lookup lookup[DNS_LOOKUPS];
    struct dns_entry cache[DNS_CACHE];
};

void dns_init(struct dns *d, struct ipv4 *ip, const struct dgram_table *dgrams, struct tcp *tcp);

/* The addresses of a name: 0 and *out, or ERR_AGAIN while they are asked for: call it again in
 * every poll. *begun is set when that was begun, and not when there is no address of this host yet
 * or too many names are asked for. ERR_NONAME: there is no such name; ERR_NODATA: it has no
 * address; ERR_ADDR: none that a host can connect to; ERR_NOSERVER: no server is known;
 * ERR_SERVER: the servers cannot answer; ERR_PROTO: too many aliases; ERR_MSGSIZE: the answer is
 * longer than DNS_STREAM_MAX; ERR_TIMEDOUT, ERR_NETDOWN, ERR_UNREACH, ERR_REFUSED. */
int dns_resolve(struct dns *d, const struct dns_name *name, struct dns_result *out, bool *begun);

/* True if a datagram is from where one of our queries went. */
bool dns_expects(const struct dns *d, const struct udp_datagram *u);
struct verdict dns_input(struct dns *d, const struct udp_datagram *u);

/* An error about a datagram; DROP_ICMP_QUOTE: it is not one of ours. */
struct verdict dns_icmp_error(struct dns *d, const struct icmp_error *e);

/* At the beginning of a poll: results of the last one are forgotten. */
void dns_begin(struct dns *d);

void dns_poll(struct dns *d);
uint64_t dns_deadline(const struct dns *d);

/* True when no name is asked for. */
bool dns_idle(const struct dns *d);

#endif
