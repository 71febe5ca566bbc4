/*
 * Malformed frames: frame.dropped (each is counted as one drop) and frame.answered (none gets a
 * reply: RFC 1122 sections 3.2.1.2, 3.2.2, RFC 826). The decoder decides what is malformed.
 */
#include "../../core/base/minmax.h"
#include "../../core/trace/trace.h"
#include "oracle_internal.h"
#include <string.h>

/* Within this time a reply has no other cause, unless a good frame is alike. */
#define ANSWER_NS NS_PER_MS

/* Without errors in DHCP messages to a server. */
static bool is_malformed(const struct decoded *d)
{
    return d->error && (strncmp(d->error, "dhcp.", 5) != 0 || d->dst_port == 68);
}

void malformed_rx(struct oracles *o, const uint8_t *frame, size_t len, const struct decoded *d)
{
    struct heard *h = &o->heard[o->heard_count++ % HEARD];

    *h = (struct heard){.at_ns = o->sim->now_ns, .malformed = is_malformed(d), .decoded = *d};
    len = len > 14 ? len - 14 : 0;
    len = min_u64(len, sizeof(h->packet));
    memcpy(h->packet, frame + 14, len);
    o->malformed += h->malformed;
}

/* ---- drops ---- */

/* Reasons that no well-formed frame has. */
static bool only_malformed(enum drop_reason reason)
{
    switch ((int)reason) {
    case DROP_ETH_RUNT:
    case DROP_ARP_SHORT:
    case DROP_ARP_FORMAT:
    case DROP_ARP_OP:
    case DROP_IP_SHORT:
    case DROP_IP_VERSION:
    case DROP_IP_HEADER_LEN:
    case DROP_IP_TOTAL_LEN:
    case DROP_IP_CHECKSUM:
    case DROP_ICMP_SHORT:
    case DROP_ICMP_CHECKSUM:
    case DROP_UDP_LENGTH:
    case DROP_UDP_CHECKSUM:
    case DROP_DHCP_FORMAT:
    case DROP_TCP_SHORT:
    case DROP_TCP_CHECKSUM:
    case DROP_TCP_OPTIONS:
        return true;
    default:
        return false;
    }
}

void malformed_drop(struct oracles *o, unsigned reason)
{
    if (!only_malformed((enum drop_reason)reason))
        return;
    oracle_look(o, FRAME_DROPPED);
    if (++o->malformed_drops > o->malformed)
        oracle_fail(o, FRAME_DROPPED, SIM_SITE,
                    "%llu malformed frames arrived, %llu drops were reported for malformed frames",
                    (unsigned long long)o->malformed, (unsigned long long)o->malformed_drops);
}

void malformed_end(struct oracles *o, uint64_t lost)
{
    uint64_t drops = o->report.drops.count;

    if (o->malformed)
        oracle_look(o, FRAME_DROPPED);
    if (o->malformed > drops + lost)
        oracle_fail(o, FRAME_DROPPED, SIM_SITE, "%llu malformed frames arrived, %llu were dropped",
                    (unsigned long long)o->malformed, (unsigned long long)drops);
}

/* ---- answers ---- */

static bool quotes(const struct decoded *d, const struct heard *h)
{
    return d->payload_len >= sizeof(h->packet) && !memcmp(d->payload, h->packet, sizeof(h->packet));
}

static bool answers_segment(const struct decoded *d, const struct decoded *h)
{
    uint32_t end = h->tcp_seq + (h->tcp_flags & SEG_SYN ? 1 : 0) +
                   (h->tcp_flags & SEG_FIN ? 1 : 0) + (uint32_t)h->payload_len;
    bool same = d->ip_dst == h->ip_src && d->src_port == h->dst_port && d->dst_port == h->src_port;

    if (!same || h->tcp_flags & SEG_RST)
        return false;
    if (d->tcp_flags & SEG_RST)
        return h->tcp_flags & SEG_ACK ? d->tcp_seq == h->tcp_ack : d->tcp_ack == end;
    return d->tcp_flags & SEG_SYN && h->tcp_flags & SEG_SYN && d->tcp_ack == h->tcp_seq + 1;
}

/* True if the frame sent is a possible reply to this frame. */
static bool oracle_malformed_answers(const struct decoded *d, const struct heard *h)
{
    const struct decoded *q = &h->decoded;

    if (d->layer == LAYER_ARP)
        return d->arp_op == 2 && q->layer == LAYER_ARP && d->arp_tpa == q->arp_spa;
    if (d->layer == LAYER_TCP)
        return q->layer == LAYER_TCP && answers_segment(d, q);
    if (d->layer != LAYER_ICMP)
        return false;
    if (d->icmp_type == 0)
        return q->layer == LAYER_ICMP && q->icmp_type == 8 && d->ip_dst == q->ip_src &&
               d->icmp_id == q->icmp_id && d->icmp_seq == q->icmp_seq;
    return d->icmp_type == 3 && quotes(d, h);
}

void malformed_tx(struct oracles *o, const struct decoded *d)
{
    unsigned held = min_u32(o->heard_count, HEARD);
    const struct heard *cause = NULL;

    if (d->layer != LAYER_ARP && d->layer != LAYER_ICMP &&
        (d->layer != LAYER_TCP || !(d->tcp_flags & (SEG_SYN | SEG_RST))))
        return;
    for (unsigned i = 0; i < held; i++) {
        const struct heard *h = &o->heard[i];

        if (!oracle_malformed_answers(d, h))
            continue;
        oracle_look(o, FRAME_ANSWERED);
        if (!h->malformed)
            return;
        if (o->sim->now_ns - h->at_ns <= ANSWER_NS)
            cause = h;
    }
    if (cause)
        oracle_fail(o, FRAME_ANSWERED, SIM_SITE, "a malformed frame (%s) is answered",
                    cause->decoded.error);
}
