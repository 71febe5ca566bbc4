/* The devices of a machine: see devices.h. */
#include "devices.h"
#include "../../core/base/array.h"
#include "../base/memory.h"
#include "device_tree.h"
#include "guest_core.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- memory of a device ---- */

static void memory_store(void *ctx, uint64_t bus, unsigned size, uint64_t value)
{
    struct machine *m = ctx;

    dma_device_store(&m->dma, bus, size, value);
}

static void memory_write(void *ctx, uint64_t bus, const uint8_t *bytes, size_t len)
{
    struct machine *m = ctx;

    dma_device_write(&m->dma, bus, bytes, len);
}

static void memory_attach_ring(void *ctx, uint64_t bus, size_t len)
{
    struct machine *m = ctx;

    dma_attach_ring(&m->dma, bus, len);
}

static void memory_look(void *ctx)
{
    struct machine *m = ctx;

    dma_early_stores(&m->dma);
}

static bool memory_unpublished(void *ctx, uint64_t bus, size_t len)
{
    struct machine *m = ctx;

    LOOK(&m->devices[0].host, RING_PUBLISH_ORDER);
    return dma_unpublished(&m->dma, bus, len);
}

static void memory_own(void *ctx, uint64_t bus, size_t len, bool device)
{
    struct machine *m = ctx;

    dma_own(&m->dma, bus, len, device);
}

/* ---- and the host ---- */

/* Each device draws from its own streams, so that another device does not change its behaviour. */
static struct draw_stream *host_stream(struct machine_device *d, const char *what)
{
    unsigned i = 0;

    while (i < d->stream_count && strcmp(d->streams[i].what, what))
        i++;
    if (i == d->stream_count) {
        if (i == MACHINE_STREAMS)
            abort();
        d->stream_count++;
        d->streams[i].what = what;
        if (d->index)
            snprintf(d->streams[i].name, sizeof(d->streams[i].name), "%s.%u", what, d->index);
        draw_stream_init(&d->streams[i].draw, d->index ? d->streams[i].name : what);
    }
    return &d->streams[i].draw;
}

static bool host_chance(void *ctx, const char *what, uint32_t per_65536)
{
    struct machine_device *d = ctx;

    return sim_chance(d->machine->sim, host_stream(d, what), per_65536);
}

static uint64_t host_pick(void *ctx, const char *what, uint64_t bound)
{
    struct machine_device *d = ctx;

    return sim_pick(d->machine->sim, host_stream(d, what), bound);
}

static void device_event(void *ctx, uint64_t what)
{
    struct machine_device *d = ctx;

    if (d->machine->powered)
        fake_virtio_event(d->virtio, (unsigned)what);
}

static void host_later(void *ctx, uint64_t delay_ns, unsigned what)
{
    struct machine_device *d = ctx;
    struct sim *s = d->machine->sim;

    sim_at(s, s->now_ns + delay_ns, EVENT_DEVICE, device_event, d, what);
}

static void host_interrupt(void *ctx)
{
    struct machine_device *d = ctx;

    machine_wake(d->machine);
}

static void host_used(void *ctx, uint32_t id, uint32_t written)
{
    struct machine_device *d = ctx;

    sim_hash_words(d->machine->sim, "used", id, written);
}

/* Rules that QEMU 7.2 does not enforce (docs/qtest.md). */
static bool qemu_lets_pass(const char *oracle)
{
    static const char *const names[] = {
        "features.not_offered",
        "net.rx_not_posted",
        "net.rx_size",
        "net.tx_header",
        "notify.before_driver_ok",
        "notify.suppressed",
        "ring.leak",
        "ring.ownership",
        "ring.publish_order",
        "ring.read_order",
        "status.features_ok_legacy",
        "status.features_unread",
    };

    for (unsigned i = 0; i < ARRAY_COUNT(names); i++)
        if (strcmp(names[i], oracle) == 0)
            return true;
    return false;
}

static void host_ring(void *ctx, const struct vqueue *q, enum vqueue_event what, unsigned chain,
                      uint32_t value)
{
    struct machine_device *d = ctx;

    d->machine->listener.ring(d->machine->listener.ctx, d->index, q, what, chain, value);
}

static void host_violation(void *ctx, const char *oracle, const char *site, const char *clause,
                           const char *format, ...)
{
    struct machine_device *d = ctx;
    struct machine *m = d->machine;
    char which[24] = "", text[300];
    va_list args;

    if (m->lenient && qemu_lets_pass(oracle))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (m->device_count > 1)
        snprintf(which, sizeof(which), "device %u: ", d->index);
    sim_fail(m->sim, FAILURE_SAFETY, oracle, site, "%s%s (VirtIO 1.2 section %s)", which, text,
             clause);
}

/* ---- the wire ---- */

static void wire_frame(void *ctx, const uint8_t *frame, size_t len)
{
    struct machine *m = ctx;

    m->listener.frame(m->listener.ctx, frame, len);
}

static void wire_lost(void *ctx, bool transmitted, const uint8_t *frame, size_t len,
                      const char *why)
{
    struct machine *m = ctx;

    m->listener.lost(m->listener.ctx, transmitted, frame, len, why);
}

/* The unconnected wire of a second network device. */
static void cable_frame(void *ctx, const uint8_t *frame, size_t len)
{
    wire_lost(ctx, true, frame, len, "nothing at the other end");
}

/* ---- power ---- */

void machine_devices_init(struct machine *m)
{
    m->memory = (struct fake_memory){
        .ctx = m,
        .store = memory_store,
        .write = memory_write,
        .attach_ring = memory_attach_ring,
        .look = memory_look,
        .unpublished = memory_unpublished,
        .own = memory_own,
    };
    for (unsigned i = 0; i < MACHINE_DEVICES; i++) {
        struct machine_device *d = &m->devices[i];

        d->machine = m;
        d->index = i;
        d->host = (struct fake_host){
            .ctx = d,
            .chance = host_chance,
            .pick = host_pick,
            .later = host_later,
            .interrupt = host_interrupt,
            .used = host_used,
            .violation = host_violation,
#ifdef DRYWIRE_ASAN
            .thorough = true,
#endif
        };
        d->wire =
            (struct fake_wire){.ctx = m, .frame = i ? cable_frame : wire_frame, .lost = wire_lost};
    }
}

void machine_devices_free(struct machine *m)
{
    for (unsigned i = 0; i < MACHINE_DEVICES; i++)
        free(m->devices[i].virtio);
}

/* The legacy interfaces have a 32-bit page number as the address of a ring: 4.1.5.1.3, 4.2.4. */
static unsigned transport_bus_bits(enum transport_kind transport)
{
    return transport == TRANSPORT_MMIO || transport == TRANSPORT_PCI_MODERN ? 64 : 44;
}

unsigned machine_devices_bus_bits(const struct machine_config *config)
{
    unsigned bits = transport_bus_bits(config->device->transport);

    for (unsigned i = 0; i < config->more_count; i++)
        if (transport_bus_bits(config->more[i].transport) < bits)
            bits = transport_bus_bits(config->more[i].transport);
    return bits;
}

void machine_devices_see_memory(struct machine *m)
{
    const struct dma *a = &m->dma;

    m->memory.memory = a->memory;
    m->memory.words = a->weak ? a->device : a->memory;
    m->memory.first = a->bus_base;
    m->memory.size = a->size;
}

static struct fake_virtio_config device_config(const struct machine_device *d,
                                               const struct device_options *o)
{
    struct machine *m = d->machine;
    static const enum fake_transport transports[] = {
        [TRANSPORT_MMIO] = FAKE_TRANSPORT_MMIO,
        [TRANSPORT_MMIO_LEGACY] = FAKE_TRANSPORT_MMIO,
        [TRANSPORT_PCI_MODERN] = FAKE_TRANSPORT_PCI_MODERN,
        [TRANSPORT_PCI_TRANSITIONAL] = FAKE_TRANSPORT_PCI_TRANSITIONAL,
        [TRANSPORT_PCI_LEGACY] = FAKE_TRANSPORT_PCI_LEGACY,
    };

    return (struct fake_virtio_config){
        .transport = transports[o->transport],
        .legacy = o->transport == TRANSPORT_MMIO_LEGACY || o->transport == TRANSPORT_PCI_LEGACY,
        .queue_size = o->queue_size,
        .any_layout = o->any_layout != TOGGLE_OFF,
        .packed = o->ring == RING_PACKED,
        .event_idx = o->event_idx == TOGGLE_ON,
        .indirect = o->indirect == TOGGLE_ON,
        .polled = !m->interrupts,
        .refills = m->guest == &guest_core,
        .wire = &d->wire,
        .bus = &m->pci,
        .place = d->index ? FAKE_PCI_PLACE(FAKE_PCI_NEXT + d->index, 0) : FAKE_PCI_FIRST,
        .msix = {MACHINE_MSIX_ADDRESS, MACHINE_MSIX_DATA},
        .lenient = m->lenient,
        .lively = m->lively,
        .lie = o->lie,
    };
}

static void devices_start_one(struct machine *m, const struct device_options *o)
{
    struct machine_device *d = &m->devices[m->device_count++];
    struct fake_virtio_config config = device_config(d, o);

    d->stream_count = 0;
    d->host.looked = &m->sim->looked;
    d->host.ring = m->listener.ring ? host_ring : NULL;
    d->host.key = sim_draw(m->sim, host_stream(d, "device.key"));
    if (d->virtio && d->virtio->body != o->body) {
        free(d->virtio);
        d->virtio = NULL;
    }
    if (!d->virtio)
        d->virtio = memory_new(1, o->body->size);
    fake_virtio_start(d->virtio, o->body, &m->memory, &d->host, &config, o->own);
    if (fake_virtio_pci(d->virtio))
        m->pci.function[m->pci.count++] = d->virtio;
    for (unsigned i = 0; i < d->virtio->body->queues; i++) {
        m->queues[m->queue_count].queue = &d->virtio->queue[i];
        m->queues[m->queue_count++].device = d->virtio;
    }
}

void machine_devices_start(struct machine *m, const struct machine_config *config)
{
    m->msix = config->device->msix == TOGGLE_ON;
    m->device_count = m->queue_count = 0;
    m->pci = (struct fake_pci_bus){
        .host = &m->devices[0].host,
        .windows = {MACHINE_PCI_MMIO_BASE, MACHINE_PCI_MMIO_SIZE, MACHINE_PCI_IO_BASE,
                    MACHINE_PCI_IO_SIZE},
    };
    devices_start_one(m, config->device);
    for (unsigned i = 0; i < config->more_count; i++)
        devices_start_one(m, &config->more[i]);
}

void machine_devices_reset(struct machine *m)
{
    for (unsigned i = 0; i < m->device_count; i++)
        fake_virtio_reset(m->devices[i].virtio);
}

/* ---- registers ---- */

static uint64_t mmio_place(unsigned index)
{
    return MACHINE_MMIO_BASE + index * (uint64_t)MACHINE_MMIO_STEP;
}

unsigned machine_devices_places(const struct machine *m, struct guest_place places[MACHINE_DEVICES])
{
    for (unsigned i = 0; i < m->device_count; i++) {
        const struct fake_virtio *d = m->devices[i].virtio;

        if (fake_virtio_pci(d))
            places[i] = (struct guest_place){true, (uint64_t)d->config.place << 12, FAKE_PCI_IRQ};
        else
            places[i] = (struct guest_place){false, mmio_place(i), MACHINE_MMIO_IRQ + i};
    }
    return m->device_count;
}

/* The virtio-mmio device at an address, NULL: none. */
static struct fake_virtio *mmio_device(struct machine *m, enum reg_space space, uint64_t addr)
{
    uint64_t i = (addr - MACHINE_MMIO_BASE) / MACHINE_MMIO_STEP;

    if (space != REG_MMIO || i >= m->device_count ||
        addr - mmio_place((unsigned)i) >= VIRTIO_MMIO_SIZE)
        return NULL;
    return fake_virtio_pci(m->devices[i].virtio) ? NULL : m->devices[i].virtio;
}

/* True if the access is on the PCI bus: not for the slots of virtio-mmio devices. */
static bool on_bus(struct machine *m, enum reg_space space, uint64_t addr)
{
    bool slot = space == REG_MMIO &&
                addr - MACHINE_MMIO_BASE < MACHINE_DEVICES * (uint64_t)MACHINE_MMIO_STEP;

    if (m->pci.count == m->device_count)
        return true;
    if (space == REG_MMIO && addr - DEVICE_TREE_DISABLED < VIRTIO_MMIO_SIZE)
        sim_fail(m->sim, FAILURE_SAFETY, "mmio.access", SIM_SITE,
                 "a register of a device is accessed whose node in the device tree is disabled");
    return m->pci.count && !slot;
}

static enum fake_space fake_space(enum reg_space space)
{
    return space == REG_PCI ? FAKE_CONFIG : space == REG_PORT ? FAKE_IO : FAKE_MEMORY;
}

bool machine_devices_read(struct machine *m, enum reg_space space, uint64_t addr, unsigned size,
                          uint32_t *value)
{
    struct fake_virtio *d = mmio_device(m, space, addr);

    if (d)
        *value =
            fake_mmio_read(d, (uint32_t)((addr - MACHINE_MMIO_BASE) % MACHINE_MMIO_STEP), size);
    else if (on_bus(m, space, addr))
        *value = fake_pci_read(&m->pci, fake_space(space), addr, size);
    else
        return false;
    return true;
}

void machine_devices_write(struct machine *m, enum reg_space space, uint64_t addr, unsigned size,
                           uint32_t value)
{
    struct fake_virtio *d = mmio_device(m, space, addr);

    if (d)
        fake_mmio_write(d, (uint32_t)((addr - MACHINE_MMIO_BASE) % MACHINE_MMIO_STEP), size, value);
    else if (on_bus(m, space, addr))
        fake_pci_write(&m->pci, fake_space(space), addr, size, value);
}

/* ---- all of them ---- */

void machine_devices_poke(struct machine *m)
{
    for (unsigned i = 0; i < m->device_count; i++)
        fake_virtio_poke(m->devices[i].virtio);
}

void machine_devices_check_idle(struct machine *m)
{
    for (unsigned i = 0; i < m->device_count; i++)
        fake_virtio_check_idle(m->devices[i].virtio);
}

void machine_devices_check_asleep(struct machine *m)
{
    for (unsigned i = 0; i < m->device_count; i++)
        fake_virtio_check_asleep(m->devices[i].virtio);
}

void machine_devices_check_leaks(struct machine *m)
{
    for (unsigned i = 0; i < m->device_count; i++)
        fake_virtio_check_leaks(m->devices[i].virtio);
}

void machine_devices_check_quiet(struct machine *m)
{
    for (unsigned i = 0; i < m->device_count; i++)
        fake_virtio_check_quiet(m->devices[i].virtio);
}

bool machine_devices_interrupting(const struct machine *m, bool woken)
{
    bool up = false, messages = false;

    for (unsigned i = 0; i < m->device_count; i++) {
        const struct fake_virtio *d = m->devices[i].virtio;

        if (fake_virtio_messages(d))
            messages = true;
        else
            up |= fake_virtio_interrupting(d);
    }
    return up || (messages && woken);
}
