/*
 * The table of all oracles, which check a run. `drywire list`, the scenario language, the verdict
 * line and docs/simulator.md use these rows, and sim_fail() accepts no other name.
 *
 * A row is an identifier, the name, the level, where it watches, the clause and the rule. An oracle
 * *looked* in a run when the thing that it checks occurred at least once, right or wrong: an oracle
 * that never looked has checked nothing.
 */
#ifndef DRYWIRE_ORACLE_TABLE_H
#define DRYWIRE_ORACLE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

/* MUST: a clause forbids it. SHOULD: a clause recommends against it. POLICY: our own rule. */
enum oracle_level { ORACLE_MUST, ORACLE_SHOULD, ORACLE_POLICY };

/* The device's side, the wire, or the run as a whole. Those of the wire can be switched off. */
enum oracle_watch { WATCH_DEVICE, WATCH_WIRE, WATCH_RUN };

#define ORACLE_TABLE(ROW)                                                                          \
    ROW(RING_PUBLISH_ORDER, "ring.publish_order", MUST, DEVICE,                                    \
        "VirtIO 1.2 section 2.7.13.3.1, 2.8.21.1",                                                 \
        "what is published is visible before it is published")                                     \
    ROW(RING_READ_ORDER, "ring.read_order", MUST, DEVICE, "VirtIO 1.2 section 2.7.14, 2.8.22",     \
        "a used entry is read after the index or flags that announce it")                          \
    ROW(RING_INDEX, "ring.index", MUST, DEVICE, "VirtIO 1.2 section 2.7.6.1, 2.8.16",              \
        "no more is made available than the queue holds")                                          \
    ROW(RING_CHAIN, "ring.chain", MUST, DEVICE, "VirtIO 1.2 section 2.7.5",                        \
        "a chain stays inside of the queue and has an end")                                        \
    ROW(RING_DIRECTION, "ring.direction", MUST, DEVICE, "VirtIO 1.2 section 2.7.4.2, 2.8.17",      \
        "device-readable descriptors come before device-writable ones")                            \
    ROW(RING_INDIRECT, "ring.indirect", MUST, DEVICE, "VirtIO 1.2 section 2.7.5.3.1, 2.8.19",      \
        "an indirect table has a form that the device can read")                                   \
    ROW(RING_WRAP, "ring.wrap", MUST, DEVICE, "VirtIO 1.2 section 2.8.1, 2.8.6",                   \
        "the flags of an available descriptor agree with the wrap counter")                        \
    ROW(RING_DMA_ADDRESS, "ring.dma_address", MUST, DEVICE, "VirtIO 1.2 section 2.7, 2.7.5",       \
        "rings and buffers lie in DMA memory")                                                     \
    ROW(RING_ALIGNMENT, "ring.alignment", MUST, DEVICE, "VirtIO 1.2 section 2.7, 2.8.11",          \
        "each part of a ring is aligned")                                                          \
    ROW(RING_SIZE, "ring.size", MUST, DEVICE, "VirtIO 1.2 section 2.7, 2.8",                       \
        "a queue has a size that exists and that the device offers")                               \
    ROW(RING_LAYOUT, "ring.layout", MUST, DEVICE, "VirtIO 1.2 section 2.7.2, 2.8",                 \
        "rings do not overlap")                                                                    \
    ROW(RING_NOT_CLEARED, "ring.not_cleared", MUST, DEVICE, "VirtIO 1.2 section 2.7.10.1, 2.8.13", \
        "a ring starts at zero")                                                                   \
    ROW(RING_OWNERSHIP, "ring.ownership", MUST, DEVICE, "VirtIO 1.2 section 2.7.13",               \
        "a buffer is not touched while the device has it")                                         \
    ROW(RING_DESCRIPTOR_CHANGED, "ring.descriptor_changed", MUST, DEVICE,                          \
        "VirtIO 1.2 section 3.3.1, 2.8.16", "a descriptor is not changed while the device has it") \
    ROW(RING_REUSE, "ring.reuse", MUST, DEVICE, "VirtIO 1.2 section 2.7.13, 2.8.21.1",             \
        "a descriptor or buffer id is not used twice at once")                                     \
    ROW(RING_OVERLAP, "ring.overlap", MUST, DEVICE, "VirtIO 1.2 section 2.7.5",                    \
        "two buffers of the device do not overlap")                                                \
    ROW(RING_LEAK, "ring.leak", POLICY, DEVICE, "VirtIO 1.2 section 2.7.13",                       \
        "at rest the receive buffers of the start are posted, nothing waits")                      \
    ROW(RING_LEFT_LIVE, "ring.left_live", MUST, DEVICE, "VirtIO 1.2 section 3.3.1",                \
        "no queue is live when its memory is taken back")                                          \
    ROW(RING_LOST_NOTIFICATION, "ring.lost_notification", MUST, DEVICE,                            \
        "VirtIO 1.2 section 2.7.13.4, 2.8.21.2", "the device is notified when it requests it")     \
    ROW(RING_EVENT, "ring.event", MUST, DEVICE, "VirtIO 1.2 section 2.7.7.1, 2.8.10",              \
        "the driver's event suppression is what was negotiated")                                   \
    ROW(NOTIFY_SUPPRESSED, "notify.suppressed", SHOULD, DEVICE,                                    \
        "VirtIO 1.2 section 2.7.10.1, 2.8.10",                                                     \
        "the device is not notified while it suppresses notifications")                            \
    ROW(NOTIFY_BEFORE_DRIVER_OK, "notify.before_driver_ok", MUST, DEVICE,                          \
        "VirtIO 1.2 section 3.1.1", "no queue is notified before DRIVER_OK")                       \
    ROW(NOTIFY_QUEUE, "notify.queue", MUST, DEVICE, "VirtIO 1.2 section 4.2.2",                    \
        "a queue that is notified is live")                                                        \
    ROW(INTERRUPT_MISSED, "interrupt.missed", MUST, DEVICE, "VirtIO 1.2 section 2.7.14, 2.8.22",   \
        "a driver that sleeps is interrupted for what it has not seen")                            \
    ROW(STATUS_ORDER, "status.order", MUST, DEVICE, "VirtIO 1.2 section 3.1.1, 3.1.2",             \
        "the steps of the initialisation keep their order")                                        \
    ROW(STATUS_CLEARED, "status.cleared", MUST, DEVICE, "VirtIO 1.2 section 2.1.1",                \
        "no status bit is cleared but by a reset")                                                 \
    ROW(STATUS_RESET, "status.reset", MUST, DEVICE, "VirtIO 1.2 section 4.1.4.3.2",                \
        "a driver waits until a reset reads back as 0")                                            \
    ROW(STATUS_FEATURES_OK_LEGACY, "status.features_ok_legacy", MUST, DEVICE,                      \
        "VirtIO 1.2 section 3.1.2", "a legacy interface has no FEATURES_OK")                       \
    ROW(STATUS_NO_FEATURES_OK, "status.no_features_ok", MUST, DEVICE, "VirtIO 1.2 section 3.1.1",  \
        "FEATURES_OK comes before DRIVER_OK")                                                      \
    ROW(STATUS_FEATURES_UNREAD, "status.features_unread", MUST, DEVICE,                            \
        "VirtIO 1.2 section 3.1.1", "the driver reads whether FEATURES_OK is still set")           \
    ROW(FEATURES_NOT_OFFERED, "features.not_offered", MUST, DEVICE, "VirtIO 1.2 section 2.2.1",    \
        "only features that were offered are accepted")                                            \
    ROW(FEATURES_LATE, "features.late", MUST, DEVICE, "VirtIO 1.2 section 3.1.1",                  \
        "no features are written after FEATURES_OK")                                               \
    ROW(CONFIG_FEATURE, "config.feature", MUST, DEVICE, "VirtIO 1.2 section 2.5.1",                \
        "a field is read only with the feature that gives it")                                     \
    ROW(CONFIG_WRITE, "config.write", MUST, DEVICE, "VirtIO 1.2 section 5.1.4",                    \
        "a read-only configuration is not written")                                                \
    ROW(MMIO_ACCESS, "mmio.access", MUST, DEVICE, "VirtIO 1.2 section 4.2.2.2",                    \
        "a register is accessed aligned, 32 bits wide, and as its direction allows")               \
    ROW(MMIO_QUEUE_LIVE, "mmio.queue_live", MUST, DEVICE, "VirtIO 1.2 section 4.2.2.2",            \
        "a live queue is not set up again")                                                        \
    ROW(PCI_ACCESS, "pci.access", MUST, DEVICE, "VirtIO 1.2 section 4.1.3.1",                      \
        "a register is accessed with the width of its field")                                      \
    ROW(PCI_BAR, "pci.bar", MUST, DEVICE, "VirtIO 1.2 section 4.1.4",                              \
        "BARs lie aligned in the host bridge's window, apart from each other")                     \
    ROW(PCI_CONFIG_SPACE, "pci.config", MUST, DEVICE, "VirtIO 1.2 section 4.1.2, 4.1.4",           \
        "only existing parts of configuration space are accessed")                                 \
    ROW(PCI_DECODE, "pci.decode", MUST, DEVICE, "PCI 3.0 section 6.2.2",                           \
        "a BAR is accessed while the function decodes it")                                         \
    ROW(PCI_INTERFACE, "pci.interface", MUST, DEVICE, "VirtIO 1.2 section 4.1.4",                  \
        "a driver uses one of the two interfaces")                                                 \
    ROW(PCI_MASTER, "pci.master", MUST, DEVICE, "PCI 3.0 section 6.2.2",                           \
        "a live device is a bus master")                                                           \
    ROW(PCI_MSIX, "pci.msix", MUST, DEVICE, "VirtIO 1.2 section 4.1.5.1.2",                        \
        "a vector in use is unmasked and has its message")                                         \
    ROW(PCI_NOTIFY, "pci.notify", MUST, DEVICE, "VirtIO 1.2 section 4.1.4.4",                      \
        "a queue is notified at its own address")                                                  \
    ROW(PCI_QUEUE_ENABLE, "pci.queue_enable", MUST, DEVICE, "VirtIO 1.2 section 4.1.4.3.2",        \
        "queue_enable is written with 1")                                                          \
    ROW(PCI_QUEUE_LIVE, "pci.queue_live", MUST, DEVICE, "VirtIO 1.2 section 4.1.4.3.2",            \
        "a live queue is not set up again")                                                        \
    ROW(PCI_SIZING, "pci.sizing", MUST, DEVICE, "PCI 3.0 section 6.2.5.1",                         \
        "a BAR is not written while the function decodes it")                                      \
    ROW(NET_RX_NOT_POSTED, "net.rx_not_posted", MUST, DEVICE, "VirtIO 1.2 section 3.1.1",          \
        "receive buffers are available before DRIVER_OK")                                          \
    ROW(NET_TX_HEADER, "net.tx_header", MUST, DEVICE, "VirtIO 1.2 section 5.1.6.2.1",              \
        "a transmit header asks only for what was negotiated")                                     \
    ROW(NET_TX_LENGTH, "net.tx_length", MUST, DEVICE, "VirtIO 1.2 section 5.1.6.2",                \
        "a packet has a header and a frame of 14 bytes to the largest")                            \
    ROW(NET_LAYOUT, "net.layout", MUST, DEVICE, "VirtIO 1.2 section 5.1.6.6",                      \
        "without ANY_LAYOUT the header has a descriptor of its own")                               \
    ROW(NET_RX_SIZE, "net.rx_size", SHOULD, DEVICE, "VirtIO 1.2 section 5.1.6.3.1, 5.1.4.2",       \
        "a receive buffer holds the largest frame")                                                \
    ROW(NET_DIRECTION, "net.direction", MUST, DEVICE, "VirtIO 1.2 section 5.1.6.2, 5.1.6.3",       \
        "transmit buffers are readable, receive buffers writable")                                 \
    ROW(RNG_DIRECTION, "rng.direction", MUST, DEVICE, "VirtIO 1.2 section 5.4.6.1",                \
        "the device can write every buffer of an entropy queue")                                   \
    ROW(RNG_LENGTH, "rng.length", MUST, DEVICE, "VirtIO 1.2 section 5.4.6.1",                      \
        "the driver uses as many random bytes as the device wrote")                                \
    ROW(FRAME_LENGTH, "frame.length", MUST, WIRE, "RFC 894",                                       \
        "a frame is 14 bytes to MTU + 14 long")                                                    \
    ROW(FRAME_SOURCE_MAC, "frame.source_mac", MUST, WIRE, "RFC 894",                               \
        "the source MAC is the interface's")                                                       \
    ROW(FRAME_MALFORMED, "frame.malformed", MUST, WIRE, "RFC 791, 792, 768, 9293",                 \
        "an independent decoder understands it")                                                   \
    ROW(FRAME_CHECKSUM, "frame.checksum", MUST, WIRE, "RFC 1071", "every checksum is right")       \
    ROW(FRAME_PADDING, "frame.padding", SHOULD, WIRE, "RFC 894", "padding is zero")                \
    ROW(FRAME_FRAGMENT, "frame.fragment", POLICY, WIRE, "RFC 791 section 3.2",                     \
        "no fragment is sent")                                                                     \
    ROW(FRAME_TTL, "frame.ttl", MUST, WIRE, "RFC 1122 section 3.2.1.7", "the TTL is not 0")        \
    ROW(FRAME_LOOPBACK, "frame.loopback", MUST, WIRE, "RFC 1122 section 3.2.1.3",                  \
        "no packet is sent to 127/8 or to the machine's own address")                              \
    ROW(FRAME_DROPPED, "frame.dropped", POLICY, WIRE, "docs/limits.md",                            \
        "every malformed frame is dropped, and counted once")                                      \
    ROW(FRAME_ANSWERED, "frame.answered", MUST, WIRE, "RFC 1122 section 3.2.1.2, 3.2.2",           \
        "malformed frames get no answer")                                                          \
    ROW(ARP_SOURCE, "arp.source", MUST, WIRE, "RFC 826",                                           \
        "an ARP packet has the machine's own addresses as sender")                                 \
    ROW(ARP_RATE, "arp.rate", SHOULD, WIRE, "RFC 1122 section 2.3.2.1",                            \
        "an address is requested at most once a second")                                           \
    ROW(ARP_DEFENCE, "arp.defence", MUST, WIRE, "RFC 5227 section 2.4",                            \
        "an address is defended once in ten seconds")                                              \
    ROW(ICMP_RATE, "icmp.rate", POLICY, WIRE, "docs/limits.md", "ICMP errors are limited")         \
    ROW(IP_SOURCE, "ip.source", MUST, WIRE, "RFC 1122 section 3.2.1.3",                            \
        "the source is the machine's address, or 0 for DHCP")                                      \
    ROW(UDP_LENGTH, "udp.length", MUST, WIRE, "RFC 768",                                           \
        "the UDP length is that of the IP payload")                                                \
    ROW(DHCP_ADDRESS, "dhcp.address", MUST, WIRE, "RFC 2131 section 4.4",                          \
        "an address is used only while its lease lasts")                                           \
    ROW(DHCP_XID, "dhcp.xid", MUST, WIRE, "RFC 2131 section 4.4.1",                                \
        "a requested address was offered under the same xid")                                      \
    ROW(TCP_STREAM, "tcp.stream", MUST, WIRE, "RFC 9293",                                          \
        "a program reads exactly what the peer sent")                                              \
    ROW(TCP_WRITTEN, "tcp.written", MUST, WIRE, "RFC 9293",                                        \
        "the wire carries exactly what the program wrote")                                         \
    ROW(TCP_WINDOW, "tcp.window", MUST, WIRE, "RFC 9293 section 3.8.6",                            \
        "nothing is sent beyond the peer's window")                                                \
    ROW(TCP_ACK_NUMBER, "tcp.ack", MUST, WIRE, "RFC 9293 section 3.4",                             \
        "only what was received without a gap is acknowledged")                                    \
    ROW(TCP_SACK, "tcp.sack", MUST, WIRE, "RFC 2018 section 3, 4",                                 \
        "only what was received is acknowledged selectively")                                      \
    ROW(TCP_WINDOW_SHRINK, "tcp.window_shrink", SHOULD, WIRE, "RFC 9293 section 3.8.6",            \
        "the offered right edge never goes back")                                                  \
    ROW(TCP_RETRANSMIT, "tcp.retransmit", MUST, WIRE, "RFC 9293 section 3.8",                      \
        "bytes sent again equal the first")                                                        \
    ROW(TCP_FIN_LAST, "tcp.fin", MUST, WIRE, "RFC 9293 section 3.6",                               \
        "no data follows a FIN, and its number never changes")                                     \
    ROW(TCP_MSS, "tcp.mss", MUST, WIRE, "RFC 9293 section 3.7.1",                                  \
        "no segment is larger than the peer's MSS")                                                \
    ROW(TCP_TIMER, "tcp.timer", SHOULD, WIRE, "RFC 6298 section 2, 5",                             \
        "nothing is sent again before its timer, which doubles")                                   \
    ROW(TCP_SILENT, "tcp.silent", MUST, WIRE, "RFC 9293 section 3.8.1, 3.8.6.1",                   \
        "lost data is sent again, a closed window is probed")                                      \
    ROW(TCP_CWND, "tcp.cwnd", MUST, WIRE, "RFC 5681 section 3.1, 3.2",                             \
        "no more is in flight than the congestion window allows")                                  \
    ROW(TCP_RESET_RATE, "tcp.reset_rate", POLICY, WIRE, "docs/limits.md",                          \
        "replies with a reset are limited")                                                        \
    ROW(TCP_CHALLENGE_RATE, "tcp.challenge_rate", SHOULD, WIRE, "RFC 5961 section 7",              \
        "challenge ACKs of a connection are limited")                                              \
    ROW(TCP_RST_REPLY, "tcp.rst_reply", MUST, WIRE, "RFC 9293 section 3.10.7.1",                   \
        "a reset is not answered by a reset")                                                      \
    ROW(REPORT_COUNTERS, "report.counters", POLICY, WIRE, "docs/markers.md",                       \
        "counters match the frames that passed the device, and the drops")                         \
    ROW(REPORT_LEASE, "report.lease", POLICY, WIRE, "RFC 2131 section 4.4.1, 4.4.5",               \
        "a printed lease matches its ACK and the time left")                                       \
    ROW(REPORT_PEER, "report.peer", POLICY, WIRE, "core/interface/syscall.h",                      \
        "accept and recvfrom return the address of the peer")                                      \
    ROW(CALLS_MEMORY, "calls.memory", POLICY, RUN, "core/interface/syscall.h",                     \
        "the kernel copies only to and from memory given to the running call")                     \
    ROW(GUEST_BOOT, "guest.boot", POLICY, RUN, "sim/machine/guest.h", "the guest starts")          \
    ROW(DEVICE_LIE, "device.lie", POLICY, RUN, "docs/scenarios.md", "a lying device is given up")  \
    ROW(BUDGET_POLL, "budget.poll", POLICY, RUN, "docs/simulator.md",                              \
        "a poll ends within 200,000 accesses")                                                     \
    ROW(BUDGET_EVENTS, "budget.events", POLICY, RUN, "docs/simulator.md",                          \
        "a run ends within 5,000,000 events")                                                      \
    ROW(LIVENESS_LIMIT, "liveness.limit", POLICY, RUN, "docs/scenarios.md",                        \
        "everything open ends within the limit")                                                   \
    ROW(EXPECT, "expect", POLICY, RUN, "docs/scenarios.md", "every expected line is seen in time") \
    ROW(NEVER, "never", POLICY, RUN, "docs/scenarios.md", "no forbidden line is seen")             \
    ROW(VACUOUS_FAULT, "vacuous.fault", POLICY, RUN, "docs/verdicts.md",                           \
        "a fault of the scenario fires")                                                           \
    ROW(VACUOUS_LINE, "vacuous.line", POLICY, RUN, "docs/verdicts.md",                             \
        "something uses each serve, peer and dial line")                                           \
    ROW(VACUOUS_NEVER, "vacuous.never", POLICY, RUN, "docs/verdicts.md",                           \
        "the time of a never line comes before the end of the run")                                \
    ROW(VACUOUS_RUN, "vacuous.run", POLICY, RUN, "docs/verdicts.md", "a frame passes")             \
    ROW(EXIT_STATUS, "exit.status", POLICY, RUN, "docs/verdicts.md",                               \
        "a program ends with status 0, or with that of an expect line")                            \
    ROW(RUN_PROGRAM, "run", POLICY, RUN, "docs/scenarios.md", "a program can be started")          \
    ROW(WORLD_DIAL, "world.dial", POLICY, RUN, "docs/scenarios.md",                                \
        "a dial gets the answer that its line expects")                                            \
    ROW(WORLD_FD, "world.fd", POLICY, RUN, "docs/simulator.md",                                    \
        "the world closes the sockets that it opened")                                             \
    ROW(REPLAY_FRAME, "replay.frame", POLICY, RUN, "docs/replay.md",                               \
        "the machine sends what the capture has")                                                  \
    ROW(PLAY_STREAM, "play.stream", POLICY, RUN, "docs/replay.md",                                 \
        "a played peer receives the stream of the capture")

enum oracle_id {
#define ORACLE_ID(id, name, level, watch, clause, sentence) id,
    ORACLE_TABLE(ORACLE_ID)
#undef ORACLE_ID
        ORACLE_COUNT,
};

struct oracle_row {
    const char *name; /* "ring.ownership" */
    enum oracle_level level;
    enum oracle_watch watch;
    const char *clause, *sentence;
};

/* By enum oracle_id. */
extern const struct oracle_row oracle_table[ORACLE_COUNT];

/* Its number; ORACLE_COUNT: there is no oracle with this name. */
enum oracle_id oracle_find(const char *name);

/* "must", "should", "policy". */
const char *oracle_level_word(enum oracle_level level);

/* ---- sets of oracles ---- */

enum { ORACLE_WORDS = (ORACLE_COUNT + 63) / 64 };

struct oracle_set {
    uint64_t words[ORACLE_WORDS];
};

static inline void oracle_set_add(struct oracle_set *s, enum oracle_id id)
{
    s->words[id / 64] |= UINT64_C(1) << id % 64;
}

static inline bool oracle_set_has(const struct oracle_set *s, enum oracle_id id)
{
    return s->words[id / 64] >> id % 64 & 1;
}

unsigned oracle_set_count(const struct oracle_set *s);

#endif
