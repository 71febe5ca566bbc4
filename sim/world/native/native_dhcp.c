/*
 * The DHCP server of the scripted peer (RFC 2131), with all faults that a scenario can request;
 * with `peer dhcp` lines, a server that sends only their messages.
 */
#include "native.h"
#include <string.h>

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

enum { DNS_SERVERS_MAX = 8 };

#define OTHER_ADDRESS ADDR(10, 0, 2, 99) /* what the second server offers */

static uint8_t *option32(uint8_t *at, uint8_t code, uint32_t value)
{
    at[0] = code;
    at[1] = 4;
    put32(at + 2, value);
    return at + 6;
}

/* The name servers: those of the scenario, in its order. */
static uint8_t *option_dns(const struct world *w, uint8_t *at)
{
    const struct scenario *sc = w->scenario;
    uint8_t len = 0;

    for (unsigned i = 0; i < sc->service_count && len < 4 * DNS_SERVERS_MAX; i++)
        if (sc->services[i].kind == SERVICE_DNS) {
            put32(at + 2 + len, sc->services[i].addr);
            len += 4;
        }
    if (!len)
        return option32(at, 6, NATIVE_DNS);
    at[0] = 6;
    at[1] = len;
    return at + 2 + len;
}

static void lease_options(struct world *w, uint8_t **at)
{
    const struct native_options *o = &w->scenario->native;

    *at = option32(*at, 1, NATIVE_MASK);
    *at = option32(*at, 3, NATIVE_GATEWAY);
    *at = option_dns(w, *at);
    *at = option32(*at, 51, o->lease_s);
    if (o->t1_s)
        *at = option32(*at, 58, o->t1_s);
    if (o->t2_s)
        *at = option32(*at, 59, o->t2_s);
}

/* One message of a server to the client that sent `d`. */
static void reply(struct world *w, const struct decoded *d, uint8_t type, uint32_t server,
                  uint32_t yiaddr, uint32_t xid)
{
    struct native_frame *f = native_frame_new(w);
    uint8_t *udp = native_payload(f), *m = udp + 8, *at = m + 240;
    bool renewing = d->dhcp_ciaddr != 0 && type != DHCP_TYPE_NAK;
    bool unicast = renewing || (w->scenario->native.unicast_reply && type != DHCP_TYPE_NAK);

    memset(m, 0, 240);
    m[0] = 2;
    m[1] = 1;
    m[2] = 6;
    put32(m + 4, xid);
    put32(m + 12, renewing ? d->dhcp_ciaddr : 0);
    put32(m + 16, type == DHCP_TYPE_NAK ? 0 : yiaddr);
    memcpy(m + 28, d->eth_src, 6); /* chaddr */
    put32(m + 236, 0x63825363);
    *at++ = 53;
    *at++ = 1;
    *at++ = type;
    at = option32(at, 54, server);
    if (type != DHCP_TYPE_NAK)
        lease_options(w, &at);
    *at++ = 255;
    while (at - m < 300)
        *at++ = 0;
    put16(udp, 67);
    put16(udp + 2, 68);
    put16(udp + 4, (unsigned)(at - udp));
    native_ip(f, unicast ? d->eth_src : everybody, server,
              unicast ? (renewing ? d->dhcp_ciaddr : yiaddr) : ADDR(255, 255, 255, 255), 17,
              (size_t)(at - udp));
    native_send(w, f, 0);
}

static void next_address(struct world *w)
{
    if (w->scenario->native.second_address)
        w->dhcp.addr = w->scenario->native.second_address;
}

static void input_request(struct world *w, const struct decoded *d)
{
    const struct native_options *o = &w->scenario->native;
    bool renewal = d->dhcp_ciaddr != 0, unicast = d->ip_dst == NATIVE_GATEWAY;

    if (d->dhcp_server && d->dhcp_server != NATIVE_GATEWAY) {
        if (o->second_server && d->dhcp_server == NATIVE_SECOND_SERVER)
            reply(w, d, DHCP_TYPE_ACK, NATIVE_SECOND_SERVER, OTHER_ADDRESS, d->dhcp_xid);
        return; /* the client chose another server */
    }
    if (renewal && ((unicast && o->renew_silent) || (!unicast && o->rebind_silent))) {
        native_fault(w, unicast ? PEER_RENEW_SILENT : PEER_REBIND_SILENT);
        return;
    }
    if ((renewal && o->nak_renew) || w->dhcp.requests++ < o->nak_requests) {
        native_fault(w, renewal && o->nak_renew ? PEER_NAK_RENEW : PEER_NAK);
        reply(w, d, DHCP_TYPE_NAK, NATIVE_GATEWAY, 0, d->dhcp_xid);
        next_address(w);
        return;
    }
    w->dhcp.expiry_ns =
        o->lease_s == UINT32_MAX ? SIM_NEVER : w->sim->now_ns + o->lease_s * NS_PER_S;
    reply(w, d, DHCP_TYPE_ACK, NATIVE_GATEWAY, renewal ? d->dhcp_ciaddr : w->dhcp.addr,
          d->dhcp_xid);
}

static void input_discover(struct world *w, const struct decoded *d)
{
    const struct native_options *o = &w->scenario->native;

    if (w->dhcp.expiry_ns && w->sim->now_ns >= w->dhcp.expiry_ns)
        next_address(w);
    if (o->foreign_xid) {
        native_fault(w, PEER_FOREIGN_XID);
        reply(w, d, DHCP_TYPE_OFFER, NATIVE_GATEWAY, ADDR(10, 0, 2, 66), d->dhcp_xid ^ 0x5a5a5a5a);
    }
    reply(w, d, DHCP_TYPE_OFFER, NATIVE_GATEWAY, w->dhcp.addr, d->dhcp_xid);
    if (o->second_server) {
        native_fault(w, PEER_SECOND_SERVER);
        reply(w, d, DHCP_TYPE_OFFER, NATIVE_SECOND_SERVER, OTHER_ADDRESS, d->dhcp_xid);
    }
}

/* ---- a scripted server: dhcp_script.h ---- */

/* One scripted message to the client that sent `d`. */
static void native_dhcp_say(struct world *w, const struct decoded *d, const struct dhcp_answer *a)
{
    struct native_frame *f = native_frame_new(w);
    uint8_t *udp = native_payload(f), *m = udp + 8;
    uint64_t latency_ns = w->scenario->native.latency_ns;

    memcpy(m, a->bytes, a->len);
    if (!a->own_xid)
        put32(m + DHCP_AT_XID, d->dhcp_xid);
    if (!a->own_chaddr)
        memcpy(m + DHCP_AT_CHADDR, d->eth_src, 6);
    put16(udp, 67);
    put16(udp + 2, 68);
    put16(udp + 4, (unsigned)(8 + a->len));
    native_ip(f, a->unicast ? d->eth_src : everybody, a->src, a->dst, 17, 8 + a->len);
    if (a->unsummed)
        put16(udp + 6, 0);
    native_send(w, f, a->wait_ns > latency_ns ? a->wait_ns - latency_ns : 0);
}

static void scripted_input(struct world *w, const struct decoded *d)
{
    const struct native_options *o = &w->scenario->native;
    int asked =
        dhcp_ask_of(d->dhcp_type, d->dhcp_ciaddr, d->dhcp_server != 0, !(d->eth_dst[0] & 1));
    struct dhcp_question q = {.server = d->dhcp_server};

    if (asked < 0)
        return;
    q.ask = (enum dhcp_ask)asked;
    q.n = ++w->dhcp.asked[asked];
    if (q.ask == ASK_RENEW)
        q.server = d->ip_dst;
    q = dhcp_script_find(o->dhcp, o->dhcp_count, q);
    for (unsigned i = 0; i < o->dhcp_count; i++) {
        if (dhcp_script_is_about(&o->dhcp[i], &q))
            native_used(w, o->dhcp[i].line);
        if (dhcp_script_answers(&o->dhcp[i], &q))
            native_dhcp_say(w, d, &o->dhcp[i]);
    }
}

bool native_dhcp_is_server(const struct world *w, uint32_t addr)
{
    const struct native_options *o = &w->scenario->native;

    for (unsigned i = 0; i < o->dhcp_count; i++)
        if (!o->dhcp[i].silent &&
            (addr == o->dhcp[i].src ||
             addr == dhcp_option32(o->dhcp[i].bytes, o->dhcp[i].len, OPTION_SERVER)))
            return true;
    return false;
}

void native_dhcp_input(struct world *w, const struct decoded *d)
{
    unsigned silent = w->scenario->native.silent_requests;

    if (d->dst_port != 67)
        return;
    if (w->scenario->native.dhcp_count) {
        scripted_input(w, d);
        return;
    }
    if (w->dhcp.messages < silent) {
        native_fault(w, PEER_SILENT);
        if (silent != (unsigned)-1)
            w->dhcp.messages++;
        return;
    }
    if (d->dhcp_type == DHCP_TYPE_DISCOVER)
        input_discover(w, d);
    else if (d->dhcp_type == DHCP_TYPE_REQUEST)
        input_request(w, d);
    else if (d->dhcp_type == DHCP_TYPE_DECLINE)
        next_address(w);
}
