/*
 * An independent decoder of Ethernet frames: used by the oracles, the wire's `match` words, the
 * ladder and the capture comments. It reads bytes by RFC offset and shares nothing with core/net,
 * so that a mistake there is not repeated here.
 */
#ifndef DRYWIRE_DECODE_H
#define DRYWIRE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum layer { LAYER_OTHER, LAYER_ARP, LAYER_IPV4, LAYER_ICMP, LAYER_UDP, LAYER_TCP, LAYER_DHCP };

/* TCP flag bits as on the wire (RFC 9293 section 3.1). */
enum { SEG_FIN = 1, SEG_SYN = 2, SEG_RST = 4, SEG_PSH = 8, SEG_ACK = 16, SEG_URG = 32 };

enum { DECODE_SACK_MAX = 4, DECODE_SCALE_MAX = 14 };

/* RFC 9293 section 3.1, RFC 7323, RFC 2018. */
enum tcp_option {
    TCP_OPTION_END = 0,
    TCP_OPTION_NOP = 1,
    TCP_OPTION_MSS = 2,
    TCP_OPTION_SCALE = 3,
    TCP_OPTION_SACK_PERMITTED = 4,
    TCP_OPTION_SACK = 5,
    TCP_OPTION_STAMPS = 8,
};

/* All numbers are in host byte order; absent fields are 0. */
struct decoded {
    enum layer layer;  /* the innermost layer decoded */
    const char *error; /* NULL, or the malformed field: "ip.checksum", "tcp.offset", ... */
    uint8_t eth_dst[6], eth_src[6];
    uint16_t eth_type;

    uint16_t arp_op; /* 1 request, 2 reply */
    uint8_t arp_sha[6], arp_tha[6];
    uint32_t arp_spa, arp_tpa;

    uint32_t ip_src, ip_dst;
    uint8_t ip_protocol, ip_ttl, ip_header_len;
    uint16_t ip_total_len, ip_id;
    bool ip_fragment; /* MF or offset != 0 */
    size_t ip_end;    /* offset of the end of the IP packet in the frame */

    uint8_t icmp_type, icmp_code;
    uint16_t icmp_id, icmp_seq;

    uint16_t src_port, dst_port; /* UDP, TCP */
    uint16_t udp_len;

    uint32_t tcp_seq, tcp_ack;
    uint8_t tcp_flags;
    uint16_t tcp_window;
    uint16_t tcp_mss;  /* 0: no MSS option */
    uint8_t tcp_scale; /* 1 + what windows are shifted by; 0: no window scale option */
    bool tcp_sack_permitted, tcp_stamped;
    uint32_t tcp_stamp, tcp_echo; /* TSval, TSecr */
    uint8_t tcp_sack_count;
    struct {
        uint32_t start, end;
    } tcp_sack[DECODE_SACK_MAX];
    uint8_t tcp_header_len;

    uint8_t dhcp_type; /* option 53: 1 discover ... 8 inform */
    uint32_t dhcp_xid, dhcp_ciaddr, dhcp_yiaddr, dhcp_server, dhcp_requested;
    uint32_t dhcp_mask, dhcp_router, dhcp_dns; /* the first of them */
    uint32_t dhcp_lease_s, dhcp_t1_s, dhcp_t2_s;

    const uint8_t *payload; /* of the innermost layer, inside the frame */
    size_t payload_len;
};

/* Decode `frame`. Checks lengths and every checksum; the first error is in `error`, and fields read
 * before it stay set. */
void decode_frame(const uint8_t *frame, size_t len, struct decoded *out);

/* In what bytes windows are counted; `own`, `other`: tcp_scale of the sender's SYN and of the other
 * one (RFC 7323 section 2.2). And the window of a segment, in bytes. */
static inline uint32_t decode_window_unit(uint8_t own, uint8_t other)
{
    return UINT32_C(1) << (own && other ? own - 1 : 0);
}

static inline uint32_t decode_window(const struct decoded *d, uint8_t own, uint8_t other)
{
    return d->tcp_window * (d->tcp_flags & SEG_SYN ? 1 : decode_window_unit(own, other));
}

/* Where the option of this kind begins in a well-formed TCP frame, as an offset; 0: it has none. */
size_t decode_tcp_option_at(const struct decoded *d, const uint8_t *frame, enum tcp_option kind);

/*
 * True if a frame matches a word of the scenario language. The words are
 *   any arp arp.request arp.reply ip icmp icmp.echo icmp.reply icmp.error udp
 *   dhcp dhcp.discover dhcp.offer dhcp.request dhcp.decline dhcp.ack dhcp.nak dhcp.release
 *   tcp tcp.syn tcp.synack tcp.ack tcp.data tcp.fin tcp.rst
 * tcp.syn is a SYN without ACK; tcp.ack is an ACK without payload, SYN, FIN and RST; tcp.data
 * carries payload; tcp.fin and tcp.rst have the flag.
 */
bool decode_matches(const struct decoded *d, const char *word);

/* All match words, NULL-terminated, for error messages and help. */
extern const char *const decode_words[];

/* One line about a frame for ladders and comments, without direction: e.g. "tcp 10.0.2.15:49152 >
 * 10.0.2.2:8080 S seq=1 win=65535 mss=1460 len=0", "dhcp offer xid=12345678 yiaddr=10.0.2.15
 * server=10.0.2.2", "arp who-has 10.0.2.2 tell 10.0.2.15". Always printable ASCII. Returns buf. */
const char *decode_summary(const struct decoded *d, char *buf, size_t size);

/* The one's complement sum of RFC 1071 over bytes, folded, not complemented; start with sum = 0. */
uint32_t decode_sum(uint32_t sum, const uint8_t *bytes, size_t len);

#endif
