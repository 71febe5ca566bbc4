/*
 * A register front of the fake device: virtio over PCI (VirtIO 1.2 section 4.1), the modern
 * structures in BAR 4, the legacy registers in BAR 0 (4.1.4.10), the MSI-X table in BAR 1. Where
 * the BARs are is in pci_config.c, what the registers mean in front.c.
 *
 * A transitional device has both interfaces; whichever its driver uses first after a reset counts,
 * and the other one is closed until the next.
 */
#include "device.h"

enum { R = 1, W = 2, QUEUE = 4 };

struct pci_register {
    uint8_t offset, size, access;
    const char *name;
};

/* 4.1.4.3; 64-bit fields are accessed as two of 32 bits: 4.1.3.1. */
static const struct pci_register common_registers[] = {
    {VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT, 4, R | W, "device_feature_select"},
    {VIRTIO_PCI_COMMON_DEVICE_FEATURE, 4, R, "device_feature"},
    {VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, R | W, "driver_feature_select"},
    {VIRTIO_PCI_COMMON_DRIVER_FEATURE, 4, R | W, "driver_feature"},
    {VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR, 2, R | W, "config_msix_vector"},
    {VIRTIO_PCI_COMMON_NUM_QUEUES, 2, R, "num_queues"},
    {VIRTIO_PCI_COMMON_DEVICE_STATUS, 1, R | W, "device_status"},
    {VIRTIO_PCI_COMMON_CONFIG_GENERATION, 1, R, "config_generation"},
    {VIRTIO_PCI_COMMON_QUEUE_SELECT, 2, R | W, "queue_select"},
    {VIRTIO_PCI_COMMON_QUEUE_SIZE, 2, R | W | QUEUE, "queue_size"},
    {VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR, 2, R | W | QUEUE, "queue_msix_vector"},
    {VIRTIO_PCI_COMMON_QUEUE_ENABLE, 2, R | W, "queue_enable"},
    {VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF, 2, R, "queue_notify_off"},
    {VIRTIO_PCI_COMMON_QUEUE_DESC, 4, R | W | QUEUE, "queue_desc"},
    {VIRTIO_PCI_COMMON_QUEUE_DESC + 4, 4, R | W | QUEUE, "queue_desc, high"},
    {VIRTIO_PCI_COMMON_QUEUE_DRIVER, 4, R | W | QUEUE, "queue_driver"},
    {VIRTIO_PCI_COMMON_QUEUE_DRIVER + 4, 4, R | W | QUEUE, "queue_driver, high"},
    {VIRTIO_PCI_COMMON_QUEUE_DEVICE, 4, R | W | QUEUE, "queue_device"},
    {VIRTIO_PCI_COMMON_QUEUE_DEVICE + 4, 4, R | W | QUEUE, "queue_device, high"},
    {0, 0, 0, 0},
};

/* 4.1.4.10; the last two only while MSI-X is enabled. */
static const struct pci_register legacy_registers[] = {
    {VIRTIO_PCI_HOST_FEATURES, 4, R, "Device Features"},
    {VIRTIO_PCI_GUEST_FEATURES, 4, R | W, "Driver Features"},
    {VIRTIO_PCI_QUEUE_PFN, 4, R | W, "Queue Address"},
    {VIRTIO_PCI_QUEUE_NUM, 2, R, "Queue Size"},
    {VIRTIO_PCI_QUEUE_SEL, 2, R | W, "Queue Select"},
    {VIRTIO_PCI_QUEUE_NOTIFY, 2, R | W, "Queue Notify"},
    {VIRTIO_PCI_STATUS, 1, R | W, "Device Status"},
    {VIRTIO_PCI_ISR, 1, R, "ISR Status"},
    {VIRTIO_MSI_CONFIG_VECTOR, 2, R | W, "Configuration Vector"},
    {VIRTIO_MSI_QUEUE_VECTOR, 2, R | W | QUEUE, "Queue Vector"},
    {0, 0, 0, 0},
};

static bool wrong(struct net_device *n, const char *clause, const char *what, uint32_t offset,
                  unsigned size, unsigned how)
{
    VIOLATION(n->bus, "pci.access", clause, "%u-byte %s of %s at %#x", size,
              how == R ? "read" : "write", what, offset);
    return false;
}

/* Is there such a register, and may it be accessed so? */
static bool register_check(struct net_device *n, const struct pci_register *r, uint32_t offset,
                           unsigned size, unsigned how)
{
    LOOK(n->bus, PCI_ACCESS);
    for (; r->name; r++) {
        if (offset < r->offset || offset >= (uint32_t)r->offset + r->size)
            continue;
        if (offset != r->offset || size != r->size) {
            VIOLATION(n->bus, "pci.access", "4.1.3.1",
                      "%u-byte %s at %#x, in %s, which is %u bytes wide at %#x", size,
                      how == R ? "read" : "write", offset, r->name, r->size, r->offset);
            return false;
        }
        if (!(r->access & how)) {
            VIOLATION(n->bus, "pci.access", "4.1.4.3.2", "%s is written, it is read only", r->name);
            return false;
        }
        return how == R || !(r->access & QUEUE) || front_queue_idle(n, r->name);
    }
    return wrong(n, "4.1.4", "nothing", offset, size, how);
}

/* ---- which interface ---- */

static bool interface_check(struct net_device *n, bool legacy)
{
    if (n->config.transport != NET_PCI_TRANSITIONAL || n->config.legacy == legacy) {
        n->pci.chosen = true;
        return true;
    }
    LOOK(n->bus, PCI_INTERFACE);
    if (n->pci.chosen) {
        VIOLATION(n->bus, "pci.interface", "4.1.4",
                  "a %s register is accessed while the device is driven through the other "
                  "interface",
                  legacy ? "legacy" : "modern");
        return false;
    }
    n->pci.chosen = true;
    n->config.legacy = legacy;
    for (unsigned i = 0; i < NET_QUEUES; i++)
        n->queue[i].legacy = legacy;
    return true;
}

void pci_reset(struct net_device *n)
{
    n->pci.chosen = false;
    n->pci.reset_unread = true;
    n->pci.config_vector = VIRTIO_MSI_NO_VECTOR;
    for (unsigned i = 0; i < FAKE_PCI_QUEUES; i++)
        n->pci.queue_vector[i] = VIRTIO_MSI_NO_VECTOR;
}

/* ---- what both have ---- */

static uint32_t status_read(struct net_device *n)
{
    n->pci.reset_unread = false;
    return front_status_read(n);
}

static void status_write(struct net_device *n, uint32_t value)
{
    if (value && !n->config.legacy)
        LOOK(n->bus, STATUS_RESET);
    if (value && n->pci.reset_unread && n->initialised && !n->config.legacy)
        VIOLATION(n->bus, "status.reset", "4.1.4.3.2",
                  "status is set to %#x before a read of 0 said that the reset is done", value);
    front_status_write(n, value);
}

static uint32_t isr_read(struct net_device *n)
{
    uint32_t value = n->interrupt_status;

    n->interrupt_status = 0;
    return value;
}

/* A vector that the device does not have reads back as NO_VECTOR: 4.1.5.1.2.1. */
static uint16_t vector(const struct net_device *n, uint32_t value)
{
    return value < FAKE_MSIX_VECTORS && n->config.lie != LIE_MSIX_VECTOR ? (uint16_t)value
                                                                         : VIRTIO_MSI_NO_VECTOR;
}

static uint16_t *queue_vector(struct net_device *n)
{
    return n->queue_sel < FAKE_PCI_QUEUES ? &n->pci.queue_vector[n->queue_sel] : 0;
}

/* A queue becomes live: from now on the device may access memory. */
static void queue_start(struct net_device *n, struct vqueue *q)
{
    front_set_up(n);
    LOOK(n->bus, PCI_MASTER);
    if (!(pci_command(n) & PCI_COMMAND_MASTER))
        VIOLATION(n->bus, "pci.master", "4.1",
                  "queue %u becomes live while the function may not be bus master (PCI 3.0 section "
                  "6.2.2)",
                  q->index);
    vqueue_start(q, n->features);
}

static void config_written(struct net_device *n, uint32_t offset)
{
    VIOLATION(n->bus, "config.write", "5.1.4", "configuration is written at %#x", offset);
}

/* ---- modern ---- */

static uint32_t queue_half(uint64_t address, uint32_t offset)
{
    return (uint32_t)(address >> (offset & 4 ? 32 : 0));
}

static uint32_t common_queue_read(struct net_device *n, struct vqueue *q, uint32_t offset)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_QUEUE_SIZE:
        return q->size ? q->size : q->size_max;
    case VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR:
        return n->pci.queue_vector[q->index];
    case VIRTIO_PCI_COMMON_QUEUE_ENABLE:
        return front_queue_ready(n, q);
    case VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF:
        return n->pci.notify_off[q->index];
    case VIRTIO_PCI_COMMON_QUEUE_DESC:
    case VIRTIO_PCI_COMMON_QUEUE_DESC + 4:
        return queue_half(q->desc, offset);
    case VIRTIO_PCI_COMMON_QUEUE_DRIVER:
    case VIRTIO_PCI_COMMON_QUEUE_DRIVER + 4:
        return queue_half(q->avail, offset - VIRTIO_PCI_COMMON_QUEUE_DRIVER);
    default:
        return queue_half(q->used, offset);
    }
}

static uint32_t common_read(struct net_device *n, uint32_t offset)
{
    struct vqueue *q = front_queue(n);

    switch (offset) {
    case VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT:
        return n->device_features_sel;
    case VIRTIO_PCI_COMMON_DEVICE_FEATURE:
        return front_features_read(n);
    case VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT:
        return n->driver_features_sel;
    case VIRTIO_PCI_COMMON_DRIVER_FEATURE:
        return n->driver_features_sel > 1 ? 0 : queue_half(n->features, 4 * n->driver_features_sel);
    case VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR:
        return n->pci.config_vector;
    case VIRTIO_PCI_COMMON_NUM_QUEUES:
        return NET_QUEUES;
    case VIRTIO_PCI_COMMON_DEVICE_STATUS:
        return status_read(n);
    case VIRTIO_PCI_COMMON_CONFIG_GENERATION:
        return front_generation(n) & 0xff;
    case VIRTIO_PCI_COMMON_QUEUE_SELECT:
        return n->queue_sel;
    default:
        return q ? common_queue_read(n, q, offset) : 0;
    }
}

static void common_queue_write(struct net_device *n, struct vqueue *q, uint32_t offset,
                               uint32_t value)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_QUEUE_SIZE:
        front_set_up(n);
        q->size = value;
        /* Any number, when the ring is packed. */
        if (value == 0 || value > q->size_max ||
            (!(n->features & VIRTIO_BIT(VIRTIO_F_RING_PACKED)) && (value & (value - 1))))
            VIOLATION(n->bus, "ring.size", "4.1.4.3.2",
                      "queue_size %u is not a power of two up to %u", value, q->size_max);
        break;
    case VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR:
        n->pci.queue_vector[q->index] = vector(n, value);
        break;
    case VIRTIO_PCI_COMMON_QUEUE_ENABLE:
        LOOK(n->bus, PCI_QUEUE_ENABLE);
        if (value != 1) {
            VIOLATION(n->bus, "pci.queue_enable", "4.1.4.3.2", "%u is written to queue_enable",
                      value);
            break;
        }
        if (!q->size)
            q->size = q->size_max;
        queue_start(n, q);
        break;
    case VIRTIO_PCI_COMMON_QUEUE_DESC:
    case VIRTIO_PCI_COMMON_QUEUE_DESC + 4:
        front_set_half(&q->desc, offset & 4, value);
        break;
    case VIRTIO_PCI_COMMON_QUEUE_DRIVER:
    case VIRTIO_PCI_COMMON_QUEUE_DRIVER + 4:
        front_set_half(&q->avail, offset & 4, value);
        break;
    default:
        front_set_half(&q->used, offset & 4, value);
    }
}

static void common_write(struct net_device *n, uint32_t offset, uint32_t value)
{
    struct vqueue *q = front_queue(n);

    switch (offset) {
    case VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT:
        n->device_features_sel = value;
        break;
    case VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT:
        n->driver_features_sel = value;
        break;
    case VIRTIO_PCI_COMMON_DRIVER_FEATURE:
        front_features_write(n, value);
        break;
    case VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR:
        n->pci.config_vector = vector(n, value);
        break;
    case VIRTIO_PCI_COMMON_DEVICE_STATUS:
        status_write(n, value);
        break;
    case VIRTIO_PCI_COMMON_QUEUE_SELECT:
        n->queue_sel = value;
        break;
    default:
        if (q)
            common_queue_write(n, q, offset, value);
    }
}

/* A queue is notified by its index, 16 bits wide, at a place of its own: 4.1.4.4, 4.1.5.2. */
static void notify_write(struct net_device *n, uint32_t offset, unsigned size, uint32_t value)
{
    uint64_t place;

    if (size != 2) {
        wrong(n, "4.1.5.2", "the notification area", offset, size, W);
        return;
    }
    if (value < FAKE_PCI_QUEUES) {
        place = n->pci.notify_off[value] * (uint64_t)n->pci.multiplier;
        LOOK(n->bus, PCI_NOTIFY);
        if (place != offset) {
            VIOLATION(
                n->bus, "pci.notify", "4.1.4.4",
                "queue %u is notified at offset %#x, its place is %#llx (queue_notify_off %u, "
                "multiplier %u)",
                value, offset, (unsigned long long)place, n->pci.notify_off[value],
                n->pci.multiplier);
            return;
        }
    }
    net_device_notify(n, value);
}

/* The notification area is as long as its capability says; less is between two places. */
static bool in_notify(const struct net_device *n, uint32_t offset)
{
    uint32_t most = 0;

    for (unsigned i = 0; i < FAKE_PCI_QUEUES; i++)
        if (n->pci.notify_off[i] * n->pci.multiplier > most)
            most = n->pci.notify_off[i] * n->pci.multiplier;
    return offset >= FAKE_PCI_NOTIFY_AT && offset < FAKE_PCI_NOTIFY_AT + most + 2;
}

static bool in_config(uint32_t offset)
{
    return offset >= FAKE_PCI_DEVICE_AT && offset < FAKE_PCI_DEVICE_AT + VIRTIO_NET_CONFIG_SIZE;
}

static uint32_t modern_read(struct net_device *n, uint32_t offset, unsigned size)
{
    if (!interface_check(n, false))
        return 0;
    if (offset >= FAKE_PCI_COMMON_AT && offset < FAKE_PCI_COMMON_AT + VIRTIO_PCI_COMMON_SIZE)
        return register_check(n, common_registers, offset - FAKE_PCI_COMMON_AT, size, R)
                   ? common_read(n, offset - FAKE_PCI_COMMON_AT)
                   : 0;
    if (in_config(offset))
        return net_device_config_read(n, offset - FAKE_PCI_DEVICE_AT, size);
    if (offset == FAKE_PCI_ISR_AT && size == 1)
        return isr_read(n);
    return wrong(n, "4.1.4", "no structure", offset, size, R);
}

static void modern_write(struct net_device *n, uint32_t offset, unsigned size, uint32_t value)
{
    if (!interface_check(n, false))
        return;
    if (offset >= FAKE_PCI_COMMON_AT && offset < FAKE_PCI_COMMON_AT + VIRTIO_PCI_COMMON_SIZE) {
        if (register_check(n, common_registers, offset - FAKE_PCI_COMMON_AT, size, W))
            common_write(n, offset - FAKE_PCI_COMMON_AT, value);
    } else if (in_notify(n, offset)) {
        notify_write(n, offset - FAKE_PCI_NOTIFY_AT, size, value);
    } else if (in_config(offset)) {
        config_written(n, offset - FAKE_PCI_DEVICE_AT);
    } else {
        wrong(n, "4.1.4", "no structure", offset, size, W);
    }
}

/* ---- legacy ---- */

static uint32_t legacy_config_at(const struct net_device *n)
{
    return pci_msix_enabled(n) ? VIRTIO_PCI_CONFIG_MSIX : VIRTIO_PCI_CONFIG;
}

static uint32_t legacy_register_read(struct net_device *n, uint32_t offset)
{
    struct vqueue *q = front_queue(n);

    switch (offset) {
    case VIRTIO_PCI_HOST_FEATURES:
        return (uint32_t)net_device_features(n);
    case VIRTIO_PCI_GUEST_FEATURES:
        return (uint32_t)n->features;
    case VIRTIO_PCI_QUEUE_PFN:
        if (!q || !front_queue_ready(n, q))
            return 0;
        return q->ready ? (uint32_t)(q->desc / VIRTQ_LEGACY_ALIGN) : 1;
    case VIRTIO_PCI_QUEUE_NUM:
        return q ? q->size_max : 0;
    case VIRTIO_PCI_QUEUE_SEL:
        return n->queue_sel;
    case VIRTIO_PCI_STATUS:
        return status_read(n);
    case VIRTIO_PCI_ISR:
        return isr_read(n);
    case VIRTIO_MSI_CONFIG_VECTOR:
        return n->pci.config_vector;
    case VIRTIO_MSI_QUEUE_VECTOR:
        return queue_vector(n) ? *queue_vector(n) : VIRTIO_MSI_NO_VECTOR;
    default:
        return 0;
    }
}

static void legacy_queue_place(struct net_device *n, struct vqueue *q, uint32_t page)
{
    if (page == 0) {
        vqueue_reset(q);
        return;
    }
    if (!front_queue_idle(n, "Queue Address"))
        return;
    q->size = q->size_max; /* the driver has no say: 4.1.5.1.3.1 */
    q->desc = page * (uint64_t)VIRTQ_LEGACY_ALIGN;
    queue_start(n, q);
}

static void legacy_register_write(struct net_device *n, uint32_t offset, uint32_t value)
{
    struct vqueue *q = front_queue(n);

    switch (offset) {
    case VIRTIO_PCI_GUEST_FEATURES:
        n->driver_features_sel = 0;
        front_features_write(n, value);
        break;
    case VIRTIO_PCI_QUEUE_PFN:
        if (q)
            legacy_queue_place(n, q, value);
        break;
    case VIRTIO_PCI_QUEUE_SEL:
        n->queue_sel = value;
        break;
    case VIRTIO_PCI_QUEUE_NOTIFY:
        net_device_notify(n, value);
        break;
    case VIRTIO_PCI_STATUS:
        status_write(n, value);
        break;
    case VIRTIO_MSI_CONFIG_VECTOR:
        n->pci.config_vector = vector(n, value);
        break;
    default:
        if (queue_vector(n))
            *queue_vector(n) = vector(n, value);
    }
}

static uint32_t legacy_read(struct net_device *n, uint32_t offset, unsigned size)
{
    uint32_t config = legacy_config_at(n);

    if (!interface_check(n, true))
        return 0;
    if (offset >= config)
        return net_device_config_read(n, offset - config, size);
    return register_check(n, legacy_registers, offset, size, R) ? legacy_register_read(n, offset)
                                                                : 0;
}

static void legacy_write(struct net_device *n, uint32_t offset, unsigned size, uint32_t value)
{
    uint32_t config = legacy_config_at(n);

    if (!interface_check(n, true))
        return;
    if (offset >= config)
        config_written(n, offset - config);
    else if (register_check(n, legacy_registers, offset, size, W))
        legacy_register_write(n, offset, value);
}

/* ---- MSI-X ---- */

static bool table_check(struct net_device *n, uint32_t offset, unsigned size, unsigned how)
{
    bool table = offset >= FAKE_PCI_TABLE_AT && offset - FAKE_PCI_TABLE_AT < sizeof(n->pci.table);

    if (size == 4 && offset % 4 == 0 && (table || (how == R && offset == FAKE_PCI_PBA_AT)))
        return true;
    return wrong(n, "4.1.5.1.2", "the MSI-X table", offset, size, how);
}

static uint32_t table_read(struct net_device *n, uint32_t offset, unsigned size)
{
    if (!table_check(n, offset, size, R) || offset == FAKE_PCI_PBA_AT)
        return 0; /* nothing is ever pending */
    return n->pci.table[(offset - FAKE_PCI_TABLE_AT) / 4];
}

static void table_write(struct net_device *n, uint32_t offset, unsigned size, uint32_t value)
{
    if (table_check(n, offset, size, W))
        n->pci.table[(offset - FAKE_PCI_TABLE_AT) / 4] = value;
}

/* The message of a vector is sent: is it one that the machine takes? */
void pci_message(struct net_device *n, unsigned index)
{
    const struct fake_msix *m = &n->config.msix;
    const uint32_t *entry;
    uint64_t address;

    if (index == VIRTIO_MSI_NO_VECTOR)
        return;
    entry = &n->pci.table[index * PCI_MSIX_ENTRY_SIZE / 4];
    address =
        (uint64_t)entry[PCI_MSIX_ENTRY_UPPER_ADDR / 4] << 32 | entry[PCI_MSIX_ENTRY_LOWER_ADDR / 4];
    LOOK(n->bus, PCI_MSIX);
    if (entry[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] & PCI_MSIX_ENTRY_CTRL_MASKBIT)
        VIOLATION(n->bus, "pci.msix", "4.1.5.1.2", "vector %u is in use and masked", index);
    else if (address != m->address || entry[PCI_MSIX_ENTRY_DATA / 4] != m->data)
        VIOLATION(n->bus, "pci.msix", "4.1.5.1.2",
                  "vector %u writes %#x to %#llx, which is no interrupt", index,
                  entry[PCI_MSIX_ENTRY_DATA / 4], (unsigned long long)address);
}

/* ---- the two entries ---- */

uint32_t net_device_pci_read(struct net_device *n, enum fake_space space, uint64_t address,
                             unsigned size)
{
    uint32_t offset;

    if (space == FAKE_CONFIG)
        return pci_config_read(n, address, size);
    switch (pci_bar_decode(n, space, address, size, &offset)) {
    case -1:
        return UINT32_MAX >> (32 - 8 * size);
    case 0:
        return legacy_read(n, offset, size);
    case 1:
        return table_read(n, offset, size);
    default:
        return modern_read(n, offset, size);
    }
}

void net_device_pci_write(struct net_device *n, enum fake_space space, uint64_t address,
                          unsigned size, uint32_t value)
{
    uint32_t offset;

    if (space == FAKE_CONFIG) {
        pci_config_write(n, address, size, value);
        return;
    }
    switch (pci_bar_decode(n, space, address, size, &offset)) {
    case -1:
        break;
    case 0:
        legacy_write(n, offset, size, value);
        break;
    case 1:
        table_write(n, offset, size, value);
        break;
    default:
        modern_write(n, offset, size, value);
    }
}
