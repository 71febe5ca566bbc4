/*
 * The invariants of a virtqueue between calls, whatever the device wrote: checked before
 * chains are published and after each that is returned. See virtq.h.
 */
#include "../base/check.h"
#include "virtq_internal.h"

static void split_invariants(const struct virtq *q)
{
    CHECK((q->size & (q->size - 1)) == 0);
    CHECK((uint16_t)(q->avail_idx - q->used_idx) == q->in_flight);
    CHECK((uint16_t)(q->avail_idx - q->published) == q->added - q->shown);
    CHECK((uint16_t)(q->used_limit - q->used_idx) <= q->in_flight);
    CHECK((const uint8_t *)q->used > (const uint8_t *)q->avail);
}

static void packed_invariants(const struct virtq *q)
{
    unsigned ahead = q->avail_idx + q->size - q->used_idx;

    CHECK(q->avail_idx < q->size);
    CHECK(q->used_idx < q->size);
    CHECK(ahead % q->size == (unsigned)(q->size - q->free_count) % q->size);
    CHECK(q->head_waits == (q->added != q->shown));
    CHECK(!q->head_waits || q->head_at < q->size);
    CHECK(q->driver_event == (const le32 *)(const void *)(q->ring + q->size));
    CHECK(q->device_event == q->driver_event + 1);
}

void virtq_invariants(const struct virtq *q)
{
    CHECK(q->size >= 1);
    CHECK(q->size <= VIRTQ_SIZE_MAX);
    CHECK(q->packed == virtio_has(q->dev, VIRTIO_F_RING_PACKED));
    CHECK(q->event_idx == virtio_has(q->dev, VIRTIO_F_EVENT_IDX));
    CHECK(!q->tables == !virtio_has(q->dev, VIRTIO_F_INDIRECT_DESC));
    CHECK(q->in_flight <= q->size);
    CHECK(q->free_count <= q->size - q->in_flight); /* a chain takes at least one */
    CHECK(q->in_flight || q->free_count == q->size);
    CHECK(q->free_head < q->size || q->free_count == 0);
    CHECK(q->shown <= q->added);
    CHECK(q->added - q->shown <= q->in_flight); /* only published chains can be returned */
    if (q->packed)
        packed_invariants(q);
    else
        split_invariants(q);
}
