/*
 * Packet formats on the wire, all of byte arrays (endian.h): Ethernet (RFC 894), ARP (RFC 826),
 * IPv4 (RFC 791), ICMP (RFC 792), UDP (RFC 768), TCP (RFC 9293), DHCP (RFC 2131). Bytes become one
 * of these structs in one place each, after the length was checked.
 */
#ifndef DRYWIRE_WIRE_H
#define DRYWIRE_WIRE_H

#include "../base/endian.h"
#include <stddef.h>

#define IPV4(a, b, c, d) ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (d))
#define IPV4_BROADCAST   UINT32_C(0xffffffff)
#define IPV4_LOOPBACK    UINT32_C(0x7f000001)

enum { ETH_TYPE_IPV4 = 0x0800, ETH_TYPE_ARP = 0x0806, ETH_TYPE_VLAN = 0x8100 };
enum { ETH_FRAME_MIN = 60 }; /* without FCS: RFC 894 */

struct eth_header {
    uint8_t dst[6], src[6];
    be16 type;
};
_Static_assert(sizeof(struct eth_header) == 14, "RFC 894");

/* Between the addresses and the type: 802.1Q. VLAN 0 means a priority without a VLAN. */
struct vlan_tag {
    be16 type, control;
};
enum { VLAN_ID_MASK = 0xfff };

enum { ARP_REQUEST = 1, ARP_REPLY = 2, ARP_HTYPE_ETHERNET = 1 };

struct arp_packet {
    be16 htype, ptype;
    uint8_t hlen, plen;
    be16 op;
    uint8_t sha[6];
    be32 spa;
    uint8_t tha[6];
    be32 tpa;
};
_Static_assert(sizeof(struct arp_packet) == 28, "RFC 826");

enum { IPV4_MTU_MIN = 68 }; /* RFC 791 */
enum { IP_PROTOCOL_ICMP = 1, IP_PROTOCOL_TCP = 6, IP_PROTOCOL_UDP = 17 };
enum { IP_FLAG_DF = 0x4000, IP_FLAG_MF = 0x2000, IP_OFFSET_MASK = 0x1fff, IPV4_TTL = 64 };

struct ipv4_header {
    uint8_t version_ihl, tos;
    be16 total_len, id, flags_offset;
    uint8_t ttl, protocol;
    be16 checksum;
    be32 src, dst;
};
_Static_assert(sizeof(struct ipv4_header) == 20, "RFC 791");

enum {
    ICMP_ECHO_REPLY = 0,
    ICMP_UNREACHABLE = 3,
    ICMP_ECHO_REQUEST = 8,
    ICMP_EXCEEDED = 11,
    ICMP_PARAMETER_PROBLEM = 12,
};
enum {
    ICMP_UNREACHABLE_PROTOCOL = 2,
    ICMP_UNREACHABLE_PORT = 3,
    ICMP_EXCEEDED_REASSEMBLY = 1,
    ICMP_UNREACHABLE_TOO_BIG = 4 /* fragmentation needed: the MTU is in `seq` (RFC 1191) */
};

struct icmp_header {
    uint8_t type, code;
    be16 checksum;
    be16 id, seq; /* of an echo */
};
_Static_assert(sizeof(struct icmp_header) == 8, "RFC 792");

struct udp_header {
    be16 src_port, dst_port, len, checksum;
};
_Static_assert(sizeof(struct udp_header) == 8, "RFC 768");

enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

struct tcp_header {
    be16 src_port, dst_port;
    be32 seq, ack;
    uint8_t offset; /* data offset in 32-bit words, in the upper four bits */
    uint8_t flags;
    be16 window, checksum, urgent;
};
_Static_assert(sizeof(struct tcp_header) == 20, "RFC 9293 section 3.1");

/* The options of most segments: timestamps, after two bytes that align them (RFC 7323 appendix A).
 */
struct tcp_stamps {
    be32 head, stamp, echo;
};
#define TCP_STAMPS_HEAD UINT32_C(0x0101080a)
_Static_assert(sizeof(struct tcp_stamps) == 12, "a multiple of 4");

enum { DHCP_SERVER_PORT = 67, DHCP_CLIENT_PORT = 68 };

struct dhcp_header {
    uint8_t op, htype, hlen, hops;
    be32 xid;
    be16 secs, flags;
    be32 ciaddr, yiaddr, siaddr, giaddr;
    uint8_t chaddr[16], sname[64], file[128];
    be32 cookie;
};
_Static_assert(sizeof(struct dhcp_header) == 240, "RFC 2131 section 2");

/* Offsets in the frames that we build: IP options are never sent. */
enum {
    FRAME_IP = sizeof(struct eth_header),
    FRAME_IP_PAYLOAD = FRAME_IP + sizeof(struct ipv4_header),
    FRAME_UDP_PAYLOAD = FRAME_IP_PAYLOAD + sizeof(struct udp_header),
    FRAME_ICMP_PAYLOAD = FRAME_IP_PAYLOAD + sizeof(struct icmp_header),
};

#endif
