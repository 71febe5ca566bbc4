/*
 * Compares the machine's own reports with the frames on the wire: report.counters, report.lease and
 * report.peer. The numbers of a trace event, or of a line of `netinfo`, are those of its time; a
 * frame passes the device a little earlier or later (SETTLE_NS).
 *
 * A lease is that of the last DHCPACK (RFC 2131) with the same xid: its options, or the default of
 * a missing or invalid option. The time left counts from the sending of the request.
 */
#include "../../core/base/minmax.h"
#include "../../core/interface/syscall.h"
#include "../../core/trace/trace.h"
#include "oracle_internal.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Longer than device and machine need for a frame. */
#define SETTLE_NS (10 * NS_PER_MS)

/* ---- counting ---- */

static void tally_add(struct tally *t, uint64_t now_ns)
{
    if (now_ns - t->mark_ns >= SETTLE_NS) {
        t->old = t->mark;
        t->mark = t->count;
        t->mark_ns = now_ns;
    }
    t->last_ns = now_ns;
    t->count++;
}

/* A lower bound of the count SETTLE_NS ago. */
static uint64_t tally_settled(const struct tally *t, uint64_t now_ns)
{
    return now_ns - t->last_ns >= SETTLE_NS   ? t->count
           : now_ns - t->mark_ns >= SETTLE_NS ? t->mark
                                              : t->old;
}

static void counter_check(struct oracles *o, const char *name, uint64_t said, uint64_t least,
                          uint64_t most)
{
    oracle_look(o, REPORT_COUNTERS);
    if (said < least || said > most)
        oracle_fail(o, REPORT_COUNTERS, SIM_SITE,
                    "%s=%" PRIu64 " is printed; the frames give %" PRIu64 " to %" PRIu64, name,
                    said, least, most);
}

/* A printed number of frames sent: all of them have been sent by now. */
static void sent_check(struct oracles *o)
{
    struct report *r = &o->report;

    if (r->sent)
        counter_check(o, "tx", r->sent, 0, r->out.count);
    r->sent = 0;
}

static void sent_printed(struct oracles *o, uint64_t tx)
{
    struct report *r = &o->report;

    counter_check(o, "tx", tx, r->out.count, UINT64_MAX);
    r->sent = tx;
    r->sent_ns = o->sim->now_ns;
}

void report_tx(struct oracles *o)
{
    struct report *r = &o->report;

    if (o->sim->now_ns - r->sent_ns >= SETTLE_NS)
        sent_check(o);
    tally_add(&r->out, o->sim->now_ns);
}

void report_rx(struct oracles *o)
{
    tally_add(&o->report.in, o->sim->now_ns);
}

void report_end(struct oracles *o)
{
    sent_check(o);
}

void oracles_lost(struct oracles *o, const struct decoded *d)
{
    if (!d->error && d->layer == LAYER_TCP)
        flows_lost(o, d);
    o->report.lost++;
}

static void received_printed(struct oracles *o, uint64_t rx)
{
    const struct report *r = &o->report;
    uint64_t settled = tally_settled(&r->in, o->sim->now_ns);

    counter_check(o, "rx", rx, settled > r->lost ? settled - r->lost : 0, r->in.count - r->lost);
}

/* ---- the lease ---- */

struct ack report_values(const struct decoded *d)
{
    return (struct ack){
        .xid = d->dhcp_xid,
        .addr = d->dhcp_yiaddr,
        .mask = d->dhcp_mask,
        .gateway = d->dhcp_router,
        .dns = d->dhcp_dns,
        .lease_s = d->dhcp_lease_s,
    };
}

/* Values missing in a message are those of the offer or the lease; the default time is an hour. */
uint32_t report_ack(struct oracles *o, const struct decoded *d)
{
    struct report *r = &o->report;
    struct ack a = report_values(d), known = o->renewing ? r->lease : o->requested;

    a.mask = a.mask ? a.mask : known.mask;
    a.gateway = a.gateway ? a.gateway : known.gateway;
    a.dns = a.dns ? a.dns : known.dns;
    a.lease_s = a.lease_s ? a.lease_s : known.lease_s ? known.lease_s : LEASE_DEFAULT_S;
    a.request_ns = o->request_ns;
    a.at_ns = o->sim->now_ns;
    a.number = r->in.count;
    r->acks[r->ack_count++ % ACKS] = a;
    return a.lease_s;
}

/* A request sent just now may have been made before the reply to the previous one arrived. */
void report_request(struct oracles *o)
{
    struct report *r = &o->report;

    if (r->lease.addr && o->sim->now_ns - r->lease.at_ns <= o->slack_ns)
        r->lease.latest_ns = o->sim->now_ns;
}

/* The effective values: RFC 950 without a mask; a gateway outside the network is ignored, but for
 * a network of one address, whose router is on the link. */
static struct ack ack_effective(struct ack a)
{
    uint32_t class_mask = a.addr >> 31 == 0   ? 0xff000000
                          : a.addr >> 30 == 2 ? 0xffff0000
                                              : 0xffffff00;

    a.mask = a.mask ? a.mask : class_mask;
    if (((a.gateway ^ a.addr) & a.mask && a.mask != UINT32_MAX) || a.gateway == a.addr)
        a.gateway = 0;
    return a;
}

/* The DHCPACKs of the present exchange with the values of `said` make the lease; `number` is that
 * of the earliest one. False: none. */
static bool lease_take(struct oracles *o, const struct ack *said, bool whole, uint64_t *number)
{
    struct report *r = &o->report;
    unsigned held = min_u32(r->ack_count, ACKS);
    bool found = false;

    for (unsigned i = 0; i < held; i++) {
        struct ack a = ack_effective(r->acks[(r->ack_count - 1 - i) % ACKS]);

        if (a.xid != o->xid || a.addr != said->addr || a.lease_s != said->lease_s ||
            (whole && (a.mask != said->mask || a.gateway != said->gateway || a.dns != said->dns)))
            continue;
        a.latest_ns = found ? r->lease.latest_ns : a.request_ns;
        r->lease = a;
        *number = a.number;
        found = true;
    }
    return found;
}

static void lease_printed(struct oracles *o, const struct ack *said, bool whole)
{
    struct report *r = &o->report;
    struct ack last = {0};

    oracle_look(o, REPORT_LEASE);
    if (lease_take(o, said, whole, &r->number))
        return;
    if (r->ack_count)
        last = ack_effective(r->acks[(r->ack_count - 1) % ACKS]);
    oracle_fail(o, REPORT_LEASE, SIM_SITE,
                "addr=%08x mask=%08x gateway=%08x dns=%08x lease_s=%u is printed; the last ACK has "
                "%08x, %08x, %08x, %08x, %u",
                said->addr, said->mask, said->gateway, said->dns, said->lease_s, last.addr,
                last.mask, last.gateway, last.dns, last.lease_s);
}

/* The remaining lease time in seconds, rounded down: upper and lower bound. */
static uint64_t left_s(const struct oracles *o, uint64_t request_ns, bool most)
{
    const struct ack *l = &o->report.lease;
    uint64_t end = request_ns + l->lease_s * NS_PER_S + (most ? o->slack_ns : 0);
    uint64_t now = o->sim->now_ns + (most ? 0 : o->slack_ns);

    return end > now ? (end - now) / NS_PER_S : 0;
}

/* ---- printed values ---- */

void oracles_trace(struct oracles *o, unsigned id, const uint64_t *args)
{
    struct report *r = &o->report;
    struct ack said = {0};

    switch (id) {
    case TRACE_DHCP_BOUND:
        said.addr = (uint32_t)args[0];
        said.mask = (uint32_t)args[1];
        said.gateway = (uint32_t)args[2];
        said.dns = (uint32_t)args[3];
        said.lease_s = (uint32_t)args[4];
        lease_printed(o, &said, true);
        break;
    case TRACE_DHCP_RENEWED:
        said.addr = (uint32_t)args[0];
        said.lease_s = (uint32_t)args[1];
        lease_printed(o, &said, false);
        break;
    case TRACE_DHCP_LOST:
        oracle_look(o, REPORT_LEASE);
        if (r->lease.addr != args[0])
            oracle_fail(o, REPORT_LEASE, SIM_SITE, "addr=%08x is lost; the lease is of %08x",
                        (uint32_t)args[0], r->lease.addr);
        r->lease = (struct ack){0};
        break;
    case TRACE_NET_COUNTERS: /* with the lease: its frame is the last one */
        sent_printed(o, args[0]);
        counter_check(o, "rx", args[1], r->number > r->lost ? r->number - r->lost : 0,
                      r->in.count - r->lost);
        break;
    case TRACE_DHCP_RETRY:
        sent_printed(o, args[2]);
        received_printed(o, args[3]);
        break;
    case TRACE_NET_DROP:
        tally_add(&r->drops, o->sim->now_ns);
        malformed_drop(o, (unsigned)args[0]);
        break;
    default:
        break;
    }
}

/* The address after `name=`; 0 if the line has none. */
static uint32_t address_field(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    unsigned byte[4] = {0};

    if (at && sscanf(at + strlen(name), "%u.%u.%u.%u", &byte[0], &byte[1], &byte[2], &byte[3]) == 4)
        return byte[0] << 24 | byte[1] << 16 | byte[2] << 8 | byte[3];
    return 0;
}

static uint64_t number_field(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    uint64_t value = 0;

    if (at)
        sscanf(at + strlen(name), "%" SCNu64, &value);
    return value;
}

static void netinfo_counters(struct oracles *o, const char *line)
{
    struct report *r = &o->report;

    sent_printed(o, number_field(line, " tx="));
    received_printed(o, number_field(line, " rx="));
    counter_check(o, "drops", number_field(line, " drops="),
                  tally_settled(&r->drops, o->sim->now_ns), r->drops.count);
}

static void netinfo_lease(struct oracles *o, const char *line)
{
    const struct ack *l = &o->report.lease;
    uint32_t said[4] = {address_field(line, " addr="), address_field(line, " mask="),
                        address_field(line, " gateway="), address_field(line, " dns=")};
    uint32_t meant[4] = {l->addr, l->mask, l->gateway, l->dns};
    bool forever = l->lease_s == UINT32_MAX;
    uint64_t left = number_field(line, " lease_s=");
    uint64_t least = left_s(o, l->request_ns, false), most = left_s(o, l->latest_ns, true);

    oracle_look(o, REPORT_LEASE);
    if (memcmp(said, meant, sizeof(said)))
        oracle_fail(o, REPORT_LEASE, SIM_SITE,
                    "netinfo prints %08x, %08x, %08x, %08x; the lease has %08x, %08x, %08x, %08x",
                    said[0], said[1], said[2], said[3], meant[0], meant[1], meant[2], meant[3]);
    if (forever != (strstr(line, " lease_s=forever") != NULL) ||
        (!forever && (left < least || left > most)))
        oracle_fail(o, REPORT_LEASE, SIM_SITE,
                    "netinfo prints lease_s=%" PRIu64 "; %" PRIu64 " to %" PRIu64 " s are left",
                    left, least, most);
}

void oracles_line(struct oracles *o, const char *line)
{
    if (!strncmp(line, "netinfo: addr=", 14))
        netinfo_lease(o, line);
    if (!strncmp(line, "netinfo: counters ", 18))
        netinfo_counters(o, line);
}

/* ---- the address of a peer ---- */

void report_datagram(struct oracles *o, const struct decoded *d)
{
    struct report *r = &o->report;
    bool echo = d->layer == LAYER_ICMP && d->icmp_type == 0;

    if (d->layer != LAYER_UDP && !echo)
        return;
    r->datagrams[r->datagram_count++ % DATAGRAMS] = (struct datagram){
        .addr = d->ip_src,
        .port = echo ? d->icmp_seq : d->src_port,
        .len = d->payload_len,
        .sum = decode_sum(0, d->payload, d->payload_len),
    };
}

static bool datagram_known(const struct oracles *o, const struct socket_address *from,
                           const uint8_t *bytes, size_t len)
{
    const struct report *r = &o->report;
    unsigned held = min_u32(r->datagram_count, DATAGRAMS);

    if (r->datagram_count > DATAGRAMS)
        return true; /* too long ago to know */
    for (unsigned i = 0; i < held; i++) {
        const struct datagram *g = &r->datagrams[i];

        if (g->addr == from->addr && g->port == from->port &&
            (g->len > len || (g->len == len && g->sum == decode_sum(0, bytes, len))))
            return true;
    }
    return false;
}

static bool connection_known(struct oracles *o, const struct socket_address *from)
{
    for (unsigned i = 0; i < FLOWS && o->flows[i].used; i++) {
        struct flow *f = &o->flows[i];

        if (f->remote != from->addr || f->remote_port != from->port || !f->peer_syn ||
            !f->own_syn || f->accepted)
            continue;
        f->accepted = true;
        return true;
    }
    return o->flows[FLOWS - 1].used; /* there were more than are known */
}

void oracles_call(struct oracles *o, const struct process_stop *call, int64_t result)
{
    struct socket_address from;
    uint64_t at = call->nr == SYS_ACCEPT     ? call->args[1]
                  : call->nr == SYS_RECVFROM ? call->args[3]
                                             : 0;
    bool known;

    if (!at || result < 0)
        return;
    memcpy(&from, (const void *)(uintptr_t)at, sizeof(from));
    if (from.addr >> 24 == 127 || from.addr == o->report.lease.addr) /* never on the wire */
        return;
    oracle_look(o, REPORT_PEER);
    known = call->nr == SYS_ACCEPT
                ? connection_known(o, &from)
                : datagram_known(o, &from, (const void *)(uintptr_t)call->args[1], (size_t)result);
    if (!known)
        oracle_fail(o, REPORT_PEER, SIM_SITE, "%s returns %08x:%u, but no such %s came from there",
                    call->nr == SYS_ACCEPT ? "accept" : "recvfrom", from.addr, from.port,
                    call->nr == SYS_ACCEPT ? "connection" : "datagram");
}
