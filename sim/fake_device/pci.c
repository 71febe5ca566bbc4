/*
 * A register front of the fake device: virtio over PCI (VirtIO 1.2 section 4.1), the modern
 * structures in BAR 4, the legacy registers in BAR 0 (4.1.4.10), the MSI-X table in BAR 1.
 * pci_config.c has the addresses of the BARs, front.c the meaning of registers.
 *
 * A transitional device has both interfaces; the first one that its driver uses after a reset is
 * active, and the other one is closed until the next reset.
 */
#include "front.h"

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

static bool wrong(struct fake_virtio *d, const char *clause, const char *what, uint32_t offset,
                  unsigned size, unsigned how)
{
    VIOLATION(d->host, "pci.access", clause, "%u-byte %s of %s at %#x", size,
              how == R ? "read" : "write", what, offset);
    return false;
}

/* Check that the register exists and allows this access. */
static bool register_check(struct fake_virtio *d, const struct pci_register *r, uint32_t offset,
                           unsigned size, unsigned how)
{
    LOOK(d->host, PCI_ACCESS);
    for (; r->name; r++) {
        if (offset < r->offset || offset >= (uint32_t)r->offset + r->size)
            continue;
        if (offset != r->offset || size != r->size) {
            VIOLATION(d->host, "pci.access", "4.1.3.1",
                      "%u-byte %s at %#x, in %s, which is %u bytes wide at %#x", size,
                      how == R ? "read" : "write", offset, r->name, r->size, r->offset);
            return false;
        }
        if (!(r->access & how)) {
            VIOLATION(d->host, "pci.access", "4.1.4.3.2", "%s is written, it is read only",
                      r->name);
            return false;
        }
        return how == R || !(r->access & QUEUE) || front_queue_idle(d, r->name);
    }
    return wrong(d, "4.1.4", "nothing", offset, size, how);
}

/* ---- which interface ---- */

static bool interface_check(struct fake_virtio *d, bool legacy)
{
    if (d->config.transport != FAKE_TRANSPORT_PCI_TRANSITIONAL || d->config.legacy == legacy) {
        d->pci.chosen = true;
        return true;
    }
    LOOK(d->host, PCI_INTERFACE);
    if (d->pci.chosen) {
        VIOLATION(d->host, "pci.interface", "4.1.4",
                  "a %s register is accessed while the device is driven through the other "
                  "interface",
                  legacy ? "legacy" : "modern");
        return false;
    }
    d->pci.chosen = true;
    d->config.legacy = legacy;
    for (unsigned i = 0; i < d->body->queues; i++)
        d->queue[i].legacy = legacy;
    return true;
}

void pci_reset(struct fake_virtio *d)
{
    d->pci.chosen = false;
    d->pci.reset_unread = true;
    d->pci.config_vector = VIRTIO_MSI_NO_VECTOR;
    for (unsigned i = 0; i < d->body->queues; i++)
        d->pci.queue_vector[i] = VIRTIO_MSI_NO_VECTOR;
}

/* ---- common to both ---- */

static uint32_t status_read(struct fake_virtio *d)
{
    d->pci.reset_unread = false;
    return front_status_read(d);
}

static void status_write(struct fake_virtio *d, uint32_t value)
{
    if (value && !d->config.legacy)
        LOOK(d->host, STATUS_RESET);
    if (value && d->pci.reset_unread && d->initialised && !d->config.legacy)
        VIOLATION(d->host, "status.reset", "4.1.4.3.2",
                  "status is set to %#x before a read of 0 confirmed the reset", value);
    front_status_write(d, value);
}

static uint32_t isr_read(struct fake_virtio *d)
{
    uint32_t value = d->interrupt_status;

    d->interrupt_status = 0;
    return value;
}

/* A vector that the device does not have reads back as NO_VECTOR: 4.1.5.1.2.1. */
static uint16_t vector(struct fake_virtio *d, uint32_t value)
{
    return value < FAKE_MSIX_VECTORS && !front_lies(d, LIE_MSIX_VECTOR) ? (uint16_t)value
                                                                        : VIRTIO_MSI_NO_VECTOR;
}

static uint16_t *queue_vector(struct fake_virtio *d)
{
    return d->queue_sel < d->body->queues ? &d->pci.queue_vector[d->queue_sel] : NULL;
}

/* A queue becomes live: from now on the device may access memory. */
static void queue_start(struct fake_virtio *d, struct vqueue *q)
{
    front_set_up(d);
    LOOK(d->host, PCI_MASTER);
    if (!(pci_command(d) & PCI_COMMAND_MASTER))
        VIOLATION(d->host, "pci.master", "4.1",
                  "queue %u becomes live while the function may not be bus master (PCI 3.0 section "
                  "6.2.2)",
                  q->index);
    vqueue_start(q, d->features);
}

/* ---- modern ---- */

static uint32_t queue_half(uint64_t address, uint32_t offset)
{
    return (uint32_t)(address >> (offset & 4 ? 32 : 0));
}

static uint32_t common_queue_read(struct fake_virtio *d, struct vqueue *q, uint32_t offset)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_QUEUE_SIZE:
        return q->size ? q->size : front_queue_max(d);
    case VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR:
        return d->pci.queue_vector[q->index];
    case VIRTIO_PCI_COMMON_QUEUE_ENABLE:
        return front_queue_ready(d, q);
    case VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF:
        return d->pci.notify_off[q->index];
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

static uint32_t pci_common_read(struct fake_virtio *d, uint32_t offset)
{
    struct vqueue *q = front_queue(d);

    switch (offset) {
    case VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT:
        return d->device_features_sel;
    case VIRTIO_PCI_COMMON_DEVICE_FEATURE:
        return front_features_read(d);
    case VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT:
        return d->driver_features_sel;
    case VIRTIO_PCI_COMMON_DRIVER_FEATURE:
        return d->driver_features_sel > 1 ? 0 : queue_half(d->features, 4 * d->driver_features_sel);
    case VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR:
        return d->pci.config_vector;
    case VIRTIO_PCI_COMMON_NUM_QUEUES:
        return d->body->queues;
    case VIRTIO_PCI_COMMON_DEVICE_STATUS:
        return status_read(d);
    case VIRTIO_PCI_COMMON_CONFIG_GENERATION:
        return front_generation(d) & 0xff;
    case VIRTIO_PCI_COMMON_QUEUE_SELECT:
        return d->queue_sel;
    default:
        return q ? common_queue_read(d, q, offset) : 0;
    }
}

static void common_queue_write(struct fake_virtio *d, struct vqueue *q, uint32_t offset,
                               uint32_t value)
{
    switch (offset) {
    case VIRTIO_PCI_COMMON_QUEUE_SIZE:
        front_set_up(d);
        q->size = value;
        /* Any size, for packed rings. */
        if (value == 0 || value > q->size_max ||
            (!(d->features & VIRTIO_BIT(VIRTIO_F_RING_PACKED)) && (value & (value - 1))))
            VIOLATION(d->host, "ring.size", "4.1.4.3.2",
                      "queue_size %u is not a power of two up to %u", value, q->size_max);
        break;
    case VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR:
        d->pci.queue_vector[q->index] = vector(d, value);
        break;
    case VIRTIO_PCI_COMMON_QUEUE_ENABLE:
        LOOK(d->host, PCI_QUEUE_ENABLE);
        if (value != 1) {
            VIOLATION(d->host, "pci.queue_enable", "4.1.4.3.2", "%u is written to queue_enable",
                      value);
            break;
        }
        if (!q->size)
            q->size = q->size_max;
        queue_start(d, q);
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

static void pci_common_write(struct fake_virtio *d, uint32_t offset, uint32_t value)
{
    struct vqueue *q = front_queue(d);

    switch (offset) {
    case VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT:
        d->device_features_sel = value;
        break;
    case VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT:
        d->driver_features_sel = value;
        break;
    case VIRTIO_PCI_COMMON_DRIVER_FEATURE:
        front_features_write(d, value);
        break;
    case VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR:
        d->pci.config_vector = vector(d, value);
        break;
    case VIRTIO_PCI_COMMON_DEVICE_STATUS:
        status_write(d, value);
        break;
    case VIRTIO_PCI_COMMON_QUEUE_SELECT:
        d->queue_sel = value;
        break;
    default:
        if (q)
            common_queue_write(d, q, offset, value);
    }
}

/* A queue is notified by its index, 16 bits wide, at its own offset: 4.1.4.4, 4.1.5.2. */
static void notify_write(struct fake_virtio *d, uint32_t offset, unsigned size, uint32_t value)
{
    uint64_t place;

    if (size != 2) {
        wrong(d, "4.1.5.2", "the notification area", offset, size, W);
        return;
    }
    if (value < d->body->queues) {
        place = d->pci.notify_off[value] * (uint64_t)d->pci.multiplier;
        LOOK(d->host, PCI_NOTIFY);
        if (place != offset) {
            VIOLATION(d->host, "pci.notify", "4.1.4.4",
                      "queue %u is notified at offset %#x instead of %#llx (queue_notify_off %u, "
                      "multiplier %u)",
                      value, offset, (unsigned long long)place, d->pci.notify_off[value],
                      d->pci.multiplier);
            return;
        }
    }
    front_notify(d, value);
}

/* The notification area ends where its capability does; other offsets are between two queues. */
static bool in_notify(const struct fake_virtio *d, uint32_t offset)
{
    uint32_t most = 0;

    for (unsigned i = 0; i < d->body->queues; i++)
        if (d->pci.notify_off[i] * d->pci.multiplier > most)
            most = d->pci.notify_off[i] * d->pci.multiplier;
    return offset >= FAKE_PCI_NOTIFY_AT && offset < FAKE_PCI_NOTIFY_AT + most + 2;
}

static bool in_config(const struct fake_virtio *d, uint32_t offset)
{
    return offset >= FAKE_PCI_DEVICE_AT && offset < FAKE_PCI_DEVICE_AT + d->body->config_size;
}

static uint32_t modern_read(struct fake_virtio *d, uint32_t offset, unsigned size)
{
    if (!interface_check(d, false))
        return 0;
    if (offset >= FAKE_PCI_COMMON_AT && offset < FAKE_PCI_COMMON_AT + VIRTIO_PCI_COMMON_SIZE)
        return register_check(d, common_registers, offset - FAKE_PCI_COMMON_AT, size, R)
                   ? pci_common_read(d, offset - FAKE_PCI_COMMON_AT)
                   : 0;
    if (in_config(d, offset))
        return front_config_read(d, offset - FAKE_PCI_DEVICE_AT, size);
    if (offset == FAKE_PCI_ISR_AT && size == 1)
        return isr_read(d);
    return wrong(d, "4.1.4", "no structure", offset, size, R);
}

static void modern_write(struct fake_virtio *d, uint32_t offset, unsigned size, uint32_t value)
{
    if (!interface_check(d, false))
        return;
    if (offset >= FAKE_PCI_COMMON_AT && offset < FAKE_PCI_COMMON_AT + VIRTIO_PCI_COMMON_SIZE) {
        if (register_check(d, common_registers, offset - FAKE_PCI_COMMON_AT, size, W))
            pci_common_write(d, offset - FAKE_PCI_COMMON_AT, value);
    } else if (in_notify(d, offset)) {
        notify_write(d, offset - FAKE_PCI_NOTIFY_AT, size, value);
    } else if (in_config(d, offset)) {
        front_config_write(d, offset - FAKE_PCI_DEVICE_AT);
    } else {
        wrong(d, "4.1.4", "no structure", offset, size, W);
    }
}

/* ---- legacy ---- */

static uint32_t legacy_config_at(const struct fake_virtio *d)
{
    return pci_msix_enabled(d) ? VIRTIO_PCI_CONFIG_MSIX : VIRTIO_PCI_CONFIG;
}

static uint32_t legacy_register_read(struct fake_virtio *d, uint32_t offset)
{
    struct vqueue *q = front_queue(d);

    switch (offset) {
    case VIRTIO_PCI_HOST_FEATURES:
        return (uint32_t)front_features(d);
    case VIRTIO_PCI_GUEST_FEATURES:
        return (uint32_t)d->features;
    case VIRTIO_PCI_QUEUE_PFN:
        if (!q || !front_queue_ready(d, q))
            return 0;
        return q->ready ? (uint32_t)(q->desc / VIRTQ_LEGACY_ALIGN) : 1;
    case VIRTIO_PCI_QUEUE_NUM:
        return front_queue_max(d);
    case VIRTIO_PCI_QUEUE_SEL:
        return d->queue_sel;
    case VIRTIO_PCI_STATUS:
        return status_read(d);
    case VIRTIO_PCI_ISR:
        return isr_read(d);
    case VIRTIO_MSI_CONFIG_VECTOR:
        return d->pci.config_vector;
    case VIRTIO_MSI_QUEUE_VECTOR:
        return queue_vector(d) ? *queue_vector(d) : VIRTIO_MSI_NO_VECTOR;
    default:
        return 0;
    }
}

static void legacy_queue_place(struct fake_virtio *d, struct vqueue *q, uint32_t page)
{
    if (page == 0) {
        vqueue_reset(q);
        return;
    }
    if (!front_queue_idle(d, "Queue Address"))
        return;
    q->size = q->size_max; /* fixed by the device: 4.1.5.1.3.1 */
    q->desc = page * (uint64_t)VIRTQ_LEGACY_ALIGN;
    queue_start(d, q);
}

static void legacy_register_write(struct fake_virtio *d, uint32_t offset, uint32_t value)
{
    struct vqueue *q = front_queue(d);

    switch (offset) {
    case VIRTIO_PCI_GUEST_FEATURES:
        d->driver_features_sel = 0;
        front_features_write(d, value);
        break;
    case VIRTIO_PCI_QUEUE_PFN:
        if (q)
            legacy_queue_place(d, q, value);
        break;
    case VIRTIO_PCI_QUEUE_SEL:
        d->queue_sel = value;
        break;
    case VIRTIO_PCI_QUEUE_NOTIFY:
        front_notify(d, value);
        break;
    case VIRTIO_PCI_STATUS:
        status_write(d, value);
        break;
    case VIRTIO_MSI_CONFIG_VECTOR:
        d->pci.config_vector = vector(d, value);
        break;
    default:
        if (queue_vector(d))
            *queue_vector(d) = vector(d, value);
    }
}

static uint32_t pci_bar_legacy_read(struct fake_virtio *d, uint32_t offset, unsigned size)
{
    uint32_t config = legacy_config_at(d);

    if (!interface_check(d, true))
        return 0;
    if (offset >= config)
        return front_config_read(d, offset - config, size);
    return register_check(d, legacy_registers, offset, size, R) ? legacy_register_read(d, offset)
                                                                : 0;
}

static void pci_bar_legacy_write(struct fake_virtio *d, uint32_t offset, unsigned size,
                                 uint32_t value)
{
    uint32_t config = legacy_config_at(d);

    if (!interface_check(d, true))
        return;
    if (offset >= config)
        front_config_write(d, offset - config);
    else if (register_check(d, legacy_registers, offset, size, W))
        legacy_register_write(d, offset, value);
}

/* ---- MSI-X ---- */

static bool pci_table_check(struct fake_virtio *d, uint32_t offset, unsigned size, unsigned how)
{
    bool table = offset >= FAKE_PCI_TABLE_AT && offset - FAKE_PCI_TABLE_AT < sizeof(d->pci.table);

    if (size == 4 && offset % 4 == 0 && (table || (how == R && offset == FAKE_PCI_PBA_AT)))
        return true;
    return wrong(d, "4.1.5.1.2", "the MSI-X table", offset, size, how);
}

static uint32_t table_read(struct fake_virtio *d, uint32_t offset, unsigned size)
{
    if (!pci_table_check(d, offset, size, R) || offset == FAKE_PCI_PBA_AT)
        return 0; /* nothing is ever pending */
    return d->pci.table[(offset - FAKE_PCI_TABLE_AT) / 4];
}

static void table_write(struct fake_virtio *d, uint32_t offset, unsigned size, uint32_t value)
{
    if (pci_table_check(d, offset, size, W))
        d->pci.table[(offset - FAKE_PCI_TABLE_AT) / 4] = value;
}

/* Send the message of a vector; it must be the one of the machine. */
void pci_message(struct fake_virtio *d, unsigned index)
{
    const struct fake_msix *m = &d->config.msix;
    const uint32_t *entry;
    uint64_t address;

    if (index == VIRTIO_MSI_NO_VECTOR)
        return;
    entry = &d->pci.table[index * PCI_MSIX_ENTRY_SIZE / 4];
    address =
        (uint64_t)entry[PCI_MSIX_ENTRY_UPPER_ADDR / 4] << 32 | entry[PCI_MSIX_ENTRY_LOWER_ADDR / 4];
    LOOK(d->host, PCI_MSIX);
    if (entry[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] & PCI_MSIX_ENTRY_CTRL_MASKBIT)
        VIOLATION(d->host, "pci.msix", "4.1.5.1.2", "vector %u is in use and masked", index);
    else if (address != m->address || entry[PCI_MSIX_ENTRY_DATA / 4] != m->data)
        VIOLATION(d->host, "pci.msix", "4.1.5.1.2",
                  "vector %u writes %#x to %#llx, which is not an interrupt", index,
                  entry[PCI_MSIX_ENTRY_DATA / 4], (unsigned long long)address);
}

/* ---- read and write ---- */

uint32_t pci_bar_read(struct fake_virtio *d, unsigned bar, uint32_t offset, unsigned size)
{
    switch (bar) {
    case 0:
        return pci_bar_legacy_read(d, offset, size);
    case 1:
        return table_read(d, offset, size);
    default:
        return modern_read(d, offset, size);
    }
}

void pci_bar_write(struct fake_virtio *d, unsigned bar, uint32_t offset, unsigned size,
                   uint32_t value)
{
    switch (bar) {
    case 0:
        pci_bar_legacy_write(d, offset, size, value);
        break;
    case 1:
        table_write(d, offset, size, value);
        break;
    default:
        modern_write(d, offset, size, value);
    }
}
