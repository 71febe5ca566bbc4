/* Frames with one impossible header field: see malform.h. Offsets are those of the RFCs' figures.
 */
#include "malform.h"
#include "../base/bytes.h"
#include "decode.h"
#include <string.h>

enum { IP = 14, IP_HEADER = 20, L4 = IP + IP_HEADER, TCP_HEADER = 20 };

enum field {
    FIELD_BIT,
    IP_VERSION,
    IP_HEADER_LENGTH,
    IP_TOTAL_LENGTH,
    UDP_LEN,
    TCP_OFFSET,
    TCP_OPTION_LENGTH,
    ICMP_LENGTH,
    ICMP_TYPE,
    DHCP_COOKIE,
    DHCP_HARDWARE_LENGTH,
    DHCP_OPTION_LENGTH,
    DHCP_LAST_OPTION,
    ARP_HARDWARE_LENGTH,
    ARP_PROTOCOL_LENGTH,
    ARP_OPERATION,
};

const char *const malform_fields[] = {
    "bit",
    "ip.version",
    "ip.header-length",
    "ip.total-length",
    "udp.length",
    "tcp.offset",
    "tcp.option-length",
    "icmp.length",
    "icmp.type",
    "dhcp.cookie",
    "dhcp.hardware-length",
    "dhcp.option-length",
    "dhcp.last-option",
    "arp.hardware-length",
    "arp.protocol-length",
    "arp.op",
    NULL,
};

static unsigned pick(uint64_t draw, const unsigned *values, unsigned count)
{
    return values[draw % count];
}

#define PICK(...)                                                                                  \
    pick(draw, (const unsigned[]){__VA_ARGS__},                                                    \
         sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned))

static bool malform_arp(uint8_t *arp, enum field field, uint64_t draw)
{
    if (field == ARP_HARDWARE_LENGTH)
        arp[4] = (uint8_t)PICK(0, 5, 7, 255);
    else if (field == ARP_PROTOCOL_LENGTH)
        arp[5] = (uint8_t)PICK(0, 3, 5, 255);
    else
        put16(arp + 6, PICK(0, 3, 65535));
    return true;
}

static void sum_ip(uint8_t *frame)
{
    put16(frame + IP + 10, 0);
    put16(frame + IP + 10, ~decode_sum(0, frame + IP, IP_HEADER) & 0xffff);
}

/* The sum of a TCP segment, with its pseudo-header. */
static void sum_tcp(uint8_t *frame, size_t len)
{
    uint32_t sum = decode_sum(6 + (uint32_t)len, frame + IP + 12, 8);

    put16(frame + L4 + 16, 0);
    put16(frame + L4 + 16, ~decode_sum(sum, frame + L4, len) & 0xffff);
}

static bool malform_tcp(uint8_t *frame, size_t len, enum field field, uint64_t draw)
{
    uint8_t *tcp = frame + L4;

    if (len < TCP_HEADER || (field == TCP_OPTION_LENGTH && tcp[12] >> 4 < 6))
        return false;
    if (field == TCP_OFFSET) /* below the header, or beyond the segment */
        tcp[12] = (uint8_t)(PICK(0, 1, 4, len < 60 ? 15 : 3) << 4);
    else
        tcp[21] = (uint8_t)PICK(0, 1, 41, 255);
    sum_tcp(frame, len);
    return true;
}

/* A message that is too short for its header, or of a type that was never assigned. */
static bool malform_icmp(uint8_t *frame, size_t len, enum field field, uint64_t draw)
{
    uint8_t *icmp = frame + L4;

    if (field == ICMP_LENGTH) {
        len = PICK(4, 7);
        put16(frame + IP + 2, IP_HEADER + (unsigned)len);
        sum_ip(frame);
    } else {
        icmp[0] = (uint8_t)PICK(1, 2, 7, 44, 255);
    }
    put16(icmp + 2, 0);
    put16(icmp + 2, ~decode_sum(0, icmp, len) & 0xffff);
    return true;
}

/* The options: the length of the last one exceeds the header, or the last byte is a code without
 * length. */
static bool malform_dhcp_options(uint8_t *options, size_t len, enum field field, uint64_t draw)
{
    enum { PAD = 0, SERVER_NAME = 66, END = 255 };
    size_t at = 0, last = 0;

    while (at < len && options[at] != END) {
        last = at;
        at += options[at] == PAD ? 1 : 2u + options[at + 1];
    }
    if (at >= len || len - last > UINT8_MAX)
        return false;
    if (field == DHCP_OPTION_LENGTH) {
        options[last + 1] = (uint8_t)PICK((unsigned)(len - last) - 1, 255);
        return true;
    }
    memset(options + at, PAD, len - at);
    options[len - 1] = SERVER_NAME;
    return true;
}

static bool malform_dhcp(uint8_t *udp, size_t len, enum field field, uint64_t draw)
{
    enum { HLEN = 2, COOKIE = 236, OPTIONS = 240 };
    uint8_t *message = udp + 8;

    put16(udp + 6, 0); /* no checksum: RFC 768 */
    if (field == DHCP_COOKIE)
        message[COOKIE + draw % 4] ^= 0x10;
    else if (field == DHCP_HARDWARE_LENGTH)
        message[HLEN] = (uint8_t)PICK(0, 5, 7, 255);
    else
        return malform_dhcp_options(message + OPTIONS, len - 8 - OPTIONS, field, draw);
    return true;
}

static bool malform_ip(uint8_t *frame, size_t len, enum field field, uint64_t draw)
{
    uint8_t *ip = frame + IP;

    if (field == IP_VERSION)
        ip[0] = (uint8_t)(PICK(0, 5, 6, 15) << 4 | 5);
    else if (field == IP_HEADER_LENGTH)
        ip[0] = (uint8_t)(0x40 | PICK(0, 1, 4));
    else
        put16(ip + 2, PICK(0, 19, (unsigned)len - IP + 1, 65535));
    sum_ip(frame);
    return true;
}

bool malform(uint8_t *frame, size_t len, unsigned field, uint64_t draw)
{
    struct decoded d;
    size_t payload;

    decode_frame(frame, len, &d);
    if (d.error)
        return false;
    if (field >= ARP_HARDWARE_LENGTH)
        return d.layer == LAYER_ARP && malform_arp(frame + IP, (enum field)field, draw);
    if (d.layer < LAYER_IPV4 || d.ip_header_len != IP_HEADER)
        return false;
    payload = d.ip_total_len - (size_t)IP_HEADER;
    if (field == UDP_LEN) {
        if (d.layer != LAYER_UDP && d.layer != LAYER_DHCP)
            return false;
        put16(frame + L4 + 4, PICK(0, 7, (unsigned)payload + 1, 65535));
        put16(frame + L4 + 6, 0); /* none: RFC 768 */
        return true;
    }
    if (field == TCP_OFFSET || field == TCP_OPTION_LENGTH)
        return d.layer == LAYER_TCP && malform_tcp(frame, payload, (enum field)field, draw);
    if (field == ICMP_LENGTH || field == ICMP_TYPE)
        return d.layer == LAYER_ICMP && malform_icmp(frame, payload, (enum field)field, draw);
    if (field >= DHCP_COOKIE)
        return d.layer == LAYER_DHCP &&
               malform_dhcp(frame + L4, d.udp_len, (enum field)field, draw);
    return malform_ip(frame, len, (enum field)field, draw);
}
