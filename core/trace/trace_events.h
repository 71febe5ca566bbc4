/*
 * Every trace event of the core: one table for the simulator's hash, the UART markers, the expect
 * lines of scenarios, and docs/markers.md.
 *
 * X(id, level, component, format). A line is "component: format". Level MARK reaches the UART,
 * DETAIL only the simulator. In the format, %u is decimal, %d signed decimal, %x hexadecimal with
 * 0x, %i an IPv4 address, %m a MAC address in the low 48 bits, %P a PCI function (an address of
 * configuration space, platform.h), and any other capital letter a word of one of the tables in
 * trace.c: %E error, %T TCP state, %D DHCP state, %W drop reason, %V virtio failure, %L link, %R
 * retransmission reason, %N reason of a lost lease, %F reason of a refusal by DHCP, %I virtio
 * interface.
 */
#ifndef DRYWIRE_TRACE_EVENTS_H
#define DRYWIRE_TRACE_EVENTS_H

#define TRACE_EVENTS(X)                                                                            \
    X(VNET_READY, MARK, "virtionetd", "ready")                                                     \
    X(VNET_DEVICE, MARK, "virtionetd", "mmio=%x irq=%u mac=%m mtu=%u version=%u queue=%u")         \
    X(VNET_PCI, MARK, "virtionetd", "pci=%P irq=%u mac=%m mtu=%u transport=%I queue=%u")           \
    X(VNET_LINK, MARK, "virtionetd", "link=%L")                                                    \
    X(VNET_FAILED, MARK, "virtionetd", "failed reason=%V value=%x")                                \
    X(NET_READY, MARK, "netstackd", "ready")                                                       \
    X(NET_LOOPBACK, MARK, "netstackd", "lo up")                                                    \
    X(DHCP_STATE, DETAIL, "netstackd", "virt0 dhcp from=%D to=%D")                                 \
    X(DHCP_BOUND, MARK, "netstackd",                                                               \
      "virt0 dhcp addr=%i mask=%i gateway=%i dns=%i lease_s=%u src=dhcp")                          \
    X(DHCP_RENEWED, MARK, "netstackd", "virt0 dhcp renewed addr=%i lease_s=%u src=dhcp")           \
    X(DHCP_LOST, MARK, "netstackd", "virt0 dhcp lost addr=%i reason=%N")                           \
    X(DHCP_REFUSED, MARK, "netstackd", "virt0 dhcp refused addr=%i reason=%F")                     \
    X(DHCP_NAK, MARK, "netstackd", "virt0 dhcp nak")                                               \
    X(DHCP_RETRY, MARK, "netstackd", "virt0 dhcp retry try=%u in_ms=%u tx=%u rx=%u")               \
    X(NET_COUNTERS, MARK, "netstackd", "virt0 counters tx=%u rx=%u")                               \
    X(ARP_RESOLVED, MARK, "netstackd", "virt0 arp addr=%i mac=%m")                                 \
    X(ARP_FAILED, MARK, "netstackd", "virt0 arp failed addr=%i")                                   \
    X(ARP_CONFLICT, MARK, "netstackd", "virt0 arp conflict addr=%i mac=%m")                        \
    X(NET_DROP, DETAIL, "netstackd", "drop reason=%W")                                             \
    X(ICMP_ERROR, DETAIL, "icmp", "error type=%u code=%u addr=%i")                                 \
    X(TCP_STATE, DETAIL, "tcp", "state conn=%u from=%T to=%T")                                     \
    X(TCP_CONNECTED, MARK, "tcp", "connected local=%u remote=%i:%u")                               \
    X(TCP_ACCEPTED, MARK, "tcp", "accepted local=%u remote=%i:%u")                                 \
    X(TCP_RETRANSMIT, DETAIL, "tcp", "retransmit conn=%u offset=%u len=%u reason=%R")              \
    X(TCP_PROBE, DETAIL, "tcp", "probe conn=%u window=%u")                                         \
    X(TCP_RST_SENT, MARK, "tcp", "rst dir=tx local=%u remote=%i:%u")                               \
    X(TCP_RST_RECEIVED, MARK, "tcp", "rst dir=rx local=%u remote=%i:%u")                           \
    X(TCP_CHALLENGE, DETAIL, "tcp", "challenge conn=%u")                                           \
    X(TCP_ABORTED, MARK, "tcp", "aborted local=%u remote=%i:%u reason=%E")                         \
    X(TCP_READ, DETAIL, "tcp", "read local=%u remote=%i:%u len=%u")                                \
    X(TCP_WRITTEN, DETAIL, "tcp", "written local=%u remote=%i:%u len=%u")                          \
    X(TCP_STREAM_END, DETAIL, "tcp", "end local=%u remote=%i:%u")                                  \
    X(PROCESS_FAULTED, MARK, "kernel", "fault pid=%u cause=%u address=%x")                         \
    X(VNET_RING, MARK, "virtionetd", "packed=%u event_idx=%u indirect=%u interrupts=%u")           \
    X(VNET_STALLED, MARK, "virtionetd", "stalled queue=tx in_flight=%u")                           \
    X(VNET_SPARE, MARK, "virtionetd", "spare mac=%m")                                              \
    X(RNG_DEVICE, MARK, "virtiorngd", "mmio=%x irq=%u version=%u queue=%u")                        \
    X(RNG_PCI, MARK, "virtiorngd", "pci=%P irq=%u transport=%I queue=%u")                          \
    X(RNG_SEEDED, MARK, "virtiorngd", "seeded bytes=%u requests=%u")                               \
    X(RNG_FAILED, MARK, "virtiorngd", "failed reason=%V value=%x")                                 \
    X(TCP_COOKIE, DETAIL, "tcp", "cookie local=%u remote=%i:%u")                                   \
    X(DHCP_OPTION, MARK, "netstackd", "virt0 dhcp refused option=%u reason=%F")                    \
    X(DHCP_DECLINED, MARK, "netstackd", "virt0 dhcp declined addr=%i wait_s=%u")                   \
    X(DNS_QUERY, DETAIL, "dns", "query id=%u local=%u server=%i try=%u")                           \
    X(DNS_DONE, DETAIL, "dns", "done addresses=%u ttl_s=%u")                                       \
    X(DNS_FAILED, DETAIL, "dns", "failed reason=%E ttl_s=%u")

/* Why a received packet, or one that could not be sent, was dropped. X(id, word). */
#define DROP_REASONS(X)                                                                            \
    X(ETH_RUNT, "eth-runt")                                                                        \
    X(ETH_GIANT, "eth-giant")                                                                      \
    X(ETH_SOURCE, "eth-source")                                                                    \
    X(ETH_OTHER, "eth-other-host")                                                                 \
    X(ETH_TYPE, "eth-type")                                                                        \
    X(ARP_SHORT, "arp-short")                                                                      \
    X(ARP_FORMAT, "arp-format")                                                                    \
    X(ARP_OP, "arp-op")                                                                            \
    X(ARP_ADDRESS, "arp-address")                                                                  \
    X(ARP_OTHER, "arp-other-host")                                                                 \
    X(ARP_UNASKED, "arp-unasked")                                                                  \
    X(ARP_CONFLICT, "arp-conflict")                                                                \
    X(ARP_PARKED, "arp-parked")                                                                    \
    X(IP_SHORT, "ip-short")                                                                        \
    X(IP_VERSION, "ip-version")                                                                    \
    X(IP_HEADER_LEN, "ip-header-length")                                                           \
    X(IP_TOTAL_LEN, "ip-total-length")                                                             \
    X(IP_CHECKSUM, "ip-checksum")                                                                  \
    X(IP_SOURCE, "ip-source")                                                                      \
    X(IP_DESTINATION, "ip-destination")                                                            \
    X(IP_FRAGMENT, "ip-fragment")                                                                  \
    X(IP_SOURCE_ROUTE, "ip-source-route")                                                          \
    X(IP_PROTOCOL, "ip-protocol")                                                                  \
    X(IP_BROADCAST_FRAME, "ip-broadcast-frame")                                                    \
    X(IP_NO_ROUTE, "ip-no-route")                                                                  \
    X(ICMP_SHORT, "icmp-short")                                                                    \
    X(ICMP_CHECKSUM, "icmp-checksum")                                                              \
    X(ICMP_TYPE, "icmp-type")                                                                      \
    X(ICMP_QUOTE, "icmp-quote")                                                                    \
    X(ICMP_BROADCAST, "icmp-broadcast")                                                            \
    X(ICMP_LIMIT, "icmp-limit")                                                                    \
    X(UDP_LENGTH, "udp-length")                                                                    \
    X(UDP_CHECKSUM, "udp-checksum")                                                                \
    X(UDP_PORT, "udp-port")                                                                        \
    X(UDP_FULL, "udp-full")                                                                        \
    X(DHCP_FORMAT, "dhcp-format")                                                                  \
    X(DHCP_OTHER, "dhcp-other")                                                                    \
    X(DHCP_STATE, "dhcp-state")                                                                    \
    X(TCP_SHORT, "tcp-short")                                                                      \
    X(TCP_CHECKSUM, "tcp-checksum")                                                                \
    X(TCP_OPTIONS, "tcp-options")                                                                  \
    X(TCP_STAMP, "tcp-timestamp")                                                                  \
    X(TCP_PORT, "tcp-port")                                                                        \
    X(TCP_SEQUENCE, "tcp-sequence")                                                                \
    X(TCP_ACK, "tcp-ack")                                                                          \
    X(TCP_FLAGS, "tcp-flags")                                                                      \
    X(TCP_BACKLOG, "tcp-backlog")                                                                  \
    X(TCP_LIMIT, "tcp-limit")                                                                      \
    X(TX_FULL, "tx-full")                                                                          \
    X(LOOPBACK_FULL, "loopback-full")                                                              \
    X(TCP_BUFFER, "tcp-buffer")                                                                    \
    X(DNS_FORMAT, "dns-format")                                                                    \
    X(DNS_OTHER, "dns-other")

/* Why the DHCP client refused an option, or all of a message. X(id, word). */
#define DHCP_REFUSALS(X)                                                                           \
    X(LENGTH, "length")                                                                            \
    X(VALUE, "value")                                                                              \
    X(NAME, "name")                                                                                \
    X(POINTER, "pointer")                                                                          \
    X(TOO_LONG, "too-long")                                                                        \
    X(ADDRESS, "address")                                                                          \
    X(SERVER, "server")                                                                            \
    X(MASK, "mask")                                                                                \
    X(LEASE, "lease-time")

/* Why a virtio device was declared failed. X(id, word). */
#define VIRTIO_FAILURES(X)                                                                         \
    X(MAGIC, "magic")                                                                              \
    X(VERSION, "version")                                                                          \
    X(DEVICE_ID, "device-id")                                                                      \
    X(RESET, "reset-timeout")                                                                      \
    X(NEEDS_RESET, "needs-reset")                                                                  \
    X(NO_VERSION_1, "no-version-1")                                                                \
    X(FEATURES_OK, "features-refused")                                                             \
    X(QUEUE_ABSENT, "queue-absent")                                                                \
    X(QUEUE_SIZE, "queue-size")                                                                    \
    X(QUEUE_READY, "queue-ready")                                                                  \
    X(CONFIG, "config-unstable")                                                                   \
    X(CONFIG_SHORT, "config-short")                                                                \
    X(MTU, "mtu")                                                                                  \
    X(MEMORY, "dma-memory")                                                                        \
    X(PCI_STRUCTURE, "pci-structure")                                                              \
    X(PCI_NOTIFY, "pci-notify")                                                                    \
    X(MSIX, "msix")                                                                                \
    X(USED_INDEX, "used-index")                                                                    \
    X(USED_ID, "used-id")                                                                          \
    X(USED_NOT_HEAD, "used-not-in-flight")                                                         \
    X(USED_LEN, "used-length")

#define TRACE_ENUM(id, level, component, format) TRACE_##id,
enum trace_id { TRACE_EVENTS(TRACE_ENUM) TRACE_COUNT };
#undef TRACE_ENUM

#define DROP_ENUM(id, word) DROP_##id,
enum drop_reason { DROP_REASONS(DROP_ENUM) DROP_COUNT };
#undef DROP_ENUM

#define DHCP_REFUSAL_ENUM(id, word) DHCP_REFUSAL_##id,
enum dhcp_refusal { DHCP_TAKEN, DHCP_REFUSALS(DHCP_REFUSAL_ENUM) };
#undef DHCP_REFUSAL_ENUM

#define VIRTIO_FAILURE_ENUM(id, word) VIRTIO_FAILURE_##id,
enum virtio_failure { VIRTIO_FAILURES(VIRTIO_FAILURE_ENUM) VIRTIO_FAILURE_COUNT };
#undef VIRTIO_FAILURE_ENUM

enum trace_level { TRACE_LEVEL_MARK, TRACE_LEVEL_DETAIL };

enum retransmit_reason {
    RETRANSMIT_RTO,
    RETRANSMIT_FAST,
    RETRANSMIT_PARTIAL,
    RETRANSMIT_MTU,
    RETRANSMIT_SACK,
    RETRANSMIT_TAIL,
};
enum lease_lost_reason {
    LEASE_LOST_NAK,
    LEASE_LOST_EXPIRED,
    LEASE_LOST_CHANGED,
    LEASE_LOST_RELEASED
};

#endif
