/* User programs on coroutines: see processes.h. */
#include "processes.h"
#include "../../core/base/err.h"
#include "../../core/interface/syscall.h"
#include "../../user/programs.h"
#include <string.h>

/* The read-only data of all user objects, collected in one section by the build. */
extern const char __start_user_rodata[] __attribute__((weak));
extern const char __stop_user_rodata[] __attribute__((weak));

const char *processes_read_only(size_t *size)
{
    *size = (uintptr_t)__stop_user_rodata - (uintptr_t)__start_user_rodata;
    return __start_user_rodata;
}

int64_t drywire_syscall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);

static _Thread_local struct process *current;

int64_t drywire_syscall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
    struct process *p = current;

    p->stop = (struct process_stop){.kind = PROCESS_SYSCALL, .nr = nr, .args = {a, b, c, d, e}};
    coroutine_leave(&p->coroutine);
    return p->result;
}

static void process_main(void *ctx)
{
    struct process *p = ctx;
    int status = p->program->main(p->argc, p->argv);

    for (;;)
        drywire_syscall(1 /* SYS_EXIT */, (uint64_t)(int64_t)status, 0, 0, 0, 0);
}

static const struct program *program_find(const char *name)
{
    for (unsigned i = 0; i < programs_count; i++)
        if (strcmp(programs[i].name, name) == 0)
            return &programs[i];
    return NULL;
}

/* Put the words at the top of the stack, then argv; the program starts below. */
static uint8_t *put_arguments(struct process *p, const char *const *words, unsigned count)
{
    uint8_t *top = p->coroutine.stack + COROUTINE_STACK;
    char *at[PROCESS_WORDS_MAX + 1];

    coroutine_forget(&p->coroutine);
    for (unsigned i = count; i-- > 0;) {
        size_t len = strlen(words[i]) + 1;

        top -= len;
        memcpy(top, words[i], len);
        at[i] = (char *)top;
    }
    at[count] = NULL;
    top = (uint8_t *)((uintptr_t)top & ~(uintptr_t)15) - sizeof(at);
    memcpy(top, at, (count + 1) * sizeof(at[0]));
    p->argc = (int)count;
    p->argv = (char **)(void *)top;
    return top;
}

static int process_create(void *ctx, const char *const *words, unsigned count, struct process **out)
{
    struct processes *ps = ctx;
    const struct program *program = program_find(words[0]);
    size_t total = 0;

    if (!program)
        return ERR_NOENT;
    if (count > PROCESS_WORDS_MAX)
        return ERR_INVAL;
    for (unsigned i = 0; i < count; i++)
        total += strlen(words[i]) + 1;
    if (total > COROUTINE_STACK / 8)
        return ERR_INVAL;
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *p = &ps->process[i];

        if (p->used)
            continue;
        p->used = true;
        p->program = program;
        p->result = 0;
        p->stop = (struct process_stop){0};
        coroutine_start(&p->coroutine, process_main, p, put_arguments(p, words, count));
        *out = p;
        return 0;
    }
    return ERR_NFILE;
}

static void process_resume(void *ctx, struct process *p, int64_t result, struct process_stop *out)
{
    const struct processes *ps = ctx;

    if (ps->on_return && p->stop.kind == PROCESS_SYSCALL)
        ps->on_return(ps->on_return_ctx, &p->stop, result);
    if (ps->on_read && p->stop.kind == PROCESS_SYSCALL && p->stop.nr == SYS_READ && result > 0)
        ps->on_read(ps->on_read_ctx, (const void *)(uintptr_t)p->stop.args[1], (size_t)result);
    p->result = result;
    current = p;
    coroutine_enter(&p->coroutine);
    current = NULL;
    *out = p->stop;
}

static void process_destroy(void *ctx, struct process *p)
{
    (void)ctx;
    p->used = false;
}

static bool inside(uint64_t address, size_t len, const void *start, size_t size)
{
    uint64_t offset = address - (uint64_t)(uintptr_t)start;

    return offset <= size && len <= size - offset;
}

/* The kernel may copy any byte of a program's memory, red zones between its variables included. */
__attribute__((no_sanitize("address"))) static void copy_raw(uint8_t *dst, const uint8_t *src,
                                                             size_t len)
{
#ifdef DRYWIRE_ASAN
    for (size_t i = 0; i < len; i++)
        dst[i] = src[i];
#else
    memcpy(dst, src, len);
#endif
}

static int process_read(void *ctx, struct process *p, void *dst, uint64_t address, size_t len)
{
    struct processes *ps = ctx;
    size_t rodata = (uintptr_t)__stop_user_rodata - (uintptr_t)__start_user_rodata;

    if (!inside(address, len, p->coroutine.stack, COROUTINE_STACK) &&
        !inside(address, len, __start_user_rodata, rodata))
        return ERR_FAULT;
    if (ps->on_copy)
        ps->on_copy(ps->on_copy_ctx, &p->stop, address, len, false);
    copy_raw(dst, (const uint8_t *)(uintptr_t)address, len);
    ps->copied = dst;
    ps->copied_len = len;
    return 0;
}

static int process_write(void *ctx, struct process *p, uint64_t address, const void *src,
                         size_t len)
{
    struct processes *ps = ctx;

    if (!inside(address, len, p->coroutine.stack, COROUTINE_STACK))
        return ERR_FAULT;
    if (ps->on_copy)
        ps->on_copy(ps->on_copy_ctx, &p->stop, address, len, true);
    copy_raw((uint8_t *)(uintptr_t)address, src, len);
    ps->copied = src;
    ps->copied_len = len;
    return 0;
}

int processes_allocate(struct processes *ps)
{
    memset(ps, 0, sizeof(*ps));
    for (unsigned i = 0; i < PROCESSES; i++)
        if (coroutine_allocate(&ps->process[i].coroutine))
            return -1;
    ps->ops = (struct process_ops){
        .ctx = ps,
        .create = process_create,
        .resume = process_resume,
        .destroy = process_destroy,
        .user_read = process_read,
        .user_write = process_write,
    };
    return 0;
}

void processes_free(struct processes *ps)
{
    for (unsigned i = 0; i < PROCESSES; i++)
        coroutine_free(&ps->process[i].coroutine);
}

void processes_start(struct processes *ps)
{
    for (unsigned i = 0; i < PROCESSES; i++)
        ps->process[i].used = false;
}
