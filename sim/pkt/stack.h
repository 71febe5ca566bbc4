/*
 * The stack that ladders judge, as a table of calls: the runner knows no other part of it.
 * core_stack.c fills it with the core's. Another stack fills it in a shared object with a function
 * `const struct pkt_stack *drywire_stack(void)`; this header is all that it needs.
 *
 * Packets are frames of sim/frame without Ethernet: IPv4 after PKT_LINK_LEN unused bytes. Nothing
 * waits: a call that cannot finish now returns ERR_AGAIN and is made again later, as often as
 * needed; a blocking call is the runner's.
 */
#ifndef DRYWIRE_PKT_STACK_H
#define DRYWIRE_PKT_STACK_H

#include "../../core/interface/syscall.h"
#include <stdbool.h>

struct pkt_host {
    uint32_t addr, mask, gateway; /* host order */
    uint16_t mtu;
    uint32_t window; /* of a connection in each direction, bytes */
    uint64_t seed;   /* of its randomness */
};

struct pkt_args {
    uint64_t number;            /* backlog, requested READY_ bits */
    struct socket_address addr; /* to connect or bind; filled by SYS_ACCEPT */
    uint8_t *bytes;             /* to read into or to write */
    size_t len;
};

/* What SYS_ has no number for; the value is a number. */
enum pkt_socket_option {
    PKT_SO_ERROR,     /* get: the error (enum err) since the last call, or 0 */
    PKT_SO_REUSEADDR, /* set */
    PKT_SO_KEEPALIVE, /* set: seconds, 0: off */
    PKT_SO_LINGER,    /* set: 0: close is a reset */
    PKT_SO_NODELAY,   /* set */
    PKT_SO_MAXSEG,    /* get: the effective send MSS */
};

enum { PKT_STACK_ABI = 1 };

struct pkt_stack {
    unsigned abi; /* PKT_STACK_ABI */

    /* A new stack without packets and sockets; its state, for `ctx` of the others. */
    void *(*start)(const struct pkt_host *host, uint64_t now_ns);
    void (*stop)(void *ctx);

    /* Time is `now_ns`, which does not go back: do what is due, and send. */
    void (*advance)(void *ctx, uint64_t now_ns);

    /* When advance() is to be called at the latest; UINT64_MAX: never. */
    uint64_t (*deadline)(void *ctx);

    /* A packet comes; what it causes is sent by the next advance(). */
    void (*inject)(void *ctx, const uint8_t *frame, size_t len);

    /* Take the oldest frame that was sent: its length, or 0. */
    size_t (*emitted)(void *ctx, uint8_t *frame);

    /* SYS_SOCKET, SYS_BIND, SYS_LISTEN, SYS_ACCEPT, SYS_CONNECT, SYS_READ, SYS_WRITE, SYS_SHUTDOWN,
     * SYS_CLOSE as in syscall.h; SYS_POLL returns the READY_ bits of one descriptor. ERR_NOSYS: the
     * stack has no such call. */
    int64_t (*call)(void *ctx, enum syscall_nr nr, int fd, struct pkt_args *args);
    int64_t (*option)(void *ctx, int fd, enum pkt_socket_option option, bool set, uint64_t *value);
};

/* The core's: core_stack.c. */
extern const struct pkt_stack pkt_core_stack;

#endif
