/*
 * Configuration space of a fake device's PCI function (PCI Local Bus 3.0 chapter 6). No firmware
 * has run: BARs have no address and the command register is 0. Capabilities are unordered, and a
 * driver must skip some of them (VirtIO 1.2 section 4.1.4.1).
 */
#include "front.h"
#include "../../core/base/array.h"
#include "../../core/base/minmax.h"
#include "pci_bus.h"
#include <string.h>

/* BAR 0: legacy registers. BAR 1: MSI-X table. BARs 4 and 5, one of 64 bits: modern structures. */
enum { BAR_LEGACY, BAR_MSIX, BAR_MODERN = 4, BAR_MODERN_HIGH };

static const struct {
    uint32_t size, flags;
} bars[PCI_STD_NUM_BARS] = {
    [BAR_LEGACY] = {0x40, PCI_BASE_ADDRESS_SPACE_IO},
    [BAR_MSIX] = {0x1000, PCI_BASE_ADDRESS_MEM_TYPE_32},
    [BAR_MODERN] = {FAKE_PCI_MODERN_SIZE,
                    PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH},
};

static bool has_bar(const struct fake_virtio *d, unsigned index)
{
    if (index == BAR_LEGACY)
        return d->config.transport != FAKE_TRANSPORT_PCI_MODERN;
    if (index >= BAR_MODERN)
        return d->config.transport != FAKE_TRANSPORT_PCI_LEGACY;
    return bars[index].size != 0;
}

/* ---- bytes ---- */

static uint32_t get(const struct fake_virtio *d, unsigned at, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)d->pci.config[at + i] << (8 * i);
    return value;
}

static void put(struct fake_virtio *d, unsigned at, unsigned size, uint32_t value)
{
    for (unsigned i = 0; i < size; i++)
        d->pci.config[at + i] = (uint8_t)(value >> (8 * i));
}

uint16_t pci_command(const struct fake_virtio *d)
{
    return (uint16_t)get(d, PCI_COMMAND, 2);
}

bool pci_msix_enabled(const struct fake_virtio *d)
{
    return get(d, FAKE_PCI_MSIX + PCI_MSIX_FLAGS, 2) & PCI_MSIX_FLAGS_ENABLE;
}

/* ---- power-on ---- */

/* The capability list from its first to its last. */
static const struct {
    uint8_t at, id, len, type, bar;
    uint32_t offset, length;
} capabilities[] = {
    {0xdc, 0x01, 8, 0, 0, 0, 0}, /* power management: not virtio */
    {FAKE_PCI_MSIX, PCI_CAP_ID_MSIX, 0, 0, 0, 0, 0},
    {0x54, PCI_CAP_ID_VNDR, 16, 0x7f, 4, 0, 64},                      /* a reserved type */
    {0x40, PCI_CAP_ID_VNDR, 16, VIRTIO_PCI_CAP_COMMON_CFG, 7, 0, 64}, /* a reserved BAR */
    {FAKE_PCI_NOTIFY, PCI_CAP_ID_VNDR, 20, VIRTIO_PCI_CAP_NOTIFY_CFG, 4, FAKE_PCI_NOTIFY_AT, 0},
    {0xb8, PCI_CAP_ID_VNDR, 24, VIRTIO_PCI_CAP_COMMON_CFG, 4, FAKE_PCI_COMMON_AT, 64},
    {0x64, PCI_CAP_ID_VNDR, 16, VIRTIO_PCI_CAP_ISR_CFG, 4, FAKE_PCI_ISR_AT, 1},
    {0xa8, PCI_CAP_ID_VNDR, 16, VIRTIO_PCI_CAP_DEVICE_CFG, 4, FAKE_PCI_DEVICE_AT, 0},
    {0x74, PCI_CAP_ID_VNDR, 20, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 0},
};

static void put_capabilities(struct fake_virtio *d)
{
    unsigned link = PCI_CAPABILITY_LIST;

    for (unsigned i = 0; i < ARRAY_COUNT(capabilities); i++) {
        unsigned at = capabilities[i].at;
        bool vendor = capabilities[i].id == PCI_CAP_ID_VNDR;

        if (vendor && d->config.transport == FAKE_TRANSPORT_PCI_LEGACY)
            continue;
        if (capabilities[i].type == VIRTIO_PCI_CAP_DEVICE_CFG && !d->body->config_size)
            continue; /* 4.1.4.6.1: present only with a device configuration */
        put(d, link, 1, at);
        link = at + PCI_CAP_LIST_NEXT;
        put(d, at, 1, capabilities[i].id);
        if (!vendor)
            continue;
        put(d, at + VIRTIO_PCI_CAP_LEN, 1, capabilities[i].len);
        put(d, at + VIRTIO_PCI_CAP_CFG_TYPE, 1, capabilities[i].type);
        put(d, at + VIRTIO_PCI_CAP_BAR, 1, capabilities[i].bar);
        put(d, at + VIRTIO_PCI_CAP_OFFSET, 4, capabilities[i].offset);
        put(d, at + VIRTIO_PCI_CAP_LENGTH, 4,
            capabilities[i].type == VIRTIO_PCI_CAP_DEVICE_CFG ? d->body->config_size
                                                              : capabilities[i].length);
    }
    put(d, FAKE_PCI_MSIX + PCI_MSIX_FLAGS, 2, FAKE_MSIX_VECTORS - 1);
    put(d, FAKE_PCI_MSIX + PCI_MSIX_TABLE, 4, FAKE_PCI_TABLE_AT | BAR_MSIX);
    put(d, FAKE_PCI_MSIX + PCI_MSIX_PBA, 4, FAKE_PCI_PBA_AT | BAR_MSIX);
}

/* Changes of configuration space when the device lies. */
enum { COMMON = 0xb8, ISR = 0x64, CONFIG = 0xa8, LAST = 0x74, END = 0xfc };
static const struct {
    enum device_lie lie;
    uint8_t at, size;
    uint32_t value;
} lies[] = {
    {LIE_CAP_LOOP, FAKE_PCI_MSIX + PCI_CAP_LIST_NEXT, 1, FAKE_PCI_MSIX}, /* back to itself */
    {LIE_CAP_BAR, COMMON + VIRTIO_PCI_CAP_BAR, 1, 3},
    {LIE_CAP_OFFSET, COMMON + VIRTIO_PCI_CAP_OFFSET, 4, 0u - 64}, /* its end wraps to 0 */
    {LIE_CAP_LENGTH, FAKE_PCI_NOTIFY + VIRTIO_PCI_CAP_LENGTH, 4,
     FAKE_PCI_MODERN_SIZE - FAKE_PCI_NOTIFY_AT + 1},
    {LIE_CAP_SHORT, COMMON + VIRTIO_PCI_CAP_LENGTH, 4, VIRTIO_PCI_COMMON_SIZE - 1},
    {LIE_CAP_SIZE, FAKE_PCI_NOTIFY + VIRTIO_PCI_CAP_LEN, 1, VIRTIO_PCI_NOTIFY_CAP_SIZE - 1},
    {LIE_CAP_ALIGN, COMMON + VIRTIO_PCI_CAP_OFFSET, 4, FAKE_PCI_COMMON_AT + 2},
    {LIE_CAP_END, ISR, 1, 0}, /* the capability is at the end of the space */
    {LIE_CAP_END, LAST + PCI_CAP_LIST_NEXT, 1, END},
    {LIE_CAP_END, END, 4,
     PCI_CAP_ID_VNDR | VIRTIO_PCI_CAP_SIZE << 16 | VIRTIO_PCI_CAP_ISR_CFG << 24},
    {LIE_CAP_NO_COMMON, COMMON, 1, 0},
    {LIE_CAP_NO_NOTIFY, FAKE_PCI_NOTIFY, 1, 0},
    {LIE_CAP_NO_ISR, ISR, 1, 0},
    {LIE_CONFIG_SHORT, CONFIG + VIRTIO_PCI_CAP_LENGTH, 4, 5}, /* within the MAC address */
    {LIE_BAR_TYPE, PCI_BASE_ADDRESS_0 + 4 * BAR_MODERN, 4, PCI_BASE_ADDRESS_MEM_TYPE_MASK},
    {LIE_MSIX_BAR, FAKE_PCI_MSIX + PCI_MSIX_TABLE, 4, FAKE_PCI_TABLE_AT | 3},
    {LIE_NOTIFY_OFFSET, FAKE_PCI_NOTIFY + VIRTIO_PCI_NOTIFY_CAP_MULT, 4, UINT32_MAX},
};

static void put_lie(struct fake_virtio *d)
{
    for (unsigned i = 0; i < ARRAY_COUNT(lies); i++)
        if (lies[i].lie == d->config.lie)
            put(d, lies[i].at, lies[i].size, lies[i].value);
}

/* The notification offset of each queue: drawn; a multiplier of 0 means one address for all. */
static void put_notify(struct fake_virtio *d)
{
    static const uint32_t multipliers[] = {4, 0, 2, 64};
    uint32_t most = 0;

    d->pci.multiplier = multipliers[d->host->pick(d->host->ctx, "pci.multiplier", 3)];
    for (unsigned i = 0; i < d->body->queues; i++) {
        uint16_t off = (uint16_t)(5 - 3 * i);

        d->pci.notify_off[i] = off;
        most = max_u32(off * d->pci.multiplier, most);
    }
    put(d, FAKE_PCI_NOTIFY + VIRTIO_PCI_CAP_LENGTH, 4, most + 2);
    put(d, FAKE_PCI_NOTIFY + VIRTIO_PCI_NOTIFY_CAP_MULT, 4, d->pci.multiplier);
}

void pci_power_on(struct fake_virtio *d)
{
    const struct fake_body_ops *b = d->body;
    bool modern = d->config.transport == FAKE_TRANSPORT_PCI_MODERN;

    d->pci = (struct fake_pci){.bus = d->config.bus};
    put(d, PCI_VENDOR_ID, 2, VIRTIO_PCI_VENDOR);
    put(d, PCI_DEVICE_ID, 2,
        modern ? VIRTIO_PCI_DEVICE_MODERN + (unsigned)b->type : b->pci_transitional);
    put(d, PCI_REVISION_ID, 1, modern);
    put(d, PCI_CLASS_DEVICE, 2, b->pci_class);
    put(d, PCI_SUBSYSTEM_VENDOR_ID, 2, VIRTIO_PCI_VENDOR);
    put(d, PCI_SUBSYSTEM_ID, 2, modern ? 0x1100u : b->type);
    put(d, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
    put(d, PCI_INTERRUPT_LINE, 1, FAKE_PCI_IRQ);
    put(d, PCI_INTERRUPT_PIN, 1, 1);
    for (unsigned i = 0; i < PCI_STD_NUM_BARS; i++)
        if (has_bar(d, i))
            put(d, PCI_BASE_ADDRESS_0 + 4 * i, 4, bars[i].flags);
    put_capabilities(d);
    if (d->config.transport != FAKE_TRANSPORT_PCI_LEGACY)
        put_notify(d);
    put_lie(d);
    for (unsigned i = 0; i < FAKE_MSIX_VECTORS; i++) /* masked: PCI 3.0 section 6.8.2.9 */
        d->pci.table[(i * PCI_MSIX_ENTRY_SIZE + PCI_MSIX_ENTRY_VECTOR_CTRL) / 4] =
            PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

/* ---- addresses of BARs ---- */

static uint64_t bar_base(const struct fake_virtio *d, unsigned index)
{
    uint64_t low = get(d, PCI_BASE_ADDRESS_0 + 4 * index, 4);

    if (bars[index].flags & PCI_BASE_ADDRESS_SPACE_IO)
        return low & PCI_BASE_ADDRESS_IO_MASK;
    if (bars[index].flags & PCI_BASE_ADDRESS_MEM_TYPE_64)
        low |= (uint64_t)get(d, PCI_BASE_ADDRESS_0 + 4 * index + 4, 4) << 32;
    return low & ~(uint64_t)~PCI_BASE_ADDRESS_MEM_MASK;
}

/* The decoder bit of the command register for a BAR. */
static uint16_t bar_decoder(unsigned index)
{
    return bars[index].flags & PCI_BASE_ADDRESS_SPACE_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
}

static bool bar_exists(const struct fake_virtio *d, unsigned index)
{
    return bars[index].size && has_bar(d, index);
}

int pci_bar_find(const struct fake_virtio *d, enum fake_space space, uint64_t address,
                 unsigned size, uint32_t *offset)
{
    uint16_t decoder = space == FAKE_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

    for (unsigned i = 0; i < PCI_STD_NUM_BARS; i++) {
        uint64_t base = bar_base(d, i);

        if (!bar_exists(d, i) || bar_decoder(i) != decoder || address < base ||
            address - base + size > bars[i].size)
            continue;
        *offset = (uint32_t)(address - base);
        return (int)i;
    }
    return -1;
}

bool pci_bar_decodes(struct fake_virtio *d, unsigned bar, uint64_t address)
{
    uint16_t decoder = bar_decoder(bar);

    LOOK(d->host, PCI_DECODE);
    if (pci_command(d) & decoder)
        return true;
    VIOLATION(d->host, "pci.decode", "4.1",
              "%#llx in BAR %u is accessed while the function does not decode %s",
              (unsigned long long)address, bar, decoder == PCI_COMMAND_IO ? "I/O" : "memory");
    return false;
}

/* True if two BARs, of one function or of two, overlap. */
static bool bars_overlap(const struct fake_virtio *d, unsigned i, const struct fake_virtio *o,
                         unsigned k)
{
    return bar_exists(o, k) && bar_decoder(k) == bar_decoder(i) &&
           bar_base(d, i) < bar_base(o, k) + bars[k].size &&
           bar_base(o, k) < bar_base(d, i) + bars[i].size;
}

/* Check a BAR against the decoded BARs of other functions. */
static void neighbour_check(struct fake_virtio *d, unsigned i)
{
    const struct fake_pci_bus *b = d->pci.bus;

    for (unsigned n = 0; n < b->count; n++) {
        const struct fake_virtio *o = b->function[n];

        for (unsigned k = 0; o != d && k < PCI_STD_NUM_BARS; k++)
            if (pci_command(o) & bar_decoder(i) && bars_overlap(d, i, o, k))
                VIOLATION(d->host, "pci.bar", "4.1.4", "BAR %u overlaps BAR %u of device %u", i, k,
                          o->config.place >> 3);
    }
}

/* Before a decoder is enabled its BARs must have addresses, in the window and without overlap. */
static void place_check(struct fake_virtio *d, uint16_t decoder)
{
    const struct fake_pci_host *h = &d->pci.bus->windows;
    uint64_t low = decoder == PCI_COMMAND_IO ? h->io_base : h->mmio_base;
    uint64_t size = decoder == PCI_COMMAND_IO ? h->io_size : h->mmio_size;

    for (unsigned i = 0; i < PCI_STD_NUM_BARS; i++) {
        uint64_t base = bar_base(d, i);

        if (!bar_exists(d, i) || bar_decoder(i) != decoder)
            continue;
        LOOK(d->host, PCI_BAR);
        if (base < low || base - low > size - bars[i].size)
            VIOLATION(d->host, "pci.bar", "4.1.4",
                      "BAR %u is switched on at %#llx, outside of the host bridge's window", i,
                      (unsigned long long)base);
        for (unsigned k = 0; k < i; k++)
            if (bars_overlap(d, i, d, k))
                VIOLATION(d->host, "pci.bar", "4.1.4", "BARs %u and %u overlap", k, i);
        neighbour_check(d, i);
    }
}

/* ---- writes ---- */

static void command_write(struct fake_virtio *d, uint32_t value)
{
    uint16_t on = (uint16_t)(value & ~pci_command(d));

    if (d->live && !(value & PCI_COMMAND_MASTER))
        VIOLATION(d->host, "pci.master", "4.1",
                  "bus mastering is switched off while the device is live");
    put(d, PCI_COMMAND, 2, value & 0x7ff);
    if (on & PCI_COMMAND_IO)
        place_check(d, PCI_COMMAND_IO);
    if (on & PCI_COMMAND_MEMORY)
        place_check(d, PCI_COMMAND_MEMORY);
}

static void bar_write(struct fake_virtio *d, unsigned index, uint32_t value)
{
    unsigned lower = index == BAR_MODERN_HIGH ? BAR_MODERN : index;
    uint32_t fixed = lower == index ? bars[lower].size - 1 : 0; /* read-only bits */

    if (!has_bar(d, index) || !bars[lower].size)
        return;
    LOOK(d->host, PCI_SIZING);
    if (pci_command(d) & bar_decoder(lower))
        VIOLATION(d->host, "pci.sizing", "4.1.4",
                  "BAR %u is written while the function decodes it (PCI 3.0 section 6.2.5.1)",
                  index);
    if (lower == index && value != UINT32_MAX && value & fixed & ~bars[lower].flags & ~0xfu)
        VIOLATION(d->host, "pci.bar", "4.1.4", "BAR %u is set to %#x, not aligned to its size %#x",
                  index, value, bars[lower].size);
    if (index == BAR_MODERN && value == UINT32_MAX && front_lies(d, LIE_BAR_SIZE))
        fixed |= bars[lower].size << 2; /* read-only bits of an address, with a gap */
    if (lower == BAR_MODERN && front_lies(d, LIE_BAR_TYPE))
        return;
    put(d, PCI_BASE_ADDRESS_0 + 4 * index, 4,
        (value & ~fixed) | (lower == index ? bars[lower].flags : 0));
}

void pci_config_write(struct fake_virtio *d, unsigned at, unsigned size, uint32_t value)
{
    if (at == PCI_COMMAND && size == 2)
        command_write(d, value);
    else if (at >= PCI_BASE_ADDRESS_0 && at < PCI_BASE_ADDRESS_0 + 4 * PCI_STD_NUM_BARS &&
             size == 4)
        bar_write(d, (at - PCI_BASE_ADDRESS_0) / 4, value);
    else if (at == FAKE_PCI_MSIX + PCI_MSIX_FLAGS && size == 2)
        put(d, at, 2,
            (value & (PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL)) |
                (get(d, at, 2) & PCI_MSIX_FLAGS_QSIZE));
    else if (at == PCI_INTERRUPT_LINE && size == 1)
        put(d, at, 1, value);
    else
        VIOLATION(d->host, "pci.config", "4.1.4",
                  "%u bytes of configuration space are written at %#x, which is not writable", size,
                  at);
}

/* ---- read and write ---- */

uint32_t pci_config_read(struct fake_virtio *d, unsigned at, unsigned size)
{
    for (unsigned i = 0; i < ARRAY_COUNT(lies); i++)
        if (at < lies[i].at + lies[i].size && lies[i].at < at + size)
            front_lies(d, lies[i].lie);
    return get(d, at, size);
}
