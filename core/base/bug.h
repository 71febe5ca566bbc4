/*
 * Planted bugs: the proof that the oracles can fail (docs/simulator.md, `make test`).
 *
 * BUG(name) is 0 and vanishes, unless all is built with -DDRYWIRE_BUGS (`make BUGS=1`); then the
 * machine says which one of them is in force: the simulator by the environment variable
 * DRYWIRE_BUG, a target by its command line (targets/common/options.h). Built with PLANT=name
 * simulator and images have that one always.
 */
#ifndef DRYWIRE_BUG_H
#define DRYWIRE_BUG_H

/* X(name, what the bug is). */
#define BUG_LIST(X)                                                                                \
    X(LEGACY_FEATURES_OK, "legacy bring-up writes FEATURES_OK")                                    \
    X(MODERN_NO_FEATURES_OK, "modern bring-up skips FEATURES_OK")                                  \
    X(QUEUE_SIZE, "the ring is laid out for half the queue size told to the device")               \
    X(QUEUE_ALIGN, "the memory of a legacy queue does not begin with a page")                      \
    X(QUEUE_PFN, "a legacy device is told a queue's address in place of its page number")          \
    X(VIRTUAL_ADDRESS, "a pointer is handed to the device as a bus address")                       \
    X(RX_AFTER_DRIVER_OK, "receive buffers are posted after DRIVER_OK")                            \
    X(EARLY_NOTIFY, "the receive queue is notified before DRIVER_OK")                              \
    X(NO_WRITE_BARRIER, "the available index is published without a barrier")                      \
    X(NO_READ_BARRIER, "used entries are read without a barrier")                                  \
    X(NO_NOTIFY, "the transmit queue is never notified")                                           \
    X(NOTIFY_SUPPRESSED, "the device is notified although it asked not to be")                     \
    X(PACKED_WRAP, "the ring wrap counter stays when the packed ring comes to its end")            \
    X(PACKED_NO_WRITE_BARRIER, "a packed head is made available without a barrier")                \
    X(PACKED_NO_READ_BARRIER, "a used packed descriptor is read without a barrier")                \
    X(EVENT_IDX_LAST, "only the last of several new entries is compared with avail_event")         \
    X(INDIRECT_NEXT, "a descriptor that refers to an indirect table has NEXT set")                 \
    X(NO_SECOND_LOOK, "interrupts are asked for without a look at what is there already")          \
    X(DESCRIPTOR_REUSE, "a transmit descriptor is used again before its used entry was taken")     \
    X(RX_TOUCH, "the driver writes to a receive buffer that the device owns")                      \
    X(NO_RESET_AT_END, "the device is not reset when the machine stops")                           \
    X(RX_LEAK, "every eighth receive buffer is not posted again")                                  \
    X(TX_FREED_TWICE, "from the fourth frame on a transmit slot that comes back is freed twice")   \
    X(HEADER_LEN, "the net header is taken to be 10 bytes on a modern device")                     \
    X(HEADER_LEN_LONG, "the net header is taken to be 12 bytes on a legacy device")                \
    X(FEATURE_NOT_OFFERED, "a feature bit is accepted that was not offered")                       \
    X(TX_HEADER_GARBAGE, "the transmit header asks for segmentation that was not negotiated")      \
    X(PCI_NO_MASTER, "bus mastering stays switched off")                                           \
    X(PCI_NOTIFY_OFFSET, "the notify address ignores the multiplier")                              \
    X(PCI_CONFIG_OFFSET, "legacy configuration is read at 0x18 without MSI-X")                     \
    X(PCI_QUEUE_SIZE, "the driver chooses the size of a legacy PCI queue")                         \
    X(SHORT_FRAME_JUNK, "the padding of short frames is not cleared")                              \
    X(DHCP_DEAF, "every DHCP reply is swallowed")                                                  \
    X(DHCP_NO_EXPIRY, "the address is used after the end of its lease")                            \
    X(DHCP_XID, "any transaction id is accepted")                                                  \
    X(LOOPBACK_WIRE, "packets to 127.0.0.0/8 go to the gateway")                                   \
    X(ARP_STORM, "ARP requests are not rate limited")                                              \
    X(TCP_WINDOW, "data is sent beyond the peer's window")                                         \
    X(TCP_ACK_AHEAD, "out-of-order data is acknowledged as if it were in order")                   \
    X(TCP_RETRANSMIT_SHIFT, "retransmitted bytes are taken one further in the buffer")             \
    X(TCP_WINDOW_SHRINK, "the offered window is halved now and then, which takes it back")         \
    X(TCP_NO_RETRANSMIT, "nothing is ever retransmitted")                                          \
    X(TCP_RTO_FLAT, "the retransmission timer does not double")                                    \
    X(ARP_FORMAT, "the lengths in an ARP packet are not checked")                                  \
    X(TCP_OFFSET, "a TCP data offset below 5 is taken for 5")                                      \
    X(TCP_NO_PROBE, "a closed window is never probed")                                             \
    X(TCP_FIN_NUMBER, "the FIN takes no sequence number")                                          \
    X(TCP_STREAM, "a byte of the stream is delivered twice")                                       \
    X(TCP_RST_TO_RST, "a reset is answered by a reset")                                            \
    X(ADDRESS_TWICE, "accept and recvfrom write past the program's address structure")             \
    X(DROP_TWICE, "a UDP datagram of an impossible length is dropped twice")                       \
    X(ICMP_CHECKSUM, "the checksum of an ICMP message is not checked")                             \
    X(COUNTER_TX, "every third frame that is sent is counted twice")                               \
    X(COUNTER_RX, "from the third frame on what is received is not counted")                       \
    X(COUNTER_DROPS, "a dropped frame is counted twice")                                           \
    X(LEASE_DNS, "the gateway is taken for the name server")                                       \
    X(LEASE_LEFT, "the time left of a lease is what it was at first")                              \
    X(ACCEPT_ADDRESS, "accept returns the machine's own port as the peer's")                       \
    X(RECVFROM_ADDRESS, "recvfrom returns the port after the peer's")                              \
    X(TCP_CHECKSUM, "the TCP checksum leaves out the pseudo-header")

#define BUG_ENUM(name, what) BUG_##name,
enum bug { BUG_LIST(BUG_ENUM) BUG_COUNT };
#undef BUG_ENUM

#ifdef DRYWIRE_BUGS
int bug_chosen(enum bug bug);
#define BUG(name) bug_chosen(BUG_##name)
#elif defined(DRYWIRE_PLANTED)
#define BUG(name) (BUG_##name == DRYWIRE_PLANTED)
#else
#define BUG(name) 0
#endif

/* Barriers are planted by their site: the kind that is asked for there in place of `kind`, or -1
 * for none. In the simulator only, by the environment variable DRYWIRE_BARRIER
 * (sim/machine/bugs.c). */
#if defined(DRYWIRE_BUGS) && defined(DRYWIRE_SIM)
int bug_barrier(const char *site, int kind);
#define BUG_BARRIER(site, kind) bug_barrier((site), (int)(kind))
#else
#define BUG_BARRIER(site, kind) ((void)(site), (int)(kind))
#endif

#endif
