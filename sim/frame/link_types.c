/* Link types of captures: see link_types.h. */
#include "../../core/base/minmax.h"
#include "link_types.h"
#include <stdbool.h>
#include <string.h>

enum { ETH_ARP = 0x0806, ETH_IPV4 = 0x0800, ETH_IPV6 = 0x86dd };

int link_header(unsigned link)
{
    switch (link) {
    case LINKTYPE_ETHERNET:
    case LINKTYPE_RAW_OPENBSD:
    case LINKTYPE_RAW:
    case LINKTYPE_IPV4:
    case LINKTYPE_IPV6:
        return 0;
    case LINKTYPE_NULL:
    case LINKTYPE_LOOP:
        return 4;
    case LINKTYPE_LINUX_SLL:
        return 16;
    case LINKTYPE_LINUX_SLL2:
        return 20;
    default:
        return -1;
    }
}

/* A locally administered MAC address, made of the last four bytes of another address. */
static void link_made_address(uint8_t to[6], const uint8_t *from, size_t left)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    memcpy(to, "\x02\0\0\0\0", 6);
    if (left >= 4)
        memcpy(to + 2, from, 4);
    if (left >= 4 && !memcmp(from, broadcast, 4))
        memcpy(to, broadcast, 6);
}

void link_make_ethernet(uint8_t eth[LINK_ETHERNET_HEADER], unsigned link, const uint8_t *header,
                        const uint8_t *payload, size_t len)
{
    bool sll = link == LINKTYPE_LINUX_SLL, sll2 = link == LINKTYPE_LINUX_SLL2;
    const uint8_t *type = sll ? header + 14 : header, *sender = header + (sll ? 6 : 12);
    unsigned version = len ? payload[0] >> 4 : 0;
    unsigned eth_type = sll || sll2 ? type[0] << 8 | type[1] : version == 6 ? ETH_IPV6 : ETH_IPV4;
    unsigned from = eth_type == ETH_ARP ? 14 : eth_type == ETH_IPV6 ? 20 : 12;
    unsigned to = eth_type == ETH_ARP ? 24 : eth_type == ETH_IPV6 ? 36 : 16;

    link_made_address(eth, payload + min_u64(len, to), len > to ? len - to : 0);
    link_made_address(eth + 6, payload + min_u64(len, from), len > from ? len - from : 0);
    if (((sll && header[5] == 6) || (sll2 && header[11] == 6)) && memcmp(sender, "\0\0\0\0\0", 6))
        memcpy(eth + 6, sender, 6);
    eth[12] = (uint8_t)(eth_type >> 8);
    eth[13] = (uint8_t)eth_type;
}
