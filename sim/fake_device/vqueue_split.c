/* The split ring format, device side (VirtIO 1.2 section 2.7): see vqueue.h. */
#include "vqueue_internal.h"

enum { LAYOUT_ALIGN_LEGACY = 4096 };

bool vqueue_split_start(struct vqueue *q)
{
    unsigned unused = q->event_idx ? 0 : 2; /* bytes of used_event and avail_event */

    q->desc_len = VIRTQ_DESC_SIZE * (uint64_t)q->size;
    q->avail_len = VIRTQ_AVAIL_RING + VIRTQ_AVAIL_ELEM_SIZE * (uint64_t)q->size + 2;
    q->used_len = VIRTQ_USED_RING + VIRTQ_USED_ELEM_SIZE * (uint64_t)q->size + 2;
    if (q->legacy) { /* 2.7.2: one area, the used ring on the next page */
        q->avail = q->desc + q->desc_len;
        q->used = (q->avail + q->avail_len + LAYOUT_ALIGN_LEGACY - 1) &
                  ~(uint64_t)(LAYOUT_ALIGN_LEGACY - 1);
    }
    if (!vqueue_place(q, "descriptor table", q->desc, q->desc_len, VIRTQ_DESC_ALIGN) ||
        !vqueue_place(q, "available ring", q->avail, q->avail_len - unused, VIRTQ_AVAIL_ALIGN) ||
        !vqueue_place(q, "used ring", q->used, q->used_len - unused, VIRTQ_USED_ALIGN))
        return false;
    for (uint32_t i = 0; i < (q->size + 63) / 64; i++)
        q->busy[i] = 0;
    if (fake_memory_load(q->memory, q->used + VIRTQ_USED_FLAGS, 2) ||
        fake_memory_load(q->memory, q->used + VIRTQ_USED_IDX, 2))
        VIOLATION(q->host, "ring.not_cleared", "2.7.10.1",
                  "queue %u: the used ring does not start at zero (is its address correct?)",
                  q->index);
    return true;
}

/* ---- the driver makes chains available ---- */

struct vdesc vqueue_split_desc(const struct vqueue *q, uint64_t at)
{
    const struct fake_memory *m = q->memory;
    struct vdesc d = {.at = at};

    d.addr = fake_memory_load(m, at + VIRTQ_DESC_ADDR, 8);
    d.len = (uint32_t)fake_memory_load(m, at + VIRTQ_DESC_LEN, 4);
    d.flags = (uint16_t)fake_memory_load(m, at + VIRTQ_DESC_FLAGS, 2);
    d.next = (uint16_t)fake_memory_load(m, at + VIRTQ_DESC_NEXT, 2);
    return d;
}

static bool desc_read(struct vqueue *q, unsigned i, struct vdesc *d)
{
    uint64_t at = q->desc + i * (uint64_t)VIRTQ_DESC_SIZE;
    const struct fake_memory *m = q->memory;

    if (fake_memory_unpublished(m, at, VIRTQ_DESC_SIZE)) {
        VIOLATION(q->host, "ring.publish_order", "2.7.13.3.1",
                  "queue %u: the available index was published before descriptor %u was visible; "
                  "a write barrier is missing",
                  q->index, i);
        return false;
    }
    if (!vqueue_claim(q, (uint16_t)i)) {
        VIOLATION(q->host, "ring.reuse", "2.7.13",
                  "queue %u: descriptor %u is made available again while the device has it",
                  q->index, i);
        return false;
    }
    *d = vqueue_split_desc(q, at);
    return true;
}

static bool vqueue_split_chain_take(struct vqueue *q, unsigned head)
{
    unsigned i = head, count = 0;
    struct vdesc d;

    for (;;) {
        if (i >= q->size) {
            VIOLATION(q->host, "ring.chain", "2.7.5",
                      "queue %u: descriptor index %u is beyond the queue size %u", q->index, i,
                      q->size);
            return false;
        }
        if (count++ == 0) {
            vqueue_chain_begin(q, head);
            q->chain[head].id = (uint16_t)head;
        }
        if (count > q->size) {
            VIOLATION(q->host, "ring.chain", "2.7.5.3.1",
                      "queue %u: the chain at %u is longer than the queue", q->index, head);
            return false;
        }
        if (!desc_read(q, i, &d))
            return false;
        if (d.flags & VIRTQ_DESC_F_INDIRECT)
            return vqueue_append_table(q, head, &d);
        if (!vqueue_append(q, head, &d))
            return false;
        if (!(d.flags & VIRTQ_DESC_F_NEXT))
            return true;
        i = d.next;
    }
}

uint32_t vqueue_split_fresh(const struct vqueue *q)
{
    return (uint16_t)(fake_memory_load(q->memory, q->avail + VIRTQ_AVAIL_IDX, 2) - q->seen);
}

void vqueue_split_fetch(struct vqueue *q)
{
    const struct fake_memory *m = q->memory;
    uint32_t fresh = vqueue_split_fresh(q);

    if (fresh > (uint32_t)(q->size - q->held_count)) {
        VIOLATION(q->host, "ring.index", "2.7.6.1",
                  "queue %u: the available index went from %u to %u, more than the queue holds",
                  q->index, q->seen, (uint16_t)(q->seen + fresh));
        q->ready = false;
        return;
    }
    if (fresh)
        vqueue_chains_looked(q);
    for (; fresh; fresh--) {
        uint64_t at =
            q->avail + VIRTQ_AVAIL_RING + VIRTQ_AVAIL_ELEM_SIZE * (q->seen & (q->size - 1));
        uint16_t head;

        if (fake_memory_unpublished(m, at, 2)) {
            VIOLATION(q->host, "ring.publish_order", "2.7.13.3.1",
                      "queue %u: the available index was published before its ring entry was "
                      "visible; a write barrier is missing",
                      q->index);
            q->ready = false;
            return;
        }
        head = (uint16_t)fake_memory_load(m, at, 2);
        if (!vqueue_split_chain_take(q, head)) {
            q->ready = false;
            return;
        }
        vqueue_hold(q, head);
        q->seen++;
        q->taken++;
    }
}

/* ---- the device returns one ---- */

static void vqueue_split_entry_write(struct vqueue *q, uint32_t id, uint32_t written)
{
    const struct fake_memory *m = q->memory;
    uint64_t at =
        q->used + VIRTQ_USED_RING + VIRTQ_USED_ELEM_SIZE * (q->used_idx++ & (q->size - 1));

    m->store(m->ctx, at + VIRTQ_USED_ELEM_ID, 4, id);
    m->store(m->ctx, at + VIRTQ_USED_ELEM_LEN, 4, written);
}

void vqueue_split_complete(struct vqueue *q, unsigned chain, uint32_t written)
{
    const struct fake_memory *m = q->memory;

    for (const struct vbuffer *d = q->chain[chain].first; d; d = d->next)
        if (vqueue_within(d->at, q->desc, q->desc_len))
            vqueue_release(q, (uint16_t)((d->at - q->desc) / VIRTQ_DESC_SIZE));
    vqueue_split_entry_write(q, q->chain[chain].id, written);
    if (q->lie == VQUEUE_LIE_TWICE)
        vqueue_split_entry_write(q, q->chain[chain].id, written);
    m->store(m->ctx, q->used + VIRTQ_USED_IDX, 2, q->used_idx);
    q->given++;
}
