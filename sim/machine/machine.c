/* The simulated computer: see machine.h. */
#include "machine.h"
#include "../../core/port/ring.h"
#include "../../core/trace/trace.h"
#include "device_tree.h"
#include "guest_core.h"
#include "../base/memory.h"
#include "../base/pattern.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef DRYWIRE_LEAK_CLOCK
#include <time.h>
#endif

enum { DMA_SIZE = 2 << 20 };

/* From an event until the guest notices it: a polling machine comes round this often. */
#define POLL_DELAY_NS UINT64_C(1000)

/* ---- time passes while the guest runs ---- */

/* What is due happens between two accesses of the guest, be it the device, the wire or the far end:
 * a guest may wait in place for an answer. Nothing enters the guest: its own timer is off during a
 * poll, and what the scenario does to it puts itself off while it is busy. */
static void run_due(struct machine *m)
{
    struct sim *s = m->sim;

    while (s->heap_count && s->heap[0].time_ns <= s->now_ns)
        sim_step(s);
}

/* What the time of an access may bring about, but for the ordinary ones: see charge(). */
static void time_passed(struct machine *m)
{
    if (m->calls > POLL_CALLS_MAX && m->running) {
        sim_fail(m->sim, FAILURE_LIVELOCK, "budget.poll", SIM_SITE,
                 "the guest made %u device accesses in one poll without returning", POLL_CALLS_MAX);
        longjmp(m->escape, 1);
    }
    if (m->arena.plain)
        arena_plain_pass(&m->arena);
    if (!m->running)
        return;
    if (m->lively && sim_chance(m->sim, &m->poke, 65536 / 64))
        fake_virtio_poke(m->device);
    run_due(m);
}

/* An access takes its time. Mostly nothing else happens meanwhile, which is all that is decided
 * here: a machine whose memory is plain is lively. */
static inline void charge(struct machine *m, unsigned cost_ns)
{
    m->sim->now_ns += cost_ns;
    if (++m->calls > POLL_CALLS_MAX || m->lively || sim_next(m->sim) <= m->sim->now_ns)
        time_passed(m);
}

/* ---- platform.h ---- */

/* Is there something in this space at all? */
static bool device_answers(const struct machine *m, enum reg_space space, uint64_t addr)
{
    if (fake_virtio_pci(m->device))
        return true;
    if (space == REG_MMIO && addr - DEVICE_TREE_DISABLED < VIRTIO_MMIO_SIZE)
        sim_fail(m->sim, FAILURE_SAFETY, "mmio.access", SIM_SITE,
                 "a register of a device is accessed whose node in the device tree is disabled");
    return space == REG_MMIO && addr - MACHINE_MMIO_BASE < VIRTIO_MMIO_SIZE;
}

static enum fake_space fake_space(enum reg_space space)
{
    return space == REG_PCI ? FAKE_CONFIG : space == REG_PORT ? FAKE_IO : FAKE_MEMORY;
}

/* A register's name in the hash. */
static uint64_t reg_key(enum reg_space space, uint64_t addr)
{
    return addr ^ (uint64_t)space << 62;
}

static uint32_t machine_reg_read(void *ctx, enum reg_space space, uint64_t addr, unsigned size)
{
    struct machine *m = ctx;
    uint64_t item[2] = {reg_key(space, addr), size};

    charge(m, COST_REGISTER_NS);
    if (!device_answers(m, space, addr))
        return UINT32_MAX >> (32 - 8 * size);
    if (fake_virtio_pci(m->device))
        item[1] = fake_pci_read(&m->pci, fake_space(space), addr, size);
    else
        item[1] = fake_mmio_read(m->device, (uint32_t)(addr - MACHINE_MMIO_BASE), size);
    sim_hash(m->sim, "reg.r", item, sizeof(item));
    if (m->listener.access)
        m->listener.access(m->listener.ctx, false, space, addr, size, (uint32_t)item[1]);
    return (uint32_t)item[1];
}

static void machine_reg_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size,
                              uint32_t value)
{
    struct machine *m = ctx;
    uint64_t item[2] = {reg_key(space, addr), value};

    charge(m, COST_REGISTER_NS);
    sim_hash(m->sim, "reg.w", item, sizeof(item));
    if (m->listener.access)
        m->listener.access(m->listener.ctx, true, space, addr, size, value);
    if (!device_answers(m, space, addr))
        return;
    if (fake_virtio_pci(m->device))
        fake_pci_write(&m->pci, fake_space(space), addr, size, value);
    else
        fake_mmio_write(m->device, (uint32_t)(addr - MACHINE_MMIO_BASE), size, value);
}

static uint64_t machine_bus_address(void *ctx, const void *ptr)
{
    struct machine *m = ctx;

    return arena_bus(&m->arena, ptr);
}

/* What the device sees of the arena. */
static void bus_memory(struct machine *m)
{
    const struct arena *a = &m->arena;

    m->memory.memory = a->memory;
    m->memory.words = a->weak ? a->device : a->memory;
    m->memory.first = a->bus_base;
    m->memory.size = a->size;
}

static void act_around_barrier(struct machine *m)
{
    if (m->lively && m->running && sim_chance(m->sim, &m->poke, 65536 / 8))
        fake_virtio_poke(m->device);
}

/* The device may act inside a barrier, before the barrier takes effect; after it too, when nobody
 * sees the access that follows. */
static void machine_barrier(void *ctx, enum barrier kind)
{
    struct machine *m = ctx;

    charge(m, COST_BARRIER_NS);
    if (m->weak && !m->arena.weak) { /* a foreign guest that orders its accesses by our barriers */
        arena_weaken(&m->arena);
        bus_memory(m);
    }
    act_around_barrier(m);
    if (kind != BARRIER_READ)
        arena_barrier_write(&m->arena);
    if (kind != BARRIER_WRITE)
        arena_barrier_read(&m->arena);
    if (m->arena.plain)
        act_around_barrier(m);
}

static void machine_relax(void *ctx)
{
    charge(ctx, COST_RELAX_NS);
}

static uint64_t machine_entropy(void *ctx)
{
    struct machine *m = ctx;
    uint64_t value = rng_next(&m->entropy);

#ifdef DRYWIRE_LEAK_CLOCK
    /* A leak planted on purpose: what --check-determinism must catch. */
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    value ^= (uint64_t)t.tv_nsec;
#endif
#ifdef DRYWIRE_LEAK_RUNS
    /* Another one: the machine remembers former runs. */
    static uint64_t remembered;

    value ^= remembered++;
#endif
    return value;
}

/* What the core found in the device tree, or on the bus. */
static void found_check(struct machine *m, unsigned id, const uint64_t *args)
{
    bool pci = id == TRACE_VNET_PCI;
    uint64_t place = pci ? (uint64_t)FAKE_PCI_FIRST << 12 : MACHINE_MMIO_BASE;
    unsigned irq = pci ? FAKE_PCI_IRQ : MACHINE_MMIO_IRQ;

    if (args[0] != place || args[1] != irq)
        sim_fail(m->sim, FAILURE_SAFETY, "guest.boot", m->guest->name,
                 "the device is driven at %#llx with interrupt %llu, it is at %#llx with %u",
                 (unsigned long long)args[0], (unsigned long long)args[1],
                 (unsigned long long)place, irq);
}

static void machine_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    struct machine *m = ctx;
    uint64_t item[TRACE_ARGS_MAX + 1] = {id};

    count = count < TRACE_ARGS_MAX ? count : TRACE_ARGS_MAX;
    if (count)
        memcpy(item + 1, args, count * sizeof(*args));
    if (m->guest == &guest_core && (id == TRACE_VNET_DEVICE || id == TRACE_VNET_PCI))
        found_check(m, id, args);
    sim_hash(m->sim, "trace", item, (count + 1) * sizeof(item[0]));
    m->listener.trace(m->listener.ctx, id, args, count);
}

static void machine_line(void *ctx, const char *text, size_t len)
{
    struct machine *m = ctx;

    sim_hash(m->sim, "line", text, len);
    m->listener.line(m->listener.ctx, text, len);
}

/* ---- ring.h ---- */

/* Just before the driver looks at a word that it waits for, which is where an order that is missing
 * between its last stores and this load shows. */
static void act_before_look(struct machine *m, uint64_t bus)
{
    for (unsigned i = 0; i < m->device->body->queues; i++)
        if (vqueue_awaited(&m->device->queue[i], bus) && sim_chance(m->sim, &m->poke, 65536 / 4)) {
            fake_virtio_poke(m->device);
            return;
        }
}

/* A used entry is read. */
static void read_check(struct machine *m, unsigned queue, const volatile void *word, unsigned size)
{
    LOOK(&m->host, RING_READ_ORDER);
    if (arena_unseen(&m->arena, word, size))
        VIOLATION(&m->host, "ring.read_order", "2.7.14, 2.8.22",
                  "queue %u: a used entry is read while it may still be old; a read barrier is "
                  "missing after its index or flags",
                  queue);
}

static uint64_t machine_ring_load(void *ctx, const volatile void *word, unsigned size)
{
    struct machine *m = ctx;
    uint64_t bus = arena_bus(&m->arena, word), value;

    charge(m, COST_RING_NS);
    if (m->lively && m->running)
        act_before_look(m, bus);
    for (unsigned i = 0; i < m->device->body->queues; i++)
        if (m->weak && vqueue_used_entry(&m->device->queue[i], bus))
            read_check(m, i, word, size);
    value = arena_driver_load(&m->arena, word, size);
    for (unsigned i = 0; i < m->device->body->queues; i++) {
        struct vqueue *q = &m->device->queue[i];

        if (!vqueue_device_stores(q, bus))
            continue;
        vqueue_shown(q, bus, value);
        if (m->host.ring)
            vqueue_tell_collected(q, bus, value);
    }
    return value;
}

/* A live device knows where the driver's words are. */
static void store_check(struct machine *m, uint64_t bus)
{
    bool inside = false, allowed = false;

    LOOK(&m->host, RING_LAYOUT);
    for (unsigned i = 0; i < m->device->body->queues && !inside; i++)
        allowed = vqueue_driver_may_store(&m->device->queue[i], bus, &inside);
    if (!inside && (m->device->features & VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC)))
        return; /* an indirect table may lie anywhere; its sample guards it while in use */
    if (!allowed)
        VIOLATION(&m->host, "ring.layout", inside ? "2.7.8" : "2.7.2",
                  "the driver stores a ring word at %#llx, %s: its layout is not the device's",
                  (unsigned long long)bus,
                  inside ? "in a used ring" : "outside of every descriptor table and ring");
}

static void machine_ring_store(void *ctx, volatile void *word, unsigned size, uint64_t value)
{
    struct machine *m = ctx;

    charge(m, COST_RING_NS);
    if (m->device->live)
        store_check(m, arena_bus(&m->arena, word));
    arena_driver_store(&m->arena, word, size, value);
}

/* ---- the device's bus ---- */

static void bus_store(void *ctx, uint64_t bus, unsigned size, uint64_t value)
{
    struct machine *m = ctx;

    arena_device_store(&m->arena, bus, size, value);
}

static void bus_write(void *ctx, uint64_t bus, const uint8_t *bytes, size_t len)
{
    struct machine *m = ctx;

    arena_device_write(&m->arena, bus, bytes, len);
}

static void bus_attach_ring(void *ctx, uint64_t bus, size_t len)
{
    struct machine *m = ctx;

    arena_attach_ring(&m->arena, bus, len);
}

static void bus_look(void *ctx)
{
    struct machine *m = ctx;

    arena_early_stores(&m->arena);
}

static bool bus_unpublished(void *ctx, uint64_t bus, size_t len)
{
    struct machine *m = ctx;

    LOOK(&m->host, RING_PUBLISH_ORDER);
    return arena_unpublished(&m->arena, bus, len);
}

static void bus_own(void *ctx, uint64_t bus, size_t len, bool device)
{
    struct machine *m = ctx;

    arena_own(&m->arena, bus, len, device);
}

static struct draw_stream *stream(struct machine *m, const char *what)
{
    for (unsigned i = 0; i < m->stream_count; i++)
        if (strcmp(m->streams[i].name, what) == 0)
            return &m->streams[i];
    if (m->stream_count == MACHINE_STREAMS)
        abort();
    draw_stream_init(&m->streams[m->stream_count], what);
    return &m->streams[m->stream_count++];
}

static bool bus_chance(void *ctx, const char *what, uint32_t per_65536)
{
    struct machine *m = ctx;

    return sim_chance(m->sim, stream(m, what), per_65536);
}

static uint64_t bus_pick(void *ctx, const char *what, uint64_t bound)
{
    struct machine *m = ctx;

    return sim_pick(m->sim, stream(m, what), bound);
}

static void device_event(void *ctx, uint64_t what)
{
    struct machine *m = ctx;

    if (m->powered)
        fake_virtio_event(m->device, (unsigned)what);
}

static void bus_later(void *ctx, uint64_t delay_ns, unsigned what)
{
    struct machine *m = ctx;

    sim_at(m->sim, m->sim->now_ns + delay_ns, EVENT_DEVICE, device_event, m, what);
}

static void bus_interrupt(void *ctx)
{
    machine_wake(ctx);
}

static void bus_frame(void *ctx, const uint8_t *frame, size_t len)
{
    struct machine *m = ctx;

    m->listener.frame(m->listener.ctx, frame, len);
}

static void bus_hash(void *ctx, const char *kind, const void *bytes, size_t len)
{
    struct machine *m = ctx;

    sim_hash(m->sim, kind, bytes, len);
}

/* Rules that QEMU 7.2 does not keep a driver to (docs/qtest.md). */
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

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], oracle) == 0)
            return true;
    return false;
}

static void bus_lost(void *ctx, bool transmitted, const uint8_t *frame, size_t len, const char *why)
{
    struct machine *m = ctx;

    m->listener.lost(m->listener.ctx, transmitted, frame, len, why);
}

static void bus_ring(void *ctx, const struct vqueue *q, enum vqueue_event what, unsigned chain,
                     uint32_t value)
{
    struct machine *m = ctx;

    m->listener.ring(m->listener.ctx, q, what, chain, value);
}

static void bus_violation(void *ctx, const char *oracle, const char *site, const char *clause,
                          const char *format, ...)
{
    struct machine *m = ctx;
    char text[300];
    va_list args;

    if (m->lenient && qemu_lets_pass(oracle))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sim_fail(m->sim, FAILURE_SAFETY, oracle, site, "%s (VirtIO 1.2 section %s)", text, clause);
}

/* ---- the guest is polled ---- */

void machine_wake(struct machine *m)
{
    uint64_t at = m->sim->now_ns + POLL_DELAY_NS;

    if (m->gave_up)
        return;
    m->waking = true;
    if (m->running)
        m->woken = true;
    else if (m->powered && at < m->timer.at_ns)
        sim_timer_set(&m->timer, at);
}

static void guest_poll(struct machine *m)
{
    m->running = true;
    m->woken = m->waking = false;
    m->calls = 0;
    if (setjmp(m->escape) == 0)
        m->guest->poll(m->state, m->sim->now_ns);
    m->running = false;
}

static void poll_event(void *ctx, uint64_t arg)
{
    struct machine *m = ctx;
    struct sim *s = m->sim;
    uint64_t at;

    (void)arg;
    if (sim_failed(s))
        return;
    arena_barrier_read(&m->arena); /* what the device stored long ago has arrived by now */
    guest_poll(m);
    arena_barrier_write(&m->arena);
    if (sim_failed(s))
        return;
    fake_virtio_check_idle(m->device);
    at = m->guest->deadline(m->state, s->now_ns);
    if (m->interrupts &&
        !fake_virtio_messages(m->device)) /* a level: what was acknowledged is gone */
        m->woken = m->waking = fake_virtio_interrupting(m->device);
    if (m->woken || at < s->now_ns + POLL_DELAY_NS)
        at = s->now_ns + POLL_DELAY_NS;
    else if (m->interrupts)
        fake_virtio_check_asleep(m->device);
    sim_timer_set(&m->timer, at);
}

void machine_frame(struct machine *m, const uint8_t *frame, size_t len)
{
    if (m->powered)
        fake_net_frame(m->net, frame, len);
}

/* ---- power ---- */

int machine_allocate(struct machine *m)
{
    memset(m, 0, sizeof(*m));
    m->net = calloc(1, sizeof(*m->net));
    m->tree = malloc(DEVICE_TREE_MAX);
    if (!m->net || !m->tree || arena_allocate(&m->arena, DMA_SIZE) ||
        processes_allocate(&m->processes))
        return -1;
    m->device = &m->net->device;
    m->ring = (struct ring_access){.load = machine_ring_load, .store = machine_ring_store};
    m->platform = (struct platform){
        .ctx = m,
        .reg_read = machine_reg_read,
        .reg_write = machine_reg_write,
        .bus_address = machine_bus_address,
        .barrier = machine_barrier,
        .relax = machine_relax,
        .entropy = machine_entropy,
        .trace = machine_trace,
        .line = machine_line,
    };
    m->memory = (struct fake_memory){
        .ctx = m,
        .store = bus_store,
        .write = bus_write,
        .attach_ring = bus_attach_ring,
        .look = bus_look,
        .unpublished = bus_unpublished,
        .own = bus_own,
    };
    m->host = (struct fake_host){
        .ctx = m,
        .chance = bus_chance,
        .pick = bus_pick,
        .later = bus_later,
        .interrupt = bus_interrupt,
        .hash = bus_hash,
        .violation = bus_violation,
#ifdef DRYWIRE_ASAN
        .thorough = true,
#endif
    };
    m->wire = (struct fake_wire){.ctx = m, .frame = bus_frame, .lost = bus_lost};
    return 0;
}

void machine_free(struct machine *m)
{
    free(m->net);
    free(m->tree);
    pattern_free(m->buffers, m->buffers_size);
    free(m->state);
    arena_free(&m->arena);
    processes_free(&m->processes);
}

/* Memory for this guest's state and buffers; larger ones of an earlier guest serve as well. */
static void guest_memory(struct machine *m, const struct guest_ops *guest, bool fill)
{
    if (guest->size > m->state_size) {
        free(m->state);
        m->state = malloc(guest->size);
        m->state_size = guest->size;
        fill = true;
    }
    if (guest->buffers_size > m->buffers_size) {
        pattern_free(m->buffers, m->buffers_size);
        m->buffers = pattern_new(guest->buffers_size);
        m->buffers_size = guest->buffers_size;
    }
    if (!m->state)
        out_of_memory();
    m->guest = guest;
    if (!fill)
        return;
    memset(m->state, PATTERN_FILL, guest->size);
    if (guest->buffers_size)
        pattern_again(m->buffers, m->buffers_size);
}

static void device_start(struct machine *m, const struct device_options *o)
{
    static const enum fake_transport transports[] = {
        [TRANSPORT_MMIO] = FAKE_TRANSPORT_MMIO,
        [TRANSPORT_MMIO_LEGACY] = FAKE_TRANSPORT_MMIO,
        [TRANSPORT_PCI_MODERN] = FAKE_TRANSPORT_PCI_MODERN,
        [TRANSPORT_PCI_TRANSITIONAL] = FAKE_TRANSPORT_PCI_TRANSITIONAL,
        [TRANSPORT_PCI_LEGACY] = FAKE_TRANSPORT_PCI_LEGACY,
    };
    struct fake_virtio_config transport = {
        .transport = transports[o->transport],
        .legacy = o->transport == TRANSPORT_MMIO_LEGACY || o->transport == TRANSPORT_PCI_LEGACY,
        .queue_size = o->queue_size,
        .any_layout = o->any_layout != TOGGLE_OFF,
        .packed = o->ring == RING_PACKED,
        .event_idx = o->event_idx == TOGGLE_ON,
        .indirect = o->indirect == TOGGLE_ON,
        .polled = o->interrupts != TOGGLE_ON,
        .bus = &m->pci,
        .place = FAKE_PCI_FIRST,
        .msix = {MACHINE_MSIX_ADDRESS, MACHINE_MSIX_DATA},
        .lenient = m->lenient,
        .lively = m->lively,
        .lie = o->lie,
    };
    struct fake_net_config config = {
        .mrg_rxbuf = o->mrg_rxbuf == TOGGLE_ON,
        .mac_feature = o->mac_feature,
        .mtu = o->mtu,
        .refills = m->guest == &guest_core,
    };

    m->msix = o->msix == TOGGLE_ON;
    memcpy(config.mac, o->mac, sizeof(config.mac));
    m->pci = (struct fake_pci_bus){
        .host = &m->host,
        .windows = {MACHINE_PCI_MMIO_BASE, MACHINE_PCI_MMIO_SIZE, MACHINE_PCI_IO_BASE,
                    MACHINE_PCI_IO_SIZE},
    };
    fake_net_start(m->net, &m->memory, &m->host, &m->wire, &transport, &config);
    if (fake_virtio_pci(m->device))
        m->pci.function[m->pci.count++] = m->device;
}

/* The tree lies at the end of its memory. */
static void give_tree(struct machine *m, struct guest_config *config)
{
    struct device_tree_wish w = {
        .pci = fake_virtio_pci(m->device),
        .mmio_base = MACHINE_MMIO_BASE,
        .mmio_irq = MACHINE_MMIO_IRQ,
        .windows = m->pci.windows,
        .lie = m->device->config.lie,
    };
    uint8_t blob[DEVICE_TREE_MAX];

    config->device_tree_size = device_tree_make(blob, &w, m->sim, &m->form);
    config->device_tree = memcpy(m->tree + DEVICE_TREE_MAX - config->device_tree_size, blob,
                                 config->device_tree_size);
    sim_hash(m->sim, "tree", blob, config->device_tree_size);
}

static void boot_event(void *ctx, uint64_t arg)
{
    struct machine *m = ctx;
    struct guest_config config = {
        .platform = &m->platform,
        .processes = &m->processes.ops,
        .interrupts = m->interrupts,
        .dma = m->arena.memory,
        .dma_size = m->arena.size,
        .buffers = m->buffers,
        .buffers_size = m->buffers_size,
    };
    volatile int err = 0; /* lives across the longjmp */

    (void)arg;
    if (fake_virtio_pci(m->device)) {
        config.pci = true;
        config.pci_mmio_base = MACHINE_PCI_MMIO_BASE;
        config.pci_mmio_size = MACHINE_PCI_MMIO_SIZE;
        config.pci_io_base = MACHINE_PCI_IO_BASE;
        config.pci_io_size = MACHINE_PCI_IO_SIZE;
        config.msix = m->msix;
        config.msix_address = MACHINE_MSIX_ADDRESS;
        config.msix_data = MACHINE_MSIX_DATA;
    } else {
        config.mmio_base = MACHINE_MMIO_BASE;
        config.mmio_irq = MACHINE_MMIO_IRQ;
    }
    give_tree(m, &config);
    m->running = true;
    m->calls = 0;
    if (setjmp(m->escape) == 0)
        err = m->guest->boot(m->state, &config, m->sim->now_ns);
    m->running = false;
    m->gave_up = err && m->device->config.lie;
    m->booted = !m->gave_up;
    if (m->gave_up)
        return;
    if (err)
        sim_fail(m->sim, FAILURE_SAFETY, "guest.boot", m->guest->name,
                 "the guest did not come up: error %d", err);
    arena_barrier_write(&m->arena);
    machine_wake(m);
}

/* The legacy interfaces say a ring's place as a 32-bit number of a page: 4.1.5.1.3, 4.2.4. */
static unsigned bus_bits(enum transport_kind transport)
{
    return transport == TRANSPORT_MMIO || transport == TRANSPORT_PCI_MODERN ? 64 : 44;
}

void machine_start(struct machine *m, struct sim *sim, const struct machine_config *config,
                   const struct machine_listener *listener)
{
    m->sim = sim;
    m->listener = *listener;
    m->lenient = config->device->profile == PROFILE_QEMU;
    m->host.ring = listener->ring ? bus_ring : NULL;
    m->host.looked = &sim->looked;
    m->weak = config->weak;
    m->lively = config->weak || config->guest != &guest_core;
    m->interrupts = config->device->interrupts == TOGGLE_ON;
    m->powered = true;
    m->running = m->woken = m->waking = m->booted = m->gave_up = false;
    m->stream_count = 0;
    m->form = config->form;
    rng_init(&m->entropy, config->secret, 0); /* as on the targets: one seed, one story */
    draw_stream_init(&m->poke, "device.poke");
    m->host.key = sim_draw(sim, stream(m, "device.key"));
    arena_start(&m->arena, sim, config->weak, config->guest != &guest_core, &config->place,
                bus_bits(config->device->transport));
    bus_memory(m);
    processes_start(&m->processes);
    guest_memory(m, config->guest, config->fill);
    device_start(m, config->device);
    sim_timer_init(&m->timer, sim, EVENT_MACHINE, poll_event, m);
    sim_at(sim, sim->now_ns, EVENT_MACHINE, boot_event, m, 0);
}

static void lie_check(struct machine *m)
{
    oracle_set_add(&m->sim->looked, DEVICE_LIE);
    if (m->device->live)
        sim_fail(m->sim, FAILURE_SAFETY, "device.lie", m->guest->name,
                 "the device lied, and its driver still uses it at the end of the run");
}

void machine_stop(struct machine *m)
{
    if (!sim_failed(m->sim)) {
        if (m->device->config.lie)
            lie_check(m);
        fake_virtio_check_leaks(m->device);
        if (m->guest->stop && !m->gave_up)
            m->guest->stop(m->state, m->sim->now_ns);
        if (m->guest->stop)
            fake_virtio_check_quiet(m->device);
    }
    m->powered = false;
    fake_virtio_reset(m->device);
    arena_clean(&m->arena);
}
