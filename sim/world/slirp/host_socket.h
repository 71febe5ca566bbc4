/*
 * The simulated host of libslirp: the sockets that replace those of the kernel.
 *
 * host_libc.c defines the libc symbols that the library calls (socket, connect, recv, ...). While a
 * world is inside the library (host_enter .. host_leave) they use the table below and virtual time;
 * outside, and for descriptors that are not virtual, they call the system. The far end
 * (host_socket.c) consists of the `serve` lines of the scenario (service.h) and, for incoming
 * connections, of its `dial` lines.
 *
 * Addresses are those of the host, as the library translates them: the machine's 10.0.2.2 is
 * 127.0.0.1, and its name server 10.0.2.3 is the one of the host's resolv.conf.
 */
#ifndef DRYWIRE_HOST_SOCKET_H
#define DRYWIRE_HOST_SOCKET_H

#include "../../scenario/scenario.h"
#include "../../engine/sim.h"
#include <sys/types.h>

/* 192.0.2.53, of TEST-NET-1 (RFC 5737). */
#define HOST_RESOLVER      UINT32_C(0xc0000235)
#define HOST_RESOLVER_TEXT "192.0.2.53"

enum {
    HOST_FD_FIRST = 1000000,
    HOST_SOCKET_MAX = 1024,   /* a closed connection keeps its socket for 10 s (TIME_WAIT) */
    HOST_DIAL_PORT = 20000,   /* the dial of index i calls this port + i ... */
    HOST_CLIENT_PORT = 40000, /* ... from this port + i */
    HOST_DIAL_MAX = 10000,
};

enum host_kind { HOST_FREE, HOST_STREAM, HOST_LISTENER, HOST_DATAGRAM, HOST_PING };

/* A datagram, or an error instead, that a socket can read from `due_ns` on. */
struct host_message {
    struct host_message *next; /* in order of due_ns, then of arrival */
    uint64_t due_ns;
    int error; /* errno instead of bytes, 0: none */
    uint32_t addr;
    uint16_t port; /* of the sender */
    size_t len;
    uint8_t bytes[];
};

/* One `dial` or `datagram` line. */
enum dial_state {
    DIAL_WAITING, /* its time has not been reached */
    DIAL_CALLING, /* the library has not accepted it yet */
    DIAL_OPEN,    /* bytes are exchanged */
    DIAL_DONE,    /* its own side is closed */
};

struct host_dial {
    const struct scenario_dial *line;
    enum dial_state state;
    bool forwarded;  /* for the world: a host forwarding exists for it */
    size_t sent;     /* bytes of line->send that the library has read */
    size_t matched;  /* bytes of line->expect received */
    bool mismatched; /* others did */
};

struct host_socket {
    enum host_kind kind;
    uint32_t addr, peer_addr; /* host byte order */
    uint16_t port, peer_port;

    /* stream */
    uint64_t connect_ns;    /* when connect() finishes, SIM_NEVER: black hole */
    bool connecting;        /* the library has not read the outcome yet */
    int error;              /* pending: the error of connect(), or ECONNRESET */
    bool reset_released;    /* a reset by the service may be reported */
    bool fin_first;         /* the library has read the end of the stream before ending its side */
    bool peer_closed;       /* the library has ended its side */
    struct stream *stream;  /* a service at the other end, */
    struct host_dial *dial; /* or a caller; of a listener: the caller */

    /* datagram, ping */
    struct host_message *messages;
};

struct host_sockets {
    struct sim *sim;
    const struct scenario *scenario;
    unsigned used; /* sockets that were ever open: later ones are uninitialised */
    uint16_t next_port;
    bool resets_held;        /* host_poll() has delayed a reset */
    uint64_t passed;         /* network calls on other descriptors while inside the library */
    struct host_dial *dials; /* scenario->dial_count of them */
    struct host_socket sockets[HOST_SOCKET_MAX];
};

/* Prepare a host for one run. The table is initialised as it is used, so the cost does not depend
 * on its size. */
void host_open(struct host_sockets *h, struct sim *sim, const struct scenario *sc);

/* Free everything. Returns the number of descriptors that the library left open. */
unsigned host_close(struct host_sockets *h);

/* The library is called between these two, and only there. */
void host_enter(struct host_sockets *h);
void host_leave(void);

/* The result of poll() for a virtual descriptor now, for `events` (SLIRP_POLL_* bits). If it is 0,
 * *next_ns is lowered to the time at which it may change. */
int host_poll(struct host_sockets *h, int fd, int events, uint64_t *next_ns);

/* The number of connections that should still end by themselves. */
unsigned host_connections(const struct host_sockets *h);

/* A reset by the service is reported only after this call, so that the bytes before it can arrive.
 * True when `fd` waits for it. */
bool host_release_reset(struct host_sockets *h, int fd);

/* Dial `index` calls its port, where a listener or a datagram socket must be bound: 0, or -1. */
int host_dial(struct host_sockets *h, unsigned index);

/* True if the library is bound to the definition of connect() in host_libc.c. */
bool host_interposed(void);

/* ---- the calls; a negative result is -errno ---- */

int host_socket_new(struct host_sockets *h, enum host_kind kind); /* a descriptor */
void host_socket_close(struct host_socket *so);
void host_socket_bind(struct host_sockets *h, struct host_socket *so, uint32_t addr, uint16_t port);
void host_socket_connect(struct host_sockets *h, struct host_socket *so, uint32_t addr,
                         uint16_t port);
int host_socket_accept(struct host_sockets *h, struct host_socket *listener); /* a descriptor */
void host_socket_shutdown(struct host_sockets *h, struct host_socket *so);    /* SHUT_WR */

/* On a stream; with length 0 it returns the outcome of connect(). */
ssize_t host_socket_send(struct host_sockets *h, struct host_socket *so, const void *buf,
                         size_t len);

/* On a datagram or ping socket. */
ssize_t host_socket_sendto(struct host_sockets *h, struct host_socket *so, uint32_t addr,
                           uint16_t port, const void *buf, size_t len);

/* On any; the sender is written only for a datagram. */
ssize_t host_socket_recv(struct host_sockets *h, struct host_socket *so, void *buf, size_t room,
                         uint32_t *addr, uint16_t *port);

/* FIONREAD: the size of the next datagram. */
size_t host_socket_pending(const struct host_sockets *h, const struct host_socket *so);

#endif
