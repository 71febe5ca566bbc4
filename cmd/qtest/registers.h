/*
 * The register of a virtio device for an access, over any transport: virtio-mmio (VirtIO 1.2
 * section 4.2), PCI with its structures (4.1.4), legacy PCI (4.1.4.10). By the specification's
 * offsets, independent of the drivers.
 */
#ifndef DRYWIRE_REGISTERS_H
#define DRYWIRE_REGISTERS_H

#include "../../core/port/platform.h"
#include <stdbool.h>

/* A piece of address space with registers of one kind. */
enum block {
    BLOCK_MMIO,
    BLOCK_COMMON, /* the four of virtio over PCI */
    BLOCK_NOTIFY,
    BLOCK_ISR,
    BLOCK_DEVICE,
    BLOCK_LEGACY, /* BAR 0 */
    BLOCKS,       /* none of them */
};

/* The accesses that the recorder handles. */
enum meaning {
    MEANS_NOTHING,
    MEANS_STATUS,
    MEANS_FEATURES_SELECT,
    MEANS_FEATURES, /* that the driver accepts */
    MEANS_QUEUE_SELECT,
    MEANS_QUEUE_SIZE,
    MEANS_QUEUE_READY,
    MEANS_QUEUE_PFN,
    MEANS_QUEUE_ALIGN,
    MEANS_PAGE_SIZE,
    MEANS_DESC, /* the addresses of a queue's parts; two halves each */
    MEANS_AVAIL,
    MEANS_USED,
};

struct registers {
    struct {
        enum reg_space space;
        uint64_t base, size; /* size 0: absent */
    } at[BLOCKS];
};

/* "reg", "common", ... */
extern const char *const block_names[BLOCKS];

void registers_mmio(struct registers *r, uint64_t base);

/* Walk bus 0 to the first virtio network device; its BARs must have addresses. */
void registers_pci(struct registers *r, const struct platform *p);

/* The block of an address and the offset in it, or BLOCKS. */
enum block registers_find(const struct registers *r, enum reg_space space, uint64_t addr,
                          uint32_t *offset);

/* `high`: it is the upper half of an address. */
enum meaning registers_meaning(enum block block, uint32_t offset, bool *high);

#endif
