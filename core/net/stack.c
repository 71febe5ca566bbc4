/* The stack as a whole: see stack.h. */
#include "stack.h"
#include "../base/check.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../base/mem.h"
#include "../trace/trace.h"

void stack_init(struct stack *s, const struct platform *p, struct netdev *netdev, void *buffers,
                uint64_t now_ns)
{
    uint8_t *at = buffers;
    uint64_t key = p->entropy(p->ctx); /* one call per statement: C orders no arguments */

    s->platform = p;
    s->netdev = netdev;
    s->now_ns = now_ns;
    rng_init(&s->rng, key, p->entropy(p->ctx));
    s->isn_key[0] = p->entropy(p->ctx);
    s->isn_key[1] = p->entropy(p->ctx);
    s->addr = s->mask = s->gateway = s->dns = 0;
    s->ip_id = (uint16_t)rng_next(&s->rng);
    s->icmp_errors = s->tcp_resets = (struct rate){0};
    s->tcp_next_port = (uint16_t)rng_next(&s->rng);
    mem_fill(s->drops, 0, sizeof(s->drops));
    s->drops_total = 0;
    arp_init(&s->arp);
    for (unsigned i = 0; i < DGRAM_SOCKETS; i++) {
        s->dgrams[i] = (struct dgram_socket){.queue = (struct dgram *)(void *)at};
        at += DGRAM_QUEUE * sizeof(struct dgram);
    }
    loopback_init(&s->loopback, (struct loopback_slot *)(void *)at);
    at += LOOPBACK_QUEUE * sizeof(struct loopback_slot);
    for (unsigned i = 0; i < TCP_CONNS; i++) {
        tcp_conn_init(&s->tcp[i], s, i, at, at + TCP_RCV_BUFFER);
        at += TCP_RCV_BUFFER + TCP_SND_BUFFER;
    }
    TRACE0(p, TRACE_NET_READY);
    TRACE0(p, TRACE_NET_LOOPBACK);
    s->link = netdev->link;
    dhcp_init(s);
}

/* The key of sequence numbers does not change while there is a connection: RFC 6528 section 3. */
void stack_seed(struct stack *s, const uint8_t seed[STACK_SEED_SIZE])
{
    uint64_t word[STACK_SEED_SIZE / 8];
    bool used = false;

    mem_copy(word, seed, STACK_SEED_SIZE);
    s->rng.key[0] ^= word[0];
    s->rng.key[1] ^= word[1];
    s->ip_id = (uint16_t)rng_next(&s->rng);
    s->tcp_next_port = (uint16_t)rng_next(&s->rng);
    for (unsigned i = 0; i < TCP_CONNS; i++)
        used |= s->tcp[i].state != TCP_CLOSED && s->tcp[i].state != TCP_LISTEN;
    if (used)
        return;
    s->isn_key[0] ^= word[2];
    s->isn_key[1] ^= word[3];
}

/* Receive packets queued so far: replies to them wait for the next poll. */
static void loopback_input(struct stack *s)
{
    struct netdev *lo = &s->loopback.netdev;
    struct frame_view view;

    for (unsigned left = s->loopback.count; left && lo->receive(lo->ctx, &view); left--) {
        ipv4_input(s, view.frame + FRAME_IP, view.len - FRAME_IP, FROM_LOOPBACK);
        lo->recycle(lo->ctx, &view);
    }
}

void stack_begin(struct stack *s, uint64_t now_ns)
{
    s->now_ns = now_ns;
    loopback_input(s);
}

void stack_input(struct stack *s, const uint8_t *frame, size_t len)
{
    eth_input(s, frame, len);
}

void stack_timers(struct stack *s)
{
    if (s->netdev->link && !s->link)
        dhcp_link_up(s);
    s->link = s->netdev->link;
    arp_poll(s);
    dhcp_poll(s);
    tcp_poll(s);
}

void stack_output(struct stack *s)
{
    for (unsigned i = 0; i < TCP_CONNS; i++)
        if (s->tcp[i].state != TCP_CLOSED)
            tcp_output(&s->tcp[i]);
    INVARIANTS(stack_invariants(s));
}

uint64_t stack_deadline(const struct stack *s)
{
    if (s->loopback.count)
        return s->now_ns;
    return min_u64(arp_deadline(s), min_u64(dhcp_deadline(s), tcp_deadline(s)));
}

static bool arp_asking(const struct stack *s)
{
    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        if (s->arp.entry[i].state == ARP_INCOMPLETE)
            return true;
    return false;
}

bool stack_idle(const struct stack *s)
{
    return !s->loopback.count && !arp_asking(s) && tcp_idle(s);
}

bool stack_settled(const struct stack *s)
{
    return !s->loopback.count && !arp_asking(s) && tcp_settled(s);
}

bool stack_unused(const struct stack *s)
{
    for (unsigned i = 0; i < DGRAM_SOCKETS; i++)
        if (s->dgrams[i].open)
            return false;
    for (unsigned i = 0; i < TCP_CONNS; i++)
        if (s->tcp[i].owned)
            return false;
    return true;
}

void stack_set_address(struct stack *s, uint32_t addr, uint32_t mask, uint32_t gateway,
                       uint32_t dns)
{
    if (s->addr && s->addr != addr) {
        tcp_abort_from(s, s->addr, ERR_NETDOWN);
        arp_flush(s);
    }
    s->addr = addr;
    s->mask = mask;
    s->gateway = gateway;
    s->dns = dns;
}

void stack_drop(struct stack *s, enum drop_reason reason)
{
    CHECK(reason < DROP_COUNT);
    s->drops[reason]++;
    s->drops_total++;
    TRACE(s->platform, TRACE_NET_DROP, reason);
}
