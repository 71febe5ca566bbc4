/*
 * The core as a guest of the simulator. Besides replay_core.c the only file here that includes
 * core/kernel.
 */
#include "../../core/kernel/kernel.h"
#include "../../core/trace/trace.h"
#include "../../core/virtio/discover.h"
#include "guest.h"
#include "guest_core.h"

/* Places from the device tree; a machine without one passes them. The clock of the simulator counts
 * nanoseconds. */
static int guest_core_find_places(const struct guest_config *c, struct device_places *places)
{
    struct discovered d;

    *places = (struct device_places){
        .has_pci = c->pci,
        .pci = {.mmio_base = c->pci_mmio_base,
                .mmio_size = c->pci_mmio_size,
                .io_base = c->pci_io_base,
                .io_size = c->pci_io_size},
    };
    if (c->device_tree) {
        if (discover(c->device_tree, c->device_tree_size, &d) || d.timebase_hz != NS_PER_S)
            return ERR_INVAL;
        *places = d.places;
    } else {
        for (unsigned i = 0; i < c->place_count; i++)
            if (!c->places[i].pci)
                places->slots[places->slot_count++] =
                    (struct mmio_slot){c->places[i].address, c->places[i].irq};
    }
    places->msix = (struct virtio_msix){c->msix, c->msix_address, c->msix_data};
    return 0;
}

static int core_boot(void *state, const struct guest_config *c, uint64_t now_ns)
{
    struct kernel_config config = {
        .platform = c->platform,
        .processes = c->processes,
        .interrupts = c->interrupts,
        .window = c->window,
        .dma = c->dma,
        .dma_size = c->dma_size,
        .buffers = c->buffers,
    };
    int err = guest_core_find_places(c, &config.places);

    return err ? err : kernel_init(state, &config, now_ns);
}

static void core_poll(void *state, uint64_t now_ns)
{
    kernel_poll(state, now_ns);
}

static uint64_t core_deadline(void *state, uint64_t now_ns)
{
    return kernel_deadline(state, now_ns);
}

static int core_start(void *state, const char *const *words, unsigned count, uint64_t now_ns)
{
    (void)now_ns;
    return kernel_start(state, words, count);
}

static void core_kill(void *state, int program, uint64_t now_ns)
{
    (void)now_ns;
    kernel_kill(state, (unsigned)program);
}

static bool core_alive(void *state, int program)
{
    return kernel_alive(state, (unsigned)program);
}

static unsigned core_waits(void *state, int program)
{
    const struct kernel *k = state;

    for (unsigned i = 0; i < TASKS; i++)
        if (k->tasks[i].state != TASK_FREE && k->tasks[i].pid == (unsigned)program)
            return k->tasks[i].waits;
    return 0;
}

static bool core_idle(void *state)
{
    return kernel_idle(state);
}

static void core_stop(void *state, uint64_t now_ns)
{
    (void)now_ns;
    kernel_stop(state);
}

bool guest_core_connection(const void *state, uint16_t local_port, uint32_t remote,
                           uint16_t remote_port, unsigned *number, const char **word)
{
    const struct kernel *k = state;
    const struct tcp_conn *found = NULL;

    for (unsigned i = 0; i < k->stack.tcp.count; i++) {
        const struct tcp_conn *c = &k->stack.tcp.conn[i];

        if (c->state == TCPS_CLOSED || c->local_port != local_port)
            continue;
        if (c->state == TCPS_LISTEN)
            found = found ? found : c;
        else if (c->remote_addr == remote && c->remote_port == remote_port)
            found = c;
    }
    if (!found)
        return false;
    *number = found->number;
    *word = trace_tcp_word(found->state);
    return true;
}

const struct guest_ops guest_core = {
    .abi = GUEST_ABI,
    .name = "core",
    .size = sizeof(struct kernel),
    .buffers_size = KERNEL_BUFFERS_SIZE,
    .boot = core_boot,
    .poll = core_poll,
    .deadline = core_deadline,
    .start = core_start,
    .kill = core_kill,
    .alive = core_alive,
    .waits = core_waits,
    .idle = core_idle,
    .stop = core_stop,
};
