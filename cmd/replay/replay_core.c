/* The core under a journal: see replay_core.h. Besides guest_core.c the only file here that
 * includes core/kernel. */
#include "replay_core.h"
#include "../../core/kernel/kernel.h"
#include "../../core/trace/trace.h"
#include "../../core/virtio/pci.h"
#include "../../sim/base/memory.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { WORDS_SIZE = 200 };

/* ---- the end of the journal, and the ways to leave it ---- */

/* gdb stops here at the end of the journal. */
void replay_end(void);
__attribute__((noinline)) void replay_end(void)
{
    __asm__ volatile("");
}

static const char *replay_output_words(const struct output *o, char *buf, size_t size)
{
    static const char *const names[] = {
        [OUTPUT_STORE] = "store",   [OUTPUT_GIVE] = "give",       [OUTPUT_BARRIER] = "barrier",
        [OUTPUT_RELAX] = "relax",   [OUTPUT_TRACE] = "trace",     [OUTPUT_LINE] = "line",
        [OUTPUT_RESUME] = "resume", [OUTPUT_DESTROY] = "destroy", [OUTPUT_WRITE] = "user-write",
        [OUTPUT_RETURN] = "return",
    };

    if (o->kind == OUTPUT_STORE)
        snprintf(buf, size, "store dma+%#" PRIx64 " value %#" PRIx64, o->what >> 2, o->value);
    else
        snprintf(buf, size, "%s %" PRIu64 " %#" PRIx64, names[o->kind], o->what, o->value);
    return buf;
}

/* The first difference: before record number + 1. */
static _Noreturn void __attribute__((format(printf, 2, 3)))
replay_differ(struct replay *r, const char *format, ...)
{
    uint64_t first = r->output_count > REPLAY_OUTPUTS ? r->output_count - REPLAY_OUTPUTS : 0;
    char words[WORDS_SIZE];
    va_list args;
    size_t n = 0;

    n += (size_t)snprintf(r->message, sizeof(r->message), "record %" PRIu64 ": ", r->number + 1);
    va_start(args, format);
    n += (size_t)vsnprintf(r->message + n, sizeof(r->message) - n, format, args);
    va_end(args);
    for (uint64_t i = first; i < r->output_count && n < sizeof(r->message); i++)
        n += (size_t)snprintf(
            r->message + n, sizeof(r->message) - n, "%s%s",
            i == first ? "\nhere, since the record before: " : "; ",
            replay_output_words(&r->outputs[i % REPLAY_OUTPUTS], words, sizeof(words)));
    siglongjmp(r->escape, OUTCOME_DIFFERENT);
}

static void replay_advance(struct replay *r)
{
    if (journal_next(r->journal.bytes, r->journal.len, &r->at, &r->next))
        abort(); /* checked by the reader */
}

bool replay_agrees(const struct replay *r)
{
    return r->sum == r->journal.end.field[2] && r->total == r->journal.end.field[3];
}

/* The journal has ended; `asked` is the core's next request, or NULL between two calls. */
static _Noreturn void replay_at_end(struct replay *r, const char *asked)
{
    const struct journal_record *end = &r->journal.end;

    if (!replay_agrees(r))
        replay_differ(r, "the journal ends here, but the core's output up to here differs");
    if (end->field[0] == JOURNAL_PANIC)
        replay_differ(r, "the journal ends in a panic, %.*s; here the core continues%s%s",
                      (int)end->len, (const char *)end->bytes, asked ? ": " : "",
                      asked ? asked : "");
    if (end->field[0] == JOURNAL_ASKED && asked)
        replay_differ(r, "the journal ends between two calls; here the core continues: %s", asked);
    replay_end();
    siglongjmp(r->escape, OUTCOME_SAME);
}

static void replay_used(struct replay *r)
{
    r->number++;
    r->output_count = 0;
    if (r->listener.record)
        r->listener.record(r->number, &r->next);
}

/* Compare a request of the core with the journal, whose record must be equal in the first `same`
 * fields; it has the result. `mine` gets the tag of the journal's record if several are valid. */
static const struct journal_record *replay_answer(struct replay *r,
                                                  const struct journal_record *mine, unsigned same,
                                                  struct journal_record *out)
{
    char here[WORDS_SIZE], there[WORDS_SIZE];
    bool alike = r->next.tag == mine->tag;

    journal_words(mine, here, sizeof(here));
    if (r->next.tag == JOURNAL_END)
        replay_at_end(r, here);
    for (unsigned i = 0; i < same; i++)
        alike = alike && r->next.field[i] == mine->field[i];
    if (!alike)
        replay_differ(r, "journal: %s; here: %s", journal_words(&r->next, there, sizeof(there)),
                      here);
    if (r->next.check != (uint8_t)r->sum)
        replay_differ(r, "both reach %s, but the core's output before it differs",
                      journal_words(&r->next, there, sizeof(there)));
    *out = r->next;
    replay_used(r);
    replay_advance(r);
    return out;
}

/* ---- the core's output ---- */

static void replay_note(struct replay *r, enum journal_output kind, uint64_t what, uint64_t value)
{
    r->outputs[r->output_count++ % REPLAY_OUTPUTS] = (struct output){kind, what, value};
}

static void replay_add(struct replay *r, enum journal_output kind, uint64_t what, uint64_t value)
{
    r->sum = journal_add(r->sum, kind, what, value);
    replay_note(r, kind, what, value);
}

static void replay_add_bytes(struct replay *r, enum journal_output kind, uint64_t what,
                             const void *bytes, size_t len)
{
    r->sum = journal_add_bytes(r->sum, kind, what, bytes, len);
    replay_note(r, kind, what, len);
}

/* The console also has lines of the targets. */
static bool replay_cores_own(const char *line)
{
    return strncmp(line, "test: ", 6) && strncmp(line, "trap:", 5);
}

static void replay_console(struct replay *r, const char *text, bool compared)
{
    struct journal *j = &r->journal;

    if (r->listener.line)
        r->listener.line(r->now_ns, text, compared);
    if (!compared)
        return;
    while (r->line < j->line_count && !replay_cores_own(j->line[r->line]))
        r->line++;
    if (r->line == j->line_count)
        replay_differ(r, "this line is missing on the console: %s", text);
    if (strcmp(text, j->line[r->line]))
        replay_differ(r, "console: \"%s\"; here: \"%s\"", j->line[r->line], text);
    r->line++;
}

/* ---- platform.h ---- */

static uint64_t replay_where(enum reg_space space, unsigned size)
{
    return (uint64_t)space << 2 | size >> 1;
}

static uint32_t replay_reg_read(void *ctx, enum reg_space space, uint64_t addr, unsigned size)
{
    struct journal_record mine = {.tag = JOURNAL_REG_READ,
                                  .field = {replay_where(space, size), addr}},
                          out;

    return (uint32_t)replay_answer(ctx, &mine, 2, &out)->field[2];
}

static void replay_reg_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size,
                             uint32_t value)
{
    struct journal_record mine = {.tag = JOURNAL_REG_WRITE,
                                  .field = {replay_where(space, size), addr, value}},
                          out;

    replay_answer(ctx, &mine, 3, &out);
}

static uint64_t replay_bus_address(void *ctx, const void *ptr)
{
    struct replay *r = ctx;

    return r->dma_bus + (uint64_t)((const uint8_t *)ptr - r->dma);
}

static void replay_barrier(void *ctx, enum barrier kind)
{
    replay_add(ctx, OUTPUT_BARRIER, 0, kind);
}

static void replay_relax(void *ctx)
{
    replay_add(ctx, OUTPUT_RELAX, 0, 0);
}

static uint64_t replay_entropy(void *ctx)
{
    struct journal_record mine = {.tag = JOURNAL_ENTROPY}, out;

    return replay_answer(ctx, &mine, 0, &out)->field[0];
}

static void replay_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    struct replay *r = ctx;
    char line[TRACE_LINE_MAX];

    replay_add_bytes(r, OUTPUT_TRACE, id, args, count * sizeof(*args));
    trace_format(line, sizeof(line), id, args, count);
    replay_console(r, line, trace_event(id)->level == TRACE_LEVEL_MARK || r->journal.detail);
}

static void replay_line(void *ctx, const char *text, size_t len)
{
    char line[TRACE_LINE_MAX];

    replay_add_bytes(ctx, OUTPUT_LINE, 0, text, len);
    snprintf(line, sizeof(line), "%.*s", (int)len, text);
    replay_console(ctx, line, true);
}

/* ---- ring.h ---- */

static uint64_t replay_place(const struct replay *r, const volatile void *word, unsigned size)
{
    return (uint64_t)((const volatile uint8_t *)word - r->dma) << 2 | (size == 8 ? 3 : size >> 1);
}

static uint64_t replay_load(void *ctx, const volatile void *word, unsigned size)
{
    struct journal_record mine = {.tag = JOURNAL_LOAD, .field = {replay_place(ctx, word, size)}},
                          out;

    return replay_answer(ctx, &mine, 1, &out)->field[1];
}

static void replay_store(void *ctx, volatile void *word, unsigned size, uint64_t value)
{
    replay_add(ctx, OUTPUT_STORE, replay_place(ctx, word, size), value);
}

static void replay_take(void *ctx, void *bytes, size_t len)
{
    struct replay *r = ctx;
    struct journal_record mine = {.tag = JOURNAL_TAKE,
                                  .field = {(uint64_t)((uint8_t *)bytes - r->dma)}},
                          out;

    replay_answer(r, &mine, 1, &out);
    if (out.len != len)
        replay_differ(r, "the returned buffer has %zu bytes; here %zu", out.len, len);
    memcpy(bytes, out.bytes, len);
}

static void replay_give(void *ctx, const void *bytes, size_t len)
{
    struct replay *r = ctx;

    replay_add_bytes(r, OUTPUT_GIVE, (uint64_t)((const uint8_t *)bytes - r->dma), bytes, len);
}

/* ---- process.h: programs without code ---- */

static uint64_t replay_number_of(const struct replay *r, const struct process *p)
{
    return (uint64_t)((const char *)p - r->process);
}

static int replay_create(void *ctx, const char *const *words, unsigned count, struct process **out)
{
    struct replay *r = ctx;
    struct journal_record mine = {.tag = JOURNAL_CREATE}, got;
    int err = (int)journal_unzigzag(replay_answer(r, &mine, 0, &got)->field[0]);

    (void)words;
    (void)count;
    if (!err)
        *out = (struct process *)(void *)&r->process[got.field[1]];
    return err;
}

static void replay_resume(void *ctx, struct process *p, int64_t result, struct process_stop *out)
{
    struct replay *r = ctx;
    struct journal_record mine = {.tag = JOURNAL_SYSCALL, .field = {replay_number_of(r, p)}}, got;

    replay_add(r, OUTPUT_RESUME, mine.field[0], (uint64_t)result);
    if (r->next.tag == JOURNAL_FAULT || r->next.tag == JOURNAL_TICK)
        mine.tag = r->next.tag;
    replay_answer(r, &mine, 1, &got);
    *out = (struct process_stop){.kind = PROCESS_TICK};
    if (got.tag == JOURNAL_FAULT) {
        out->kind = PROCESS_FAULT;
        out->cause = got.field[1];
        out->address = got.field[2];
    } else if (got.tag == JOURNAL_SYSCALL) {
        out->kind = PROCESS_SYSCALL;
        out->nr = got.field[1];
        memcpy(out->args, got.field + 2, sizeof(out->args));
    }
}

static void replay_destroy(void *ctx, struct process *p)
{
    replay_add(ctx, OUTPUT_DESTROY, replay_number_of(ctx, p), 0);
}

static int replay_user_read(void *ctx, struct process *p, void *dst, uint64_t address, size_t len)
{
    struct journal_record mine = {.tag = JOURNAL_USER_READ,
                                  .field = {replay_number_of(ctx, p), address, len}},
                          got;
    int err = (int)journal_unzigzag(replay_answer(ctx, &mine, 3, &got)->field[3]);

    if (!err)
        memcpy(dst, got.bytes, len);
    return err;
}

static int replay_user_write(void *ctx, struct process *p, uint64_t address, const void *src,
                             size_t len)
{
    struct journal_record mine = {.tag = JOURNAL_USER_WRITE,
                                  .field = {replay_number_of(ctx, p), address, len}},
                          got;

    replay_add_bytes(ctx, OUTPUT_WRITE, mine.field[0], src, len);
    return (int)journal_unzigzag(replay_answer(ctx, &mine, 3, &got)->field[3]);
}

/* ---- calls ---- */

static struct device_places *replay_places(struct replay *r)
{
    if (!r->places)
        r->places = memory_new(1, sizeof(struct device_places));
    return r->places;
}

static int replay_call_init(struct replay *r, const uint64_t *f)
{
    struct kernel_config config = {
        .platform = &r->platform,
        .processes = &r->processes,
        .places = *replay_places(r),
        .interrupts = f[1],
        .dma_size = (size_t)f[3],
    };

    r->now_ns = f[0];
    r->dma_bus = f[2];
    r->dma_size = config.dma_size;
    r->dma = mmap(NULL, r->dma_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    r->buffers = memory_new(1, KERNEL_BUFFERS_SIZE);
    r->kernel = memory_new(1, sizeof(struct kernel));
    if (r->dma == MAP_FAILED)
        out_of_memory();
    config.dma = r->dma;
    config.buffers = r->buffers;
    return kernel_init(r->kernel, &config, r->now_ns);
}

static int replay_call_start(struct replay *r, const struct journal_record *call)
{
    const char *words[JOURNAL_WORDS_MAX];
    const char *at = (const char *)call->bytes;

    for (unsigned i = 0; i < call->field[0]; i++) {
        words[i] = at;
        at += strlen(at) + 1;
    }
    return kernel_start(r->kernel, words, (unsigned)call->field[0]);
}

static void replay_returned(struct replay *r, int64_t result)
{
    replay_add(r, OUTPUT_RETURN, 0, (uint64_t)result);
}

/* Before kernel_init(): the places of devices. */
static void replay_note_slot(struct replay *r, const uint64_t *f)
{
    struct device_places *p = replay_places(r);

    p->slots[p->slot_count++] = (struct mmio_slot){f[0], (unsigned)f[1]};
}

static void replay_note_bus(struct replay *r, const uint64_t *f)
{
    struct device_places *p = replay_places(r);

    p->has_pci = true;
    p->pci = (struct pci_host){
        .mmio_base = f[0], .mmio_size = f[1], .io_base = (uint32_t)f[2], .io_size = (uint32_t)f[3]};
    p->pci_irq = (unsigned)f[4];
    p->msix = (struct virtio_msix){f[5], f[6], (uint32_t)f[7]};
}

static void replay_carry_out(struct replay *r, const struct journal_record *call)
{
    int err;

    if (call->tag == JOURNAL_SLOT) {
        replay_note_slot(r, call->field);
    } else if (call->tag == JOURNAL_BUS) {
        replay_note_bus(r, call->field);
    } else if (call->tag == JOURNAL_INIT) {
        err = replay_call_init(r, call->field);
        replay_returned(r, err);
        if (err && r->next.tag != JOURNAL_END)
            replay_differ(r, "here the machine does not start (%s)", trace_error_word(err));
    } else if (call->tag == JOURNAL_START) {
        replay_returned(r, replay_call_start(r, call));
    } else if (call->tag == JOURNAL_POLL) {
        r->polls++;
        r->now_ns += call->field[0];
        kernel_poll(r->kernel, r->now_ns);
    } else {
        kernel_stop(r->kernel);
    }
}

_Noreturn void replay_run(struct replay *r)
{
    char words[WORDS_SIZE];

    for (;;) {
        struct journal_record call = r->next;

        if (call.tag == JOURNAL_END)
            replay_at_end(r, NULL);
        if (!journal_is_call(call.tag))
            replay_differ(r, "journal: %s; here the call has ended",
                          journal_words(&call, words, sizeof(words)));
        if (call.check != (uint8_t)r->sum)
            replay_differ(r, "both reach the next call, but the core's output before it differs");
        r->total = journal_mix(r->total, r->sum);
        r->sum = 0;
        replay_used(r);
        replay_advance(r);
        replay_carry_out(r, &call);
    }
}

/* ---- the whole ---- */

void replay_open(struct replay *r)
{
    r->ring = (struct ring_access){replay_load, replay_store, replay_take, replay_give};
    r->platform = (struct platform){
        .ctx = r,
        .reg_read = replay_reg_read,
        .reg_write = replay_reg_write,
        .bus_address = replay_bus_address,
        .barrier = replay_barrier,
        .relax = replay_relax,
        .entropy = replay_entropy,
        .trace = replay_trace,
        .line = replay_line,
    };
    r->processes = (struct process_ops){
        .ctx = r,
        .create = replay_create,
        .resume = replay_resume,
        .destroy = replay_destroy,
        .user_read = replay_user_read,
        .user_write = replay_user_write,
    };
    replay_advance(r);
}

void replay_close(struct replay *r)
{
    if (r->dma)
        munmap(r->dma, r->dma_size);
    free(r->buffers);
    free(r->kernel);
    free(r->places);
}

size_t replay_kernel_size(void)
{
    return sizeof(struct kernel);
}
