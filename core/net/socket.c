/*
 * Sockets as files: see socket.h. Data is copied once, between the program's memory and the
 * connection's ring, or straight into a transmit frame.
 */
#include "socket.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../trace/trace.h"

/* ---- streams ---- */

static void trace_stream(const struct tcp_conn *c, enum trace_id id, size_t len)
{
    TRACE(c->tcp->net->platform, id, c->local_port, c->remote_addr, c->remote_port, len);
}

static int64_t stream_read(void *object, const struct user_buffer *b)
{
    struct tcp_conn *c = object;
    size_t done = 0;

    while (done < b->len) {
        const uint8_t *at;
        int n = tcp_readable(c, &at);

        if (n <= 0) {
            if (n == 0 && !done)
                trace_stream(c, TRACE_TCP_STREAM_END, 0);
            return done ? (int64_t)done : n;
        }
        if ((size_t)n > b->len - done)
            n = (int)(b->len - done);
        if (user_copy_out(b, done, at, (size_t)n))
            return done ? (int64_t)done : ERR_FAULT;
        trace_stream(c, TRACE_TCP_READ, (size_t)n);
        tcp_consume(c, (size_t)n);
        done += (size_t)n;
    }
    return (int64_t)done;
}

static int64_t stream_write(void *object, const struct user_buffer *b)
{
    struct tcp_conn *c = object;
    size_t done = 0;

    while (done < b->len) {
        uint8_t *at;
        int n = tcp_writable(c, &at);

        if (n < 0)
            return done ? (int64_t)done : n;
        if ((size_t)n > b->len - done)
            n = (int)(b->len - done);
        if (user_copy_in(b, at, done, (size_t)n)) {
            tcp_commit(c, 0);
            return done ? (int64_t)done : ERR_FAULT;
        }
        trace_stream(c, TRACE_TCP_WRITTEN, (size_t)n);
        tcp_commit(c, (size_t)n);
        done += (size_t)n;
    }
    return (int64_t)done;
}

static unsigned stream_ready(void *object)
{
    return tcp_ready(object);
}

static void stream_close(void *object)
{
    tcp_close(object);
}

static int stream_connect(void *object, const struct socket_address *to, uint64_t *progress)
{
    struct tcp_conn *c = object;
    int err;

    if (*progress)
        return tcp_connected(c);
    if (ipv4_source(c->tcp->net, to->addr) == 0)
        return ERR_AGAIN; /* no network yet; the caller bounds the wait */
    err = tcp_connect(c, to->addr, to->port);
    if (err)
        return err;
    *progress = 1;
    return ERR_AGAIN;
}

static int stream_bind(void *object, const struct socket_address *at)
{
    return tcp_bind(object, at->port);
}

static int stream_listen(void *object, unsigned backlog)
{
    return tcp_listen(object, backlog);
}

static const struct file_ops stream_ops;

static int stream_accept(void *object, struct file *child, struct socket_address *from)
{
    struct tcp_conn *c;
    int err = tcp_accept(object, &c);

    if (err)
        return err;
    *child = (struct file){&stream_ops, c};
    *from = (struct socket_address){.addr = c->remote_addr, .port = c->remote_port};
    return 0;
}

static int stream_shutdown(void *object)
{
    return tcp_shutdown(object);
}

static int stream_keepalive(void *object, uint64_t idle_ns)
{
    return tcp_keepalive(object, idle_ns);
}

static const struct socket_ops stream_socket_ops = {
    .connect = stream_connect,
    .bind = stream_bind,
    .listen = stream_listen,
    .accept = stream_accept,
    .shutdown = stream_shutdown,
    .keepalive = stream_keepalive,
};

static const struct file_ops stream_ops = {
    .read = stream_read,
    .write = stream_write,
    .ready = stream_ready,
    .close = stream_close,
    .socket = &stream_socket_ops,
};

/* ---- datagrams ---- */

static int64_t dgram_recvfrom(void *object, const struct user_buffer *b,
                              struct socket_address *from)
{
    struct dgram_socket *d = object;
    const struct dgram *q;
    int err = dgram_error(d);
    size_t len;

    if (err)
        return err;
    q = dgram_peek(d);
    if (!q)
        return ERR_AGAIN;
    len = min_u64(q->len, b->len);
    if (user_copy_out(b, 0, q->bytes, len))
        return ERR_FAULT;
    *from = (struct socket_address){.addr = q->addr, .port = q->port};
    dgram_next(d);
    return (int64_t)len;
}

static int64_t dgram_sendto(void *object, const struct user_buffer *b,
                            const struct socket_address *to)
{
    struct dgram_socket *d = object;
    struct ipv4 *ip = d->table->ip;
    uint8_t *payload;
    int err = dgram_error(d);

    if (err)
        return err;
    if (!ipv4_is_destination(ip->net, to->addr) || (to->port == 0 && !d->echo))
        return ERR_ADDR;
    if (b->len > ipv4_mtu(ip, to->addr) - 28u)
        return ERR_MSGSIZE;
    if (ipv4_source(ip->net, to->addr) == 0)
        return ERR_AGAIN;
    if (!d->port)
        dgram_bind(d, 0);
    payload = dgram_begin(d->table, to->addr);
    if (!payload)
        return ERR_AGAIN;
    if (user_copy_in(b, payload, 0, b->len)) {
        dgram_cancel(d->table, to->addr, payload);
        return ERR_FAULT;
    }
    err = dgram_send(d, payload, b->len, to->addr, to->port);
    return err ? err : (int64_t)b->len;
}

static int64_t dgram_read(void *object, const struct user_buffer *b)
{
    struct socket_address from;

    return dgram_recvfrom(object, b, &from);
}

static int64_t dgram_write(void *object, const struct user_buffer *b)
{
    struct dgram_socket *d = object;
    struct socket_address to = {.addr = d->remote_addr, .port = d->remote_port};

    return d->remote_addr ? dgram_sendto(object, b, &to) : ERR_NOTCONN;
}

static unsigned dgram_ready(void *object)
{
    struct dgram_socket *d = object;

    return READY_OUT | (d->count || d->error ? READY_IN : 0u) | (d->error ? READY_ERR : 0u);
}

static void dgram_file_close(void *object)
{
    dgram_close(object);
}

static int dgram_file_connect(void *object, const struct socket_address *to, uint64_t *progress)
{
    struct dgram_socket *d = object;

    (void)progress;
    return dgram_connect(d, to->addr, to->port);
}

static int dgram_file_bind(void *object, const struct socket_address *at)
{
    struct dgram_socket *d = object;

    return dgram_bind(d, at->port);
}

static const struct socket_ops dgram_socket_ops = {
    .connect = dgram_file_connect,
    .bind = dgram_file_bind,
    .sendto = dgram_sendto,
    .recvfrom = dgram_recvfrom,
};

static const struct file_ops dgram_ops = {
    .read = dgram_read,
    .write = dgram_write,
    .ready = dgram_ready,
    .close = dgram_file_close,
    .socket = &dgram_socket_ops,
};

/* ---- the network as the kernel sees it ---- */

static int network_socket(void *ctx, enum socket_type type, struct file *out)
{
    struct stack *s = ctx;
    struct tcp_conn *c;
    struct dgram_socket *d;
    int err;

    switch (type) {
    case SOCKET_STREAM:
        err = tcp_open(&s->tcp, &c);
        if (!err)
            *out = (struct file){&stream_ops, c};
        return err;
    case SOCKET_DATAGRAM:
    case SOCKET_ECHO:
        err = dgram_open(&s->dgrams, type == SOCKET_ECHO, &d);
        if (!err)
            *out = (struct file){&dgram_ops, d};
        return err;
    }
    return ERR_INVAL;
}

_Static_assert((int)NETINFO_NAME == DHCP_NAME_SIZE, "names are copied whole");

static void network_info(void *ctx, struct netinfo *out)
{
    const struct stack *s = ctx;
    const struct dhcp_lease *l = &s->dhcp.lease;
    uint64_t left_s = 0;

    if (s->net.addr && s->dhcp.expiry_ns == DEADLINE_NEVER)
        left_s = UINT32_MAX;
    else if (s->net.addr && s->dhcp.expiry_ns > s->net.now_ns)
        left_s = (s->dhcp.expiry_ns - s->net.now_ns) / NS_PER_S;
    *out = (struct netinfo){
        .addr = s->net.addr,
        .mask = s->net.mask,
        .gateway = s->net.gateway,
        .dns = s->net.dns[0],
        .source = s->net.addr ? ADDRESS_DHCP : ADDRESS_NONE,
        .lease_left_s = (uint32_t)left_s,
        .frames_tx = s->netdev->frames_tx,
        .frames_rx = s->netdev->frames_rx,
        .drops = s->net.drops_total,
        .mtu = s->ip.mtu,
        .ntp = l->ntp,
    };
    mem_copy(out->mac, s->netdev->mac, MAC_LEN);
    mem_copy(out->host, l->host, NETINFO_NAME);
    mem_copy(out->domain, l->domain, NETINFO_NAME);
    mem_copy(out->search, l->search, NETINFO_NAME);
}

static int network_lease(void *ctx, enum lease_action action)
{
    struct stack *s = ctx;

    switch (action) {
    case LEASE_REQUEST:
        dhcp_take(&s->dhcp);
        return 0;
    case LEASE_RELEASE:
        dhcp_release(&s->dhcp);
        return 0;
    case LEASE_PROBE:
        s->dhcp.probes = true;
        return 0;
    }
    return ERR_INVAL;
}

_Static_assert((int)RESOLVE_ADDRESSES_MAX == (int)DNS_ADDRESSES, "all of them fit");

static int network_resolve(void *ctx, const char *name, size_t len, uint32_t *out, size_t room,
                           uint64_t *progress)
{
    struct stack *s = ctx;
    struct dns_result result;
    struct dns_name wanted;
    bool begun = false;
    int err = dns_name_read(name, len, &wanted);

    if (!err)
        err = dns_resolve(&s->dns, &wanted, &result, &begun);
    *progress |= begun;
    if (err)
        return err;
    room = min_u64(room, result.count);
    mem_copy(out, result.addr, room * sizeof(*out));
    return (int)room;
}

struct network_ops socket_network(struct stack *s)
{
    return (struct network_ops){
        .ctx = s,
        .socket = network_socket,
        .info = network_info,
        .resolve = network_resolve,
        .lease = network_lease,
    };
}
