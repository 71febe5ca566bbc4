/*
 * The DHCP client's state machine: see dhcp.h. Messages are made and parsed in dhcp_message.c.
 */
#include "dhcp.h"
#include "../base/check.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../trace/trace.h"
#include "dhcp_message.h"

_Static_assert(FRAME_UDP_PAYLOAD - FRAME_IP + DHCP_MESSAGE_LEN <= NETDEV_MTU_MIN,
               "it fits any MTU");

/* RFC 2131 section 4.1: 4, 8, 16, 32, 64 seconds, each off by up to one second. */
enum { BACKOFF_FIRST_S = 4, BACKOFF_LAST_S = 64 };
/* Section 3.1(5): after some retransmissions, about a minute, start over. */
enum { REQUEST_TRIES_MAX = 4 };
/* Section 4.4.5: while renewing, ask again after half of what is left, not below a minute. */
#define RENEW_INTERVAL_MIN_NS (60 * NS_PER_S)
/* The wait after a NAK; section 3.1(5) requires it after a DECLINE. After ten of these it is that
 * of RFC 5227 section 2.1.1. */
#define NAK_WAIT_NS       (10 * NS_PER_S)
#define CONFLICTS_WAIT_NS (60 * NS_PER_S)
enum { CONFLICTS_MAX = 10 };
/* A shorter lease could not be renewed in time; the default lease time of a server that sends
 * none. */
enum { LEASE_MIN_S = 8, LEASE_DEFAULT_S = 3600 };

/* ---- the one setter of the state ---- */

static bool dhcp_may_move(enum dhcp_state from, enum dhcp_state to)
{
    switch (to) {
    case DHCP_INIT:
        return true;
    case DHCP_SELECTING:
        return from == DHCP_INIT;
    case DHCP_REQUESTING:
        return from == DHCP_SELECTING;
    case DHCP_BOUND:
        return from == DHCP_SELECTING || from == DHCP_REQUESTING || from == DHCP_RENEWING ||
               from == DHCP_REBINDING || from == DHCP_REBOOTING || from == DHCP_PROBING;
    case DHCP_RENEWING:
        return from == DHCP_BOUND;
    case DHCP_REBINDING:
        return from == DHCP_RENEWING;
    case DHCP_REBOOTING:
        return from == DHCP_BOUND || from == DHCP_RENEWING || from == DHCP_REBINDING ||
               from == DHCP_REBOOTING;
    case DHCP_PROBING:
        return from == DHCP_SELECTING || from == DHCP_REQUESTING;
    case DHCP_RELEASING:
        return from == DHCP_BOUND || from == DHCP_RENEWING || from == DHCP_REBINDING ||
               from == DHCP_REBOOTING;
    }
    return false;
}

static void dhcp_move(struct dhcp_client *d, enum dhcp_state to)
{
    CHECK(dhcp_may_move(d->state, to));
    TRACE(d->net->platform, TRACE_DHCP_STATE, d->state, to);
    d->state = to;
    d->tries = 0;
}

/* ---- sending ---- */

/* The message is broadcast from 0.0.0.0, or in RENEWING and RELEASING sent to the server from our
 * address (section 4.4.4 and 4.3.2). If there is no frame now, it counts as lost: the timer sends
 * it again. */
static void dhcp_send(struct dhcp_client *d, const struct dhcp_build *b)
{
    bool direct = d->state == DHCP_RENEWING || d->state == DHCP_RELEASING;
    uint32_t dst = direct ? d->lease.server : IPV4_BROADCAST;
    struct netdev *dev = ipv4_route(d->ip, dst); /* lo, if the server identifier is our address */
    uint8_t *frame = dev->alloc(dev->ctx);

    CHECK(b->xid == d->xid);
    CHECK(b->ciaddr == 0 || b->ciaddr == d->lease.addr);
    d->tries++;
    if (!frame) {
        net_drop(d->net, DROP_TX_FULL);
        return;
    }
    dhcp_write(frame + FRAME_UDP_PAYLOAD, b, d->ip->dev->mac);
    udp_output(d->ip, frame, b->ciaddr, DHCP_CLIENT_PORT, dst, DHCP_SERVER_PORT, DHCP_MESSAGE_LEN);
}

static void set_backoff(struct dhcp_client *d)
{
    uint64_t wait_s = BACKOFF_FIRST_S;
    uint64_t jitter_ns = rng_below(&d->net->rng, 2 * NS_PER_S + 1);

    for (unsigned i = 1; i < d->tries && wait_s < BACKOFF_LAST_S; i++)
        wait_s *= 2;
    d->timer_ns = d->net->now_ns + (wait_s - 1) * NS_PER_S + jitter_ns;
    if (d->tries > 1)
        TRACE(d->net->platform, TRACE_DHCP_RETRY, d->tries,
              (d->timer_ns - d->net->now_ns) / NS_PER_MS, d->ip->dev->frames_tx,
              d->ip->dev->frames_rx);
}

static void send_discover(struct dhcp_client *d)
{
    d->secs = (uint16_t)((d->net->now_ns - d->began_ns) / NS_PER_S);
    d->request_ns = d->net->now_ns;
    dhcp_send(d, &(struct dhcp_build){.type = DHCP_DISCOVER, .xid = d->xid, .secs = d->secs});
    set_backoff(d);
}

static void send_request(struct dhcp_client *d)
{
    d->request_ns = d->net->now_ns;
    dhcp_send(d, &(struct dhcp_build){.type = DHCP_REQUEST,
                                      .xid = d->xid,
                                      .secs = d->secs,
                                      .requested = d->offer.addr,
                                      .server = d->offer.server});
    set_backoff(d);
}

/* The address of the lease that was to begin is another host's: broadcast, ciaddr 0. */
static void send_decline(struct dhcp_client *d)
{
    dhcp_send(d, &(struct dhcp_build){.type = DHCP_DECLINE,
                                      .xid = d->xid,
                                      .requested = d->offer.addr,
                                      .server = d->offer.server});
}

/* REBOOTING: option 50, and neither ciaddr nor option 54 (section 4.3.2). */
static void send_confirmation(struct dhcp_client *d)
{
    d->request_ns = d->net->now_ns;
    dhcp_send(
        d, &(struct dhcp_build){.type = DHCP_REQUEST, .xid = d->xid, .requested = d->lease.addr});
    set_backoff(d);
}

/* RENEWING and REBINDING: ciaddr, and neither option 50 nor 54. */
static void send_renewal(struct dhcp_client *d, uint64_t until_ns)
{
    uint64_t wait_ns = (until_ns - d->net->now_ns) / 2;

    d->request_ns = d->net->now_ns;
    dhcp_send(d, &(struct dhcp_build){.type = DHCP_REQUEST,
                                      .xid = d->xid,
                                      .secs = (uint16_t)((d->net->now_ns - d->began_ns) / NS_PER_S),
                                      .ciaddr = d->lease.addr});
    wait_ns = max_u64(wait_ns, RENEW_INTERVAL_MIN_NS);
    d->timer_ns = min_u64(d->net->now_ns + wait_ns, until_ns);
}

/* ---- leases ---- */

static bool mask_is_contiguous(uint32_t mask)
{
    uint32_t host = ~mask;

    return mask != 0 && (host & (host + 1)) == 0;
}

static void name_complete(char *name, const char *known)
{
    if (!*name)
        mem_copy(name, known, DHCP_NAME_SIZE);
}

/* Values missing in a message are those of the offer, or of the lease being renewed. */
static void lease_complete(struct dhcp_lease *l, const struct dhcp_lease *known)
{
    l->mask = l->mask ? l->mask : known->mask;
    l->gateway = l->gateway ? l->gateway : known->gateway;
    if (!l->dns) {
        l->dns = known->dns;
        l->dns_second = known->dns_second;
    }
    l->lease_s = l->lease_s ? l->lease_s : known->lease_s;
    l->ntp = l->ntp ? l->ntp : known->ntp;
    l->mtu = l->mtu ? l->mtu : known->mtu;
    name_complete(l->host, known->host);
    name_complete(l->domain, known->domain);
    name_complete(l->search, known->search);
}

/* A router must be on our network, or on the link if the network is only our address. */
static bool router_check(const struct dhcp_lease *l)
{
    if (l->gateway == l->addr)
        return false;
    return l->mask == UINT32_MAX ? ipv4_is_host(l->gateway)
                                 : ((l->gateway ^ l->addr) & l->mask) == 0;
}

/* Why the lease cannot be used, or DHCP_TAKEN. Without a mask, that of the address class is used
 * (RFC 950). */
static enum dhcp_refusal lease_check(struct dhcp_lease *l)
{
    if (l->lease_s == 0)
        l->lease_s = LEASE_DEFAULT_S;
    if (!ipv4_is_host(l->addr))
        return DHCP_REFUSAL_ADDRESS;
    if (!ipv4_is_host(l->server))
        return DHCP_REFUSAL_SERVER;
    if (l->mask == 0)
        l->mask = l->addr >> 31 == 0 ? 0xff000000 : l->addr >> 30 == 2 ? 0xffff0000 : 0xffffff00;
    if (!mask_is_contiguous(l->mask))
        return DHCP_REFUSAL_MASK;
    if (l->mask < 0xfffffffe && ((l->addr & ~l->mask) == 0 || (l->addr | l->mask) == 0xffffffff))
        return DHCP_REFUSAL_ADDRESS;
    if (!router_check(l))
        l->gateway = 0;
    return l->lease_s < LEASE_MIN_S ? DHCP_REFUSAL_LEASE : DHCP_TAKEN;
}

/* T1 < T2 < lease, whatever the server sent: section 4.4.5, with random fuzz on T1 and T2. */
static void lease_times(struct dhcp_client *d, const struct dhcp_lease *l)
{
    uint64_t lease_ns = l->lease_s * NS_PER_S, t1 = l->t1_s * NS_PER_S, t2 = l->t2_s * NS_PER_S;

    if (l->lease_s == DHCP_LEASE_FOREVER) {
        d->t1_ns = d->t2_ns = d->expiry_ns = DEADLINE_NEVER;
        return;
    }
    if (t2 == 0 || t2 >= lease_ns)
        t2 = lease_ns / 8 * 7;
    if (t1 == 0 || t1 >= t2)
        t1 = lease_ns / 2 < t2 ? lease_ns / 2 : t2 / 2;
    t1 -= rng_below(&d->net->rng, t1 / 32 + 1);
    t2 -= rng_below(&d->net->rng, (t2 - t1) / 32 + 1);
    d->t1_ns = d->request_ns + t1;
    d->t2_ns = d->request_ns + t2;
    d->expiry_ns = d->request_ns + lease_ns;
}

static void dhcp_restart(struct dhcp_client *d, uint64_t at_ns)
{
    dhcp_move(d, DHCP_INIT);
    d->timer_ns = d->off ? DEADLINE_NEVER : at_ns;
    d->ip->arp->probe.state = ARP_PROBE_NONE;
}

static void lease_lost(struct dhcp_client *d, enum lease_lost_reason reason)
{
    TRACE(d->net->platform, TRACE_DHCP_LOST, d->lease.addr, reason);
    d->lease = (struct dhcp_lease){0};
    d->news = DHCP_LOST;
    dhcp_restart(d, d->net->now_ns);
}

static void lease_taken(struct dhcp_client *d, const struct dhcp_lease *l)
{
    bool renewed = d->state == DHCP_RENEWING || d->state == DHCP_REBINDING;

    d->lease = *l;
    d->conflicts = 0;
    lease_times(d, l);
    dhcp_move(d, DHCP_BOUND);
    d->timer_ns = d->t1_ns;
    d->news = renewed ? DHCP_RENEWED : DHCP_NEW;
    if (renewed) {
        TRACE(d->net->platform, TRACE_DHCP_RENEWED, l->addr, l->lease_s);
        return;
    }
    TRACE(d->net->platform, TRACE_DHCP_BOUND, l->addr, l->mask, l->gateway, l->dns, l->lease_s);
    TRACE(d->net->platform, TRACE_NET_COUNTERS, d->ip->dev->frames_tx, d->ip->dev->frames_rx);
}

/* The final check of section 3.1(5). */
static void dhcp_probe(struct dhcp_client *d, const struct dhcp_lease *l)
{
    d->offer = *l;
    dhcp_move(d, DHCP_PROBING);
    d->timer_ns = DEADLINE_NEVER;
    arp_probe(d->ip->arp, l->addr);
}

static void probe_result(struct dhcp_client *d)
{
    enum arp_probe_state probe = d->ip->arp->probe.state;

    if (probe == ARP_PROBE_CLEAR)
        lease_taken(d, &d->offer);
    if (probe == ARP_PROBE_CONFLICT) {
        uint64_t wait_ns = ++d->conflicts < CONFLICTS_MAX ? NAK_WAIT_NS : CONFLICTS_WAIT_NS;

        TRACE(d->net->platform, TRACE_DHCP_DECLINED, d->offer.addr, wait_ns / NS_PER_S);
        send_decline(d);
        dhcp_restart(d, d->net->now_ns + wait_ns);
    }
}

/* ---- input ---- */

/* Options of no use are reported for the message that makes the lease. */
static void trace_refused(const struct dhcp_client *d, const struct dhcp_message *m)
{
    for (unsigned i = 0; i < m->refused_count; i++)
        TRACE(d->net->platform, TRACE_DHCP_OPTION, m->refused[i].option, m->refused[i].reason);
}

static struct verdict input_offer(struct dhcp_client *d, struct dhcp_lease *l)
{
    enum dhcp_refusal no;

    if (d->state != DHCP_SELECTING)
        return verdict_drop(DROP_DHCP_STATE);
    no = lease_check(l);
    if (no) { /* another server's may be better */
        TRACE(d->net->platform, TRACE_DHCP_REFUSED, l->addr, no);
        return VERDICT_ACCEPTED;
    }
    d->offer = *l;
    dhcp_move(d, DHCP_REQUESTING);
    send_request(d);
    return VERDICT_ACCEPTED;
}

static struct verdict dhcp_input_ack(struct dhcp_client *d, struct dhcp_message *m)
{
    struct dhcp_lease *l = &m->lease;
    bool asked = d->state == DHCP_REQUESTING || d->state == DHCP_RENEWING ||
                 d->state == DHCP_REBINDING || d->state == DHCP_REBOOTING ||
                 (d->state == DHCP_SELECTING && m->rapid);
    bool held = d->lease.addr != 0;
    enum dhcp_refusal no;

    if (!asked)
        return verdict_drop(DROP_DHCP_STATE);
    lease_complete(l, d->state == DHCP_REQUESTING ? &d->offer : &d->lease);
    no = lease_check(l);
    if (!no && d->state == DHCP_REQUESTING && l->addr != d->offer.addr)
        no = DHCP_REFUSAL_ADDRESS; /* not the one that was asked for */
    if (no) {
        TRACE(d->net->platform, TRACE_DHCP_REFUSED, l->addr, no);
        return VERDICT_ACCEPTED;
    }
    if (d->state == DHCP_RENEWING && l->server != d->lease.server)
        return verdict_drop(DROP_DHCP_OTHER);
    if (held && l->addr != d->lease.addr) {
        lease_lost(d, LEASE_LOST_CHANGED); /* never continue with the old one: section 4.4.5 */
        return VERDICT_ACCEPTED;
    }
    trace_refused(d, m);
    if (d->probes && !held)
        dhcp_probe(d, l);
    else
        lease_taken(d, l);
    return VERDICT_ACCEPTED;
}

/* A NAK without server identifier is accepted on xid and chaddr: some servers send none. */
static struct verdict input_nak(struct dhcp_client *d, const struct dhcp_lease *l)
{
    uint32_t server = d->state == DHCP_REQUESTING ? d->offer.server : d->lease.server;
    bool any_server = d->state == DHCP_REBINDING || d->state == DHCP_REBOOTING;
    bool bound = d->state == DHCP_RENEWING || any_server;

    if ((d->state != DHCP_REQUESTING && !bound) ||
        (l->server && l->server != server && !any_server))
        return verdict_drop(DROP_DHCP_STATE);
    TRACE0(d->net->platform, TRACE_DHCP_NAK);
    if (bound)
        lease_lost(d, LEASE_LOST_NAK);
    else
        dhcp_restart(d, d->net->now_ns + NAK_WAIT_NS);
    return VERDICT_ACCEPTED;
}

struct verdict dhcp_input(struct dhcp_client *d, const struct udp_datagram *u)
{
    struct dhcp_message m;
    int err;

    if (u->src_port != DHCP_SERVER_PORT || u->looped) /* no program is a server */
        return verdict_drop(DROP_UDP_PORT);
    err = dhcp_parse(u->bytes, u->len, d->xid, d->ip->dev, &m);
    if (err)
        return verdict_drop(err == ERR_NOENT ? DROP_DHCP_OTHER : DROP_DHCP_FORMAT);
    if (!m.lease.server && m.type != DHCP_NAK) /* option 54, that of the server or a relay */
        m.lease.server = u->src;
    switch (m.type) {
    case DHCP_OFFER:
        return input_offer(d, &m.lease);
    case DHCP_ACK:
        return dhcp_input_ack(d, &m);
    case DHCP_NAK:
        return input_nak(d, &m.lease);
    case DHCP_DISCOVER:
    case DHCP_REQUEST:
    case DHCP_DECLINE:
    case DHCP_RELEASE:
    case DHCP_INFORM:
        break;
    }
    return verdict_drop(DROP_DHCP_STATE);
}

/* ---- time ---- */

void dhcp_init(struct dhcp_client *d, struct ipv4 *ip)
{
    *d = (struct dhcp_client){
        .net = ip->net,
        .ip = ip,
        .state = DHCP_INIT,
        .timer_ns = ip->net->now_ns,
        .expiry_ns = DEADLINE_NEVER,
    };
}

static void begin_exchange(struct dhcp_client *d)
{
    d->xid = (uint32_t)rng_next(&d->net->rng);
    d->began_ns = d->net->now_ns;
}

/* The timer of the present state is due. */
static void timer_due(struct dhcp_client *d)
{
    switch (d->state) {
    case DHCP_INIT:
        begin_exchange(d);
        dhcp_move(d, DHCP_SELECTING);
        send_discover(d);
        break;
    case DHCP_SELECTING:
        send_discover(d);
        break;
    case DHCP_REQUESTING:
        if (d->tries < REQUEST_TRIES_MAX)
            send_request(d);
        else
            dhcp_restart(d, d->net->now_ns);
        break;
    case DHCP_BOUND:
        begin_exchange(d);
        dhcp_move(d, DHCP_RENEWING);
        send_renewal(d, d->t2_ns);
        break;
    case DHCP_RENEWING:
        if (d->net->now_ns < d->t2_ns) {
            send_renewal(d, d->t2_ns);
            break;
        }
        dhcp_move(d, DHCP_REBINDING);
        send_renewal(d, d->expiry_ns);
        break;
    case DHCP_REBINDING:
        send_renewal(d, d->expiry_ns);
        break;
    case DHCP_REBOOTING:
        if (d->tries < REQUEST_TRIES_MAX) {
            send_confirmation(d);
        } else { /* the lease is good for the rest of its time: section 3.7 (4) */
            dhcp_move(d, DHCP_BOUND);
            d->timer_ns = d->t1_ns;
        }
        break;
    case DHCP_PROBING: /* the timers are those of ARP */
    case DHCP_RELEASING:
        break;
    }
}

void dhcp_release(struct dhcp_client *d)
{
    d->off = true;
    if (d->state == DHCP_RELEASING)
        return;
    if (!d->lease.addr) {
        dhcp_restart(d, d->net->now_ns);
        return;
    }
    dhcp_move(d, DHCP_RELEASING);
    d->timer_ns = DEADLINE_NEVER;
    begin_exchange(d);
    dhcp_send(d, &(struct dhcp_build){.type = DHCP_RELEASE,
                                      .xid = d->xid,
                                      .ciaddr = d->lease.addr,
                                      .server = d->lease.server});
}

void dhcp_take(struct dhcp_client *d)
{
    if (!d->off)
        return;
    d->off = false;
    if (d->state == DHCP_INIT)
        d->timer_ns = d->net->now_ns;
}

/* The message waits for the server's hardware address, for three seconds at most. */
static bool is_released(const struct dhcp_client *d)
{
    return d->state == DHCP_RELEASING && !arp_asking(d->ip->arp);
}

void dhcp_link_up(struct dhcp_client *d)
{
    if (d->state == DHCP_RELEASING)
        return;
    if (!d->lease.addr) {
        dhcp_restart(d, d->net->now_ns);
        return;
    }
    begin_exchange(d);
    dhcp_move(d, DHCP_REBOOTING);
    send_confirmation(d);
}

void dhcp_poll(struct dhcp_client *d)
{
    /* The end of the lease comes before any retransmission that is due at the same time. */
    if (d->lease.addr && d->net->now_ns >= d->expiry_ns)
        lease_lost(d, LEASE_LOST_EXPIRED);
    if (is_released(d))
        lease_lost(d, LEASE_LOST_RELEASED);
    if (d->state == DHCP_PROBING)
        probe_result(d);
    if (d->net->now_ns >= d->timer_ns)
        timer_due(d);
}

uint64_t dhcp_deadline(const struct dhcp_client *d)
{
    if (is_released(d))
        return d->net->now_ns;
    return d->lease.addr ? min_u64(d->timer_ns, d->expiry_ns) : d->timer_ns;
}
