/*
 * The PCI bus and the PCI transports against configuration spaces that lie (rows V20, V26, V27,
 * V31 to V37 of the hostile-device list), and against good ones.
 *
 * The machine here is one array of bytes for configuration space and one for each BAR, with just
 * enough behaviour to bring a network device up. It fails the test when the driver touches a
 * register outside of a BAR that is decoded, or configuration space outside of a function, or
 * writes a BAR that is decoded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/array.h"
#include "../../core/virtio/pci.h"
#include "../../core/virtio/virtio_net.h"
#include "fake_platform.h"

#define WINDOW    UINT64_C(0x40000000)
#define NIC       pci_address(0, 3, 0)
#define NEVER     UINT32_MAX
#define MSIX_ADDR UINT64_C(0x1fee00000)

/* Where things lie in BAR 4, and the capabilities in configuration space. */
enum { COMMON = 0x0000, ISR = 0x1000, CONFIG = 0x2000, NOTIFY = 0x3000, MODERN_SIZE = 0x4000 };
enum {
    C_COMMON = 0x40,
    C_NOTIFY = 0x50,
    C_ISR = 0x64,
    C_CONFIG = 0x74,
    C_MSIX = 0x84,
    C_SPARE = 0xa0
};

struct machine {
    struct fake_platform f; /* its trace counters, barriers and addresses */
    uint8_t config[256];
    uint32_t mask[6]; /* bits of a BAR that take */
    uint64_t at;      /* of the function */
    struct {
        uint64_t at;
        uint8_t config[64];
    } other[4];
    unsigned others;
    uint8_t bar[6][MODERN_SIZE];
    unsigned modern; /* the BAR of the modern structures */
    uint64_t features;
    uint32_t queue_size, notify_off[2];
    uint32_t gone_after; /* reads; from then on everything reads all ones */
    uint32_t accesses, reads;
    bool no_vectors, stuck_pfn;
    unsigned bad; /* what the driver must not do */
    const char *bad_what;
    uint64_t bus_base; /* of DMA memory */
    struct dma_memory memory;
    struct pci_host host;
    struct virtio_net net;
    struct virtio_place place;
};

static void bad(struct machine *m, const char *what)
{
    if (!m->bad++)
        m->bad_what = what;
}

static uint32_t get(const uint8_t *p, unsigned size)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= (uint32_t)p[i] << (8 * i);
    return v;
}

static void put(uint8_t *p, unsigned size, uint32_t v)
{
    for (unsigned i = 0; i < size; i++)
        p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t ones(unsigned size)
{
    return UINT32_MAX >> (32 - 8 * size);
}

/* ---- BARs ---- */

static bool is_io(const struct machine *m, unsigned i)
{
    return m->config[0x10 + 4 * i] & 1;
}

static bool is_wide(const struct machine *m, unsigned i)
{
    return !is_io(m, i) && (m->config[0x10 + 4 * i] & 6) == 4 && i < 5;
}

/* The bytes of the BAR at an address, or NULL: not decoded. */
static uint8_t *decode(struct machine *m, enum reg_space space, uint64_t addr, unsigned size)
{
    unsigned command = get(m->config + 4, 2);

    for (unsigned i = 0; i < 6; i++) {
        uint64_t low_mask = is_io(m, i) ? ~UINT64_C(3) : ~UINT64_C(15);
        uint64_t base = get(m->config + 0x10 + 4 * i, 4), mask = m->mask[i], length;

        if ((space == REG_PORT) != is_io(m, i) || !(command & (space == REG_PORT ? 1 : 2)))
            continue;
        if (is_wide(m, i)) {
            base |= (uint64_t)get(m->config + 0x14 + 4 * i, 4) << 32;
            mask |= (uint64_t)m->mask[i + 1] << 32;
        }
        mask &= low_mask;
        base &= low_mask;
        length = mask & (~mask + 1);
        if (addr >= base && addr - base < length && size <= length - (addr - base))
            return m->bar[i] + (addr - base) % (MODERN_SIZE - 4);
        if (is_wide(m, i))
            i++;
    }
    return 0;
}

static void bar_write(struct machine *m, unsigned i, uint32_t value)
{
    uint8_t *p = m->config + 0x10 + 4 * i;
    unsigned flags = is_io(m, i) ? 3 : 15;
    bool upper = i > 0 && is_wide(m, i - 1);

    if (get(m->config + 4, 2) & 3)
        bad(m, "a BAR is written while it is decoded");
    if (upper)
        flags = 0;
    put(p, 4, (value & m->mask[i] & ~flags) | (get(p, 4) & flags));
}

/* ---- the device: what its registers do when they are written ---- */

static void modern_written(struct machine *m, unsigned at)
{
    uint8_t *c = m->bar[m->modern] + COMMON;
    uint32_t select = get(c + VIRTIO_PCI_COMMON_QUEUE_SELECT, 2);

    if (at == VIRTIO_PCI_COMMON_DEVICE_FEATURE_SELECT)
        put(c + VIRTIO_PCI_COMMON_DEVICE_FEATURE, 4,
            (uint32_t)(m->features >> (get(c + at, 4) ? 32 : 0)));
    if (at == VIRTIO_PCI_COMMON_QUEUE_SELECT) {
        put(c + VIRTIO_PCI_COMMON_QUEUE_SIZE, 2, m->queue_size);
        put(c + VIRTIO_PCI_COMMON_QUEUE_ENABLE, 2, 0);
        put(c + VIRTIO_PCI_COMMON_QUEUE_NOTIFY_OFF, 2, select < 2 ? m->notify_off[select] : 0);
    }
    if ((at == VIRTIO_PCI_COMMON_QUEUE_MSIX_VECTOR || at == VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR) &&
        m->no_vectors)
        put(c + at, 2, VIRTIO_MSI_NO_VECTOR);
}

static void legacy_written(struct machine *m, unsigned at)
{
    uint8_t *c = m->bar[0];

    put(c + VIRTIO_PCI_HOST_FEATURES, 4, (uint32_t)m->features);
    if (at == VIRTIO_PCI_QUEUE_SEL)
        put(c + VIRTIO_PCI_QUEUE_PFN, 4, 0);
    if (at == VIRTIO_PCI_QUEUE_PFN && m->stuck_pfn)
        put(c + VIRTIO_PCI_QUEUE_PFN, 4, 0);
    put(c + VIRTIO_PCI_QUEUE_NUM, 2, m->queue_size);
    if (at >= VIRTIO_MSI_CONFIG_VECTOR && at <= VIRTIO_MSI_QUEUE_VECTOR && m->no_vectors)
        put(c + at, 2, VIRTIO_MSI_NO_VECTOR);
}

/* ---- platform ---- */

static uint32_t config_read(struct machine *m, uint64_t addr, unsigned size)
{
    unsigned at = addr & 0xfff;

    if (at % size || at + size > 256)
        bad(m, "configuration space is read outside of it");
    if (addr - at == m->at && at + size <= 256)
        return get(m->config + at, size);
    for (unsigned i = 0; i < m->others; i++)
        if (addr - at == m->other[i].at)
            return at + size <= 64 ? get(m->other[i].config + at, size) : 0;
    return ones(size);
}

static uint32_t reg_read(void *ctx, enum reg_space space, uint64_t addr, unsigned size)
{
    struct machine *m = ctx;
    uint8_t *p;

    m->accesses++;
    if (m->reads++ >= m->gone_after)
        return ones(size);
    if (space == REG_PCI)
        return config_read(m, addr, size);
    p = decode(m, space, addr, size);
    if (!p)
        bad(m, "a register is read where no BAR is");
    return p ? get(p, size) : ones(size);
}

static void reg_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size, uint32_t value)
{
    struct machine *m = ctx;
    unsigned at = addr & 0xfff;
    uint8_t *p;

    m->accesses++;
    if (space == REG_PCI) {
        if (addr - at != m->at || at % size || at + size > 256)
            bad(m, "configuration space of another function is written");
        else if (at >= 0x10 && at < 0x28)
            bar_write(m, (at - 0x10) / 4, value);
        else if (at == PCI_COMMAND || (at >= 0x42 && m->config[at - 2] == PCI_CAP_ID_MSIX))
            put(m->config + at, size, value);
        else
            bad(m, "configuration space is written where nothing is to write");
        return;
    }
    p = decode(m, space, addr, size);
    if (!p) {
        if (m->gone_after == NEVER)
            bad(m, "a register is written where no BAR is");
        return;
    }
    put(p, size, value);
    if (p >= m->bar[m->modern] && p < m->bar[m->modern] + 64)
        modern_written(m, (unsigned)(p - m->bar[m->modern]));
    if (is_io(m, 0) && p >= m->bar[0] && p < m->bar[0] + 24)
        legacy_written(m, (unsigned)(p - m->bar[0]));
}

static uint64_t bus_address(void *ctx, const void *ptr)
{
    struct machine *m = ctx;

    return m->bus_base + (uint64_t)((const uint8_t *)ptr - m->memory.base);
}

/* ---- good devices ---- */

static void capability(struct machine *m, unsigned at, unsigned next, unsigned len, unsigned type,
                       uint32_t offset, uint32_t length)
{
    uint8_t *c = m->config + at;

    put(c, 4, PCI_CAP_ID_VNDR | next << 8 | len << 16 | type << 24);
    put(c + 4, 4, 4); /* BAR 4 */
    put(c + 8, 4, offset);
    put(c + 12, 4, length);
}

enum kind { MODERN, TRANSITIONAL, LEGACY };

static void fill(struct machine *m, enum kind kind)
{
    uint8_t *dma = m->memory.base;

    memset(m, 0, sizeof(*m));
    fake_platform_init(&m->f);
    m->f.platform.ctx = m;
    m->f.platform.reg_read = reg_read;
    m->f.platform.reg_write = reg_write;
    m->f.platform.bus_address = bus_address;
    m->bus_base = UINT64_C(0x123450000);
    m->memory = (struct dma_memory){.base = dma, .size = VIRTIO_NET_DMA_SIZE};
    m->host = (struct pci_host){
        .mmio_base = WINDOW, .mmio_size = 0x100000, .io_base = 0xc000, .io_size = 0x8000};
    m->at = NIC;
    m->gone_after = NEVER;
    m->modern = 4;
    m->queue_size = 8;
    m->notify_off[1] = 1;
    m->features = VIRTIO_BIT(VIRTIO_NET_F_MAC) | VIRTIO_BIT(VIRTIO_F_VERSION_1);
    put(m->config + PCI_VENDOR_ID, 2, VIRTIO_PCI_VENDOR);
    put(m->config + PCI_DEVICE_ID, 2, kind == MODERN ? 0x1041 : 0x1000);
    put(m->config + PCI_SUBSYSTEM_ID, 2, kind == MODERN ? 0x1100 : 1);
    put(m->config + PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
    put(m->config + PCI_INTERRUPT_LINE, 1, 10);
    m->mask[1] = 0xfffff000;
    if (kind != MODERN) {
        m->mask[0] = 0xffc0; /* the upper half of an I/O BAR need not take */
        m->config[0x10] = 1;
    }
    put(m->config + PCI_CAPABILITY_LIST, 1, kind == LEGACY ? C_MSIX : C_COMMON);
    put(m->config + C_MSIX, 4, PCI_CAP_ID_MSIX | 3u << 16);
    put(m->config + C_MSIX + PCI_MSIX_TABLE, 4, 0x100 | 1);
    legacy_written(m, 0);
    memcpy(m->bar[0] + VIRTIO_PCI_CONFIG, "\x02\1\2\3\4\5", 6);
    if (kind == LEGACY)
        return;
    m->mask[4] = 0xffffc000;
    m->mask[5] = UINT32_MAX;
    m->config[0x20] = 0xc;
    capability(m, C_COMMON, C_NOTIFY, 16, VIRTIO_PCI_CAP_COMMON_CFG, COMMON, 56);
    capability(m, C_NOTIFY, C_ISR, 20, VIRTIO_PCI_CAP_NOTIFY_CFG, NOTIFY, 0x1000);
    put(m->config + C_NOTIFY + 16, 4, 4);
    capability(m, C_ISR, C_CONFIG, 16, VIRTIO_PCI_CAP_ISR_CFG, ISR, 1);
    capability(m, C_CONFIG, C_MSIX, 16, VIRTIO_PCI_CAP_DEVICE_CFG, CONFIG, 12);
    memcpy(m->bar[4] + CONFIG, "\x02\1\2\3\4\5", 6);
}

static struct machine *machine;

static int setup(void **state)
{
    machine = calloc(1, sizeof(*machine));
    machine->memory.base = aligned_alloc(4096, (VIRTIO_NET_DMA_SIZE + 4095) & ~4095);
    fill(machine, MODERN);
    *state = machine;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(machine->memory.base);
    free(machine);
    return 0;
}

/* Find it and bring it up: 0 or the error, of either step. */
static int bring_up(struct machine *m)
{
    struct virtio_msix msix = m->place.msix;
    struct rng random;
    struct pci_scan scan = {0};
    int type;

    do
        type = pci_next_virtio(&m->f.platform, &scan, &m->place);
    while (type >= 0 && type != VIRTIO_ID_NET);
    if (type < 0 || pci_place(&m->f.platform, &m->host, &m->place))
        return ERR_NODEV;
    m->place.msix = msix;
    rng_init(&random, 1, 2);
    m->memory.used = 0;
    return virtio_net_init(&m->net, &m->f.platform, &m->place, &m->memory, &random,
                           &(struct virtio_options){0});
}

/* ---- tables of lies ---- */

enum verdict { V_MODERN, V_LEGACY, V_NODEV, V_FAILED };

struct lie {
    const char *what;
    enum kind kind;
    struct {
        uint16_t at; /* configuration space; 0x100 + i: the mask of BAR i; 0x200: queue size; 0x204
                      * and 0x208: queue_notify_off */
        uint8_t size;
        uint32_t value;
    } poke[5];
    enum verdict verdict;
    enum virtio_failure reason;
    uint64_t value; /* in the trace */
};

static void tell(struct machine *m, const struct lie *lie)
{
    fill(m, lie->kind);
    for (unsigned i = 0; i < 5 && lie->poke[i].size; i++) {
        unsigned at = lie->poke[i].at;

        if (at < 0x100)
            put(m->config + at, lie->poke[i].size, lie->poke[i].value);
        else if (at < 0x200)
            m->mask[at - 0x100] = lie->poke[i].value;
        else if (at == 0x200)
            m->queue_size = lie->poke[i].value;
        else
            m->notify_off[(at - 0x204) / 4] = lie->poke[i].value;
    }
}

static void expect_verdict(struct machine *m, const struct lie *lie)
{
    static const int error[] = {
        [V_MODERN] = 0, [V_LEGACY] = 0, [V_NODEV] = ERR_NODEV, [V_FAILED] = ERR_DEVICE};
    int err;

    tell(m, lie);
    err = bring_up(m);
    if (m->bad || err != error[lie->verdict] || m->accesses > 20000)
        print_error("%s: error %d, reason %d value %llx, %u accesses, %s\n", lie->what, err,
                    (int)m->net.dev.reason, (unsigned long long)m->f.last[1], m->accesses,
                    m->bad ? m->bad_what : "nothing forbidden");
    assert_int_equal(m->bad, 0);
    assert_int_equal(err, error[lie->verdict]);
    assert_true(m->accesses <= 20000);
    if (lie->verdict == V_FAILED) {
        if (m->net.dev.reason != lie->reason || m->f.last[1] != lie->value)
            print_error("%s: reason %d, value %#llx\n", lie->what, (int)m->net.dev.reason,
                        (unsigned long long)m->f.last[1]);
        assert_int_equal(m->net.dev.reason, lie->reason);
        assert_int_equal(m->f.traced[TRACE_VNET_FAILED], 1);
        assert_int_equal(m->f.last[1], lie->value);
    } else if (lie->verdict != V_NODEV) {
        if (m->net.dev.legacy != (lie->verdict == V_LEGACY))
            print_error("%s: the other interface\n", lie->what);
        assert_int_equal(m->net.dev.legacy, lie->verdict == V_LEGACY);
        if (memcmp(m->net.netdev.mac, "\x02\1\2\3\4\5", 6))
            print_error("%s: another MAC address\n", lie->what);
        assert_memory_equal(m->net.netdev.mac, "\x02\1\2\3\4\5", 6);
        assert_int_equal(m->net.header_len, m->net.dev.legacy ? 10 : 12); /* V20 */
    }
}

#define STRUCTURE(type) V_FAILED, VIRTIO_FAILURE_PCI_STRUCTURE, VIRTIO_PCI_CAP_##type##_CFG
#define NO_NOTIFY       V_FAILED, VIRTIO_FAILURE_PCI_NOTIFY

static const struct lie lies[] = {
    {"a good modern device", MODERN, {{0}}, V_MODERN},
    {"a transitional device is driven modern", TRANSITIONAL, {{0}}, V_MODERN},
    {"a legacy device", LEGACY, {{0}}, V_LEGACY},

    /* who it is: 4.1.2 */
    {"another vendor", MODERN, {{PCI_VENDOR_ID, 2, 0x1af5}}, V_NODEV},
    {"V26 nobody", MODERN, {{PCI_VENDOR_ID, 2, 0xffff}}, V_NODEV},
    {"an id below", MODERN, {{PCI_DEVICE_ID, 2, 0x0fff}}, V_NODEV},
    {"an id above", MODERN, {{PCI_DEVICE_ID, 2, 0x1080}}, V_NODEV},
    {"type 0", MODERN, {{PCI_DEVICE_ID, 2, 0x1040}}, V_NODEV},
    {"a disk", MODERN, {{PCI_DEVICE_ID, 2, 0x1042}}, V_NODEV},
    {"a disk by its subsystem", TRANSITIONAL, {{PCI_SUBSYSTEM_ID, 2, 2}}, V_NODEV},
    {"the modern id does not ask the subsystem", MODERN, {{PCI_SUBSYSTEM_ID, 2, 2}}, V_MODERN},
    {"a bridge with our ids", MODERN, {{PCI_HEADER_TYPE, 1, 1}}, V_NODEV},
    {"header type 2", MODERN, {{PCI_HEADER_TYPE, 1, 2}}, V_NODEV},
    {"header type 7f", MODERN, {{PCI_HEADER_TYPE, 1, 0x7f}}, V_NODEV},

    /* V32: the list */
    {"V32 no list", MODERN, {{PCI_STATUS, 2, 0}}, STRUCTURE(COMMON)},
    {"V32 no list on a transitional one", TRANSITIONAL, {{PCI_STATUS, 2, 0}}, V_LEGACY},
    {"V32 an empty list", MODERN, {{PCI_CAPABILITY_LIST, 1, 0}}, STRUCTURE(COMMON)},
    {"V32 the first is its own next", MODERN, {{C_COMMON + 1, 1, C_COMMON}}, STRUCTURE(NOTIFY)},
    {"V32 the second leads back", MODERN, {{C_NOTIFY + 1, 1, C_COMMON}}, STRUCTURE(ISR)},
    {"V32 a circle behind all of them", MODERN, {{C_CONFIG + 1, 1, C_COMMON}}, V_MODERN},
    {"V32 from last to first",
     MODERN,
     {{PCI_CAPABILITY_LIST, 1, C_CONFIG},
      {C_CONFIG + 1, 1, C_ISR},
      {C_ISR + 1, 1, C_NOTIFY},
      {C_NOTIFY + 1, 1, C_COMMON}},
     V_MODERN},
    {"V32 below 0x40, where a good one seems to be",
     MODERN,
     {{C_COMMON + 1, 1, 0x28}, {0x28, 4, 0x02140009 | C_ISR << 8}, {0x2c, 4, 4}, {0x30, 4, NOTIFY}},
     STRUCTURE(NOTIFY)}, /* its length is the list pointer, 0x40 */
    {"V32 the low bits are reserved",
     MODERN,
     {{PCI_CAPABILITY_LIST, 1, C_COMMON | 3}, {C_COMMON + 1, 1, C_NOTIFY | 1}},
     V_MODERN},
    {"V32 into the last word",
     MODERN,
     {{C_COMMON + 1, 1, 0xfc}, {0xfc, 4, 0x02ff0009}},
     STRUCTURE(NOTIFY)},
    {"V32 a structure over the end",
     MODERN,
     {{C_COMMON + 1, 1, 0xf0},
      {0xf0, 4, 0x02140009},
      {0xf4, 4, 4},
      {0xf8, 4, NOTIFY},
      {0xfc, 4, 16}},
     STRUCTURE(NOTIFY)},
    {"V32 all ones", MODERN, {{C_COMMON, 4, 0xffffffff}}, STRUCTURE(COMMON)},

    /* V33: fields */
    {"V33 cap_len 15", MODERN, {{C_COMMON + 2, 1, 15}}, STRUCTURE(COMMON)},
    {"V33 cap_len 0", MODERN, {{C_ISR + 2, 1, 0}}, STRUCTURE(ISR)},
    {"V33 cap_len 19 has no multiplier", MODERN, {{C_NOTIFY + 2, 1, 19}}, STRUCTURE(NOTIFY)},
    {"V33 cap_len 255", MODERN, {{C_COMMON + 2, 1, 255}}, V_MODERN},
    {"V33 type 0", MODERN, {{C_COMMON + 3, 1, 0}}, STRUCTURE(COMMON)},
    {"V33 type 6", MODERN, {{C_NOTIFY + 3, 1, 6}}, STRUCTURE(NOTIFY)},
    {"V33 type 255", MODERN, {{C_ISR + 3, 1, 255}}, STRUCTURE(ISR)},
    {"V33 bar 6", MODERN, {{C_COMMON + 4, 1, 6}}, STRUCTURE(COMMON)},
    {"V33 bar 7", MODERN, {{C_NOTIFY + 4, 1, 7}}, STRUCTURE(NOTIFY)},
    {"V33 bar 255", MODERN, {{C_ISR + 4, 1, 255}}, STRUCTURE(ISR)},
    {"V33 bar 6 on a transitional one", TRANSITIONAL, {{C_COMMON + 4, 1, 6}}, V_LEGACY},
    {"V33 common of 55 bytes", MODERN, {{C_COMMON + 12, 4, 55}}, STRUCTURE(COMMON)},
    {"V33 common of 64 bytes", MODERN, {{C_COMMON + 12, 4, 64}}, V_MODERN},
    {"V33 notify of 1 byte", MODERN, {{C_NOTIFY + 12, 4, 1}}, STRUCTURE(NOTIFY)},
    {"V33 isr of 0 bytes", MODERN, {{C_ISR + 12, 4, 0}}, STRUCTURE(ISR)},
    {"V33 common not aligned", MODERN, {{C_COMMON + 8, 4, 2}}, STRUCTURE(COMMON)},
    {"V33 notify not aligned",
     MODERN,
     {{C_NOTIFY + 8, 4, NOTIFY + 1}, {C_NOTIFY + 12, 4, 16}},
     STRUCTURE(NOTIFY)},
    {"V33 isr anywhere", MODERN, {{C_ISR + 8, 4, ISR + 3}}, V_MODERN},

    /* V34: BARs */
    {"V34 size 0", MODERN, {{0x104, 1, 0}, {0x105, 1, 0}}, STRUCTURE(COMMON)},
    {"V34 a BAR that is not there", MODERN, {{C_COMMON + 4, 1, 2}}, STRUCTURE(COMMON)},
    {"V34 the upper half of one", MODERN, {{C_COMMON + 4, 1, 5}}, STRUCTURE(COMMON)},
    {"V34 64 bits in BAR 5",
     MODERN,
     {{0x20, 1, 0}, {0x24, 1, 4}, {C_COMMON + 4, 1, 5}},
     STRUCTURE(COMMON)},
    {"V34 32 bits in BAR 4", MODERN, {{0x20, 1, 0}, {0x105, 1, 0}}, V_MODERN},
    {"V34 below 1 MiB", MODERN, {{0x20, 1, 2}}, STRUCTURE(COMMON)},
    {"V34 a type that is reserved", MODERN, {{0x20, 1, 6}}, STRUCTURE(COMMON)},
    {"V34 I/O is as good: 4.1.4", MODERN, {{0x20, 1, 1}, {0x105, 1, 0}}, V_MODERN},
    {"V34 larger than the window", MODERN, {{0x104, 1, 0x80000000}}, STRUCTURE(COMMON)},
    {"V34 larger than 4 GiB", MODERN, {{0x104, 1, 0}, {0x105, 1, 0xfffffff0}}, STRUCTURE(COMMON)},
    {"V34 bits above the size do not take",
     MODERN,
     {{0x104, 1, 0x00004000}, {0x105, 1, 0}},
     STRUCTURE(COMMON)},
    {"V34 one bit does not take", MODERN, {{0x104, 1, 0xbfffc000}}, STRUCTURE(COMMON)},
    {"V34 the upper half does not take", MODERN, {{0x105, 1, 0}}, STRUCTURE(COMMON)},
    {"V34 in legacy I/O neither", LEGACY, {{0x100, 1, 0x0fc0}}, STRUCTURE(COMMON)},
    {"V34 all 32 bits of I/O take", LEGACY, {{0x100, 1, 0xffffffc0}}, V_LEGACY},
    {"V34 legacy registers in memory",
     LEGACY,
     {{0x10, 1, 0}, {0x100, 1, 0xfffff000}},
     STRUCTURE(COMMON)},
    {"V34 16 bytes of legacy registers", LEGACY, {{0x100, 1, 0xfffffff0}}, STRUCTURE(COMMON)},
    {"V34 no legacy registers", LEGACY, {{0x100, 1, 0}}, STRUCTURE(COMMON)},

    /* V35: sums */
    {"V35 over 32 bits",
     MODERN,
     {{C_COMMON + 8, 4, 0xfffff000}, {C_COMMON + 12, 4, 0x2000}},
     STRUCTURE(COMMON)},
    {"V35 all ones",
     MODERN,
     {{C_NOTIFY + 8, 4, 0xfffffffe}, {C_NOTIFY + 12, 4, 0xffffffff}},
     STRUCTURE(NOTIFY)},
    {"V35 one byte over", MODERN, {{C_ISR + 8, 4, MODERN_SIZE}}, STRUCTURE(ISR)},
    {"V35 the last byte", MODERN, {{C_ISR + 8, 4, MODERN_SIZE - 1}}, V_MODERN},
    {"V35 notify up to the end", MODERN, {{C_NOTIFY + 12, 4, MODERN_SIZE - NOTIFY}}, V_MODERN},
    {"V35 notify over the end",
     MODERN,
     {{C_NOTIFY + 12, 4, MODERN_SIZE - NOTIFY + 1}},
     STRUCTURE(NOTIFY)},

    /* V36: notify places */
    {"V36 multiplier 0", MODERN, {{C_NOTIFY + 16, 4, 0}}, V_MODERN},
    {"V36 multiplier 0 in 2 bytes",
     MODERN,
     {{C_NOTIFY + 16, 4, 0}, {C_NOTIFY + 12, 4, 2}},
     V_MODERN},
    {"V36 multiplier 1 makes an odd place", MODERN, {{C_NOTIFY + 16, 4, 1}}, NO_NOTIFY, 1},
    {"V36 multiplier 0x80000000", MODERN, {{C_NOTIFY + 16, 4, 0x80000000}}, NO_NOTIFY, 0x80000000},
    {"V36 more than 32 bits",
     MODERN,
     {{C_NOTIFY + 16, 4, 0x10000}, {0x204, 4, 0xffff}},
     NO_NOTIFY,
     0xffff0000},
    {"V36 the largest of all",
     MODERN,
     {{C_NOTIFY + 16, 4, 0xffffffff}, {0x204, 4, 0xffff}},
     NO_NOTIFY,
     UINT64_C(0xffffffff) * 0xffff},
    {"V36 back round to 0",
     MODERN,
     {{C_NOTIFY + 16, 4, 0x80000000}, {0x208, 4, 2}},
     NO_NOTIFY,
     0x100000000},
    {"V36 the last place", MODERN, {{C_NOTIFY + 12, 4, 6}}, V_MODERN},
    {"V36 half of the last place", MODERN, {{C_NOTIFY + 12, 4, 5}}, NO_NOTIFY, 4},

    /* V37: too few, too many */
    {"V37 no common", MODERN, {{PCI_CAPABILITY_LIST, 1, C_NOTIFY}}, STRUCTURE(COMMON)},
    {"V37 no notify", MODERN, {{C_COMMON + 1, 1, C_ISR}}, STRUCTURE(NOTIFY)},
    {"V37 no isr", MODERN, {{C_NOTIFY + 1, 1, C_CONFIG}}, STRUCTURE(ISR)},
    {"V37 no isr on a transitional one", TRANSITIONAL, {{C_NOTIFY + 1, 1, C_CONFIG}}, V_LEGACY},
    {"V37 no configuration, which holds the MAC",
     MODERN,
     {{C_ISR + 1, 1, C_MSIX}},
     V_FAILED,
     VIRTIO_FAILURE_CONFIG_SHORT,
     0},
    {"V37 two of a kind: the first counts",
     MODERN,
     {{C_CONFIG + 1, 1, C_SPARE},
      {C_SPARE, 4, 0x04100009},
      {C_SPARE + 4, 4, 4},
      {C_SPARE + 12, 4, 12}},
     V_MODERN},
    {"V37 two of a kind: the first that is usable",
     MODERN,
     {{PCI_CAPABILITY_LIST, 1, C_SPARE},
      {C_SPARE, 4, 0x01100009 | C_COMMON << 8},
      {C_SPARE + 4, 4, 4},
      {C_SPARE + 12, 4, 0xffffffff}},
     V_MODERN},

    /* V31, V27 */
    {"V31 four bytes of configuration",
     MODERN,
     {{C_CONFIG + 12, 4, 4}},
     V_FAILED,
     VIRTIO_FAILURE_CONFIG_SHORT,
     4},
    {"V31 six are enough for a MAC", MODERN, {{C_CONFIG + 12, 4, 6}}, V_MODERN},
    {"V27 modern: no queue", MODERN, {{0x200, 4, 0}}, V_FAILED, VIRTIO_FAILURE_QUEUE_ABSENT, 0},
    {"V27 modern: three entries", MODERN, {{0x200, 4, 3}}, V_FAILED, VIRTIO_FAILURE_QUEUE_SIZE, 3},
    {"V27 modern: more than the driver lays out", MODERN, {{0x200, 4, 32768}}, V_MODERN},
    {"V27 legacy: no queue", LEGACY, {{0x200, 4, 0}}, V_FAILED, VIRTIO_FAILURE_QUEUE_ABSENT, 0},
    {"V27 legacy: the driver cannot take less",
     LEGACY,
     {{0x200, 4, 2048}},
     V_FAILED,
     VIRTIO_FAILURE_QUEUE_SIZE,
     2048},
    {"V27 legacy: the largest", LEGACY, {{0x200, 4, VIRTQ_SIZE_MAX}}, V_LEGACY},
};

static void every_lie_has_its_verdict(void **state)
{
    for (unsigned i = 0; i < ARRAY_COUNT(lies); i++)
        expect_verdict(*state, &lies[i]);
}

static void v26_a_function_that_vanishes_at_any_read_ends_the_bring_up(void **state)
{
    struct machine *m = *state;
    unsigned whole;

    for (unsigned kind = MODERN; kind <= LEGACY; kind++) {
        fill(m, kind);
        assert_int_equal(bring_up(m), 0);
        whole = m->reads;
        assert_true(whole > 50);
        for (unsigned n = 0; n < whole; n++) {
            fill(m, kind);
            m->gone_after = n;
            bring_up(m); /* may succeed when all that it missed did not matter */
            assert_int_equal(m->bad, 0);
            assert_true(m->accesses < 30000);
        }
    }
}

static void v26_a_device_that_is_gone_while_live_is_noticed(void **state)
{
    struct machine *m = *state;

    assert_int_equal(bring_up(m), 0);
    m->gone_after = 0;
    virtio_net_check(&m->net, 1);
    assert_true(m->net.dev.failed);
    assert_int_equal(m->net.dev.reason, VIRTIO_FAILURE_NEEDS_RESET);
}

/* Any bytes in configuration space: nothing is touched that is not there, in bounded work. */
static void random_configuration_spaces_do_no_harm(void **state)
{
    struct machine *m = *state;
    uint64_t r = 1;
    unsigned up = 0, down = 0;

    for (unsigned round = 0; round < 20000; round++) {
        fill(m, round % 3);
        for (unsigned i = 0; i < 1 + round % 5; i++) {
            r = r * UINT64_C(6364136223846793005) + 1442695040888963407;
            if (r >> 61)
                m->config[PCI_HEADER_TYPE + 2 + (r >> 33) % 150] = (uint8_t)(r >> 20);
            else
                m->mask[(r >> 33) % 6] = (uint32_t)(r >> 20) << (r >> 50) % 24;
        }
        if (bring_up(m) == 0)
            up++;
        else
            down++;
        if (m->bad)
            print_error("round %u: %s\n", round, m->bad_what);
        assert_int_equal(m->bad, 0);
        assert_true(m->accesses < 30000);
    }
    assert_true(up > 1000 && down > 1000);
}

/* ---- the walk ---- */

static void add_other(struct machine *m, uint64_t at, uint16_t vendor, uint8_t header)
{
    m->other[m->others].at = at;
    put(m->other[m->others].config + PCI_VENDOR_ID, 4, vendor | 0x10410000u);
    put(m->other[m->others].config + PCI_HEADER_TYPE, 1, header);
    m->others++;
}

static void the_last_function_of_the_last_device_is_found(void **state)
{
    struct machine *m = *state;

    m->at = pci_address(0, 31, 7);
    add_other(m, pci_address(0, 0, 0), 0x8086, 0);
    add_other(m, pci_address(0, 1, 0), VIRTIO_PCI_VENDOR, PCI_HEADER_TYPE_BRIDGE);
    add_other(m, pci_address(0, 31, 0), 0x8086, PCI_HEADER_TYPE_MFD);
    assert_int_equal(bring_up(m), 0);
    assert_int_equal(m->place.address, m->at);
    assert_int_equal(m->place.bus, VIRTIO_BUS_PCI);
    assert_int_equal(m->place.irq, 10);
    assert_int_equal(m->bad, 0);
    assert_int_equal(m->f.traced[TRACE_VNET_PCI], 1);
}

static void functions_of_a_single_function_device_are_not_looked_for(void **state)
{
    struct machine *m = *state;

    m->at = pci_address(0, 3, 1);
    add_other(m, pci_address(0, 3, 0), 0x8086, 0);
    assert_int_equal(bring_up(m), ERR_NODEV);
}

static void an_empty_bus_is_walked_once(void **state)
{
    struct machine *m = *state;

    m->at = pci_address(1, 0, 0); /* another bus */
    assert_int_equal(bring_up(m), ERR_NODEV);
    assert_int_equal(m->accesses, 32);
}

/* ---- BARs ---- */

static uint64_t bar(const struct machine *m, unsigned i)
{
    return get(m->config + 0x10 + 4 * i, 4);
}

static void bars_get_aligned_addresses_out_of_the_windows(void **state)
{
    struct machine *m = *state;

    fill(m, TRANSITIONAL);
    m->host.mmio_base += 0x800;
    m->host.io_base += 1;
    assert_int_equal(bring_up(m), 0);
    assert_int_equal(bar(m, 0), 0xc040 | 1);
    assert_int_equal(bar(m, 1), WINDOW + 0x1000);
    assert_int_equal(bar(m, 4), (WINDOW + 0x4000) | 0xc);
    assert_int_equal(bar(m, 5), 0);
    assert_int_equal(get(m->config + PCI_COMMAND, 2), 7);
    assert_int_equal(m->host.mmio_used, 0x8000 - 0x800);
}

static void what_firmware_assigned_is_kept(void **state)
{
    struct machine *m = *state;

    put(m->config + 0x14, 4, 0xfebd1000);
    put(m->config + 0x20, 4, 0x0000400c);
    put(m->config + 0x24, 4, 0x00000007); /* above 4 GiB */
    put(m->config + PCI_COMMAND, 2, 0x106);
    assert_int_equal(bring_up(m), 0);
    assert_int_equal(bar(m, 1), 0xfebd1000);
    assert_int_equal(bar(m, 4), 0x400c);
    assert_int_equal(bar(m, 5), 7);
    assert_int_equal(m->host.mmio_used, 0);
    assert_int_equal(get(m->config + PCI_COMMAND, 2), 0x106);
    assert_int_equal(m->net.dev.pci.common.base, UINT64_C(0x700004000));
    assert_int_equal(m->bad, 0);
}

static void a_function_that_was_looked_at_decodes_as_before(void **state)
{
    struct machine *m = *state;
    struct pci_function f;

    assert_int_equal(bring_up(m), 0); /* finds its address */
    put(m->config + PCI_COMMAND, 2, 0x105);
    assert_int_equal(pci_function_open(&f, &m->f.platform, m->place.address), 0);
    assert_int_equal(get(m->config + PCI_COMMAND, 2), 0x105);
    assert_int_equal(m->bad, 0);
}

static void a_window_above_4_gib_takes_wide_bars_only(void **state)
{
    struct machine *m = *state;

    m->host.mmio_base = UINT64_C(0x400000000);
    assert_int_equal(bring_up(m), ERR_DEVICE);
    assert_int_equal(bar(m, 1), 0); /* it would answer at 0: memory stays switched off */
    assert_int_equal(bar(m, 5), 4);
    assert_int_equal(m->net.dev.reason, VIRTIO_FAILURE_PCI_STRUCTURE);
    assert_int_equal(get(m->config + PCI_COMMAND, 2), 0);
    assert_int_equal(m->bad, 0);

    fill(m, MODERN);
    m->mask[1] = 0;
    m->host.mmio_base = UINT64_C(0x400000000);
    assert_int_equal(bring_up(m), 0);
    assert_int_equal(m->net.dev.pci.common.base, UINT64_C(0x400000000));
}

static void without_an_io_window_a_transitional_device_is_driven_all_the_same(void **state)
{
    struct machine *m = *state;

    fill(m, TRANSITIONAL);
    m->host.io_size = 0;
    assert_int_equal(bring_up(m), 0);
    assert_false(m->net.dev.legacy);
    assert_int_equal(get(m->config + PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    assert_int_equal(m->bad, 0);
}

static void a_legacy_device_without_an_io_window_is_refused(void **state)
{
    struct machine *m = *state;

    fill(m, LEGACY);
    m->host.io_size = 0x20;
    assert_int_equal(bring_up(m), ERR_DEVICE);
    assert_int_equal(m->net.dev.reason, VIRTIO_FAILURE_PCI_STRUCTURE);
}

/* ---- registers ---- */

static void a_queue_is_notified_by_its_index_at_its_place(void **state)
{
    struct machine *m = *state;

    m->notify_off[0] = 3;
    m->notify_off[1] = 2;
    put(m->config + C_NOTIFY + 16, 4, 8);
    assert_int_equal(bring_up(m), 0);
    memset(m->bar[4] + NOTIFY, 0xee, 64);
    m->net.dev.transport->notify(&m->net.dev, 0);
    m->net.dev.transport->notify(&m->net.dev, 1);
    assert_memory_equal(m->bar[4] + NOTIFY + 24, "\0\0\xee\xee", 4);
    assert_memory_equal(m->bar[4] + NOTIFY + 16, "\1\0\xee\xee", 4);
}

static void a_legacy_queue_that_takes_no_address_is_an_error(void **state)
{
    struct machine *m = *state;

    fill(m, LEGACY);
    m->stuck_pfn = true;
    assert_int_equal(bring_up(m), ERR_DEVICE);
    assert_int_equal(m->net.dev.reason, VIRTIO_FAILURE_QUEUE_READY);
}

static void a_legacy_ring_above_16_tib_is_refused(void **state)
{
    struct machine *m = *state;

    fill(m, LEGACY);
    m->bus_base = UINT64_C(1) << 44;
    assert_int_equal(bring_up(m), ERR_DEVICE);
    assert_int_equal(m->net.dev.reason, VIRTIO_FAILURE_MEMORY);
    fill(m, LEGACY);
    m->bus_base = (UINT64_C(1) << 44) - (1 << 20);
    m->memory.size = 1 << 20;
    assert_int_equal(bring_up(m), 0);
}

/* No other BAR than this one, which holds all structures. */
static void move_structures(struct machine *m, unsigned to, uint8_t flags)
{
    fill(m, MODERN);
    m->mask[1] = m->mask[4] = m->mask[5] = 0;
    m->config[0x20] = 0;
    m->modern = to;
    m->mask[to] = 0xffffc000;
    m->config[0x10 + 4 * to] = flags;
    for (unsigned at = C_COMMON; at != C_MSIX; at = m->config[at + 1])
        m->config[at + 4] = (uint8_t)to;
    memcpy(m->bar[to] + CONFIG, "\x02\1\2\3\4\5", 6);
}

/* A BAR of 64 bits may be any of the first five; the sixth has no register for its upper half. */
static void structures_in_a_wide_bar_wherever_it_is(void **state)
{
    struct machine *m = *state;

    for (unsigned i = 0; i < 6; i++) {
        move_structures(m, i, 0xc);
        if (i < 5)
            m->mask[i + 1] = UINT32_MAX;
        m->host.mmio_base = UINT64_C(0x700000000);
        assert_int_equal(bring_up(m), i < 5 ? 0 : ERR_DEVICE);
        assert_int_equal(m->bad, 0);
        if (i == 5) {
            assert_int_equal(m->net.dev.reason, VIRTIO_FAILURE_PCI_STRUCTURE);
            assert_int_equal(bar(m, 5), 0xc); /* it was written only to size it */
            continue;
        }
        assert_int_equal(m->net.dev.pci.common.base, UINT64_C(0x700000000));
        assert_int_equal(bar(m, i), 0xc);
        assert_int_equal(bar(m, i + 1), 7);
    }
}

/* The last register; the one after it is never read. */
static void a_narrow_bar_may_be_the_last(void **state)
{
    struct machine *m = *state;

    move_structures(m, 5, 0);
    put(m->config + 0x28, 4, 0xfffffff0); /* after it: the bytes of a read beyond the last BAR */
    assert_int_equal(bring_up(m), 0);
    assert_int_equal(m->bad, 0);
    assert_int_equal(m->net.dev.pci.common.base, WINDOW);
    assert_int_equal(get(m->config + 0x28, 4), 0xfffffff0);
}

static void interrupts_are_read_masked_and_acknowledged(void **state)
{
    struct machine *m = *state;
    struct fake_platform f;
    struct virtio_device d;

    assert_int_equal(bring_up(m), 0);
    m->bar[4][ISR] = 0xfe; /* undefined bits: V40 */
    assert_int_equal(m->net.dev.transport->interrupt_ack(&m->net.dev), 2);
    fill(m, LEGACY);
    assert_int_equal(bring_up(m), 0);
    m->bar[0][VIRTIO_PCI_ISR] = 1;
    assert_int_equal(m->net.dev.transport->interrupt_ack(&m->net.dev), 1);

    fake_platform_init(&f);
    f.reg[VIRTIO_MMIO_MAGIC_VALUE / 4] = VIRTIO_MMIO_MAGIC;
    f.reg[VIRTIO_MMIO_VERSION / 4] = VIRTIO_MMIO_VERSION_MODERN;
    f.reg[VIRTIO_MMIO_DEVICE_ID / 4] = VIRTIO_ID_NET;
    assert_int_equal(virtio_mmio_open(&d, &f.platform, 0x1000), VIRTIO_ID_NET);
    f.reg[VIRTIO_MMIO_INTERRUPT_STATUS / 4] = 0xff;
    assert_int_equal(d.transport->interrupt_ack(&d), 3);
    assert_int_equal(f.reg[VIRTIO_MMIO_INTERRUPT_ACK / 4], 3);
    f.reg[VIRTIO_MMIO_INTERRUPT_STATUS / 4] = f.writes = 0;
    assert_int_equal(d.transport->interrupt_ack(&d), 0);
    assert_int_equal(f.writes, 0);
}

/* ---- MSI-X ---- */

static void want_msix(struct machine *m)
{
    m->place.msix = (struct virtio_msix){true, MSIX_ADDR, 0x31};
}

static void msix_is_programmed_enabled_and_mapped(void **state)
{
    struct machine *m = *state;
    const uint8_t *entry = m->bar[1] + 0x100;

    for (unsigned kind = MODERN; kind <= LEGACY; kind++) {
        fill(m, kind);
        want_msix(m);
        m->bar[1][0x10c] = 1; /* masked, as after power-on */
        memset(m->bar[0] + 24, 0, 8);
        memcpy(m->bar[0] + VIRTIO_PCI_CONFIG_MSIX, "\x02\1\2\3\4\5", 6); /* moved: 4.1.4.10 */
        assert_int_equal(bring_up(m), 0);
        assert_int_equal(m->bad, 0);
        assert_int_equal(get(entry, 4), (uint32_t)MSIX_ADDR);
        assert_int_equal(get(entry + 4, 4), MSIX_ADDR >> 32);
        assert_int_equal(get(entry + 8, 4), 0x31);
        assert_int_equal(get(entry + 12, 4), 0);
        assert_int_equal(get(m->config + C_MSIX + 2, 2), PCI_MSIX_FLAGS_ENABLE | 3);
        assert_memory_equal(m->net.netdev.mac, "\x02\1\2\3\4\5", 6);
        m->accesses = 0;
        assert_int_equal(m->net.dev.transport->interrupt_ack(&m->net.dev), 3);
        assert_int_equal(m->accesses, 0); /* 4.1.4.5.2 */
    }
}

static void msix_that_cannot_be_had_is_an_error(void **state)
{
    static const struct lie cannot[] = {
        {"no capability", MODERN, {{C_CONFIG + 1, 1, 0}}, V_FAILED, VIRTIO_FAILURE_MSIX, 0xffff},
        {"cut off by the end",
         MODERN,
         {{C_CONFIG + 1, 1, 0xf8}, {0xf8, 1, PCI_CAP_ID_MSIX}},
         V_FAILED,
         VIRTIO_FAILURE_MSIX,
         0xffff},
        {"a BAR that is reserved", MODERN, {{C_MSIX + 4, 4, 6}}, V_FAILED, VIRTIO_FAILURE_MSIX, 6},
        {"beyond the BAR",
         MODERN,
         {{C_MSIX + 4, 4, 0xff8 | 1}},
         V_FAILED,
         VIRTIO_FAILURE_MSIX,
         0xff9},
        {"over 32 bits",
         LEGACY,
         {{C_MSIX + 4, 4, 0xfffffff8 | 1}},
         V_FAILED,
         VIRTIO_FAILURE_MSIX,
         0xfffffff9},
        {"in I/O", LEGACY, {{C_MSIX + 4, 4, 0}}, V_FAILED, VIRTIO_FAILURE_MSIX, 0},
    };
    struct machine *m = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(cannot); i++) {
        tell(m, &cannot[i]);
        want_msix(m);
        assert_int_equal(bring_up(m), ERR_DEVICE);
        assert_int_equal(m->net.dev.reason, cannot[i].reason);
        assert_int_equal(m->f.last[1], cannot[i].value);
        assert_int_equal(m->bad, 0);
    }
    for (unsigned kind = MODERN; kind <= LEGACY; kind++) {
        fill(m, kind);
        want_msix(m);
        m->no_vectors = true;
        assert_int_equal(bring_up(m), ERR_DEVICE);
        assert_int_equal(m->net.dev.reason, VIRTIO_FAILURE_MSIX);
        assert_int_equal(m->f.last[1], VIRTIO_MSI_NO_VECTOR);
    }
}

static void msix_left_enabled_by_firmware_is_switched_off(void **state)
{
    struct machine *m = *state;

    fill(m, LEGACY);
    put(m->config + C_MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL | 3);
    assert_int_equal(bring_up(m), 0);
    assert_int_equal(get(m->config + C_MSIX + 2, 2), 3);
    assert_memory_equal(m->net.netdev.mac, "\x02\1\2\3\4\5", 6);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_lie_has_its_verdict),
        T(v26_a_function_that_vanishes_at_any_read_ends_the_bring_up),
        T(v26_a_device_that_is_gone_while_live_is_noticed),
        T(random_configuration_spaces_do_no_harm),
        T(the_last_function_of_the_last_device_is_found),
        T(functions_of_a_single_function_device_are_not_looked_for),
        T(an_empty_bus_is_walked_once),
        T(bars_get_aligned_addresses_out_of_the_windows),
        T(what_firmware_assigned_is_kept),
        T(a_function_that_was_looked_at_decodes_as_before),
        T(a_window_above_4_gib_takes_wide_bars_only),
        T(without_an_io_window_a_transitional_device_is_driven_all_the_same),
        T(a_legacy_device_without_an_io_window_is_refused),
        T(a_queue_is_notified_by_its_index_at_its_place),
        T(a_legacy_queue_that_takes_no_address_is_an_error),
        T(a_legacy_ring_above_16_tib_is_refused),
        T(structures_in_a_wide_bar_wherever_it_is),
        T(a_narrow_bar_may_be_the_last),
        T(interrupts_are_read_masked_and_acknowledged),
        T(msix_is_programmed_enabled_and_mapped),
        T(msix_that_cannot_be_had_is_an_error),
        T(msix_left_enabled_by_firmware_is_switched_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
