/*
 * Virtio over MMIO: version 2 registers (VirtIO 1.2 section 4.2.2) and version 1, the legacy
 * interface (4.2.4), with one operations table each; they differ in how a queue is placed.
 */
#include "virtio.h"

static uint32_t reg_read(struct virtio_device *d, uint32_t offset)
{
    return d->platform->reg_read(d->platform->ctx, REG_MMIO, d->base + offset, 4);
}

static void reg_write(struct virtio_device *d, uint32_t offset, uint32_t value)
{
    d->platform->reg_write(d->platform->ctx, REG_MMIO, d->base + offset, 4, value);
}

static uint8_t mmio_status_read(struct virtio_device *d)
{
    return (uint8_t)reg_read(d, VIRTIO_MMIO_STATUS);
}

static void mmio_status_write(struct virtio_device *d, uint8_t status)
{
    reg_write(d, VIRTIO_MMIO_STATUS, status);
}

static uint64_t mmio_features_read(struct virtio_device *d)
{
    uint64_t low, high = 0;

    reg_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    low = reg_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
    if (!d->legacy) { /* a legacy interface has 32 feature bits: 2.2.2 */
        reg_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
        high = reg_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
    }
    return high << 32 | low;
}

static void mmio_features_write(struct virtio_device *d, uint64_t features)
{
    reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
    if (!d->legacy) {
        reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
        reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
    }
}

static uint32_t mmio_queue_size_max(struct virtio_device *d, uint16_t index)
{
    uint32_t in_use;

    reg_write(d, VIRTIO_MMIO_QUEUE_SEL, index);
    in_use = reg_read(d, d->legacy ? VIRTIO_MMIO_QUEUE_PFN : VIRTIO_MMIO_QUEUE_READY);
    return in_use ? 0 : reg_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static void virtio_mmio_write_address(struct virtio_device *d, uint32_t low_register,
                                      uint64_t address)
{
    reg_write(d, low_register, (uint32_t)address);
    reg_write(d, low_register + 4, (uint32_t)(address >> 32));
}

static int virtio_mmio_modern_queue_enable(struct virtio_device *d, uint16_t index, uint16_t size,
                                           const struct virtq_addresses *at)
{
    reg_write(d, VIRTIO_MMIO_QUEUE_SEL, index);
    reg_write(d, VIRTIO_MMIO_QUEUE_NUM, size);
    virtio_mmio_write_address(d, VIRTIO_MMIO_QUEUE_DESC_LOW, at->desc);
    virtio_mmio_write_address(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, at->avail);
    virtio_mmio_write_address(d, VIRTIO_MMIO_QUEUE_USED_LOW, at->used);
    reg_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
    if (reg_read(d, VIRTIO_MMIO_QUEUE_READY) != 1)
        return virtio_fail(d, VIRTIO_FAILURE_QUEUE_READY, index);
    return 0;
}

/* The guest page size was written when the device was opened: 4.2.4. */
static int virtio_mmio_legacy_queue_enable(struct virtio_device *d, uint16_t index, uint16_t size,
                                           const struct virtq_addresses *at)
{
    if (at->desc / VIRTQ_LEGACY_ALIGN > UINT32_MAX)
        return virtio_fail(d, VIRTIO_FAILURE_MEMORY, at->desc);
    reg_write(d, VIRTIO_MMIO_QUEUE_SEL, index);
    reg_write(d, VIRTIO_MMIO_QUEUE_NUM, size);
    reg_write(d, VIRTIO_MMIO_QUEUE_ALIGN, VIRTQ_LEGACY_ALIGN);
    reg_write(d, VIRTIO_MMIO_QUEUE_PFN, (uint32_t)(at->desc / VIRTQ_LEGACY_ALIGN));
    if (reg_read(d, VIRTIO_MMIO_QUEUE_PFN) == 0)
        return virtio_fail(d, VIRTIO_FAILURE_QUEUE_READY, index);
    return 0;
}

static void mmio_notify(struct virtio_device *d, uint16_t index)
{
    reg_write(d, VIRTIO_MMIO_QUEUE_NOTIFY, index);
}

static uint32_t mmio_config_read(struct virtio_device *d, uint32_t offset, unsigned size)
{
    return d->platform->reg_read(d->platform->ctx, REG_MMIO, d->base + VIRTIO_MMIO_CONFIG + offset,
                                 size);
}

static uint32_t virtio_mmio_modern_config_generation(struct virtio_device *d)
{
    return reg_read(d, VIRTIO_MMIO_CONFIG_GENERATION);
}

static uint32_t virtio_mmio_legacy_config_generation(struct virtio_device *d)
{
    (void)d;
    return 0;
}

static uint8_t mmio_interrupt_ack(struct virtio_device *d)
{
    uint32_t status = reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS) &
                      (VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG);

    if (status)
        reg_write(d, VIRTIO_MMIO_INTERRUPT_ACK, status);
    return (uint8_t)status;
}

static const struct virtio_transport mmio_modern = {
    .status_read = mmio_status_read,
    .status_write = mmio_status_write,
    .features_read = mmio_features_read,
    .features_write = mmio_features_write,
    .queue_size_max = mmio_queue_size_max,
    .queue_enable = virtio_mmio_modern_queue_enable,
    .notify = mmio_notify,
    .config_read = mmio_config_read,
    .config_generation = virtio_mmio_modern_config_generation,
    .interrupt_ack = mmio_interrupt_ack,
};

static const struct virtio_transport mmio_legacy = {
    .status_read = mmio_status_read,
    .status_write = mmio_status_write,
    .features_read = mmio_features_read,
    .features_write = mmio_features_write,
    .queue_size_max = mmio_queue_size_max,
    .queue_enable = virtio_mmio_legacy_queue_enable,
    .notify = mmio_notify,
    .config_read = mmio_config_read,
    .config_generation = virtio_mmio_legacy_config_generation,
    .interrupt_ack = mmio_interrupt_ack,
};

/* Magic, version, device id, in this order and nothing more when the id is 0: 4.2.3.1.1. */
int virtio_mmio_open(struct virtio_device *d, const struct platform *p, uint64_t base)
{
    uint32_t version, id;

    *d = (struct virtio_device){
        .platform = p, .base = base, .config_len = VIRTIO_MMIO_SIZE - VIRTIO_MMIO_CONFIG};
    if (reg_read(d, VIRTIO_MMIO_MAGIC_VALUE) != VIRTIO_MMIO_MAGIC)
        return ERR_NODEV;
    version = reg_read(d, VIRTIO_MMIO_VERSION);
    if (version != VIRTIO_MMIO_VERSION_LEGACY && version != VIRTIO_MMIO_VERSION_MODERN)
        return ERR_DEVICE;
    id = reg_read(d, VIRTIO_MMIO_DEVICE_ID);
    if (id == 0 || id > INT32_MAX)
        return ERR_NODEV;
    d->type = id;
    d->legacy = version == VIRTIO_MMIO_VERSION_LEGACY;
    d->transport = d->legacy ? &mmio_legacy : &mmio_modern;
    if (d->legacy)
        reg_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, VIRTQ_LEGACY_ALIGN);
    return (int)id;
}
