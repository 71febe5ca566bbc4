/*
 * The devicetree reader: what a kernel asks QEMU's `virt`, values that do not fit their cells, and
 * trees that break one rule each. test_core_fdt_damage.c compares it with libfdt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../core/base/err.h"
#include "../../core/base/fdt.h"
#include "trees.h"

static struct tree virt, tree;
static struct fdt fdt;

static int setup(void **state)
{
    (void)state;
    tree_virt(&virt);
    assert_int_equal(fdt_open(&fdt, virt.bytes, virt.len), 0);
    return 0;
}

static struct fdt_node found(const char *path)
{
    struct fdt_node n = {0};

    if (fdt_find_path(&fdt, path, &n) < 0)
        fail_msg("no %s", path);
    return n;
}

static void assert_region(const struct fdt_region *r, uint64_t address, uint64_t size)
{
    assert_int_equal(r->address, address);
    assert_int_equal(r->size, size);
}

/* ---- what a kernel asks QEMU's virt ---- */

static void memory_is_every_row_of_every_memory_node(void **state)
{
    struct fdt_node n = {0};
    struct fdt_region r;

    (void)state;
    assert_true(fdt_next_with(&fdt, &n, "device_type", "memory"));
    assert_int_equal(fdt_reg(&fdt, &n, 0, &r), 0);
    assert_region(&r, 0x80000000, 0x8000000);
    assert_int_equal(fdt_reg(&fdt, &n, 1, &r), 0);
    assert_region(&r, UINT64_C(0x100000000), UINT64_C(0x200001000));
    assert_int_equal(fdt_reg(&fdt, &n, 2, &r), ERR_NOENT);
    assert_false(fdt_next_with(&fdt, &n, "device_type", "memory"));
}

static void chosen_cpus_and_their_values(void **state)
{
    struct fdt_node n = found("/chosen"), cpu = {0};
    uint64_t value;
    struct fdt_region r;

    (void)state;
    assert_string_equal(fdt_text(&fdt, &n, "bootargs"),
                        "run=webget,http://10.0.2.2:8080/hello seed=1");
    n = found("/cpus");
    assert_int_equal(fdt_number(&fdt, &n, "timebase-frequency", &value), 0);
    assert_int_equal(value, 10000000);
    assert_int_equal(fdt_number(&fdt, &n, "clock-frequency", &value), ERR_NOENT);
    assert_true(fdt_next_child(&fdt, &n, &cpu));
    assert_string_equal(fdt_name(&fdt, &cpu), "cpu@0");
    assert_string_equal(fdt_text(&fdt, &cpu, "riscv,isa"), "rv64imafdch_zicsr_zifencei_sstc");
    assert_int_equal(fdt_number(&fdt, &cpu, "riscv,isa", &value), ERR_PROTO);
    assert_true(fdt_enabled(&fdt, &cpu));            /* "okay" */
    assert_int_equal(fdt_reg(&fdt, &cpu, 0, &r), 0); /* a hart's number: no size, no address */
    assert_region(&r, 0, 0);
    assert_int_equal(fdt_translate(&fdt, &cpu, &r), ERR_NOENT);
    assert_true(fdt_next_child(&fdt, &n, &cpu));
    assert_string_equal(fdt_name(&fdt, &cpu), "cpu-map");
    assert_false(fdt_next_child(&fdt, &n, &cpu));
    assert_string_equal(fdt_name(&fdt, &cpu), "cpu-map");
}

static void the_console_is_found_through_its_alias(void **state)
{
    struct fdt_node chosen = found("/chosen");
    struct fdt_node n = found(fdt_text(&fdt, &chosen, "stdout-path"));
    struct fdt_region r;

    (void)state;
    assert_true(fdt_has(&fdt, &n, "compatible", "ns16550a"));
    assert_int_equal(fdt_reg(&fdt, &n, 0, &r), 0);
    assert_int_equal(fdt_translate(&fdt, &n, &r), 0);
    assert_region(&r, 0x10000000, 0x100);
}

static void every_virtio_slot_has_registers_and_an_interrupt(void **state)
{
    struct fdt_node n = {0}, plic = found("/soc/plic");
    uint32_t slot = VIRT_SLOTS;

    (void)state;
    for (; fdt_next_with(&fdt, &n, "compatible", "virtio,mmio"); slot--) {
        struct fdt_interrupt irq = {.next = 0};
        struct fdt_region r;

        assert_true(fdt_enabled(&fdt, &n));
        assert_int_equal(fdt_reg(&fdt, &n, 0, &r), 0);
        assert_int_equal(fdt_translate(&fdt, &n, &r), 0);
        assert_region(&r, 0x10000000 + slot * 0x1000, 0x1000);
        assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), 0);
        assert_memory_equal(&irq.controller, &plic, sizeof(plic));
        assert_int_equal(irq.count, 1);
        assert_int_equal(irq.cell[0], slot);
        assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), ERR_NOENT);
    }
    assert_int_equal(slot, 0);
}

/* A context of the PLIC is a row: supervisor mode of a hart is the one with interrupt 9. */
static void the_plic_names_the_harts_it_interrupts(void **state)
{
    struct fdt_node n = {0}, cpu;
    struct fdt_interrupt irq = {.next = 0};
    struct fdt_region r;

    (void)state;
    assert_true(fdt_next_with(&fdt, &n, "compatible", "riscv,plic0"));
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), 0);
    assert_int_equal(irq.cell[0], 11);
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), 0);
    assert_int_equal(irq.cell[0], 9);
    assert_true(fdt_has(&fdt, &irq.controller, "compatible", "riscv,cpu-intc"));
    assert_true(fdt_parent(&irq.controller, &cpu));
    assert_int_equal(fdt_reg(&fdt, &cpu, 0, &r), 0);
    assert_int_equal(r.address, 0);
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), ERR_NOENT);
}

static void pci_has_its_configuration_space_and_its_windows(void **state)
{
    struct fdt_node n = {0};
    struct fdt_region r;
    struct fdt_window w;

    (void)state;
    assert_true(fdt_next_with(&fdt, &n, "compatible", "pci-host-ecam-generic"));
    assert_int_equal(fdt_reg(&fdt, &n, 0, &r), 0);
    assert_region(&r, 0x30000000, 0x10000000);
    assert_int_equal(fdt_ranges(&fdt, &n, 0, &w), 0);
    assert_int_equal(FDT_PCI_SPACE(w.space), FDT_PCI_IO);
    assert_int_equal(w.child, 0);
    assert_int_equal(w.parent, 0x3000000);
    assert_int_equal(w.size, 0x10000);
    assert_int_equal(fdt_ranges(&fdt, &n, 1, &w), 0);
    assert_int_equal(FDT_PCI_SPACE(w.space), FDT_PCI_MEM32);
    assert_int_equal(w.child, 0x40000000);
    assert_int_equal(w.parent, 0x40000000);
    assert_int_equal(w.size, 0x40000000);
    assert_int_equal(fdt_ranges(&fdt, &n, 2, &w), 0);
    assert_int_equal(FDT_PCI_SPACE(w.space), FDT_PCI_MEM64);
    assert_int_equal(w.child, UINT64_C(0x400000000));
    assert_int_equal(fdt_ranges(&fdt, &n, 3, &w), ERR_NOENT);
}

static void the_exit_device_is_behind_a_phandle(void **state)
{
    struct fdt_node off = {0}, test;
    struct fdt_region r;
    uint64_t regmap, value;

    (void)state;
    assert_true(fdt_next_with(&fdt, &off, "compatible", "syscon-poweroff"));
    assert_int_equal(fdt_number(&fdt, &off, "regmap", &regmap), 0);
    assert_int_equal(fdt_number(&fdt, &off, "value", &value), 0);
    assert_int_equal(value, 0x5555);
    assert_int_equal(fdt_find_phandle(&fdt, (uint32_t)regmap, &test), 0);
    assert_true(fdt_has(&fdt, &test, "compatible", "sifive,test0"));
    assert_false(fdt_has(&fdt, &test, "compatible", "sifive,test"));
    assert_int_equal(fdt_reg(&fdt, &test, 0, &r), 0);
    assert_region(&r, 0x100000, 0x1000);
    assert_int_equal(fdt_find_phandle(&fdt, 99, &test), ERR_NOENT);
}

static void paths_with_and_without_unit_address(void **state)
{
    static const char *const missing[] = {
        "",
        ":",
        "soc2",
        "serial",
        "serial0x",
        "loop",
        "/so",
        "/socs",
        "/soc/serial@1000000",
        "/soc/serial@",
        "/soc/serial@10000000/x",
        "/serial@10000000",
        "/cpus/cpu@1",
        "aliases/x",
    };
    static const char *const same[] = {
        "/soc/serial@10000000",
        "/soc/serial",
        "//soc//serial@10000000/",
        "serial0",
        "serial0/",
        "soc/serial",
        "serial0:115200n8",
        "/soc/serial:x/y",
    };
    struct fdt_node serial = {0}, n;

    (void)state;
    assert_true(fdt_next_with(&fdt, &serial, "compatible", "ns16550a"));
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
        n = found(same[i]);
        assert_memory_equal(&n, &serial, sizeof(n));
    }
    for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
        if (fdt_find_path(&fdt, missing[i], &n) != ERR_NOENT)
            fail_msg("found '%s'", missing[i]);
    n = found("/");
    assert_int_equal(n.depth, 1);
    assert_string_equal(fdt_name(&fdt, &n), "");
    assert_false(fdt_parent(&n, &n));
    n = found("/soc/virtio_mmio"); /* the first of eight */
    assert_string_equal(fdt_name(&fdt, &n), "virtio_mmio@10008000");
}

static void a_bus_moves_addresses_and_hides_what_leaves_its_window(void **state)
{
    struct fdt_node n = found("/platform-bus/device");
    struct fdt_region r;

    (void)state;
    assert_false(fdt_enabled(&fdt, &n));
    assert_int_equal(fdt_reg(&fdt, &n, 0, &r), 0);
    assert_region(&r, 0x1000, 0x100);
    assert_int_equal(fdt_translate(&fdt, &n, &r), 0);
    assert_region(&r, 0x4001000, 0x100);
    assert_int_equal(fdt_reg(&fdt, &n, 1, &r), 0);
    assert_int_equal(fdt_translate(&fdt, &n, &r), ERR_NOENT); /* one byte too long */
    assert_region(&r, 0x1ffff00, 0x101);
    r.size = 0x100;
    assert_int_equal(fdt_translate(&fdt, &n, &r), 0);
    assert_region(&r, 0x5ffff00, 0x100);
    r = (struct fdt_region){0x8000010, 0xff0}; /* the second window */
    assert_int_equal(fdt_translate(&fdt, &n, &r), 0);
    assert_region(&r, UINT64_C(0x100000010), 0xff0);
    r = (struct fdt_region){0x8000010, 0xff1};
    assert_int_equal(fdt_translate(&fdt, &n, &r), ERR_NOENT);
    r = (struct fdt_region){0x7ffffff, 1}; /* between the two */
    assert_int_equal(fdt_translate(&fdt, &n, &r), ERR_NOENT);
}

/* ---- properties that are malformed ---- */

static void values_that_do_not_fit_their_cells_are_refused(void **state)
{
    struct fdt_node n;
    struct fdt_region r;
    struct fdt_window w;
    struct fdt_interrupt irq = {.next = 0};
    uint64_t number;

    (void)state;
    tree_begin(&tree);
    made(fdt_finish_reservemap(tree.bytes));
    node(&tree, "");
    CELLS(&tree, "reg", 0, 0, 1); /* the root is on no bus */
    bytes(&tree, "ranges", "", 0);
    node(&tree, "default"); /* 2 and 1 cells, by default */
    CELLS(&tree, "reg", 1, 2, 3, 4, 5, 6);
    CELLS(&tree, "two-cells", 1, 2);
    CELLS(&tree, "three-cells", 1, 2, 3);
    end(&tree);
    node(&tree, "short");
    CELLS(&tree, "reg", 1, 2);
    CELLS(&tree, "interrupts", 1);
    end(&tree);
    node(&tree, "wraps");
    CELLS(&tree, "reg", 0xffffffff, 0xfffff000, 0x1000);
    CELLS(&tree, "ranges", 0, 0, 0xffffffff, 0xffffffff, 1);
    CELLS(&tree, "interrupt-parent", 7);
    CELLS(&tree, "interrupts", 1);
    CELLS(&tree, "phandle", 9, 9); /* not a phandle */
    end(&tree);
    node(&tree, "wraps-below");
    CELLS(&tree, "ranges", 0xffffffff, 0xffffffff, 0, 0, 1);
    text(&tree, "status", "ok");
    end(&tree);
    node(&tree, "three");
    bus(&tree, 3, 2);
    CELLS(&tree, "ranges", 0, 0, 0, 0, 0, 1, 0);
    node(&tree, "device");
    end(&tree);
    end(&tree);
    node(&tree, "four");
    bus(&tree, 4, 1);
    CELLS(&tree, "phandle", 9);
    CELLS(&tree, "#interrupt-cells", FDT_INTERRUPT_CELLS_MAX + 1);
    CELLS(&tree, "ranges", 0, 0, 0, 1, 0, 0, 1);
    node(&tree, "device");
    CELLS(&tree, "reg", 0, 0, 0, 1, 1);
    CELLS(&tree, "interrupts", 1, 2, 3, 4, 5);
    end(&tree);
    end(&tree);
    node(&tree, "none");
    bus(&tree, 0, 0);
    bytes(&tree, "ranges", "\0\0\0\0\0\0\0\1", 8);
    CELLS(&tree, "#interrupt-cells", 0);
    node(&tree, "device");
    CELLS(&tree, "reg", 1);
    CELLS(&tree, "interrupts", 1);
    end(&tree);
    end(&tree);
    node(&tree, "odd");
    bytes(&tree, "#address-cells", "\0\0\1", 3);
    CELLS(&tree, "#interrupt-cells", 2);
    CELLS(&tree, "interrupts", 1, 2);
    node(&tree, "device");
    CELLS(&tree, "reg", 1);
    CELLS(&tree, "interrupts", 1, 2, 3);
    end(&tree);
    node(&tree, "other");
    bytes(&tree, "interrupts", "\0\0\0\1\0\0\0\2\0", 9);
    end(&tree);
    end(&tree);
    end(&tree);
    tree_end(&tree);
    assert_int_equal(fdt_open(&fdt, tree.bytes, tree.len), 0);

    n = found("/");
    assert_int_equal(fdt_reg(&fdt, &n, 0, &r), ERR_NOENT);
    assert_int_equal(fdt_ranges(&fdt, &n, 0, &w), ERR_NOENT);
    n = found("/default");
    assert_int_equal(fdt_reg(&fdt, &n, 1, &r), 0);
    assert_region(&r, UINT64_C(0x400000005), 6);
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), ERR_NOENT);
    assert_int_equal(fdt_ranges(&fdt, &n, 0, &w), ERR_NOENT);
    assert_int_equal(fdt_number(&fdt, &n, "two-cells", &number), 0);
    assert_int_equal(number, UINT64_C(0x100000002));
    assert_int_equal(fdt_number(&fdt, &n, "three-cells", &number), ERR_PROTO);
    n = found("/short");
    assert_int_equal(fdt_reg(&fdt, &n, 0, &r), ERR_PROTO);
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), ERR_PROTO); /* no controller */
    n = found("/wraps");
    assert_int_equal(fdt_reg(&fdt, &n, 0, &r), ERR_PROTO);
    assert_int_equal(fdt_ranges(&fdt, &n, 0, &w), ERR_PROTO);
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), ERR_PROTO); /* no such phandle */
    n = found("/wraps-below");
    assert_int_equal(fdt_ranges(&fdt, &n, 0, &w), ERR_PROTO);
    assert_true(fdt_enabled(&fdt, &n)); /* "ok" */
    n = found("/three/device");
    r = (struct fdt_region){0, 1};
    assert_int_equal(fdt_translate(&fdt, &n, &r), ERR_INVAL);
    assert_int_equal(fdt_find_phandle(&fdt, 9, &n), 0);
    assert_string_equal(fdt_name(&fdt, &n), "four");
    n = found("/four");
    assert_int_equal(fdt_ranges(&fdt, &n, 0, &w), ERR_INVAL);
    n = found("/four/device");
    assert_int_equal(fdt_reg(&fdt, &n, 0, &r), ERR_INVAL);
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), ERR_PROTO);
    n = found("/none");
    assert_int_equal(fdt_ranges(&fdt, &n, 0, &w), 0);
    assert_int_equal(w.parent, 1);
    n = found("/none/device");
    assert_int_equal(fdt_reg(&fdt, &n, 0, &r), ERR_INVAL);
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), ERR_PROTO); /* of no cells */
    n = found("/odd");
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), ERR_PROTO); /* not to itself */
    n = found("/odd/device");
    assert_int_equal(fdt_reg(&fdt, &n, 0, &r), ERR_PROTO);
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), 0); /* its parent is a controller */
    assert_int_equal(irq.cell[1], 2);
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), ERR_PROTO);
    n = found("/odd/other");
    irq.next = 0;
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), 0);
    assert_int_equal(fdt_next_interrupt(&fdt, &n, &irq), ERR_PROTO); /* and a byte */
}

static void strings_without_an_end_are_no_strings(void **state)
{
    static const uint8_t value[] = {'a', 0, 0, 'b', 'c', 0, 'd'};
    struct fdt_prop p = {.value = value, .len = sizeof(value)};
    uint32_t cell = 7;

    (void)state;
    assert_string_equal(fdt_prop_string(&p, 0), "a");
    assert_string_equal(fdt_prop_string(&p, 1), "");
    assert_string_equal(fdt_prop_string(&p, 2), "bc");
    assert_null(fdt_prop_string(&p, 3));
    assert_null(fdt_prop_string(&p, 4));
    assert_null(fdt_prop_string(&p, UINT32_MAX));
    assert_int_equal(fdt_prop_cell(&p, 0, &cell), 0);
    assert_int_equal(cell, 0x61000062);
    assert_int_equal(fdt_prop_cell(&p, 1, &cell), ERR_NOENT);
    assert_int_equal(fdt_prop_cell(&p, UINT32_MAX, &cell), ERR_NOENT);
    assert_int_equal(cell, 0x61000062);
    p.len = 0;
    assert_null(fdt_prop_string(&p, 0));
}

/* ---- headers and structures that break one rule ---- */

static void a_header_with_one_wrong_word_is_refused(void **state)
{
    const uint32_t total = virt.len;
    const struct {
        const char *what;
        uint32_t at, value;
        int err;
    } rows[] = {
        {"another magic", 0, 0xd00dfeec, ERR_INVAL},
        {"version 15", 20, 15, ERR_INVAL},
        {"only version 18 can read it", 24, 18, ERR_INVAL},
        {"longer than the memory", 4, total + 1, ERR_MSGSIZE},
        {"2 GiB", 4, 0x80000000, ERR_MSGSIZE},
        {"all ones", 4, 0xffffffff, ERR_MSGSIZE},
        {"no room for a header", 4, 39, ERR_PROTO},
        {"nothing at all", 4, 0, ERR_PROTO},
        {"structure behind the end", 8, (total + 7) & ~3u, ERR_PROTO},
        {"structure offset wraps", 8, 0xfffffffc, ERR_PROTO},
        {"structure in the header", 8, 36, ERR_PROTO},
        {"structure not aligned", 8, 0x3a, ERR_PROTO},
        {"structure too long", 36, total, ERR_PROTO},
        {"structure length wraps", 36, 0xffffffff, ERR_PROTO},
        {"structure without its end", 36, fdt_size_dt_struct(virt.bytes) - 4, ERR_PROTO},
        {"structure of nothing", 36, 0, ERR_PROTO},
        {"strings behind the end", 12, total + 1, ERR_PROTO},
        {"strings offset wraps", 12, 0xffffffff, ERR_PROTO},
        {"strings in the header", 12, 39, ERR_PROTO},
        {"strings too long", 32, fdt_size_dt_strings(virt.bytes) + 1, ERR_PROTO},
        {"strings length wraps", 32, 0xffffffff, ERR_PROTO},
        {"the last string without its end", 32, fdt_size_dt_strings(virt.bytes) - 1, ERR_PROTO},
        {"no strings", 32, 0, ERR_PROTO},
        {"reservations behind the end", 16, (total + 15) & ~7u, ERR_PROTO},
        {"reservations offset wraps", 16, 0xfffffff8, ERR_PROTO},
        {"reservations in the header", 16, 32, ERR_PROTO},
        {"reservations not aligned", 16, 0x2c, ERR_PROTO},
        {"reservations at the end", 16, total & ~7u, ERR_PROTO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fdt32_t value = cpu_to_fdt32(rows[i].value);
        struct fdt f;
        int err;

        tree = virt;
        memcpy(tree.bytes + rows[i].at, &value, 4);
        err = fdt_open(&f, guard_behind(tree.bytes, tree.len), tree.len);
        if (err != rows[i].err)
            fail_msg("%s: %d", rows[i].what, err);
    }
}

/* Version 16 has no size_dt_struct; the structure may extend to the end of the tree. */
static void versions_16_and_later_ones_that_17_can_read_are_read(void **state)
{
    struct fdt f;
    struct fdt_node n;

    (void)state;
    tree = virt;
    fdt_set_version(tree.bytes, 16);
    fdt_set_size_dt_struct(tree.bytes, 0xffffffff);
    assert_int_equal(fdt_open(&f, guard_behind(tree.bytes, tree.len), tree.len), 0);
    assert_int_equal(fdt_find_path(&f, "/soc/plic", &n), 0);
    tree = virt;
    fdt_set_version(tree.bytes, 18);
    fdt_set_last_comp_version(tree.bytes, 17);
    assert_int_equal(fdt_open(&f, tree.bytes, tree.len), 0);
    fdt_set_version(tree.bytes, 16); /* compatible with a version after its own */
    assert_int_equal(fdt_open(&f, tree.bytes, tree.len), ERR_INVAL);
}

static void a_tree_of_two_gigabytes_is_refused_whatever_memory_there_is(void **state)
{
    struct fdt f;

    (void)state;
    tree = virt;
    fdt_set_totalsize(tree.bytes, 0x80000000);
    assert_int_equal(fdt_open(&f, tree.bytes, UINT32_MAX), ERR_MSGSIZE); /* wrong, but not read */
}

/* The structure is moved to an odd offset, otherwise intact. */
static void a_structure_that_is_not_aligned_is_refused(void **state)
{
    struct fdt f;

    (void)state;
    for (uint32_t odd = 0; odd < 4; odd++) {
        uint32_t at = ((virt.len + 3) & ~3u) + odd;

        tree = virt;
        tree.len = at + fdt_size_dt_struct(virt.bytes);
        memcpy(tree.bytes + at, virt.bytes + fdt_off_dt_struct(virt.bytes), tree.len - at);
        fdt_set_off_dt_struct(tree.bytes, at);
        fdt_set_totalsize(tree.bytes, tree.len);
        assert_int_equal(fdt_open(&f, tree.bytes, tree.len), odd ? ERR_PROTO : 0);
    }
}

/* Version 16 has no word 36, so that a whole structure fits around it. */
static void a_structure_inside_the_header_is_refused(void **state)
{
    static const uint32_t words[] = {FDT_MAGIC, 64, 28, 64, 48, 16, 16, 1, 0, 2, 9, 0, 0, 0, 0, 0};
    fdt32_t blob[16];
    struct fdt f;

    (void)state;
    for (size_t i = 0; i < 16; i++)
        blob[i] = cpu_to_fdt32(words[i]);
    assert_int_equal(fdt_open(&f, blob, sizeof(blob)), ERR_PROTO);
}

static void an_opened_tree_is_written_only_on_success(void **state)
{
    struct fdt f = {.structure_size = 77};

    (void)state;
    tree = virt;
    fdt_set_size_dt_struct(tree.bytes, fdt_size_dt_struct(virt.bytes) - 4);
    assert_int_equal(fdt_open(&f, tree.bytes, tree.len), ERR_PROTO);
    assert_int_equal(f.structure_size, 77);
}

#define B  1, 0          /* a node without a name */
#define N  1, 0x61000000 /* a node of name "a" */
#define E  2
#define P  3, 0, 0 /* a property of name "p" without a value */
#define NO 4
#define Z  9

/* The structure block of `count` words, at the end of guarded memory, with the strings "p", "". */
static int structure_open(const uint32_t *words, size_t count)
{
    struct fdt_header *h = (struct fdt_header *)tree.bytes;

    memset(&tree, 0, sizeof(tree));
    fdt_set_magic(h, FDT_MAGIC);
    fdt_set_version(h, 17);
    fdt_set_last_comp_version(h, 16);
    fdt_set_off_mem_rsvmap(h, 40);
    fdt_set_off_dt_strings(h, 56);
    fdt_set_size_dt_strings(h, 3);
    tree.bytes[56] = 'p';
    fdt_set_off_dt_struct(h, 60);
    fdt_set_size_dt_struct(h, (uint32_t)count * 4);
    for (size_t i = 0; i < count; i++) {
        fdt32_t word = cpu_to_fdt32(words[i]);

        memcpy(tree.bytes + 60 + 4 * i, &word, 4);
    }
    tree.len = 60 + (uint32_t)count * 4;
    fdt_set_totalsize(h, tree.len);
    return fdt_open(&fdt, guard_behind(tree.bytes, tree.len), tree.len);
}

#define OPEN(...)                                                                                  \
    structure_open((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void a_structure_that_breaks_a_rule_is_refused(void **state)
{
    (void)state;
    assert_int_equal(OPEN(B, E, Z), 0);
    assert_int_equal(OPEN(B, P, P, N, P, E, N, E, E, Z), 0);
    assert_int_equal(OPEN(NO, B, NO, NO, P, NO, N, NO, E, NO, E, NO, Z), 0);
    assert_int_equal(OPEN(B, E, Z, 0xffffffff), 0); /* not read after the end */
    assert_int_equal(OPEN(B, 3, 4, 2, 0x78787878, E, Z), 0);

    assert_int_equal(OPEN(Z), ERR_PROTO);                /* no root */
    assert_int_equal(OPEN(NO), ERR_PROTO);               /* no end */
    assert_int_equal(OPEN(B, E), ERR_PROTO);             /* no end */
    assert_int_equal(OPEN(B, E, NO, NO), ERR_PROTO);     /* no end */
    assert_int_equal(OPEN(B, Z), ERR_PROTO);             /* the root is open */
    assert_int_equal(OPEN(B, N, E, Z), ERR_PROTO);       /* the root is open */
    assert_int_equal(OPEN(E, Z), ERR_PROTO);             /* nothing is open */
    assert_int_equal(OPEN(B, E, E, Z), ERR_PROTO);       /* nothing is open */
    assert_int_equal(OPEN(B, E, E, N, Z), ERR_PROTO);    /* nothing is open */
    assert_int_equal(OPEN(N, E, Z), ERR_PROTO);          /* the root has a name */
    assert_int_equal(OPEN(B, E, B, E, Z), ERR_PROTO);    /* two roots */
    assert_int_equal(OPEN(P, B, E, Z), ERR_PROTO);       /* a property outside a node */
    assert_int_equal(OPEN(B, E, P, Z), ERR_PROTO);       /* a property outside a node */
    assert_int_equal(OPEN(B, N, E, P, E, Z), ERR_PROTO); /* a property after a child */
    assert_int_equal(OPEN(B, 5, E, Z), ERR_PROTO);       /* no such tokens */
    assert_int_equal(OPEN(B, 0, E, Z), ERR_PROTO);
    assert_int_equal(OPEN(B, 0x01000000, E, Z), ERR_PROTO);
    assert_int_equal(OPEN(B, 1), ERR_PROTO);             /* a node without a name */
    assert_int_equal(OPEN(B, 1, 0x61616161), ERR_PROTO); /* a name without an end */
    assert_int_equal(OPEN(B, 3), ERR_PROTO);             /* half a property */
    assert_int_equal(OPEN(B, 3, 0), ERR_PROTO);
    assert_int_equal(OPEN(B, 3, 0, 0), ERR_PROTO);       /* nothing after it */
    assert_int_equal(OPEN(B, 3, 4, 0), ERR_PROTO);       /* no value */
    assert_int_equal(OPEN(B, 3, 5, 0, E, Z), ERR_PROTO); /* the value takes the end */
    assert_int_equal(OPEN(B, 3, 9, 0, E, Z), ERR_PROTO); /* a value beyond the block */
    assert_int_equal(OPEN(B, 3, 0xffffffff, 0, E, Z), ERR_PROTO);
    assert_int_equal(OPEN(B, 3, 0xfffffff0, 0, E, Z), ERR_PROTO);
    assert_int_equal(OPEN(B, 3, 0x7ffffffc, 0, E, Z), ERR_PROTO);
    assert_int_equal(OPEN(B, 3, 0, 3, E, Z), ERR_PROTO); /* a name beyond the strings */
    assert_int_equal(OPEN(B, 3, 0, 0xffffffff, E, Z), ERR_PROTO);
}

enum { NESTED = 64 };

/* `levels` nodes in each other, and NOPs up to a constant length. */
static int nested_open(unsigned levels)
{
    uint32_t words[3 * NESTED + 1];

    for (unsigned i = 0; i < NESTED; i++) {
        words[2 * i] = i < levels ? 1 : 4;
        words[2 * i + 1] = i == 0 ? 0 : i < levels ? 0x61000000 : 4;
        words[2 * NESTED + i] = i < levels ? 2 : 4;
    }
    words[3 * NESTED] = 9;
    return structure_open(words, 3 * NESTED + 1);
}

static void a_tree_deeper_than_sixteen_levels_is_refused(void **state)
{
    struct fdt_node n = {0};
    struct fdt opened;

    (void)state;
    assert_string_equal(fdt_name(&fdt, &n), ""); /* of no node */
    assert_int_equal(nested_open(FDT_DEPTH_MAX), 0);
    opened = fdt;
    assert_int_equal(nested_open(FDT_DEPTH_MAX + 1), ERR_MSGSIZE);
    while (fdt_next(&opened, &n)) /* the deeper one is in its place */
        assert_in_range(n.depth, 1, FDT_DEPTH_MAX);
    assert_int_equal(n.depth, FDT_DEPTH_MAX);
    assert_int_equal(nested_open(NESTED), ERR_MSGSIZE);
}

static void reservations_are_read_up_to_their_terminator(void **state)
{
    static const struct {
        uint64_t row[4];
        int err;
    } rows[] = {
        {{0, 0, 0, 0}, 0},
        {{1, 2, 0, 0}, 0},
        {{0, 1, 0, 0}, 0},
        {{1, 0, 0, 0}, ERR_PROTO},          /* the end for some readers only */
        {{UINT64_MAX, 1, 0, 0}, ERR_PROTO}, /* wraps */
        {{1, 2, 3, 4}, ERR_PROTO},          /* and then the end of the tree */
    };
    struct fdt f;
    struct fdt_region r;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint32_t at = (virt.len + 7) & ~7u;

        tree = virt; /* the block moves to the end */
        fdt_set_off_mem_rsvmap(tree.bytes, at);
        for (unsigned k = 0; k < 4; k++) {
            fdt64_t word = cpu_to_fdt64(rows[i].row[k]);

            memcpy(tree.bytes + at + 8 * k, &word, 8);
        }
        tree.len = at + 32;
        fdt_set_totalsize(tree.bytes, tree.len);
        assert_int_equal(fdt_open(&f, guard_behind(tree.bytes, tree.len), tree.len), rows[i].err);
        if (i == 1) {
            assert_int_equal(fdt_reservation(&f, 0, &r), 0);
            assert_region(&r, 1, 2);
            assert_int_equal(fdt_reservation(&f, 1, &r), ERR_NOENT);
        }
    }
}

/* 5,000 properties that share one name: no longer than 255, or each costs as much as the blob. */
static void the_name_of_a_property_has_a_limit(void **state)
{
    static uint32_t words[3 + 3 * 5000 + 2];
    struct fdt f;

    (void)state;
    for (size_t i = 0; i < 5000; i++)
        words[2 + 3 * i] = 3;
    words[0] = 1;
    words[3 * 5000 + 2] = 2;
    words[3 * 5000 + 3] = 9;
    for (unsigned name = 255; name <= 256; name++) {
        assert_int_equal(structure_open(words, 3 * 5000 + 4), 0);
        fdt_set_off_dt_strings(tree.bytes, tree.len);
        fdt_set_size_dt_strings(tree.bytes, name + 1);
        memset(tree.bytes + tree.len, 'x', name);
        tree.len += name + 1;
        fdt_set_totalsize(tree.bytes, tree.len);
        made(fdt_check_full(tree.bytes, tree.len));
        assert_int_equal(fdt_open(&f, guard_behind(tree.bytes, tree.len), tree.len),
                         name == 255 ? 0 : ERR_PROTO);
    }
}

static void a_tree_cut_short_at_any_length_is_refused(void **state)
{
    struct fdt f;

    (void)state;
    for (uint32_t len = 0; len < virt.len; len++)
        assert_int_equal(fdt_open(&f, guard_behind(virt.bytes, len), len),
                         len < 40 ? ERR_INVAL : ERR_MSGSIZE);
    for (uint32_t len = 40; len < virt.len; len++) { /* as in its header */
        tree = virt;
        fdt_set_totalsize(tree.bytes, len);
        assert_int_equal(fdt_open(&f, guard_behind(tree.bytes, len), len), ERR_PROTO);
    }
}

static void a_structure_or_strings_cut_short_at_any_length_are_refused(void **state)
{
    struct fdt f;

    (void)state;
    for (uint32_t len = 0; len < fdt_size_dt_strings(virt.bytes); len++) {
        uint32_t total = fdt_off_dt_strings(virt.bytes) + len;

        tree = virt;
        fdt_set_size_dt_strings(tree.bytes, len);
        fdt_set_totalsize(tree.bytes, total);
        assert_int_equal(fdt_open(&f, guard_behind(tree.bytes, total), total), ERR_PROTO);
    }
    for (uint32_t len = 0; len < fdt_size_dt_struct(virt.bytes); len++) {
        uint32_t total;

        tree = virt;
        tree_structure_last(&tree);
        total = fdt_off_dt_struct(tree.bytes) + len;
        fdt_set_size_dt_struct(tree.bytes, len);
        fdt_set_totalsize(tree.bytes, total);
        assert_int_equal(fdt_open(&f, guard_behind(tree.bytes, total), total), ERR_PROTO);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(memory_is_every_row_of_every_memory_node, setup),
        cmocka_unit_test_setup(chosen_cpus_and_their_values, setup),
        cmocka_unit_test_setup(the_console_is_found_through_its_alias, setup),
        cmocka_unit_test_setup(every_virtio_slot_has_registers_and_an_interrupt, setup),
        cmocka_unit_test_setup(the_plic_names_the_harts_it_interrupts, setup),
        cmocka_unit_test_setup(pci_has_its_configuration_space_and_its_windows, setup),
        cmocka_unit_test_setup(the_exit_device_is_behind_a_phandle, setup),
        cmocka_unit_test_setup(paths_with_and_without_unit_address, setup),
        cmocka_unit_test_setup(a_bus_moves_addresses_and_hides_what_leaves_its_window, setup),
        cmocka_unit_test_setup(values_that_do_not_fit_their_cells_are_refused, setup),
        cmocka_unit_test_setup(strings_without_an_end_are_no_strings, setup),
        cmocka_unit_test_setup(a_header_with_one_wrong_word_is_refused, setup),
        cmocka_unit_test_setup(versions_16_and_later_ones_that_17_can_read_are_read, setup),
        cmocka_unit_test_setup(a_tree_of_two_gigabytes_is_refused_whatever_memory_there_is, setup),
        cmocka_unit_test_setup(a_structure_that_is_not_aligned_is_refused, setup),
        cmocka_unit_test_setup(a_structure_inside_the_header_is_refused, setup),
        cmocka_unit_test_setup(an_opened_tree_is_written_only_on_success, setup),
        cmocka_unit_test_setup(a_structure_that_breaks_a_rule_is_refused, setup),
        cmocka_unit_test_setup(a_tree_deeper_than_sixteen_levels_is_refused, setup),
        cmocka_unit_test_setup(reservations_are_read_up_to_their_terminator, setup),
        cmocka_unit_test_setup(the_name_of_a_property_has_a_limit, setup),
        cmocka_unit_test_setup(a_tree_cut_short_at_any_length_is_refused, setup),
        cmocka_unit_test_setup(a_structure_or_strings_cut_short_at_any_length_are_refused, setup),
    };

    alarm(900); /* a hang is a failure, too */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
