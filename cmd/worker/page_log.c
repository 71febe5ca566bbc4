/* The events of a run as records: see page_log.h. */
#include "page_log.h"
#include "../../core/base/minmax.h"
#include <string.h>
#include <sys/mman.h>

struct page_log *page_log_new(void)
{
    struct page_log *log = mmap(NULL, sizeof(*log), PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return log == MAP_FAILED ? NULL : log;
}

void page_log_free(struct page_log *log)
{
    munmap(log, sizeof(*log));
}

/* Room for a record of `len` bytes; NULL: full. Valid after page_log_record_end(). */
static void *page_log_record(struct page_log *log, uint64_t time_ns, enum page_kind kind,
                             size_t len)
{
    struct page_record *r = (struct page_record *)(void *)(log->bytes + log->used);

    if (len > PAGE_LOG_BYTES - sizeof(*r) - 8 ||
        log->used > PAGE_LOG_BYTES - sizeof(*r) - 8 - len) {
        log->left_out++;
        return NULL;
    }
    *r = (struct page_record){time_ns, (uint32_t)len, kind};
    return r + 1;
}

static void page_log_record_end(struct page_log *log)
{
    const struct page_record *r = (const struct page_record *)(void *)(log->bytes + log->used);

    log->count[r->kind]++;
    log->used += sizeof(*r) + ((r->len + 7u) & ~7u);
}

void page_log_line(void *ctx, uint64_t time_ns, const char *line)
{
    struct page_log *log = ctx;
    size_t len = strlen(line);
    void *text = page_log_record(log, time_ns, PAGE_LINE, len);

    if (!text)
        return;
    memcpy(text, line, len);
    page_log_record_end(log);
}

void page_log_flight(void *ctx, uint64_t time_ns, enum direction dir, const uint8_t *frame,
                     size_t len, const struct decoded *d, const char *fate, uint64_t arrival_ns)
{
    struct page_log *log = ctx;
    size_t most = log->snaps < PAGE_SNAPS_BYTES ? PAGE_SNAP : PAGE_SNAP_SHORT;
    size_t snap = min_u64(len, most), fate_len = fate ? strlen(fate) : 0;
    struct page_frame *f = page_log_record(log, time_ns, PAGE_FRAME, sizeof(*f) + snap + fate_len);

    if (!f)
        return;
    *f = (struct page_frame){.decoded = *d,
                             .arrival_ns = arrival_ns,
                             .frame_len = (uint32_t)len,
                             .snap = (uint16_t)snap,
                             .fate_len = (uint16_t)fate_len,
                             .direction = (uint8_t)dir};
    memcpy(f + 1, frame, snap);
    if (fate_len)
        memcpy((uint8_t *)(f + 1) + snap, fate, fate_len);
    log->snaps += snap;
    page_log_record_end(log);
}

static unsigned page_log_chain_length(const struct vchain *c)
{
    unsigned n = 0;

    for (const struct vbuffer *b = c->first; b; b = b->next)
        n++;
    return n;
}

void page_log_ring(void *ctx, uint64_t time_ns, unsigned device, const struct vqueue *q,
                   enum vqueue_event what, unsigned chain, uint32_t value)
{
    struct page_log *log = ctx;
    bool available = what == VQUEUE_AVAILABLE;
    bool about_chain = available || what == VQUEUE_WORKING || what == VQUEUE_USED;
    unsigned count = available ? page_log_chain_length(&q->chain[chain]) : 0;
    struct page_ring *e;
    struct page_descriptor *d;

    if (what == VQUEUE_FRAME || what == VQUEUE_CONFIG)
        return; /* no descriptor changes hands */
    e = page_log_record(log, time_ns, PAGE_RING,
                        sizeof(*e) + count * sizeof(struct page_descriptor));
    if (!e)
        return;
    *e = (struct page_ring){.value = value,
                            .chain = about_chain ? q->chain[chain].id : (uint16_t)chain,
                            .slot = (uint16_t)(q->packed ? q->used_idx : q->used_idx % q->size),
                            .slots = about_chain ? q->chain[chain].count : 0,
                            .count = (uint16_t)count,
                            .size = (uint16_t)q->size,
                            .device = (uint8_t)device,
                            .queue = (uint8_t)q->index,
                            .what = (uint8_t)what,
                            .packed = q->packed,
                            .event_idx = q->event_idx,
                            .indirect = q->indirect};
    d = (struct page_descriptor *)(e + 1);
    for (const struct vbuffer *b = count ? q->chain[chain].first : NULL; b; b = b->next)
        *d++ = (struct page_descriptor){b->addr, b->len, (int16_t)vqueue_slot(q, b),
                                        (uint16_t)b->kind};
    page_log_record_end(log);
}

void page_log_tape(struct page_log *log, const struct decision *tape, size_t count)
{
    size_t fit = min_u64(count, PAGE_DECISIONS);

    if (fit)
        memcpy(log->decisions, tape, fit * sizeof(*tape));
    log->decision_count = fit;
    log->left_out += count - fit;
}

const struct page_record *page_log_next(const struct page_log *log, const struct page_record *r)
{
    const uint8_t *at = r ? (const uint8_t *)(r + 1) + ((r->len + 7u) & ~7u) : log->bytes;

    return at < log->bytes + log->used ? (const struct page_record *)(const void *)at : NULL;
}
