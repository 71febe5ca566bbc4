/*
 * The simulated host behind libslirp: the sockets that the library believes to be the kernel's.
 *
 * host_libc.c defines the libc symbols that the library calls (socket, connect, recv, ...). While a
 * world is inside the library (host_enter .. host_leave) they work on the table below and virtual
 * time; outside, and on descriptors that are not virtual, they are the system's own. What answers
 * at the far end (host_socket.c) are the `serve` lines of the scenario (service.h) and, for
 * incoming connections, its `dial` lines.
 *
 * Addresses here are the host's view, as the library translates them: the machine's 10.0.2.2 is
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

/* A datagram, or an error in its place, that a socket can read from `due_ns` on. */
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
    DIAL_WAITING, /* its time has not come */
    DIAL_CALLING, /* the library has not accepted it yet */
    DIAL_OPEN,    /* bytes go to and fro */
    DIAL_DONE,    /* its own side has ended */
};

struct host_dial {
    const struct scenario_dial *line;
    enum dial_state state;
    bool forwarded;  /* the world's: a host forwarding exists for it */
    size_t sent;     /* bytes of line->send that the library has read */
    size_t matched;  /* bytes of line->expect that came back */
    bool mismatched; /* others did */
};

struct host_socket {
    enum host_kind kind;
    uint32_t addr, peer_addr; /* host byte order */
    uint16_t port, peer_port;

    /* stream */
    uint64_t connect_ns;    /* when the outcome of connect() is known, SIM_NEVER: black hole */
    bool connecting;        /* the library has not yet seen the outcome */
    int error;              /* pending: what connect() came to, or ECONNRESET */
    bool reset_released;    /* a reset by the service may be reported */
    bool fin_first;         /* the library has read the end of the stream before ending its side */
    bool peer_closed;       /* the library has ended its side */
    struct stream *stream;  /* a service at the other end, */
    struct host_dial *dial; /* or a caller; of a listener: who calls */

    /* datagram, ping */
    struct host_message *messages;
};

struct host_sockets {
    struct sim *sim;
    const struct scenario *scenario;
    unsigned used; /* sockets that were ever open: those behind have never been written */
    uint16_t next_port;
    bool resets_held;        /* host_poll() has kept a reset back */
    uint64_t passed;         /* network calls on other descriptors while inside the library */
    struct host_dial *dials; /* scenario->dial_count of them */
    struct host_socket sockets[HOST_SOCKET_MAX];
};

/* Ready a host for one run. Only what is used is written, so this costs the same for any size. */
void host_open(struct host_sockets *h, struct sim *sim, const struct scenario *sc);

/* Free everything. Returns how many descriptors the library had left open. */
unsigned host_close(struct host_sockets *h);

/* The library is called between these two, and only there. */
void host_enter(struct host_sockets *h);
void host_leave(void);

/* The state of a virtual descriptor that poll() would report now for `events` (SLIRP_POLL_* bits).
 * When it reports nothing, *next_ns is lowered to the time at which it may. */
int host_poll(struct host_sockets *h, int fd, int events, uint64_t *next_ns);

/* How many connections there are that should still end by themselves. */
unsigned host_connections(const struct host_sockets *h);

/* A reset by the service is only reported after this call, so that the world can let the bytes
 * before it arrive. True when `fd` waits for it. */
bool host_release_reset(struct host_sockets *h, int fd);

/* Dial `index` calls its port, where a listener or a datagram socket must be bound: 0, or -1. */
int host_dial(struct host_sockets *h, unsigned index);

/* Is the definition of connect() in host_libc.c the one that the library is bound to? */
bool host_interposed(void);

/* ---- what the calls do; a negative result is -errno ---- */

int host_socket_new(struct host_sockets *h, enum host_kind kind); /* a descriptor */
void host_socket_close(struct host_socket *so);
void host_socket_bind(struct host_sockets *h, struct host_socket *so, uint32_t addr, uint16_t port);
void host_socket_connect(struct host_sockets *h, struct host_socket *so, uint32_t addr,
                         uint16_t port);
int host_socket_accept(struct host_sockets *h, struct host_socket *listener); /* a descriptor */
void host_socket_shutdown(struct host_sockets *h, struct host_socket *so);    /* SHUT_WR */

/* On a stream; of length 0 it asks for the outcome of the connect. */
ssize_t host_socket_send(struct host_sockets *h, struct host_socket *so, const void *buf,
                         size_t len);

/* On a datagram or ping socket. */
ssize_t host_socket_sendto(struct host_sockets *h, struct host_socket *so, uint32_t addr,
                           uint16_t port, const void *buf, size_t len);

/* On any; the sender is only written for a datagram. */
ssize_t host_socket_recv(struct host_sockets *h, struct host_socket *so, void *buf, size_t room,
                         uint32_t *addr, uint16_t *port);

/* FIONREAD: the size of the datagram that is read next. */
size_t host_socket_pending(const struct host_sockets *h, const struct host_socket *so);

#endif
