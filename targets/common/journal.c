/*
 * The flight recorder: see journal.h, and core/base/journal.h for the format.
 *
 * A record is added when it is complete, so that a panic during a record does not damage the
 * journal. A machine that polls without a pause would fill it with idle polls: one that came before
 * its deadline, loaded the same values as the one before and had no output is removed. That is
 * safe, because such a poll changes nothing (core/kernel/kernel.h), and a mistake would be
 * detected, because a replay compares everything.
 */
#include "journal.h"
#include "../../core/base/fmt.h"
#include "../../core/base/journal.h"
#include "../../core/base/mem.h"
#include "../../core/port/ring.h"
#include "crc.h"
#include "port.h"

#ifndef JOURNAL_SIZE
#define JOURNAL_SIZE (1 << 20)
#endif

enum {
    RECORD_MAX = 2 + (JOURNAL_FIELDS_MAX + 1) * 10, /* tag, check, fields, length of the bytes */
    TEXT_MAX = 100,                                 /* of a panic's file:line */
    END_ROOM = RECORD_MAX + TEXT_MAX,
    LINE_OCTETS = 168, /* of the journal in a line of the console */
};

static const uint8_t field_count[] = {JOURNAL_RECORDS(JOURNAL_FIELD_COUNT)};
static const bool has_bytes[] = {JOURNAL_RECORDS(JOURNAL_HAS_BYTES)};

static uint8_t journal[JOURNAL_SIZE] __attribute__((section(".noinit")));

/* The state restored when a poll is removed. */
struct mark {
    size_t len;
    uint64_t records, sum, total, now_ns;
};

static struct {
    bool recording, full, sent, detail;
    struct mark at;             /* sum: over this call's output; total: over the calls before */
    uint64_t left_out;          /* polls removed */
    struct mark before;         /* the present poll */
    size_t body;                /* start of its records, after its own */
    bool busy;                  /* it did something */
    size_t last_body, last_end; /* of the poll before, and its deadline */
    uint64_t last_deadline_ns;
    const struct platform *machine;
    const struct process_ops *programs;
    const uint8_t *dma;
    struct process *process[JOURNAL_PROCESSES];
} j;

/* ---- records ---- */

static void put_number(uint64_t n)
{
    for (; n >= 0x80; n >>= 7)
        journal[j.at.len++] = (uint8_t)(n | 0x80);
    journal[j.at.len++] = (uint8_t)n;
}

static void write_record(enum journal_tag tag, const uint64_t *field, const void *bytes, size_t len)
{
    journal[j.at.len++] = (uint8_t)tag;
    journal[j.at.len++] = (uint8_t)j.at.sum;
    for (unsigned i = 0; i < field_count[tag]; i++)
        put_number(field[i]);
    if (has_bytes[tag]) {
        put_number(len);
        mem_copy(journal + j.at.len, bytes, len);
        j.at.len += len;
    }
    j.at.records++;
}

/* True if there is room for one more; otherwise the journal ends. */
static bool room(size_t len)
{
    if (j.recording && j.at.len + len > JOURNAL_SIZE - RECORD_MAX - END_ROOM) {
        j.full = true;
        j.recording = false;
    }
    return j.recording;
}

static void put(enum journal_tag tag, const uint64_t *field, const void *bytes, size_t len)
{
    if (room(len))
        write_record(tag, field, bytes, len);
}

static void call(enum journal_tag tag, const uint64_t *field, const void *bytes, size_t len)
{
    if (!room(len))
        return;
    write_record(tag, field, bytes, len); /* its check belongs to the call before */
    j.at.total = journal_mix(j.at.total, j.at.sum);
    j.at.sum = 0;
}

#define PUT(tag, ...) put(JOURNAL_##tag, (const uint64_t[]){__VA_ARGS__}, NULL, 0)

/* ---- the core's output ---- */

static void add(enum journal_output kind, uint64_t what, uint64_t value)
{
    if (j.recording)
        j.at.sum = journal_add(j.at.sum, kind, what, value);
}

static void add_bytes(enum journal_output kind, uint64_t what, const void *bytes, size_t len)
{
    if (j.recording)
        j.at.sum = journal_add_bytes(j.at.sum, kind, what, bytes, len);
}

/* ---- platform.h ---- */

static uint64_t where(enum reg_space space, unsigned size)
{
    return (uint64_t)space << 2 | size >> 1; /* 1, 2, 4 */
}

static uint32_t recorded_reg_read(void *ctx, enum reg_space space, uint64_t addr, unsigned size)
{
    uint32_t value = j.machine->reg_read(ctx, space, addr, size);

    j.busy = true;
    PUT(REG_READ, where(space, size), addr, value);
    return value;
}

static void recorded_reg_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size,
                               uint32_t value)
{
    j.busy = true;
    PUT(REG_WRITE, where(space, size), addr, value);
    j.machine->reg_write(ctx, space, addr, size, value);
}

static uint64_t recorded_bus_address(void *ctx, const void *ptr)
{
    return j.machine->bus_address(ctx, ptr);
}

static void recorded_barrier(void *ctx, enum barrier kind)
{
    add(OUTPUT_BARRIER, 0, kind);
    j.machine->barrier(ctx, kind);
}

static void recorded_relax(void *ctx)
{
    add(OUTPUT_RELAX, 0, 0);
    j.machine->relax(ctx);
}

static uint64_t recorded_entropy(void *ctx)
{
    uint64_t value = j.machine->entropy(ctx);

    j.busy = true;
    PUT(ENTROPY, value);
    return value;
}

static void recorded_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    j.busy = true;
    add_bytes(OUTPUT_TRACE, id, args, count * sizeof(*args));
    j.machine->trace(ctx, id, args, count);
}

static void recorded_line(void *ctx, const char *text, size_t len)
{
    j.busy = true;
    add_bytes(OUTPUT_LINE, 0, text, len);
    j.machine->line(ctx, text, len);
}

static const struct platform recorded_platform = {
    .reg_read = recorded_reg_read,
    .reg_write = recorded_reg_write,
    .bus_address = recorded_bus_address,
    .barrier = recorded_barrier,
    .relax = recorded_relax,
    .entropy = recorded_entropy,
    .trace = recorded_trace,
    .line = recorded_line,
};

void journal_start(bool detail)
{
    j.recording = true;
    j.detail = detail;
}

const struct platform *journal_platform(const struct platform *p)
{
    j.machine = p;
    return j.recording ? &recorded_platform : p;
}

/* ---- ring.h ---- */

static uint64_t place(const volatile void *word, unsigned size)
{
    return (uint64_t)((const volatile uint8_t *)word - j.dma) << 2 |
           (size == 8 ? 3 : size >> 1); /* 2, 4, 8 */
}

uint64_t ring_hook_load(void *ctx, const volatile void *word, unsigned size)
{
    uint64_t value =
        size == 2 ? *(const volatile uint16_t *)word : *(const volatile uint32_t *)word;

    (void)ctx;
    if (j.recording)
        PUT(LOAD, place(word, size), value);
    return value;
}

void ring_hook_store(void *ctx, volatile void *word, unsigned size, uint64_t value)
{
    (void)ctx;
    j.busy = true;
    add(OUTPUT_STORE, place(word, size), value);
    if (size == 2)
        *(volatile uint16_t *)word = (uint16_t)value;
    else if (size == 4)
        *(volatile uint32_t *)word = (uint32_t)value;
    else
        *(volatile uint64_t *)word = value;
}

void ring_hook_take(void *ctx, void *bytes, size_t len)
{
    uint64_t at = (uint64_t)((const uint8_t *)bytes - j.dma);

    (void)ctx;
    j.busy = true;
    put(JOURNAL_TAKE, &at, bytes, len);
}

void ring_hook_give(void *ctx, const void *bytes, size_t len)
{
    (void)ctx;
    j.busy = true;
    add_bytes(OUTPUT_GIVE, (uint64_t)((const uint8_t *)bytes - j.dma), bytes, len);
}

/* ---- process.h ---- */

static uint64_t number_of(const struct process *p)
{
    uint64_t i = 0;

    while (i < JOURNAL_PROCESSES - 1 && j.process[i] != p)
        i++;
    return i;
}

static int recorded_create(void *ctx, const char *const *words, unsigned count,
                           struct process **out)
{
    int err = j.programs->create(ctx, words, count, out);
    uint64_t i = number_of(NULL);

    if (!err)
        j.process[i] = *out;
    PUT(CREATE, journal_zigzag(err), i);
    return err;
}

static void recorded_resume(void *ctx, struct process *p, int64_t result, struct process_stop *out)
{
    uint64_t i = number_of(p);

    j.busy = true;
    add(OUTPUT_RESUME, i, (uint64_t)result);
    j.programs->resume(ctx, p, result, out);
    switch (out->kind) {
    case PROCESS_SYSCALL:
        PUT(SYSCALL, i, out->nr, out->args[0], out->args[1], out->args[2], out->args[3],
            out->args[4]);
        break;
    case PROCESS_FAULT:
        PUT(FAULT, i, out->cause, out->address);
        break;
    case PROCESS_TICK:
        PUT(TICK, i);
        break;
    }
}

static void recorded_destroy(void *ctx, struct process *p)
{
    uint64_t i = number_of(p);

    j.busy = true;
    add(OUTPUT_DESTROY, i, 0);
    j.process[i] = NULL;
    j.programs->destroy(ctx, p);
}

static int recorded_user_read(void *ctx, struct process *p, void *dst, uint64_t address, size_t len)
{
    int err = j.programs->user_read(ctx, p, dst, address, len);
    uint64_t field[] = {number_of(p), address, len, journal_zigzag(err)};

    put(JOURNAL_USER_READ, field, dst, err ? 0 : len);
    return err;
}

static int recorded_user_write(void *ctx, struct process *p, uint64_t address, const void *src,
                               size_t len)
{
    int err = j.programs->user_write(ctx, p, address, src, len);

    add_bytes(OUTPUT_WRITE, number_of(p), src, len);
    PUT(USER_WRITE, number_of(p), address, len, journal_zigzag(err));
    return err;
}

static struct process_ops recorded_processes = {
    .create = recorded_create,
    .resume = recorded_resume,
    .destroy = recorded_destroy,
    .user_read = recorded_user_read,
    .user_write = recorded_user_write,
};

const struct process_ops *journal_processes(const struct process_ops *ops)
{
    j.programs = ops;
    recorded_processes.ctx = ops->ctx;
    return j.recording ? &recorded_processes : ops;
}

/* ---- calls ---- */

void journal_init(const struct kernel_config *c, uint64_t now_ns)
{
    const struct device_places *p = &c->places;

    j.dma = c->dma;
    j.at.now_ns = now_ns;
    for (unsigned i = 0; i < p->slot_count; i++)
        call(JOURNAL_SLOT, (const uint64_t[]){p->slots[i].base, p->slots[i].irq}, NULL, 0);
    if (p->has_pci)
        call(JOURNAL_BUS,
             (const uint64_t[]){p->pci.mmio_base, p->pci.mmio_size, p->pci.io_base, p->pci.io_size,
                                p->pci_irq, p->msix.wanted, p->msix.address, p->msix.data},
             NULL, 0);
    call(JOURNAL_INIT,
         (const uint64_t[]){now_ns, c->interrupts,
                            c->platform->bus_address(c->platform->ctx, c->dma), c->dma_size},
         NULL, 0);
}

void journal_program(const char *const *words, unsigned count)
{
    static char text[CMDLINE_MAX]; /* the memory of the words */
    size_t len = 0;

    for (unsigned i = 0; i < count; i++)
        for (const char *c = words[i];; c++) {
            text[len++] = *c;
            if (!*c)
                break;
        }
    call(JOURNAL_START, (const uint64_t[]){count}, text, len);
}

void journal_poll(uint64_t now_ns)
{
    uint64_t since = now_ns - j.at.now_ns;

    j.before = j.at;
    call(JOURNAL_POLL, &since, NULL, 0);
    j.at.now_ns = now_ns;
    j.body = j.at.len;
    j.busy = false;
}

/* True if this poll repeats the one before. */
static bool repeated(void)
{
    size_t len = j.at.len - j.body;

    return !j.busy && j.at.now_ns < j.last_deadline_ns && j.before.len == j.last_end &&
           j.at.sum == j.before.sum && len == j.last_end - j.last_body &&
           mem_equal(journal + j.body, journal + j.last_body, len);
}

void journal_polled(uint64_t deadline_ns)
{
    if (!j.recording)
        return;
    if (repeated()) {
        j.at = j.before;
        j.left_out++;
        return;
    }
    j.last_body = j.body;
    j.last_end = j.at.len;
    j.last_deadline_ns = deadline_ns;
}

void journal_stop(void)
{
    call(JOURNAL_STOP, NULL, NULL, 0);
}

void journal_returned(int64_t result)
{
    add(OUTPUT_RETURN, 0, (uint64_t)result);
}

/* ---- out ---- */

static void field(struct fmt *f, const char *key, uint64_t n)
{
    fmt_text(f, key);
    fmt_u64(f, n);
}

static void send_begin(void)
{
    char line[200];
    struct fmt f = {.buf = line, .size = sizeof(line)};

    field(&f, "journal: begin version=", JOURNAL_VERSION);
    fmt_text(&f, " core=" CORE_REVISION);
    field(&f, " kernel=", sizeof(struct kernel));
    field(&f, " detail=", j.detail);
    field(&f, " bytes=", j.at.len);
    field(&f, " records=", j.at.records);
    field(&f, " complete=", !j.full);
    console_line(line, f.len);
}

static void send_data(size_t offset)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t end = j.at.len - offset < LINE_OCTETS ? j.at.len : offset + LINE_OCTETS;
    char line[280];
    struct fmt f = {.buf = line, .size = sizeof(line)};

    field(&f, "journal: data off=", offset);
    fmt_text(&f, " b64=");
    for (size_t at = offset; at < end; at += 3) {
        uint32_t three = (uint32_t)journal[at] << 16;

        three |= at + 1 < end ? (uint32_t)journal[at + 1] << 8 : 0;
        three |= at + 2 < end ? journal[at + 2] : 0;
        fmt_char(&f, digits[three >> 18]);
        fmt_char(&f, digits[three >> 12 & 63]);
        fmt_char(&f, at + 1 < end ? digits[three >> 6 & 63] : '=');
        fmt_char(&f, at + 2 < end ? digits[three & 63] : '=');
    }
    console_line(line, f.len);
}

static void send_end(void)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t crc = crc32(journal, j.at.len);
    char line[60];
    struct fmt f = {.buf = line, .size = sizeof(line)};

    fmt_text(&f, "journal: end crc32=");
    for (int shift = 28; shift >= 0; shift -= 4)
        fmt_char(&f, digits[crc >> shift & 15]);
    console_line(line, f.len);
}

static void end(enum journal_end why, const char *text)
{
    size_t len = 0;

    if (!j.machine || j.sent || (!j.recording && !j.full))
        return;
    j.sent = true;
    j.recording = false;
    while (len < TEXT_MAX && text[len])
        len++;
    write_record(JOURNAL_END,
                 (const uint64_t[]){j.full ? JOURNAL_FULL : why, j.left_out, j.at.sum, j.at.total},
                 text, len);
    send_begin();
    for (size_t at = 0; at < j.at.len; at += LINE_OCTETS)
        send_data(at);
    send_end();
}

void journal_send(void)
{
    end(JOURNAL_ASKED, "");
}

void journal_panic(const char *text)
{
    end(JOURNAL_PANIC, text);
}
