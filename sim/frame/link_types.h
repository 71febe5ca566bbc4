/*
 * Link types of captures, and frames of other links as Ethernet frames.
 */
#ifndef DRYWIRE_LINK_TYPES_H
#define DRYWIRE_LINK_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* https://www.tcpdump.org/linktypes.html */
enum {
    LINKTYPE_NULL = 0, /* a loopback interface: the address family, then IP */
    LINKTYPE_ETHERNET = 1,
    LINKTYPE_RAW_OPENBSD = 12,
    LINKTYPE_RAW = 101,
    LINKTYPE_LOOP = 108,
    LINKTYPE_LINUX_SLL = 113, /* Linux cooked capture: tcpdump -i any */
    LINKTYPE_USER0 = 147,     /* ring events of our own captures: the first private number */
    LINKTYPE_IPV4 = 228,
    LINKTYPE_IPV6 = 229,
    LINKTYPE_LINUX_SLL2 = 276,
};

enum { LINK_ETHERNET_HEADER = 14 };

/* Length of the link header; -1: unknown link type. */
int link_header(unsigned link);

/*
 * Make an Ethernet header for a frame of another link type: the type is taken from the link's own
 * `header` or the IP version, the addresses are made from those of IP or ARP in the `len` bytes of
 * payload. A cooked frame has the address of its sender, except on a loopback.
 */
void link_make_ethernet(uint8_t eth[LINK_ETHERNET_HEADER], unsigned link, const uint8_t *header,
                        const uint8_t *payload, size_t len);

#endif
