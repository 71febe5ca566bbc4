/*
 * UDP (RFC 768; RFC 1122 section 4.1) and the datagram sockets on top of it and of ICMP echo: see
 * dgram.h.
 */
#include "../base/check.h"
#include "../base/checksum.h"
#include "../base/mem.h"
#include "stack.h"

enum { EPHEMERAL_FIRST = 49152, EPHEMERAL_COUNT = 65536 - EPHEMERAL_FIRST };

/* ---- sockets ---- */

int dgram_open(struct stack *s, bool echo, struct dgram_socket **out)
{
    for (unsigned i = 0; i < DGRAM_SOCKETS; i++) {
        struct dgram_socket *d = &s->dgrams[i];

        if (d->open)
            continue;
        CHECK(d->count == 0);
        CHECK(d->port == 0);
        CHECK(!d->stack);
        *d = (struct dgram_socket){.stack = s, .open = true, .echo = echo, .queue = d->queue};
        *out = d;
        return 0;
    }
    return ERR_NFILE;
}

void dgram_close(struct dgram_socket *d)
{
    *d = (struct dgram_socket){.queue = d->queue};
}

static struct dgram_socket *socket_find(struct stack *s, bool echo, uint16_t port)
{
    for (unsigned i = 0; i < DGRAM_SOCKETS; i++)
        if (s->dgrams[i].open && s->dgrams[i].echo == echo && s->dgrams[i].port == port)
            return &s->dgrams[i];
    return 0;
}

int dgram_bind(struct stack *s, struct dgram_socket *d, uint16_t port)
{
    if (d->port)
        return ERR_INVAL;
    if (port == DHCP_CLIENT_PORT && !d->echo)
        return ERR_INUSE;
    if (port && socket_find(s, d->echo, port))
        return ERR_INUSE;
    while (port == 0 || socket_find(s, d->echo, port)) /* fewer sockets than ports: the loop ends */
        port = (uint16_t)(EPHEMERAL_FIRST + rng_below(&s->rng, EPHEMERAL_COUNT));
    d->port = port;
    return 0;
}

int dgram_connect(struct stack *s, struct dgram_socket *d, uint32_t addr, uint16_t port)
{
    if (!ipv4_is_destination(s, addr) || (port == 0 && !d->echo))
        return ERR_ADDR;
    if (!d->port)
        dgram_bind(s, d, 0);
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

static void queue_add(struct stack *s, struct dgram_socket *d, uint32_t addr, uint16_t port,
                      const uint8_t *bytes, size_t len)
{
    struct dgram *q;

    if (d->count == DGRAM_QUEUE) {
        stack_drop(s, DROP_UDP_FULL);
        return;
    }
    q = &d->queue[(d->head + d->count++) % DGRAM_QUEUE];
    q->addr = addr;
    q->port = port;
    q->len = (uint16_t)len;
    mem_copy(q->bytes, bytes, len);
}

/* ---- input ---- */

void udp_input(struct stack *s, const struct ipv4_packet *p)
{
    const struct udp_header *udp = (const struct udp_header *)p->payload;
    const uint8_t *payload = p->payload + sizeof(*udp);
    struct dgram_socket *d;
    uint16_t port;
    size_t len;

    len = p->len < sizeof(*udp) ? 0 : be16_get(udp->len);
    if (len < sizeof(*udp) || len > p->len) { /* IP payload beyond the UDP length is ignored */
        stack_drop(s, DROP_UDP_LENGTH);
        return;
    }
    if (be16_get(udp->checksum) != 0 &&
        !checksum_good(
            checksum_add(checksum_pseudo(p->src, p->dst, IP_PROTOCOL_UDP, len), p->payload, len))) {
        stack_drop(s, DROP_UDP_CHECKSUM);
        return;
    }
    len -= sizeof(*udp);
    port = be16_get(udp->dst_port);
    if (port == DHCP_CLIENT_PORT) {
        if (be16_get(udp->src_port) == DHCP_SERVER_PORT && !p->looped) /* no program is a server */
            dhcp_input(s, p->src, payload, len);
        else
            stack_drop(s, DROP_UDP_PORT);
        return;
    }
    if (s->addr == 0 && !p->looped) { /* for the address that DHCP may give us */
        stack_drop(s, DROP_IP_DESTINATION);
        return;
    }
    d = port ? socket_find(s, false, port) : 0;
    if (d && d->remote_addr &&
        (d->remote_addr != p->src || d->remote_port != be16_get(udp->src_port)))
        d = 0;
    if (!d) {
        stack_drop(s, DROP_UDP_PORT);
        icmp_unreachable(s, p, ICMP_UNREACHABLE_PORT);
        return;
    }
    queue_add(s, d, p->src, be16_get(udp->src_port), payload, len);
}

void dgram_echo_reply(struct stack *s, uint32_t src, uint16_t id, uint16_t seq,
                      const uint8_t *bytes, size_t len)
{
    struct dgram_socket *d = id ? socket_find(s, true, id) : 0;

    if (!d || (d->remote_addr && d->remote_addr != src))
        stack_drop(s, DROP_UDP_PORT);
    else
        queue_add(s, d, src, seq, bytes, len);
}

void dgram_icmp_error(struct stack *s, bool echo, uint16_t local_port, uint32_t remote, int error)
{
    struct dgram_socket *d = local_port ? socket_find(s, echo, local_port) : 0;

    if (!d || d->sent_addr != remote) /* about a datagram that we did not send */
        stack_drop(s, DROP_ICMP_QUOTE);
    else
        d->error = error;
}

/* ---- output ---- */

int udp_output(struct stack *s, uint8_t *frame, uint32_t src, uint16_t src_port, uint32_t dst,
               uint16_t dst_port, size_t len)
{
    struct udp_header *udp = (struct udp_header *)(frame + FRAME_IP_PAYLOAD);
    size_t total = sizeof(*udp) + len;
    uint64_t sum;

    CHECK(src_port != 0);
    CHECK(len <= DGRAM_PAYLOAD_MAX);
    *udp = (struct udp_header){
        .src_port = be16_of(src_port),
        .dst_port = be16_of(dst_port),
        .len = be16_of((uint16_t)total),
    };
    sum = checksum_add(checksum_pseudo(src, dst, IP_PROTOCOL_UDP, total), udp, total);
    udp->checksum = checksum_finish(sum);
    if (be16_get(udp->checksum) == 0) /* zero means "no checksum" on the wire: RFC 768 */
        udp->checksum = be16_of(0xffff);
    return ipv4_output(s, frame, src, dst, IP_PROTOCOL_UDP, total);
}

uint8_t *dgram_begin(struct stack *s, uint32_t addr)
{
    struct netdev *dev = ipv4_route(s, addr);
    uint8_t *frame = dev->alloc(dev->ctx);

    _Static_assert((int)FRAME_UDP_PAYLOAD == (int)FRAME_ICMP_PAYLOAD, "one place for both");
    return frame ? frame + FRAME_UDP_PAYLOAD : 0;
}

void dgram_cancel(struct stack *s, uint32_t addr, uint8_t *payload)
{
    struct netdev *dev = ipv4_route(s, addr);

    dev->free(dev->ctx, payload - FRAME_UDP_PAYLOAD);
}

int dgram_send(struct stack *s, struct dgram_socket *d, uint8_t *payload, size_t len, uint32_t addr,
               uint16_t port)
{
    uint8_t *frame = payload - FRAME_UDP_PAYLOAD;
    struct icmp_header *icmp = (struct icmp_header *)(frame + FRAME_IP_PAYLOAD);
    uint32_t src = ipv4_source(s, addr);

    CHECK(d->port != 0);
    d->sent_addr = addr;
    if (!d->echo)
        return udp_output(s, frame, src, d->port, addr, port, len);

    *icmp = (struct icmp_header){
        .type = ICMP_ECHO_REQUEST,
        .id = be16_of(d->port),
        .seq = be16_of(port),
    };
    icmp->checksum = checksum_finish(checksum_add(0, icmp, sizeof(*icmp) + len));
    return ipv4_output(s, frame, src, addr, IP_PROTOCOL_ICMP, sizeof(*icmp) + len);
}
