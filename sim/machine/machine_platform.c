/*
 * What the guest reaches of the simulated computer: the platform interface (core/port/platform.h),
 * and each word of a ring that it loads or stores (core/port/ring.h). See machine_platform.h.
 */
#include "machine_platform.h"
#include "../../core/base/minmax.h"
#include "../../core/port/ring.h"
#include "../../core/trace/trace.h"
#include "devices.h"
#include "guest_core.h"
#include "../fake_device/rng.h"
#include <string.h>
#ifdef DRYWIRE_LEAK_CLOCK
#include <time.h>
#endif

/* ---- time during the guest's poll ---- */

/* Due events of device, wire and far end run between two accesses of the guest, which may wait in a
 * loop for a reply. No event calls the guest: its own timer is off during a poll, and scenario
 * actions on it are delayed while it is busy. */
static void run_due(struct machine *m)
{
    struct sim *s = m->sim;

    while (s->next_ns <= s->now_ns)
        sim_step(s);
}

/* The events during the time of an access, except in the fast path: see charge(). */
static void time_passed(struct machine *m)
{
    if (m->calls > POLL_CALLS_MAX && m->running) {
        sim_fail(m->sim, FAILURE_LIVELOCK, "budget.poll", SIM_SITE,
                 "the guest made %u device accesses in one poll without returning", POLL_CALLS_MAX);
        longjmp(m->escape, 1);
    }
    if (m->dma.plain)
        dma_plain_pass(&m->dma);
    if (!m->running)
        return;
    if (m->lively && sim_chance(m->sim, &m->poke, 65536 / 64))
        machine_devices_poke(m);
    run_due(m);
}

/* Charge the time of an access. True if something may happen meanwhile, for time_passed(): a
 * machine with plain memory is lively. */
static inline bool charge_due(struct machine *m, unsigned cost_ns)
{
    m->sim->now_ns += cost_ns;
    return ++m->calls > m->calls_quiet || m->sim->next_ns <= m->sim->now_ns;
}

static inline void charge(struct machine *m, unsigned cost_ns)
{
    if (charge_due(m, cost_ns))
        time_passed(m);
}

/* ---- platform.h ---- */

/* A register's name in the hash. */
static uint64_t reg_key(enum reg_space space, uint64_t addr)
{
    return addr ^ (uint64_t)space << 62;
}

static uint32_t machine_reg_read(void *ctx, enum reg_space space, uint64_t addr, unsigned size)
{
    struct machine *m = ctx;
    uint32_t value;

    charge(m, COST_REGISTER_NS);
    if (!machine_devices_read(m, space, addr, size, &value))
        return UINT32_MAX >> (32 - 8 * size);
    sim_hash_words(m->sim, "reg.r", reg_key(space, addr), value);
    if (m->listener.access)
        m->listener.access(m->listener.ctx, false, space, addr, size, value);
    return value;
}

static void machine_reg_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size,
                              uint32_t value)
{
    struct machine *m = ctx;

    charge(m, COST_REGISTER_NS);
    sim_hash_words(m->sim, "reg.w", reg_key(space, addr), value);
    if (m->listener.access)
        m->listener.access(m->listener.ctx, true, space, addr, size, value);
    machine_devices_write(m, space, addr, size, value);
}

static uint64_t machine_bus_address(void *ctx, const void *ptr)
{
    struct machine *m = ctx;

    return dma_bus_address(&m->dma, ptr);
}

static void act_around_barrier(struct machine *m)
{
    if (m->lively && m->running && sim_chance(m->sim, &m->poke, 65536 / 8))
        machine_devices_poke(m);
}

/* The device may act inside a barrier, before the barrier takes effect; also after it, if the next
 * access is not visible. */
static void machine_barrier(void *ctx, enum barrier kind)
{
    struct machine *m = ctx;

    charge(m, COST_BARRIER_NS);
    if (m->weak && !m->dma.weak) { /* an external guest that uses our barriers */
        dma_weaken(&m->dma);
        machine_devices_see_memory(m);
    }
    act_around_barrier(m);
    if (kind != BARRIER_READ)
        dma_barrier_write(&m->dma);
    if (kind != BARRIER_WRITE)
        dma_barrier_read(&m->dma);
    if (m->dma.plain)
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
    /* A leak planted on purpose, which --check-determinism must detect. */
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    value ^= (uint64_t)t.tv_nsec;
#endif
#ifdef DRYWIRE_LEAK_RUNS
    /* Another one: the machine keeps state of former runs. */
    static uint64_t remembered;

    value ^= remembered++;
#endif
    return value;
}

/* The devices that the core found in the device tree, or on the bus. */
static void found_check(struct machine *m, bool pci, const uint64_t *args)
{
    struct guest_place places[MACHINE_DEVICES];
    unsigned count = machine_devices_places(m, places);
    bool right = false;

    for (unsigned i = 0; i < count; i++)
        right |= places[i].pci == pci && places[i].address == args[0] && places[i].irq == args[1];
    if (!right)
        sim_fail(m->sim, FAILURE_SAFETY, "guest.boot", m->guest->name,
                 "a device is driven at %#llx with interrupt %llu, where the machine has none",
                 (unsigned long long)args[0], (unsigned long long)args[1]);
}

/* The core has this number of random bytes: check that a device wrote them. */
static void seeded_check(struct machine *m, uint64_t bytes)
{
    uint64_t given = 0;

    for (unsigned i = 0; i < m->device_count; i++)
        given += fake_rng_given(m->devices[i].virtio);
    LOOK(&m->devices[0].host, RNG_LENGTH);
    if (bytes > given)
        VIOLATION(&m->devices[0].host, "rng.length", "5.4.6.1",
                  "the driver counts %llu random bytes, the device wrote %llu",
                  (unsigned long long)bytes, (unsigned long long)given);
}

/* The core's reports of its devices. */
static void told(struct machine *m, unsigned id, const uint64_t *args)
{
    switch (id) {
    case TRACE_VNET_DEVICE:
    case TRACE_RNG_DEVICE:
        found_check(m, false, args);
        break;
    case TRACE_VNET_PCI:
    case TRACE_RNG_PCI:
        found_check(m, true, args);
        break;
    case TRACE_RNG_SEEDED:
        seeded_check(m, args[0]);
        break;
    default:
        break;
    }
}

static void machine_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    struct machine *m = ctx;
    uint64_t item[TRACE_ARGS_MAX + 1] = {id};

    count = min_u32(count, TRACE_ARGS_MAX);
    if (count)
        memcpy(item + 1, args, count * sizeof(*args));
    if (m->guest == &guest_core)
        told(m, id, args);
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

/* Called just before the driver reads a word that it waits for, where a missing barrier between its
 * last stores and this load is visible. */
static void act_before_look(struct machine *m, uint64_t bus)
{
    for (unsigned i = 0; i < m->queue_count; i++)
        if (vqueue_awaited(m->queues[i].queue, bus) && sim_chance(m->sim, &m->poke, 65536 / 4)) {
            fake_virtio_poke(m->queues[i].device);
            return;
        }
}

/* A used entry is read. */
static void read_check(struct machine *m, const struct vqueue *q, const volatile void *word,
                       unsigned size)
{
    LOOK(q->host, RING_READ_ORDER);
    if (dma_unseen(&m->dma, word, size))
        VIOLATION(q->host, "ring.read_order", "2.7.14, 2.8.22",
                  "queue %u: a used entry is read while it may still be old; a read barrier is "
                  "missing after its index or flags",
                  q->index);
}

/* For captures and pages: the driver may have collected a used entry. */
__attribute__((noinline)) static void ring_loaded(struct machine *m, uint64_t bus, uint64_t value)
{
    for (unsigned i = 0; i < m->queue_count; i++)
        vqueue_tell_collected(m->queues[i].queue, bus, value);
}

static inline uint64_t ring_load(struct machine *m, const volatile void *word, unsigned size)
{
    uint64_t bus = dma_bus_address(&m->dma, word), value = dma_driver_load(&m->dma, word, size);

    for (unsigned i = 0; i < m->queue_count; i++) {
        struct vqueue *q = m->queues[i].queue;

        if (vqueue_shows(q, bus))
            vqueue_shown(q, bus, value);
    }
    if (m->listener.ring)
        ring_loaded(m, bus, value);
    return value;
}

/* A load during which something may happen. */
__attribute__((noinline)) static uint64_t ring_load_late(struct machine *m,
                                                         const volatile void *word, unsigned size)
{
    uint64_t bus = dma_bus_address(&m->dma, word);

    time_passed(m);
    if (m->lively && m->running)
        act_before_look(m, bus);
    for (unsigned i = 0; m->weak && i < m->queue_count; i++)
        if (vqueue_used_entry(m->queues[i].queue, bus))
            read_check(m, m->queues[i].queue, word, size);
    return ring_load(m, word, size);
}

static uint64_t machine_ring_load(void *ctx, const volatile void *word, unsigned size)
{
    struct machine *m = ctx;

    return charge_due(m, COST_RING_NS) ? ring_load_late(m, word, size) : ring_load(m, word, size);
}

/* A word outside the rings of live devices may belong to a ring being set up, or to an indirect
 * table, which may be anywhere: its sample guards it while in use. */
__attribute__((noinline)) static void store_wrong(struct machine *m, uint64_t bus, bool inside)
{
    for (unsigned i = 0; !inside && i < m->device_count; i++) {
        const struct fake_virtio *d = m->devices[i].virtio;

        if (!d->live || d->features & VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC))
            return;
    }
    VIOLATION(&m->devices[0].host, "ring.layout", inside ? "2.7.8" : "2.7.2",
              "the driver stores a ring word at %#llx, %s: its layout is not the device's",
              (unsigned long long)bus,
              inside ? "in a used ring" : "outside of every descriptor table and ring");
}

/* A live device knows the driver's words. */
static void store_check(struct machine *m, uint64_t bus)
{
    bool inside = false;

    for (unsigned i = 0; i < m->queue_count && !inside; i++)
        if (vqueue_driver_may_store(m->queues[i].queue, bus, &inside))
            return;
    store_wrong(m, bus, inside);
}

/* The frequent case, without a call: a word of the driver in a split ring. */
static inline bool store_usual(const struct machine *m, uint64_t bus)
{
    for (unsigned i = 0; i < m->queue_count; i++) {
        const struct vqueue *q = m->queues[i].queue;

        if (!q->ready)
            continue;
        if (q->packed)
            return false;
        if (vqueue_within(bus, q->desc, q->desc_len) || vqueue_within(bus, q->avail, q->avail_len))
            return true;
        if (vqueue_within(bus, q->used, q->used_len))
            return false;
    }
    return false;
}

/* True if a device has rings now. */
static inline bool any_live(const struct machine *m)
{
    for (unsigned i = 0; i < m->device_count; i++)
        if (m->devices[i].virtio->live)
            return true;
    return false;
}

/* Any other store. */
__attribute__((noinline)) static void ring_store_checked(struct machine *m, volatile void *word,
                                                         unsigned size, uint64_t value)
{
    if (any_live(m)) {
        LOOK(&m->devices[0].host, RING_LAYOUT);
        store_check(m, dma_bus_address(&m->dma, word));
    }
    dma_driver_store(&m->dma, word, size, value);
}

/* A store during which something may happen. */
__attribute__((noinline)) static void ring_store_late(struct machine *m, volatile void *word,
                                                      unsigned size, uint64_t value)
{
    time_passed(m);
    ring_store_checked(m, word, size, value);
}

static void machine_ring_store(void *ctx, volatile void *word, unsigned size, uint64_t value)
{
    struct machine *m = ctx;

    if (charge_due(m, COST_RING_NS))
        ring_store_late(m, word, size, value);
    else if (any_live(m) && !store_usual(m, dma_bus_address(&m->dma, word)))
        ring_store_checked(m, word, size, value);
    else
        dma_driver_store(&m->dma, word, size, value);
}

static void machine_ring_give(void *ctx, const void *bytes, size_t len)
{
    struct machine *m = ctx;

    dma_given(&m->dma, bytes, len);
}

void machine_platform_init(struct machine *m)
{
    m->ring = (struct ring_access){
        .load = machine_ring_load, .store = machine_ring_store, .give = machine_ring_give};
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
}
