/* The split ring format, driver side (VirtIO 1.2 section 2.7): see virtq_internal.h. */
#include "../base/mem.h"
#include "../port/ring.h"
#include "virtq_internal.h"

static size_t round_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

/* With event index, after the last entry: 2.7.6, 2.7.8. */
static le16 *used_event(struct virtq *q)
{
    return &q->avail->ring[q->size];
}

static const le16 *avail_event(const struct virtq *q)
{
    return (const le16 *)(const void *)&q->used->ring[q->size];
}

/* One area in the layout of section 2.7.2, which serves both interfaces: modern devices get the
 * three addresses, legacy ones compute them from size and alignment. */
int virtq_split_place(struct virtq *q, struct dma_memory *memory, struct virtq_addresses *at)
{
    const struct platform *p = q->dev->platform;
    unsigned size = q->size;
    size_t align = q->dev->legacy ? VIRTQ_LEGACY_ALIGN : VIRTQ_DESC_ALIGN;
    size_t avail_at = VIRTQ_DESC_SIZE * size;
    size_t used_at =
        round_up(avail_at + VIRTQ_AVAIL_RING + VIRTQ_AVAIL_ELEM_SIZE * size + 2, align);
    size_t total = round_up(used_at + VIRTQ_USED_RING + VIRTQ_USED_ELEM_SIZE * size + 2, align);
    uint8_t *area = dma_take(memory, total, align);

    if (!area)
        return virtio_fail(q->dev, VIRTIO_FAILURE_MEMORY, total);
    mem_fill(area, 0, total);
    q->desc = (struct virtq_desc *)(void *)area;
    q->avail = (struct virtq_avail *)(void *)(area + avail_at);
    q->used = (struct virtq_used *)(void *)(area + used_at);
    virtq_split_interrupts(q, false);
    at->desc = p->bus_address(p->ctx, q->desc);
    at->avail = p->bus_address(p->ctx, q->avail);
    at->used = p->bus_address(p->ctx, q->used);
    return 0;
}

static void desc_write(struct virtq *q, struct virtq_desc *d, const struct virtq_seg *seg,
                       unsigned flags, uint16_t next)
{
    const struct platform *p = q->dev->platform;

    ring_store64(p, &d->addr, seg->addr);
    ring_store32(p, &d->len, seg->len);
    ring_store16(p, &d->flags, (uint16_t)flags);
    ring_store16(p, &d->next, next);
}

static unsigned shape(unsigned i, unsigned out, unsigned in)
{
    return (i + 1 == out + in ? 0 : VIRTQ_DESC_F_NEXT) | (i < out ? 0 : VIRTQ_DESC_F_WRITE);
}

void virtq_split_add(struct virtq *q, const struct virtq_seg *seg, unsigned out, unsigned in,
                     unsigned flags)
{
    const struct platform *p = q->dev->platform;
    uint16_t head = q->free_head, at = head;
    unsigned last = out + in - 1;

    for (unsigned i = 0; i < last; i++) {
        uint16_t next = q->shadow[at].next;

        desc_write(q, &q->desc[at], &seg[i], shape(i, out, in) | flags, next);
        at = next;
    }
    desc_write(q, &q->desc[at], &seg[last], shape(last, out, in) | flags, 0);
    q->free_head = q->shadow[at].next;
    ring_store16(p, &q->avail->ring[q->avail_idx & (q->size - 1)], head);
    q->avail_idx++;
}

void virtq_split_table(struct virtq *q, uint8_t *table, const struct virtq_seg *seg, unsigned out,
                       unsigned in)
{
    struct virtq_desc *d = (struct virtq_desc *)(void *)table;

    for (unsigned i = 0; i < out + in; i++)
        desc_write(q, &d[i], &seg[i], shape(i, out, in), (uint16_t)(i + 1 == out + in ? 0 : i + 1));
}

void virtq_split_publish(struct virtq *q)
{
    const struct platform *p = q->dev->platform;

    ring_barrier(p, BARRIER_WRITE); /* entries before idx: 2.7.13.3.1 */
    q->unkicked = (uint16_t)(q->unkicked + q->avail_idx - q->published);
    q->published = q->avail_idx;
    ring_store16(p, &q->avail->idx, q->published);
}

bool virtq_split_wants_kick(struct virtq *q)
{
    const struct platform *p = q->dev->platform;

    if (!q->event_idx)
        return !(ring_load16(p, &q->used->flags) & VIRTQ_USED_F_NO_NOTIFY);
    return virtq_passed(ring_load16(p, avail_event(q)), q->published,
                        (uint16_t)(q->published - q->unkicked));
}

/* Load used->idx, once for a whole batch. */
static int refresh(struct virtq *q)
{
    const struct platform *p = q->dev->platform;
    uint16_t idx = ring_load16(p, &q->used->idx);

    if ((uint16_t)(idx - q->used_idx) > q->in_flight)
        return virtio_fail(q->dev, VIRTIO_FAILURE_USED_INDEX, idx);
    if (idx != q->used_idx)
        ring_barrier(p, BARRIER_READ); /* entries and buffers after idx: 2.7.14 */
    q->used_limit = idx;
    return 0;
}

int virtq_split_used(struct virtq *q, uint32_t *id, uint32_t *written)
{
    const struct platform *p = q->dev->platform;
    const struct virtq_used_elem *elem;

    if (q->used_idx == q->used_limit && refresh(q))
        return ERR_DEVICE;
    if (q->used_idx == q->used_limit)
        return 0;
    elem = &q->used->ring[q->used_idx & (q->size - 1)];
    *id = ring_load32(p, &elem->id);
    *written = ring_load32(p, &elem->len);
    return 1;
}

void virtq_split_free(struct virtq *q, uint16_t id)
{
    uint16_t last = id;

    for (unsigned i = 1; i < q->shadow[id].count; i++)
        last = q->shadow[last].next;
    q->shadow[last].next = q->free_head;
    q->free_head = id;
    q->used_idx++;
}

void virtq_split_interrupts(struct virtq *q, bool wanted)
{
    const struct platform *p = q->dev->platform;

    if (q->event_idx) /* the flags stay 0, 2.7.7.1; disabled: the entry that is furthest away */
        ring_store16(p, used_event(q), (uint16_t)(q->used_idx - (wanted ? 0 : 1)));
    else
        ring_store16(p, &q->avail->flags, wanted ? 0 : VIRTQ_AVAIL_F_NO_INTERRUPT);
}

bool virtq_split_more(struct virtq *q)
{
    return ring_load16(q->dev->platform, &q->used->idx) != q->used_idx;
}
