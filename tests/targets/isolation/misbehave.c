/*
 * What can go wrong on every target; see misbehave.h.
 */
#include "../../../core/base/array.h"
#include "misbehave.h"

const char survived[] = "survived";

#if defined(__x86_64__)
#define RETURN 0xc3
#else
#define RETURN 0x82, 0x80
#endif

const char *read_at(const volatile char *at)
{
    (void)*at;
    return survived;
}

const char *write_at(volatile char *at)
{
    *at = 1;
    return survived;
}

const char *run_at(const volatile void *at)
{
    ((void (*)(void))(uintptr_t)at)();
    return survived;
}

/* ---- memory of the kernel ---- */

static const char *read_kernel_text(void)
{
    return read_at(kernel_place.text);
}

static const char *read_kernel_data(void)
{
    return read_at(kernel_place.data);
}

/* The last page belongs to the programs' stacks and buffers, as the kernel sees them. */
static const char *read_kernel_end(void)
{
    return read_at(kernel_place.end - 1);
}

static const char *write_kernel_text(void)
{
    return write_at(kernel_place.text);
}

static const char *write_kernel_data(void)
{
    return write_at(kernel_place.data);
}

static const char *write_kernel_stack(void)
{
    return write_at(kernel_place.stack);
}

static const char *run_kernel(void)
{
    return run_at(kernel_place.text);
}

/* ---- its own memory ---- */

static const char *write_text(void)
{
    return write_at((char *)(uintptr_t)misbehave_main);
}

static const char *write_rodata(void)
{
    return write_at((char *)(uintptr_t)survived);
}

static const char *run_stack(void)
{
    volatile unsigned char code[] = {RETURN};

    return run_at(code);
}

static const char *run_rodata(void)
{
    static const unsigned char code[] __attribute__((aligned(4))) = {RETURN};

    return run_at(code);
}

static const char *read_null(void)
{
    return read_at((char *)(uintptr_t)sys_close(-1) - ERR_BADF); /* 0 that no compiler sees */
}

static const char *run_null(void)
{
    return run_at((char *)(uintptr_t)sys_close(-1) - ERR_BADF);
}

static const char *read_above_stack(void)
{
    return read_at(STACK_TOP);
}

/* The page that the running program's neighbour in the kernel would have here. */
static const char *write_below_stack(void)
{
    return write_at(STACK_BASE - 1);
}

static const char *read_below_image(void)
{
    return read_at(IMAGE_BASE - 1);
}

static unsigned deeper(unsigned n)
{
    volatile unsigned char frame[256];

    frame[0] = (unsigned char)n;
    return n ? deeper(n - 1) + frame[0] : 0;
}

static const char *stack_overflow(void)
{
    return deeper(1000) == 1 ? "odd" : survived;
}

static const char *run_unmapped(void)
{
    return run_at((char *)UINT64_C(0x555000000));
}

static const char *read_noncanonical(void)
{
    return read_at((char *)UINT64_C(0x8000000000000000));
}

static const char *run_noncanonical(void)
{
    return run_at((char *)UINT64_C(0x8000000000000000));
}

/* ---- system calls ---- */

static const char *bad_call(void)
{
    static const uint64_t nr[] = {
        0, 4, 15, 20, 129, 1024, SYS_EXIT | UINT64_C(1) << 32, UINT64_MAX, (uint64_t)INT64_MIN};

    for (unsigned i = 0; i < ARRAY_COUNT(nr); i++)
        if (drywire_syscall(nr[i], 1, 2, 3, 4, 5) != ERR_NOSYS)
            return "taken";
    return NULL;
}

static const char *bad_descriptor(void)
{
    static const uint64_t fd[] = {3, 15, 16, 17, 1000, UINT64_C(1) << 32, UINT64_MAX};
    char byte = 'x';

    for (unsigned i = 0; i < ARRAY_COUNT(fd); i++) {
        for (uint64_t nr = SYS_READ; nr <= SYS_CLOSE; nr++)
            if (drywire_syscall(nr, fd[i], (uintptr_t)&byte, 1, 0, 0) != ERR_BADF)
                return "file";
        for (uint64_t nr = SYS_CONNECT; nr <= SYS_SHUTDOWN; nr++)
            if (drywire_syscall(nr, fd[i], (uintptr_t)&byte, 1, 0, 0) != ERR_BADF)
                return "socket";
    }
    return NULL;
}

/* Every call that reads through a pointer, with one that must not be read. */
static bool all_refuse_to_read(const char *at, size_t len)
{
    int echo = sys_socket(SOCKET_ECHO), stream = sys_socket(SOCKET_STREAM);
    uint64_t from = (uintptr_t)at;
    struct socket_address to = {.addr = 0x0a000202, .port = 1};
    bool refused = sys_write(FD_OUTPUT, at, len) == ERR_FAULT &&
                   sys_sendto(echo, at, len, &to) == ERR_FAULT &&
                   drywire_syscall(SYS_CONNECT, (uint64_t)stream, from, 0, 0, 0) == ERR_FAULT &&
                   drywire_syscall(SYS_BIND, (uint64_t)stream, from, 0, 0, 0) == ERR_FAULT &&
                   drywire_syscall(SYS_POLL, from, 16, 0, 0, 0) == ERR_FAULT;

    sys_close(echo);
    sys_close(stream);
    return refused;
}

static bool all_refuse_to_write(const char *at)
{
    int echo = sys_socket(SOCKET_ECHO);
    uint64_t to = (uintptr_t)at, fd = (uint64_t)echo;
    char byte;
    /* Without an address to write to, recvfrom() would wait. */
    bool refused =
        drywire_syscall(SYS_NETINFO, to, 0, 0, 0, 0) == ERR_FAULT &&
        drywire_syscall(SYS_POLL, to, 16, 0, 0, 0) == ERR_FAULT &&
        (!at || drywire_syscall(SYS_RECVFROM, fd, (uintptr_t)&byte, 1, to, 0) == ERR_FAULT);

    sys_close(echo);
    return refused;
}

/* At each place of this list no byte is the program's own, or the buffer leaves what is. */
static const char *bad_pointer(void)
{
    char *const place[] = {
        NULL,
        kernel_place.text,
        kernel_place.data,
        kernel_place.end - 64,
        STACK_TOP,
        STACK_TOP - 7,
        STACK_BASE - 1,
        IMAGE_BASE - 1,
        (char *)-1,
        (char *)-64,
        (char *)INT64_MIN,
        (char *)INT64_MAX,
        STACK_BASE - 64,
    };

    for (unsigned i = 0; i < ARRAY_COUNT(place); i++) {
        if (!all_refuse_to_read(place[i], 128))
            return "read";
        if (sys_write(FD_OUTPUT, place[i], SIZE_MAX) != ERR_FAULT)
            return "long-read";
        if (!all_refuse_to_write(place[i]))
            return "write";
    }
    if (!all_refuse_to_write(survived) || !word_equal(survived, "survived"))
        return "rodata";
    return NULL;
}

/* A structure that crosses the end of the stack is not written at all. */
static const char *page_edge(void)
{
    struct socket_address to = {.addr = 0x0a000202, .port = 1};
    volatile char *end = STACK_TOP - 8;
    char before[8];
    int echo = sys_socket(SOCKET_ECHO);

    for (unsigned i = 0; i < 8; i++)
        before[i] = end[i];
    if (sys_netinfo((struct netinfo *)(uintptr_t)end) != ERR_FAULT)
        return "netinfo";
    if (sys_recvfrom(echo, before, 0, (struct socket_address *)(uintptr_t)(end + 4)) != ERR_FAULT)
        return "recvfrom";
    if (sys_sendto(echo, (char *)(uintptr_t)end, 9, &to) != ERR_FAULT)
        return "sendto";
    for (unsigned i = 0; i < 8; i++)
        if (end[i] != before[i])
            return "half-done";
    return NULL;
}

/* ---- what others left ---- */

/* A stack is zero where its program was not yet. Every program before dirtied its own by a report,
 * deeper than this is called. */
static __attribute__((noinline)) bool stack_is_fresh(void)
{
    const volatile char *here = __builtin_frame_address(0);

    for (const volatile char *at = STACK_BASE; at < here - 256; at++)
        if (*at)
            return false;
    return true;
}

/* ---- time ---- */

static const char *spin(void)
{
    volatile bool on = true;

    while (on)
        ;
    return survived;
}

/* Always back in the kernel before the slice of 10 ms ends. */
static const char *hog(void)
{
    int64_t now;

    do {
        volatile unsigned n = 500 * 1000;

        while (n)
            n--;
        now = (int64_t)sys_clock();
    } while (now > 0);
    return survived;
}

static const struct kind kinds[] = {
    {"read-kernel-text", read_kernel_text},
    {"read-kernel-data", read_kernel_data},
    {"read-kernel-end", read_kernel_end},
    {"write-kernel-text", write_kernel_text},
    {"write-kernel-data", write_kernel_data},
    {"write-kernel-stack", write_kernel_stack},
    {"run-kernel", run_kernel},
    {"write-text", write_text},
    {"write-rodata", write_rodata},
    {"run-stack", run_stack},
    {"run-rodata", run_rodata},
    {"read-null", read_null},
    {"run-null", run_null},
    {"read-above-stack", read_above_stack},
    {"write-below-stack", write_below_stack},
    {"read-below-image", read_below_image},
    {"stack-overflow", stack_overflow},
    {"run-unmapped", run_unmapped},
    {"read-noncanonical", read_noncanonical},
    {"run-noncanonical", run_noncanonical},
    {"bad-call", bad_call},
    {"bad-descriptor", bad_descriptor},
    {"bad-pointer", bad_pointer},
    {"page-edge", page_edge},
    {"spin", spin},
    {"hog", hog},
};

static const struct kind *find(const struct kind *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (word_equal(table[i].name, name))
            return &table[i];
    return NULL;
}

static __attribute__((noinline)) void say(const char *word, const char *kind, const char *why)
{
    struct text t;

    text_start(&t);
    text_word(&t, word);
    text_field(&t, "kind", kind);
    if (why)
        text_field(&t, "why", why);
    report(&t);
}

int misbehave_main(int argc, char **argv)
{
    const struct kind *k;
    const char *why;
    bool fresh = stack_is_fresh();

    if (argc != 2)
        return report_usage("misbehave");
    k = find(KINDS(kinds), argv[1]);
    if (!k)
        k = find(machine_kinds, machine_kinds_count, argv[1]);
    if (!k)
        return report_usage("misbehave");
    if (!fresh) {
        say("wrong", k->name, "left-over");
        return 1;
    }
    say("try", k->name, NULL);
    why = k->act();
    say(why ? "wrong" : "harmless", k->name, why);
    return why != NULL;
}
