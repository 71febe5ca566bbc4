/*
 * What a kernel takes from its device tree when nodes are odd: see discover.h. Damaged trees are in
 * test_core_fdt_damage.c.
 */
#include "../../core/virtio/discover.h"
#include "trees.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct tree tree;

/* A host bridge at an address of a bus, of which the machine sees the first 256 MiB. UINT32_MAX: a
 * bridge without registers. */
static struct discovered bridge_at(uint32_t address)
{
    struct discovered d;

    tree_begin(&tree);
    made(fdt_finish_reservemap(tree.bytes));
    node(&tree, "");
    bus(&tree, 2, 2);
    node(&tree, "cpus");
    bus(&tree, 1, 0);
    CELLS(&tree, "timebase-frequency", 10000000);
    end(&tree);
    node(&tree, "soc");
    bus(&tree, 1, 1);
    CELLS(&tree, "ranges", 0, 0, 0x40000000, 0x10000000);
    node(&tree, "pci");
    text(&tree, "compatible", "pci-host-ecam-generic");
    if (address != UINT32_MAX)
        CELLS(&tree, "reg", address, 0x1000000);
    bus(&tree, 3, 2);
    end(&tree);
    end(&tree);
    end(&tree);
    tree_end(&tree);
    assert_null(discover(tree.bytes, tree.len, &d));
    return d;
}

static void a_bridge_is_where_its_bus_puts_it(void **state)
{
    struct discovered d = bridge_at(0x1000000);

    (void)state;
    assert_true(d.places.has_pci);
    assert_int_equal(d.pci_config_base, 0x41000000);
}

static void a_bridge_that_cannot_be_accessed_is_ignored(void **state)
{
    (void)state;
    assert_false(bridge_at(0x10000000).places.has_pci); /* outside of the bus's window */
    assert_false(bridge_at(UINT32_MAX).places.has_pci); /* no registers */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bridge_is_where_its_bus_puts_it),
        cmocka_unit_test(a_bridge_that_cannot_be_accessed_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
