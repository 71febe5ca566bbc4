/* Chains and their buffers on the device side of a virtqueue, whatever its format: see vqueue.h. */
#include "../../core/base/minmax.h"
#include "vqueue_internal.h"
#include <string.h>

void fake_cold(void)
{
}

void vqueue_stop(struct vqueue *q)
{
    for (unsigned i = 0; i < q->buffer_used; i++) {
        struct vbuffer *d = &q->buffer[i];

        if (q->host->thorough && d->busy && d->kind != VBUFFER_READABLE)
            q->memory->own(q->memory->ctx, d->addr, d->len, false);
        d->busy = false;
    }
    if (q->ready)
        vqueue_tell(q, VQUEUE_STOPPED, 0, 0);
    q->ready = false;
    q->buffer_used = 0;
    q->buffer_free = NULL;
    q->held_head = q->held_count = 0;
}

void vqueue_reset(struct vqueue *q)
{
    vqueue_stop(q);
    q->size = 0;
    q->desc = q->avail = q->used = 0;
    q->shared = 0;
}

bool vqueue_place(struct vqueue *q, const char *part, uint64_t at, uint64_t len, unsigned align)
{
    LOOK(q->host, RING_ALIGNMENT);
    LOOK(q->host, RING_DMA_ADDRESS);
    if (at & (align - 1)) {
        VIOLATION(q->host, "ring.alignment", q->packed ? "2.8.11" : "2.7.1",
                  "queue %u: %s at %#llx is not aligned to %u", q->index, part,
                  (unsigned long long)at, align);
        return false;
    }
    if (!fake_memory_at(q->memory, at, (size_t)len)) {
        VIOLATION(q->host, "ring.dma_address", "2.7",
                  "queue %u: %s at %#llx, %llu bytes, is not in DMA memory", q->index, part,
                  (unsigned long long)at, (unsigned long long)len);
        return false;
    }
    q->memory->attach_ring(q->memory->ctx, at, (size_t)len);
    return true;
}

void vqueue_start(struct vqueue *q, uint64_t features)
{
    q->packed = features & VIRTIO_BIT(VIRTIO_F_RING_PACKED);
    q->event_idx = features & VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
    q->indirect = features & VIRTIO_BIT(VIRTIO_F_INDIRECT_DESC);
    LOOK(q->host, RING_SIZE);
    LOOK(q->host, RING_NOT_CLEARED);
    if (q->size == 0 || q->size > q->size_max || (!q->packed && (q->size & (q->size - 1)))) {
        VIOLATION(q->host, "ring.size", q->packed ? "2.8" : "2.7",
                  "queue %u: size %u is not %s up to %u", q->index, q->size,
                  q->packed ? "a number" : "a power of two", q->size_max);
        return;
    }
    q->taken = q->given = 0;
    q->seen = q->used_idx = 0;
    q->seen_wrap = q->used_wrap = true;
    q->held_head = q->held_count = 0;
    q->buffer_used = 0;
    q->buffer_free = NULL;
    q->low = UINT64_MAX;
    q->high = 0;
    if (!(q->packed ? vqueue_packed_start(q) : vqueue_split_start(q)))
        return;
    q->ready = true;
    vqueue_tell(q, VQUEUE_STARTED, 0, 0);
    vqueue_event_start(q);
}

/* ---- ownership ---- */

static uint64_t mix(uint64_t h, const uint8_t *p, size_t len)
{
    uint64_t w;

    for (; len >= 8; len -= 8, p += 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * UINT64_C(0x9fb21c651e98df25);
        h ^= h >> 32;
    }
    for (; len; len--, p++)
        h = (h ^ *p) * UINT64_C(0x9fb21c651e98df25);
    return h;
}

/* A window of a sample: each bit of the result depends on all of its bits. */
static inline uint64_t sample_window(uint64_t key, const uint8_t *p)
{
    unsigned __int128 product;
    uint64_t w[2];

    memcpy(w, p, sizeof(w));
    product = (unsigned __int128)(w[0] ^ key) * (w[1] ^ UINT64_C(0x9fb21c651e98df25));
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* A fingerprint of a buffer, whose address was checked: all of it in sanitizer builds; head, tail
 * and one window whose place the driver cannot guess in release builds. */
static inline uint64_t sample(const struct vqueue *q, const struct vbuffer *d)
{
    const uint8_t *p = q->memory->memory + (d->addr - q->memory->first);
    enum { WINDOW = 16 };
    uint64_t key = q->host->key, window;

    if (q->host->thorough || d->len <= 3 * WINDOW)
        return mix(d->len, p, d->len);
    window = (uint32_t)(key ^ d->addr) * (uint64_t)(d->len - WINDOW) >> 32;
    return sample_window(key, p) + sample_window(~key, p + d->len - WINDOW) +
           sample_window(key >> 1, p + window);
}

void vqueue_release(struct vqueue *q, uint16_t id)
{
    q->busy[id / 64] &= ~(UINT64_C(1) << id % 64);
}

/* ---- the driver makes chains available ---- */

void vqueue_chains_looked(const struct vqueue *q)
{
    LOOK(q->host, RING_INDEX);
    LOOK(q->host, RING_CHAIN);
    LOOK(q->host, RING_REUSE);
}

/* True if all chains may share these bytes: a header that the driver does not read. */
static bool may_share(const struct vqueue *q, bool writable, uint32_t len)
{
    return writable && len <= q->shared;
}

/* Check that a writable buffer of the device overlaps no other buffer in flight. */
static bool overlap_scan(struct vqueue *q, const struct vdesc *d)
{
    bool writable = d->flags & VIRTQ_DESC_F_WRITE;

    for (unsigned k = 0; k < q->buffer_used; k++) {
        const struct vbuffer *o = &q->buffer[k];

        if (!writable && o->kind == VBUFFER_READABLE)
            continue;
        LOOK(q->host, RING_OVERLAP);
        if (may_share(q, writable, d->len) && may_share(q, o->kind == VBUFFER_WRITABLE, o->len))
            continue;
        if (!o->busy || d->addr >= o->addr + o->len || o->addr >= d->addr + d->len)
            continue;
        VIOLATION(q->host, "ring.overlap", "2.7.5",
                  "queue %u: two buffers that the device has overlap at %#llx", q->index,
                  (unsigned long long)max_u64(d->addr, o->addr));
        return false;
    }
    return true;
}

/* Complete in sanitizer builds, sampled in release builds. */
static inline bool overlap_check(struct vqueue *q, const struct vdesc *d)
{
    return (!q->host->thorough && (q->host->key + q->seen) % 16) || overlap_scan(q, d);
}

/* Inline, since every buffer comes here. */
static inline struct vbuffer *buffer_take(struct vqueue *q, unsigned chain, const struct vdesc *d,
                                          enum vbuffer_kind kind)
{
    struct vchain *c = &q->chain[chain];
    struct vbuffer *b = q->buffer_free;

    if (b)
        q->buffer_free = b->next;
    else if (q->buffer_used < VQUEUE_BUFFERS_MAX)
        b = &q->buffer[q->buffer_used++];
    else {
        VIOLATION(q->host, "ring.chain", "2.7.5.3.1",
                  "queue %u: more than %d buffers at once, more than this device holds", q->index,
                  VQUEUE_BUFFERS_MAX);
        return NULL;
    }
    *b = (struct vbuffer){.at = d->at, .addr = d->addr, .len = d->len, .kind = kind, .busy = true};
    b->sample = sample(q, b);
    if (kind == VBUFFER_READABLE)
        c->readable += b->len;
    if (kind == VBUFFER_WRITABLE) {
        c->writable += b->len;
        q->memory->own(q->memory->ctx, b->addr, b->len, true);
        q->low = min_u64(b->addr, q->low);
        q->high = max_u64(b->addr + b->len, q->high);
    }
    if (c->last)
        c->last->next = b;
    else
        c->first = b;
    c->last = b;
    return b;
}

static bool memory_check(struct vqueue *q, const struct vdesc *d)
{
    if (d->len && fake_memory_at(q->memory, d->addr, d->len))
        return true;
    VIOLATION(q->host, "ring.dma_address", q->packed ? "2.8.4" : "2.7.5",
              "queue %u: a descriptor has address %#llx, length %u, which is not DMA memory",
              q->index, (unsigned long long)d->addr, d->len);
    return false;
}

struct vbuffer *vqueue_append(struct vqueue *q, unsigned chain, const struct vdesc *d)
{
    const struct vbuffer *last = q->chain[chain].last;
    bool writable = d->flags & VIRTQ_DESC_F_WRITE;

    if (!memory_check(q, d))
        return NULL;
    if (last)
        LOOK(q->host, RING_DIRECTION);
    if (last && last->kind == VBUFFER_WRITABLE && !writable) {
        VIOLATION(q->host, "ring.direction", q->packed ? "2.8.17" : "2.7.4.2",
                  "queue %u: a device-readable descriptor follows a device-writable one", q->index);
        return NULL;
    }
    if (!overlap_check(q, d))
        return NULL;
    return buffer_take(q, chain, d, writable ? VBUFFER_WRITABLE : VBUFFER_READABLE);
}

/* ---- indirect tables ---- */

static bool indirect_wrong(struct vqueue *q, const char *clause, const char *what)
{
    VIOLATION(q->host, "ring.indirect", clause, "queue %u: %s", q->index, what);
    return false;
}

/* The descriptor that refers to the table, and the table as a whole. */
static bool vqueue_table_check(struct vqueue *q, const struct vdesc *d)
{
    const char *clause = q->packed ? "2.8.19" : "2.7.5.3.1";

    LOOK(q->host, RING_INDIRECT);
    if (!q->indirect)
        return indirect_wrong(q, clause, "a descriptor is INDIRECT, which was not negotiated");
    if (d->flags & VIRTQ_DESC_F_NEXT)
        return indirect_wrong(q, clause, "a descriptor is both INDIRECT and NEXT");
    if (!memory_check(q, d) || !overlap_check(q, d))
        return false;
    if (d->len % VIRTQ_DESC_SIZE)
        return indirect_wrong(q, q->packed ? "2.8.7" : "2.7.5.3",
                              "the length of an indirect table is not one of whole descriptors");
    if (d->len / VIRTQ_DESC_SIZE > q->size)
        return indirect_wrong(q, q->packed ? "2.8.17" : "2.7.5.3.1",
                              "an indirect table is longer than the queue");
    if (fake_memory_unpublished(q->memory, d->addr, d->len)) {
        VIOLATION(q->host, "ring.publish_order", q->packed ? "2.8.21.1" : "2.7.13.3.1",
                  "queue %u: a chain was published before its indirect table was visible; a write "
                  "barrier is missing",
                  q->index);
        return false;
    }
    return true;
}

/* Split: from the first entry along `next`. */
static bool split_table(struct vqueue *q, unsigned chain, const struct vdesc *table)
{
    uint32_t size = table->len / VIRTQ_DESC_SIZE;
    uint32_t i = 0;

    for (uint32_t count = 0; count < size; count++) {
        struct vdesc d = vqueue_split_desc(q, table->addr + i * (uint64_t)VIRTQ_DESC_SIZE);

        if (d.flags & VIRTQ_DESC_F_INDIRECT)
            return indirect_wrong(q, "2.7.5.3.1", "an indirect table refers to another one");
        if (!vqueue_append(q, chain, &d))
            return false;
        if (!(d.flags & VIRTQ_DESC_F_NEXT))
            return true;
        i = d.next;
        if (i >= size)
            break;
    }
    return indirect_wrong(q, "2.7.5.3.1", "the chain in an indirect table has no end");
}

/* Packed: all entries in order. */
static bool packed_table(struct vqueue *q, unsigned chain, const struct vdesc *table)
{
    for (uint32_t i = 0; i < table->len; i += VIRTQ_DESC_SIZE) {
        struct vdesc d = vqueue_packed_desc(q, table->addr + i);

        if (d.flags & ~VIRTQ_DESC_F_WRITE)
            return indirect_wrong(q, "2.8.19",
                                  "a descriptor in an indirect table has a flag besides WRITE");
        if (!vqueue_append(q, chain, &d))
            return false;
    }
    return true;
}

/* The table itself is sampled; its buffers follow it in the chain. */
struct vbuffer *vqueue_append_table(struct vqueue *q, unsigned chain, const struct vdesc *d)
{
    struct vbuffer *table;

    if (!vqueue_table_check(q, d))
        return NULL;
    table = buffer_take(q, chain, d, VBUFFER_TABLE);
    if (!table || !(q->packed ? packed_table(q, chain, d) : split_table(q, chain, d)))
        return NULL;
    q->memory->own(q->memory->ctx, d->addr, d->len, true); /* it has been read */
    return table;
}

/* ---- the device processes a chain ---- */

int vqueue_peek(const struct vqueue *q)
{
    return q->ready && q->held_count ? q->held[q->held_head] : -1;
}

int vqueue_next(struct vqueue *q)
{
    int chain = vqueue_peek(q);

    if (chain < 0)
        return -1;
    q->held_head = (uint16_t)vqueue_turn(q, q->held_head + 1u);
    q->held_count--;
    vqueue_tell(q, VQUEUE_WORKING, (unsigned)chain, 0);
    return chain;
}

uint32_t vqueue_first_len(const struct vqueue *q, unsigned chain)
{
    const struct vbuffer *d = q->chain[chain].first;

    return d->kind == VBUFFER_TABLE ? d->next->len : d->len;
}

void vqueue_swap(struct vqueue *q)
{
    uint16_t *a = &q->held[q->held_head], *b = &q->held[vqueue_turn(q, q->held_head + 1u)];
    uint16_t first = *a;

    *a = *b;
    *b = first;
}

bool vqueue_owns(const struct vqueue *q, uint64_t addr, uint32_t len)
{
    if (!q->ready || addr >= q->high || q->low >= addr + len)
        return false;
    for (unsigned i = 0; i < q->buffer_used; i++) {
        const struct vbuffer *o = &q->buffer[i];

        if (o->busy && o->kind == VBUFFER_WRITABLE && addr < o->addr + o->len &&
            o->addr < addr + len)
            return true;
    }
    return false;
}

int vqueue_slot(const struct vqueue *q, const struct vbuffer *b)
{
    if (!vqueue_within(b->at, q->desc, q->desc_len))
        return -1;
    return (int)((b->at - q->desc) / VIRTQ_DESC_SIZE);
}

/* The part of a chain of one kind, piece by piece: bytes and length of the piece at *d, and step.
 */
static uint32_t piece(const struct vbuffer **d, enum vbuffer_kind kind, uint32_t *offset,
                      uint32_t len, uint64_t *addr)
{
    uint32_t n;

    while ((*d)->kind != kind || *offset >= (*d)->len) {
        *offset -= (*d)->kind == kind ? (*d)->len : 0;
        *d = (*d)->next;
    }
    *addr = (*d)->addr + *offset;
    n = (*d)->len - *offset;
    n = min_u32(n, len);
    *offset += n;
    return n;
}

void vqueue_read(const struct vqueue *q, unsigned chain, uint32_t offset, uint8_t *out,
                 uint32_t len)
{
    const struct vbuffer *d = q->chain[chain].first;
    uint64_t addr;

    while (len) {
        uint32_t n = piece(&d, VBUFFER_READABLE, &offset, len, &addr);

        memcpy(out, fake_memory_at(q->memory, addr, n), n);
        out += n;
        len -= n;
    }
}

void vqueue_write(const struct vqueue *q, unsigned chain, uint32_t offset, const uint8_t *bytes,
                  uint32_t len)
{
    const struct vbuffer *d = q->chain[chain].first;
    uint64_t addr;

    while (len) {
        uint32_t n = piece(&d, VBUFFER_WRITABLE, &offset, len, &addr);

        q->memory->write(q->memory->ctx, addr, bytes, n);
        bytes += n;
        len -= n;
    }
}

/* ---- and returns it ---- */

/* The driver must not have changed buffer and descriptor meanwhile (V5; section 3.3.1). Called
 * before the device writes, so a writable buffer still has its original bytes. */
void vqueue_check_untouched(struct vqueue *q, unsigned chain)
{
    const struct fake_memory *m = q->memory;

    LOOK(q->host, RING_OWNERSHIP);
    LOOK(q->host, RING_DESCRIPTOR_CHANGED);
    for (const struct vbuffer *d = q->chain[chain].first; d; d = d->next) {
        if (q->host->thorough && d->kind != VBUFFER_READABLE)
            m->own(m->ctx, d->addr, d->len, false);
        if (!may_share(q, d->kind == VBUFFER_WRITABLE, d->len) && sample(q, d) != d->sample)
            VIOLATION(q->host, "ring.ownership", "2.7.13",
                      "queue %u: the driver touched %s at %#llx while the device owned it",
                      q->index, d->kind == VBUFFER_TABLE ? "an indirect table" : "a buffer",
                      (unsigned long long)d->addr);
        if (d->at && (fake_memory_load(m, d->at + VIRTQ_DESC_ADDR, 8) != d->addr ||
                      fake_memory_load(m, d->at + VIRTQ_DESC_LEN, 4) != d->len))
            VIOLATION(q->host, "ring.descriptor_changed", q->packed ? "2.8.16" : "3.3.1",
                      "queue %u: the descriptor at %#llx was changed while the device had it",
                      q->index, (unsigned long long)d->at);
    }
}

void vqueue_check_held_untouched(struct vqueue *q)
{
    for (unsigned i = 0; q->ready && i < q->held_count; i++)
        vqueue_check_untouched(q, vqueue_held(q, i));
}

/* The used entry of a chain, if it is to be a wrong one. */
static uint32_t used_lie(struct vqueue *q, unsigned chain, uint32_t written)
{
    if (q->lie == VQUEUE_LIE_INDEX)
        q->used_idx = (uint16_t)(q->used_idx + q->size);
    else if (q->lie == VQUEUE_LIE_ID)
        q->chain[chain].id = (uint16_t)q->size;
    else if (q->lie == VQUEUE_LIE_LENGTH)
        written = q->chain[chain].writable + 1;
    return written;
}

void vqueue_complete(struct vqueue *q, unsigned chain, uint32_t written)
{
    struct vchain *c = &q->chain[chain];

    if (q->lie > VQUEUE_LIED)
        written = used_lie(q, chain, written);

    q->host->used(q->host->ctx, c->id, written);
    vqueue_tell(q, VQUEUE_USED, chain, written);
    if (q->packed)
        vqueue_packed_complete(q, chain, written);
    else
        vqueue_split_complete(q, chain, written);
    if (q->lie != VQUEUE_HONEST)
        q->lie = VQUEUE_LIED;
    for (struct vbuffer *d = c->first; d; d = d->next)
        d->busy = false;
    c->last->next = q->buffer_free;
    q->buffer_free = c->first;
    c->first = c->last = NULL;
}

void vqueue_fetch(struct vqueue *q)
{
    do {
        if (!q->ready || q->lie == VQUEUE_LIED)
            return;
        q->memory->look(q->memory->ctx);
        if (q->packed)
            vqueue_packed_fetch(q);
        else
            vqueue_split_fetch(q);
    } while (vqueue_event_renew(q));
}
