/*
 * The meaning of devicetree properties: buses, addresses and interrupts (Devicetree Specification
 * v0.4, sections 2.3 and 2.4). Built on fdt.c and fdt_find.c.
 */
#include "fdt.h"
#include "err.h"
#include "mem.h"

#define ADDRESS_CELLS_DEFAULT 2 /* 2.3.5 */
#define SIZE_CELLS_DEFAULT    1

/* A property of equal rows: the number of cells of each of its numbers. */
struct table {
    struct fdt_prop p;
    uint32_t child, parent, size; /* `reg` has no `child` */
    uint32_t rows;
};

bool fdt_enabled(const struct fdt *f, const struct fdt_node *n)
{
    struct fdt_prop p;

    /* Old trees have "ok", which is not in the specification. */
    return fdt_prop(f, n, "status", &p) < 0 || fdt_prop_has(&p, "okay") || fdt_prop_has(&p, "ok");
}

/* The one cell of property `name`; `absent` if there is no such property. */
static int count_get(const struct fdt *f, const struct fdt_node *n, const char *name,
                     uint32_t absent, uint32_t *out)
{
    struct fdt_prop p;

    if (fdt_prop(f, n, name, &p) < 0) {
        *out = absent;
        return 0;
    }
    return p.len == 4 ? fdt_prop_cell(&p, 0, out) : ERR_PROTO;
}

/* The numbers of address and size cells on the bus `n`. */
static int bus_cells(const struct fdt *f, const struct fdt_node *n, uint32_t *address,
                     uint32_t *size)
{
    int err = count_get(f, n, "#address-cells", ADDRESS_CELLS_DEFAULT, address);

    return err ? err : count_get(f, n, "#size-cells", SIZE_CELLS_DEFAULT, size);
}

static int fdt_bus_table_check(struct table *t)
{
    uint32_t row;

    if (t->child > 3 || t->parent < 1 || t->parent > 2 || t->size > 2)
        return ERR_INVAL;
    row = 4 * (t->child + t->parent + t->size);
    if (t->p.len % row)
        return ERR_PROTO;
    t->rows = t->p.len / row;
    return 0;
}

/* The number in the next `count` cells, of at most two. */
static uint64_t cells_take(const struct fdt_prop *p, uint32_t *at, uint32_t count)
{
    uint64_t n = 0;

    for (; count; count--) {
        uint32_t cell = 0;

        (void)fdt_prop_cell(p, (*at)++, &cell);
        n = n << 32 | cell;
    }
    return n;
}

int fdt_reg(const struct fdt *f, const struct fdt_node *n, uint32_t index, struct fdt_region *out)
{
    struct table t = {.child = 0};
    struct fdt_node bus;
    struct fdt_region r;
    uint32_t at;
    int err;

    if (!fdt_parent(n, &bus) || fdt_prop(f, n, "reg", &t.p) < 0)
        return ERR_NOENT;
    err = bus_cells(f, &bus, &t.parent, &t.size);
    if (err == 0)
        err = fdt_bus_table_check(&t);
    if (err < 0)
        return err;
    if (index >= t.rows)
        return ERR_NOENT;
    at = index * (t.parent + t.size);
    r.address = cells_take(&t.p, &at, t.parent);
    r.size = cells_take(&t.p, &at, t.size);
    if (r.address + r.size < r.address)
        return ERR_PROTO;
    *out = r;
    return 0;
}

static int ranges_open(const struct fdt *f, const struct fdt_node *n, struct table *t)
{
    struct fdt_node parent;
    uint32_t unused;
    int err;

    if (!fdt_parent(n, &parent) || fdt_prop(f, n, "ranges", &t->p) < 0)
        return ERR_NOENT;
    t->rows = 0;
    if (t->p.len == 0) /* both address spaces are the same */
        return 0;
    err = bus_cells(f, n, &t->child, &t->size);
    if (err == 0)
        err = bus_cells(f, &parent, &t->parent, &unused);
    return err ? err : fdt_bus_table_check(t);
}

static int ranges_row(const struct table *t, uint32_t index, struct fdt_window *out)
{
    uint32_t at = index * (t->child + t->parent + t->size);
    struct fdt_window w = {.space = 0};

    if (index >= t->rows)
        return ERR_NOENT;
    if (t->child == 3)
        w.space = (uint32_t)cells_take(&t->p, &at, 1);
    w.child = cells_take(&t->p, &at, t->child == 3 ? 2 : t->child);
    w.parent = cells_take(&t->p, &at, t->parent);
    w.size = cells_take(&t->p, &at, t->size);
    if (w.child + w.size < w.child || w.parent + w.size < w.parent)
        return ERR_PROTO;
    *out = w;
    return 0;
}

int fdt_ranges(const struct fdt *f, const struct fdt_node *n, uint32_t index,
               struct fdt_window *out)
{
    struct table t;
    int err = ranges_open(f, n, &t);

    return err ? err : ranges_row(&t, index, out);
}

/* From the bus `n` to its parent's: through the first row that contains the whole region. */
static int translate_once(const struct fdt *f, const struct fdt_node *n, struct fdt_region *r)
{
    struct table t;
    struct fdt_window w;
    uint64_t offset;
    int err = ranges_open(f, n, &t);

    if (err < 0)
        return err;
    if (t.p.len == 0)
        return 0;
    if (t.child == 3)
        return ERR_INVAL;
    for (uint32_t i = 0; i < t.rows; i++) {
        err = ranges_row(&t, i, &w);
        if (err < 0)
            return err;
        offset = r->address - w.child; /* below the window: more than any size */
        if (offset <= w.size && r->size <= w.size - offset) {
            r->address = w.parent + offset;
            return 0;
        }
    }
    return ERR_NOENT;
}

int fdt_translate(const struct fdt *f, const struct fdt_node *n, struct fdt_region *region)
{
    struct fdt_region r = *region;
    struct fdt_node bus;

    /* The root's bus is the processor's address space. */
    for (bool more = fdt_parent(n, &bus); more && bus.depth > 1; more = fdt_parent(&bus, &bus)) {
        int err = translate_once(f, &bus, &r);

        if (err < 0)
            return err;
    }
    *region = r;
    return 0;
}

/* ---- interrupts ---- */

/* 2.4.1: the node that `interrupt-parent` names, here or further up; otherwise the nearest node
 * above that is a controller itself. */
static int interrupt_parent(const struct fdt *f, const struct fdt_node *n, struct fdt_node *out)
{
    struct fdt_node at = *n;
    struct fdt_prop p;
    uint32_t phandle;

    do {
        if (fdt_prop(f, &at, "interrupt-parent", &p) == 0)
            return fdt_prop_cell(&p, 0, &phandle) == 0 ? fdt_find_phandle(f, phandle, out)
                                                       : ERR_PROTO;
        if (at.depth < n->depth && fdt_prop(f, &at, "#interrupt-cells", &p) == 0) {
            *out = at;
            return 0;
        }
    } while (fdt_parent(&at, &at));
    return ERR_NOENT;
}

int fdt_next_interrupt(const struct fdt *f, const struct fdt_node *n, struct fdt_interrupt *irq)
{
    struct fdt_interrupt next = {.next = irq->next};
    struct fdt_prop p;
    uint32_t phandle;
    bool extended = fdt_prop(f, n, "interrupts-extended", &p) == 0; /* goes first (2.4.1.3) */
    int err;

    if (!extended && fdt_prop(f, n, "interrupts", &p) < 0)
        return ERR_NOENT;
    if (next.next >= p.len / 4)
        return p.len % 4 ? ERR_PROTO : ERR_NOENT;
    if (extended) {
        (void)fdt_prop_cell(&p, next.next++, &phandle);
        err = fdt_find_phandle(f, phandle, &next.controller);
    } else {
        err = interrupt_parent(f, n, &next.controller);
    }
    if (err < 0 || count_get(f, &next.controller, "#interrupt-cells", 0, &next.count) < 0)
        return ERR_PROTO;
    if (next.count < 1 || next.count > FDT_INTERRUPT_CELLS_MAX)
        return ERR_PROTO;
    for (uint32_t i = 0; i < next.count; i++)
        if (fdt_prop_cell(&p, next.next++, &next.cell[i]) < 0)
            return ERR_PROTO;
    *irq = next;
    return 0;
}
