/*
 * What the device tree says about this machine: command line, clock, virtio slots.
 */
#include "../../core/base/fdt.h"
#include "machine.h"

/* A device tree is larger than this only by mistake. */
enum { TREE_MAX = 1 << 20 };

uint64_t timebase_hz, pci_config_base, pci_port_base;

static void find_pci(const struct fdt *f, struct boot *boot)
{
    struct fdt_node n = {0};
    struct fdt_region reg;
    struct fdt_window w;

    if (!fdt_next_with(f, &n, "compatible", "pci-host-ecam-generic") || fdt_reg(f, &n, 0, &reg) ||
        fdt_translate(f, &n, &reg))
        return;
    boot->has_pci = true;
    pci_config_base = reg.address;
    for (uint32_t i = 0; fdt_ranges(f, &n, i, &w) == 0; i++) {
        if (FDT_PCI_SPACE(w.space) == FDT_PCI_IO) {
            pci_port_base = w.parent - w.child;
            boot->pci.io_base = 0x1000;
            boot->pci.io_size = 0x1000;
        } else if (FDT_PCI_SPACE(w.space) == FDT_PCI_MEM32 && w.child == w.parent) {
            boot->pci.mmio_base = w.child;
            boot->pci.mmio_size = w.size;
        }
    }
}

static void find_slots(const struct fdt *f, struct boot *boot)
{
    struct fdt_node n = {0};

    while (boot->slot_count < SLOTS_MAX && fdt_next_with(f, &n, "compatible", "virtio,mmio")) {
        struct fdt_interrupt irq = {0};
        struct fdt_region reg;

        if (!fdt_enabled(f, &n) || fdt_reg(f, &n, 0, &reg) || fdt_translate(f, &n, &reg))
            continue;
        boot->slots[boot->slot_count].base = reg.address;
        boot->slots[boot->slot_count].irq = fdt_next_interrupt(f, &n, &irq) ? 0 : irq.cell[0];
        boot->slot_count++;
    }
}

const char *discover(const void *tree, struct boot *boot)
{
    struct fdt f;
    struct fdt_node n = {0};
    uint64_t hz;

    if (fdt_open(&f, tree, TREE_MAX))
        return "device-tree";
    if (fdt_find_path(&f, "/cpus", &n) || fdt_number(&f, &n, "timebase-frequency", &hz) || !hz)
        return "timebase-frequency";
    timebase_hz = hz;
    n = (struct fdt_node){0};
    if (!fdt_find_path(&f, "/chosen", &n) && fdt_text(&f, &n, "bootargs"))
        boot_set_cmdline(boot, fdt_text(&f, &n, "bootargs"));
    find_slots(&f, boot);
    find_pci(&f, boot);
    return 0;
}
