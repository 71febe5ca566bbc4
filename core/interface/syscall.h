/*
 * The system calls: the one header that the kernel and user programs share.
 *
 * A call takes a number and up to five arguments, each 64 bits wide, and returns int64_t: >= 0, or
 * an error of err.h. Pointers are addresses in the caller's own memory; the kernel checks them and
 * returns ERR_FAULT. Calls block until they can finish; a call that was interrupted by the end of
 * its process has no further effect.
 */
#ifndef DRYWIRE_SYSCALL_H
#define DRYWIRE_SYSCALL_H

#include "../base/err.h"
#include <stddef.h>
#include <stdint.h>

enum syscall_nr {
    SYS_EXIT = 1,  /* (status): does not return */
    SYS_SLEEP = 2, /* (nanoseconds): 0 when the time has passed */
    SYS_CLOCK = 3, /* (): nanoseconds since power-on of the machine's clock */

    SYS_READ = 16,  /* (fd, buffer, length): bytes read, 0 at the end */
    SYS_WRITE = 17, /* (fd, buffer, length): bytes taken, at least 1; 0 only for length 0 */
    SYS_CLOSE = 18, /* (fd) */
    SYS_POLL = 19, /* (struct poll_entry *, count <= 16, timeout_ns or POLL_FOREVER): ready count */

    SYS_SOCKET = 120,   /* (enum socket_type): descriptor */
    SYS_CONNECT = 121,  /* (fd, const struct socket_address *) */
    SYS_BIND = 122,     /* (fd, const struct socket_address *): port 0 picks one */
    SYS_LISTEN = 123,   /* (fd, backlog) */
    SYS_ACCEPT = 124,   /* (fd, struct socket_address * or 0): descriptor */
    SYS_SENDTO = 125,   /* (fd, buffer, length, const struct socket_address *): bytes sent */
    SYS_RECVFROM = 126, /* (fd, buffer, length, struct socket_address * or 0): bytes; rest is cut */
    SYS_SHUTDOWN = 127, /* (fd): no more writing; the peer sees the end of the stream */
    SYS_NETINFO = 128,  /* (struct netinfo *) */
    SYS_KEEPALIVE = 129, /* (fd, nanoseconds): ask a peer that was silent for so long; 0: never */
    SYS_LEASE = 130,     /* (enum lease_action): 0 */
    SYS_RESOLVE = 131,   /* (name, its length, uint32_t *, count <= 4): IPv4 addresses of a DNS name
                          * in host byte order; how many were written, at least 1 */
};

enum socket_type {
    SOCKET_STREAM = 1,   /* TCP */
    SOCKET_DATAGRAM = 2, /* UDP */
    SOCKET_ECHO = 3,     /* ICMP echo: what is sent is the payload of a request (see below) */
};

/* Descriptors every program starts with. A line written to FD_REPORT becomes `program: line` in the
 * trace, a line written to FD_OUTPUT becomes `program: | line`: output cannot be mistaken for a
 * report. */
enum { FD_INPUT = 0, FD_OUTPUT = 1, FD_REPORT = 2 };

enum { PROCESS_FDS = 16 }; /* descriptors of one program, the three above included */

/* An IPv4 endpoint, both numbers in host byte order. SOCKET_ECHO: port is the sequence number. */
struct socket_address {
    uint32_t addr;
    uint16_t port;
    uint16_t reserved; /* 0 */
};

enum { RESOLVE_NAME_MAX = 254, RESOLVE_ADDRESSES_MAX = 4 }; /* with a dot at the end */

enum { READY_IN = 1, READY_OUT = 2, READY_ERR = 4 };
#define POLL_FOREVER UINT64_MAX
enum { POLL_ENTRIES_MAX = 16 };

struct poll_entry {
    int32_t fd;
    uint16_t events;  /* requested: READY_IN, READY_OUT */
    uint16_t revents; /* result; READY_ERR also without a request */
};

enum address_source { ADDRESS_NONE = 0, ADDRESS_DHCP = 1 };

/* What the machine does about its address. */
enum lease_action {
    LEASE_REQUEST = 1, /* ask for one if it was given up; so it is at power-on */
    LEASE_RELEASE = 2, /* give it up: its connections end, and none is asked for */
    LEASE_PROBE = 3,   /* from now on, ask whether another host has an address before it is used */
};

/* Names as text, empty: unknown. */
enum { NETINFO_NAME = 254 };

struct netinfo {
    uint32_t addr, mask, gateway, dns; /* host byte order; 0: unknown */
    uint32_t source;                   /* enum address_source */
    uint32_t lease_left_s;             /* UINT32_MAX: for ever */
    uint64_t frames_tx, frames_rx, drops;
    uint8_t mac[6];
    uint16_t mtu;
    uint32_t ntp;
    char host[NETINFO_NAME], domain[NETINFO_NAME];
    char search[NETINFO_NAME]; /* domains, a comma between them */
};

#endif
