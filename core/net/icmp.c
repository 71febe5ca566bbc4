/* ICMP: see icmp.h. */
#include "icmp.h"
#include "../base/array.h"
#include "../base/checksum.h"
#include "../base/err.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../port/machine.h"
#include "../trace/trace.h"

#define ICMP_ERROR_INTERVAL_NS (100 * NS_PER_MS)

/* An error quotes the IP header and the first 8 bytes after it: RFC 1122 section 3.2.2. */
enum { ICMP_QUOTE_MIN = 8, ICMP_QUOTE_MAX = 60 + 8 };

/* Send a reply to `p`, from the address that it was sent to: section 3.2.2. */
static void icmp_answer(struct icmpv4 *m, uint8_t *frame, const struct ipv4_packet *p, size_t len)
{
    struct icmp_header *icmp = (struct icmp_header *)(frame + FRAME_IP_PAYLOAD);

    icmp->checksum = be16_of(0);
    icmp->checksum = checksum_finish(checksum_add(0, icmp, len));
    ipv4_output(m->ip, frame, p->dst, p->src, IP_PROTOCOL_ICMP, len);
}

void icmp_echo(struct icmpv4 *m, const struct ipv4_packet *p)
{
    uint8_t *frame = ipv4_alloc_answer(m->ip, p->src);
    struct icmp_header *icmp;

    if (!frame)
        return;
    icmp = (struct icmp_header *)(frame + FRAME_IP_PAYLOAD);
    mem_copy(icmp, p->payload, p->len);
    icmp->type = ICMP_ECHO_REPLY;
    icmp->code = 0;
    icmp_answer(m, frame, p, p->len);
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

/* What the quoted packet was, and what became of it: section 3.2.2. */
static struct verdict error_input(const struct icmpv4 *m, const struct ipv4_packet *p,
                                  struct icmp_error *out)
{
    const struct icmp_header *icmp = (const struct icmp_header *)p->payload;
    const uint8_t *quote = p->payload + sizeof(*icmp);
    size_t len = p->len - sizeof(*icmp), header_len;
    const struct ipv4_header *ip = (const struct ipv4_header *)quote;
    const struct tcp_header *tcp; /* the first words of UDP are its ports, too */

    header_len = len < sizeof(*ip) ? 0 : (ip->version_ihl & 15) * 4u;
    if (header_len < sizeof(*ip) || len < header_len + ICMP_QUOTE_MIN ||
        ip->version_ihl >> 4 != 4 || be32_get(ip->src) != p->dst)
        return verdict_drop(DROP_ICMP_QUOTE);
    *out = (struct icmp_error){.protocol = ip->protocol, .remote = be32_get(ip->dst)};
    if (p->looped != (ipv4_route(m->ip, out->remote) != m->ip->dev))
        return verdict_drop(DROP_ICMP_QUOTE); /* our packet did not take that path */
    out->error = error_meaning(icmp->type, icmp->code, &out->hard);
    out->mtu = path_mtu(icmp, be16_get(ip->total_len));
    if (ip->protocol == IP_PROTOCOL_ICMP) {
        out->local_port = be16_get(((const struct icmp_header *)(quote + header_len))->id);
    } else {
        tcp = (const struct tcp_header *)(quote + header_len);
        out->local_port = be16_get(tcp->src_port);
        out->remote_port = be16_get(tcp->dst_port);
        out->seq = be32_get(tcp->seq);
    }
    TRACE(m->ip->net->platform, TRACE_ICMP_ERROR, icmp->type, icmp->code, out->remote);
    return VERDICT_ACCEPTED;
}

struct verdict icmp_input(const struct icmpv4 *m, const struct ipv4_packet *p,
                          struct icmp_message *out)
{
    const struct icmp_header *icmp = (const struct icmp_header *)p->payload;

    if (p->len < sizeof(*icmp))
        return verdict_drop(DROP_ICMP_SHORT);
    if (!checksum_good(checksum_add(0, p->payload, p->len)))
        return verdict_drop(DROP_ICMP_CHECKSUM);
    out->kind = ICMP_FOR_NONE;
    switch (icmp->type) {
    case ICMP_ECHO_REQUEST:
        return p->broadcast ? verdict_drop(DROP_ICMP_BROADCAST) /* MAY be dropped: 3.2.2.6 */
                            : verdict_answer(ANSWER_ECHO);
    case ICMP_ECHO_REPLY:
        out->kind = ICMP_FOR_ECHO;
        out->id = be16_get(icmp->id);
        out->seq = be16_get(icmp->seq);
        out->bytes = p->payload + sizeof(*icmp);
        out->len = p->len - sizeof(*icmp);
        return VERDICT_ACCEPTED;
    case ICMP_UNREACHABLE:
    case ICMP_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
        out->kind = ICMP_FOR_SENDER;
        return error_input(m, p, &out->error);
    default: /* redirect and source quench among them */
        return verdict_drop(DROP_ICMP_TYPE);
    }
}

void icmp_error_send(struct icmpv4 *m, const struct ipv4_packet *p, uint8_t type, uint8_t code)
{
    size_t quote = p->header_len + p->len;
    struct icmp_header *icmp;
    uint8_t *frame;

    if (p->broadcast)
        return;
    if (p->protocol == IP_PROTOCOL_ICMP) /* never an error about an error */
        return;
    if (!rate_take(&m->errors, m->ip->net->now_ns, ICMP_ERROR_INTERVAL_NS, 1)) {
        net_drop(m->ip->net, DROP_ICMP_LIMIT);
        return;
    }
    frame = ipv4_alloc_answer(m->ip, p->src);
    if (!frame)
        return;
    quote = min_u64(quote, ICMP_QUOTE_MAX);
    icmp = (struct icmp_header *)(frame + FRAME_IP_PAYLOAD);
    *icmp = (struct icmp_header){.type = type, .code = code};
    mem_copy(frame + FRAME_ICMP_PAYLOAD, p->header, quote);
    icmp_answer(m, frame, p, sizeof(*icmp) + quote);
}
