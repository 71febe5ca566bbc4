/* Bring-up of one machine: its network, and the order. See kernel.h. */
#include "../base/mem.h"
#include "../net/socket.h"
#include "kernel.h"

int kernel_init(struct kernel *k, const struct kernel_config *config, uint64_t now_ns)
{
    const struct platform *p = config->platform;
    struct netdev *nic;
    uint64_t key = p->entropy(p->ctx); /* one call per statement: C orders no arguments */
    int err;

    k->platform = p;
    k->processes = config->processes;
    k->now_ns = now_ns;
    k->next_pid = 1;
    k->more = false;
    for (unsigned i = 0; i < TASKS; i++)
        k->tasks[i].state = TASK_FREE;
    rng_init(&k->rng, key, p->entropy(p->ctx));
    err = devices_init(k, config, &nic);
    if (err)
        return err;
    stack_init(&k->stack,
               &(struct stack_config){
                   .platform = p,
                   .netdev = nic,
                   .uses_dhcp = true,
                   .tcp = {.connections = KERNEL_CONNS,
                           .pages = KERNEL_PAGES,
                           .page_size = KERNEL_PAGE_SIZE,
                           .window = config->window ? config->window : KERNEL_WINDOW},
                   .memory = config->buffers,
               },
               now_ns);
    devices_seed(k);
    k->network = socket_network(&k->stack);
    return 0;
}

void kernel_stop(struct kernel *k)
{
    devices_stop(k);
}
