/* The simulated computer: its power, its boot and the polls of its guest; see machine.h. */
#include "machine.h"
#include "device_tree.h"
#include "devices.h"
#include "guest_core.h"
#include "machine_platform.h"
#include "../base/memory.h"
#include "../base/pattern.h"
#include <stdlib.h>
#include <string.h>

enum { DMA_SIZE = 2 << 20 };

/* The time from an event to the poll of the guest. */
#define POLL_DELAY_NS UINT64_C(1000)

/* ---- polls of the guest ---- */

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
    dma_barrier_read(&m->dma); /* earlier stores of the device are visible by now */
    guest_poll(m);
    dma_barrier_write(&m->dma);
    if (sim_failed(s))
        return;
    machine_devices_check_idle(m);
    at = m->guest->deadline(m->state, s->now_ns);
    if (m->interrupts)
        m->woken = m->waking = machine_devices_interrupting(m, m->woken);
    if (m->woken || at < s->now_ns + POLL_DELAY_NS)
        at = s->now_ns + POLL_DELAY_NS;
    else if (m->interrupts)
        machine_devices_check_asleep(m);
    sim_timer_set(&m->timer, at);
}

void machine_frame(struct machine *m, const uint8_t *frame, size_t len)
{
    if (m->powered)
        fake_net_frame(fake_net_of(m->devices[0].virtio), frame, len);
}

/* ---- power ---- */

int machine_allocate(struct machine *m)
{
    memset(m, 0, sizeof(*m));
    m->tree = malloc(DEVICE_TREE_MAX);
    if (!m->tree || dma_allocate(&m->dma, DMA_SIZE) || processes_allocate(&m->processes))
        return -1;
    machine_platform_init(m);
    machine_devices_init(m);
    return 0;
}

void machine_free(struct machine *m)
{
    machine_devices_free(m);
    free(m->tree);
    pattern_free(m->buffers, m->buffers_size);
    free(m->state);
    dma_free(&m->dma);
    processes_free(&m->processes);
}

/* Memory for this guest's state and buffers; larger ones of an earlier guest are reused. */
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

/* The tree is at the end of its memory. */
static void give_tree(struct machine *m, struct guest_config *config)
{
    struct device_tree_wish w = {
        .pci = config->pci,
        .windows = m->pci.windows,
        .lie = m->devices[0].virtio->config.lie,
    };
    uint8_t blob[DEVICE_TREE_MAX];

    for (unsigned i = 0; i < config->place_count; i++)
        if (!config->places[i].pci) {
            w.slots[w.slot_count].base = config->places[i].address;
            w.slots[w.slot_count++].irq = config->places[i].irq;
        }
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
        .window = m->window,
        .dma = m->dma.memory,
        .dma_size = m->dma.size,
        .buffers = m->buffers,
        .buffers_size = m->buffers_size,
    };
    struct guest_place places[MACHINE_DEVICES];
    volatile int err = 0; /* live across the longjmp */

    (void)arg;
    config.places = places;
    config.place_count = machine_devices_places(m, places);
    if (m->pci.count) {
        config.pci = true;
        config.pci_mmio_base = MACHINE_PCI_MMIO_BASE;
        config.pci_mmio_size = MACHINE_PCI_MMIO_SIZE;
        config.pci_io_base = MACHINE_PCI_IO_BASE;
        config.pci_io_size = MACHINE_PCI_IO_SIZE;
        config.msix = m->msix;
        config.msix_address = MACHINE_MSIX_ADDRESS;
        config.msix_data = MACHINE_MSIX_DATA;
    }
    give_tree(m, &config);
    m->running = true;
    m->calls = 0;
    if (setjmp(m->escape) == 0)
        err = m->guest->boot(m->state, &config, m->sim->now_ns);
    m->running = false;
    m->gave_up = err && m->devices[0].virtio->config.lie;
    m->booted = !m->gave_up;
    m->listener.booted(m->listener.ctx);
    if (m->gave_up)
        return;
    if (err)
        sim_fail(m->sim, FAILURE_SAFETY, "guest.boot", m->guest->name,
                 "the guest did not start: error %d", err);
    dma_barrier_write(&m->dma);
    machine_wake(m);
}

void machine_start(struct machine *m, struct sim *sim, const struct machine_config *config,
                   const struct machine_listener *listener)
{
    m->sim = sim;
    m->listener = *listener;
    m->lenient = config->device->profile == PROFILE_QEMU;
    m->weak = config->weak;
    m->lively = config->weak || config->guest != &guest_core;
    m->calls_quiet = m->lively ? 0 : POLL_CALLS_MAX;
    m->interrupts = config->device->interrupts == TOGGLE_ON;
    m->window = config->window;
    m->powered = true;
    m->running = m->woken = m->waking = m->booted = m->gave_up = false;
    m->form = config->form;
    rng_init(&m->entropy, config->secret, 0); /* as on the targets: one seed, one run */
    draw_stream_init(&m->poke, "device.poke");
    dma_start(&m->dma, sim, config->weak, config->guest != &guest_core, &config->place,
              machine_devices_bus_bits(config));
    machine_devices_see_memory(m);
    processes_start(&m->processes);
    guest_memory(m, config->guest, config->fill);
    machine_devices_start(m, config);
    sim_timer_init(&m->timer, sim, EVENT_MACHINE, poll_event, m);
    sim_at(sim, sim->now_ns, EVENT_MACHINE, boot_event, m, 0);
}

static void lie_check(struct machine *m)
{
    for (unsigned i = 0; i < m->device_count; i++) {
        const struct fake_virtio *d = m->devices[i].virtio;

        if (!fake_virtio_lied(d))
            continue;
        oracle_set_add(&m->sim->looked, DEVICE_LIE);
        if (d->live)
            sim_fail(m->sim, FAILURE_SAFETY, "device.lie", m->guest->name,
                     "device %u lied, and its driver still uses it at the end of the run", i);
    }
}

void machine_stop(struct machine *m)
{
    if (!sim_failed(m->sim)) {
        lie_check(m);
        machine_devices_check_leaks(m);
        if (m->guest->stop && !m->gave_up)
            m->guest->stop(m->state, m->sim->now_ns);
        if (m->guest->stop)
            machine_devices_check_quiet(m);
    }
    m->powered = false;
    machine_devices_reset(m);
    dma_clean(&m->dma);
}
