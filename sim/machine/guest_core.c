/*
 * The core as a guest of the simulator. Besides replay_core.c the only file here that includes
 * core/kernel.
 */
#include "../../core/kernel/kernel.h"
#include "../../core/trace/trace.h"
#include "../../core/virtio/pci.h"
#include "guest.h"
#include "guest_core.h"

/* Where the network device is: told for MMIO, to be found for PCI. */
static int find_nic(const struct guest_config *c, struct virtio_place *nic)
{
    struct pci_host host = {
        .mmio_base = c->pci_mmio_base,
        .mmio_size = c->pci_mmio_size,
        .io_base = c->pci_io_base,
        .io_size = c->pci_io_size,
    };
    int err;

    *nic =
        (struct virtio_place){.bus = VIRTIO_BUS_MMIO, .address = c->mmio_base, .irq = c->mmio_irq};
    if (!c->pci)
        return 0;
    err = pci_find_virtio(c->platform, &host, VIRTIO_ID_NET, nic);
    nic->msix = (struct virtio_msix){c->msix, c->msix_address, c->msix_data};
    return err;
}

static int core_boot(void *state, const struct guest_config *c, uint64_t now_ns)
{
    struct kernel_config config = {
        .platform = c->platform,
        .processes = c->processes,
        .nic_options = {.interrupts = c->interrupts},
        .dma = c->dma,
        .dma_size = c->dma_size,
        .buffers = c->buffers,
    };

    int err = find_nic(c, &config.nic);

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

    for (unsigned i = 0; i < TCP_CONNS; i++) {
        const struct tcp_conn *c = &k->stack.tcp[i];

        if (c->state == TCP_CLOSED || c->local_port != local_port)
            continue;
        if (c->state == TCP_LISTEN)
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
    .buffers_size = STACK_BUFFERS_SIZE,
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
