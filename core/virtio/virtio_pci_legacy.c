/*
 * Virtio over PCI: the legacy interface (VirtIO 1.2 sections 4.1.4.10 and 4.1.5.1.3.1). All
 * registers are in BAR 0, an I/O BAR; a queue is placed by one page number, and the device chooses
 * its size.
 */
#include "virtio_pci.h"

static uint32_t pci_legacy_read(struct virtio_device *d, uint32_t offset, unsigned size)
{
    return region_read(d, &d->pci.common, offset, size);
}

static void pci_legacy_write(struct virtio_device *d, uint32_t offset, unsigned size,
                             uint32_t value)
{
    region_write(d, &d->pci.common, offset, size, value);
}

static uint8_t legacy_status_read(struct virtio_device *d)
{
    return (uint8_t)pci_legacy_read(d, VIRTIO_PCI_STATUS, 1);
}

static void legacy_status_write(struct virtio_device *d, uint8_t status)
{
    pci_legacy_write(d, VIRTIO_PCI_STATUS, 1, status);
}

static uint64_t legacy_features_read(struct virtio_device *d)
{
    return pci_legacy_read(d, VIRTIO_PCI_HOST_FEATURES, 4);
}

static void legacy_features_write(struct virtio_device *d, uint64_t features)
{
    pci_legacy_write(d, VIRTIO_PCI_GUEST_FEATURES, 4, (uint32_t)features);
}

static uint32_t legacy_queue_size_max(struct virtio_device *d, uint16_t index)
{
    pci_legacy_write(d, VIRTIO_PCI_QUEUE_SEL, 2, index);
    if (pci_legacy_read(d, VIRTIO_PCI_QUEUE_PFN, 4))
        return 0;
    return pci_legacy_read(d, VIRTIO_PCI_QUEUE_NUM, 2);
}

/* There is no register for a smaller queue size: 4.1.5.1.3. */
static int pci_legacy_queue_enable(struct virtio_device *d, uint16_t index, uint16_t size,
                                   const struct virtq_addresses *at)
{
    uint32_t has;

    pci_legacy_write(d, VIRTIO_PCI_QUEUE_SEL, 2, index);
    has = pci_legacy_read(d, VIRTIO_PCI_QUEUE_NUM, 2);
    if (has != size)
        return virtio_fail(d, VIRTIO_FAILURE_QUEUE_SIZE, has);
    if (at->desc / VIRTQ_LEGACY_ALIGN > UINT32_MAX)
        return virtio_fail(d, VIRTIO_FAILURE_MEMORY, at->desc);
    if (virtio_pci_vector(d, VIRTIO_MSI_CONFIG_VECTOR) ||
        virtio_pci_vector(d, VIRTIO_MSI_QUEUE_VECTOR))
        return ERR_DEVICE;
    pci_legacy_write(d, VIRTIO_PCI_QUEUE_PFN, 4, (uint32_t)(at->desc / VIRTQ_LEGACY_ALIGN));
    if (pci_legacy_read(d, VIRTIO_PCI_QUEUE_PFN, 4) == 0)
        return virtio_fail(d, VIRTIO_FAILURE_QUEUE_READY, index);
    return 0;
}

static void legacy_notify(struct virtio_device *d, uint16_t index)
{
    pci_legacy_write(d, VIRTIO_PCI_QUEUE_NOTIFY, 2, index);
}

static uint32_t legacy_config_read(struct virtio_device *d, uint32_t offset, unsigned size)
{
    return region_read(d, &d->pci.config, offset, size);
}

static uint32_t pci_legacy_config_generation(struct virtio_device *d)
{
    (void)d;
    return 0;
}

static uint8_t legacy_interrupt_ack(struct virtio_device *d)
{
    if (d->pci.msix)
        return VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG;
    return pci_legacy_read(d, VIRTIO_PCI_ISR, 1) & (VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);
}

static const struct virtio_transport pci_legacy = {
    .status_read = legacy_status_read,
    .status_write = legacy_status_write,
    .features_read = legacy_features_read,
    .features_write = legacy_features_write,
    .queue_size_max = legacy_queue_size_max,
    .queue_enable = pci_legacy_queue_enable,
    .notify = legacy_notify,
    .config_read = legacy_config_read,
    .config_generation = pci_legacy_config_generation,
    .interrupt_ack = legacy_interrupt_ack,
};

bool virtio_pci_legacy_take(struct virtio_device *d, const struct pci_function *f)
{
    const struct pci_bar *bar = &f->bar[0];

    if (!bar->base || bar->space != REG_PORT || bar->size < VIRTIO_PCI_CONFIG_MSIX)
        return false;
    d->legacy = true;
    d->pci.common = (struct virtio_region){bar->space, bar->base, (uint32_t)bar->size};
    return true;
}

void virtio_pci_legacy_config(struct virtio_device *d)
{
    uint32_t offset = d->pci.msix ? VIRTIO_PCI_CONFIG_MSIX : VIRTIO_PCI_CONFIG;

    d->transport = &pci_legacy;
    d->config_len = d->pci.common.len - offset;
    d->pci.config =
        (struct virtio_region){d->pci.common.space, d->pci.common.base + offset, d->config_len};
}
