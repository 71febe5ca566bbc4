/*
 * The devicetree reader beside libfdt, an independent one: on random trees, on a real one, and on
 * many thousand damaged ones in guarded memory. What both read must be the same, byte by byte.
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

enum { RANDOM_TREES = 2000, MUTATIONS = 200000, CORPUS = 24 };

static struct tree virt, tree;

static int setup(void **state)
{
    (void)state;
    tree_virt(&virt);
    return 0;
}

static void assert_region(const struct fdt_region *r, uint64_t address, uint64_t size)
{
    assert_int_equal(r->address, address);
    assert_int_equal(r->size, size);
}

/* ---- beside libfdt ---- */

/* The two are at the same bytes of their copies of the blob. */
static void same_place(const void *ours, const void *our_blob, const void *theirs,
                       const void *their_blob)
{
    assert_int_equal((const uint8_t *)ours - (const uint8_t *)our_blob,
                     (const uint8_t *)theirs - (const uint8_t *)their_blob);
}

static void same_properties(const struct fdt *f, const struct fdt_node *n, const void *our_blob,
                            const void *blob, int at)
{
    struct fdt_prop p = {0}, first;
    int prop;

    fdt_for_each_property_offset(prop, blob, at)
    {
        const char *name;
        const void *value;
        int len;

        assert_true(fdt_next_prop(f, n, &p));
        value = fdt_getprop_by_offset(blob, prop, &name, &len);
        assert_non_null(value);
        assert_int_equal(p.len, len);
        same_place(p.value, our_blob, value, blob);
        same_place(p.name, our_blob, name, blob);

        value = fdt_getprop(blob, at, name, &len);
        assert_int_equal(fdt_prop(f, n, p.name, &first), 0);
        assert_int_equal(first.len, len);
        same_place(first.value, our_blob, value, blob);
        for (int i = 0; i < 4; i++) {
            const char *theirs = fdt_stringlist_get(blob, at, name, i, NULL);
            const char *ours = fdt_prop_string(&first, (uint32_t)i);

            assert_int_equal(ours == NULL, theirs == NULL);
            if (ours)
                same_place(ours, our_blob, theirs, blob);
        }
        assert_int_equal(fdt_has(f, n, name, "virtio,mmio"),
                         fdt_stringlist_search(blob, at, name, "virtio,mmio") >= 0);
    }
    assert_false(fdt_next_prop(f, n, &p));
}

/* A count of cells: their function, except that theirs has no 0 for addresses. */
static int their_cells(const void *blob, int at, const char *name, int absent)
{
    int len;
    const void *value = fdt_getprop(blob, at, name, &len);

    return !value ? absent : len == 4 && fdt32_ld(value) <= INT32_MAX ? (int)fdt32_ld(value) : -1;
}

static void same_reg(const struct fdt *f, const struct fdt_node *n, const void *blob, int at,
                     int parent)
{
    int len, address, size;
    const uint8_t *value = fdt_getprop(blob, at, "reg", &len);
    struct fdt_region r;

    if (!value || parent < 0) {
        assert_int_equal(fdt_reg(f, n, 0, &r), ERR_NOENT);
        return;
    }
    address = their_cells(blob, parent, "#address-cells", 2);
    size = their_cells(blob, parent, "#size-cells", 1);
    if (fdt_address_cells(blob, parent) >= 0)
        assert_int_equal(address, fdt_address_cells(blob, parent));
    if (fdt_size_cells(blob, parent) >= 0)
        assert_int_equal(size, fdt_size_cells(blob, parent));
    if (address < 1 || address > 2 || size < 0 || size > 2 || len % (4 * (address + size))) {
        assert_in_range(-fdt_reg(f, n, 0, &r), 1, 100);
        assert_int_not_equal(fdt_reg(f, n, 0, &r), ERR_NOENT);
        return;
    }
    for (int row = 0; row < len / (4 * (address + size)) && row < 4; row++) {
        const uint8_t *p = value + row * 4 * (address + size);
        uint64_t a = address == 1 ? fdt32_ld((const void *)p) : fdt64_ld((const void *)p);
        uint64_t s = 0;

        p += 4 * address;
        if (size)
            s = size == 1 ? fdt32_ld((const void *)p) : fdt64_ld((const void *)p);
        assert_int_equal(fdt_reg(f, n, (uint32_t)row, &r), a + s < a ? ERR_PROTO : 0);
        if (a + s >= a)
            assert_region(&r, a, s);
    }
    assert_int_equal(fdt_reg(f, n, (uint32_t)(len / (4 * (address + size))), &r), ERR_NOENT);
}

static void same_reservations(const struct fdt *f, const void *blob)
{
    int count = fdt_num_mem_rsv(blob);
    struct fdt_region r;

    assert_int_equal(f->reservation_count, count);
    for (int i = 0; i < count; i++) {
        uint64_t address, size;

        made(fdt_get_mem_rsv(blob, i, &address, &size));
        assert_int_equal(fdt_reservation(f, (uint32_t)i, &r), 0);
        assert_region(&r, address, size);
    }
}

/* Every node, property, string and reservation; returns the nodes. */
static unsigned same_tree(const struct fdt *f, const uint8_t *our_blob, const void *blob)
{
    int parent[FDT_DEPTH_MAX + 1] = {0}, depth = -1;
    struct fdt_node n = {0}, up;
    unsigned nodes = 0;

    same_reservations(f, blob);
    for (int at = fdt_next_node(blob, -1, &depth); at >= 0 && depth >= 0;
         at = fdt_next_node(blob, at, &depth), nodes++) {
        assert_true(fdt_next(f, &n));
        assert_int_equal(n.depth, depth + 1);
        assert_int_equal(n.at[depth], at);
        same_place(fdt_name(f, &n), our_blob, fdt_get_name(blob, at, NULL), blob);
        parent[depth] = at;
        assert_int_equal(fdt_parent(&n, &up), depth > 0);
        if (depth)
            assert_int_equal(up.at[up.depth - 1], parent[depth - 1]);
        same_properties(f, &n, our_blob, blob, at);
        same_reg(f, &n, blob, at, depth ? parent[depth - 1] : -1);
    }
    assert_false(fdt_next(f, &n));
    return nodes;
}

/* Both find the same, or nothing: paths, phandles, compatible nodes. */
static void same_finds(const struct fdt *f, const void *blob, struct rng *r)
{
    struct fdt_node n = {0};
    int at = -1;

    do {
        at = fdt_node_offset_by_compatible(blob, at, "virtio,mmio");
        assert_int_equal(fdt_next_with(f, &n, "compatible", "virtio,mmio"), at >= 0);
        if (at >= 0)
            assert_int_equal(n.at[n.depth - 1], at);
    } while (at >= 0);
    for (int i = 0; i < 20; i++) {
        char path[256] = "";

        for (uint64_t steps = 1 + rng_below(r, 3); steps; steps--) {
            if (rng_below(r, 8) || *path)
                strcat(path, "/");
            strcat(path, random_name(r));
        }
        at = fdt_path_offset(blob, path);
        assert_int_equal(fdt_find_path(f, path, &n), at < 0 ? ERR_NOENT : 0);
        if (at >= 0)
            assert_int_equal(n.at[n.depth - 1], at);
    }
}

static void random_trees_read_as_libfdt_reads_them(void **state)
{
    struct rng r;
    unsigned nodes = 0, found = 0;
    struct fdt f;

    (void)state;
    rng_init(&r, 1, 0);
    for (unsigned i = 0; i < RANDOM_TREES; i++) {
        const uint8_t *blob;

        tree_random(&tree, &r, i % FDT_DEPTH_MAX);
        if (i % 2)
            tree_structure_last(&tree);
        blob = i % 3 ? guard_behind(tree.bytes, tree.len) : guard_before(tree.bytes, tree.len);
        assert_int_equal(fdt_open(&f, blob, tree.len), 0);
        nodes += same_tree(&f, blob, tree.bytes);
        same_finds(&f, tree.bytes, &r);
        found += fdt_path_offset(tree.bytes, "/a") >= 0;
    }
    assert_in_range(nodes, 20 * RANDOM_TREES, UINT32_MAX);
    assert_in_range(found, RANDOM_TREES / 20, RANDOM_TREES);
}

/* The tree of a real machine, when QEMU is installed. */
static void a_tree_of_qemu_reads_as_libfdt_reads_it(void **state)
{
    char path[] = "/tmp/drywire-dtb-XXXXXX", command_line[256];
    int file = mkstemp(path);
    static uint8_t dump[4 << 20];
    ssize_t len;
    struct fdt_node n = {0};
    unsigned slots = 0;
    struct fdt f;

    (void)state;
    assert_true(file >= 0);
    snprintf(command_line, sizeof(command_line),
             "qemu-system-riscv64 -accel tcg -M virt,dumpdtb=%s -m 128M -smp 2 -nographic "
             ">/dev/null 2>&1 </dev/null",
             path);
    if (system(command_line) != 0) {
        unlink(path);
        close(file);
        skip();
    }
    close(file);
    file = open(path, O_RDONLY); /* QEMU may have replaced it */
    unlink(path);
    len = read(file, dump, sizeof(dump));
    close(file);
    assert_int_equal(fdt_open(&f, dump, (size_t)len), 0);
    assert_in_range(same_tree(&f, dump, dump), 20, 1000);
    while (fdt_next_with(&f, &n, "compatible", "virtio,mmio")) {
        struct fdt_interrupt irq = {.next = 0};

        assert_int_equal(fdt_next_interrupt(&f, &n, &irq), 0);
        slots++;
    }
    assert_int_equal(slots, VIRT_SLOTS);
}

/* ---- damage ---- */

static unsigned touched; /* keeps the reads */

static void touch(const void *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        touched += ((const uint8_t *)p)[i];
}

static void read_values(const struct fdt *f, const struct fdt_node *n)
{
    struct fdt_interrupt irq = {.next = 0};
    struct fdt_region r;
    struct fdt_window w;
    uint64_t number;

    for (uint32_t row = 0; row < 4 && fdt_reg(f, n, row, &r) == 0; row++)
        touched += fdt_translate(f, n, &r) == 0;
    for (uint32_t row = 0; row < 4 && fdt_ranges(f, n, row, &w) == 0; row++)
        touched += w.size > 1;
    for (int i = 0; i < 4 && fdt_next_interrupt(f, n, &irq) == 0; i++)
        touch(irq.cell, 4 * irq.count);
    touched += fdt_enabled(f, n) + fdt_has(f, n, "compatible", "virtio,mmio");
    touched += fdt_number(f, n, "phandle", &number) == 0;
}

/* Name, properties and what they mean; returns the bytes that they take at least. */
static uint32_t read_node(const struct fdt *f, const struct fdt_node *n)
{
    uint32_t least = 8;
    struct fdt_prop p = {0};

    touch(fdt_name(f, n), strlen(fdt_name(f, n)) + 1);
    while (fdt_next_prop(f, n, &p)) {
        touch(p.name, strlen(p.name) + 1);
        touch(p.value, p.len);
        least += 12 + p.len;
    }
    read_values(f, n);
    return least;
}

/* Read all there is, in every way. The structure block bounds what there can be. */
static void read_everything(const struct fdt *f)
{
    static const char *const paths[] = {"/soc/plic", "serial0", "/cpus/cpu@0/interrupt-controller",
                                        "/a/a@1", "soc/a"};
    uint32_t least = 0;
    struct fdt_region r;
    struct fdt_node n = {0};

    for (uint32_t i = 0; fdt_reservation(f, i, &r) == 0; i++)
        touched += r.size > 1;
    while (fdt_next(f, &n))
        least += read_node(f, &n);
    assert_in_range(least, 0, f->structure_size);
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
        touched += fdt_find_path(f, paths[i], &n) == 0;
}

static void word_set(struct tree *t, uint32_t at, uint32_t value)
{
    fdt32_t word = cpu_to_fdt32(value);

    if (at + 4 <= t->len)
        memcpy(t->bytes + at, &word, 4);
}

static uint32_t random_value(struct rng *r, uint32_t len)
{
    static const uint32_t edges[] = {0, 1,          2,          3,          4,
                                     9, 0x7fffffff, 0x80000000, 0xfffffff0, UINT32_MAX};

    switch (rng_below(r, 3)) {
    case 0:
        return edges[rng_below(r, sizeof(edges) / sizeof(*edges))];
    case 1:
        return (uint32_t)rng_below(r, 2 * len);
    default:
        return (uint32_t)rng_next(r);
    }
}

static void mutate(struct tree *t, struct rng *r)
{
    uint32_t at = (uint32_t)rng_below(r, t->len), from;

    switch (rng_below(r, 9)) {
    case 0:
    case 1: /* a bit */
        t->bytes[at] ^= (uint8_t)(1u << rng_below(r, 8));
        break;
    case 2: /* a byte */
        t->bytes[at] = (uint8_t)rng_next(r);
        break;
    case 3: /* a word of the header */
        at = 4 * (uint32_t)rng_below(r, 10);
        word_set(t, at, random_value(r, t->len));
        break;
    case 4: /* a word of the header, by a little */
        at = 4 * (uint32_t)rng_below(r, 10);
        word_set(t, at, fdt32_ld((const void *)(t->bytes + at)) + (uint32_t)rng_below(r, 33) - 16);
        break;
    case 5: /* any word */
        word_set(t, at & ~3u, random_value(r, t->len));
        break;
    case 6: /* another token */
        word_set(t, at & ~3u, (uint32_t[]){1, 2, 3, 4, 9}[rng_below(r, 5)]);
        break;
    case 7: /* a piece from elsewhere */
        from = (uint32_t)rng_below(r, t->len);
        memmove(t->bytes + at, t->bytes + from,
                (t->len - (at > from ? at : from)) % (1 + rng_below(r, 64)));
        break;
    default: /* the rest is missing */
        if (rng_below(r, 8) == 0) {
            t->len = at < 40 ? 40 : at;
            fdt_set_totalsize(t->bytes, t->len);
        }
    }
}

struct counts {
    unsigned both, theirs_alone, neither;
};

/* One damaged tree, twice: whole from the start, and exchanged under an opened one. */
static void damaged(const struct tree *t, const struct tree *intact, bool before, struct counts *c)
{
    const uint8_t *blob = before ? guard_before(t->bytes, t->len) : guard_behind(t->bytes, t->len);
    const void *copy = t->bytes;
    /* libfdt 1.6.1 itself crashes on some trees of versions that we do not read. */
    bool theirs = fdt_version(copy) >= 16 && fdt_check_full(copy, t->len) == 0;
    struct fdt_node n = {0};
    struct fdt f;

    if (fdt_open(&f, blob, t->len) == 0) {
        read_everything(&f);
        assert_true(theirs); /* we are never the laxer ones */
        same_tree(&f, blob, copy);
        c->both++;
    } else {
        *(theirs ? &c->theirs_alone : &c->neither) += 1;
    }
    if (t->len != intact->len)
        return;
    blob = before ? guard_before(intact->bytes, t->len) : guard_behind(intact->bytes, t->len);
    assert_int_equal(fdt_open(&f, blob, t->len), 0);
    for (unsigned steps = 1 + t->bytes[t->len / 2] % 8; steps && fdt_next(&f, &n); steps--)
        ;
    before ? guard_before(t->bytes, t->len) : guard_behind(t->bytes, t->len);
    read_node(&f, &n);
    read_everything(&f);
}

static void damaged_trees_never_lead_outside_and_read_as_libfdt_reads_them(void **state)
{
    static struct tree corpus[CORPUS];
    struct counts c = {0};
    struct rng r;

    (void)state;
    rng_init(&r, 2, 0);
    for (unsigned i = 0; i < CORPUS; i++) {
        if (i < 4)
            corpus[i] = virt;
        else
            do
                tree_random(&corpus[i], &r, 3);
            while (corpus[i].len > 3000);
        if (i % 2)
            tree_structure_last(&corpus[i]);
    }
    for (unsigned i = 0; i < MUTATIONS; i++) {
        const struct tree *intact = &corpus[i % CORPUS];

        memcpy(tree.bytes, intact->bytes, intact->len);
        tree.len = intact->len;
        for (uint64_t n = 1 + rng_below(&r, 3); n; n--)
            mutate(&tree, &r);
        damaged(&tree, intact, i / CORPUS % 2, &c);
    }
    print_message("damaged: read by both %u, by libfdt alone %u, by none %u\n", c.both,
                  c.theirs_alone, c.neither);
    assert_in_range(c.both, MUTATIONS / 10, MUTATIONS);
    assert_in_range(c.neither, MUTATIONS / 10, MUTATIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(random_trees_read_as_libfdt_reads_them, setup),
        cmocka_unit_test_setup(a_tree_of_qemu_reads_as_libfdt_reads_it, setup),
        cmocka_unit_test_setup(damaged_trees_never_lead_outside_and_read_as_libfdt_reads_them,
                               setup),
    };

    alarm(900); /* a hang is a failure, too */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
