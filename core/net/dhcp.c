/*
 * The DHCP client's state machine: see dhcp.h. Messages are made and parsed in dhcp_message.c.
 */
#include "../base/check.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../trace/trace.h"
#include "dhcp_message.h"
#include "stack.h"

_Static_assert(FRAME_UDP_PAYLOAD - FRAME_IP + DHCP_MESSAGE_LEN <= NETDEV_MTU_MIN,
               "it fits any MTU");

/* RFC 2131 section 4.1: 4, 8, 16, 32, 64 seconds, each off by up to one second. */
enum { BACKOFF_FIRST_S = 4, BACKOFF_LAST_S = 64 };
/* Section 3.1(5): after some retransmissions, about a minute, start over. */
enum { REQUEST_TRIES_MAX = 4 };
/* Section 4.4.5: while renewing, ask again after half of what is left, not below a minute. */
#define RENEW_INTERVAL_MIN_NS (60 * NS_PER_S)
/* The wait after a NAK; section 3.1(5) requires it after a DECLINE. */
#define NAK_WAIT_NS (10 * NS_PER_S)
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
        return from == DHCP_REQUESTING || from == DHCP_RENEWING || from == DHCP_REBINDING ||
               from == DHCP_REBOOTING;
    case DHCP_RENEWING:
        return from == DHCP_BOUND;
    case DHCP_REBINDING:
        return from == DHCP_RENEWING;
    case DHCP_REBOOTING:
        return from == DHCP_BOUND || from == DHCP_RENEWING || from == DHCP_REBINDING ||
               from == DHCP_REBOOTING;
    }
    return false;
}

static void dhcp_move(struct stack *s, enum dhcp_state to)
{
    CHECK(dhcp_may_move(s->dhcp.state, to));
    TRACE(s->platform, TRACE_DHCP_STATE, s->dhcp.state, to);
    s->dhcp.state = to;
    s->dhcp.tries = 0;
}

/* ---- sending ---- */

/* The message is broadcast from 0.0.0.0, or in RENEWING sent to the server from our address
 * (section 4.4.4 and 4.3.2). If there is no frame now, it counts as lost: the timer sends it
 * again. */
static void dhcp_send(struct stack *s, const struct dhcp_build *b)
{
    uint32_t dst = s->dhcp.state == DHCP_RENEWING ? s->dhcp.lease.server : IPV4_BROADCAST;
    struct netdev *dev = ipv4_route(s, dst); /* lo, if the server identifier is our address */
    uint8_t *frame = dev->alloc(dev->ctx);

    CHECK(b->xid == s->dhcp.xid);
    CHECK(b->ciaddr == 0 || b->ciaddr == s->addr);
    s->dhcp.tries++;
    if (!frame) {
        stack_drop(s, DROP_TX_FULL);
        return;
    }
    dhcp_write(frame + FRAME_UDP_PAYLOAD, b, s->netdev->mac);
    udp_output(s, frame, b->ciaddr, DHCP_CLIENT_PORT, dst, DHCP_SERVER_PORT, DHCP_MESSAGE_LEN);
}

static void set_backoff(struct stack *s)
{
    struct dhcp_client *d = &s->dhcp;
    uint64_t wait_s = BACKOFF_FIRST_S;
    uint64_t jitter_ns = rng_below(&s->rng, 2 * NS_PER_S + 1);

    for (unsigned i = 1; i < d->tries && wait_s < BACKOFF_LAST_S; i++)
        wait_s *= 2;
    d->timer_ns = s->now_ns + (wait_s - 1) * NS_PER_S + jitter_ns;
    if (d->tries > 1)
        TRACE(s->platform, TRACE_DHCP_RETRY, d->tries, (d->timer_ns - s->now_ns) / NS_PER_MS,
              s->netdev->frames_tx, s->netdev->frames_rx);
}

static void send_discover(struct stack *s)
{
    struct dhcp_client *d = &s->dhcp;

    d->secs = (uint16_t)((s->now_ns - d->began_ns) / NS_PER_S);
    dhcp_send(s, &(struct dhcp_build){.type = DHCP_DISCOVER, .xid = d->xid, .secs = d->secs});
    set_backoff(s);
}

static void send_request(struct stack *s)
{
    struct dhcp_client *d = &s->dhcp;

    d->request_ns = s->now_ns;
    dhcp_send(s, &(struct dhcp_build){.type = DHCP_REQUEST,
                                      .xid = d->xid,
                                      .secs = d->secs,
                                      .requested = d->offer.addr,
                                      .server = d->offer.server});
    set_backoff(s);
}

/* REBOOTING: option 50, and neither ciaddr nor option 54 (section 4.3.2). */
static void send_confirmation(struct stack *s)
{
    struct dhcp_client *d = &s->dhcp;

    d->request_ns = s->now_ns;
    dhcp_send(s, &(struct dhcp_build){.type = DHCP_REQUEST, .xid = d->xid, .requested = s->addr});
    set_backoff(s);
}

/* RENEWING and REBINDING: ciaddr, and neither option 50 nor 54. */
static void send_renewal(struct stack *s, uint64_t until_ns)
{
    struct dhcp_client *d = &s->dhcp;
    uint64_t wait_ns = (until_ns - s->now_ns) / 2;

    d->request_ns = s->now_ns;
    dhcp_send(s, &(struct dhcp_build){.type = DHCP_REQUEST,
                                      .xid = d->xid,
                                      .secs = (uint16_t)((s->now_ns - d->began_ns) / NS_PER_S),
                                      .ciaddr = s->addr});
    wait_ns = max_u64(wait_ns, RENEW_INTERVAL_MIN_NS);
    d->timer_ns = min_u64(s->now_ns + wait_ns, until_ns);
}

/* ---- leases ---- */

static bool mask_is_contiguous(uint32_t mask)
{
    uint32_t host = ~mask;

    return mask != 0 && (host & (host + 1)) == 0;
}

/* Values missing in a message are those of the offer, or of the lease being renewed. */
static void lease_complete(struct dhcp_lease *l, const struct dhcp_lease *known)
{
    l->mask = l->mask ? l->mask : known->mask;
    l->gateway = l->gateway ? l->gateway : known->gateway;
    l->dns = l->dns ? l->dns : known->dns;
    l->lease_s = l->lease_s ? l->lease_s : known->lease_s;
}

/* A router must be on our network, or on the link if the network is only our address. */
static bool router_check(const struct dhcp_lease *l)
{
    if (l->gateway == l->addr)
        return false;
    return l->mask == UINT32_MAX ? ipv4_is_host(l->gateway)
                                 : ((l->gateway ^ l->addr) & l->mask) == 0;
}

/* True if the lease can be used. Without a mask, that of the address class is used (RFC 950). */
static bool lease_check(struct dhcp_lease *l)
{
    if (l->lease_s == 0)
        l->lease_s = LEASE_DEFAULT_S;
    if (!ipv4_is_host(l->addr) || !ipv4_is_host(l->server))
        return false;
    if (l->mask == 0)
        l->mask = l->addr >> 31 == 0 ? 0xff000000 : l->addr >> 30 == 2 ? 0xffff0000 : 0xffffff00;
    if (!mask_is_contiguous(l->mask))
        return false;
    if (l->mask < 0xfffffffe && ((l->addr & ~l->mask) == 0 || (l->addr | l->mask) == 0xffffffff))
        return false;
    if (!router_check(l))
        l->gateway = 0;
    return l->lease_s >= LEASE_MIN_S;
}

/* T1 < T2 < lease, whatever the server sent: section 4.4.5, with random fuzz on T1 and T2. */
static void lease_times(struct stack *s, const struct dhcp_lease *l)
{
    struct dhcp_client *d = &s->dhcp;
    uint64_t lease_ns = l->lease_s * NS_PER_S, t1 = l->t1_s * NS_PER_S, t2 = l->t2_s * NS_PER_S;

    if (l->lease_s == DHCP_LEASE_FOREVER) {
        d->t1_ns = d->t2_ns = d->expiry_ns = DEADLINE_NEVER;
        return;
    }
    if (t2 == 0 || t2 >= lease_ns)
        t2 = lease_ns / 8 * 7;
    if (t1 == 0 || t1 >= t2)
        t1 = lease_ns / 2 < t2 ? lease_ns / 2 : t2 / 2;
    t1 -= rng_below(&s->rng, t1 / 32 + 1);
    t2 -= rng_below(&s->rng, (t2 - t1) / 32 + 1);
    d->t1_ns = d->request_ns + t1;
    d->t2_ns = d->request_ns + t2;
    d->expiry_ns = d->request_ns + lease_ns;
}

static void dhcp_restart(struct stack *s, uint64_t at_ns)
{
    dhcp_move(s, DHCP_INIT);
    s->dhcp.timer_ns = at_ns;
}

static void lease_lost(struct stack *s, enum lease_lost_reason reason)
{
    TRACE(s->platform, TRACE_DHCP_LOST, s->addr, reason);
    stack_set_address(s, 0, 0, 0, 0);
    dhcp_restart(s, s->now_ns);
}

static void lease_taken(struct stack *s, const struct dhcp_lease *l)
{
    struct dhcp_client *d = &s->dhcp;
    bool renewed = d->state == DHCP_RENEWING || d->state == DHCP_REBINDING;

    d->lease = *l;
    lease_times(s, l);
    dhcp_move(s, DHCP_BOUND);
    d->timer_ns = d->t1_ns;
    if (renewed) {
        stack_set_address(s, l->addr, l->mask, l->gateway, l->dns);
        TRACE(s->platform, TRACE_DHCP_RENEWED, l->addr, l->lease_s);
        return;
    }
    stack_set_address(s, l->addr, l->mask, l->gateway, l->dns);
    TRACE(s->platform, TRACE_DHCP_BOUND, l->addr, l->mask, l->gateway, l->dns, l->lease_s);
    TRACE(s->platform, TRACE_NET_COUNTERS, s->netdev->frames_tx, s->netdev->frames_rx);
    arp_announce(s);
}

/* ---- input ---- */

static void input_offer(struct stack *s, struct dhcp_lease *l)
{
    struct dhcp_client *d = &s->dhcp;

    if (d->state != DHCP_SELECTING) {
        stack_drop(s, DROP_DHCP_STATE);
        return;
    }
    if (!lease_check(l)) { /* another server's may be better */
        TRACE(s->platform, TRACE_DHCP_REFUSED, l->addr);
        return;
    }
    d->offer = *l;
    dhcp_move(s, DHCP_REQUESTING);
    send_request(s);
}

static void dhcp_input_ack(struct stack *s, struct dhcp_lease *l)
{
    struct dhcp_client *d = &s->dhcp;
    bool asked = d->state == DHCP_REQUESTING || d->state == DHCP_RENEWING ||
                 d->state == DHCP_REBINDING || d->state == DHCP_REBOOTING;

    if (!asked) {
        stack_drop(s, DROP_DHCP_STATE);
        return;
    }
    lease_complete(l, d->state == DHCP_REQUESTING ? &d->offer : &d->lease);
    if (!lease_check(l) || (d->state == DHCP_REQUESTING && l->addr != d->offer.addr)) {
        TRACE(s->platform, TRACE_DHCP_REFUSED, l->addr);
        return;
    }
    if (d->state == DHCP_RENEWING && l->server != d->lease.server) {
        stack_drop(s, DROP_DHCP_OTHER);
        return;
    }
    if (d->state != DHCP_REQUESTING && l->addr != s->addr) {
        lease_lost(s, LEASE_LOST_CHANGED); /* never continue with the old one: section 4.4.5 */
        return;
    }
    lease_taken(s, l);
}

/* A NAK without server identifier is accepted on xid and chaddr: some servers send none. */
static void input_nak(struct stack *s, const struct dhcp_lease *l)
{
    struct dhcp_client *d = &s->dhcp;
    uint32_t server = d->state == DHCP_REQUESTING ? d->offer.server : d->lease.server;
    bool any_server = d->state == DHCP_REBINDING || d->state == DHCP_REBOOTING;
    bool bound = d->state == DHCP_RENEWING || any_server;

    if ((d->state != DHCP_REQUESTING && !bound) ||
        (l->server && l->server != server && !any_server)) {
        stack_drop(s, DROP_DHCP_STATE);
        return;
    }
    TRACE0(s->platform, TRACE_DHCP_NAK);
    if (bound)
        lease_lost(s, LEASE_LOST_NAK);
    else
        dhcp_restart(s, s->now_ns + NAK_WAIT_NS);
}

void dhcp_input(struct stack *s, uint32_t src, const uint8_t *bytes, size_t len)
{
    struct dhcp_message m;
    int err = dhcp_parse(bytes, len, s->dhcp.xid, s->netdev->mac, &m);

    if (err) {
        stack_drop(s, err == ERR_NOENT ? DROP_DHCP_OTHER : DROP_DHCP_FORMAT);
        return;
    }
    if (!m.lease.server && m.type != DHCP_NAK) /* option 54, that of the server or a relay */
        m.lease.server = src;
    switch (m.type) {
    case DHCP_OFFER:
        input_offer(s, &m.lease);
        break;
    case DHCP_ACK:
        dhcp_input_ack(s, &m.lease);
        break;
    case DHCP_NAK:
        input_nak(s, &m.lease);
        break;
    case DHCP_DISCOVER:
    case DHCP_REQUEST:
    case DHCP_DECLINE:
    case DHCP_RELEASE:
    case DHCP_INFORM:
        stack_drop(s, DROP_DHCP_STATE);
        break;
    }
}

/* ---- time ---- */

void dhcp_init(struct stack *s)
{
    s->dhcp = (struct dhcp_client){
        .state = DHCP_INIT,
        .timer_ns = s->now_ns,
        .expiry_ns = DEADLINE_NEVER,
    };
}

static void begin_exchange(struct stack *s)
{
    s->dhcp.xid = (uint32_t)rng_next(&s->rng);
    s->dhcp.began_ns = s->now_ns;
}

/* The timer of the present state is due. */
static void timer_due(struct stack *s)
{
    struct dhcp_client *d = &s->dhcp;

    switch (d->state) {
    case DHCP_INIT:
        begin_exchange(s);
        dhcp_move(s, DHCP_SELECTING);
        send_discover(s);
        break;
    case DHCP_SELECTING:
        send_discover(s);
        break;
    case DHCP_REQUESTING:
        if (d->tries < REQUEST_TRIES_MAX)
            send_request(s);
        else
            dhcp_restart(s, s->now_ns);
        break;
    case DHCP_BOUND:
        begin_exchange(s);
        dhcp_move(s, DHCP_RENEWING);
        send_renewal(s, d->t2_ns);
        break;
    case DHCP_RENEWING:
        if (s->now_ns < d->t2_ns) {
            send_renewal(s, d->t2_ns);
            break;
        }
        dhcp_move(s, DHCP_REBINDING);
        send_renewal(s, d->expiry_ns);
        break;
    case DHCP_REBINDING:
        send_renewal(s, d->expiry_ns);
        break;
    case DHCP_REBOOTING:
        if (d->tries < REQUEST_TRIES_MAX) {
            send_confirmation(s);
        } else { /* the lease is good for the rest of its time: section 3.7 (4) */
            dhcp_move(s, DHCP_BOUND);
            d->timer_ns = d->t1_ns;
        }
        break;
    }
}

void dhcp_link_up(struct stack *s)
{
    if (!s->addr) {
        dhcp_restart(s, s->now_ns);
        return;
    }
    arp_flush(s);
    begin_exchange(s);
    dhcp_move(s, DHCP_REBOOTING);
    send_confirmation(s);
}

void dhcp_poll(struct stack *s)
{
    struct dhcp_client *d = &s->dhcp;

    /* The end of the lease comes before any retransmission that is due at the same time. */
    if (s->addr && s->now_ns >= d->expiry_ns)
        lease_lost(s, LEASE_LOST_EXPIRED);
    if (s->now_ns >= d->timer_ns)
        timer_due(s);
}

uint64_t dhcp_deadline(const struct stack *s)
{
    const struct dhcp_client *d = &s->dhcp;

    return s->addr ? min_u64(d->timer_ns, d->expiry_ns) : d->timer_ns;
}
