/*
 * The PCI front of the fake device against drivers that are wrong on purpose: each mistake is
 * reported under its name, and a driver without one is not. The driver here is the test itself,
 * step by step; rings stay empty but for one receive buffer.
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
#include "../../sim/fake_device/bodies.h"
#include "../../sim/fake_device/net.h"
#include "../../sim/fake_device/pci_bus.h"

#define FUNCTION ((uint64_t)FAKE_PCI_FIRST << 12)
#define DMA      UINT64_C(0x90000000)
#define MEMORY   UINT64_C(0xc0000000)

enum { DMA_SIZE = 0x10000, IO = 0x1000, MODERN_BAR = 0x4000, TABLE_BAR = 0x8000, QUEUE = 8 };

struct rig {
    struct fake_net *n, *neighbour; /* its place is device 5 */
    struct fake_memory memory;
    struct fake_host host;
    struct fake_wire wire;
    struct fake_pci_bus bus;
    struct oracle_set looked;
    struct fake_virtio_config config;
    uint8_t *dma;
    char oracle[40]; /* the first that spoke */
    char message[300];
    unsigned interrupts, pick;
};

/* ---- the machine ---- */

static void store(void *ctx, uint64_t bus, unsigned size, uint64_t value)
{
    memcpy(((struct rig *)ctx)->dma + (bus - DMA), &value, size);
}

static void write_bytes(void *ctx, uint64_t bus, const uint8_t *bytes, size_t len)
{
    memcpy(((struct rig *)ctx)->dma + (bus - DMA), bytes, len);
}

static void ring(void *ctx, uint64_t bus, size_t len)
{
    (void)ctx;
    (void)bus;
    (void)len;
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static void own(void *ctx, uint64_t bus, size_t len, bool device)
{
    (void)device;
    ring(ctx, bus, len);
}

static bool chance(void *ctx, const char *what, uint32_t per_65536)
{
    (void)ctx;
    (void)what;
    (void)per_65536;
    return false;
}

static uint64_t pick(void *ctx, const char *what, uint64_t bound)
{
    struct rig *r = ctx;

    (void)what;
    return r->pick <= bound ? r->pick : 0;
}

static void later(void *ctx, uint64_t delay_ns, unsigned what)
{
    (void)ctx;
    (void)delay_ns;
    (void)what;
}

static void interrupt(void *ctx)
{
    ((struct rig *)ctx)->interrupts++;
}

static void frame(void *ctx, const uint8_t *bytes, size_t len)
{
    (void)ctx;
    (void)bytes;
    (void)len;
}

static void lost(void *ctx, bool transmitted, const uint8_t *bytes, size_t len, const char *why)
{
    (void)transmitted;
    (void)why;
    frame(ctx, bytes, len);
}

static void used(void *ctx, uint32_t id, uint32_t written)
{
    (void)ctx;
    (void)id;
    (void)written;
}

static void __attribute__((format(printf, 5, 6)))
violation(void *ctx, const char *oracle, const char *site, const char *clause, const char *format,
          ...)
{
    struct rig *r = ctx;
    va_list args;

    (void)site;
    (void)clause;
    if (r->oracle[0])
        return;
    snprintf(r->oracle, sizeof(r->oracle), "%s", oracle);
    va_start(args, format);
    vsnprintf(r->message, sizeof(r->message), format, args);
    va_end(args);
}

static int setup(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));

    r->n = calloc(1, sizeof(*r->n));
    r->neighbour = calloc(1, sizeof(*r->neighbour));
    r->dma = calloc(1, DMA_SIZE);
    r->memory = (struct fake_memory){
        .ctx = r,
        .memory = r->dma,
        .words = r->dma,
        .first = DMA,
        .size = DMA_SIZE,
        .store = store,
        .write = write_bytes,
        .attach_ring = ring,
        .look = nothing,
        .own = own,
    };
    r->host = (struct fake_host){
        .ctx = r,
        .looked = &r->looked,
        .chance = chance,
        .pick = pick,
        .key = 1,
        .later = later,
        .interrupt = interrupt,
        .used = used,
        .violation = violation,
    };
    r->wire = (struct fake_wire){.ctx = r, .frame = frame, .lost = lost};
    r->bus = (struct fake_pci_bus){
        .host = &r->host,
        .windows = {MEMORY, 0x100000, IO, 0x1000},
        .function = {&r->n->device, &r->neighbour->device},
        .count = 2,
    };
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;

    free(r->dma);
    free(r->n);
    free(r->neighbour);
    free(r);
    return 0;
}

static void start(struct rig *r, enum fake_transport transport)
{
    static const struct fake_net_options net = {.mac_feature = true, .mac = {2, 1, 2, 3, 4, 5}};

    r->config = (struct fake_virtio_config){
        .transport = transport,
        .legacy = transport == FAKE_TRANSPORT_PCI_LEGACY,
        .queue_size = QUEUE,
        .any_layout = true,
        .bus = &r->bus,
        .place = FAKE_PCI_FIRST,
        .msix = {0xfee00000, 0x41},
        .wire = &r->wire,
    };
    r->oracle[0] = 0;
    r->interrupts = 0;
    memset(r->dma, 0, DMA_SIZE);
    fake_virtio_start(&r->n->device, &fake_net_body, &r->memory, &r->host, &r->config, &net);
    r->config.place = FAKE_PCI_PLACE(5, 0);
    fake_virtio_start(&r->neighbour->device, &fake_net_body, &r->memory, &r->host, &r->config,
                      &net);
}

/* ---- the driver's steps ---- */

static uint32_t cfg_read(struct rig *r, unsigned reg, unsigned size)
{
    return fake_pci_read(&r->bus, FAKE_CONFIG, FUNCTION + reg, size);
}

static void cfg(struct rig *r, unsigned reg, unsigned size, uint32_t value)
{
    fake_pci_write(&r->bus, FAKE_CONFIG, FUNCTION + reg, size, value);
}

static uint32_t mem_read(struct rig *r, unsigned offset, unsigned size)
{
    return fake_pci_read(&r->bus, FAKE_MEMORY, MEMORY + MODERN_BAR + offset, size);
}

static void mem(struct rig *r, unsigned offset, unsigned size, uint32_t value)
{
    fake_pci_write(&r->bus, FAKE_MEMORY, MEMORY + MODERN_BAR + offset, size, value);
}

static uint32_t common_read(struct rig *r, unsigned offset, unsigned size)
{
    return mem_read(r, FAKE_PCI_COMMON_AT + offset, size);
}

static void common(struct rig *r, unsigned offset, unsigned size, uint32_t value)
{
    mem(r, FAKE_PCI_COMMON_AT + offset, size, value);
}

static uint32_t io_read(struct rig *r, unsigned offset, unsigned size)
{
    return fake_pci_read(&r->bus, FAKE_IO, IO + offset, size);
}

static void io(struct rig *r, unsigned offset, unsigned size, uint32_t value)
{
    fake_pci_write(&r->bus, FAKE_IO, IO + offset, size, value);
}

static void place_bars(struct rig *r)
{
    cfg(r, PCI_BASE_ADDRESS_0, 4, IO);
    cfg(r, PCI_BASE_ADDRESS_0 + 4, 4, (uint32_t)MEMORY + TABLE_BAR);
    cfg(r, PCI_BASE_ADDRESS_0 + 16, 4, (uint32_t)MEMORY + MODERN_BAR);
    cfg(r, PCI_BASE_ADDRESS_0 + 20, 4, 0);
}

static void enable(struct rig *r)
{
    place_bars(r);
    cfg(r, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void modern_status(struct rig *r, unsigned status)
{
    common(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1, status);
}

static void modern_features(struct rig *r)
{
    modern_status(r, 0);
    common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1);
    modern_status(r, 1);
    modern_status(r, 3);
    common(r, VIRTIO_PCI_COMMON_DRIVER_FEATURE_SELECT, 4, 1);
    common(r, VIRTIO_PCI_COMMON_DRIVER_FEATURE, 4, 1);
    modern_status(r, 11);
    common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1);
}

static void modern_queue(struct rig *r, unsigned index)
{
    uint32_t place = (uint32_t)DMA + 0x1000 * index;

    common(r, VIRTIO_PCI_COMMON_QUEUE_SELECT, 2, index);
    common(r, VIRTIO_PCI_COMMON_QUEUE_SIZE, 2, QUEUE / 2);
    common(r, VIRTIO_PCI_COMMON_QUEUE_DESC, 4, place);
    common(r, VIRTIO_PCI_COMMON_QUEUE_DRIVER, 4, place + 0x400);
    common(r, VIRTIO_PCI_COMMON_QUEUE_DEVICE, 4, place + 0x800);
    common(r, VIRTIO_PCI_COMMON_QUEUE_ENABLE, 2, 1);
}

/* One buffer of 2048 bytes in the receive queue whose parts are there. */
static void post(struct rig *r, uint64_t desc, uint64_t avail)
{
    store(r, desc, 8, DMA + 0x8000);
    store(r, desc + 8, 4, 2048);
    store(r, desc + 12, 2, VIRTQ_DESC_F_WRITE);
    store(r, avail + 2, 2, 1);
}

static void modern_up(struct rig *r)
{
    enable(r);
    modern_features(r);
    modern_queue(r, 0);
    modern_queue(r, 1);
    post(r, DMA, DMA + 0x400);
    modern_status(r, 15);
}

static void legacy_features(struct rig *r)
{
    io(r, VIRTIO_PCI_STATUS, 1, 0);
    io(r, VIRTIO_PCI_STATUS, 1, 1);
    io(r, VIRTIO_PCI_STATUS, 1, 3);
    io(r, VIRTIO_PCI_GUEST_FEATURES, 4, io_read(r, VIRTIO_PCI_HOST_FEATURES, 4));
}

static void legacy_queue(struct rig *r, unsigned index)
{
    io(r, VIRTIO_PCI_QUEUE_SEL, 2, index);
    io(r, VIRTIO_PCI_QUEUE_PFN, 4, (uint32_t)(DMA >> 12) + 2 * index);
}

static void legacy_up(struct rig *r)
{
    enable(r);
    legacy_features(r);
    legacy_queue(r, 0);
    legacy_queue(r, 1);
    post(r, DMA, DMA + 16 * QUEUE);
    io(r, VIRTIO_PCI_STATUS, 1, 7);
}

static void kick(struct rig *r, unsigned index)
{
    mem(r, FAKE_PCI_NOTIFY_AT + r->n->device.pci.notify_off[index] * r->n->device.pci.multiplier, 2,
        index);
}

static void receive(struct rig *r)
{
    uint8_t bytes[60] = {0};

    fake_net_frame(r->n, bytes, sizeof(bytes));
}

/* ---- nothing wrong ---- */

static void expect_quiet(struct rig *r)
{
    if (r->oracle[0])
        print_error("%s: %s\n", r->oracle, r->message);
    assert_string_equal(r->oracle, "");
}

static void a_modern_driver_without_mistakes_is_not_reported(void **state)
{
    struct rig *r = *state;

    for (r->pick = 0; r->pick < 4; r->pick++) { /* every multiplier */
        start(r, r->pick % 2 ? FAKE_TRANSPORT_PCI_TRANSITIONAL : FAKE_TRANSPORT_PCI_MODERN);
        modern_up(r);
        assert_int_equal(common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1), 15);
        assert_int_equal(common_read(r, VIRTIO_PCI_COMMON_QUEUE_ENABLE, 2), 1);
        receive(r); /* before a notification makes the device busy */
        assert_int_equal(r->interrupts, 1);
        assert_int_equal(mem_read(r, FAKE_PCI_ISR_AT, 1), VIRTIO_MMIO_INT_VRING);
        assert_int_equal(mem_read(r, FAKE_PCI_ISR_AT, 1), 0); /* the read took it away */
        kick(r, 0);
        kick(r, 1);
        expect_quiet(r);
    }
    r->pick = 0;
}

static void a_legacy_driver_without_mistakes_is_not_reported(void **state)
{
    struct rig *r = *state;

    for (unsigned kind = FAKE_TRANSPORT_PCI_TRANSITIONAL; kind <= FAKE_TRANSPORT_PCI_LEGACY;
         kind++) {
        start(r, kind);
        legacy_up(r);
        assert_int_equal(io_read(r, VIRTIO_PCI_QUEUE_NUM, 2), QUEUE);
        assert_int_equal(io_read(r, VIRTIO_PCI_CONFIG, 1), 2);
        receive(r);
        assert_int_equal(io_read(r, VIRTIO_PCI_ISR, 1), VIRTIO_MMIO_INT_VRING);
        io(r, VIRTIO_PCI_QUEUE_NOTIFY, 2, 0);
        expect_quiet(r);
        /* After a reset a transitional device may be driven through its other interface. */
        if (kind == FAKE_TRANSPORT_PCI_TRANSITIONAL) {
            memset(r->dma, 0, DMA_SIZE);
            io(r, VIRTIO_PCI_STATUS, 1, 0);
            modern_features(r);
            modern_queue(r, 0);
            expect_quiet(r);
        }
    }
}

static void sizing_tells_sizes_and_keeps_types(void **state)
{
    struct rig *r = *state;
    static const uint32_t ones[6] = {0xffffffc1, 0xfffff000, 0, 0, 0xffffc00c, 0xffffffff};

    start(r, FAKE_TRANSPORT_PCI_TRANSITIONAL);
    for (unsigned i = 0; i < 6; i++) {
        cfg(r, PCI_BASE_ADDRESS_0 + 4 * i, 4, UINT32_MAX);
        assert_int_equal(cfg_read(r, PCI_BASE_ADDRESS_0 + 4 * i, 4), ones[i]);
    }
    assert_int_equal(fake_pci_read(&r->bus, FAKE_CONFIG, 0x1f << 15, 2), 0xffff);
    expect_quiet(r);
}

static void two_functions_on_a_bus_have_their_own_registers(void **state)
{
    struct rig *r = *state;

    start(r, FAKE_TRANSPORT_PCI_MODERN);
    modern_up(r);
    fake_pci_write(&r->bus, FAKE_CONFIG, (5 << 15) + PCI_BASE_ADDRESS_0 + 4, 4,
                   (uint32_t)MEMORY + 0x10000);
    fake_pci_write(&r->bus, FAKE_CONFIG, (5 << 15) + PCI_BASE_ADDRESS_0 + 16, 4,
                   (uint32_t)MEMORY + 0x14000);
    fake_pci_write(&r->bus, FAKE_CONFIG, (5 << 15) + PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    fake_pci_write(&r->bus, FAKE_MEMORY,
                   MEMORY + 0x14000 + FAKE_PCI_COMMON_AT + VIRTIO_PCI_COMMON_DEVICE_STATUS, 1, 0);
    assert_int_equal(common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1), 15);
    assert_true(r->n->device.live);
    assert_int_equal(r->neighbour->device.status, 0);
    expect_quiet(r);
}

/* ---- mistakes ---- */

static void decode_off(struct rig *r)
{
    place_bars(r);
    modern_status(r, 0);
}
static void only_io_on(struct rig *r)
{
    place_bars(r);
    cfg(r, PCI_COMMAND, 2, PCI_COMMAND_IO);
    modern_status(r, 0);
}
static void outside(struct rig *r)
{
    enable(r);
    fake_pci_read(&r->bus, FAKE_MEMORY, MEMORY, 4);
}
static void over_the_end(struct rig *r)
{
    enable(r);
    mem_read(r, FAKE_PCI_MODERN_SIZE - 2, 4);
}
static void bar_at_zero(struct rig *r)
{
    cfg(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}
static void bars_overlap(struct rig *r)
{
    place_bars(r);
    cfg(r, PCI_BASE_ADDRESS_0 + 4, 4, (uint32_t)MEMORY + MODERN_BAR + 0x1000);
    cfg(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}
static void neighbour(struct rig *r, unsigned reg, unsigned size, uint32_t value)
{
    fake_pci_write(&r->bus, FAKE_CONFIG, (5 << 15) + reg, size, value);
}
static void bars_of_two_functions_overlap(struct rig *r)
{
    neighbour(r, PCI_BASE_ADDRESS_0 + 4, 4, (uint32_t)MEMORY + 0x1000);
    neighbour(r, PCI_BASE_ADDRESS_0 + 16, 4, (uint32_t)MEMORY + MODERN_BAR);
    neighbour(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    place_bars(r);
    cfg(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}
static void bar_outside_the_window(struct rig *r)
{
    place_bars(r);
    cfg(r, PCI_BASE_ADDRESS_0 + 20, 4, 1);
    cfg(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}
static void bar_not_aligned(struct rig *r)
{
    cfg(r, PCI_BASE_ADDRESS_0 + 4, 4, (uint32_t)MEMORY + 0x800);
}
static void sizing_while_decoded(struct rig *r)
{
    enable(r);
    cfg(r, PCI_BASE_ADDRESS_0 + 16, 4, UINT32_MAX);
}
static void config_not_aligned(struct rig *r)
{
    cfg_read(r, PCI_STATUS, 4);
}
static void vendor_written(struct rig *r)
{
    cfg(r, PCI_VENDOR_ID, 2, 1);
}
static void bridge_written(struct rig *r)
{
    fake_pci_write(&r->bus, FAKE_CONFIG, (1 << 15) + PCI_COMMAND, 2, 7);
}
static void no_master(struct rig *r)
{
    place_bars(r);
    cfg(r, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    modern_features(r);
    modern_queue(r, 0);
}
static void legacy_no_master(struct rig *r)
{
    place_bars(r);
    cfg(r, PCI_COMMAND, 2, PCI_COMMAND_IO);
    legacy_features(r);
    legacy_queue(r, 0);
}
static void master_off_while_live(struct rig *r)
{
    modern_up(r);
    cfg(r, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}
static void status_32_bits(struct rig *r)
{
    enable(r);
    common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 4);
}
static void select_8_bits(struct rig *r)
{
    enable(r);
    common(r, VIRTIO_PCI_COMMON_QUEUE_SELECT, 1, 0);
}
static void second_half_of_a_field(struct rig *r)
{
    enable(r);
    common_read(r, VIRTIO_PCI_COMMON_DEVICE_FEATURE + 2, 2);
}
static void mac_32_bits(struct rig *r)
{
    enable(r);
    mem_read(r, FAKE_PCI_DEVICE_AT, 4);
}
static void between_structures(struct rig *r)
{
    enable(r);
    mem_read(r, FAKE_PCI_ISR_AT + 1, 1);
}
static void generation_written(struct rig *r)
{
    enable(r);
    common(r, VIRTIO_PCI_COMMON_CONFIG_GENERATION, 1, 1);
}
static void configuration_written(struct rig *r)
{
    enable(r);
    mem(r, FAKE_PCI_DEVICE_AT, 1, 1);
}
static void both_interfaces(struct rig *r)
{
    enable(r);
    modern_status(r, 0);
    common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1);
    io_read(r, VIRTIO_PCI_HOST_FEATURES, 4);
}
static void no_reset(struct rig *r)
{
    enable(r);
    common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1);
    modern_status(r, 1);
}
static void reset_not_awaited(struct rig *r)
{
    enable(r);
    modern_status(r, 0);
    modern_status(r, 1);
}
static void driver_before_acknowledge(struct rig *r)
{
    enable(r);
    modern_status(r, 0);
    common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1);
    modern_status(r, 2);
}
static void queue_before_features_ok(struct rig *r)
{
    enable(r);
    modern_status(r, 0);
    common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1);
    modern_status(r, 3);
    modern_queue(r, 0);
}
static void queue_size_while_live(struct rig *r)
{
    modern_up(r);
    common(r, VIRTIO_PCI_COMMON_QUEUE_SIZE, 2, 2);
}
static void queue_address_while_live(struct rig *r)
{
    modern_up(r);
    common(r, VIRTIO_PCI_COMMON_QUEUE_DEVICE + 4, 4, 0);
}
static void legacy_address_while_live(struct rig *r)
{
    legacy_up(r);
    io(r, VIRTIO_PCI_QUEUE_PFN, 4, (uint32_t)(DMA >> 12));
}
static void queue_size_too_large(struct rig *r)
{
    enable(r);
    modern_features(r);
    common(r, VIRTIO_PCI_COMMON_QUEUE_SIZE, 2, 2 * QUEUE);
}
static void queue_size_3(struct rig *r)
{
    enable(r);
    modern_features(r);
    common(r, VIRTIO_PCI_COMMON_QUEUE_SIZE, 2, 3);
}
static void queue_disabled(struct rig *r)
{
    modern_up(r);
    common(r, VIRTIO_PCI_COMMON_QUEUE_ENABLE, 2, 0);
}
static void legacy_queue_size_written(struct rig *r)
{
    enable(r);
    legacy_features(r);
    io(r, VIRTIO_PCI_QUEUE_NUM, 2, 4);
}
static void legacy_queue_outside_memory(struct rig *r)
{
    enable(r);
    legacy_features(r);
    io(r, VIRTIO_PCI_QUEUE_PFN, 4, 0x12345);
}
static void legacy_queue_not_on_a_page(struct rig *r)
{
    enable(r);
    legacy_features(r);
    store(r, DMA + 0x1000 + 2, 2, 7); /* what the driver has at its own idea of the used ring */
    legacy_queue(r, 0);
}
static void legacy_features_ok(struct rig *r)
{
    enable(r);
    legacy_features(r);
    io(r, VIRTIO_PCI_STATUS, 1, 11);
}
static void legacy_status_32_bits(struct rig *r)
{
    enable(r);
    io_read(r, VIRTIO_PCI_QUEUE_NOTIFY, 4);
}
static void legacy_mac_at_0x18(struct rig *r)
{
    legacy_up(r);
    for (unsigned i = 0; i < 6; i++)
        io_read(r, VIRTIO_PCI_CONFIG_MSIX + i, 1);
}
static void legacy_mac_at_0x14_with_msix(struct rig *r)
{
    enable(r);
    cfg(r, FAKE_PCI_MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
    legacy_features(r);
    io_read(r, VIRTIO_PCI_CONFIG, 1);
}
static void notified_at_the_offset_itself(struct rig *r)
{
    modern_up(r); /* multiplier 4, offsets 5 and 2 */
    mem(r, FAKE_PCI_NOTIFY_AT + 2, 2, 1);
}
static void notified_at_another_queues_place(struct rig *r)
{
    modern_up(r);
    mem(r, FAKE_PCI_NOTIFY_AT + 20, 2, 1);
}
static void notified_32_bits(struct rig *r)
{
    modern_up(r);
    mem(r, FAKE_PCI_NOTIFY_AT + 20, 4, 0);
}
static void notified_early(struct rig *r)
{
    enable(r);
    modern_features(r);
    modern_queue(r, 0);
    kick(r, 0);
}
static void message_not_programmed(struct rig *r)
{
    modern_up(r);
    cfg(r, FAKE_PCI_MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
    common(r, VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR, 2, 1);
    fake_net_link(r->n, false);
}
static void message_to_nowhere(struct rig *r)
{
    modern_up(r);
    cfg(r, FAKE_PCI_MSIX + 2, 2, PCI_MSIX_FLAGS_ENABLE);
    fake_pci_write(&r->bus, FAKE_MEMORY,
                   MEMORY + TABLE_BAR + FAKE_PCI_TABLE_AT + PCI_MSIX_ENTRY_VECTOR_CTRL, 4, 0);
    common(r, VIRTIO_PCI_COMMON_CONFIG_MSIX_VECTOR, 2, 0);
    fake_net_link(r->n, false);
}
static void table_16_bits(struct rig *r)
{
    enable(r);
    fake_pci_write(&r->bus, FAKE_MEMORY, MEMORY + TABLE_BAR + FAKE_PCI_TABLE_AT, 2, 0);
}

static const struct mistake {
    void (*make)(struct rig *r);
    enum fake_transport transport;
    const char *oracle;
} mistakes[] = {
    {decode_off, FAKE_TRANSPORT_PCI_MODERN, "pci.decode"},
    {only_io_on, FAKE_TRANSPORT_PCI_TRANSITIONAL, "pci.decode"},
    {outside, FAKE_TRANSPORT_PCI_MODERN, "pci.access"},
    {over_the_end, FAKE_TRANSPORT_PCI_MODERN, "pci.access"},
    {bar_at_zero, FAKE_TRANSPORT_PCI_MODERN, "pci.bar"},
    {bars_of_two_functions_overlap, FAKE_TRANSPORT_PCI_MODERN, "pci.bar"},
    {bars_overlap, FAKE_TRANSPORT_PCI_MODERN, "pci.bar"},
    {bar_outside_the_window, FAKE_TRANSPORT_PCI_MODERN, "pci.bar"},
    {bar_not_aligned, FAKE_TRANSPORT_PCI_MODERN, "pci.bar"},
    {sizing_while_decoded, FAKE_TRANSPORT_PCI_MODERN, "pci.sizing"},
    {config_not_aligned, FAKE_TRANSPORT_PCI_MODERN, "pci.config"},
    {vendor_written, FAKE_TRANSPORT_PCI_MODERN, "pci.config"},
    {bridge_written, FAKE_TRANSPORT_PCI_MODERN, "pci.config"},
    {no_master, FAKE_TRANSPORT_PCI_MODERN, "pci.master"},
    {legacy_no_master, FAKE_TRANSPORT_PCI_LEGACY, "pci.master"},
    {master_off_while_live, FAKE_TRANSPORT_PCI_MODERN, "pci.master"},
    {status_32_bits, FAKE_TRANSPORT_PCI_MODERN, "pci.access"},
    {select_8_bits, FAKE_TRANSPORT_PCI_MODERN, "pci.access"},
    {second_half_of_a_field, FAKE_TRANSPORT_PCI_MODERN, "pci.access"},
    {mac_32_bits, FAKE_TRANSPORT_PCI_MODERN, "pci.access"},
    {between_structures, FAKE_TRANSPORT_PCI_MODERN, "pci.access"},
    {generation_written, FAKE_TRANSPORT_PCI_MODERN, "pci.access"},
    {configuration_written, FAKE_TRANSPORT_PCI_MODERN, "config.write"},
    {both_interfaces, FAKE_TRANSPORT_PCI_TRANSITIONAL, "pci.interface"},
    {no_reset, FAKE_TRANSPORT_PCI_MODERN, "status.order"},
    {reset_not_awaited, FAKE_TRANSPORT_PCI_MODERN, "status.reset"},
    {driver_before_acknowledge, FAKE_TRANSPORT_PCI_MODERN, "status.order"},
    {queue_before_features_ok, FAKE_TRANSPORT_PCI_MODERN, "status.order"},
    {queue_size_while_live, FAKE_TRANSPORT_PCI_MODERN, "pci.queue_live"},
    {queue_address_while_live, FAKE_TRANSPORT_PCI_MODERN, "pci.queue_live"},
    {legacy_address_while_live, FAKE_TRANSPORT_PCI_LEGACY, "pci.queue_live"},
    {queue_size_too_large, FAKE_TRANSPORT_PCI_MODERN, "ring.size"},
    {queue_size_3, FAKE_TRANSPORT_PCI_MODERN, "ring.size"},
    {queue_disabled, FAKE_TRANSPORT_PCI_MODERN, "pci.queue_enable"},
    {legacy_queue_size_written, FAKE_TRANSPORT_PCI_LEGACY, "pci.access"},
    {legacy_queue_outside_memory, FAKE_TRANSPORT_PCI_LEGACY, "ring.dma_address"},
    {legacy_queue_not_on_a_page, FAKE_TRANSPORT_PCI_LEGACY, "ring.not_cleared"},
    {legacy_features_ok, FAKE_TRANSPORT_PCI_LEGACY, "status.features_ok_legacy"},
    {legacy_features_ok, FAKE_TRANSPORT_PCI_TRANSITIONAL, "status.features_ok_legacy"},
    {legacy_status_32_bits, FAKE_TRANSPORT_PCI_LEGACY, "pci.access"},
    {legacy_mac_at_0x18, FAKE_TRANSPORT_PCI_LEGACY, "pci.access"},
    {legacy_mac_at_0x14_with_msix, FAKE_TRANSPORT_PCI_LEGACY, "pci.access"},
    {notified_at_the_offset_itself, FAKE_TRANSPORT_PCI_MODERN, "pci.notify"},
    {notified_at_another_queues_place, FAKE_TRANSPORT_PCI_MODERN, "pci.notify"},
    {notified_32_bits, FAKE_TRANSPORT_PCI_MODERN, "pci.access"},
    {notified_early, FAKE_TRANSPORT_PCI_MODERN, "notify.before_driver_ok"},
    {message_not_programmed, FAKE_TRANSPORT_PCI_MODERN, "pci.msix"},
    {message_to_nowhere, FAKE_TRANSPORT_PCI_MODERN, "pci.msix"},
    {table_16_bits, FAKE_TRANSPORT_PCI_MODERN, "pci.access"},
};

static void every_mistake_is_reported_by_name(void **state)
{
    struct rig *r = *state;

    for (unsigned i = 0; i < ARRAY_COUNT(mistakes); i++) {
        start(r, mistakes[i].transport);
        mistakes[i].make(r);
        if (strcmp(r->oracle, mistakes[i].oracle))
            print_error("mistake %u, %s: %s (%s)\n", i, mistakes[i].oracle, r->oracle, r->message);
        assert_string_equal(r->oracle, mistakes[i].oracle);
    }
}

/* A driver that does not accept VERSION_1: 3.1.1 step 6 refuses it; QEMU does not. */
static void the_profile_of_qemu_accepts_any_features(void **state)
{
    struct rig *r = *state;

    for (unsigned lenient = 0; lenient < 2; lenient++) {
        start(r, FAKE_TRANSPORT_PCI_MODERN);
        r->n->device.config.lenient = lenient;
        enable(r);
        common(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1, 0);
        assert_int_equal(common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1), 0);
        common(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE);
        common(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1,
               VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
        common(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1,
               VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
        assert_int_equal(common_read(r, VIRTIO_PCI_COMMON_DEVICE_STATUS, 1) &
                             VIRTIO_STATUS_FEATURES_OK,
                         lenient ? VIRTIO_STATUS_FEATURES_OK : 0);
        assert_string_equal(r->oracle, "");
    }
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_modern_driver_without_mistakes_is_not_reported),
        T(a_legacy_driver_without_mistakes_is_not_reported),
        T(sizing_tells_sizes_and_keeps_types),
        T(two_functions_on_a_bus_have_their_own_registers),
        T(every_mistake_is_reported_by_name),
        T(the_profile_of_qemu_accepts_any_features),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
