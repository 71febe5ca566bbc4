/*
 * A flattened devicetree, read in place: firmware's description of its machine (Devicetree
 * Specification v0.4, chapter 5; what properties mean is in chapter 2).
 *
 * fdt_open() checks the header and the whole structure once. Then walk the tree:
 *
 *     struct fdt_node n = {0};
 *
 *     while (fdt_next_with(&f, &n, "compatible", "virtio,mmio"))
 *         if (fdt_enabled(&f, &n) && fdt_reg(&f, &n, 0, &r) == 0 && fdt_translate(&f, &n, &r) == 0)
 *             ...
 *
 * Nothing is allocated or copied: names and values point into the blob, which its owner keeps.
 * Every read is checked against the blob's bounds, not only in fdt_open(); a blob that changes
 * later gives different results, but no read outside it. Each call costs at most a few passes over
 * the blob. The blob needs no alignment.
 */
#ifndef DRYWIRE_FDT_H
#define DRYWIRE_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDT_DEPTH_MAX           16 /* levels, the root among them; real trees have 5 to 9 */
#define FDT_INTERRUPT_CELLS_MAX 4  /* of one interrupt; real controllers have 1 to 3 */

struct fdt {
    const uint8_t *reservations, *structure, *strings; /* the blocks */
    uint32_t reservation_count;
    uint32_t structure_size, strings_size;
};

/* A node is its path: the offsets of the root, ..., its parent and itself in the structure block.
 * All zero: before the root. */
struct fdt_node {
    uint32_t depth; /* entries of the arrays; the root has 1 */
    uint32_t at[FDT_DEPTH_MAX];
    uint32_t inner[FDT_DEPTH_MAX]; /* of each, the offset of its first property or child */
};

struct fdt_prop {
    const char *name;
    const uint8_t *value;
    uint32_t len;  /* of the value */
    uint32_t next; /* for fdt_next_prop() */
};

struct fdt_region {
    uint64_t address, size; /* their sum does not wrap */
};

/* One row of `ranges` (2.3.8): `size` bytes at `child` on the node's own bus are at `parent` on the
 * parent's bus. */
struct fdt_window {
    uint32_t space; /* first cell of a child address of three cells (PCI), otherwise 0 */
    uint64_t child, parent, size;
};

/* `space` of a PCI window: PCI Bus Binding to Open Firmware (IEEE Std 1275), section 2.2.1.1. */
#define FDT_PCI_SPACE(space) ((space) >> 24 & 3)
#define FDT_PCI_IO           1
#define FDT_PCI_MEM32        2
#define FDT_PCI_MEM64        3

struct fdt_interrupt {
    struct fdt_node controller;
    uint32_t count; /* of cell[] */
    uint32_t cell[FDT_INTERRUPT_CELLS_MAX];
    uint32_t next; /* for fdt_next_interrupt() */
};

/**
 * Check a blob and make `f` ready. `blob` has `len` readable bytes; the tree may be shorter.
 *
 * 0; ERR_INVAL: not a devicetree, or an unsupported version (16 and 17 are supported); ERR_MSGSIZE:
 * longer than `len` or deeper than FDT_DEPTH_MAX; ERR_PROTO: a rule of chapter 5 is broken. Unique
 * names and the characters of names are not checked: of two equal names the first is found, and
 * code that prints a name must escape it.
 */
int fdt_open(struct fdt *f, const void *blob, size_t len);

/* Row `index` of the memory reservation block (5.3), or ERR_NOENT. */
int fdt_reservation(const struct fdt *f, uint32_t index, struct fdt_region *out);

/* ---- nodes: on false or an error the node is unchanged ---- */

/* The next node, depth first. */
bool fdt_next(const struct fdt *f, struct fdt_node *n);

/* The next node that has a property of this name, and the property. */
bool fdt_next_having(const struct fdt *f, struct fdt_node *n, const char *name,
                     struct fdt_prop *out);

/* The next child of `parent`; starts with the first if `child` is zeroed. */
bool fdt_next_child(const struct fdt *f, const struct fdt_node *parent, struct fdt_node *child);

/* A node's parent; false for the root. */
bool fdt_parent(const struct fdt_node *n, struct fdt_node *out);

/* The node's name with its unit address; the root's is "". */
const char *fdt_name(const struct fdt *f, const struct fdt_node *n);

/* ---- properties ---- */

/* The next property of a node; starts with the first if `p` is zeroed. */
bool fdt_next_prop(const struct fdt *f, const struct fdt_node *n, struct fdt_prop *p);

/* Cell `index`, a big-endian 32-bit word: 0 or ERR_NOENT. */
int fdt_prop_cell(const struct fdt_prop *p, uint32_t index, uint32_t *out);

/* The property of that name: 0 or ERR_NOENT. */
int fdt_prop(const struct fdt *f, const struct fdt_node *n, const char *name, struct fdt_prop *out);

/* ---- finding by text (fdt_find.c) ---- */

/* Item `index` of a string list (2.2.4), NUL-terminated, or NULL. */
const char *fdt_prop_string(const struct fdt_prop *p, uint32_t index);

/* The first string of the property `name`, or NULL. */
const char *fdt_text(const struct fdt *f, const struct fdt_node *n, const char *name);

/* True if a string list contains `text`. */
bool fdt_prop_has(const struct fdt_prop *p, const char *text);

/* True if the string list `name` contains `text`. */
bool fdt_has(const struct fdt *f, const struct fdt_node *n, const char *name, const char *text);

/* The property `name` as a number of one or two cells: 0, ERR_NOENT or ERR_PROTO. */
int fdt_number(const struct fdt *f, const struct fdt_node *n, const char *name, uint64_t *out);

/* The next node whose string list `name` contains `text`. */
bool fdt_next_with(const struct fdt *f, struct fdt_node *n, const char *name, const char *text);

/* "/soc/serial@10000000" or "serial0", an alias (3.3), which more names may follow. Without a unit
 * address the first node of that name is taken. A ':' ends the path; the options of stdout-path
 * follow it (3.6). 0 or ERR_NOENT. */
int fdt_find_path(const struct fdt *f, const char *path, struct fdt_node *out);

/* 0 or ERR_NOENT (2.3.3). */
int fdt_find_phandle(const struct fdt *f, uint32_t phandle, struct fdt_node *out);

/* ---- what properties mean (fdt_bus.c) ---- */

/* True if the node has no `status` or "okay" (2.3.4). */
bool fdt_enabled(const struct fdt *f, const struct fdt_node *n);

/* Row `index` of `reg` (2.3.6), an address on the parent's bus. 0; ERR_NOENT: no such row;
 * ERR_PROTO: malformed; ERR_INVAL: addresses or sizes of more than two cells. */
int fdt_reg(const struct fdt *f, const struct fdt_node *n, uint32_t index, struct fdt_region *out);

/* Row `index` of `ranges` (2.3.8); errors as fdt_reg(). ERR_NOENT also if it is empty: both address
 * spaces are the same. */
int fdt_ranges(const struct fdt *f, const struct fdt_node *n, uint32_t index,
               struct fdt_window *out);

/* Translate a region of `n` (from fdt_reg()) to processor addresses through the `ranges` of all
 * parent buses. 0; ERR_NOENT: the processor cannot access it; ERR_PROTO, ERR_INVAL as above. */
int fdt_translate(const struct fdt *f, const struct fdt_node *n, struct fdt_region *region);

/* The next interrupt of a node (`interrupts` or `interrupts-extended`, 2.4.1); starts with the
 * first if `irq` is zeroed. 0; ERR_NOENT: no more; ERR_PROTO: malformed, or without a
 * controller. */
int fdt_next_interrupt(const struct fdt *f, const struct fdt_node *n, struct fdt_interrupt *irq);

#endif
