/*
 * Frames by hand for the tests of the decoder and of the oracles: written by RFC offset, checksums
 * included. The machine is 10.0.2.15 at 02:00:00:00:00:01, its peer 10.0.2.2.
 */
#ifndef DRYWIRE_TEST_FRAMES_H
#define DRYWIRE_TEST_FRAMES_H

#include "../../sim/frame/decode.h"
#include <string.h>

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
#define MACHINE        IP(10, 0, 2, 15)
#define PEER           IP(10, 0, 2, 2)

static const uint8_t machine_mac[6] = {0x02, 0, 0, 0, 0, 0x01};
static const uint8_t peer_mac[6] = {0x52, 0x55, 0x0a, 0, 0x02, 0x02};

struct frame {
    uint8_t bytes[1600];
    size_t len;
};

static inline void set16(uint8_t *p, unsigned n)
{
    p[0] = (uint8_t)(n >> 8);
    p[1] = (uint8_t)n;
}

static inline void set32(uint8_t *p, uint32_t n)
{
    set16(p, n >> 16);
    set16(p + 2, n & 0xffff);
}

/* The Ethernet header; the frame comes from whoever has the source address. */
static inline void set_eth(struct frame *f, uint32_t src, unsigned type)
{
    memset(f, 0, sizeof(*f));
    memcpy(f->bytes, src == PEER ? machine_mac : peer_mac, 6);
    memcpy(f->bytes + 6, src == PEER ? peer_mac : machine_mac, 6);
    set16(f->bytes + 12, type);
}

static inline struct frame arp_frame(unsigned op, uint32_t spa, uint32_t tpa)
{
    struct frame f;
    uint8_t *p = f.bytes + 14;

    set_eth(&f, spa, 0x0806);
    set16(p, 1);
    set16(p + 2, 0x0800);
    p[4] = 6;
    p[5] = 4;
    set16(p + 6, op);
    memcpy(p + 8, f.bytes + 6, 6);
    set32(p + 14, spa);
    set32(p + 24, tpa);
    f.len = 42;
    return f;
}

/* Checksums of a frame whose other fields are set; `total` is the IP total length. */
static inline void finish_ip(struct frame *f, size_t total)
{
    uint8_t *ip = f->bytes + 14, *p = ip + 20, *sum = NULL;
    size_t len = total - 20;
    uint32_t start = 0;

    set16(ip + 2, (unsigned)total);
    set16(ip + 10, 0);
    set16(ip + 10, decode_sum(0, ip, 20) ^ 0xffff);
    if (ip[9] == 6)
        sum = p + 16;
    else if (ip[9] == 17)
        sum = p + 6;
    else if (ip[9] == 1)
        sum = p + 2;
    if (ip[9] != 1)
        start = decode_sum(ip[9] + (uint32_t)len, ip + 12, 8);
    if (sum) {
        set16(sum, 0);
        set16(sum, decode_sum(start, p, len) ^ 0xffff);
    }
    f->len = 14 + total;
}

static inline uint8_t *set_ip(struct frame *f, uint32_t src, uint32_t dst, uint8_t protocol)
{
    uint8_t *ip = f->bytes + 14;

    set_eth(f, src, 0x0800);
    ip[0] = 0x45;
    ip[8] = 64;
    ip[9] = protocol;
    set32(ip + 12, src);
    set32(ip + 16, dst);
    return ip + 20;
}

static inline struct frame udp_frame(uint32_t src, unsigned src_port, uint32_t dst,
                                     unsigned dst_port, const void *bytes, size_t len)
{
    struct frame f;
    uint8_t *p = set_ip(&f, src, dst, 17);

    set16(p, src_port);
    set16(p + 2, dst_port);
    set16(p + 4, (unsigned)(8 + len));
    memcpy(p + 8, bytes, len);
    finish_ip(&f, 28 + len);
    return f;
}

static inline struct frame icmp_frame(uint32_t src, uint32_t dst, uint8_t type, const void *bytes,
                                      size_t len)
{
    struct frame f;
    uint8_t *p = set_ip(&f, src, dst, 1);

    p[0] = type;
    set16(p + 4, 7);
    set16(p + 6, 1);
    memcpy(p + 8, bytes, len);
    finish_ip(&f, 28 + len);
    return f;
}

struct segment {
    bool from_machine;
    uint16_t local_port; /* of the machine; 0: 49152 */
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t window, mss; /* mss 0: no option */
    uint8_t options[36];  /* after that one */
    size_t option_len;    /* a multiple of 4 */
    const char *data;
    size_t len; /* 0: strlen(data) */
};

static inline struct frame tcp_frame(struct segment s)
{
    struct frame f;
    uint8_t *p = set_ip(&f, s.from_machine ? MACHINE : PEER, s.from_machine ? PEER : MACHINE, 6);
    unsigned local = s.local_port ? s.local_port : 49152,
             header = (s.mss ? 24 : 20) + (unsigned)s.option_len;
    size_t len = s.len ? s.len : s.data ? strlen(s.data) : 0;

    set16(p, s.from_machine ? local : 8080);
    set16(p + 2, s.from_machine ? 8080 : local);
    set32(p + 4, s.seq);
    set32(p + 8, s.ack);
    p[12] = (uint8_t)(header / 4 << 4);
    p[13] = s.flags;
    set16(p + 14, s.window);
    if (s.mss) {
        set16(p + 20, 0x0204);
        set16(p + 22, s.mss);
    }
    if (s.option_len)
        memcpy(p + header - s.option_len, s.options, s.option_len);
    if (len)
        memcpy(p + header, s.data, len);
    finish_ip(&f, 20 + header + len);
    return f;
}

struct dhcp {
    uint8_t type;
    uint32_t xid, ciaddr, yiaddr, requested, server, lease_s;
};

static inline uint8_t *add_dhcp_option(uint8_t *at, uint8_t code, uint32_t value)
{
    if (!value)
        return at;
    at[0] = code;
    at[1] = 4;
    set32(at + 2, value);
    return at + 6;
}

/* From the client when the type is one of a client's. */
static inline struct frame dhcp_frame(struct dhcp m)
{
    bool client = m.type != 2 && m.type != 5 && m.type != 6;
    uint8_t bytes[300] = {0}, *at = bytes + 240;

    bytes[0] = client ? 1 : 2;
    bytes[1] = 1;
    bytes[2] = 6;
    set32(bytes + 4, m.xid);
    set32(bytes + 12, m.ciaddr);
    set32(bytes + 16, m.yiaddr);
    memcpy(bytes + 28, machine_mac, 6);
    set32(bytes + 236, 0x63825363);
    *at++ = 53;
    *at++ = 1;
    *at++ = m.type;
    at = add_dhcp_option(at, 50, m.requested);
    at = add_dhcp_option(at, 54, m.server);
    at = add_dhcp_option(at, 51, m.lease_s);
    *at = 255;
    if (client)
        return udp_frame(m.ciaddr, 68, m.ciaddr ? PEER : UINT32_MAX, 67, bytes, sizeof(bytes));
    return udp_frame(PEER, 67, UINT32_MAX, 68, bytes, sizeof(bytes));
}

#endif
