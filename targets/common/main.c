/*
 * The main loop of a target: read the clock, poll the kernel, start what is due, idle until the
 * deadline or an interrupt; and the first and last line of the console.
 */
#include "../../core/fmt.h"
#include "../../core/kernel/kernel.h"
#include "../../core/trace.h"
#include "console.h"
#include "options.h"
#include "port.h"
#include "process.h"

enum { STATUS_OK = 33, STATUS_FAIL = 35 };

/* After the last program has ended, connections have this long to close in an orderly way. */
#define CLOSING_NS (2 * NS_PER_S)

/* Bytes of the build id behind its note header. */
enum { BUILD_ID_SHOWN = 4 };
extern const struct {
    uint32_t name_size, size, type;
    char name[4];
    uint8_t id[];
} build_id_note;

static struct kernel kernel;
static struct rng entropy;
static struct options options;
static int pids[STARTS_MAX];

static uint8_t dma[2 << 20] __attribute__((aligned(PAGE_SIZE), section(".noinit")));
static uint8_t buffers[STACK_BUFFERS_SIZE] __attribute__((aligned(64), section(".noinit")));

/* ---- platform.h ---- */

static uint64_t bus_address(void *ctx, const void *ptr)
{
    (void)ctx;
    return (uintptr_t)ptr; /* the kernel is mapped where it lies */
}

static uint64_t platform_entropy(void *ctx)
{
    (void)ctx;
    return rng_next(&entropy);
}

static void platform_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    char line[TRACE_LINE_MAX];

    (void)ctx;
    if (trace_event(id)->level == TRACE_LEVEL_MARK || options.trace_all)
        console_line(line, trace_format(line, sizeof(line), id, args, count));
}

static void platform_line(void *ctx, const char *text, size_t len)
{
    (void)ctx;
    console_line(text, len);
}

static const struct platform platform = {
    .reg_read = port_reg_read,
    .reg_write = port_reg_write,
    .bus_address = bus_address,
    .barrier = port_barrier,
    .relax = port_relax,
    .entropy = platform_entropy,
    .trace = platform_trace,
    .line = platform_line,
};

/* ---- first and last line ---- */

static void say_begin(const struct boot *boot)
{
    static const char digits[] = "0123456789abcdef";
    char line[160];
    struct fmt f = {.buf = line, .size = sizeof(line)};
    console_break();
    fmt_text(&f, "test: begin proto=1 target=");
    fmt_text(&f, boot->target);
    fmt_text(&f, " build=");
    for (unsigned i = 0; i < BUILD_ID_SHOWN; i++) {
        fmt_char(&f, digits[build_id_note.id[i] >> 4]);
        fmt_char(&f, digits[build_id_note.id[i] & 15]);
    }
    fmt_text(&f, " run=");
    fmt_text(&f, options.id);
    fmt_text(&f, " plan=1");
    console_line(line, f.len);
}

static _Noreturn void say_end(const char *why, const char *what)
{
    char line[160];
    struct fmt f = {.buf = line, .size = sizeof(line)};

    fmt_text(&f, why ? "test: fail case=machine why=" : "test: ok case=machine");
    if (why) {
        fmt_text(&f, why);
        fmt_text(&f, what);
    }
    console_line(line, f.len);
    f.len = 0;
    fmt_text(&f, why ? "test: end ok=0 fail=1 skip=0 notrun=0"
                     : "test: end ok=1 fail=0 skip=0 notrun=0");
    console_line(line, f.len);
    port_exit(why ? STATUS_FAIL : STATUS_OK);
}

/* ---- the programs of the command line ---- */

/* Start what is due; returns when the next one is. */
static uint64_t start_programs(uint64_t now_ns)
{
    uint64_t next = DEADLINE_NEVER;

    for (unsigned i = 0; i < options.start_count; i++) {
        const struct start *s = &options.starts[i];

        if (pids[i])
            continue;
        if (s->at_us * NS_PER_US > now_ns) {
            next = deadline_min(next, s->at_us * NS_PER_US);
            continue;
        }
        pids[i] = kernel_start(&kernel, s->words, s->count);
        if (pids[i] < 0)
            say_end("cannot-start:", s->words[0]);
    }
    return next;
}

static bool programs_done(void)
{
    for (unsigned i = 0; i < options.start_count; i++)
        if (!pids[i] || (!options.starts[i].daemon && kernel_alive(&kernel, (unsigned)pids[i])))
            return false;
    return true;
}

/* ---- bring-up and loop ---- */

/* The first slot with a network device in it, or NULL. */
static const struct mmio_slot *find_nic(const struct boot *boot)
{
    for (unsigned i = 0; i < boot->slot_count; i++) {
        uint64_t at = boot->slots[i].base;

        if (port_reg_read(NULL, at + VIRTIO_MMIO_MAGIC_VALUE, 4) == VIRTIO_MMIO_MAGIC &&
            port_reg_read(NULL, at + VIRTIO_MMIO_DEVICE_ID, 4) == VIRTIO_ID_NET)
            return &boot->slots[i];
    }
    return NULL;
}

static void bring_up(const struct boot *boot)
{
    const struct mmio_slot *slot = find_nic(boot);
    struct kernel_config config = {
        .platform = &platform,
        .processes = &target_processes,
        .dma = dma,
        .dma_size = sizeof(dma),
        .buffers = buffers,
    };

    if (!slot)
        say_end("no-network-device", "");
    config.mmio_base = slot->base;
    if (kernel_init(&kernel, &config, port_clock_ns()))
        say_end("device-failed", "");
}

static _Noreturn void run(void)
{
    uint64_t closing_ns = 0; /* when the last program was seen ended */

    for (;;) {
        uint64_t now_ns = port_clock_ns(), at_ns = start_programs(now_ns);

        kernel_poll(&kernel, now_ns);
        if (!programs_done())
            closing_ns = 0;
        else if (now_ns >= options.until_us * NS_PER_US) {
            closing_ns = closing_ns ? closing_ns : now_ns;
            if (kernel_settled(&kernel) || now_ns - closing_ns >= CLOSING_NS) {
                kernel_stop(&kernel);
                say_end(NULL, "");
            }
            at_ns = closing_ns + CLOSING_NS;
        } else {
            at_ns = deadline_min(at_ns, options.until_us * NS_PER_US);
        }
        (void)at_ns;
        port_relax(NULL);
    }
}

_Noreturn void machine_main(const struct boot *boot)
{
    const char *wrong = options_parse(&options, boot->cmdline);

    rng_init(&entropy, options.seed, 0);
    say_begin(boot);
    if (boot->wrong)
        say_end("boot:", boot->wrong);
    if (wrong)
        say_end("option:", wrong);
    bring_up(boot);
    run();
}
