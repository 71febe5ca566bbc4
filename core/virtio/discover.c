/* The device tree, read for a kernel: see discover.h. */
#include "discover.h"
#include "../base/fdt.h"

/* The bus of the first host bridge; one that cannot be accessed is ignored. */
static void pci_found(const struct fdt *f, const struct fdt_node *n, struct discovered *out)
{
    struct fdt_region reg;
    struct fdt_window w;

    if (fdt_reg(f, n, 0, &reg) || fdt_translate(f, n, &reg))
        return;
    out->places.has_pci = true;
    out->pci_config_base = reg.address;
    for (uint32_t i = 0; fdt_ranges(f, n, i, &w) == 0; i++) {
        if (FDT_PCI_SPACE(w.space) == FDT_PCI_IO) {
            out->pci_port_base = w.parent - w.child;
            out->places.pci.io_base = 0x1000;
            out->places.pci.io_size = 0x1000;
        } else if (FDT_PCI_SPACE(w.space) == FDT_PCI_MEM32 && w.child == w.parent) {
            out->places.pci.mmio_base = w.child;
            out->places.pci.mmio_size = w.size;
        }
    }
}

static void slot_found(const struct fdt *f, const struct fdt_node *n, struct device_places *places)
{
    struct mmio_slot *slot = &places->slots[places->slot_count];
    struct fdt_interrupt irq = {0};
    struct fdt_region reg;

    if (places->slot_count == SLOTS_MAX || !fdt_enabled(f, n) || fdt_reg(f, n, 0, &reg) ||
        fdt_translate(f, n, &reg))
        return;
    slot->base = reg.address;
    slot->irq = fdt_next_interrupt(f, n, &irq) ? 0 : irq.cell[0];
    places->slot_count++;
}

static void discover_find_places(const struct fdt *f, struct discovered *out)
{
    struct fdt_node n = {0};
    struct fdt_prop p;
    bool bridge = false;

    while (fdt_next_having(f, &n, "compatible", &p)) {
        if (fdt_prop_has(&p, "virtio,mmio")) {
            slot_found(f, &n, &out->places);
        } else if (!bridge && fdt_prop_has(&p, "pci-host-ecam-generic")) {
            bridge = true;
            pci_found(f, &n, out);
        }
    }
}

const char *discover(const void *tree, size_t len, struct discovered *out)
{
    struct fdt f;
    struct fdt_node n = {0};

    *out = (struct discovered){0};
    if (fdt_open(&f, tree, len))
        return "device-tree";
    if (fdt_find_path(&f, "/cpus", &n) ||
        fdt_number(&f, &n, "timebase-frequency", &out->timebase_hz) || !out->timebase_hz)
        return "timebase-frequency";
    n = (struct fdt_node){0};
    if (!fdt_find_path(&f, "/chosen", &n))
        out->bootargs = fdt_text(&f, &n, "bootargs");
    discover_find_places(&f, out);
    return 0;
}
