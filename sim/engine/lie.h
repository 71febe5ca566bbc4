/*
 * What a fake device may lie about: `device virtio-net lie=WORD`. One thing of a device that is
 * otherwise as the specification says. A driver cannot live with any of them: it must give the
 * device up (machine.h, oracle device.lie).
 */
#ifndef DRYWIRE_LIE_H
#define DRYWIRE_LIE_H

/* X(id, word, which device can): P: pci-modern; X: the same with msix=on; M: mmio and mmio-legacy;
 * N: mmio and pci-modern; S: one with a split ring; A: any but pci-transitional, which a driver may
 * use through its other interface. */
#define DEVICE_LIES(X)                                                                             \
    X(TREE_SHORT, "tree-short", "A")                                                               \
    X(TREE_OFFSET, "tree-offset", "A")                                                             \
    X(TREE_NAME, "tree-name", "A")                                                                 \
    X(TREE_VALUE, "tree-value", "A")                                                               \
    X(TREE_NESTING, "tree-nesting", "A")                                                           \
    X(TREE_CELLS, "tree-cells", "M")                                                               \
    X(MAGIC, "magic", "M")                                                                         \
    X(VERSION, "version", "M")                                                                     \
    X(DEVICE_ID, "device-id", "M")                                                                 \
    X(CAP_LOOP, "cap-loop", "P")                                                                   \
    X(CAP_BAR, "cap-bar", "P")                                                                     \
    X(CAP_OFFSET, "cap-offset", "P")                                                               \
    X(CAP_LENGTH, "cap-length", "P")                                                               \
    X(CAP_SHORT, "cap-short", "P")                                                                 \
    X(CAP_SIZE, "cap-size", "P")                                                                   \
    X(CAP_ALIGN, "cap-align", "P")                                                                 \
    X(CAP_END, "cap-end", "P")                                                                     \
    X(CAP_NO_COMMON, "cap-no-common", "P")                                                         \
    X(CAP_NO_NOTIFY, "cap-no-notify", "P")                                                         \
    X(CAP_NO_ISR, "cap-no-isr", "P")                                                               \
    X(CONFIG_SHORT, "config-short", "P")                                                           \
    X(BAR_SIZE, "bar-size", "P")                                                                   \
    X(BAR_TYPE, "bar-type", "P")                                                                   \
    X(MSIX_BAR, "msix-bar", "X")                                                                   \
    X(MSIX_VECTOR, "msix-vector", "X")                                                             \
    X(NOTIFY_OFFSET, "notify-offset", "P")                                                         \
    X(RESET, "reset", "A")                                                                         \
    X(VERSION_1, "version-1", "N")                                                                 \
    X(FEATURES_OK, "features-ok", "N")                                                             \
    X(CONFIG, "config", "A")                                                                       \
    X(MTU, "mtu", "A")                                                                             \
    X(QUEUE_ABSENT, "queue-absent", "A")                                                           \
    X(QUEUE_SIZE, "queue-size", "S")                                                               \
    X(QUEUE_BUSY, "queue-busy", "A")                                                               \
    X(QUEUE_ENABLE, "queue-enable", "A")                                                           \
    X(NEEDS_RESET, "needs-reset", "A")                                                             \
    X(TX_USED_INDEX, "tx-used-index", "S")                                                         \
    X(TX_USED_ID, "tx-used-id", "A")                                                               \
    X(TX_USED_TWICE, "tx-used-twice", "A")                                                         \
    X(RX_USED_INDEX, "rx-used-index", "S")                                                         \
    X(RX_USED_ID, "rx-used-id", "A")                                                               \
    X(RX_USED_TWICE, "rx-used-twice", "A")                                                         \
    X(RX_USED_LENGTH, "rx-used-length", "A")

#define LIE_ENUM(id, word, where) LIE_##id,
enum device_lie { LIE_NONE, DEVICE_LIES(LIE_ENUM) };
#undef LIE_ENUM

#endif
