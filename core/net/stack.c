/* The stack as a whole: see stack.h. */
#include "stack.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../trace/trace.h"

void stack_init(struct stack *s, const struct stack_config *config, uint64_t now_ns)
{
    const struct platform *p = config->platform;
    struct netdev *netdev = config->netdev;
    uint8_t *at = config->memory;

    CHECK((uintptr_t)at % 8 == 0);
    CHECK(netdev->mtu >= NETDEV_MTU_MIN);
    CHECK(netdev->mtu <= NETDEV_MTU_MAX);
    CHECK(!netdev->ip_only || !config->uses_dhcp); /* DHCP needs a MAC */
    net_set_up(&s->net, p, now_ns);
    s->netdev = netdev;
    s->link = netdev->link;
    s->uses_dhcp = config->uses_dhcp;
    s->eth = (struct eth){&s->net, netdev};
    arp_init(&s->arp, &s->eth);
    s->ip = (struct ipv4){
        .net = &s->net,
        .dev = netdev,
        .arp = &s->arp,
        .loopback = &s->loopback,
        .id = (uint16_t)rng_next(&s->net.rng),
        .mtu = netdev->mtu,
    };
    s->icmp = (struct icmpv4){.ip = &s->ip};
    tcp_init(&s->tcp, &s->ip, &config->tcp, at);
    at += TCP_MEMORY(config->tcp.connections, config->tcp.pages, config->tcp.page_size);
    at += -(uintptr_t)at & 7;
    dgram_init(&s->dgrams, &s->ip, (struct dgram *)(void *)at);
    at += DGRAM_SOCKETS * DGRAM_QUEUE * sizeof(struct dgram);
    loopback_init(&s->loopback, (struct loopback_slot *)(void *)at);
    at += LOOPBACK_QUEUE * sizeof(struct loopback_slot);
    at += -(uintptr_t)at & 7;
    fragments_init(&s->fragments, &s->net, (struct fragment_slot *)(void *)at);
    TRACE0(p, TRACE_NET_READY);
    TRACE0(p, TRACE_NET_LOOPBACK);
    dhcp_init(&s->dhcp, &s->ip);
    s->dhcp.probes = config->probes;
    dns_init(&s->dns, &s->ip, &s->dgrams, &s->tcp);
    if (!s->uses_dhcp)
        s->dhcp.timer_ns = DEADLINE_NEVER;
}

/* The key of sequence numbers does not change while there is a connection: RFC 6528 section 3. */
void stack_seed(struct stack *s, const uint8_t seed[STACK_SEED_SIZE])
{
    uint64_t word[STACK_SEED_SIZE / 8];

    mem_copy(word, seed, STACK_SEED_SIZE);
    s->net.rng.key[0] ^= word[0];
    s->net.rng.key[1] ^= word[1];
    s->ip.id = (uint16_t)rng_next(&s->net.rng);
    s->tcp.next_port = (uint16_t)rng_next(&s->net.rng);
    if (!tcp_idle(&s->tcp))
        return;
    s->net.key[0] ^= word[2];
    s->net.key[1] ^= word[3];
}

void stack_set_address(struct stack *s, uint32_t addr, uint32_t mask, uint32_t gateway,
                       uint32_t dns)
{
    if (s->net.addr && s->net.addr != addr) {
        tcp_abort_from(&s->tcp, s->net.addr, ERR_NETDOWN);
        arp_flush(&s->arp);
    }
    net_set_address(&s->net, addr, mask, gateway, dns);
}

/* The address of the host is that of the lease. */
static void take_lease(struct stack *s)
{
    const struct dhcp_lease *l = &s->dhcp.lease;
    enum dhcp_news news = s->dhcp.news;

    s->dhcp.news = DHCP_NO_NEWS;
    stack_set_address(s, l->addr, l->mask, l->gateway, l->dns);
    s->net.dns[1] = l->dns_second;
    s->ip.mtu = l->mtu ? l->mtu : s->netdev->mtu;
    if (news == DHCP_NEW)
        arp_announce(&s->arp);
}

static void follow_lease(struct stack *s)
{
    if (s->dhcp.news != DHCP_NO_NEWS)
        take_lease(s);
}

/* ---- the way of a frame up ---- */

static struct verdict icmp_up(struct stack *s, const struct ipv4_packet *p)
{
    struct icmp_message m;
    struct verdict v = icmp_input(&s->icmp, p, &m);

    if (!verdict_accepted(v) || m.kind == ICMP_FOR_NONE)
        return v;
    if (m.kind == ICMP_FOR_ECHO)
        return dgram_echo_reply(&s->dgrams, p->src, &m);
    if (m.error.protocol == IP_PROTOCOL_TCP)
        return tcp_icmp_error(&s->tcp, &m.error);
    if (m.error.protocol == IP_PROTOCOL_UDP) {
        v = dns_icmp_error(&s->dns, &m.error);
        if (verdict_accepted(v))
            return v;
    }
    if (m.error.protocol == IP_PROTOCOL_UDP || m.error.protocol == IP_PROTOCOL_ICMP)
        return dgram_icmp_error(&s->dgrams, &m.error);
    return v;
}

static struct verdict udp_up(struct stack *s, const struct ipv4_packet *p)
{
    struct udp_datagram u;
    struct verdict v = udp_input(p, &u);

    if (!verdict_accepted(v))
        return v;
    if (u.dst_port == DHCP_CLIENT_PORT && s->uses_dhcp)
        return dhcp_input(&s->dhcp, &u);
    if (dns_expects(&s->dns, &u))
        return dns_input(&s->dns, &u);
    return dgram_input(&s->dgrams, &u);
}

static inline struct verdict transport_up(struct stack *s, const struct ipv4_packet *p)
{
    switch (p->protocol) {
    case IP_PROTOCOL_TCP:
        return tcp_input(&s->tcp, p);
    case IP_PROTOCOL_UDP:
        return udp_up(s, p);
    case IP_PROTOCOL_ICMP:
        return icmp_up(s, p);
    default:
        return (struct verdict){DROP_IP_PROTOCOL, ANSWER_UNREACHABLE_PROTOCOL};
    }
}

static struct verdict fragment_up(struct stack *s, struct ipv4_packet *p)
{
    bool whole;
    struct verdict v = fragments_input(&s->fragments, p, &whole);

    return verdict_accepted(v) && whole ? transport_up(s, p) : v;
}

/* The verdict on a packet: a drop is counted, an answer leaves. `p` only with an answer. */
static void conclude(struct stack *s, struct verdict v, const struct ipv4_packet *p)
{
    if (!verdict_accepted(v))
        net_drop(&s->net, v.drop);
    switch (v.answer) {
    case ANSWER_NONE:
        break;
    case ANSWER_RESET:
        tcp_reset_reply(&s->tcp, p);
        break;
    case ANSWER_ECHO:
        icmp_echo(&s->icmp, p);
        break;
    case ANSWER_UNREACHABLE_PORT:
        icmp_error_send(&s->icmp, p, ICMP_UNREACHABLE, ICMP_UNREACHABLE_PORT);
        break;
    case ANSWER_UNREACHABLE_PROTOCOL:
        icmp_error_send(&s->icmp, p, ICMP_UNREACHABLE, ICMP_UNREACHABLE_PROTOCOL);
        break;
    }
}

static void packet_input(struct stack *s, const uint8_t *packet, size_t len, enum ipv4_way way)
{
    struct ipv4_packet p;
    struct verdict v = ipv4_input(&s->ip, packet, len, way, &p), up;

    if (!verdict_accepted(v)) {
        conclude(s, v, &p);
    } else {
        up = p.piece ? fragment_up(s, &p) : transport_up(s, &p);
        if (!verdict_accepted(up) || up.answer != ANSWER_NONE)
            conclude(s, up, &p);
    }
    follow_lease(s);
}

static void packet_without_ethernet(struct stack *s, const uint8_t *frame, size_t len)
{
    if (len < FRAME_IP)
        conclude(s, verdict_drop(DROP_ETH_RUNT), 0);
    else if (len > s->netdev->mtu + (size_t)FRAME_IP)
        conclude(s, verdict_drop(DROP_ETH_GIANT), 0);
    else
        packet_input(s, frame + FRAME_IP, len - FRAME_IP, FROM_WIRE);
}

void stack_input(struct stack *s, const uint8_t *frame, size_t len)
{
    struct eth_payload in;
    struct verdict v;

    if (s->netdev->ip_only) {
        packet_without_ethernet(s, frame, len);
        return;
    }
    v = eth_input(&s->eth, frame, len, &in);

    if (verdict_accepted(v) && in.type == ETH_TYPE_IPV4) {
        packet_input(s, in.bytes, in.len, in.group ? FROM_WIRE_GROUP : FROM_WIRE);
        return;
    }
    if (verdict_accepted(v))
        v = in.type == ETH_TYPE_ARP ? arp_input(&s->arp, in.bytes, in.len)
                                    : verdict_drop(DROP_ETH_TYPE);
    conclude(s, v, 0);
}

/* Receive packets queued so far: replies to them wait for the next poll. */
static void loopback_input(struct stack *s)
{
    struct netdev *lo = &s->loopback.netdev;
    struct frame_view view;

    for (unsigned left = s->loopback.count; left && lo->receive(lo->ctx, &view); left--) {
        packet_input(s, view.frame + FRAME_IP, view.len - FRAME_IP, FROM_LOOPBACK);
        lo->recycle(lo->ctx, &view);
    }
}

/* The rest of these did not come: RFC 1122 section 3.3.2. */
static void fragments_poll(struct stack *s)
{
    struct ipv4_packet p;

    while (fragments_expired(&s->fragments, &p)) {
        net_drop(&s->net, DROP_IP_FRAGMENT);
        if (p.header_len)
            icmp_error_send(&s->icmp, &p, ICMP_EXCEEDED, ICMP_EXCEEDED_REASSEMBLY);
    }
}

/* ---- a poll ---- */

void stack_begin(struct stack *s, uint64_t now_ns)
{
    s->net.now_ns = now_ns;
    if (s->dns.busy)
        dns_begin(&s->dns);
    if (s->loopback.count)
        loopback_input(s);
}

void stack_timers(struct stack *s)
{
    if (s->netdev->link && !s->link) {
        if (s->net.addr)
            arp_flush(&s->arp); /* perhaps the link leads elsewhere now */
        if (s->uses_dhcp)
            dhcp_link_up(&s->dhcp);
    }
    s->link = s->netdev->link;
    arp_poll(&s->arp);
    dhcp_poll(&s->dhcp);
    follow_lease(s);
    if (s->fragments.used)
        fragments_poll(s);
    tcp_poll(&s->tcp);
    if (s->dns.busy)
        dns_poll(&s->dns);
}

void stack_output(struct stack *s)
{
    tcp_output_all(&s->tcp);
    INVARIANTS(stack_invariants(s));
}

uint64_t stack_deadline(const struct stack *s)
{
    uint64_t at_ns;

    if (s->loopback.count)
        return s->net.now_ns;
    at_ns = arp_deadline(&s->arp);
    if (s->fragments.used)
        at_ns = min_u64(at_ns, fragments_deadline(&s->fragments));
    if (s->dns.busy)
        at_ns = min_u64(at_ns, dns_deadline(&s->dns));
    return min_u64(at_ns, min_u64(dhcp_deadline(&s->dhcp), tcp_deadline(&s->tcp)));
}

bool stack_idle(const struct stack *s)
{
    return !s->loopback.count && !arp_asking(&s->arp) && dns_idle(&s->dns) && tcp_idle(&s->tcp);
}

bool stack_settled(const struct stack *s)
{
    return !s->loopback.count && !arp_asking(&s->arp) && dns_idle(&s->dns) && tcp_settled(&s->tcp);
}

bool stack_unused(const struct stack *s)
{
    return !dgram_used(&s->dgrams) && !tcp_used(&s->tcp);
}
