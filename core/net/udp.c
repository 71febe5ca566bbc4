/* UDP: see udp.h. */
#include "udp.h"
#include "../base/check.h"
#include "../base/checksum.h"

struct verdict udp_input(const struct ipv4_packet *p, struct udp_datagram *out)
{
    const struct udp_header *udp = (const struct udp_header *)p->payload;
    size_t len = p->len < sizeof(*udp) ? 0 : be16_get(udp->len);

    if (len < sizeof(*udp) || len > p->len) /* IP payload beyond the UDP length is ignored */
        return verdict_drop(DROP_UDP_LENGTH);
    if (be16_get(udp->checksum) != 0 &&
        !checksum_good(
            checksum_add(checksum_pseudo(p->src, p->dst, IP_PROTOCOL_UDP, len), p->payload, len)))
        return verdict_drop(DROP_UDP_CHECKSUM);
    *out = (struct udp_datagram){
        .src = p->src,
        .src_port = be16_get(udp->src_port),
        .dst_port = be16_get(udp->dst_port),
        .bytes = p->payload + sizeof(*udp),
        .len = len - sizeof(*udp),
        .looped = p->looped,
    };
    return VERDICT_ACCEPTED;
}

int udp_output(struct ipv4 *ip, uint8_t *frame, uint32_t src, uint16_t src_port, uint32_t dst,
               uint16_t dst_port, size_t len)
{
    struct udp_header *udp = (struct udp_header *)(frame + FRAME_IP_PAYLOAD);
    size_t total = sizeof(*udp) + len;
    uint64_t sum;

    CHECK(src_port != 0);
    CHECK(len <= (size_t)NETDEV_MTU_MAX - 28);
    *udp = (struct udp_header){
        .src_port = be16_of(src_port),
        .dst_port = be16_of(dst_port),
        .len = be16_of((uint16_t)total),
    };
    sum = checksum_add(checksum_pseudo(src, dst, IP_PROTOCOL_UDP, total), udp, total);
    udp->checksum = checksum_finish(sum);
    if (be16_get(udp->checksum) == 0) /* zero means "no checksum" on the wire: RFC 768 */
        udp->checksum = be16_of(0xffff);
    return ipv4_output(ip, frame, src, dst, IP_PROTOCOL_UDP, total);
}
