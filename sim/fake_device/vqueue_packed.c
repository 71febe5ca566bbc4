/*
 * The packed ring format, device side (VirtIO 1.2 section 2.8): see vqueue.h.
 *
 * `seen` is the slot of the next descriptor that the driver will make available, `used_idx` that of
 * the next used one; `taken` - `given` slots from the latter on are the device's.
 */
#include "vqueue_internal.h"

static uint64_t slot_at(const struct vqueue *q, unsigned slot)
{
    return q->desc + slot * (uint64_t)VIRTQ_DESC_SIZE;
}

static uint16_t slot_flags(const struct vqueue *q, unsigned slot)
{
    return (uint16_t)fake_memory_load(q->memory, slot_at(q, slot) + VIRTQ_PACKED_DESC_FLAGS, 2);
}

static void step(const struct vqueue *q, uint16_t *slot, bool *wrap)
{
    if (++*slot == q->size) {
        *slot = 0;
        *wrap = !*wrap;
    }
}

static bool available(uint16_t flags, bool wrap)
{
    return !!(flags & VIRTQ_DESC_F_AVAIL) == wrap && !!(flags & VIRTQ_DESC_F_USED) != wrap;
}

bool vqueue_packed_start(struct vqueue *q)
{
    q->desc_len = VIRTQ_DESC_SIZE * (uint64_t)q->size;
    q->avail_len = q->used_len = VIRTQ_EVENT_SIZE;
    if (!vqueue_place(q, "descriptor ring", q->desc, q->desc_len, VIRTQ_DESC_ALIGN) ||
        !vqueue_place(q, "driver event suppression", q->avail, q->avail_len, VIRTQ_EVENT_ALIGN) ||
        !vqueue_place(q, "device event suppression", q->used, q->used_len, VIRTQ_EVENT_ALIGN))
        return false;
    for (unsigned i = 0; i < VQUEUE_IDS / 64; i++)
        q->busy[i] = 0;
    q->chain_free_count = 0;
    for (unsigned i = 0; i < q->size; i++) {
        q->chain_free[q->chain_free_count++] = (uint16_t)(q->size - 1 - i);
        q->slot[i].buffer = NULL;
        q->slot[i].flags = 0;
        if (slot_flags(q, i) == 0)
            continue;
        VIOLATION(q->host, "ring.not_cleared", "2.8.13",
                  "queue %u: the flags of slot %u do not start at zero", q->index, i);
        return false;
    }
    return true;
}

/* ---- the driver makes chains available ---- */

struct vdesc vqueue_packed_desc(const struct vqueue *q, uint64_t at)
{
    const struct fake_memory *m = q->memory;
    struct vdesc d = {.at = at};

    d.addr = fake_memory_load(m, at + VIRTQ_PACKED_DESC_ADDR, 8);
    d.len = (uint32_t)fake_memory_load(m, at + VIRTQ_PACKED_DESC_LEN, 4);
    d.id = (uint16_t)fake_memory_load(m, at + VIRTQ_PACKED_DESC_ID, 2);
    d.flags = (uint16_t)fake_memory_load(m, at + VIRTQ_PACKED_DESC_FLAGS, 2);
    return d;
}

/* The descriptor in the next slot, as part of a chain whose head is available. */
static bool desc_take(struct vqueue *q, unsigned chain, struct vdesc *d)
{
    uint64_t at = slot_at(q, q->seen);
    const struct fake_memory *m = q->memory;
    struct vbuffer *buffer;

    if (q->taken - q->given == q->size) {
        VIOLATION(q->host, "ring.index", "2.8.17",
                  "queue %u: the chain that ends in slot %u needs more slots than are free",
                  q->index, q->seen);
        return false;
    }
    if (fake_memory_unpublished(m, at, VIRTQ_DESC_SIZE)) {
        VIOLATION(q->host, "ring.publish_order", "2.8.21.1",
                  "queue %u: a chain was made available before the descriptor in slot %u was "
                  "visible; a write barrier is missing before the flags of its head",
                  q->index, q->seen);
        return false;
    }
    *d = vqueue_packed_desc(q, at);
    LOOK(q->host, RING_WRAP);
    if (!available(d->flags, q->seen_wrap)) {
        VIOLATION(
            q->host, "ring.wrap", "2.8.6",
            "queue %u: slot %u belongs to an available chain, but its own flags %#x do not match",
            q->index, q->seen, d->flags);
        return false;
    }
    if ((d->flags & VIRTQ_DESC_F_INDIRECT) && q->chain[chain].count) {
        VIOLATION(q->host, "ring.indirect", "2.8.19",
                  "queue %u: the chain that ends in slot %u mixes direct and indirect descriptors",
                  q->index, q->seen);
        return false;
    }
    buffer = d->flags & VIRTQ_DESC_F_INDIRECT ? vqueue_append_table(q, chain, d)
                                              : vqueue_append(q, chain, d);
    if (!buffer)
        return false;
    q->slot[q->seen].flags = d->flags;
    q->slot[q->seen].buffer = buffer;
    q->chain[chain].count++;
    q->taken++;
    step(q, &q->seen, &q->seen_wrap);
    return true;
}

static bool vqueue_packed_chain_take(struct vqueue *q)
{
    unsigned chain;
    struct vdesc d;

    if (!q->chain_free_count) {
        VIOLATION(q->host, "ring.index", "2.8.16",
                  "queue %u: slot %u is made available while the device has every slot", q->index,
                  q->seen);
        return false;
    }
    chain = q->chain_free[q->chain_free_count - 1];
    vqueue_chains_looked(q);
    vqueue_chain_begin(q, chain);
    do {
        if (!desc_take(q, chain, &d))
            return false;
    } while (d.flags & VIRTQ_DESC_F_NEXT);
    if (!vqueue_claim(q, d.id)) {
        VIOLATION(q->host, "ring.reuse", "2.8.21.1",
                  "queue %u: buffer id %u is made available again while the device has it",
                  q->index, d.id);
        return false;
    }
    q->chain[chain].id = d.id;
    q->chain_free_count--;
    vqueue_hold(q, chain);
    return true;
}

void vqueue_packed_fetch(struct vqueue *q)
{
    uint16_t flags;

    while (available(flags = slot_flags(q, q->seen), q->seen_wrap)) {
        if (!vqueue_packed_chain_take(q)) {
            q->ready = false;
            return;
        }
    }
    if (flags != q->slot[q->seen].flags) {
        VIOLATION(q->host, "ring.wrap", "2.8.1",
                  "queue %u: the driver wrote flags %#x into slot %u, which are not those of an "
                  "available descriptor while its ring wrap counter is %d",
                  q->index, flags, q->seen, q->seen_wrap);
        q->ready = false;
    }
}

uint32_t vqueue_packed_fresh(const struct vqueue *q)
{
    uint32_t n = 0;
    uint16_t slot = q->seen;
    bool wrap = q->seen_wrap;

    while (n < q->size && available(slot_flags(q, slot), wrap)) {
        step(q, &slot, &wrap);
        n++;
    }
    return n;
}

/* ---- the device returns one ---- */

static void vqueue_packed_entry_write(struct vqueue *q, uint64_t at, uint16_t id, uint32_t written,
                                      unsigned flags)
{
    const struct fake_memory *m = q->memory;

    m->store(m->ctx, at + VIRTQ_PACKED_DESC_ID, 2, id);
    m->store(m->ctx, at + VIRTQ_PACKED_DESC_LEN, 4, written);
    m->store(m->ctx, at + VIRTQ_PACKED_DESC_FLAGS, 2, flags);
}

void vqueue_packed_complete(struct vqueue *q, unsigned chain, uint32_t written)
{
    uint64_t at = slot_at(q, q->used_idx);
    unsigned flags = (q->used_wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0) |
                     (written ? VIRTQ_DESC_F_WRITE : 0);

    for (const struct vbuffer *d = q->chain[chain].first; d; d = d->next)
        if (vqueue_within(d->at, q->desc, q->desc_len))
            q->slot[(d->at - q->desc) / VIRTQ_DESC_SIZE].buffer = NULL;
    /* Out of order: the slots of this chain's used entry may hold descriptors of another one, which
     * the device has copied. */
    q->slot[q->used_idx].flags = (uint16_t)flags;
    for (unsigned i = 0; i < q->chain[chain].count; i++) {
        if (q->slot[q->used_idx].buffer)
            q->slot[q->used_idx].buffer->at = 0;
        q->slot[q->used_idx].buffer = NULL;
        q->given++;
        step(q, &q->used_idx, &q->used_wrap);
    }
    vqueue_release(q, q->chain[chain].id);
    q->chain_free[q->chain_free_count++] = (uint16_t)chain;
    if (q->lie == VQUEUE_LIE_TWICE) /* the second before the first is visible */
        vqueue_packed_entry_write(q, slot_at(q, q->used_idx), q->chain[chain].id, written, flags);
    vqueue_packed_entry_write(q, at, q->chain[chain].id, written, flags);
}

/* ---- the driver's stores ---- */

void vqueue_packed_stored(struct vqueue *q, uint64_t bus)
{
    unsigned slot = (unsigned)((bus - q->desc) / VIRTQ_DESC_SIZE);

    if ((slot + q->size - q->used_idx) % q->size < q->taken - q->given)
        VIOLATION(q->host, "ring.descriptor_changed", "2.8.16",
                  "queue %u: the driver writes to slot %u, which the device has", q->index, slot);
}
