/* The machine's device tree: see device_tree.h. */
#include "device_tree.h"
#include "../../core/base/endian.h"
#include <stdlib.h>
#include <string.h>

enum { HEADER_SIZE = 40, RESERVATIONS_SIZE = 16, STRUCTURE_AT = HEADER_SIZE + RESERVATIONS_SIZE };
enum { TOKEN_BEGIN_NODE = 1, TOKEN_END_NODE = 2, TOKEN_PROP = 3, TOKEN_END = 9 };
enum { INTC_PHANDLE = 3, DECOY_IRQ = 7 };

/* The names of properties. */
enum name {
    ADDRESS_CELLS,
    COMPATIBLE,
    INTERRUPTS,
    INTERRUPTS_EXTENDED,
    INTERRUPT_CELLS,
    INTERRUPT_PARENT,
    PHANDLE,
    RANGES,
    REG,
    SIZE_CELLS,
    STATUS,
    TIMEBASE_FREQUENCY,
    NAME_COUNT,
};

enum { NAME_SIZE = 20 };

static const char names[NAME_COUNT][NAME_SIZE] = {
    [ADDRESS_CELLS] = "#address-cells",
    [COMPATIBLE] = "compatible",
    [INTERRUPTS] = "interrupts",
    [INTERRUPTS_EXTENDED] = "interrupts-extended",
    [INTERRUPT_CELLS] = "#interrupt-cells",
    [INTERRUPT_PARENT] = "interrupt-parent",
    [PHANDLE] = "phandle",
    [RANGES] = "ranges",
    [REG] = "reg",
    [SIZE_CELLS] = "#size-cells",
    [STATUS] = "status",
    [TIMEBASE_FREQUENCY] = "timebase-frequency",
};

/* Offsets of the fields of the header: section 5.2. */
enum {
    MAGIC = 0,
    TOTAL_SIZE = 4,
    OFF_STRUCTURE = 8,
    OFF_STRINGS = 12,
    OFF_RESERVATIONS = 16,
    VERSION = 20,
    LAST_COMPATIBLE = 24,
    SIZE_STRINGS = 32,
    SIZE_STRUCTURE = 36,
};

struct tree {
    uint8_t *blob;
    size_t len;
    char strings[NAME_COUNT * NAME_SIZE]; /* the names in use */
    size_t strings_len;
    uint16_t string[NAME_COUNT]; /* the offset of each, plus one; 0: not in use yet */
    size_t soc_cells, reg;       /* offsets of the values of two properties, for lies */
    unsigned cells;              /* of addresses and sizes on the bus */
    uint64_t shift;              /* processor address minus bus address */
};

static void put32(uint8_t *at, uint32_t n)
{
    be32 word = be32_of(n);

    memcpy(at, &word, sizeof(word));
}

static void add32(struct tree *t, uint32_t n)
{
    if (t->len + 4 > DEVICE_TREE_MAX)
        abort();
    put32(t->blob + t->len, n);
    t->len += 4;
}

static void add_bytes(struct tree *t, const void *bytes, size_t len)
{
    size_t padded = (len + 3) & ~(size_t)3;

    if (t->len + padded > DEVICE_TREE_MAX)
        abort();
    memset(t->blob + t->len, 0, padded);
    memcpy(t->blob + t->len, bytes, len);
    t->len += padded;
}

static uint32_t device_tree_string_at(struct tree *t, enum name name)
{
    if (!t->string[name]) {
        size_t len = strlen(names[name]) + 1;

        memcpy(t->strings + t->strings_len, names[name], len);
        t->string[name] = (uint16_t)(t->strings_len + 1);
        t->strings_len += len;
    }
    return t->string[name] - 1u;
}

static void begin(struct tree *t, const char *name)
{
    add32(t, TOKEN_BEGIN_NODE);
    add_bytes(t, name, strlen(name) + 1);
}

static void end(struct tree *t)
{
    add32(t, TOKEN_END_NODE);
}

/* Write the head of a property of `len` bytes, which follow; returns their offset. */
static size_t prop(struct tree *t, enum name name, size_t len)
{
    add32(t, TOKEN_PROP);
    add32(t, (uint32_t)len);
    add32(t, device_tree_string_at(t, name));
    return t->len;
}

static void text(struct tree *t, enum name name, const char *value)
{
    prop(t, name, strlen(value) + 1);
    add_bytes(t, value, strlen(value) + 1);
}

static size_t cell(struct tree *t, enum name name, uint32_t value)
{
    size_t at = prop(t, name, 4);

    add32(t, value);
    return at;
}

static void add_number(struct tree *t, unsigned cells, uint64_t n)
{
    if (cells == 2)
        add32(t, (uint32_t)(n >> 32));
    add32(t, (uint32_t)n);
}

static size_t device_tree_bus(struct tree *t, unsigned address, unsigned size)
{
    size_t at = cell(t, ADDRESS_CELLS, address);

    cell(t, SIZE_CELLS, size);
    return at;
}

/* ---- the nodes of the machine ---- */

static void cpus(struct tree *t, bool wide)
{
    begin(t, "cpus");
    device_tree_bus(t, 1, 0);
    prop(t, TIMEBASE_FREQUENCY, wide ? 8 : 4);
    add_number(t, wide ? 2 : 1, NS_PER_S);
    end(t);
}

static void slot(struct tree *t, uint64_t base, uint32_t irq, bool extended, const char *status)
{
    begin(t, "virtio_mmio");
    text(t, COMPATIBLE, "virtio,mmio");
    if (status)
        text(t, STATUS, status);
    t->reg = prop(t, REG, 8 * t->cells);
    add_number(t, t->cells, base - t->shift);
    add_number(t, t->cells, VIRTIO_MMIO_SIZE);
    if (!extended) {
        cell(t, INTERRUPTS, irq);
    } else {
        prop(t, INTERRUPTS_EXTENDED, 8);
        add32(t, INTC_PHANDLE);
        add32(t, irq);
    }
    end(t);
}

static void pci_window(struct tree *t, uint32_t space, uint64_t child, uint64_t parent,
                       uint64_t size)
{
    add32(t, space);
    add_number(t, 2, child);
    add_number(t, t->cells, parent);
    add_number(t, 2, size);
}

/* Besides the windows that are used: one at another processor address. */
static void pci(struct tree *t, const struct fake_pci_host *h)
{
    begin(t, "pci@18000000");
    text(t, COMPATIBLE, "pci-host-ecam-generic");
    device_tree_bus(t, 3, 2);
    t->reg = prop(t, REG, 8 * t->cells);
    add_number(t, t->cells, UINT64_C(0x18000000));
    add_number(t, t->cells, UINT64_C(0x100000));
    prop(t, RANGES, 3 * 4 * (5 + t->cells));
    pci_window(t, 0x01000000, 0, 0x3000000, 0x10000);
    pci_window(t, 0x02000000, 0x80000000, 0x50000000, 0x1000);
    pci_window(t, 0x02000000, h->mmio_base, h->mmio_base, h->mmio_size);
    end(t);
}

static void soc(struct tree *t, const struct device_tree_wish *w, uint64_t draw)
{
    bool extended = draw & 4, windows = draw & 8;

    t->cells = draw & 1 ? 2 : 1;
    t->shift = windows && !w->pci ? UINT64_C(0) - 0x10000000 : 0;
    begin(t, "soc");
    t->soc_cells = device_tree_bus(t, t->cells, t->cells);
    prop(t, RANGES, windows ? 8 * (1 + 2 * t->cells + 1) : 0);
    if (windows) { /* the first is of another device; the root's addresses have two cells */
        add_number(t, t->cells, 0xf0000000);
        add_number(t, 2, 0x70000000);
        add_number(t, t->cells, 0x1000);
        add_number(t, t->cells, UINT64_C(0) - t->shift);
        add_number(t, 2, 0);
        add_number(t, t->cells, 0xd0000000);
    }
    begin(t, "interrupt-controller");
    cell(t, INTERRUPT_CELLS, 1);
    cell(t, PHANDLE, INTC_PHANDLE);
    end(t);
    if (w->pci)
        pci(t, &w->windows);
    if (w->slot_count && draw & 32)
        slot(t, DEVICE_TREE_DISABLED, DECOY_IRQ + 1, extended, "disabled");
    else if (w->slot_count)
        slot(t, w->slots[0].base + VIRTIO_MMIO_SIZE, DECOY_IRQ, extended, NULL);
    for (unsigned i = 0; i < w->slot_count; i++)
        slot(t, w->slots[i].base, w->slots[i].irq, extended, draw & 16 ? "okay" : NULL);
    end(t);
}

static void finish(struct tree *t)
{
    uint8_t *h = t->blob;
    size_t structure = t->len - STRUCTURE_AT;

    memset(h, 0, STRUCTURE_AT);
    put32(h + OFF_STRINGS, (uint32_t)t->len);
    add_bytes(t, t->strings, t->strings_len);
    put32(h + MAGIC, 0xd00dfeed);
    put32(h + TOTAL_SIZE, (uint32_t)t->len);
    put32(h + OFF_STRUCTURE, STRUCTURE_AT);
    put32(h + OFF_RESERVATIONS, HEADER_SIZE);
    put32(h + VERSION, 17);
    put32(h + LAST_COMPATIBLE, 16);
    put32(h + SIZE_STRINGS, (uint32_t)t->strings_len);
    put32(h + SIZE_STRUCTURE, (uint32_t)structure);
}

/* Each lie makes the tree unreadable or without a device. Returns the length to report. */
static size_t damage(struct tree *t, enum device_lie lie)
{
    if (lie == LIE_TREE_SHORT)
        return t->len - 4;
    if (lie == LIE_TREE_OFFSET)
        put32(t->blob + OFF_STRUCTURE, (uint32_t)t->len);
    else if (lie == LIE_TREE_NAME)
        put32(t->blob + t->reg - 4, (uint32_t)t->strings_len);
    else if (lie == LIE_TREE_VALUE)
        put32(t->blob + t->reg - 8, (uint32_t)t->len);
    else if (lie == LIE_TREE_NESTING) /* the whole tree ends within a node */
        put32(t->blob + t->reg - 12, TOKEN_END);
    else if (lie == LIE_TREE_CELLS)
        put32(t->blob + t->soc_cells, 4);
    return t->len;
}

size_t device_tree_make(uint8_t blob[DEVICE_TREE_MAX], const struct device_tree_wish *w,
                        struct sim *s, struct draw_stream *d)
{
    struct tree t = {.blob = blob, .len = STRUCTURE_AT};
    uint64_t draw = sim_draw(s, d);

    begin(&t, "");
    device_tree_bus(&t, 2, 2);
    cell(&t, INTERRUPT_PARENT, INTC_PHANDLE);
    cpus(&t, draw & 2);
    begin(&t, "chosen");
    end(&t);
    soc(&t, w, draw);
    end(&t);
    add32(&t, TOKEN_END);
    finish(&t);
    return damage(&t, w->lie);
}
