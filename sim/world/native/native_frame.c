/* Frames of the scripted peer: see native.h. */
#include "native.h"
#include <string.h>

void native_mac(uint32_t addr, uint8_t mac[6])
{
    if ((addr & NATIVE_MASK) != NATIVE_NET)
        addr = NATIVE_GATEWAY;
    put16(mac, 0x5255);
    put32(mac + 2, addr);
}

uint8_t *native_payload(struct native_frame *f)
{
    return f->bytes + 34;
}

/* UDP and TCP: over the pseudo-header, RFC 768 and RFC 9293 section 3.1. */
static void transport_checksum(uint8_t *p, size_t len, uint32_t src, uint32_t dst, uint8_t protocol)
{
    uint8_t *field = p + (protocol == 6 ? 16 : 6);
    uint8_t pseudo[12];
    uint32_t sum;

    put32(pseudo, src);
    put32(pseudo + 4, dst);
    put16(pseudo + 8, protocol);
    put16(pseudo + 10, (unsigned)len);
    put16(field, 0);
    sum = decode_sum(decode_sum(0, pseudo, sizeof(pseudo)), p, len) ^ 0xffff;
    put16(field, sum == 0 && protocol == 17 ? 0xffff : sum); /* 0 means "none" in UDP: RFC 768 */
}

void native_ip(struct native_frame *f, const uint8_t dst_mac[6], uint32_t src, uint32_t dst,
               uint8_t protocol, size_t len)
{
    uint8_t *ip = f->bytes + 14, *p = native_payload(f);

    memcpy(f->bytes, dst_mac, 6);
    native_mac(src, f->bytes + 6);
    put16(f->bytes + 12, 0x0800);
    memset(ip, 0, 20);
    ip[0] = 0x45;
    put16(ip + 2, (unsigned)(20 + len));
    put16(ip + 4, f->world->ip_id++);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, src);
    put32(ip + 16, dst);
    put16(ip + 10, decode_sum(0, ip, 20) ^ 0xffff);
    if (protocol == 6 || protocol == 17) {
        transport_checksum(p, len, src, dst, protocol);
    } else {
        put16(p + 2, 0);
        put16(p + 2, decode_sum(0, p, len) ^ 0xffff);
    }
    f->len = 34 + len;
}
