/*
 * The invariants of a machine at the end of every poll, whatever its programs requested: devices,
 * tasks, their descriptors and consoles. See kernel.h.
 */
#include "../base/check.h"
#include "kernel.h"

static void console_invariants(const struct task *t, const struct console *c)
{
    CHECK(c->task == t);
    CHECK(c->len < CONSOLE_LINE_MAX); /* a full line is printed at once */
}

static void task_invariants(const struct kernel *k, const struct task *t)
{
    CHECK(t->state <= TASK_WAITING);
    if (t->state == TASK_FREE)
        return;
    CHECK(t->kernel == k);
    CHECK(t->process);
    CHECK(t->pid >= 1);
    CHECK(t->pid < k->next_pid);
    CHECK(!t->output.report);
    CHECK(t->report.report);
    console_invariants(t, &t->output);
    console_invariants(t, &t->report);
    CHECK(t->state != TASK_WAITING || t->waits >= 1);
    for (unsigned i = 0; i < PROCESS_FDS; i++)
        CHECK(!t->files[i].ops || t->files[i].object);
    for (const struct task *other = k->tasks; other != t; other++)
        CHECK(other->state == TASK_FREE || other->pid != t->pid);
}

void kernel_invariants(const struct kernel *k)
{
    CHECK(k->stack.net.platform == k->platform);
    CHECK(k->device_count >= 1);
    CHECK(k->device_count <= KERNEL_DEVICES);
    CHECK(k->devices[0] == &k->first);
    CHECK(k->stack.net.now_ns == k->now_ns);
    CHECK(k->network.ctx == &k->stack);
    for (unsigned i = 0; i < TASKS; i++)
        task_invariants(k, &k->tasks[i]);
}
