/* User programs of a target: see process.h. */
#include "process.h"
#include "../../core/base/err.h"
#include "../../core/port/machine.h"
#include "../../core/base/mem.h"
#include "../../user/programs.h"
#include "context.h"
#include "port.h"

enum { PROCESSES = 8, WORDS_MAX = 16, ARGUMENTS_MAX = USER_STACK_SIZE / 8 };

/* The time slice of a program, with any number of system calls; then the kernel polls. */
#define SLICE_NS (10 * NS_PER_MS)

struct process {
    struct context context;
    bool used;
    uint8_t *stack;
    uint64_t turn, slice_end_ns; /* when it last ran */
};

static struct process process[PROCESSES];
static uint64_t turn;
static struct process *mapped; /* the process whose stack is mapped */
static uint8_t stacks[PROCESSES][USER_STACK_SIZE]
    __attribute__((aligned(PAGE_SIZE), section(".noinit")));

/* The image in the kernel's address space, and the start of its read-only data; from the linker
 * script. It starts with the header, whose words are addresses in the programs' own space. */
extern const struct user_image {
    uint64_t programs, programs_count, entry;
} user_image;
extern const char user_image_rodata[], user_image_end[];

static const void *image_at(uint64_t address)
{
    return (const char *)&user_image + (address - USER_BASE);
}

static const struct program *program_find(const char *name)
{
    const struct program *p = image_at(user_image.programs);
    const unsigned *count = image_at(user_image.programs_count);

    for (unsigned i = 0; i < *count; i++) {
        const char *a = image_at((uintptr_t)p[i].name), *b = name;

        while (*a && *a == *b) {
            a++;
            b++;
        }
        if (*a == *b)
            return &p[i];
    }
    return NULL;
}

/* Puts the words at the top of the stack, then argv; returns the program's address of argv. */
static uint64_t put_arguments(struct process *p, const char *const *words, unsigned count)
{
    uint64_t top = USER_STACK_SIZE, at[WORDS_MAX + 1];

    for (unsigned i = count; i-- > 0;) {
        size_t len = 1;

        while (words[i][len - 1])
            len++;
        top -= len;
        mem_copy(p->stack + top, words[i], len);
        at[i] = USER_STACK_BASE + top;
    }
    at[count] = 0;
    top = (top - (count + 1) * sizeof(at[0])) & ~UINT64_C(15);
    mem_copy(p->stack + top, at, (count + 1) * sizeof(at[0]));
    return USER_STACK_BASE + top;
}

static int process_create(void *ctx, const char *const *words, unsigned count, struct process **out)
{
    const struct program *program = program_find(words[0]);
    size_t total = 0;

    (void)ctx;
    if (!program)
        return ERR_NOENT;
    if (count > WORDS_MAX)
        return ERR_INVAL;
    for (unsigned i = 0; i < count; i++)
        for (const char *c = words[i]; total <= ARGUMENTS_MAX && (total++, *c); c++)
            ;
    if (total > ARGUMENTS_MAX)
        return ERR_INVAL;
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct process *p = &process[i];
        uint64_t argv;

        if (p->used)
            continue;
        p->used = true;
        p->stack = stacks[i];
        mem_fill(p->stack, 0, USER_STACK_SIZE); /* no data of an earlier program */
        argv = put_arguments(p, words, count);
        context_init(&p->context, user_image.entry, argv, count, argv, (uintptr_t)program->main);
        *out = p;
        return 0;
    }
    return ERR_NFILE;
}

void process_turn(void)
{
    turn++;
}

static void process_resume(void *ctx, struct process *p, int64_t result, struct process_stop *out)
{
    (void)ctx;
    context_result(&p->context, result);
    if (mapped != p) {
        context_map_stack(p->stack);
        mapped = p;
    }
    if (p->turn != turn) {
        p->turn = turn;
        p->slice_end_ns = port_clock_ns() + SLICE_NS;
    }
    port_timer(p->slice_end_ns);
    context_enter(&p->context);
    context_stop(&p->context, out);
}

static void process_destroy(void *ctx, struct process *p)
{
    (void)ctx;
    p->used = false;
}

static bool inside(uint64_t address, size_t len, uint64_t start, size_t size)
{
    uint64_t offset = address - start;

    return offset <= size && len <= size - offset;
}

static int process_read(void *ctx, struct process *p, void *dst, uint64_t address, size_t len)
{
    uint64_t rodata = USER_BASE + (uint64_t)(user_image_rodata - (const char *)&user_image);
    size_t size = (size_t)(user_image_end - user_image_rodata);

    (void)ctx;
    if (inside(address, len, USER_STACK_BASE, USER_STACK_SIZE))
        mem_copy(dst, p->stack + (address - USER_STACK_BASE), len);
    else if (inside(address, len, rodata, size))
        mem_copy(dst, image_at(address), len);
    else
        return ERR_FAULT;
    return 0;
}

static int process_write(void *ctx, struct process *p, uint64_t address, const void *src,
                         size_t len)
{
    (void)ctx;
    if (!inside(address, len, USER_STACK_BASE, USER_STACK_SIZE))
        return ERR_FAULT;
    mem_copy(p->stack + (address - USER_STACK_BASE), src, len);
    return 0;
}

const struct process_ops target_processes = {
    .create = process_create,
    .resume = process_resume,
    .destroy = process_destroy,
    .user_read = process_read,
    .user_write = process_write,
};
