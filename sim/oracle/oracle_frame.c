/* Oracles of single frames that the machine sends: format, addresses, ARP, DHCP. See oracle.h. */
#include "oracle_internal.h"
#include "../../core/base/minmax.h"
#include "../base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The machine reacts at its next poll, and the device takes time: the slack between the wire and
 * the machine. */
enum { ETH_VLAN = 0x8100 };

#define SLACK_NS      NS_PER_MS
#define REAL_SLACK_NS (500 * NS_PER_MS)

void oracle_fail(struct oracles *o, enum oracle_id id, const char *site, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    oracle_look(o, id);
    sim_fail(o->sim, FAILURE_SAFETY, oracle_table[id].name, site, "%s (%s)", text,
             oracle_table[id].clause);
}

struct oracles *oracles_start(struct oracles *old, struct sim *sim, const uint8_t mac[6],
                              uint16_t mtu)
{
    struct oracles *o = old ? old : memory_new(1, sizeof(*o));

    o->sim = sim;
    o->mac_known = mac != NULL;
    if (mac)
        memcpy(o->mac, mac, 6);
    o->mtu = mtu;
    o->slack_ns = SLACK_NS;
    o->asked_count = o->offer_count = 0;
    o->asked_ns = o->answered_ns = 0;
    o->too_big_ns = o->resets_full_ns = o->errors_full_ns = 0;
    o->conflict_ns = o->defended_ns = 0;
    o->unanswered = false;
    o->dhcp_seen = o->renewing = o->acked = false;
    o->asked_server = o->second = 0;
    o->xid = o->addr = 0;
    o->request_ns = 0;
    o->expiry_ns = o->lost_ns = SIM_NEVER;
    o->counter = 0;
    o->malformed = o->malformed_drops = 0;
    o->heard_count = 0;
    memset(&o->report, 0, offsetof(struct report, datagrams));
    flows_start(o);
    return o;
}

void oracles_free(struct oracles *o)
{
    if (o)
        flows_free(o);
    free(o);
}

void oracles_another(struct oracles *o)
{
    oracle_set_add(&o->sim->off, TCP_CWND);
    oracle_set_add(&o->sim->off, TCP_RESET_RATE);
    oracle_set_add(&o->sim->off, TCP_CHALLENGE_RATE);
    oracle_set_add(&o->sim->off, ICMP_RATE);
}

/* A reset for data that was in flight when our reset arrived there looks like a reply to it. */
void oracles_real_time(struct oracles *o)
{
    o->slack_ns = REAL_SLACK_NS;
    oracle_set_add(&o->sim->off, TCP_RST_REPLY);
    oracle_set_add(&o->sim->off, TCP_TIMER);
    oracle_set_add(&o->sim->off, TCP_SILENT);
    oracles_another(o);
    oracle_set_add(&o->sim->off, REPORT_COUNTERS);
    oracle_set_add(&o->sim->off, REPORT_LEASE);
}

bool oracles_off(struct oracles *o, const char *name)
{
    enum oracle_id id = oracle_find(name);

    if (id == ORACLE_COUNT || oracle_table[id].watch != WATCH_WIRE)
        return false;
    oracle_set_add(&o->sim->off, id);
    return true;
}

/* ---- form ---- */

/* The likely cause of a frame with another source address: a driver with a wrong length of the net
 * header shifts the frame (VirtIO 1.2 section 5.1.6.1), one that writes pointers instead of bus
 * addresses makes the device read unmapped memory (2.7.5). */
static const char *likely_cause(const struct oracles *o, const uint8_t *frame, size_t len)
{
    static const uint8_t nothing[14];

    if (len < 14)
        return "";
    return !memcmp(frame + 4, o->mac, 6)
               ? "; 2 bytes are missing at the start: is the driver's net "
                 "header 10 bytes and the device's 12?"
           : !memcmp(frame + 8, o->mac, 6) ? "; 2 extra bytes at the start: is the driver's net "
                                             "header 12 bytes and the device's 10?"
           : !memcmp(frame, nothing, 14)   ? "; all is zero: is the bus address of the frame wrong?"
                                           : "";
}

/* BOOTP has no message type and may have other vendor data: RFC 951, RFC 1534. */
static bool is_bootp(const struct decoded *d)
{
    return d->dst_port == 67 &&
           (!strcmp(d->error, "dhcp.cookie") || !strcmp(d->error, "dhcp.type"));
}

static void check_form(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d)
{
    size_t max = o->mtu + (d->eth_type == ETH_VLAN ? 18u : 14u), end = len; /* 802.3 clause 3 */

    oracle_look(o, FRAME_LENGTH);
    oracle_look(o, FRAME_SOURCE_MAC);
    oracle_look(o, FRAME_MALFORMED);
    if (d->layer >= LAYER_IPV4)
        oracle_look(o, FRAME_CHECKSUM);
    if (len < 14 || len > max_u64(max, 60))
        oracle_fail(o, FRAME_LENGTH, SIM_SITE, "a frame of %zu bytes, the MTU is %u", len, o->mtu);
    if (!o->mac_known) {
        memcpy(o->mac, d->eth_src, 6);
        o->mac_known = true;
    }
    if (memcmp(d->eth_src, o->mac, 6) || (o->mac[0] & 1))
        oracle_fail(o, FRAME_SOURCE_MAC, SIM_SITE, "the source MAC ends in %02x:%02x%s",
                    d->eth_src[4], d->eth_src[5], likely_cause(o, frame, len));
    if (d->error && is_bootp(d))
        return;
    if (d->error) {
        bool sum = strstr(d->error, "checksum");

        oracle_fail(o, sum ? FRAME_CHECKSUM : FRAME_MALFORMED, SIM_SITE, "%s", d->error);
        return;
    }
    if (d->layer == LAYER_ARP)
        end = 42;
    else if (d->layer >= LAYER_IPV4)
        end = d->ip_end;
    if (end < len)
        oracle_look(o, FRAME_PADDING);
    for (size_t i = end; i < len; i++)
        if (frame[i]) {
            oracle_fail(o, FRAME_PADDING, SIM_SITE, "byte %zu of the padding is %#x", i - end,
                        frame[i]);
            return;
        }
}

/* ---- addresses ---- */

static bool address_valid(const struct oracles *o, uint32_t addr)
{
    uint64_t now = o->sim->now_ns;

    return (addr == o->addr || (o->second && addr == o->second)) && now <= o->lost_ns &&
           (o->expiry_ns == SIM_NEVER || now <= o->expiry_ns + o->slack_ns);
}

static bool is_loopback(uint32_t addr)
{
    return addr >> 24 == 127;
}

static void check_arp(struct oracles *o, const struct decoded *d)
{
    uint64_t now = o->sim->now_ns;
    unsigned i;

    oracle_look(o, ARP_SOURCE);
    oracle_look(o, FRAME_LOOPBACK);
    if (o->dhcp_seen && d->arp_spa)
        oracle_look(o, DHCP_ADDRESS);
    if (memcmp(d->arp_sha, o->mac, 6))
        oracle_fail(o, ARP_SOURCE, SIM_SITE, "the sender's hardware address is not the machine's");
    if (o->dhcp_seen && d->arp_spa && !address_valid(o, d->arp_spa))
        oracle_fail(o, DHCP_ADDRESS, SIM_SITE, "ARP is sent from an address without a lease");
    if (is_loopback(d->arp_spa) || is_loopback(d->arp_tpa))
        oracle_fail(o, FRAME_LOOPBACK, SIM_SITE, "ARP contains the loopback address 127.x.x.%u",
                    (is_loopback(d->arp_tpa) ? d->arp_tpa : d->arp_spa) & 255);
    if (d->arp_op == 1 && d->arp_spa == d->arp_tpa)
        limit_announced(o);
    if (d->arp_op != 1 || d->arp_spa == d->arp_tpa)
        return;
    oracle_look(o, ARP_RATE);
    for (i = 0; i < o->asked_count; i++)
        if (o->asked[i].addr == d->arp_tpa)
            break;
    if (i < o->asked_count && now - o->asked[i].at_ns + o->slack_ns < NS_PER_S)
        oracle_fail(o, ARP_RATE, SIM_SITE, "10.x.x.%u is requested again after %llu us",
                    d->arp_tpa & 255, (unsigned long long)((now - o->asked[i].at_ns) / NS_PER_US));
    if (i == ARP_TARGETS)
        i = d->arp_tpa % ARP_TARGETS;
    else if (i == o->asked_count)
        o->asked_count++;
    o->asked_ns = now;
    o->unanswered |= d->arp_spa != 0; /* a probe is answered only by a conflict */
    o->asked[i].addr = d->arp_tpa;
    o->asked[i].at_ns = now;
}

static void check_ip(struct oracles *o, const struct decoded *d)
{
    bool udp = d->layer == LAYER_UDP || d->layer == LAYER_DHCP;

    oracle_look(o, FRAME_FRAGMENT);
    oracle_look(o, FRAME_TTL);
    oracle_look(o, FRAME_LOOPBACK);
    oracle_look(o, IP_SOURCE);
    if (o->dhcp_seen && d->ip_src)
        oracle_look(o, DHCP_ADDRESS);
    if (udp)
        oracle_look(o, UDP_LENGTH);
    if (d->ip_fragment)
        oracle_fail(o, FRAME_FRAGMENT, SIM_SITE, "a fragment is sent");
    if (d->ip_ttl == 0)
        oracle_fail(o, FRAME_TTL, SIM_SITE, "a packet with TTL 0 is sent");
    if (is_loopback(d->ip_src) || is_loopback(d->ip_dst))
        oracle_fail(o, FRAME_LOOPBACK, SIM_SITE, "a packet from %u.x.x.%u to %u.x.x.%u is sent",
                    d->ip_src >> 24, d->ip_src & 255, d->ip_dst >> 24, d->ip_dst & 255);
    if (o->addr && d->ip_dst == o->addr && address_valid(o, o->addr))
        oracle_fail(o, FRAME_LOOPBACK, SIM_SITE, "a packet to the machine's own address is sent");
    if (d->ip_src == 0 && d->layer != LAYER_DHCP)
        oracle_fail(o, IP_SOURCE, SIM_SITE, "the source address is 0 but the packet is not DHCP");
    if (o->dhcp_seen && d->ip_src && !address_valid(o, d->ip_src))
        oracle_fail(o, d->ip_src == o->addr ? DHCP_ADDRESS : IP_SOURCE, SIM_SITE,
                    "10.x.x.%u is used as source but is %s", d->ip_src & 255,
                    d->ip_src == o->addr ? "not leased any more" : "not the leased address");
    if (udp && d->udp_len != d->ip_total_len - d->ip_header_len)
        oracle_fail(o, UDP_LENGTH, SIM_SITE, "the UDP length is %u in an IP payload of %u",
                    d->udp_len, d->ip_total_len - d->ip_header_len);
}

static void arp_answered(struct oracles *o)
{
    o->unanswered = false;
    o->answered_ns = o->sim->now_ns;
}

/* ---- DHCP ---- */

static void dhcp_sent(struct oracles *o, const struct decoded *d)
{
    bool offered = o->offer_count > OFFERS; /* more than we keep: it may have been one of them */

    if (d->dhcp_type == 8) /* INFORM: the address is configured otherwise (RFC 2131 section 3.4) */
        return;
    o->dhcp_seen = true;
    if (d->dhcp_type == 1) { /* DISCOVER */
        if (d->dhcp_xid != o->xid)
            o->offer_count = 0;
        o->xid = d->dhcp_xid;
        o->request_ns = o->sim->now_ns; /* its answer may be the lease: RFC 4039 */
        o->renewing = o->acked = false;
        o->requested = (struct ack){0};
        for (unsigned i = 0; i < FLOWS; i++) /* without an address there is no connection */
            o->flows[i].over = true;
    }
    if (d->dhcp_type == 4 || d->dhcp_type == 7) /* DECLINE, RELEASE: it is not the machine's */
        o->lost_ns = o->sim->now_ns + o->slack_ns;
    if (d->dhcp_type != 3)
        return;
    o->request_ns = o->sim->now_ns;
    report_request(o);
    o->renewing = d->dhcp_ciaddr != 0;
    o->asked_server = d->ip_dst == UINT32_MAX ? 0 : d->ip_dst;
    o->acked = false;
    if (o->renewing && d->dhcp_ciaddr == o->second)
        o->addr = o->second;
    if (o->renewing || !d->dhcp_server) { /* RENEWING, REBINDING; INIT-REBOOT: section 4.3.2 */
        o->xid = d->dhcp_xid;
        return;
    }
    oracle_look(o, DHCP_XID);
    for (unsigned i = 0; i < o->offer_count && !offered; i++)
        if (o->offers[i].addr == d->dhcp_requested) {
            o->requested = o->offers[i];
            offered = true;
        }
    if (!offered || d->dhcp_xid != o->xid)
        oracle_fail(
            o, DHCP_XID, SIM_SITE,
            "10.x.x.%u is requested under xid %08x, but no server offered it under that xid",
            d->dhcp_requested & 255, d->dhcp_xid);
}

/* The first ACK ends an exchange (RFC 2131 figure 5), if the client accepts it. Of more than one
 * either may be the lease. */
static void dhcp_acked(struct oracles *o, const struct decoded *d)
{
    uint32_t lease_s = report_ack(o, d);
    uint64_t expiry_ns = lease_s == UINT32_MAX ? SIM_NEVER : o->request_ns + lease_s * NS_PER_S;
    bool more = o->acked;

    o->conflict_ns = o->defended_ns = 0;
    o->acked = true;
    if (more) {
        o->second = d->dhcp_yiaddr;
        o->expiry_ns = max_u64(o->expiry_ns, expiry_ns);
    } else if (o->renewing && d->dhcp_yiaddr != o->addr) {
        o->lost_ns = o->sim->now_ns + o->slack_ns;
    } else {
        o->addr = d->dhcp_yiaddr;
        o->second = 0;
        o->lost_ns = SIM_NEVER;
        o->expiry_ns = expiry_ns;
    }
}

static void dhcp_received(struct oracles *o, const struct decoded *d)
{
    if (d->dhcp_xid != o->xid)
        return;
    if (o->renewing && o->asked_server && d->dhcp_server && d->dhcp_server != o->asked_server)
        return; /* the server that was not asked */
    switch (d->dhcp_type) {
    case 2: /* OFFER */
        if (o->offer_count < OFFERS)
            o->offers[o->offer_count] = report_values(d);
        o->offer_count++;
        break;
    case 5: /* ACK */
        dhcp_acked(o, d);
        break;
    case 6: /* NAK */
        if (o->renewing && !o->acked)
            o->lost_ns = o->sim->now_ns + o->slack_ns;
        break;
    default:
        break;
    }
}

/* ---- called by the run ---- */

bool oracles_reachable(const struct oracles *o)
{
    return !o->unanswered && (!o->dhcp_seen || address_valid(o, o->addr));
}

void oracles_end(struct oracles *o, uint64_t lost)
{
    report_end(o);
    malformed_end(o, lost);
}

void oracles_due(struct oracles *o)
{
    timers_check(o);
}

void oracles_tx(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d)
{
    timers_check(o);
    report_tx(o);
    check_form(o, frame, len, d);
    if (d->error)
        return;
    malformed_tx(o, d);
    if (d->layer == LAYER_ARP)
        check_arp(o, d);
    if (d->layer == LAYER_DHCP)
        dhcp_sent(o, d);
    if (d->layer >= LAYER_IPV4)
        check_ip(o, d);
    if (d->layer == LAYER_ICMP)
        limit_icmp(o, d);
    if (d->layer == LAYER_TCP)
        flows_tx(o, d);
}

void oracles_rx(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d)
{
    timers_check(o);
    report_rx(o);
    malformed_rx(o, frame, len, d);
    if (d->error)
        return;
    report_datagram(o, d);
    if (d->layer == LAYER_ARP)
        limit_conflict(o, d);
    if (d->layer == LAYER_ARP && d->arp_op == 2)
        arp_answered(o);
    if (d->layer == LAYER_ICMP && d->icmp_type == 3 && d->icmp_code == 4)
        o->too_big_ns = o->sim->now_ns;
    if (d->layer == LAYER_DHCP)
        dhcp_received(o, d);
    if (d->layer == LAYER_TCP)
        flows_rx(o, d);
}

void oracles_peer(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d)
{
    (void)frame;
    (void)len;
    if (!d->error && d->layer == LAYER_TCP)
        flows_peer(o, d);
}
