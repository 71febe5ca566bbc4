/*
 * ICMP for a host (RFC 792; RFC 1122 section 3.2.2): echo requests and replies, received errors for
 * the transport of the quoted packet, two kinds of sent errors. Redirects are ignored.
 */
#include "../base/array.h"
#include "../base/checksum.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../base/mem.h"
#include "../trace/trace.h"
#include "stack.h"

#define ICMP_ERROR_INTERVAL_NS (100 * NS_PER_MS)

/* An error quotes the IP header and the first 8 bytes after it: RFC 1122 section 3.2.2. */
enum { ICMP_QUOTE_MIN = 8, ICMP_QUOTE_MAX = 60 + 8 };

/* Send a reply to `p`, from the address that it was sent to: section 3.2.2. */
static void icmp_answer(struct stack *s, uint8_t *frame, const struct ipv4_packet *p, size_t len)
{
    struct icmp_header *icmp = (struct icmp_header *)(frame + FRAME_IP_PAYLOAD);

    icmp->checksum = be16_of(0);
    icmp->checksum = checksum_finish(checksum_add(0, icmp, len));
    ipv4_output(s, frame, p->dst, p->src, IP_PROTOCOL_ICMP, len);
}

static void echo_request(struct stack *s, const struct ipv4_packet *p)
{
    uint8_t *frame;
    struct icmp_header *icmp;

    if (p->broadcast) { /* MAY be dropped: section 3.2.2.6 */
        stack_drop(s, DROP_ICMP_BROADCAST);
        return;
    }
    frame = ipv4_alloc_answer(s, p->src);
    if (!frame)
        return;
    icmp = (struct icmp_header *)(frame + FRAME_IP_PAYLOAD);
    mem_copy(icmp, p->payload, p->len);
    icmp->type = ICMP_ECHO_REPLY;
    icmp->code = 0;
    icmp_answer(s, frame, p, p->len);
}

/* The error that a program gets for an ICMP error, and whether it may end a connection attempt. */
static int error_meaning(uint8_t type, uint8_t code, bool *hard)
{
    *hard = false;
    if (type != ICMP_UNREACHABLE)
        return ERR_UNREACH; /* time exceeded, parameter problem: soft */
    if (code == ICMP_UNREACHABLE_PROTOCOL || code == ICMP_UNREACHABLE_PORT) {
        *hard = true;
        return ERR_REFUSED;
    }
    return code == ICMP_UNREACHABLE_TOO_BIG ? ERR_MSGSIZE : ERR_UNREACH;
}

/* The MTU of the path, from an error about a packet of `total` bytes; 0: another error, or an
 * impossible value. Old routers leave the field 0: RFC 1191 section 7.1. */
static uint32_t path_mtu(const struct icmp_header *icmp, uint32_t total)
{
    static const uint16_t plateaus[] = {1492, 1006, 508, 296, IPV4_MTU_MIN};
    uint32_t mtu = be16_get(icmp->seq);

    if (icmp->type != ICMP_UNREACHABLE || icmp->code != ICMP_UNREACHABLE_TOO_BIG)
        return 0;
    for (unsigned i = 0; mtu == 0 && i < ARRAY_COUNT(plateaus); i++)
        mtu = plateaus[i] < total ? plateaus[i] : 0;
    return mtu >= IPV4_MTU_MIN && mtu < total ? mtu : 0;
}

static void error_input(struct stack *s, const struct ipv4_packet *p,
                        const struct icmp_header *icmp)
{
    const uint8_t *quote = p->payload + sizeof(*icmp);
    size_t len = p->len - sizeof(*icmp), header_len;
    const struct ipv4_header *ip = (const struct ipv4_header *)quote;
    const uint8_t *rest;
    uint32_t remote;
    bool hard;
    int error = error_meaning(icmp->type, icmp->code, &hard);

    header_len = len < sizeof(*ip) ? 0 : (ip->version_ihl & 15) * 4u;
    if (header_len < sizeof(*ip) || len < header_len + ICMP_QUOTE_MIN ||
        ip->version_ihl >> 4 != 4 || be32_get(ip->src) != p->dst) {
        stack_drop(s, DROP_ICMP_QUOTE);
        return;
    }
    rest = quote + header_len;
    remote = be32_get(ip->dst);
    if (p->looped != (ipv4_route(s, remote) != s->netdev)) { /* our packet did not take that path */
        stack_drop(s, DROP_ICMP_QUOTE);
        return;
    }
    TRACE(s->platform, TRACE_ICMP_ERROR, icmp->type, icmp->code, remote);
    if (ip->protocol == IP_PROTOCOL_TCP) {
        const struct tcp_header *tcp = (const struct tcp_header *)rest;

        tcp_icmp_error(s, be16_get(tcp->src_port), remote, be16_get(tcp->dst_port),
                       be32_get(tcp->seq), error, hard, path_mtu(icmp, be16_get(ip->total_len)));
    } else if (ip->protocol == IP_PROTOCOL_UDP) {
        dgram_icmp_error(s, false, be16_get(((const struct udp_header *)rest)->src_port), remote,
                         error);
    } else if (ip->protocol == IP_PROTOCOL_ICMP) {
        dgram_icmp_error(s, true, be16_get(((const struct icmp_header *)rest)->id), remote, error);
    }
}

void icmp_input(struct stack *s, const struct ipv4_packet *p)
{
    const struct icmp_header *icmp = (const struct icmp_header *)p->payload;

    if (p->len < sizeof(*icmp)) {
        stack_drop(s, DROP_ICMP_SHORT);
        return;
    }
    if (!checksum_good(checksum_add(0, p->payload, p->len))) {
        stack_drop(s, DROP_ICMP_CHECKSUM);
        return;
    }
    switch (icmp->type) {
    case ICMP_ECHO_REQUEST:
        echo_request(s, p);
        break;
    case ICMP_ECHO_REPLY:
        dgram_echo_reply(s, p->src, be16_get(icmp->id), be16_get(icmp->seq),
                         p->payload + sizeof(*icmp), p->len - sizeof(*icmp));
        break;
    case ICMP_UNREACHABLE:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
        error_input(s, p, icmp);
        break;
    default: /* redirect and source quench among them */
        stack_drop(s, DROP_ICMP_TYPE);
    }
}

void icmp_unreachable(struct stack *s, const struct ipv4_packet *p, uint8_t code)
{
    const struct ipv4_header *ip = (const struct ipv4_header *)p->header;
    size_t quote = p->header_len + p->len;
    struct icmp_header *icmp;
    uint8_t *frame;

    if (p->broadcast)
        return;
    if (ip->protocol == IP_PROTOCOL_ICMP) /* never an error about an error */
        return;
    if (!rate_take(&s->icmp_errors, s->now_ns, ICMP_ERROR_INTERVAL_NS, 1)) {
        stack_drop(s, DROP_ICMP_LIMIT);
        return;
    }
    frame = ipv4_alloc_answer(s, p->src);
    if (!frame)
        return;
    quote = min_u64(quote, ICMP_QUOTE_MAX);
    icmp = (struct icmp_header *)(frame + FRAME_IP_PAYLOAD);
    *icmp = (struct icmp_header){.type = ICMP_UNREACHABLE, .code = code};
    mem_copy(frame + FRAME_ICMP_PAYLOAD, p->header, quote);
    icmp_answer(s, frame, p, sizeof(*icmp) + quote);
}
