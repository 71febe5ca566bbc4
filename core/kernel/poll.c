/* The order of a poll: receive from devices, timers, programs, output, notify devices. */
#include "../base/check.h"
#include "../base/minmax.h"
#include "kernel.h"

/* Frames taken from a device in one poll; if more are left, the next poll is due at once. */
enum { RECEIVE_BUDGET = 64 };

static bool receive(struct kernel *k)
{
    struct netdev *dev = k->stack.netdev;
    struct frame_view view;

    for (unsigned i = 0; i < RECEIVE_BUDGET; i++) {
        if (!dev->receive(dev->ctx, &view))
            return false;
        stack_input(&k->stack, view.frame, view.len);
        dev->recycle(dev->ctx, &view);
    }
    return true;
}

void kernel_poll(struct kernel *k, uint64_t now_ns)
{
    k->now_ns = now_ns;
    stack_begin(&k->stack, now_ns);
    devices_check(k, now_ns);
    k->more = receive(k);
    stack_timers(&k->stack);
    task_run_all(k);
    stack_output(&k->stack);
    devices_kick(k);
    INVARIANTS(kernel_invariants(k));
}

uint64_t kernel_deadline(const struct kernel *k, uint64_t now_ns)
{
    uint64_t at = min_u64(stack_deadline(&k->stack), devices_deadline(k));

    if (k->more)
        return now_ns;
    for (unsigned i = 0; i < TASKS; i++) {
        const struct task *t = &k->tasks[i];

        if (t->state == TASK_RUNNABLE)
            return now_ns;
        if (t->state == TASK_WAITING)
            at = min_u64(at, t->call.deadline_ns);
    }
    return at;
}

bool kernel_alive(const struct kernel *k, unsigned pid)
{
    for (unsigned i = 0; i < TASKS; i++)
        if (k->tasks[i].state != TASK_FREE && k->tasks[i].pid == pid)
            return true;
    return false;
}

unsigned kernel_programs(const struct kernel *k)
{
    unsigned n = 0;

    for (unsigned i = 0; i < TASKS; i++)
        n += k->tasks[i].state != TASK_FREE;
    return n;
}

bool kernel_idle(const struct kernel *k)
{
    return !k->more && stack_idle(&k->stack) && (kernel_programs(k) || stack_unused(&k->stack));
}

bool kernel_settled(const struct kernel *k)
{
    return !k->more && devices_sent(k) && stack_settled(&k->stack) &&
           (kernel_programs(k) || stack_unused(&k->stack));
}
