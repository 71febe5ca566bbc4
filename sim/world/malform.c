/* Frames with one impossible header field: see malform.h. Offsets are those of the RFCs' figures.
 */
#include "malform.h"
#include "../bytes.h"
#include "../oracle/decode.h"

enum { IP = 14, IP_HEADER = 20, L4 = IP + IP_HEADER, TCP_HEADER = 20 };

enum field {
    FIELD_BIT,
    IP_VERSION,
    IP_HEADER_LENGTH,
    IP_TOTAL_LENGTH,
    UDP_LEN,
    TCP_OFFSET,
    TCP_OPTION_LENGTH,
    ARP_HARDWARE_LENGTH,
    ARP_PROTOCOL_LENGTH,
    ARP_OPERATION,
};

const char *const malform_fields[] = {
    "bit",        "ip.version",        "ip.header-length",    "ip.total-length",     "udp.length",
    "tcp.offset", "tcp.option-length", "arp.hardware-length", "arp.protocol-length", "arp.op",
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

static bool malform_ip(uint8_t *frame, size_t len, enum field field, uint64_t draw)
{
    uint8_t *ip = frame + IP;

    if (field == IP_VERSION)
        ip[0] = (uint8_t)(PICK(0, 5, 6, 15) << 4 | 5);
    else if (field == IP_HEADER_LENGTH)
        ip[0] = (uint8_t)(0x40 | PICK(0, 1, 4));
    else
        put16(ip + 2, PICK(0, 19, (unsigned)len - IP + 1, 65535));
    put16(ip + 10, 0);
    put16(ip + 10, ~decode_sum(0, ip, IP_HEADER) & 0xffff);
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
    return malform_ip(frame, len, (enum field)field, draw);
}
