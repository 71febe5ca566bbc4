/*
 * `serve` lines and the `peer` lines of a script: what a service at the far end of the wire does.
 * sim/world/service.h does it.
 */
#ifndef DRYWIRE_SCENARIO_SERVICE_H
#define DRYWIRE_SCENARIO_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum service_kind {
    SERVICE_HTTP,        /* serve http A:P ...: one response per request, then close */
    SERVICE_TCP_ECHO,    /* serve tcp-echo A:P */
    SERVICE_SINK,        /* serve sink A:P: takes everything, says nothing, closes after the peer */
    SERVICE_UDP_ECHO,    /* serve udp-echo A:P */
    SERVICE_REFUSE,      /* serve refuse A:P: connection refused after latency= */
    SERVICE_BLACKHOLE,   /* serve blackhole A:P: never answers */
    SERVICE_UNREACHABLE, /* serve unreachable A:P: host unreachable after latency= */
    SERVICE_SCRIPT,      /* serve script A:P: says what its `peer` lines say */
};

enum http_framing { HTTP_LENGTH, HTTP_CHUNKED, HTTP_CLOSE }; /* mode=length|chunked|close */

enum script_kind { SCRIPT_SAYS, SCRIPT_CLOSES, SCRIPT_RESETS };

/* One `peer` line: what a script does next, at most one segment. */
struct script_step {
    enum script_kind kind;
    const char *bytes; /* send="..."  or bytes=N, the next N of the script's file */
    uint64_t len;
    uint64_t at;      /* where they stand in the stream */
    uint64_t after;   /* after=N   so many bytes of the machine have come */
    uint64_t wait_ns; /* wait=T    so long behind that, and behind the line before */
    uint64_t late_ns; /* late=T    it is under way so much longer: others overtake it */
    bool lost;        /* lost      its first sending does not arrive */
    bool twice;       /* twice     it is sent twice */
    unsigned line;
};

/* One `serve` line. Addresses are the machine's view (10.0.2.2:8080), host byte order. */
struct service {
    enum service_kind kind;
    uint32_t addr;
    uint16_t port;
    uint64_t latency_ns; /* latency=  of the connect or of a datagram's answer, default 0 */

    /* http */
    const char *path;  /* path=     default "/"; any other path answers 404 */
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
    const char *file; /* file=     where the bytes of lines with bytes= are, or NULL */
    const char *file_bytes;
    uint64_t file_len, file_used;
    struct script_step *steps;
    unsigned step_count;
    uint64_t said; /* by all of them */
    unsigned line;
};

/* Does it take datagrams, or else connections? */
static inline bool service_takes(const struct service *s, bool datagrams)
{
    return s->kind == SERVICE_BLACKHOLE || s->kind == SERVICE_UNREACHABLE ||
           (s->kind == SERVICE_UDP_ECHO) == datagrams;
}

#endif
