/* The addresses and meanings of the registers of a virtio device: see registers.h. */
#include "registers.h"
#include "../../core/base/array.h"
#include "../../core/virtio/virtio_spec.h"

const char *const block_names[BLOCKS] = {"reg", "common", "notify", "isr", "device", "legacy"};

static const struct {
    enum block block;
    uint16_t offset;
    enum meaning meaning;
} registers[] = {
    {BLOCK_MMIO, VIRTIO_MMIO_STATUS, MEANS_STATUS},
    {BLOCK_MMIO, VIRTIO_MMIO_DRIVER_FEATURES_SEL, MEANS_FEATURES_SELECT},
    {BLOCK_MMIO, VIRTIO_MMIO_DRIVER_FEATURES, MEANS_FEATURES},
    {BLOCK_MMIO, VIRTIO_MMIO_QUEUE_SEL, MEANS_QUEUE_SELECT},
    {BLOCK_MMIO, VIRTIO_MMIO_QUEUE_NUM, MEANS_QUEUE_SIZE},
    {BLOCK_MMIO, VIRTIO_MMIO_QUEUE_READY, MEANS_QUEUE_READY},
    {BLOCK_MMIO, VIRTIO_MMIO_QUEUE_PFN, MEANS_QUEUE_PFN},
    {BLOCK_MMIO, VIRTIO_MMIO_QUEUE_ALIGN, MEANS_QUEUE_ALIGN},
    {BLOCK_MMIO, VIRTIO_MMIO_GUEST_PAGE_SIZE, MEANS_PAGE_SIZE},
    {BLOCK_MMIO, VIRTIO_MMIO_QUEUE_DESC_LOW, MEANS_DESC},
    {BLOCK_MMIO, VIRTIO_MMIO_QUEUE_AVAIL_LOW, MEANS_AVAIL},
    {BLOCK_MMIO, VIRTIO_MMIO_QUEUE_USED_LOW, MEANS_USED},

    {BLOCK_COMMON, VIRTIO_PCI_COMMON_DEVICE_STATUS, MEANS_STATUS},
    {BLOCK_COMMON, VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT, MEANS_FEATURES_SELECT},
    {BLOCK_COMMON, VIRTIO_PCI_COMMON_DRIVER_FEATURE, MEANS_FEATURES},
    {BLOCK_COMMON, VIRTIO_PCI_COMMON_QUEUE_SELECT, MEANS_QUEUE_SELECT},
    {BLOCK_COMMON, VIRTIO_PCI_COMMON_QUEUE_SIZE, MEANS_QUEUE_SIZE},
    {BLOCK_COMMON, VIRTIO_PCI_COMMON_QUEUE_ENABLE, MEANS_QUEUE_READY},
    {BLOCK_COMMON, VIRTIO_PCI_COMMON_QUEUE_DESC, MEANS_DESC},
    {BLOCK_COMMON, VIRTIO_PCI_COMMON_QUEUE_DRIVER, MEANS_AVAIL},
    {BLOCK_COMMON, VIRTIO_PCI_COMMON_QUEUE_DEVICE, MEANS_USED},

    {BLOCK_LEGACY, VIRTIO_PCI_STATUS, MEANS_STATUS},
    {BLOCK_LEGACY, VIRTIO_PCI_GUEST_FEATURES, MEANS_FEATURES},
    {BLOCK_LEGACY, VIRTIO_PCI_QUEUE_SEL, MEANS_QUEUE_SELECT},
    {BLOCK_LEGACY, VIRTIO_PCI_QUEUE_NUM, MEANS_QUEUE_SIZE},
    {BLOCK_LEGACY, VIRTIO_PCI_QUEUE_PFN, MEANS_QUEUE_PFN},
};

enum meaning registers_meaning(enum block block, uint32_t offset, bool *high)
{
    for (unsigned i = 0; i < ARRAY_COUNT(registers); i++) {
        bool place = registers[i].meaning >= MEANS_DESC;

        if (registers[i].block != block)
            continue;
        *high = offset == registers[i].offset + 4u;
        if (registers[i].offset == offset || (place && *high))
            return registers[i].meaning;
    }
    *high = false;
    return MEANS_NOTHING;
}

enum block registers_find(const struct registers *r, enum reg_space space, uint64_t addr,
                          uint32_t *offset)
{
    unsigned i;

    for (i = 0; i < BLOCKS; i++)
        if (r->at[i].size && r->at[i].space == space && addr - r->at[i].base < r->at[i].size)
            break;
    *offset = i < BLOCKS ? (uint32_t)(addr - r->at[i].base) : 0;
    return i;
}

void registers_mmio(struct registers *r, uint64_t base)
{
    *r = (struct registers){0};
    r->at[BLOCK_MMIO].space = REG_MMIO;
    r->at[BLOCK_MMIO].base = base;
    r->at[BLOCK_MMIO].size = VIRTIO_MMIO_SIZE;
}

/* ---- PCI ---- */

enum { BUS_FUNCTIONS = 32 * 8, FUNCTION_SHIFT = 12, CAPABILITIES_MAX = 48 };

/* The header with MSI-X enabled, and the configuration of a network device. */
enum { LEGACY_SIZE = VIRTIO_PCI_CONFIG_MSIX + VIRTIO_NET_CONFIG_SIZE };

static uint32_t registers_pci_read(const struct platform *p, uint64_t address, unsigned size)
{
    return p->reg_read(p->ctx, REG_PCI, address, size);
}

static void registers_set_block(struct registers *r, const struct platform *p, uint64_t function,
                                enum block block, unsigned bar, uint64_t offset, uint64_t size)
{
    uint64_t at = function + PCI_BASE_ADDRESS_0 + 4 * (uint64_t)bar;
    uint32_t low = registers_pci_read(p, at, 4);
    uint64_t base = low & PCI_BASE_ADDRESS_MEM_MASK;

    r->at[block].space = REG_MMIO;
    if (low & PCI_BASE_ADDRESS_SPACE_IO) {
        r->at[block].space = REG_PORT;
        base = low & PCI_BASE_ADDRESS_IO_MASK;
    } else if ((low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64 &&
               bar + 1 < PCI_STD_NUM_BARS) {
        base |= (uint64_t)registers_pci_read(p, at + 4, 4) << 32;
    }
    r->at[block].base = base + offset;
    r->at[block].size = base ? size : 0;
}

static void registers_walk_capabilities(struct registers *r, const struct platform *p,
                                        uint64_t function)
{
    static const enum block blocks[] = {
        [VIRTIO_PCI_CAP_COMMON_CFG] = BLOCK_COMMON,
        [VIRTIO_PCI_CAP_NOTIFY_CFG] = BLOCK_NOTIFY,
        [VIRTIO_PCI_CAP_ISR_CFG] = BLOCK_ISR,
        [VIRTIO_PCI_CAP_DEVICE_CFG] = BLOCK_DEVICE,
    };
    uint64_t at = registers_pci_read(p, function + PCI_CAPABILITY_LIST, 1) & 0xfc;

    for (unsigned turn = 0; at && turn < CAPABILITIES_MAX; turn++) {
        uint64_t cap = function + at;
        unsigned type = registers_pci_read(p, cap + VIRTIO_PCI_CAP_CFG_TYPE, 1);
        unsigned bar = registers_pci_read(p, cap + VIRTIO_PCI_CAP_BAR, 1);

        if (registers_pci_read(p, cap, 1) == PCI_CAP_ID_VNDR && type >= VIRTIO_PCI_CAP_COMMON_CFG &&
            type <= VIRTIO_PCI_CAP_DEVICE_CFG && bar < PCI_STD_NUM_BARS) {
            uint64_t offset = registers_pci_read(p, cap + VIRTIO_PCI_CAP_OFFSET, 4);

            registers_set_block(r, p, function, blocks[type], bar, offset,
                                registers_pci_read(p, cap + VIRTIO_PCI_CAP_LENGTH, 4));
        }
        at = registers_pci_read(p, cap + PCI_CAP_LIST_NEXT, 1) & 0xfc;
    }
}

/* 4.1.2: modern ids name the type, transitional ones have it in the subsystem id. */
static bool registers_is_network(const struct platform *p, uint64_t function)
{
    uint32_t id = registers_pci_read(p, function + PCI_DEVICE_ID, 2);

    if (registers_pci_read(p, function + PCI_VENDOR_ID, 2) != VIRTIO_PCI_VENDOR)
        return false;
    return id == VIRTIO_PCI_DEVICE_MODERN + VIRTIO_ID_NET ||
           (id >= VIRTIO_PCI_DEVICE_TRANSITIONAL && id < VIRTIO_PCI_DEVICE_MODERN &&
            registers_pci_read(p, function + PCI_SUBSYSTEM_ID, 2) == VIRTIO_ID_NET);
}

void registers_pci(struct registers *r, const struct platform *p)
{
    *r = (struct registers){0};
    for (unsigned i = 0; i < BUS_FUNCTIONS; i++) {
        uint64_t function = (uint64_t)i << FUNCTION_SHIFT;

        if (!registers_is_network(p, function))
            continue;
        registers_walk_capabilities(r, p, function);
        if (registers_pci_read(p, function + PCI_BASE_ADDRESS_0, 4) & PCI_BASE_ADDRESS_SPACE_IO)
            registers_set_block(r, p, function, BLOCK_LEGACY, 0, 0, LEGACY_SIZE);
        return;
    }
}
