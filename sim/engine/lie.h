/*
 * Lies of a fake device: `device NAME lie=WORD`. One violation in a device that otherwise follows
 * the specification. A driver cannot tolerate any of them: it must mark the device as failed
 * (machine.h, oracle device.lie).
 */
#ifndef DRYWIRE_LIE_H
#define DRYWIRE_LIE_H

/* The devices that have a lie. */
enum lie_device {
    LIE_BY_ANY,
    LIE_BY_WIRE,   /* the network device at the wire */
    LIE_BY_NET,    /* a network device */
    LIE_BY_CONFIG, /* one with a device configuration */
    LIE_BY_FIRST,  /* one whose first queue is used: without a wire no frame passes */
    LIE_BY_SECOND, /* the same for the second queue */
};

/* X(id, word, transport, devices). Transport: P: pci-modern; X: the same with msix=on; M: mmio and
 * mmio-legacy; N: mmio and pci-modern; S: one with a split ring; A: any but pci-transitional, which
 * a driver may use through its other interface. */
#define DEVICE_LIES(X)                                                                             \
    X(TREE_SHORT, "tree-short", "A", LIE_BY_WIRE)                                                  \
    X(TREE_OFFSET, "tree-offset", "A", LIE_BY_WIRE)                                                \
    X(TREE_NAME, "tree-name", "A", LIE_BY_WIRE)                                                    \
    X(TREE_VALUE, "tree-value", "A", LIE_BY_WIRE)                                                  \
    X(TREE_NESTING, "tree-nesting", "A", LIE_BY_WIRE)                                              \
    X(TREE_CELLS, "tree-cells", "M", LIE_BY_WIRE)                                                  \
    X(MAGIC, "magic", "M", LIE_BY_ANY)                                                             \
    X(VERSION, "version", "M", LIE_BY_ANY)                                                         \
    X(DEVICE_ID, "device-id", "M", LIE_BY_ANY)                                                     \
    X(CAP_LOOP, "cap-loop", "P", LIE_BY_ANY)                                                       \
    X(CAP_BAR, "cap-bar", "P", LIE_BY_ANY)                                                         \
    X(CAP_OFFSET, "cap-offset", "P", LIE_BY_ANY)                                                   \
    X(CAP_LENGTH, "cap-length", "P", LIE_BY_ANY)                                                   \
    X(CAP_SHORT, "cap-short", "P", LIE_BY_ANY)                                                     \
    X(CAP_SIZE, "cap-size", "P", LIE_BY_ANY)                                                       \
    X(CAP_ALIGN, "cap-align", "P", LIE_BY_ANY)                                                     \
    X(CAP_END, "cap-end", "P", LIE_BY_ANY)                                                         \
    X(CAP_NO_COMMON, "cap-no-common", "P", LIE_BY_ANY)                                             \
    X(CAP_NO_NOTIFY, "cap-no-notify", "P", LIE_BY_ANY)                                             \
    X(CAP_NO_ISR, "cap-no-isr", "P", LIE_BY_ANY)                                                   \
    X(CONFIG_SHORT, "config-short", "P", LIE_BY_CONFIG)                                            \
    X(BAR_SIZE, "bar-size", "P", LIE_BY_ANY)                                                       \
    X(BAR_TYPE, "bar-type", "P", LIE_BY_ANY)                                                       \
    X(MSIX_BAR, "msix-bar", "X", LIE_BY_ANY)                                                       \
    X(MSIX_VECTOR, "msix-vector", "X", LIE_BY_ANY)                                                 \
    X(NOTIFY_OFFSET, "notify-offset", "P", LIE_BY_ANY)                                             \
    X(RESET, "reset", "A", LIE_BY_ANY)                                                             \
    X(VERSION_1, "version-1", "N", LIE_BY_ANY)                                                     \
    X(FEATURES_OK, "features-ok", "N", LIE_BY_ANY)                                                 \
    X(CONFIG, "config", "A", LIE_BY_CONFIG)                                                        \
    X(MTU, "mtu", "A", LIE_BY_NET)                                                                 \
    X(QUEUE_ABSENT, "queue-absent", "A", LIE_BY_ANY)                                               \
    X(QUEUE_SIZE, "queue-size", "S", LIE_BY_ANY)                                                   \
    X(QUEUE_BUSY, "queue-busy", "A", LIE_BY_ANY)                                                   \
    X(QUEUE_ENABLE, "queue-enable", "A", LIE_BY_ANY)                                               \
    X(NEEDS_RESET, "needs-reset", "A", LIE_BY_ANY)                                                 \
    X(TX_USED_INDEX, "tx-used-index", "S", LIE_BY_SECOND)                                          \
    X(TX_USED_ID, "tx-used-id", "A", LIE_BY_SECOND)                                                \
    X(TX_USED_TWICE, "tx-used-twice", "A", LIE_BY_SECOND)                                          \
    X(RX_USED_INDEX, "rx-used-index", "S", LIE_BY_FIRST)                                           \
    X(RX_USED_ID, "rx-used-id", "A", LIE_BY_FIRST)                                                 \
    X(RX_USED_TWICE, "rx-used-twice", "A", LIE_BY_FIRST)                                           \
    X(RX_USED_LENGTH, "rx-used-length", "A", LIE_BY_FIRST)

#define LIE_ENUM(id, word, where, who) LIE_##id,
enum device_lie { LIE_NONE, DEVICE_LIES(LIE_ENUM) };
#undef LIE_ENUM

#endif
