/*
 * The packed ring format, driver side (VirtIO 1.2 section 2.8): see virtq_internal.h.
 *
 * One ring of descriptors that both sides write. A descriptor is available or used when its AVAIL
 * and USED bits say so for the lap that its reader is on: the ring wrap counters avail_wrap and
 * used_wrap. Buffer ids come from the free list of the shadow; a chain has one id and as many slots
 * of the ring as it has descriptors.
 */
#include "../base/mem.h"
#include "../port/ring.h"
#include "virtq_internal.h"

int virtq_packed_place(struct virtq *q, struct dma_memory *memory, struct virtq_addresses *at)
{
    const struct platform *p = q->dev->platform;
    size_t ring_size = VIRTQ_DESC_SIZE * (size_t)q->size;
    size_t total = ring_size + 2 * VIRTQ_EVENT_SIZE;
    uint8_t *area = dma_take(memory, total, VIRTQ_DESC_ALIGN);

    if (!area)
        return virtio_fail(q->dev, VIRTIO_FAILURE_MEMORY, total);
    mem_fill(area, 0, total);
    q->ring = (struct virtq_packed_desc *)(void *)area;
    q->driver_event = (le32 *)(void *)(area + ring_size);
    q->device_event = (le32 *)(void *)(area + ring_size + VIRTQ_EVENT_SIZE);
    q->avail_wrap = q->used_wrap = true;
    q->head_waits = false;
    virtq_packed_interrupts(q, false);
    at->desc = p->bus_address(p->ctx, q->ring);
    at->avail = p->bus_address(p->ctx, q->driver_event);
    at->used = p->bus_address(p->ctx, q->device_event);
    return 0;
}

/* The bits that make a descriptor available, or that a used one has, on this lap: 2.8.1. */
static unsigned avail_bits(bool wrap)
{
    return wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
}

static unsigned used_bits(bool wrap)
{
    return wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0;
}

/*
 * All flags of a chain are written at once but those of the first head that was added since the
 * last publication: the device reads in order, so it sees none of the chains after that one
 * (2.8.21.1, a batch).
 */
void virtq_packed_add(struct virtq *q, const struct virtq_seg *seg, unsigned out, unsigned in,
                      unsigned flags)
{
    const struct platform *p = q->dev->platform;
    uint16_t id = q->free_head;

    q->free_head = q->shadow[id].next;
    for (unsigned i = 0; i < out + in; i++) {
        struct virtq_packed_desc *d = &q->ring[q->avail_idx];
        unsigned all = (i + 1 == out + in ? 0 : VIRTQ_DESC_F_NEXT) |
                       (i < out ? 0 : VIRTQ_DESC_F_WRITE) | avail_bits(q->avail_wrap) | flags;

        ring_store64(p, &d->addr, seg[i].addr);
        ring_store32(p, &d->len, seg[i].len);
        ring_store16(p, &d->id, id);
        if (!q->head_waits) {
            q->head_waits = true;
            q->head_at = q->avail_idx;
            q->head_flags = (uint16_t)all;
        } else {
            ring_store16(p, &d->flags, (uint16_t)all);
        }
        if (++q->avail_idx == q->size) {
            q->avail_idx = 0;
            q->avail_wrap = !q->avail_wrap;
        }
        q->unkicked++;
    }
}

/* WRITE is the only flag here, the order is that of the table: 2.8.7. */
void virtq_packed_table(struct virtq *q, uint8_t *table, const struct virtq_seg *seg, unsigned out,
                        unsigned in)
{
    const struct platform *p = q->dev->platform;
    struct virtq_packed_desc *d = (struct virtq_packed_desc *)(void *)table;

    for (unsigned i = 0; i < out + in; i++, d++) {
        ring_store64(p, &d->addr, seg[i].addr);
        ring_store32(p, &d->len, seg[i].len);
        ring_store16(p, &d->flags, i < out ? 0 : VIRTQ_DESC_F_WRITE);
    }
}

void virtq_packed_publish(struct virtq *q)
{
    const struct platform *p = q->dev->platform;

    if (!q->head_waits)
        return;
    ring_barrier(p, BARRIER_WRITE); /* rest before the flags: 2.8.21.1.1 */
    q->head_waits = false;
    ring_store16(p, &q->ring[q->head_at].flags, q->head_flags);
}

bool virtq_packed_wants_kick(struct virtq *q)
{
    /* Both halves in one load, so that they belong together. */
    uint32_t event = ring_load32(q->dev->platform, q->device_event);
    bool wrap = event & VIRTQ_EVENT_WRAP;
    uint16_t slot = event & (VIRTQ_EVENT_WRAP - 1);

    if (event >> 16 != VIRTQ_EVENT_FLAGS_DESC || !q->event_idx)
        return event >> 16 != VIRTQ_EVENT_FLAGS_DISABLE;
    if (wrap != q->avail_wrap) /* of the lap before: `size` slots below the first of this one */
        slot = (uint16_t)(slot - q->size);
    return virtq_passed(slot, q->avail_idx, (uint16_t)(q->avail_idx - q->unkicked));
}

bool virtq_packed_more(struct virtq *q)
{
    unsigned flags = ring_load16(q->dev->platform, &q->ring[q->used_idx].flags);

    return (flags & (VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED)) == used_bits(q->used_wrap);
}

int virtq_packed_used(struct virtq *q, uint32_t *id, uint32_t *written)
{
    const struct platform *p = q->dev->platform;
    const struct virtq_packed_desc *d = &q->ring[q->used_idx];

    if (!virtq_packed_more(q))
        return 0;
    ring_barrier(p, BARRIER_READ); /* the rest after the flags: 2.8.22 */
    *id = ring_load16(p, &d->id);
    /* The WRITE flag should say whether the length is valid (2.8.4), but some devices never set it;
     * virtq_get_used() knows whether the chain could be written at all. */
    *written = ring_load32(p, &d->len);
    return 1;
}

void virtq_packed_free(struct virtq *q, uint16_t id)
{
    q->shadow[id].next = q->free_head;
    q->free_head = id;
    q->used_idx = (uint16_t)(q->used_idx + q->shadow[id].count);
    if (q->used_idx >= q->size) {
        q->used_idx = (uint16_t)(q->used_idx - q->size);
        q->used_wrap = !q->used_wrap;
    }
}

void virtq_packed_interrupts(struct virtq *q, bool wanted)
{
    uint32_t event = VIRTQ_EVENT_FLAGS_ENABLE << 16;

    if (!wanted)
        event = VIRTQ_EVENT_FLAGS_DISABLE << 16;
    else if (q->event_idx)
        event = VIRTQ_EVENT_FLAGS_DESC << 16 | (q->used_wrap ? VIRTQ_EVENT_WRAP : 0) | q->used_idx;
    ring_store32(q->dev->platform, q->driver_event, event);
}
