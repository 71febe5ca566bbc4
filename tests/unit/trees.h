/*
 * Devicetrees for tests, made by libfdt: one that looks like QEMU's rv64 `virt`, and random ones.
 * And memory that faults right before its first and right after its last byte.
 */
#ifndef DRYWIRE_TREES_H
#define DRYWIRE_TREES_H

#include "../../core/base/rng.h"
#include <assert.h>
#include <fcntl.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TREE_MAX 65536

struct tree {
    _Alignas(8) uint8_t bytes[TREE_MAX];
    uint32_t len;
};

/* A mistake in a test's own tree ends the test program. */
static void made(int err)
{
    if (err < 0) {
        fprintf(stderr, "test tree: %s\n", fdt_strerror(err));
        _exit(1);
    }
}

static void tree_begin(struct tree *t)
{
    memset(t, 0, sizeof(*t));
    made(fdt_create(t->bytes, TREE_MAX));
}

static void tree_end(struct tree *t)
{
    const void *blob = t->bytes;

    made(fdt_finish(t->bytes));
    t->len = fdt_totalsize(blob);
    made(fdt_check_full(t->bytes, t->len));
}

static void node(struct tree *t, const char *name)
{
    made(fdt_begin_node(t->bytes, name));
}

static void end(struct tree *t)
{
    made(fdt_end_node(t->bytes));
}

static void bytes(struct tree *t, const char *name, const void *value, size_t len)
{
    made(fdt_property(t->bytes, name, value, (int)len));
}

static void text(struct tree *t, const char *name, const char *value)
{
    made(fdt_property_string(t->bytes, name, value));
}

/* CELLS(t, "reg", 0, 0x10000000, 0, 0x100) */
#define CELLS(t, name, ...)                                                                        \
    cells((t), (name), (const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void cells(struct tree *t, const char *name, const uint32_t *cell, size_t count)
{
    fdt32_t value[64];

    assert(count <= 64);
    for (size_t i = 0; i < count; i++)
        value[i] = cpu_to_fdt32(cell[i]);
    bytes(t, name, value, count * 4);
}

static void bus(struct tree *t, uint32_t address_cells, uint32_t size_cells)
{
    CELLS(t, "#address-cells", address_cells);
    CELLS(t, "#size-cells", size_cells);
}

/* ---- QEMU's virt ---- */

enum { VIRT_CPU_INTC = 2, VIRT_PLIC = 3, VIRT_TEST = 4, VIRT_SLOTS = 8 };

static void virt_cpus(struct tree *t)
{
    node(t, "cpus");
    bus(t, 1, 0);
    CELLS(t, "timebase-frequency", 10000000);
    node(t, "cpu@0");
    CELLS(t, "phandle", 1);
    text(t, "device_type", "cpu");
    CELLS(t, "reg", 0);
    text(t, "status", "okay");
    text(t, "compatible", "riscv");
    text(t, "riscv,isa", "rv64imafdch_zicsr_zifencei_sstc");
    text(t, "mmu-type", "riscv,sv48");
    node(t, "interrupt-controller");
    CELLS(t, "#interrupt-cells", 1);
    bytes(t, "interrupt-controller", "", 0);
    text(t, "compatible", "riscv,cpu-intc");
    CELLS(t, "phandle", VIRT_CPU_INTC);
    end(t);
    end(t);
    node(t, "cpu-map");
    node(t, "cluster0");
    node(t, "core0");
    CELLS(t, "cpu", 1);
    end(t);
    end(t);
    end(t);
    end(t);
}

static void virt_pci(struct tree *t)
{
    node(t, "pci@30000000");
    CELLS(t, "interrupt-map-mask", 0x1800, 0, 0, 7);
    CELLS(t, "ranges", 0x1000000, 0, 0, 0, 0x3000000, 0, 0x10000, 0x2000000, 0, 0x40000000, 0,
          0x40000000, 0, 0x40000000, 0x3000000, 4, 0, 4, 0, 4, 0);
    CELLS(t, "reg", 0, 0x30000000, 0, 0x10000000);
    bytes(t, "dma-coherent", "", 0);
    CELLS(t, "bus-range", 0, 0xff);
    text(t, "device_type", "pci");
    text(t, "compatible", "pci-host-ecam-generic");
    CELLS(t, "#interrupt-cells", 1);
    bus(t, 3, 2);
    end(t);
}

static void virt_soc(struct tree *t)
{
    static const char test[] = "sifive,test1\0sifive,test0\0syscon";
    static const char plic[] = "sifive,plic-1.0.0\0riscv,plic0";
    char name[32];

    node(t, "soc");
    bus(t, 2, 2);
    text(t, "compatible", "simple-bus");
    bytes(t, "ranges", "", 0);
    node(t, "serial@10000000");
    CELLS(t, "interrupts", 10);
    CELLS(t, "interrupt-parent", VIRT_PLIC);
    CELLS(t, "clock-frequency", 3686400);
    CELLS(t, "reg", 0, 0x10000000, 0, 0x100);
    text(t, "compatible", "ns16550a");
    end(t);
    node(t, "test@100000");
    CELLS(t, "phandle", VIRT_TEST);
    CELLS(t, "reg", 0, 0x100000, 0, 0x1000);
    bytes(t, "compatible", test, sizeof(test));
    end(t);
    virt_pci(t);
    for (uint32_t slot = VIRT_SLOTS; slot >= 1; slot--) {
        snprintf(name, sizeof(name), "virtio_mmio@1000%u000", slot);
        node(t, name);
        CELLS(t, "interrupts", slot);
        CELLS(t, "interrupt-parent", VIRT_PLIC);
        CELLS(t, "reg", 0, 0x10000000 + slot * 0x1000, 0, 0x1000);
        text(t, "compatible", "virtio,mmio");
        end(t);
    }
    node(t, "plic@c000000");
    CELLS(t, "phandle", VIRT_PLIC);
    CELLS(t, "riscv,ndev", 0x60);
    CELLS(t, "reg", 0, 0xc000000, 0, 0x600000);
    CELLS(t, "interrupts-extended", VIRT_CPU_INTC, 11, VIRT_CPU_INTC, 9);
    bytes(t, "interrupt-controller", "", 0);
    bytes(t, "compatible", plic, sizeof(plic));
    CELLS(t, "#address-cells", 0);
    CELLS(t, "#interrupt-cells", 1);
    end(t);
    end(t);
}

/* The nodes and values of `qemu-system-riscv64 -M virt -m 128M`, as far as a kernel needs them. */
static inline void tree_virt(struct tree *t)
{
    tree_begin(t);
    made(fdt_finish_reservemap(t->bytes));
    node(t, "");
    bus(t, 2, 2);
    text(t, "compatible", "riscv-virtio");
    text(t, "model", "riscv-virtio,qemu");
    node(t, "aliases");
    text(t, "serial0", "/soc/serial@10000000");
    text(t, "soc", "/soc");
    text(t, "loop", "loop");
    end(t);
    node(t, "chosen");
    text(t, "bootargs", "run=webget,http://10.0.2.2:8080/hello seed=1");
    text(t, "stdout-path", "serial0:115200n8");
    end(t);
    node(t, "poweroff");
    CELLS(t, "value", 0x5555);
    CELLS(t, "offset", 0);
    CELLS(t, "regmap", VIRT_TEST);
    text(t, "compatible", "syscon-poweroff");
    end(t);
    node(t, "platform-bus@4000000");
    CELLS(t, "ranges", 0, 0, 0x4000000, 0x2000000, 0x8000000, 1, 0, 0x1000);
    bus(t, 1, 1);
    node(t, "device@1000");
    CELLS(t, "reg", 0x1000, 0x100, 0x1ffff00, 0x101);
    text(t, "status", "disabled");
    end(t);
    end(t);
    node(t, "memory@80000000");
    text(t, "device_type", "memory");
    CELLS(t, "reg", 0, 0x80000000, 0, 0x8000000, 1, 0, 2, 0x1000);
    end(t);
    virt_cpus(t);
    virt_soc(t);
    end(t);
    tree_end(t);
}

/* ---- random trees ---- */

/* Few names, so that they meet again: as a property, a node, a word in a list. */
static inline const char *random_name(struct rng *r)
{
    static const char *const name[] = {
        "reg",
        "ranges",
        "compatible",
        "phandle",
        "#address-cells",
        "#size-cells",
        "status",
        "a",
        "interrupts",
        "interrupt-parent",
        "interrupts-extended",
        "#interrupt-cells",
        "soc",
        "reg@0",
        "virtio,mmio",
        "virtio,mmio@10001000",
        "virtio",
        "a@1",
        "a@2",
        "b",
        "aliases",
        "@",
        "reg@",
        "a-name-that-is-longer-than-the-thirty-one-characters-of-the-specification",
    };
    uint64_t pick = rng_below(r, sizeof(name) / sizeof(*name));

    return name[pick];
}

static inline void random_prop(struct tree *t, struct rng *r)
{
    const char *name = random_name(r);
    uint8_t value[48];
    size_t len = 4 * rng_below(r, 12);

    switch (rng_below(r, 4)) {
    case 0: /* any bytes, any length */
        len = rng_below(r, sizeof(value));
        for (size_t i = 0; i < len; i++)
            value[i] = (uint8_t)rng_next(r);
        break;
    case 1: /* small cells: counts, phandles, addresses */
        memset(value, 0, sizeof(value));
        for (size_t i = 3; i < len; i += 4)
            value[i] = (uint8_t)rng_below(r, 5);
        break;
    case 2: /* a cell, as a count would be */
        memset(value, 0, sizeof(value));
        value[3] = (uint8_t)rng_below(r, 4);
        len = 4;
        break;
    default: /* a list of names */
        len = 0;
        for (uint64_t n = rng_below(r, 4); n; n--) {
            const char *item = random_name(r);

            if (len + strlen(item) + 1 <= sizeof(value)) {
                memcpy(value + len, item, strlen(item) + 1);
                len += strlen(item) + 1;
            }
        }
    }
    bytes(t, name, value, len);
}

/* At most `*more` nodes below, at most `levels` deep. */
static inline void random_node(struct tree *t, struct rng *r, const char *name, unsigned levels,
                               unsigned *more)
{
    node(t, name);
    for (uint64_t n = rng_below(r, 6); n; n--)
        random_prop(t, r);
    for (uint64_t n = levels ? rng_below(r, 4) : 0; n && *more; n--) {
        const char *child = random_name(r);

        --*more;
        random_node(t, r, child, levels - 1, more);
    }
    end(t);
}

/* Overwrite properties and nodes by NOPs (5.4.1). */
static inline void random_nops(struct tree *t, struct rng *r)
{
    int depth = -1, prop;

    for (int at = fdt_next_node(t->bytes, -1, &depth); at >= 0 && depth >= 0;
         at = fdt_next_node(t->bytes, at, &depth)) {
        uint64_t pick = rng_below(r, 8);

        prop = fdt_first_property_offset(t->bytes, at);
        if (pick == 0 && depth > 0) {
            made(fdt_nop_node(t->bytes, at));
            depth--;
        } else if (pick < 4 && prop >= 0) {
            const char *name;

            fdt_getprop_by_offset(t->bytes, prop, &name, NULL);
            made(fdt_nop_property(t->bytes, at, name));
        }
    }
}

static inline void tree_random(struct tree *t, struct rng *r, unsigned levels)
{
    unsigned more = 60;

    tree_begin(t);
    for (uint64_t n = rng_below(r, 4); n; n--) {
        uint64_t address = rng_next(r) >> 1;
        uint64_t size = 1 + (rng_next(r) >> 1);

        made(fdt_add_reservemap_entry(t->bytes, address, size));
    }
    made(fdt_finish_reservemap(t->bytes));
    random_node(t, r, "", levels, &more);
    tree_end(t);
    if (rng_below(r, 2))
        random_nops(t, r);
}

/* The same tree with its structure block at the very end, where an overrun shows. */
static inline void tree_structure_last(struct tree *t)
{
    static struct tree old;
    uint32_t strings, structure;

    old = *t;
    strings = fdt_off_dt_struct(old.bytes);
    structure = (strings + fdt_size_dt_strings(old.bytes) + 3) & ~3u;
    memcpy(t->bytes + strings, old.bytes + fdt_off_dt_strings(old.bytes),
           fdt_size_dt_strings(old.bytes));
    memcpy(t->bytes + structure, old.bytes + fdt_off_dt_struct(old.bytes),
           fdt_size_dt_struct(old.bytes));
    t->len = structure + fdt_size_dt_struct(old.bytes);
    fdt_set_off_dt_strings(t->bytes, strings);
    fdt_set_off_dt_struct(t->bytes, structure);
    fdt_set_totalsize(t->bytes, t->len);
    made(fdt_check_full(t->bytes, t->len));
}

/* ---- guarded memory ---- */

/* TREE_MAX bytes between pages that cannot be touched. */
static uint8_t *guarded(void)
{
    static uint8_t *room;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (!room) {
        uint8_t *all =
            mmap(NULL, TREE_MAX + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        assert(all != MAP_FAILED && mprotect(all + page, TREE_MAX, PROT_READ | PROT_WRITE) == 0);
        room = all + page;
    }
    return room;
}

static inline const uint8_t *guard_behind(const void *blob, size_t len)
{
    return memcpy(guarded() + TREE_MAX - len, blob, len);
}

static inline const uint8_t *guard_before(const void *blob, size_t len)
{
    return memcpy(guarded(), blob, len);
}

#endif
