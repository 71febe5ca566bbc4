/*
 * Virtio over PCI: the modern interface (VirtIO 1.2 section 4.1.4), whose structures of registers
 * are found through capabilities, and MSI-X for both interfaces. The legacy interface is in
 * virtio_pci_legacy.c.
 *
 * A capability is read once and used only if it fits into its BAR: others are skipped, and the
 * first usable one of a kind is taken (4.1.4.1).
 */
#include "virtio_pci.h"

/* ---- registers of the modern interface ---- */

static uint32_t virtio_pci_common_read(struct virtio_device *d, uint32_t offset, unsigned size)
{
    return region_read(d, &d->pci.common, offset, size);
}

static void virtio_pci_common_write(struct virtio_device *d, uint32_t offset, unsigned size,
                                    uint32_t value)
{
    region_write(d, &d->pci.common, offset, size, value);
}

static uint8_t modern_status_read(struct virtio_device *d)
{
    return (uint8_t)virtio_pci_common_read(d, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1);
}

static void modern_status_write(struct virtio_device *d, uint8_t status)
{
    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1, status);
}

static uint64_t modern_features_read(struct virtio_device *d)
{
    uint64_t low, high;

    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT, 4, 0);
    low = virtio_pci_common_read(d, VIRTIO_PCI_COMMON_DEVICE_FEATURE, 4);
    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT, 4, 1);
    high = virtio_pci_common_read(d, VIRTIO_PCI_COMMON_DEVICE_FEATURE, 4);
    return high << 32 | low;
}

static void modern_features_write(struct virtio_device *d, uint64_t features)
{
    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, 0);
    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_DRIVER_FEATURE, 4, (uint32_t)features);
    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, 1);
    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_DRIVER_FEATURE, 4, (uint32_t)(features >> 32));
}

static uint32_t modern_queue_size_max(struct virtio_device *d, uint16_t index)
{
    if (index >= VIRTIO_PCI_QUEUES_MAX)
        return 0;
    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_QUEUE_SELECT, 2, index);
    if (virtio_pci_common_read(d, VIRTIO_PCI_COMMON_QUEUE_ENABLE, 2))
        return 0;
    return virtio_pci_common_read(d, VIRTIO_PCI_COMMON_QUEUE_SIZE, 2);
}

/* Each half of a 64-bit field is written separately: 4.1.3.1. */
static void virtio_pci_write_address(struct virtio_device *d, uint32_t offset, uint64_t address)
{
    virtio_pci_common_write(d, offset, 4, (uint32_t)address);
    virtio_pci_common_write(d, offset + 4, 4, (uint32_t)(address >> 32));
}

/* Where the selected queue is notified: 4.1.4.4. */
static int notify_find(struct virtio_device *d, uint16_t index)
{
    uint32_t off = virtio_pci_common_read(d, VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF, 2);
    uint64_t at = off * (uint64_t)d->pci.notify_multiplier;

    if (at + 2 > d->pci.notify.len || at % 2)
        return virtio_fail(d, VIRTIO_FAILURE_PCI_NOTIFY, at);
    d->pci.notify_at[index] = d->pci.notify.base + at;
    return 0;
}

/* A reset clears the vectors, so both are written here: the last step before queues are live. */
static int virtio_pci_modern_queue_enable(struct virtio_device *d, uint16_t index, uint16_t size,
                                          const struct virtq_addresses *at)
{
    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_QUEUE_SELECT, 2, index);
    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_QUEUE_SIZE, 2, size);
    if (virtio_pci_vector(d, VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR) ||
        virtio_pci_vector(d, VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR))
        return ERR_DEVICE;
    virtio_pci_write_address(d, VIRTIO_PCI_COMMON_QUEUE_DESC, at->desc);
    virtio_pci_write_address(d, VIRTIO_PCI_COMMON_QUEUE_DRIVER, at->avail);
    virtio_pci_write_address(d, VIRTIO_PCI_COMMON_QUEUE_DEVICE, at->used);
    if (notify_find(d, index))
        return ERR_DEVICE;
    virtio_pci_common_write(d, VIRTIO_PCI_COMMON_QUEUE_ENABLE, 2, 1);
    if (virtio_pci_common_read(d, VIRTIO_PCI_COMMON_QUEUE_ENABLE, 2) != 1)
        return virtio_fail(d, VIRTIO_FAILURE_QUEUE_READY, index);
    return 0;
}

static void modern_notify(struct virtio_device *d, uint16_t index)
{
    d->platform->reg_write(d->platform->ctx, d->pci.notify.space, d->pci.notify_at[index], 2,
                           index);
}

static uint32_t modern_config_read(struct virtio_device *d, uint32_t offset, unsigned size)
{
    return region_read(d, &d->pci.config, offset, size);
}

static uint32_t virtio_pci_modern_config_generation(struct virtio_device *d)
{
    return virtio_pci_common_read(d, VIRTIO_PCI_COMMON_CONFIG_GENERATION, 1);
}

/* A read acknowledges; with MSI-X it is not read (4.1.4.5.2). */
static uint8_t modern_interrupt_ack(struct virtio_device *d)
{
    if (d->pci.msix)
        return VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG;
    return region_read(d, &d->pci.isr, 0, 1) & (VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
}

static const struct virtio_transport pci_modern = {
    .status_read = modern_status_read,
    .status_write = modern_status_write,
    .features_read = modern_features_read,
    .features_write = modern_features_write,
    .queue_size_max = modern_queue_size_max,
    .queue_enable = virtio_pci_modern_queue_enable,
    .notify = modern_notify,
    .config_read = modern_config_read,
    .config_generation = virtio_pci_modern_config_generation,
    .interrupt_ack = modern_interrupt_ack,
};

/* ---- structures: 4.1.4 ---- */

/* The requirements on each structure: minimum length, alignment (4.1.4.3 to 4.1.4.6). */
static const struct {
    uint8_t size, align, capability;
} structures[] = {
    [VIRTIO_PCI_CAP_COMMON_CFG] = {VIRTIO_PCI_COMMON_SIZE, 4, VIRTIO_PCI_CAP_SIZE},
    [VIRTIO_PCI_CAP_NOTIFY_CFG] = {2, 2, VIRTIO_PCI_NOTIFY_CAP_SIZE},
    [VIRTIO_PCI_CAP_ISR_CFG] = {1, 1, VIRTIO_PCI_CAP_SIZE},
    [VIRTIO_PCI_CAP_DEVICE_CFG] = {1, 4, VIRTIO_PCI_CAP_SIZE},
};

/* `len` bytes at `offset` of a BAR; false when they do not fit, or it is not decoded. */
static bool bar_region(const struct pci_function *f, unsigned index, uint32_t offset, uint32_t len,
                       struct virtio_region *out)
{
    if (index >= PCI_STD_NUM_BARS)
        return false; /* reserved: ignored */

    const struct pci_bar *bar = &f->bar[index];

    if (!bar->base || (uint64_t)offset + len > bar->size)
        return false;
    *out = (struct virtio_region){bar->space, bar->base + offset, len};
    return true;
}

static struct virtio_region *region_of(struct virtio_pci *pci, unsigned type)
{
    switch (type) {
    case VIRTIO_PCI_CAP_COMMON_CFG:
        return &pci->common;
    case VIRTIO_PCI_CAP_NOTIFY_CFG:
        return &pci->notify;
    case VIRTIO_PCI_CAP_ISR_CFG:
        return &pci->isr;
    case VIRTIO_PCI_CAP_DEVICE_CFG:
        return &pci->config;
    default: /* another or a reserved kind */
        return 0;
    }
}

/* One vendor capability: take the structure it describes, if it is usable and the first. */
static void structure_take(struct virtio_pci *pci, const struct pci_function *f, unsigned at,
                           uint32_t head)
{
    unsigned type = head >> 24, len = head >> 16 & 0xff;
    struct virtio_region *known = region_of(pci, type), found;
    uint32_t offset, length;

    if (!known || known->len || len < structures[type].capability ||
        at + structures[type].capability > PCI_CFG_SPACE_SIZE)
        return;
    offset = pci_read(f, at + VIRTIO_PCI_CAP_OFFSET, 4);
    length = pci_read(f, at + VIRTIO_PCI_CAP_LENGTH, 4);
    if (length < structures[type].size || offset % structures[type].align ||
        !bar_region(f, pci_read(f, at + VIRTIO_PCI_CAP_BAR, 1), offset, length, &found))
        return;
    *known = found;
    if (type == VIRTIO_PCI_CAP_NOTIFY_CFG)
        pci->notify_multiplier = pci_read(f, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4);
}

static void structures_find(struct virtio_pci *pci, const struct pci_function *f)
{
    struct pci_walk walk = pci_capabilities(f);
    unsigned at;

    while ((at = pci_capability_next(&walk)) != 0) {
        uint32_t head = pci_read(f, at, 4); /* id, next, length, type */

        if ((head & 0xff) == PCI_CAP_ID_VNDR)
            structure_take(pci, f, at, head);
    }
}

/* The kind of structure that is missing; 0: none. The device configuration may be missing if the
 * driver does not need it. */
static unsigned structure_missing(const struct virtio_pci *pci)
{
    if (!pci->common.len)
        return VIRTIO_PCI_CAP_COMMON_CFG;
    if (!pci->notify.len)
        return VIRTIO_PCI_CAP_NOTIFY_CFG;
    return pci->isr.len ? 0 : VIRTIO_PCI_CAP_ISR_CFG;
}

/* ---- MSI-X: PCI 3.0 section 6.8.2 ---- */

int virtio_pci_vector(struct virtio_device *d, uint32_t offset)
{
    uint32_t vector;

    if (!d->pci.msix)
        return 0;
    region_write(d, &d->pci.common, offset, 2, 0);
    vector = region_read(d, &d->pci.common, offset, 2);
    return vector == 0 ? 0 : virtio_fail(d, VIRTIO_FAILURE_MSIX, vector);
}

static unsigned msix_capability(const struct pci_function *f)
{
    struct pci_walk walk = pci_capabilities(f);
    unsigned at;

    while ((at = pci_capability_next(&walk)) != 0)
        if (pci_read(f, at, 1) == PCI_CAP_ID_MSIX && at + PCI_CAP_MSIX_SIZEOF <= PCI_CFG_SPACE_SIZE)
            break;
    return at;
}

/* Program entry 0 and enable; or disable what firmware may have left enabled, because the layout of
 * the legacy registers depends on it (4.1.4.10). */
static int msix_settle(struct virtio_device *d, const struct pci_function *f,
                       const struct virtio_msix *msix)
{
    unsigned at = msix_capability(f);
    uint32_t control, table;
    struct virtio_region entry;

    if (!at)
        return msix->wanted ? virtio_fail(d, VIRTIO_FAILURE_MSIX, VIRTIO_MSI_NO_VECTOR) : 0;
    control =
        pci_read(f, at + PCI_MSIX_FLAGS, 2) & ~(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
    pci_write(f, at + PCI_MSIX_FLAGS, 2, control);
    if (!msix->wanted)
        return 0;
    table = pci_read(f, at + PCI_MSIX_TABLE, 4);
    if (!bar_region(f, table & PCI_MSIX_TABLE_BIR, table & ~PCI_MSIX_TABLE_BIR, PCI_MSIX_ENTRY_SIZE,
                    &entry) ||
        entry.space != REG_MMIO)
        return virtio_fail(d, VIRTIO_FAILURE_MSIX, table);
    region_write(d, &entry, PCI_MSIX_ENTRY_LOWER_ADDR, 4, (uint32_t)msix->address);
    region_write(d, &entry, PCI_MSIX_ENTRY_UPPER_ADDR, 4, (uint32_t)(msix->address >> 32));
    region_write(d, &entry, PCI_MSIX_ENTRY_DATA, 4, msix->data);
    region_write(d, &entry, PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0); /* not masked */
    pci_write(f, at + PCI_MSIX_FLAGS, 2, control | PCI_MSIX_FLAGS_ENABLE);
    d->pci.msix = true;
    return 0;
}

/* ---- open ---- */

int virtio_pci_open(struct virtio_device *d, const struct platform *p,
                    const struct virtio_place *place)
{
    struct pci_function f;
    unsigned type, missing;

    *d = (struct virtio_device){.platform = p};
    if (pci_function_open(&f, p, place->address))
        return ERR_NODEV;
    type = pci_virtio_type(&f);
    if (type == 0)
        return ERR_NODEV;
    d->type = type;

    pci_settle(&f);
    structures_find(&d->pci, &f);
    missing = structure_missing(&d->pci);
    if (missing && (!pci_virtio_transitional(&f) || !virtio_pci_legacy_take(d, &f)))
        return virtio_fail(d, VIRTIO_FAILURE_PCI_STRUCTURE, missing);
    pci_enable(&f);
    if (msix_settle(d, &f, &place->msix))
        return ERR_DEVICE;
    if (d->legacy) {
        virtio_pci_legacy_config(d);
    } else {
        d->transport = &pci_modern;
        d->config_len = d->pci.config.len;
    }
    return (int)type;
}
