/*
 * Programs: start, run until they block, retry what they wait for, end. The kernel has one stack
 * and no threads; a call that waits is kept in its task and dispatched again.
 */
#include "../base/check.h"
#include "../base/err.h"
#include "../base/fmt.h"
#include "../trace/trace.h"
#include "kernel.h"

/* System calls of one program per poll; then other programs and the network run. */
enum { TASK_CALLS_MAX = 64 };

static void task_line(const struct task *t, const char *what, int64_t status, bool has_status)
{
    const struct platform *p = t->kernel->platform;
    char text[TRACE_LINE_MAX];
    struct fmt f = {.buf = text, .size = sizeof(text)};

    fmt_text(&f, "kernel: ");
    fmt_text(&f, what);
    fmt_text(&f, " pid=");
    fmt_u64(&f, t->pid);
    fmt_text(&f, " program=");
    fmt_text(&f, t->name);
    if (has_status) {
        fmt_text(&f, " status=");
        fmt_i64(&f, status);
    }
    p->line(p->ctx, text, f.len);
}

static void name_copy(char name[TASK_NAME_MAX], const char *from)
{
    unsigned i = 0;

    for (; from[i] && i + 1 < TASK_NAME_MAX; i++)
        name[i] = from[i];
    name[i] = 0;
}

int kernel_start(struct kernel *k, const char *const *words, unsigned count)
{
    struct task *t = 0;
    int err;

    CHECK(count >= 1);
    for (unsigned i = 0; i < TASKS && !t; i++)
        if (k->tasks[i].state == TASK_FREE)
            t = &k->tasks[i];
    if (!t)
        return ERR_NFILE;
    err = k->processes->create(k->processes->ctx, words, count, &t->process);
    if (err)
        return err;
    t->kernel = k;
    t->state = TASK_RUNNABLE;
    t->pid = k->next_pid++;
    t->result = 0;
    t->waits = 0;
    name_copy(t->name, words[0]);
    fd_open_console(t);
    task_line(t, "start", 0, false);
    return (int)t->pid;
}

void task_end(struct task *t, const char *how, int64_t status)
{
    CHECK(t->state != TASK_FREE);
    fd_close_all(t);
    t->kernel->processes->destroy(t->kernel->processes->ctx, t->process);
    t->process = 0;
    t->state = TASK_FREE;
    task_line(t, how, status, true);
}

int kernel_kill(struct kernel *k, unsigned pid)
{
    for (unsigned i = 0; i < TASKS; i++) {
        if (k->tasks[i].state == TASK_FREE || k->tasks[i].pid != pid)
            continue;
        task_end(&k->tasks[i], "killed", ERR_KILLED);
        return 0;
    }
    return ERR_NOENT;
}

/* Dispatch the task's call: it becomes runnable with the result, waits, or ends by SYS_EXIT. */
static void call_try(struct task *t)
{
    int64_t result = syscall_dispatch(t, &t->call);

    if (t->state == TASK_FREE)
        return;
    if (result != ERR_AGAIN) {
        t->result = result;
        t->state = TASK_RUNNABLE;
    } else if (t->state != TASK_WAITING) {
        t->state = TASK_WAITING;
        t->waits++;
    }
}

static void task_run(struct task *t)
{
    struct process_stop stop;

    for (unsigned i = 0; i < TASK_CALLS_MAX && t->state == TASK_RUNNABLE; i++) {
        t->kernel->processes->resume(t->kernel->processes->ctx, t->process, t->result, &stop);
        switch (stop.kind) {
        case PROCESS_TICK:
            return;
        case PROCESS_FAULT:
            TRACE(t->kernel->platform, TRACE_PROCESS_FAULTED, t->pid, stop.cause, stop.address);
            task_end(t, "faulted", ERR_FAULT);
            return;
        case PROCESS_SYSCALL:
            t->call.nr = stop.nr;
            for (unsigned a = 0; a < SYSCALL_ARGS; a++)
                t->call.args[a] = stop.args[a];
            syscall_enter(t, &t->call);
            call_try(t);
            break;
        }
    }
}

void task_run_all(struct kernel *k)
{
    for (unsigned i = 0; i < TASKS; i++) {
        struct task *t = &k->tasks[i];

        if (t->state == TASK_WAITING)
            call_try(t);
        if (t->state == TASK_RUNNABLE)
            task_run(t);
    }
}
