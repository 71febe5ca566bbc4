/*
 * `serve` lines and the `peer` lines of a script: the services at the far end of the wire.
 * sim/world/service.h runs them.
 */
#ifndef DRYWIRE_SCENARIO_SERVICE_H
#define DRYWIRE_SCENARIO_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum service_kind {
    SERVICE_HTTP,        /* serve http A:P ...: one response per request, then close */
    SERVICE_TCP_ECHO,    /* serve tcp-echo A:P */
    SERVICE_SINK,        /* serve sink A:P: reads everything, sends nothing, closes last */
    SERVICE_UDP_ECHO,    /* serve udp-echo A:P */
    SERVICE_REFUSE,      /* serve refuse A:P: connection refused after latency= */
    SERVICE_BLACKHOLE,   /* serve blackhole A:P: never replies */
    SERVICE_UNREACHABLE, /* serve unreachable A:P: host unreachable after latency= */
    SERVICE_SCRIPT,      /* serve script A:P: plays its `peer` lines */
    SERVICE_DNS,         /* serve dns A:P: answers as its `peer` lines say, over UDP and TCP */
};

enum http_framing { HTTP_LENGTH, HTTP_CHUNKED, HTTP_CLOSE }; /* mode=length|chunked|close */

enum script_kind { SCRIPT_SAYS, SCRIPT_CLOSES, SCRIPT_RESETS };

/* One `peer` line: the next step of a script, at most one segment. */
struct script_step {
    enum script_kind kind;
    const char *bytes; /* send="..."  or bytes=N, the next N of the script's file */
    uint64_t len;
    uint64_t at;      /* their offset in the stream */
    uint64_t after;   /* after=N this many bytes of the machine have arrived */
    uint64_t wait_ns; /* wait=T time after that, and after the line before */
    uint64_t late_ns; /* late=T additional delay: others overtake it */
    bool lost;        /* lost its first transmission is lost */
    bool twice;       /* twice     it is sent twice */
    unsigned line;
};

/* What is wrong in a false answer, which is sent before the true one and has another address. */
enum dns_lie {
    DNS_LIE_NONE,
    DNS_LIE_ID,
    DNS_LIE_SOURCE,
    DNS_LIE_PORT,
    DNS_LIE_QUESTION,
    DNS_LIE_QUERY,   /* it is a query */
    DNS_LIE_OPCODE,  /* it is no answer to a standard query */
    DNS_LIE_POINTER, /* the owner of the address is a pointer to itself */
    DNS_LIE_LENGTH,  /* the address is longer than the message */
    DNS_LIE_COUNT,   /* more records than there are */
    DNS_LIE_OWNER,   /* the address is that of another name */
};

/* One `peer` line of a name server: an address of a name, or its alias, or neither: the name has no
 * address. Names without a line do not exist. */
struct dns_line {
    const char *name;  /* name= without a dot at the end, as text */
    uint32_t addr;     /* addr= or 0 */
    const char *cname; /* cname= or NULL */
    uint32_t ttl_s;    /* ttl=  default 60 */
    unsigned silent;   /* silent=N the first N queries for the name are not answered */
    unsigned rcode;    /* rcode=N instead of an answer */
    unsigned lie;      /* lie=  enum dns_lie */
    bool apart;        /* apart      the records of `cname` are not in the same answer */
    bool truncated;    /* truncated  an answer by UDP is */
    unsigned line;
};

/* One `serve` line. Addresses as the machine sees them (10.0.2.2:8080), host byte order. */
struct service {
    enum service_kind kind;
    uint32_t addr;
    uint16_t port;
    uint64_t latency_ns; /* latency=  of the connect or of a datagram's reply, default 0 */

    /* http */
    const char *path;  /* path=     default "/"; 404 for any other path */
    const char *body;  /* body="..." with \n \r \t \\ \" \xNN */
    uint64_t body_len; /*           its length, or size= : a pattern of that many bytes */
    bool pattern;      /*           size= was given: byte i is service_pattern(i) */
    unsigned status;   /* status=   default 200 */
    enum http_framing framing;
    unsigned chunk;       /* chunk=    bytes in a chunk, default 1000 */
    uint64_t delay_ns;    /* delay=    from the request to the first byte of the response */
    uint64_t rate_Bps;    /* rate=     bytes per second of the body, 0: no limit */
    uint64_t reset_after; /* reset-after=N RST after N bytes of the body; UINT64_MAX: never */

    /* script */
    const char *file; /* file= the bytes of lines with bytes=, or NULL */
    const char *file_bytes;
    uint64_t file_len, file_used;
    struct script_step *steps;
    unsigned step_count;
    uint64_t said; /* bytes of all of them */

    /* dns */
    struct dns_line *dns;
    unsigned dns_count;
    unsigned line;
};

/* True for datagrams, false for connections. */
static inline bool service_takes(const struct service *s, bool datagrams)
{
    return s->kind == SERVICE_BLACKHOLE || s->kind == SERVICE_UNREACHABLE ||
           s->kind == SERVICE_DNS || (s->kind == SERVICE_UDP_ECHO) == datagrams;
}

#endif
