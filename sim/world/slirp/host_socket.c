/*
 * The simulated host sockets, see host_socket.h.
 *
 * Order of this file: the table; the far end (services, dials); readiness; then the socket calls,
 * for host_libc.c. Results are chosen for the library: connect() never finishes at once, a
 * zero-length send() returns its outcome, ERR and HUP are only reported with IN.
 */
#include "host_socket.h"
#include "../../../core/base/minmax.h"
#include "../service.h"
#include "../../../core/base/check.h"
#include <errno.h>
#include <libslirp.h>
#include <stdlib.h>
#include <string.h>

#define LOOPBACK         UINT32_C(0x7f000001)
#define MACHINE_NET      UINT32_C(0x0a000200) /* 10.0.2.0/24 */
#define MACHINE_NET_MASK UINT32_C(0xffffff00)
#define MACHINE_GATEWAY  UINT32_C(0x0a000202)
#define MACHINE_RESOLVER UINT32_C(0x0a000203)
#define FIRST_PORT       49152

/* ---- the table ---- */

void host_open(struct host_sockets *h, struct sim *sim, const struct scenario *sc)
{
    CHECK(sc->dial_count <= HOST_DIAL_MAX);
    h->sim = sim;
    h->scenario = sc;
    h->used = 0;
    h->next_port = FIRST_PORT;
    h->passed = 0;
    h->dials = calloc(sc->dial_count + 1, sizeof(*h->dials));
    CHECK(h->dials);
    for (unsigned i = 0; i < sc->dial_count; i++)
        h->dials[i].line = &sc->dials[i];
}

static uint16_t free_port(struct host_sockets *h)
{
    uint16_t port = h->next_port;

    h->next_port = port == UINT16_MAX ? FIRST_PORT : (uint16_t)(port + 1);
    return port;
}

/* The lowest free descriptor, as in a kernel. */
int host_socket_new(struct host_sockets *h, enum host_kind kind)
{
    unsigned i = 0;

    while (i < h->used && h->sockets[i].kind != HOST_FREE)
        i++;
    if (i == HOST_SOCKET_MAX)
        return -EMFILE;
    if (i == h->used)
        h->used++;
    h->sockets[i] = (struct host_socket){.kind = kind, .addr = LOOPBACK};
    return HOST_FD_FIRST + (int)i;
}

void host_socket_close(struct host_socket *so)
{
    while (so->messages) {
        struct host_message *m = so->messages;

        so->messages = m->next;
        free(m);
    }
    free(so->stream);
    if (so->dial)
        so->dial->state = DIAL_DONE;
    *so = (struct host_socket){.kind = HOST_FREE};
}

unsigned host_close(struct host_sockets *h)
{
    unsigned leaked = 0;

    for (unsigned i = 0; i < h->used; i++) {
        if (h->sockets[i].kind == HOST_FREE)
            continue;
        host_socket_close(&h->sockets[i]);
        leaked++;
    }
    free(h->dials);
    return leaked;
}

/* A connect() that failed leaves no connection. After both sides have closed, the remote one first,
 * only TIME_WAIT of the library is left. */
unsigned host_connections(const struct host_sockets *h)
{
    unsigned count = 0;

    for (unsigned i = 0; i < h->used; i++) {
        const struct host_socket *so = &h->sockets[i];

        if (so->kind == HOST_STREAM && (so->connecting || so->stream || so->dial))
            count += !(so->fin_first && so->peer_closed);
    }
    return count;
}

/* ---- the far end: services ---- */

static uint32_t host_view(uint32_t addr)
{
    if (addr == MACHINE_GATEWAY)
        return LOOPBACK;
    return addr == MACHINE_RESOLVER ? HOST_RESOLVER : addr;
}

static bool serves(const struct service *service, enum host_kind kind)
{
    switch (service->kind) {
    case SERVICE_HTTP:
    case SERVICE_TCP_ECHO:
    case SERVICE_SINK:
    case SERVICE_SCRIPT:
        return kind == HOST_STREAM;
    case SERVICE_UDP_ECHO:
        return kind == HOST_DATAGRAM;
    case SERVICE_DNS: /* of world native only */
    case SERVICE_REFUSE:
    case SERVICE_BLACKHOLE:
    case SERVICE_UNREACHABLE:
        break;
    }
    return true;
}

static const struct service *service_at(const struct host_sockets *h, enum host_kind kind,
                                        uint32_t addr, uint16_t port)
{
    for (unsigned i = 0; i < h->scenario->service_count; i++) {
        const struct service *service = &h->scenario->services[i];

        if (service->port == port && host_view(service->addr) == addr && serves(service, kind))
            return service;
    }
    return NULL;
}

/* Queue bytes, or an error, for a datagram socket to read. */
static struct host_message *message_add(struct host_socket *so, uint64_t due_ns, int error,
                                        uint32_t addr, uint16_t port, const void *bytes, size_t len)
{
    struct host_message **at = &so->messages;
    struct host_message *m = malloc(sizeof(*m) + len);

    CHECK(m);
    while (*at && (*at)->due_ns <= due_ns)
        at = &(*at)->next;
    *m = (struct host_message){*at, due_ns, error, addr, port, len};
    memcpy(m->bytes, bytes, len);
    *at = m;
    return m;
}

/* ---- the far end: dials ---- */

/* Bytes received by a dial. A datagram must equal the expected bytes, not only start with them. */
static void host_socket_dial_answer(struct host_dial *d, const uint8_t *bytes, size_t len)
{
    size_t wanted = d->line->expect_len - d->matched, n = 0;
    const char *expect = d->line->expect + d->matched;

    while (n < len && n < wanted && bytes[n] == (uint8_t)expect[n])
        n++;
    if (n < wanted && n < len)
        d->mismatched = true;
    if (d->line->datagram && wanted && len > wanted)
        d->mismatched = true;
    d->matched += n;
    if (d->line->datagram && (d->mismatched || d->matched == d->line->expect_len))
        d->state = DIAL_DONE;
}

/* The datagram dial with this address, or NULL. */
static struct host_dial *dial_at(struct host_sockets *h, uint32_t addr, uint16_t port)
{
    unsigned index = (unsigned)port - HOST_CLIENT_PORT;

    if (addr != LOOPBACK || index >= h->scenario->dial_count || !h->dials[index].line->datagram)
        return NULL;
    return &h->dials[index];
}

/* True if a caller has sent and received everything, so that it closes. */
static bool dial_finished(const struct host_socket *so)
{
    const struct host_dial *d = so->dial;

    return d->sent == d->line->send_len &&
           (d->matched == d->line->expect_len || d->mismatched || so->peer_closed);
}

static ssize_t dial_output(struct host_dial *d, void *buf, size_t room)
{
    size_t left = d->line->send_len - d->sent;
    size_t n = min_u64(left, room);

    memcpy(buf, d->line->send + d->sent, n);
    d->sent += n;
    return (ssize_t)n;
}

int host_dial(struct host_sockets *h, unsigned index)
{
    struct host_dial *d = &h->dials[index];
    enum host_kind kind = d->line->datagram ? HOST_DATAGRAM : HOST_LISTENER;

    CHECK(d->state == DIAL_WAITING);
    for (unsigned i = 0; i < h->used; i++) {
        struct host_socket *so = &h->sockets[i];

        if (so->kind != kind || so->port != HOST_DIAL_PORT + index)
            continue;
        d->state = DIAL_CALLING;
        if (d->line->datagram)
            message_add(so, h->sim->now_ns, 0, LOOPBACK, (uint16_t)(HOST_CLIENT_PORT + index),
                        d->line->send, d->line->send_len);
        else
            so->dial = d;
        return 0;
    }
    return -1;
}

/* ---- readiness ---- */

/* Lower *next_ns to a future time; true when it has passed. */
static bool due(const struct host_sockets *h, uint64_t at_ns, uint64_t *next_ns)
{
    if (at_ns <= h->sim->now_ns)
        return true;
    if (at_ns < *next_ns)
        *next_ns = at_ns;
    return false;
}

/* True if there is input from the far end: bytes, or the end of the stream. */
static int readable(struct host_sockets *h, const struct host_socket *so, uint64_t *next_ns)
{
    if (so->dial)
        return so->dial->sent < so->dial->line->send_len || dial_finished(so) ? SLIRP_POLL_IN : 0;
    if (!due(h, stream_deadline(so->stream, h->sim->now_ns), next_ns))
        return 0;
    if (stream_ending(so->stream, h->sim->now_ns) != STREAM_RESET)
        return SLIRP_POLL_IN;
    if (so->reset_released)
        return SLIRP_POLL_IN | SLIRP_POLL_ERR | SLIRP_POLL_HUP;
    h->resets_held = true;
    return 0;
}

static bool writable(const struct host_socket *so)
{
    const struct stream *s = so->stream;

    return !s || s->service->kind != SERVICE_TCP_ECHO ||
           s->received - s->sent < SERVICE_REQUEST_MAX;
}

static int stream_poll(struct host_sockets *h, const struct host_socket *so, int events,
                       uint64_t *next_ns)
{
    int ready = 0;

    if (so->connecting) {
        if (!due(h, so->connect_ns, next_ns))
            return 0;
        return so->error ? SLIRP_POLL_OUT | SLIRP_POLL_ERR | SLIRP_POLL_HUP : SLIRP_POLL_OUT;
    }
    if (events & SLIRP_POLL_IN)
        ready |= readable(h, so, next_ns);
    if (events & SLIRP_POLL_OUT && writable(so))
        ready |= SLIRP_POLL_OUT;
    return ready;
}

bool host_release_reset(struct host_sockets *h, int fd)
{
    struct host_socket *so = &h->sockets[fd - HOST_FD_FIRST];

    if (fd < HOST_FD_FIRST || (unsigned)(fd - HOST_FD_FIRST) >= h->used || so->reset_released ||
        !so->stream || stream_ending(so->stream, h->sim->now_ns) != STREAM_RESET)
        return false;
    so->reset_released = true;
    return true;
}

int host_poll(struct host_sockets *h, int fd, int events, uint64_t *next_ns)
{
    CHECK(fd >= HOST_FD_FIRST && (unsigned)(fd - HOST_FD_FIRST) < h->used);

    const struct host_socket *so = &h->sockets[fd - HOST_FD_FIRST];

    switch (so->kind) {
    case HOST_STREAM:
        return stream_poll(h, so, events, next_ns);
    case HOST_LISTENER:
        return so->dial ? events & SLIRP_POLL_IN : 0;
    case HOST_DATAGRAM:
    case HOST_PING:
        if (so->messages && due(h, so->messages->due_ns, next_ns))
            return events & SLIRP_POLL_IN;
        return 0;
    case HOST_FREE:
        break;
    }
    CHECK(false); /* a closed descriptor is polled */
    return 0;
}

/* ---- the calls: streams ---- */

void host_socket_bind(struct host_sockets *h, struct host_socket *so, uint32_t addr, uint16_t port)
{
    so->addr = addr;
    so->port = port ? port : free_port(h);
}

void host_socket_connect(struct host_sockets *h, struct host_socket *so, uint32_t addr,
                         uint16_t port)
{
    const struct service *service = service_at(h, HOST_STREAM, addr, port);

    so->peer_addr = addr;
    so->peer_port = port;
    so->port = free_port(h);
    so->connecting = true;
    so->connect_ns = h->sim->now_ns + (service ? service->latency_ns : 0);
    if (!service || service->kind == SERVICE_REFUSE) {
        so->error = ECONNREFUSED;
    } else if (service->kind == SERVICE_UNREACHABLE) {
        so->error = EHOSTUNREACH;
    } else if (service->kind == SERVICE_BLACKHOLE) {
        so->connect_ns = SIM_NEVER;
    } else {
        so->stream = malloc(sizeof(*so->stream));
        CHECK(so->stream);
        stream_open(so->stream, service);
    }
}

/* The outcome of connect(), for the first call that reads it. */
static int connect_outcome(struct host_socket *so)
{
    int error = so->error;

    so->connecting = false;
    so->error = 0;
    return -error;
}

int host_socket_accept(struct host_sockets *h, struct host_socket *listener)
{
    struct host_dial *dial = listener->dial;

    if (!dial)
        return -EAGAIN;

    int fd = host_socket_new(h, HOST_STREAM);

    if (fd < 0)
        return fd;

    /* cppcheck-suppress negativeIndex ; host_socket_new() counts from HOST_FD_FIRST */
    struct host_socket *so = &h->sockets[fd - HOST_FD_FIRST];

    so->dial = dial;
    so->port = listener->port;
    so->peer_addr = LOOPBACK;
    so->peer_port = (uint16_t)(HOST_CLIENT_PORT + (dial - h->dials));
    dial->state = DIAL_OPEN;
    listener->dial = NULL;
    return fd;
}

ssize_t host_socket_send(struct host_sockets *h, struct host_socket *so, const void *buf,
                         size_t len)
{
    if (so->kind != HOST_STREAM)
        return -ENOTCONN;
    if (!len || so->connecting)
        return connect_outcome(so);
    if (so->peer_closed || !(so->stream || so->dial))
        return -EPIPE;
    if (so->dial) {
        if (!so->dial->mismatched)
            host_socket_dial_answer(so->dial, buf, len);
        return (ssize_t)len;
    }

    size_t taken = stream_input(so->stream, buf, len, h->sim->now_ns);

    return taken ? (ssize_t)taken : -EAGAIN;
}

/* Returned every time: the library reads twice, and handles an end only the first time. */
static ssize_t stream_recv(struct host_sockets *h, struct host_socket *so, void *buf, size_t room)
{
    enum stream_end end = STREAM_OPEN;
    ssize_t n = so->connecting ? connect_outcome(so) : 0;

    if (n < 0)
        return n;
    if (so->dial) {
        n = dial_output(so->dial, buf, room);
        if (!n && dial_finished(so)) {
            end = STREAM_FIN;
            so->dial->state = DIAL_DONE;
        }
    } else if (so->stream) {
        n = (ssize_t)stream_output(so->stream, buf, room, h->sim->now_ns);
        if (!n)
            end = stream_ending(so->stream, h->sim->now_ns);
    } else {
        return -ENOTCONN;
    }
    if (n)
        return n;
    if (end == STREAM_OPEN || (end == STREAM_RESET && !so->reset_released))
        return -EAGAIN;
    so->fin_first |= !so->peer_closed;
    return end == STREAM_RESET ? -ECONNRESET : 0;
}

void host_socket_shutdown(struct host_sockets *h, struct host_socket *so)
{
    if (so->peer_closed)
        return;
    so->peer_closed = true;
    if (so->stream)
        stream_input_end(so->stream, h->sim->now_ns);
}

/* ---- the calls: datagrams ---- */

/* Every address of a serve line replies to pings, and all inside the machine's network. */
static void ping(struct host_sockets *h, struct host_socket *so, uint32_t addr,
                 const uint8_t *bytes, size_t len)
{
    bool known = addr == LOOPBACK || (addr & MACHINE_NET_MASK) == MACHINE_NET;
    uint64_t latency_ns = 0;

    for (unsigned i = 0; i < h->scenario->service_count; i++) {
        const struct service *service = &h->scenario->services[i];

        if (service->addr == addr || host_view(service->addr) == addr) {
            known = true;
            latency_ns = service->latency_ns;
            break;
        }
    }
    if (!known || !len)
        return;

    struct host_message *reply =
        message_add(so, h->sim->now_ns + latency_ns, 0, addr, 0, bytes, len);

    reply->bytes[0] = 0; /* ICMP type: echo reply; the library computes the checksum */
}

ssize_t host_socket_sendto(struct host_sockets *h, struct host_socket *so, uint32_t addr,
                           uint16_t port, const void *buf, size_t len)
{
    if (so->kind == HOST_STREAM)
        return -EISCONN;
    if (so->kind == HOST_PING) { /* the library leaves its port unset */
        ping(h, so, addr, buf, len);
        return (ssize_t)len;
    }

    struct host_dial *dial = dial_at(h, addr, port);
    const struct service *service = service_at(h, HOST_DATAGRAM, addr, port);
    uint64_t due_ns = h->sim->now_ns + (service ? service->latency_ns : 0);

    if (dial)
        host_socket_dial_answer(dial, buf, len);
    else if (!service || service->kind == SERVICE_REFUSE)
        message_add(so, due_ns, ECONNREFUSED, addr, port, "", 0);
    else if (service->kind == SERVICE_UNREACHABLE)
        message_add(so, due_ns, EHOSTUNREACH, addr, port, "", 0);
    else if (service->kind == SERVICE_UDP_ECHO)
        message_add(so, due_ns, 0, addr, port, buf, len);
    return (ssize_t)len;
}

/* The first message, when it is due. */
static struct host_message *message_due(const struct host_sockets *h, const struct host_socket *so)
{
    struct host_message *m = so->messages;

    return m && m->due_ns <= h->sim->now_ns ? m : NULL;
}

/* An error counts as a byte, so that the library reads it. */
size_t host_socket_pending(const struct host_sockets *h, const struct host_socket *so)
{
    const struct host_message *m = message_due(h, so);

    if (!m)
        return 0;
    return m->error ? 1 : m->len;
}

ssize_t host_socket_recv(struct host_sockets *h, struct host_socket *so, void *buf, size_t room,
                         uint32_t *addr, uint16_t *port)
{
    if (so->kind == HOST_STREAM)
        return stream_recv(h, so, buf, room);

    struct host_message *m = message_due(h, so);

    if (!m)
        return -EAGAIN;

    struct host_dial *dial = dial_at(h, m->addr, m->port);
    ssize_t n = m->error ? -m->error : (ssize_t)min_u64(m->len, room);

    if (n > 0)
        memcpy(buf, m->bytes, (size_t)n);
    *addr = m->addr;
    *port = m->port;
    if (dial && dial->state == DIAL_CALLING)
        dial->state = dial->line->expect_len ? DIAL_OPEN : DIAL_DONE;
    so->messages = m->next;
    free(m);
    return n;
}
