/*
 * echod: echo server for TCP (RFC 862) and UDP, port 7 by default.
 *
 * One process and one poll: up to ECHOD_CONNECTIONS connections at once, more wait in the backlog.
 * A connection has one buffer and is not read until its echo is written, so the window closes when
 * the peer does not read. While all places are taken, one in which nothing moved for a minute is
 * given to who waits. A peer that was silent for two hours is asked whether it is there; one that
 * does not answer loses its connection. It never exits by itself:
 *
 *     listening port=7
 *     accepted from=10.0.2.2:50000
 *     closed bytes=1000 from=10.0.2.2:50000                  bytes: echoed
 *     closed bytes=100 from=10.0.2.2:50000 reason=reset      the words of err.h
 *     datagram bytes=5
 *     error datagram reason=refused                          the answer did not arrive
 *
 * Datagrams from ports below 1024 (and 0, to which nothing can be sent) are not echoed: two echo
 * services would keep each other busy for ever.
 *
 * Only an error of the machine ends it: `error listen reason=address-in-use`, exit 1.
 */
#include "drywire.h"
#include "programs.h"

enum {
    ECHOD_PORT = 7,
    ECHOD_CONNECTIONS = 4,
    ECHOD_BACKLOG = 4,
    ECHOD_BUFFER = 2048,
    ECHOD_DATAGRAM = 2048, /* more than fits in an Ethernet frame */
    ECHOD_ENTRIES = 2 + ECHOD_CONNECTIONS,
    ECHOD_SERVICES = 1024, /* ports below are of services, which may answer an echo for ever */
};

#define ECHOD_SILENCE_NS (7200 * NS_PER_S)
#define ECHOD_IDLE_NS    (60 * NS_PER_S)

struct connection {
    bool open;
    int fd;
    struct socket_address from;
    uint64_t echoed;
    uint64_t moved_ns; /* when bytes came or left last */
    size_t start, end; /* buffer[start..end) is read and not yet written */
    uint8_t buffer[ECHOD_BUFFER];
};

struct echod {
    int listener, datagrams;
    uint64_t now_ns; /* when the last poll returned */
    struct connection connections[ECHOD_CONNECTIONS];
};

/* ---- one connection ---- */

/* End it; `err` is 0 when the peer has closed it. */
static void connection_close(struct connection *c, int64_t err)
{
    struct text t;

    sys_close(c->fd);
    c->open = false;
    text_start(&t);
    text_word(&t, "closed");
    text_number(&t, "bytes", c->echoed);
    text_endpoint(&t, "from", &c->from);
    if (err < 0)
        text_field(&t, "reason", error_word(err));
    report(&t);
}

/* One read or one write, whichever its turn is. */
static void connection_turn(struct connection *c, uint64_t now_ns)
{
    bool reading = c->start == c->end;
    int64_t n = reading ? sys_read(c->fd, c->buffer, sizeof(c->buffer))
                        : sys_write(c->fd, c->buffer + c->start, c->end - c->start);

    c->moved_ns = now_ns;
    if (n < 0 || (reading && n == 0)) {
        connection_close(c, n);
    } else if (reading) {
        c->start = 0;
        c->end = (size_t)n;
    } else {
        c->start += (size_t)n;
        c->echoed += (uint64_t)n;
    }
}

/* The place for the next connection: a free one, or that in which nothing moved for longest. */
static struct connection *connection_next(struct echod *e)
{
    struct connection *next = &e->connections[0];

    for (unsigned i = 0; i < ECHOD_CONNECTIONS; i++) {
        if (!e->connections[i].open)
            return &e->connections[i];
        if (e->connections[i].moved_ns < next->moved_ns)
            next = &e->connections[i];
    }
    return next;
}

/* How long it must be waited for: 0 now. */
static uint64_t connection_wait_ns(const struct echod *e, const struct connection *c)
{
    uint64_t until_ns = c->moved_ns + ECHOD_IDLE_NS;

    return c->open && until_ns > e->now_ns ? until_ns - e->now_ns : 0;
}

/* ---- the two sockets ---- */

/* Errors of one peer or packet; all others are of this machine. */
static bool error_of_peer(int64_t err)
{
    return err == ERR_REFUSED || err == ERR_RESET || err == ERR_UNREACH || err == ERR_TIMEDOUT ||
           err == ERR_MSGSIZE;
}

/* Accept into `c`. 0 or an error of this machine. */
static int listener_turn(const struct echod *e, struct connection *c)
{
    struct text t;
    int fd;

    if (connection_wait_ns(e, c)) /* meanwhile its peer came back */
        return 0;
    if (c->open)
        connection_close(c, ERR_TIMEDOUT);
    fd = sys_accept(e->listener, &c->from);
    if (fd < 0)
        return error_of_peer(fd) ? 0 : report_error("accept", error_word(fd));
    c->open = true;
    c->fd = fd;
    c->echoed = 0;
    c->moved_ns = e->now_ns;
    c->start = c->end = 0;
    text_start(&t);
    text_word(&t, "accepted");
    text_endpoint(&t, "from", &c->from);
    report(&t);
    return 0;
}

/* Echo one datagram. 0, or 1 after an error of this machine was reported. */
static int datagrams_turn(const struct echod *e)
{
    uint8_t buffer[ECHOD_DATAGRAM];
    struct socket_address from;
    struct text t;
    int64_t n = sys_recvfrom(e->datagrams, buffer, sizeof(buffer), &from);
    int64_t err = n;

    if (n >= 0 && from.port < ECHOD_SERVICES)
        return 0;
    if (n >= 0)
        err = sys_sendto(e->datagrams, buffer, (size_t)n, &from);
    if (err < 0) {
        report_error("datagram", error_word(err));
        return !error_of_peer(err);
    }
    text_start(&t);
    text_word(&t, "datagram");
    text_number(&t, "bytes", (uint64_t)n);
    report(&t);
    return 0;
}

/* ---- the program ---- */

/* Open both sockets on the port. 0, or 1 after an error was reported. */
static int echod_open(struct echod *e, uint16_t port)
{
    struct socket_address here = {.port = port};
    struct text t;
    int err;

    e->listener = sys_socket(SOCKET_STREAM);
    e->datagrams = sys_socket(SOCKET_DATAGRAM);
    if (e->listener < 0 || e->datagrams < 0)
        return report_error("socket", error_word(e->listener < 0 ? e->listener : e->datagrams));
    err = sys_bind(e->listener, &here);
    if (err >= 0)
        err = sys_bind(e->datagrams, &here);
    if (err >= 0)
        err = sys_listen(e->listener, ECHOD_BACKLOG);
    if (err >= 0) /* for the connections that it accepts */
        err = sys_keepalive(e->listener, ECHOD_SILENCE_NS);
    if (err < 0)
        return report_error("listen", error_word(err));
    text_start(&t);
    text_word(&t, "listening");
    text_number(&t, "port", port);
    report(&t);
    return 0;
}

/* Wait for events, then do one operation for each descriptor that is ready. 0 or exit status. */
static int echod_turn(struct echod *e)
{
    struct poll_entry entries[ECHOD_ENTRIES] = {{.fd = e->datagrams, .events = READY_IN}};
    struct connection *of[ECHOD_ENTRIES] = {NULL}; /* the connection of each entry */
    struct connection *next = connection_next(e);
    uint64_t wait_ns = connection_wait_ns(e, next);
    unsigned count = 1;
    int status = 0, ready;

    for (unsigned i = 0; i < ECHOD_CONNECTIONS; i++) {
        struct connection *c = &e->connections[i];

        if (!c->open)
            continue;
        of[count] = c;
        entries[count].fd = c->fd;
        entries[count++].events = c->start == c->end ? READY_IN : READY_OUT;
    }
    if (wait_ns == 0)
        entries[count++] = (struct poll_entry){.fd = e->listener, .events = READY_IN};

    ready = sys_poll(entries, count, wait_ns ? wait_ns : POLL_FOREVER);
    e->now_ns = sys_clock();
    if (ready < 0)
        return report_error("poll", error_word(ready));
    for (unsigned i = 0; i < count && status == 0; i++) {
        if (entries[i].revents == 0)
            continue;
        if (of[i])
            connection_turn(of[i], e->now_ns);
        else if (entries[i].fd == e->datagrams)
            status = datagrams_turn(e);
        else
            status = listener_turn(e, connection_next(e));
    }
    return status;
}

int echod_main(int argc, char **argv)
{
    struct echod e = {.now_ns = 0};
    uint64_t port = ECHOD_PORT;
    int status;

    if (argc > 2)
        return report_usage("echod");
    if (argc == 2 && (number_parse(argv[1], word_length(argv[1]), 65535, &port) < 0 || port == 0))
        return report_usage("echod");

    for (unsigned i = 0; i < ECHOD_CONNECTIONS; i++)
        e.connections[i].open = false;
    status = echod_open(&e, (uint16_t)port);
    while (status == 0)
        status = echod_turn(&e);
    return status;
}
