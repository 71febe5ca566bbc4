/*
 * The world `native`: a scripted peer without dependencies, for what libslirp cannot do. ARP, ICMP,
 * UDP and dials are here; see native.h for the rest.
 */
#include "native_core.h"
#include "../../base/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The timeout of the reply to a dialled datagram. */
#define DATAGRAM_WAIT_NS (10 * NS_PER_S)

/* Once a second: on a lossy line the machine may get its address late. */
enum { ECHO_TRIES = 120 };

/* ---- frames out ---- */

struct native_frame *native_frame_new(struct world *w)
{
    struct native_frame *f = w->spare;

    if (f)
        w->spare = f->next;
    else
        f = memory_new(1, sizeof(*f));
    f->world = w;
    f->len = 0;
    return f;
}

static void unlink_frame(struct world *w, struct native_frame *f)
{
    struct native_frame **at = &w->pending;

    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
}

static void world_native_frame_due(void *ctx, uint64_t arg)
{
    struct native_frame *f = ctx;
    struct world *w = f->world;

    (void)arg;
    unlink_frame(w, f);
    w->port.send(w->port.ctx, f->bytes, f->len);
    f->next = w->spare;
    w->spare = f;
}

void native_send(struct world *w, struct native_frame *f, uint64_t more_ns)
{
    if (w->scenario->native.pad && f->len < 60) {
        memset(f->bytes + f->len, 0, 60 - f->len);
        f->len = 60;
    }
    f->next = w->pending;
    w->pending = f;
    sim_at(w->sim, w->sim->now_ns + w->scenario->native.latency_ns + more_ns, EVENT_TIMER,
           world_native_frame_due, f, 0);
}

/* ---- who is where ---- */

bool native_is_ours(const struct world *w, uint32_t addr)
{
    if (addr == NATIVE_GATEWAY || addr == NATIVE_DNS ||
        (addr == NATIVE_SECOND_SERVER && w->scenario->native.second_server))
        return true;
    for (unsigned i = 0; i < w->scenario->service_count; i++)
        if (w->scenario->services[i].addr == addr)
            return true;
    return native_dhcp_is_server(w, addr);
}

const struct service *native_service(const struct world *w, uint32_t addr, uint16_t port, bool udp)
{
    for (unsigned i = 0; i < w->scenario->service_count; i++) {
        const struct service *s = &w->scenario->services[i];

        if (s->addr == addr && s->port == port && service_takes(s, udp))
            return s;
    }
    return NULL;
}

/* ---- ARP ---- */

static void send_arp(struct world *w, uint8_t op, const uint8_t dst[6], uint32_t spa, uint32_t tpa)
{
    struct native_frame *f = native_frame_new(w);
    uint8_t *p = f->bytes + 14;

    memcpy(f->bytes, dst, 6);
    native_mac(spa, f->bytes + 6);
    put16(f->bytes + 12, 0x0806);
    put16(p, 1);
    put16(p + 2, 0x0800);
    p[4] = 6;
    p[5] = 4;
    put16(p + 6, op);
    native_mac(spa, p + 8);
    put32(p + 14, spa);
    memset(p + 18, 0, 6);
    if (op == 2)
        memcpy(p + 18, dst, 6);
    put32(p + 24, tpa);
    f->len = 42;
    native_send(w, f, 0);
}

static void input_arp(struct world *w, const struct decoded *d)
{
    const struct native_options *o = &w->scenario->native;

    if (d->arp_op == 1 && !d->arp_spa && w->arp_probes++ < o->arp_taken) {
        native_fault(w, PEER_ARP_TAKEN);
        send_arp(w, 2, d->eth_src, d->arp_tpa, 0);
        return;
    }
    if (d->arp_op != 1 || d->arp_tpa == d->arp_spa || !native_is_ours(w, d->arp_tpa))
        return;
    if (o->arp_silent || w->arp_requests++ < o->arp_silent_first) {
        native_fault(w, PEER_ARP_SILENT);
        return;
    }
    send_arp(w, 2, d->eth_src, d->arp_tpa, d->arp_spa);
}

/* ---- ICMP and UDP ---- */

/* The reply to a dialled echo. */
static void echo_reply(struct world *w, const struct decoded *d)
{
    for (unsigned i = 0; i < w->scenario->dial_count; i++) {
        struct native_dial *dial = &w->dials[i];
        const struct scenario_dial *s = dial->dial;

        if (!s->echo || !dial->begun || dial->done || d->ip_dst != NATIVE_GATEWAY ||
            s->id != d->icmp_id || s->seq != d->icmp_seq)
            continue;
        dial->answered = true;
        dial->mismatch =
            d->payload_len != s->send_len || memcmp(d->payload, s->send, s->send_len) != 0;
        dial->done = true;
        return;
    }
}

static void input_echo(struct world *w, const uint8_t *frame, const struct decoded *d)
{
    struct native_frame *f;
    size_t len = d->ip_end - 34;

    if (d->icmp_type == 0)
        echo_reply(w, d);
    if (d->icmp_type != 8 || !native_is_ours(w, d->ip_dst) || d->ip_header_len != 20)
        return;
    f = native_frame_new(w);
    memcpy(native_payload(f), frame + 34, len);
    native_payload(f)[0] = 0;
    native_ip(f, d->eth_src, d->ip_dst, d->ip_src, 1, len);
    native_send(w, f, 0);
}

void native_icmp_error(struct world *w, const uint8_t *frame, const struct decoded *d, uint8_t code,
                       uint32_t from, uint64_t more_ns)
{
    struct native_frame *f = native_frame_new(w);
    uint8_t *p = native_payload(f);
    size_t quote = d->ip_header_len + 8u;

    memset(p, 0, 8);
    p[0] = 3;
    p[1] = code;
    memcpy(p + 8, frame + 14, quote);
    native_ip(f, d->eth_src, from, d->ip_src, 1, 8 + quote);
    native_send(w, f, more_ns);
}

void native_send_udp(struct world *w, uint32_t src, uint16_t src_port, uint32_t dst,
                     uint16_t dst_port, const void *bytes, size_t len, uint64_t more_ns)
{
    struct native_frame *f = native_frame_new(w);
    uint8_t *p = native_payload(f);

    put16(p, src_port);
    put16(p + 2, dst_port);
    put16(p + 4, (unsigned)(8 + len));
    memcpy(p + 8, bytes, len);
    native_ip(f, w->machine_mac, src, dst, 17, 8 + len);
    native_send(w, f, more_ns);
}

/* The reply to a dialled datagram, if it is one. Dialled datagrams are sent from port 40000 on. */
static bool world_native_dial_answer(struct world *w, const struct decoded *d)
{
    unsigned i = d->dst_port - 40000u;
    struct native_dial *dial;

    if (d->ip_dst != NATIVE_GATEWAY || i >= w->scenario->dial_count || !w->dials[i].dial->datagram)
        return false;
    dial = &w->dials[i];
    dial->got = d->payload_len;
    dial->mismatch =
        dial->dial->expect_len && (d->payload_len != dial->dial->expect_len ||
                                   memcmp(d->payload, dial->dial->expect, d->payload_len) != 0);
    dial->done = true;
    return true;
}

static void input_udp(struct world *w, const uint8_t *frame, const struct decoded *d)
{
    const struct service *s;

    if (world_native_dial_answer(w, d))
        return;
    s = native_service(w, d->ip_dst, d->dst_port, true);
    if (s && s->kind == SERVICE_BLACKHOLE)
        return;
    if (s && s->kind == SERVICE_UNREACHABLE)
        native_icmp_error(w, frame, d, 1, NATIVE_GATEWAY, s->latency_ns);
    else if (s && s->kind == SERVICE_DNS)
        native_dns_input(w, s, d);
    else if (s)
        native_send_udp(w, d->ip_dst, d->dst_port, d->ip_src, d->src_port, d->payload,
                        d->payload_len, s->latency_ns);
    else if (native_is_ours(w, d->ip_dst))
        native_icmp_error(w, frame, d, 3, d->ip_dst, 0);
}

/* Learn the machine's MAC address. No checksum covers an Ethernet header, so once it is known, a
 * new one is accepted only after two ARP packets with it. */
static void learn_machine(struct world *w, const struct decoded *d)
{
    bool twice = d->layer == LAYER_ARP && memcmp(d->arp_sha, d->eth_src, 6) == 0;

    if (w->machine_known && !twice)
        return;
    memcpy(w->machine_mac, d->eth_src, 6);
    w->machine_known = true;
}

/* A TCP segment in world `peer`: some services answer without a TCP. */
static void input_core(struct world *w, const uint8_t *frame, size_t len, const struct decoded *d)
{
    const struct service *s = native_service(w, d->ip_dst, d->dst_port, false);

    if (s && s->kind == SERVICE_UNREACHABLE)
        native_icmp_error(w, frame, d, 1, NATIVE_GATEWAY, s->latency_ns);
    else if (!s || s->kind != SERVICE_BLACKHOLE)
        native_core_input(w, frame, len);
}

static void native_input(struct world *w, const uint8_t *frame, size_t len)
{
    struct decoded d;

    decode_frame(frame, len, &d);
    if (d.error) /* damaged on the way */
        return;
    learn_machine(w, &d);
    switch (d.layer) {
    case LAYER_ARP:
        input_arp(w, &d);
        break;
    case LAYER_DHCP:
        native_dhcp_input(w, &d);
        break;
    case LAYER_ICMP:
        input_echo(w, frame, &d);
        break;
    case LAYER_UDP:
        input_udp(w, frame, &d);
        break;
    case LAYER_TCP:
        if (w->core)
            input_core(w, frame, len, &d);
        else if (w->play)
            native_play_input(w, &d);
        else
            native_tcp_input(w, frame, &d);
        break;
    case LAYER_IPV4:
    case LAYER_OTHER:
        break;
    }
}

/* ---- dials ---- */

static void datagram_given_up(void *ctx, uint64_t arg)
{
    struct world *w = ctx;

    w->dials[arg].done = true;
}

/* Send an ARP request, and again every second: the line may lose it. */
static void echo_begin(void *ctx, uint64_t arg)
{
    struct world *w = ctx;
    struct native_dial *dial = &w->dials[arg];
    const struct scenario_dial *s = dial->dial;
    struct native_frame *f;
    uint8_t *p;

    if (dial->tries == ECHO_TRIES)
        dial->done = true;
    if (dial->done)
        return;
    dial->tries++;
    f = native_frame_new(w);
    p = native_payload(f);
    memset(p, 0, 8);
    p[0] = 8;
    put16(p + 4, s->id);
    put16(p + 6, s->seq);
    memcpy(p + 8, s->send, s->send_len);
    native_ip(f, w->machine_mac, NATIVE_GATEWAY, w->dhcp.addr, 1, 8 + s->send_len);
    native_send(w, f, 0);
    sim_at(w->sim, w->sim->now_ns + NS_PER_S, EVENT_TIMER, echo_begin, w, arg);
}

static void dial_begin(void *ctx, uint64_t arg)
{
    static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct world *w = ctx;
    struct native_dial *dial = &w->dials[arg];

    if (!w->machine_known) { /* send a request, and try again */
        send_arp(w, 1, everybody, NATIVE_GATEWAY, w->dhcp.addr);
        sim_at(w->sim, w->sim->now_ns + NS_PER_S, EVENT_TIMER, dial_begin, w, arg);
        return;
    }
    dial->begun = true;
    if (dial->dial->segment) {
        native_tcp_forge(w, dial->dial);
        dial->done = true;
        return;
    }
    if (dial->dial->echo) {
        echo_begin(w, arg);
        return;
    }
    if (!dial->dial->datagram) {
        if (w->core)
            native_core_dial(w, dial);
        else
            native_tcp_dial(w, dial);
        return;
    }
    native_send_udp(w, NATIVE_GATEWAY, (uint16_t)(40000 + arg), w->dhcp.addr, dial->dial->port,
                    dial->dial->send, dial->dial->send_len, 0);
    if (dial->dial->expect_len)
        sim_at(w->sim, w->sim->now_ns + DATAGRAM_WAIT_NS, EVENT_TIMER, datagram_given_up, w, arg);
    else
        dial->done = true;
}

static void dial_judge(const struct world *w, const struct native_dial *dial)
{
    const struct scenario_dial *d = dial->dial;
    char site[160];

    snprintf(site, sizeof(site), "%s:%u", w->scenario->path, d->line);
    if (d->echo && (dial->mismatch || !dial->answered))
        sim_fail(w->sim, FAILURE_EXPECT, "world.dial", site, "the echo request id=%u seq=%u was %s",
                 d->id, d->seq, dial->mismatch ? "answered with different bytes" : "not answered");
    else if (dial->mismatch)
        sim_fail(w->sim, FAILURE_EXPECT, "world.dial", site, "port %u gave an unexpected answer",
                 d->port);
    else if (dial->got < d->expect_len)
        sim_fail(w->sim, FAILURE_EXPECT, "world.dial", site,
                 "port %u answered %zu of %zu expected bytes", d->port, dial->got, d->expect_len);
}

/* ---- the life of the world ---- */

static int native_open(struct sim *sim, const struct scenario *sc, struct world_port port,
                       struct world **out)
{
    struct world *w = memory_new(1, sizeof(*w));

    w->sim = sim;
    w->scenario = sc;
    w->port = port;
    w->dhcp.addr = NATIVE_FIRST_LEASE;
    w->next_port = 50000;
    w->dials = memory_new(sc->dial_count, sizeof(*w->dials));
    w->dns_asked = memory_new(sc->line_count + 1, sizeof(*w->dns_asked));
    draw_stream_init(&w->iss, "native.iss");
    for (unsigned i = 0; i < sc->dial_count; i++) {
        w->dials[i].dial = &sc->dials[i];
        sim_at(sim, SIM_POWER_ON_NS + sc->dials[i].at_ns, EVENT_TIMER, dial_begin, w, i);
    }
    if (sc->native.observed.count)
        native_observe_start(w);
    if (sc->native.play)
        native_play_start(w);
    if (sc->world == WORLD_PEER)
        native_core_start(w);
    *out = w;
    return 0;
}

static bool native_busy(const struct world *w)
{
    for (unsigned i = 0; i < w->scenario->dial_count; i++)
        if (!w->dials[i].done)
            return true;
    if (w->core)
        return native_core_busy(w);
    return native_tcp_busy(w) || native_observe_busy(w) || native_play_busy(w);
}

static void free_frames(struct native_frame *f)
{
    while (f) {
        struct native_frame *next = f->next;

        free(f);
        f = next;
    }
}

static void native_close(struct world *w)
{
    for (unsigned i = 0; i < w->scenario->dial_count; i++)
        dial_judge(w, &w->dials[i]);
    native_play_end(w);
    native_tcp_free(w);
    native_core_free(w);
    free_frames(w->pending);
    free_frames(w->spare);
    free(w->dials);
    free(w->dns_asked);
    free(w);
}

static const char *native_describe(const struct world *w)
{
    struct world *own = (struct world *)w;
    unsigned dials = 0;

    for (unsigned i = 0; i < w->scenario->dial_count; i++)
        dials += !w->dials[i].done;
    snprintf(own->words, sizeof(own->words), "%s: %u connections open, %u dials to do",
             w->core ? "peer" : "native", w->core ? native_core_open(w) : native_tcp_open(w),
             dials);
    return own->words;
}

const struct world_ops world_native = {
    .name = "native",
    .open = native_open,
    .input = native_input,
    .busy = native_busy,
    .close = native_close,
    .app_read = native_play_read,
    .describe = native_describe,
};
