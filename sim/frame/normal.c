/* Frames without the fields that may differ: see normal.h. Offsets as in decode.c. */
#include "../../core/base/minmax.h"
#include "normal.h"
#include <string.h>

enum {
    ETH_HEADER = 14,
    ARP_END = 42,
    IP_ID = 18,
    IP_CHECKSUM = 24,
};

/* A correct checksum follows from the rest; only whether UDP has one is kept. */
static void forget_checksum(const struct decoded *d, uint8_t *transport)
{
    switch (d->layer) {
    case LAYER_ICMP:
        memset(transport + 2, 0, 2);
        break;
    case LAYER_UDP:
    case LAYER_DHCP:
        if (transport[6] | transport[7])
            memset(transport + 6, 0xff, 2);
        break;
    case LAYER_TCP:
        memset(transport + 16, 0, 2);
        break;
    case LAYER_IPV4:
    case LAYER_OTHER:
    case LAYER_ARP:
        break;
    }
}

/* Timestamps tell the time: RFC 7323 section 3. */
static void forget_stamps(const struct decoded *d, const uint8_t *frame, uint8_t *out)
{
    size_t at = d->layer == LAYER_TCP ? decode_tcp_option_at(d, frame, TCP_OPTION_STAMPS) : 0;

    if (at)
        memset(out + at + 2, 0, 8);
}

size_t normal_frame(const uint8_t *frame, size_t len, const struct decoded *d, uint8_t *out)
{
    memcpy(out, frame, len);
    if (d->error)
        return len;
    if (d->layer == LAYER_ARP)
        return ARP_END;
    if (d->layer == LAYER_OTHER)
        return len;
    memset(out + IP_ID, 0, 2);
    memset(out + IP_CHECKSUM, 0, 2);
    forget_checksum(d, out + ETH_HEADER + d->ip_header_len);
    forget_stamps(d, frame, out);
    return d->ip_end;
}

size_t normal_difference(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t len = min_u64(a_len, b_len);

    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i])
            return i;
    return a_len == b_len ? SIZE_MAX : len;
}

/* ---- names ---- */

struct field {
    size_t end; /* its end, from the start of its header */
    const char *name;
};

static const struct field eth[] = {{6, "eth.dst"}, {12, "eth.src"}, {14, "eth.type"}, {0}};

static const struct field arp[] = {
    {2, "arp.hrd"},  {4, "arp.pro"},  {5, "arp.hln"},  {6, "arp.pln"},  {8, "arp.op"},
    {14, "arp.sha"}, {18, "arp.spa"}, {24, "arp.tha"}, {28, "arp.tpa"}, {0}};

static const struct field ip[] = {{1, "ip.version"},
                                  {2, "ip.tos"},
                                  {4, "ip.total_length"},
                                  {6, "ip.id"},
                                  {8, "ip.fragment"},
                                  {9, "ip.ttl"},
                                  {10, "ip.protocol"},
                                  {12, "ip.checksum"},
                                  {16, "ip.src"},
                                  {20, "ip.dst"},
                                  {0}};

static const struct field icmp[] = {{1, "icmp.type"}, {2, "icmp.code"}, {4, "icmp.checksum"},
                                    {6, "icmp.id"},   {8, "icmp.seq"},  {0}};

static const struct field udp[] = {
    {2, "udp.src"}, {4, "udp.dst"}, {6, "udp.length"}, {8, "udp.checksum"}, {0}};

static const struct field tcp[] = {{2, "tcp.src"},     {4, "tcp.dst"},
                                   {8, "tcp.seq"},     {12, "tcp.ack"},
                                   {13, "tcp.offset"}, {14, "tcp.flags"},
                                   {16, "tcp.window"}, {18, "tcp.checksum"},
                                   {20, "tcp.urgent"}, {0}};

static const struct field dhcp[] = {{1, "dhcp.op"},
                                    {2, "dhcp.htype"},
                                    {3, "dhcp.hlen"},
                                    {4, "dhcp.hops"},
                                    {8, "dhcp.xid"},
                                    {10, "dhcp.secs"},
                                    {12, "dhcp.flags"},
                                    {16, "dhcp.ciaddr"},
                                    {20, "dhcp.yiaddr"},
                                    {24, "dhcp.siaddr"},
                                    {28, "dhcp.giaddr"},
                                    {44, "dhcp.chaddr"},
                                    {108, "dhcp.sname"},
                                    {236, "dhcp.file"},
                                    {240, "dhcp.cookie"},
                                    {SIZE_MAX, "dhcp.options"},
                                    {0}};

/* The field of a header that starts at `start`, or NULL when `at` is after it. */
static const char *field_at(const struct field *f, size_t start, size_t at)
{
    for (; f->name; f++)
        if (at - start < f->end)
            return f->name;
    return NULL;
}

static const char *transport_field(const struct decoded *d, size_t start, size_t at)
{
    const char *name;

    switch (d->layer) {
    case LAYER_ICMP:
        return field_at(icmp, start, at);
    case LAYER_UDP:
        return field_at(udp, start, at);
    case LAYER_DHCP:
        name = field_at(udp, start, at);
        return name ? name : field_at(dhcp, start + 8, at);
    case LAYER_TCP:
        name = field_at(tcp, start, at);
        return name || at >= start + d->tcp_header_len ? name : "tcp.options";
    case LAYER_OTHER:
    case LAYER_ARP:
    case LAYER_IPV4:
        break;
    }
    return NULL;
}

const char *normal_field(const struct decoded *d, size_t at)
{
    const char *name = field_at(eth, 0, at);
    size_t transport = ETH_HEADER + d->ip_header_len;

    if (!name && d->layer == LAYER_ARP)
        name = field_at(arp, ETH_HEADER, at);
    if (!name && d->layer >= LAYER_IPV4)
        name = field_at(ip, ETH_HEADER, at);
    if (!name && d->layer >= LAYER_IPV4 && at < transport)
        name = "ip.options";
    if (!name && d->layer >= LAYER_IPV4)
        name = transport_field(d, transport, at);
    return name ? name : "payload";
}
