/* The PCI bus of fake devices: see pci_bus.h. */
#include "pci_bus.h"
#include "../../core/base/array.h"
#include "front.h"

/* The other functions on the bus, by number. */
static const struct {
    uint8_t place, header;
    uint16_t vendor, device;
} others[] = {
    {FAKE_PCI_PLACE(0, 0), PCI_HEADER_TYPE_NORMAL, 0x8086, 0x29c0},
    {FAKE_PCI_PLACE(1, 0), PCI_HEADER_TYPE_BRIDGE, 0x1b36, 0x000c},
    {FAKE_PCI_PLACE(2, 0), PCI_HEADER_TYPE_NORMAL | PCI_HEADER_TYPE_MFD, 0x1af4, 0x1042},
};

static uint32_t bus_all_ones(unsigned size)
{
    return UINT32_MAX >> (32 - 8 * size);
}

/* ---- configuration space ---- */

static bool bus_config_access(struct fake_pci_bus *b, uint64_t address, unsigned size)
{
    unsigned at = address & 0xfff;

    LOOK(b->host, PCI_CONFIG_SPACE);
    if (at % size == 0 && at < PCI_CFG_SPACE_SIZE)
        return true;
    VIOLATION(b->host, "pci.config", "4.1.4", "configuration space is accessed at %#x, %u bytes",
              at, size);
    return false;
}

static struct fake_virtio *bus_function(const struct fake_pci_bus *b, uint64_t address)
{
    for (unsigned i = 0; i < b->count; i++)
        if (address >> 12 == b->function[i]->config.place)
            return b->function[i];
    return NULL;
}

/* The 32 bits around register `at` of another function. */
static uint32_t bus_other_read(unsigned i, unsigned at)
{
    switch (at & ~3u) {
    case PCI_VENDOR_ID:
        return (uint32_t)others[i].device << 16 | others[i].vendor;
    case PCI_HEADER_TYPE & ~3u:
        return (uint32_t)others[i].header << 16;
    default:
        return 0;
    }
}

static uint32_t bus_config_read(struct fake_pci_bus *b, uint64_t address, unsigned size)
{
    struct fake_virtio *d = bus_function(b, address);
    unsigned at = address & 0xfff;

    if (!bus_config_access(b, address, size))
        return UINT32_MAX;
    if (d)
        return pci_config_read(d, at, size);
    for (unsigned i = 0; i < ARRAY_COUNT(others); i++)
        if (address >> 12 == others[i].place)
            return bus_other_read(i, at) >> (8 * (at % 4)) & bus_all_ones(size);
    return bus_all_ones(size);
}

static void bus_config_write(struct fake_pci_bus *b, uint64_t address, unsigned size,
                             uint32_t value)
{
    struct fake_virtio *d = bus_function(b, address);

    if (!bus_config_access(b, address, size))
        return;
    if (d)
        pci_config_write(d, address & 0xfff, size, value);
    else
        VIOLATION(b->host, "pci.config", "4.1.2",
                  "configuration space of another function is written at %#llx",
                  (unsigned long long)address);
}

/* ---- BARs ---- */

/* The device that decodes an address; NULL: none, which was reported. */
static struct fake_virtio *bus_decode(struct fake_pci_bus *b, enum fake_space space,
                                      uint64_t address, unsigned size, unsigned *bar,
                                      uint32_t *offset)
{
    for (unsigned i = 0; i < b->count; i++) {
        struct fake_virtio *d = b->function[i];
        int found = pci_bar_find(d, space, address, size, offset);

        if (found < 0)
            continue;
        *bar = (unsigned)found;
        return pci_bar_decodes(d, *bar, address) ? d : NULL;
    }
    VIOLATION(b->host, "pci.access", "4.1.4", "an access at %#llx, %u bytes, outside every BAR",
              (unsigned long long)address, size);
    return NULL;
}

/* ---- read and write ---- */

uint32_t fake_pci_read(struct fake_pci_bus *b, enum fake_space space, uint64_t address,
                       unsigned size)
{
    struct fake_virtio *d;
    uint32_t offset;
    unsigned bar;

    if (space == FAKE_CONFIG)
        return bus_config_read(b, address, size);
    d = bus_decode(b, space, address, size, &bar, &offset);
    return d ? pci_bar_read(d, bar, offset, size) : bus_all_ones(size);
}

void fake_pci_write(struct fake_pci_bus *b, enum fake_space space, uint64_t address, unsigned size,
                    uint32_t value)
{
    struct fake_virtio *d;
    uint32_t offset;
    unsigned bar;

    if (space == FAKE_CONFIG) {
        bus_config_write(b, address, size, value);
        return;
    }
    d = bus_decode(b, space, address, size, &bar, &offset);
    if (d)
        pci_bar_write(d, bar, offset, size, value);
}
