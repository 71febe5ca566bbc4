/* The split virtqueue, driver side: see virtq.h. */
#include "virtq.h"
#include "../bug.h"
#include "../check.h"
#include "../mem.h"
#include "../ring.h"

/* No descriptor follows. */
enum { DESC_NONE = 0xffff };

static size_t round_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

/* One area in the layout of section 2.7.2, which serves both interfaces: modern devices are told
 * the three addresses, legacy ones compute them from size and alignment. */
static int virtq_place(struct virtq *q, struct dma_memory *memory, unsigned size)
{
    size_t align = q->dev->legacy ? VIRTQ_LEGACY_ALIGN : VIRTQ_DESC_ALIGN;
    size_t avail_at = VIRTQ_DESC_SIZE * size;
    size_t used_at = round_up(avail_at + VIRTQ_AVAIL_RING + VIRTQ_AVAIL_ELEM_SIZE * size + 2,
                              align);
    size_t total = round_up(used_at + VIRTQ_USED_RING + VIRTQ_USED_ELEM_SIZE * size + 2, align);
    uint8_t *area = dma_take(memory, total, align);

    if (!area)
        return virtio_fail(q->dev, VIRTIO_FAILURE_MEMORY, total);
    mem_fill(area, 0, total);
    q->desc = (struct virtq_desc *)(void *)area;
    q->avail = (struct virtq_avail *)(void *)(area + avail_at);
    q->used = (struct virtq_used *)(void *)(area + used_at);
    return 0;
}

int virtq_setup(struct virtq *q, struct virtio_device *d, uint16_t index,
                struct dma_memory *memory)
{
    const struct platform *p = d->platform;
    uint32_t size = d->transport->queue_size_max(d, index);
    struct virtq_addresses at;

    if (size == 0)
        return virtio_fail(d, VIRTIO_FAILURE_QUEUE_ABSENT, index);
    if (size > VIRTQ_SIZE_LIMIT || (size & (size - 1)))
        return virtio_fail(d, VIRTIO_FAILURE_QUEUE_SIZE, size);
    size = size < VIRTQ_SIZE_MAX ? size : VIRTQ_SIZE_MAX;

    q->dev = d;
    q->index = index;
    q->size = (uint16_t)size;
    q->free_head = 0;
    q->free_count = q->size;
    q->avail_idx = q->published = q->kicked = q->used_idx = q->used_limit = q->in_flight = 0;
    for (unsigned i = 0; i < size; i++) {
        q->shadow[i].token = 0;
        q->shadow[i].in_len = 0;
        q->shadow[i].next = (uint16_t)(i + 1 < size ? i + 1 : DESC_NONE);
        q->shadow[i].count = 0;
    }
    if (virtq_place(q, memory, BUG(QUEUE_SIZE) ? size / 2 : size))
        return ERR_DEVICE;
    ring_store16(p, &q->avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
    at.desc = p->bus_address(p->ctx, q->desc);
    at.avail = p->bus_address(p->ctx, q->avail);
    at.used = p->bus_address(p->ctx, q->used);
    p->barrier(p->ctx, BARRIER_WRITE); /* the cleared ring before the device may look at it */
    return d->transport->queue_enable(d, index, q->size, &at);
}

int virtq_add(struct virtq *q, const struct virtq_seg *seg, unsigned out, unsigned in,
              void *token)
{
    const struct platform *p = q->dev->platform;
    unsigned count = out + in;
    uint16_t head = q->free_head, at = head;
    uint32_t in_len = 0;

    CHECK(count > 0 && token);
    if (count > q->free_count)
        return ERR_AGAIN;
    for (unsigned i = 0; i < count; i++) {
        bool last = i + 1 == count;
        uint16_t next = q->shadow[at].next;
        unsigned flags = (last ? 0 : VIRTQ_DESC_F_NEXT) | (i < out ? 0 : VIRTQ_DESC_F_WRITE);

        CHECK(seg[i].len > 0 && seg[i].len <= UINT16_MAX);
        ring_store64(p, &q->desc[at].addr, seg[i].addr);
        ring_store32(p, &q->desc[at].len, seg[i].len);
        ring_store16(p, &q->desc[at].flags, (uint16_t)flags);
        ring_store16(p, &q->desc[at].next, last ? 0 : next);
        if (i >= out)
            in_len += seg[i].len;
        if (last)
            q->free_head = next;
        else
            at = next;
    }
    if (BUG(DESCRIPTOR_REUSE) && in == 0)
        q->free_head = head;
    q->free_count = (uint16_t)(q->free_count - count);
    q->shadow[head].token = token;
    q->shadow[head].in_len = in_len;
    q->shadow[head].count = (uint16_t)count;
    ring_store16(p, &q->avail->ring[q->avail_idx & (q->size - 1)], head);
    q->avail_idx++;
    q->in_flight++;
    return 0;
}

void virtq_publish(struct virtq *q)
{
    const struct platform *p = q->dev->platform;

    if (q->published == q->avail_idx)
        return;
    if (!BUG(NO_WRITE_BARRIER))
        p->barrier(p->ctx, BARRIER_WRITE); /* entries before idx: VirtIO 1.2 2.7.13.3.1 */
    q->published = q->avail_idx;
    ring_store16(p, &q->avail->idx, q->published);
}

void virtq_kick(struct virtq *q)
{
    const struct platform *p = q->dev->platform;

    virtq_publish(q);
    if (q->kicked == q->published)
        return;
    q->kicked = q->published;
    p->barrier(p->ctx, BARRIER_FULL); /* idx before used->flags is read: 2.7.13.4.1 */
    if (BUG(NO_NOTIFY) && q->index == VIRTIO_NET_TRANSMITQ1)
        return;
    if (!(ring_load16(p, &q->used->flags) & VIRTQ_USED_F_NO_NOTIFY) || BUG(NOTIFY_SUPPRESSED))
        q->dev->transport->notify(q->dev, q->index);
}

/* Load used->idx, once for a whole batch. */
static int virtq_refresh(struct virtq *q)
{
    const struct platform *p = q->dev->platform;
    uint16_t idx = ring_load16(p, &q->used->idx);

    if ((uint16_t)(idx - q->used_idx) > q->in_flight)
        return virtio_fail(q->dev, VIRTIO_FAILURE_USED_INDEX, idx);
    if (idx != q->used_idx && !BUG(NO_READ_BARRIER))
        p->barrier(p->ctx, BARRIER_READ); /* entries and buffers after idx: 2.7.14 */
    q->used_limit = idx;
    return 0;
}

static void chain_free(struct virtq *q, uint16_t head)
{
    unsigned count = q->shadow[head].count;
    uint16_t last = head;

    for (unsigned i = 1; i < count; i++)
        last = q->shadow[last].next;
    q->shadow[last].next = q->free_head;
    q->free_head = head;
    q->free_count = (uint16_t)(q->free_count + count);
    q->shadow[head].count = 0;
    q->shadow[head].token = 0;
}

int virtq_get_used(struct virtq *q, void **token, uint32_t *len)
{
    const struct platform *p = q->dev->platform;
    const struct virtq_used_elem *elem;
    uint32_t id, written;

    if (q->dev->failed)
        return ERR_DEVICE;
    if (q->used_idx == q->used_limit && virtq_refresh(q))
        return ERR_DEVICE;
    if (q->used_idx == q->used_limit)
        return 0;

    elem = &q->used->ring[q->used_idx & (q->size - 1)];
    id = ring_load32(p, &elem->id);
    written = ring_load32(p, &elem->len);
    if (id >= q->size)
        return virtio_fail(q->dev, VIRTIO_FAILURE_USED_ID, id);
    if (q->shadow[id].count == 0)
        return virtio_fail(q->dev, VIRTIO_FAILURE_USED_NOT_HEAD, id);
    if (q->shadow[id].in_len == 0)
        written = 0; /* devices report all sorts of lengths for what they only read */
    if (written > q->shadow[id].in_len)
        return virtio_fail(q->dev, VIRTIO_FAILURE_USED_LEN, written);
    *token = q->shadow[id].token;
    *len = written;
    chain_free(q, (uint16_t)id);
    q->used_idx++;
    q->in_flight--;
    return 1;
}
