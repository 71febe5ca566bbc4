/* Datagram sockets: see dgram.h. */
#include "dgram.h"
#include "../base/check.h"
#include "../base/checksum.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "udp.h"

enum { EPHEMERAL_FIRST = 49152, EPHEMERAL_COUNT = 65536 - EPHEMERAL_FIRST };

void dgram_init(struct dgram_table *t, struct ipv4 *ip, struct dgram *queues)
{
    t->ip = ip;
    for (unsigned i = 0; i < DGRAM_SOCKETS; i++)
        t->socket[i] = (struct dgram_socket){.queue = queues + (size_t)i * DGRAM_QUEUE};
}

/* ---- sockets ---- */

int dgram_open(struct dgram_table *t, bool echo, struct dgram_socket **out)
{
    for (unsigned i = 0; i < DGRAM_SOCKETS; i++) {
        struct dgram_socket *d = &t->socket[i];

        if (d->open)
            continue;
        CHECK(d->count == 0);
        CHECK(d->port == 0);
        CHECK(!d->table);
        *d = (struct dgram_socket){.table = t, .open = true, .echo = echo, .queue = d->queue};
        *out = d;
        return 0;
    }
    return ERR_NFILE;
}

void dgram_close(struct dgram_socket *d)
{
    *d = (struct dgram_socket){.queue = d->queue};
}

static struct dgram_socket *socket_find(struct dgram_table *t, bool echo, uint16_t port)
{
    for (unsigned i = 0; i < DGRAM_SOCKETS; i++)
        if (t->socket[i].open && t->socket[i].echo == echo && t->socket[i].port == port)
            return &t->socket[i];
    return 0;
}

int dgram_bind(struct dgram_socket *d, uint16_t port)
{
    if (d->port)
        return ERR_INVAL;
    if (port == DHCP_CLIENT_PORT && !d->echo)
        return ERR_INUSE;
    if (port && socket_find(d->table, d->echo, port))
        return ERR_INUSE;
    while (port == 0 ||
           socket_find(d->table, d->echo, port)) /* fewer sockets than ports: the loop ends */
        port = (uint16_t)(EPHEMERAL_FIRST + rng_below(&d->table->ip->net->rng, EPHEMERAL_COUNT));
    d->port = port;
    return 0;
}

int dgram_connect(struct dgram_socket *d, uint32_t addr, uint16_t port)
{
    if (!ipv4_is_destination(d->table->ip->net, addr) || (port == 0 && !d->echo))
        return ERR_ADDR;
    if (!d->port)
        dgram_bind(d, 0);
    d->remote_addr = addr;
    d->remote_port = port;
    return 0;
}

const struct dgram *dgram_peek(const struct dgram_socket *d)
{
    return d->count ? &d->queue[d->head] : 0;
}

void dgram_next(struct dgram_socket *d)
{
    CHECK(d->count > 0);
    d->head = (d->head + 1) % DGRAM_QUEUE;
    d->count--;
}

int dgram_error(struct dgram_socket *d)
{
    int error = d->error;

    d->error = 0;
    return error;
}

static struct verdict queue_add(struct dgram_socket *d, uint32_t addr, uint16_t port,
                                const uint8_t *bytes, size_t len)
{
    struct dgram *q;

    if (d->count == DGRAM_QUEUE)
        return verdict_drop(DROP_UDP_FULL);
    q = &d->queue[(d->head + d->count++) % DGRAM_QUEUE];
    q->addr = addr;
    q->port = port;
    q->len = (uint16_t)len;
    mem_copy(q->bytes, bytes, len);
    return VERDICT_ACCEPTED;
}

/* ---- input ---- */

struct verdict dgram_input(struct dgram_table *t, const struct udp_datagram *u)
{
    struct dgram_socket *d = u->dst_port ? socket_find(t, false, u->dst_port) : 0;

    if (t->ip->net->addr == 0 && !u->looped) /* for the address that DHCP may give us */
        return verdict_drop(DROP_IP_DESTINATION);
    if (!d || (d->remote_addr && (d->remote_addr != u->src || d->remote_port != u->src_port)))
        return (struct verdict){DROP_UDP_PORT, ANSWER_UNREACHABLE_PORT};
    return queue_add(d, u->src, u->src_port, u->bytes, u->len);
}

struct verdict dgram_echo_reply(struct dgram_table *t, uint32_t src, const struct icmp_message *m)
{
    struct dgram_socket *d = m->id ? socket_find(t, true, m->id) : 0;

    if (!d || (d->remote_addr && d->remote_addr != src))
        return verdict_drop(DROP_UDP_PORT);
    return queue_add(d, src, m->seq, m->bytes, m->len);
}

struct verdict dgram_icmp_error(struct dgram_table *t, const struct icmp_error *e)
{
    bool echo = e->protocol == IP_PROTOCOL_ICMP;
    struct dgram_socket *d = e->local_port ? socket_find(t, echo, e->local_port) : 0;

    if (!d || d->sent_addr != e->remote) /* about a datagram that we did not send */
        return verdict_drop(DROP_ICMP_QUOTE);
    d->error = e->error;
    return VERDICT_ACCEPTED;
}

/* ---- output ---- */

uint8_t *dgram_begin(struct dgram_table *t, uint32_t addr)
{
    struct netdev *dev = ipv4_route(t->ip, addr);
    uint8_t *frame = dev->alloc(dev->ctx);

    _Static_assert((int)FRAME_UDP_PAYLOAD == (int)FRAME_ICMP_PAYLOAD, "one place for both");
    return frame ? frame + FRAME_UDP_PAYLOAD : 0;
}

void dgram_cancel(struct dgram_table *t, uint32_t addr, uint8_t *payload)
{
    struct netdev *dev = ipv4_route(t->ip, addr);

    dev->free(dev->ctx, payload - FRAME_UDP_PAYLOAD);
}

int dgram_send(struct dgram_socket *d, uint8_t *payload, size_t len, uint32_t addr, uint16_t port)
{
    struct ipv4 *ip = d->table->ip;
    uint8_t *frame = payload - FRAME_UDP_PAYLOAD;
    struct icmp_header *icmp = (struct icmp_header *)(frame + FRAME_IP_PAYLOAD);
    uint32_t src = ipv4_source(ip->net, addr);

    CHECK(d->port != 0);
    d->sent_addr = addr;
    if (!d->echo)
        return udp_output(ip, frame, src, d->port, addr, port, len);

    *icmp = (struct icmp_header){
        .type = ICMP_ECHO_REQUEST,
        .id = be16_of(d->port),
        .seq = be16_of(port),
    };
    icmp->checksum = checksum_finish(checksum_add(0, icmp, sizeof(*icmp) + len));
    return ipv4_output(ip, frame, src, addr, IP_PROTOCOL_ICMP, sizeof(*icmp) + len);
}

bool dgram_has_port(const struct dgram_table *t, uint16_t port)
{
    return socket_find((struct dgram_table *)t, false, port);
}

bool dgram_used(const struct dgram_table *t)
{
    for (unsigned i = 0; i < DGRAM_SOCKETS; i++)
        if (t->socket[i].open)
            return true;
    return false;
}
