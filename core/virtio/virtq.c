/*
 * The bookkeeping of a virtqueue, driver side, for both formats: which chains are in flight, which
 * used entries are valid, when the device is notified. See virtq.h.
 */
#include "../base/check.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "../port/ring.h"
#include "virtq_internal.h"

/* No descriptor follows. */
enum { DESC_NONE = 0xffff };

static void books_open(struct virtq *q)
{
    q->free_head = 0;
    q->free_count = q->size;
    q->avail_idx = q->published = q->used_idx = q->used_limit = 0;
    q->in_flight = q->unkicked = 0;
    q->added = q->shown = 0;
    for (unsigned i = 0; i < q->size; i++) {
        q->shadow[i].token = 0;
        q->shadow[i].in_len = 0;
        q->shadow[i].next = (uint16_t)(i + 1u < q->size ? i + 1 : DESC_NONE);
        q->shadow[i].count = 0;
    }
}

static int tables_place(struct virtq *q, struct dma_memory *memory)
{
    size_t total = q->size * (size_t)VIRTQ_INDIRECT_MAX * VIRTQ_DESC_SIZE;

    q->tables = 0;
    if (!virtio_has(q->dev, VIRTIO_F_INDIRECT_DESC))
        return 0;
    q->tables = dma_take(memory, total, VIRTQ_DESC_ALIGN);
    if (!q->tables)
        return virtio_fail(q->dev, VIRTIO_FAILURE_MEMORY, total);
    mem_fill(q->tables, 0, total);
    return 0;
}

int virtq_setup(struct virtq *q, struct virtio_device *d, uint16_t index, struct dma_memory *memory)
{
    const struct platform *p = d->platform;
    uint32_t size = d->transport->queue_size_max(d, index);
    struct virtq_addresses at;

    if (size == 0)
        return virtio_fail(d, VIRTIO_FAILURE_QUEUE_ABSENT, index);
    q->packed = virtio_has(d, VIRTIO_F_RING_PACKED);
    q->event_idx = virtio_has(d, VIRTIO_F_EVENT_IDX);
    if (size > VIRTQ_SIZE_LIMIT || (!q->packed && (size & (size - 1))))
        return virtio_fail(d, VIRTIO_FAILURE_QUEUE_SIZE, size);
    q->dev = d;
    q->index = index;
    q->size = (uint16_t)min_u32(size, VIRTQ_SIZE_MAX);
    books_open(q);
    if (q->packed ? virtq_packed_place(q, memory, &at) : virtq_split_place(q, memory, &at))
        return ERR_DEVICE;
    if (tables_place(q, memory))
        return ERR_DEVICE;
    /* The cleared ring before the device may read it. */
    ring_barrier(p, BARRIER_WRITE);
    return d->transport->queue_enable(d, index, q->size, &at);
}

static void format_add(struct virtq *q, const struct virtq_seg *seg, unsigned out, unsigned in,
                       unsigned flags)
{
    if (q->packed)
        virtq_packed_add(q, seg, out, in, flags);
    else
        virtq_split_add(q, seg, out, in, flags);
}

/* The chain goes into the table of its id; one descriptor of the ring refers to that: 2.7.5.3,
 * 2.8.7. */
static void indirect_add(struct virtq *q, const struct virtq_seg *seg, unsigned out, unsigned in)
{
    const struct platform *p = q->dev->platform;
    uint8_t *table = q->tables + q->free_head * (size_t)VIRTQ_INDIRECT_MAX * VIRTQ_DESC_SIZE;
    struct virtq_seg all = {p->bus_address(p->ctx, table), (out + in) * VIRTQ_DESC_SIZE};

    if (q->packed)
        virtq_packed_table(q, table, seg, out, in);
    else
        virtq_split_table(q, table, seg, out, in);
    format_add(q, &all, 1, 0, VIRTQ_DESC_F_INDIRECT);
}

int virtq_add(struct virtq *q, const struct virtq_seg *seg, unsigned out, unsigned in, void *token)
{
    unsigned count = out + in, taken = virtq_descriptors(q, count);
    uint32_t in_len = 0;
    uint16_t id = q->free_head;

    CHECK(count > 0);
    CHECK(token);
    CHECK(!q->dev->failed);
    if (taken > q->free_count)
        return ERR_AGAIN;
    for (unsigned i = 0; i < count; i++) {
        CHECK(seg[i].len > 0);
        CHECK(seg[i].len <= UINT16_MAX);
        in_len += i < out ? 0 : seg[i].len;
    }
    if (taken < count)
        indirect_add(q, seg, out, in);
    else
        format_add(q, seg, out, in, 0);
    q->free_count = (uint16_t)(q->free_count - taken);
    q->shadow[id].token = token;
    q->shadow[id].in_len = in_len;
    q->shadow[id].count = (uint16_t)taken;
    q->shadow[id].turn = q->added++;
    q->in_flight++;
    return 0;
}

void virtq_publish(struct virtq *q)
{
    if (q->shown == q->added)
        return;
    INVARIANTS(virtq_invariants(q));
    q->shown = q->added;
    if (q->packed)
        virtq_packed_publish(q);
    else
        virtq_split_publish(q);
}

void virtq_kick(struct virtq *q)
{
    const struct platform *p = q->dev->platform;
    bool wanted;

    virtq_publish(q);
    if (!q->unkicked)
        return;
    /* Entries before event suppression is read: 2.7.13.4.1, 2.8.21.3.1. */
    ring_barrier(p, BARRIER_FULL);
    wanted = q->packed ? virtq_packed_wants_kick(q) : virtq_split_wants_kick(q);
    q->unkicked = 0;
    if (wanted)
        q->dev->transport->notify(q->dev, q->index);
}

int virtq_get_used(struct virtq *q, void **token, uint32_t *len)
{
    uint32_t id, written;
    int got;

    if (q->dev->failed)
        return ERR_DEVICE;
    got = q->packed ? virtq_packed_used(q, &id, &written) : virtq_split_used(q, &id, &written);
    if (got <= 0)
        return got;
    if (id >= q->size)
        return virtio_fail(q->dev, VIRTIO_FAILURE_USED_ID, id);
    if (q->shadow[id].count == 0 || q->shadow[id].turn >= q->shown)
        return virtio_fail(q->dev, VIRTIO_FAILURE_USED_NOT_HEAD, id);
    if (q->shadow[id].in_len == 0)
        written = 0; /* devices report arbitrary lengths for buffers that they only read */
    if (written > q->shadow[id].in_len)
        return virtio_fail(q->dev, VIRTIO_FAILURE_USED_LEN, written);
    *token = q->shadow[id].token;
    *len = written;
    if (q->packed)
        virtq_packed_free(q, (uint16_t)id);
    else
        virtq_split_free(q, (uint16_t)id);
    q->free_count = (uint16_t)(q->free_count + q->shadow[id].count);
    q->shadow[id].count = 0;
    q->shadow[id].token = 0;
    q->in_flight--;
    INVARIANTS(virtq_invariants(q));
    return 1;
}

bool virtq_interrupts(struct virtq *q, bool wanted)
{
    const struct platform *p = q->dev->platform;

    if (q->dev->failed)
        return false;
    if (q->packed)
        virtq_packed_interrupts(q, wanted);
    else
        virtq_split_interrupts(q, wanted);
    if (!wanted)
        return false;
    ring_barrier(p, BARRIER_FULL); /* enabled before the check: 2.7.14, 2.8.22 */
    return q->packed ? virtq_packed_more(q) : virtq_split_more(q);
}
