/* The match words of the scenario language, over a decoded frame: see decode.h. */
#include "decode.h"
#include <string.h>

/* In the order of decode_words. */
enum word {
    WORD_ANY,
    WORD_ARP,
    WORD_ARP_REQUEST,
    WORD_ARP_REPLY,
    WORD_IP,
    WORD_ICMP,
    WORD_ICMP_ECHO,
    WORD_ICMP_REPLY,
    WORD_ICMP_ERROR,
    WORD_UDP,
    WORD_DHCP,
    WORD_DHCP_DISCOVER,
    WORD_DHCP_OFFER,
    WORD_DHCP_REQUEST,
    WORD_DHCP_DECLINE,
    WORD_DHCP_ACK,
    WORD_DHCP_NAK,
    WORD_DHCP_RELEASE,
    WORD_TCP,
    WORD_TCP_SYN,
    WORD_TCP_SYNACK,
    WORD_TCP_ACK,
    WORD_TCP_DATA,
    WORD_TCP_FIN,
    WORD_TCP_RST,
    WORD_COUNT,
};

const char *const decode_words[] = {
    "any",        "arp",          "arp.request",  "arp.reply", "ip",       "icmp",
    "icmp.echo",  "icmp.reply",   "icmp.error",   "udp",       "dhcp",     "dhcp.discover",
    "dhcp.offer", "dhcp.request", "dhcp.decline", "dhcp.ack",  "dhcp.nak", "dhcp.release",
    "tcp",        "tcp.syn",      "tcp.synack",   "tcp.ack",   "tcp.data", "tcp.fin",
    "tcp.rst",    NULL,
};

_Static_assert(sizeof(decode_words) / sizeof(*decode_words) == WORD_COUNT + 1, "one word each");

static bool is_dhcp(const struct decoded *d, uint8_t type)
{
    return d->layer == LAYER_DHCP && d->dhcp_type == type;
}

static bool is_icmp_error(const struct decoded *d)
{
    /* RFC 1122 section 3.2.2 */
    return d->layer == LAYER_ICMP && (d->icmp_type == 3 || d->icmp_type == 4 || d->icmp_type == 5 ||
                                      d->icmp_type == 11 || d->icmp_type == 12);
}

static bool has_flags(const struct decoded *d, uint8_t mask, uint8_t flags)
{
    return d->layer == LAYER_TCP && (d->tcp_flags & mask) == flags;
}

static bool decode_word_matches(const struct decoded *d, enum word word)
{
    switch (word) {
    case WORD_ANY:
        return true;
    case WORD_ARP:
        return d->layer == LAYER_ARP;
    case WORD_ARP_REQUEST:
        return d->layer == LAYER_ARP && d->arp_op == 1;
    case WORD_ARP_REPLY:
        return d->layer == LAYER_ARP && d->arp_op == 2;
    case WORD_IP:
        return d->layer >= LAYER_IPV4;
    case WORD_ICMP:
        return d->layer == LAYER_ICMP;
    case WORD_ICMP_ECHO:
        return d->layer == LAYER_ICMP && d->icmp_type == 8;
    case WORD_ICMP_REPLY:
        return d->layer == LAYER_ICMP && d->icmp_type == 0;
    case WORD_ICMP_ERROR:
        return is_icmp_error(d);
    case WORD_UDP:
        return d->layer == LAYER_UDP || d->layer == LAYER_DHCP;
    case WORD_DHCP:
        return d->layer == LAYER_DHCP;
    case WORD_DHCP_DISCOVER:
        return is_dhcp(d, 1);
    case WORD_DHCP_OFFER:
        return is_dhcp(d, 2);
    case WORD_DHCP_REQUEST:
        return is_dhcp(d, 3);
    case WORD_DHCP_DECLINE:
        return is_dhcp(d, 4);
    case WORD_DHCP_ACK:
        return is_dhcp(d, 5);
    case WORD_DHCP_NAK:
        return is_dhcp(d, 6);
    case WORD_DHCP_RELEASE:
        return is_dhcp(d, 7);
    case WORD_TCP:
        return d->layer == LAYER_TCP;
    case WORD_TCP_SYN:
        return has_flags(d, SEG_SYN | SEG_ACK, SEG_SYN);
    case WORD_TCP_SYNACK:
        return has_flags(d, SEG_SYN | SEG_ACK, SEG_SYN | SEG_ACK);
    case WORD_TCP_ACK:
        return has_flags(d, SEG_ACK | SEG_SYN | SEG_FIN | SEG_RST, SEG_ACK) && !d->payload_len;
    case WORD_TCP_DATA:
        return d->layer == LAYER_TCP && d->payload_len > 0;
    case WORD_TCP_FIN:
        return has_flags(d, SEG_FIN, SEG_FIN);
    case WORD_TCP_RST:
        return has_flags(d, SEG_RST, SEG_RST);
    case WORD_COUNT:
        break;
    }
    return false;
}

bool decode_matches(const struct decoded *d, const char *word)
{
    for (unsigned i = 0; i < WORD_COUNT; i++)
        if (!strcmp(word, decode_words[i]))
            return decode_word_matches(d, (enum word)i);
    return false;
}
