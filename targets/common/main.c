/*
 * The main loop of a target: read the clock, poll the kernel, start due programs, idle until the
 * deadline or an interrupt; and the first and last line of the console.
 */
#include "../../core/base/fmt.h"
#include "../../core/base/minmax.h"
#include "../../core/kernel/kernel.h"
#include "../../core/trace/trace.h"
#include "console.h"
#include "coverage.h"
#include "journal.h"
#include "options.h"
#include "port.h"
#include "process.h"

enum { STATUS_OK = 33, STATUS_FAIL = 35 };

/* The time for connections to close after the last program has ended; how often to look. */
#define CLOSING_NS      (2 * NS_PER_S)
#define CLOSING_LOOK_NS NS_PER_MS

/* Bytes of the build id after its note header. */
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
static uint64_t interrupts; /* of the device, taken */

static uint8_t dma[KERNEL_DMA_SIZE] __attribute__((aligned(PAGE_SIZE), section(".dma")));
static uint8_t buffers[KERNEL_BUFFERS_SIZE] __attribute__((aligned(64), section(".noinit")));

/* ---- platform.h ---- */

static uint64_t bus_address(void *ctx, const void *ptr)
{
    (void)ctx;
    return (uintptr_t)ptr - DMA_WINDOW;
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
static const struct platform *machine =
    &platform; /* the core's platform: wrapped by the recorder */

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
    fmt_text(&f, boot->wrong ? "unknown" : options.id); /* the command line may be missing */
    fmt_text(&f, " plan=1");
    console_line(line, f.len);
}

static _Noreturn void say_end(const char *why, const char *what)
{
    char line[160];
    struct fmt f = {.buf = line, .size = sizeof(line)};

    fmt_text(&f, why ? "test: fail case=machine why=" : "test: ok case=machine interrupts=");
    if (why) {
        fmt_text(&f, why);
        fmt_text(&f, what);
    } else {
        fmt_u64(&f, interrupts);
    }
    console_line(line, f.len);
    if (options.journal == JOURNAL_DUMP)
        journal_send();
    coverage_send();
    f.len = 0;
    fmt_text(&f, why ? "test: end ok=0 fail=1 skip=0 notrun=0"
                     : "test: end ok=1 fail=0 skip=0 notrun=0");
    console_line(line, f.len);
    port_exit(why ? STATUS_FAIL : STATUS_OK);
}

/* ---- the programs of the command line ---- */

/* Start due programs; returns the time of the next one. */
static uint64_t start_programs(uint64_t now_ns)
{
    uint64_t next = DEADLINE_NEVER;

    for (unsigned i = 0; i < options.start_count; i++) {
        const struct start *s = &options.starts[i];
        int pid;

        if (pids[i])
            continue;
        if (s->at_us * NS_PER_US > now_ns) {
            next = min_u64(next, s->at_us * NS_PER_US);
            continue;
        }
        journal_program(s->words, s->count);
        pid = kernel_start(&kernel, s->words, s->count);
        journal_returned(pid);
        if (pid == ERR_NFILE)
            return now_ns; /* retried when another one has ended */
        if (pid < 0)
            say_end("cannot-start:", s->words[0]);
        pids[i] = pid;
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

/* Interrupts are enabled as requested, or not at all. */
static void check_interrupts(void)
{
    for (unsigned i = 0; i < kernel.device_count; i++) {
        const struct virtio_place *place = &kernel.devices[i]->place;

        if (options.interrupts == INTERRUPTS_MSI && !place->msix.wanted)
            say_end("no-msi", "");
        if (options.interrupts == INTERRUPTS_LINE)
            port_interrupt_enable(place->irq);
    }
}

static void bring_up(struct boot *boot)
{
    struct kernel_config config = {
        .platform = machine,
        .processes = journal_processes(&target_processes),
        .places = boot->places,
        .dma = (uint8_t *)((uintptr_t)dma + DMA_WINDOW),
        .dma_size = sizeof(dma),
        .buffers = buffers,
        .interrupts = options.interrupts != INTERRUPTS_OFF,
    };
    uint64_t now_ns = port_clock_ns();
    int err;

    if (options.interrupts == INTERRUPTS_MSI)
        config.places.msix = port_msix();
    journal_init(&config, now_ns);
    err = kernel_init(&kernel, &config, now_ns);
    journal_returned(err);
    if (err)
        say_end(err == ERR_NODEV ? "no-network-device" : "device-failed", "");
    check_interrupts();
}

/* All programs have ended and nothing is pending: power off. Returns when to look again: no
 * interrupt reports that the last frame has left. */
static uint64_t end_when_done(uint64_t now_ns, uint64_t *closing_ns)
{
    if (!programs_done() || now_ns < options.until_us * NS_PER_US)
        return *closing_ns = DEADLINE_NEVER;
    *closing_ns = min_u64(*closing_ns, now_ns + CLOSING_NS);
    if (!kernel_settled(&kernel) && now_ns < *closing_ns)
        return min_u64(*closing_ns, now_ns + CLOSING_LOOK_NS);
    journal_stop();
    kernel_stop(&kernel);
    say_end(NULL, "");
}

static void idle(uint64_t at_ns)
{
    if (!options.interrupts) {
        port_relax(NULL);
        return;
    }
    if (at_ns <= port_clock_ns())
        return;
    port_timer(at_ns);
    port_halt();
}

static _Noreturn void run(void)
{
    uint64_t closing_ns = DEADLINE_NEVER; /* the latest end, once the programs have ended */

    for (;;) {
        uint64_t now_ns = port_clock_ns(), at_ns = start_programs(now_ns), due_ns;
        bool interrupted = options.interrupts && port_interrupt_take();

        process_turn();
        journal_poll(now_ns);
        kernel_poll(&kernel, now_ns); /* acknowledges the device */
        due_ns = kernel_deadline(&kernel, now_ns);
        journal_polled(due_ns);
        if (interrupted) {
            interrupts++;
            port_interrupt_done();
        }
        at_ns = min_u64(at_ns, end_when_done(now_ns, &closing_ns));
        if (options.until_us * NS_PER_US > now_ns)
            at_ns = min_u64(at_ns, options.until_us * NS_PER_US);
        idle(min_u64(at_ns, due_ns));
    }
}

_Noreturn void machine_main(struct boot *boot)
{
    const char *wrong = options_parse(&options, boot->cmdline);

    rng_init(&entropy, options.seed, 0);
    say_begin(boot);
    if (boot->wrong)
        say_end("boot:", boot->wrong);
    if (wrong)
        say_end("option:", wrong);
    if (options.journal)
        journal_start(options.trace_all);
    machine = journal_platform(&platform);
    bring_up(boot);
    run();
}
