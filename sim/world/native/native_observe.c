/*
 * `world native observe=CAPTURE`: every frame of a capture is sent to the machine as hostile input.
 * First all unchanged, most of which the machine must ignore as sent to others; then all once more
 * with the addresses of the machine, so that they reach the upper layers.
 *
 * One frame is sent every OBSERVE_STEP_NS, from OBSERVE_START_NS on, when the machine has a lease:
 * a drop and its reason are traced before the next frame. Recorded times are ignored.
 */
#include "../../../core/base/minmax.h"
#include "native_observe.h"
#include "native.h"
#include <string.h>

enum {
    ETH_HEADER = 14,
    ETH_ARP = 0x0806,
    ETH_IPV4 = 0x0800,
    ARP_SPA = 14,
    ARP_THA = 18,
    ARP_TPA = 24,
    ARP_LEN = 28,
    IP_CHECKSUM = 10,
    IP_SRC = 12,
    IP_DST = 16,
    IP_HEADER = 20,
};

/* RFC 1624: the checksum is updated, not computed, so that a wrong one stays wrong. */
static void sum_moves(uint8_t *field, uint32_t from, uint32_t to)
{
    uint32_t sum = (uint16_t)~get16(field);

    sum += (uint16_t) ~(from >> 16);
    sum += (uint16_t)~from;
    sum += to >> 16;
    sum += to & 0xffff;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    put16(field, sum ^ 0xffff);
}

/* The checksum field that covers the pseudo-header; NULL: none. */
static uint8_t *transport_sum(uint8_t *ip, size_t len)
{
    size_t at = (ip[0] & 15u) * 4 + (ip[9] == 6 ? 16 : 6);

    if ((ip[9] != 6 && ip[9] != 17) || (ip[0] & 15) < 5 || at + 2 > len)
        return NULL;
    return ip[9] == 17 && !ip[at] && !ip[at + 1] ? NULL : ip + at;
}

static void readdress_ip(uint8_t *ip, size_t len, size_t field, uint32_t to)
{
    uint32_t from = get32(ip + field);
    uint8_t *sum = transport_sum(ip, len);

    sum_moves(ip + IP_CHECKSUM, from, to);
    if (sum)
        sum_moves(sum, from, to);
    put32(ip + field, to);
}

void native_readdress(uint8_t *frame, size_t len, const uint8_t mac[6], uint32_t addr)
{
    uint8_t *p = frame + ETH_HEADER;
    unsigned type;

    if (len < ETH_HEADER)
        return;
    memcpy(frame, mac, 6);
    type = get16(frame + 12);
    len -= ETH_HEADER;
    if (type == ETH_ARP && len >= ARP_LEN) {
        memcpy(p + ARP_THA, mac, 6);
        put32(p + ARP_TPA, addr);
    }
    if (type != ETH_IPV4 || len < IP_HEADER)
        return;
    readdress_ip(p, len, IP_DST, addr);
    if (p[IP_SRC] == 127 || get32(p + IP_SRC) == addr) /* it would be dropped */
        readdress_ip(p, len, IP_SRC, NATIVE_GATEWAY);
}

static void feed(void *ctx, uint64_t n)
{
    struct world *w = ctx;
    const struct capture *c = &w->scenario->native.observed;
    const struct capture_frame *f = &c->frames[n % c->count];
    uint8_t bytes[REPLAY_FRAME_MAX];
    size_t len = min_u64(f->len, sizeof(bytes));

    memcpy(bytes, f->bytes, len);
    if (n >= c->count)
        native_readdress(bytes, len, w->scenario->device.net.mac, w->dhcp.addr);
    w->observed++;
    if (len)
        w->port.send(w->port.ctx, bytes, len);
    if (n + 1 < OBSERVE_PASSES * c->count)
        sim_at(w->sim, w->sim->now_ns + OBSERVE_STEP_NS, EVENT_TIMER, feed, w, n + 1);
}

void native_observe_start(struct world *w)
{
    sim_at(w->sim, SIM_POWER_ON_NS + OBSERVE_START_NS, EVENT_TIMER, feed, w, 0);
}

bool native_observe_busy(const struct world *w)
{
    return w->observed < OBSERVE_PASSES * w->scenario->native.observed.count;
}
