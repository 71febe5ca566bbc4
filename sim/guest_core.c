/*
 * The core as a guest of the simulator: the only file here that includes core/kernel.
 */
#include "../core/kernel/kernel.h"
#include "guest.h"
#include "guest_core.h"

static int core_boot(void *state, const struct guest_config *c, uint64_t now_ns)
{
    struct kernel_config config = {
        .platform = c->platform,
        .processes = c->processes,
        .mmio_base = c->mmio_base,
        .nic = {.interrupts = c->interrupts},
        .dma = c->dma,
        .dma_size = c->dma_size,
        .buffers = c->buffers,
    };

    return kernel_init(state, &config, now_ns);
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
    const struct kernel *k = state;

    for (unsigned i = 0; i < TASKS; i++)
        if (k->tasks[i].state != TASK_FREE && k->tasks[i].pid == (unsigned)program)
            return true;
    return false;
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
