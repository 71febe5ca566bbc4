/* The PCI bus: see pci.h. */
#include "pci.h"
#include "virtio.h"

/* 48 capabilities of the smallest size fill the space after the header: more is a loop. */
enum {
    PCI_DEVICES = 32,
    PCI_FUNCTIONS = 8,
    CAPABILITIES_MAX = (PCI_CFG_SPACE_SIZE - PCI_STD_HEADER_SIZEOF) / PCI_CAP_SIZEOF,
};

#define PCI_NOBODY 0xffffu /* vendor id of an absent function */

uint32_t pci_read(const struct pci_function *f, unsigned offset, unsigned size)
{
    return f->platform->reg_read(f->platform->ctx, REG_PCI, f->address + offset, size);
}

void pci_write(const struct pci_function *f, unsigned offset, unsigned size, uint32_t value)
{
    f->platform->reg_write(f->platform->ctx, REG_PCI, f->address + offset, size, value);
}

/* ---- base address registers: PCI 3.0 section 6.2.5 ---- */

static unsigned bar_offset(unsigned index)
{
    return PCI_BASE_ADDRESS_0 + 4 * index;
}

/* Write ones, read which bits are set, restore the old value. */
static uint32_t bar_probe(const struct pci_function *f, unsigned index, uint32_t *value)
{
    uint32_t ones;

    *value = pci_read(f, bar_offset(index), 4);
    pci_write(f, bar_offset(index), 4, UINT32_MAX);
    ones = pci_read(f, bar_offset(index), 4);
    pci_write(f, bar_offset(index), 4, *value);
    return ones;
}

/* The lowest writable bit is the size, and all bits above it must be writable: else the BAR would
 * not be at its assigned address, and it counts as absent. */
static uint64_t bar_size(uint64_t ones, uint64_t all)
{
    uint64_t size = ones & (~ones + 1);

    return ((ones + size) & all) == 0 ? size : 0;
}

/* Read BAR `index`; returns how many of the six registers it takes. */
static unsigned bar_read(struct pci_function *f, unsigned index)
{
    struct pci_bar *bar = &f->bar[index];
    uint32_t low, high, ones = bar_probe(f, index, &low);

    *bar = (struct pci_bar){.space = REG_MMIO};
    if (low & PCI_BASE_ADDRESS_SPACE_IO) {
        bar->space = REG_PORT;
        bar->size = bar_size(ones & PCI_BASE_ADDRESS_IO_MASK, UINT16_MAX);
        bar->base = low & PCI_BASE_ADDRESS_IO_MASK;
        return 1;
    }
    switch (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) {
    case PCI_BASE_ADDRESS_MEM_TYPE_32:
        bar->size = bar_size(ones & PCI_BASE_ADDRESS_MEM_MASK, UINT32_MAX);
        bar->base = low & PCI_BASE_ADDRESS_MEM_MASK;
        return 1;
    case PCI_BASE_ADDRESS_MEM_TYPE_64:
        if (index + 1 == PCI_STD_NUM_BARS) /* its upper half would be outside */
            return 1;
        bar->wide = true;
        bar->size = bar_size((uint64_t)bar_probe(f, index + 1, &high) << 32 |
                                 (ones & PCI_BASE_ADDRESS_MEM_MASK),
                             UINT64_MAX);
        bar->base = (uint64_t)high << 32 | (low & PCI_BASE_ADDRESS_MEM_MASK);
        return 2;
    default: /* below 1 MiB, or reserved */
        return 1;
    }
}

/* Read the identity. Writes nothing. */
static int function_identify(struct pci_function *f, const struct platform *p, uint64_t address)
{
    *f = (struct pci_function){.platform = p, .address = address};
    f->vendor = (uint16_t)pci_read(f, PCI_VENDOR_ID, 2);
    if (f->vendor == PCI_NOBODY ||
        (pci_read(f, PCI_HEADER_TYPE, 1) & PCI_HEADER_TYPE_MASK) != PCI_HEADER_TYPE_NORMAL)
        return ERR_NODEV;
    f->device = (uint16_t)pci_read(f, PCI_DEVICE_ID, 2);
    f->subsystem = (uint16_t)pci_read(f, PCI_SUBSYSTEM_ID, 2);
    return 0;
}

int pci_function_open(struct pci_function *f, const struct platform *p, uint64_t address)
{
    uint16_t command;

    if (function_identify(f, p, address))
        return ERR_NODEV;

    /* While a BAR is all ones the function must not decode that address. */
    command = (uint16_t)pci_read(f, PCI_COMMAND, 2);
    pci_write(f, PCI_COMMAND, 2, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    for (unsigned i = 0; i < PCI_STD_NUM_BARS;)
        i += bar_read(f, i);
    pci_write(f, PCI_COMMAND, 2, command);
    return 0;
}

/* `size` bytes, aligned to their size, out of a window: their address, or 0. */
static uint64_t window_take(uint64_t base, uint64_t window, uint64_t *used, uint64_t size)
{
    uint64_t gap = (size - (base + *used) % size) % size;

    if (gap > window - *used || size > window - *used - gap)
        return 0;
    *used += gap + size;
    return base + *used - size;
}

static uint64_t host_take(struct pci_host *host, enum reg_space space, uint64_t size)
{
    uint64_t used = host->io_used, base;

    if (space == REG_MMIO)
        return window_take(host->mmio_base, host->mmio_size, &host->mmio_used, size);
    base = window_take(host->io_base, host->io_size, &used, size);
    host->io_used = (uint32_t)used;
    return base;
}

static void bar_assign(struct pci_function *f, unsigned index, struct pci_host *host)
{
    struct pci_bar *bar = &f->bar[index];
    uint64_t base = host_take(host, bar->space, bar->size);

    if (base == 0 || (!bar->wide && base > UINT32_MAX))
        return;
    pci_write(f, bar_offset(index), 4, (uint32_t)base);
    if (bar->wide)
        pci_write(f, bar_offset(index + 1), 4, (uint32_t)(base >> 32));
    bar->base = base;
}

void pci_assign(struct pci_function *f, struct pci_host *host)
{
    uint16_t command = (uint16_t)pci_read(f, PCI_COMMAND, 2);

    pci_write(f, PCI_COMMAND, 2, command & ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    for (unsigned i = 0; i < PCI_STD_NUM_BARS; i++)
        if (f->bar[i].size && !f->bar[i].base)
            bar_assign(f, i, host);
    pci_write(f, PCI_COMMAND, 2, command);
}

void pci_settle(struct pci_function *f)
{
    bool missing[] = {[REG_MMIO] = false, [REG_PORT] = false};

    for (unsigned i = 0; i < PCI_STD_NUM_BARS; i++)
        if (f->bar[i].size && !f->bar[i].base)
            missing[f->bar[i].space] = true;
    for (unsigned i = 0; i < PCI_STD_NUM_BARS; i++)
        if (!f->bar[i].size || missing[f->bar[i].space])
            f->bar[i].base = 0;
}

void pci_enable(const struct pci_function *f)
{
    uint16_t command = (uint16_t)pci_read(f, PCI_COMMAND, 2);

    command &= (uint16_t) ~(PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    for (unsigned i = 0; i < PCI_STD_NUM_BARS; i++)
        if (f->bar[i].base)
            command |= f->bar[i].space == REG_PORT ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    command |= PCI_COMMAND_MASTER;
    pci_write(f, PCI_COMMAND, 2, command);
}

/* ---- capabilities: PCI 3.0 section 6.7 ---- */

struct pci_walk pci_capabilities(const struct pci_function *f)
{
    struct pci_walk w = {.function = f};

    if (pci_read(f, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST)
        w.at = PCI_CAPABILITY_LIST - PCI_CAP_LIST_NEXT; /* whose "next" is the first */
    return w;
}

unsigned pci_capability_next(struct pci_walk *w)
{
    if (w->at == 0 || w->steps++ == CAPABILITIES_MAX)
        return w->at = 0;
    w->at = pci_read(w->function, w->at + PCI_CAP_LIST_NEXT, 1) & ~3u; /* reserved bits: 6.7 */
    if (w->at < PCI_STD_HEADER_SIZEOF)
        w->at = 0;
    return w->at;
}

/* ---- virtio devices: VirtIO 1.2 section 4.1.2 ---- */

bool pci_virtio_transitional(const struct pci_function *f)
{
    return f->device < VIRTIO_PCI_DEVICE_MODERN;
}

unsigned pci_virtio_type(const struct pci_function *f)
{
    if (f->vendor != VIRTIO_PCI_VENDOR || f->device < VIRTIO_PCI_DEVICE_TRANSITIONAL ||
        f->device > VIRTIO_PCI_DEVICE_LAST)
        return 0;
    return pci_virtio_transitional(f) ? f->subsystem : f->device - VIRTIO_PCI_DEVICE_MODERN;
}

int pci_next_virtio(const struct platform *p, struct pci_scan *scan, struct virtio_place *place)
{
    while (scan->device < PCI_DEVICES) {
        struct pci_function f = {.platform = p,
                                 .address = pci_address(0, scan->device, scan->function)};
        uint32_t id = pci_read(&f, PCI_VENDOR_ID, 2);

        if (scan->function == 0) {
            scan->functions = 1;
            if (id != PCI_NOBODY && pci_read(&f, PCI_HEADER_TYPE, 1) & PCI_HEADER_TYPE_MFD)
                scan->functions = PCI_FUNCTIONS; /* numbers may have gaps, but not at 0 */
        }
        if (++scan->function == scan->functions) {
            scan->device++;
            scan->function = 0;
        }
        if (id != VIRTIO_PCI_VENDOR || function_identify(&f, p, f.address) || !pci_virtio_type(&f))
            continue;
        *place = (struct virtio_place){.bus = VIRTIO_BUS_PCI, .address = f.address};
        return (int)pci_virtio_type(&f);
    }
    return ERR_NODEV;
}

int pci_place(const struct platform *p, struct pci_host *host, struct virtio_place *place)
{
    struct pci_function f;

    if (pci_function_open(&f, p, place->address))
        return ERR_NODEV;
    pci_assign(&f, host);
    place->irq = pci_read(&f, PCI_INTERRUPT_LINE, 1);
    return 0;
}
