/*
 * The device side of a split virtqueue (VirtIO 1.2 section 2.7), which is also the ring oracle:
 * every entry that the driver makes available is checked before it is used.
 */
#include "device.h"
#include <string.h>

enum { LAYOUT_ALIGN_LEGACY = 4096 };

void vqueue_reset(struct vqueue *q)
{
    if (q->ready)
        for (uint32_t i = 0; i < q->size; i++)
            if (q->d[i].busy && (q->d[i].flags & VIRTQ_DESC_F_WRITE))
                q->bus->own(q->bus->ctx, q->d[i].addr, q->d[i].len, false);
    q->ready = false;
    q->size = 0;
    q->desc = q->avail = q->used = 0;
    q->seen = q->used_idx = q->held_head = q->held_count = 0;
}

static uint64_t avail_size(const struct vqueue *q)
{
    return VIRTQ_AVAIL_RING + VIRTQ_AVAIL_ELEM_SIZE * (uint64_t)q->size;
}

static uint64_t used_size(const struct vqueue *q)
{
    return VIRTQ_USED_RING + VIRTQ_USED_ELEM_SIZE * (uint64_t)q->size;
}

static bool place_check(struct vqueue *q, const char *part, uint64_t at, uint64_t len,
                        unsigned align)
{
    if (at % align) {
        VIOLATION(q->bus, "ring.alignment", "2.7.1", "queue %u: %s at %#llx is not aligned to %u",
                  q->index, part, (unsigned long long)at, align);
        return false;
    }
    if (!q->bus->at(q->bus->ctx, at, (size_t)len)) {
        VIOLATION(q->bus, "ring.dma_address", "2.7",
                  "queue %u: %s at %#llx, %llu bytes, is not in DMA memory", q->index, part,
                  (unsigned long long)at, (unsigned long long)len);
        return false;
    }
    return true;
}

void vqueue_start(struct vqueue *q)
{
    if (q->size == 0 || q->size > q->size_max || (q->size & (q->size - 1))) {
        VIOLATION(q->bus, "ring.size", "2.7",
                  "queue %u: size %u is not a power of two up to %u", q->index, q->size,
                  q->size_max);
        return;
    }
    if (q->legacy) { /* 2.7.2: one area, the used ring on the next page */
        q->avail = q->desc + VIRTQ_DESC_SIZE * (uint64_t)q->size;
        q->used = (q->avail + avail_size(q) + 2 + LAYOUT_ALIGN_LEGACY - 1) &
                  ~(uint64_t)(LAYOUT_ALIGN_LEGACY - 1);
    }
    if (!place_check(q, "descriptor table", q->desc, VIRTQ_DESC_SIZE * (uint64_t)q->size,
                     VIRTQ_DESC_ALIGN) ||
        !place_check(q, "available ring", q->avail, avail_size(q), VIRTQ_AVAIL_ALIGN) ||
        !place_check(q, "used ring", q->used, used_size(q), VIRTQ_USED_ALIGN))
        return;
    q->bus->attach_ring(q->bus->ctx, q->desc, VIRTQ_DESC_SIZE * (size_t)q->size);
    q->bus->attach_ring(q->bus->ctx, q->avail, (size_t)avail_size(q));
    q->bus->attach_ring(q->bus->ctx, q->used, (size_t)used_size(q));
    for (uint32_t i = 0; i < q->size; i++)
        q->d[i].busy = false;
    q->seen = q->used_idx = q->held_head = q->held_count = 0;
    if (q->bus->load(q->bus->ctx, q->used + VIRTQ_USED_FLAGS, 2) ||
        q->bus->load(q->bus->ctx, q->used + VIRTQ_USED_IDX, 2))
        VIOLATION(q->bus, "ring.not_cleared", "2.7.10.1",
                  "queue %u: the used ring does not start at zero (is it where the driver put it?)", q->index);
    q->ready = true;
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

/* A fingerprint of a buffer: all of it in sanitizer builds; head, tail and one window whose place
 * the driver cannot guess in release builds. */
static uint64_t sample(const struct vqueue *q, const struct vdesc *d)
{
    const uint8_t *p = q->bus->at(q->bus->ctx, d->addr, d->len);
    enum { WINDOW = 16 };
    uint64_t h = d->len;

    if (!p)
        return 0;
    if (q->bus->thorough || d->len <= 3 * WINDOW)
        return mix(h, p, d->len);
    h = mix(h, p, WINDOW);
    h = mix(h, p + d->len - WINDOW, WINDOW);
    return mix(h, p + (q->bus->key(q->bus->ctx) ^ d->addr) % (d->len - WINDOW), WINDOW);
}

/* ---- the driver makes chains available ---- */

static bool desc_read(struct vqueue *q, unsigned i)
{
    uint64_t at = q->desc + i * (uint64_t)VIRTQ_DESC_SIZE;
    const struct fake_bus *b = q->bus;
    struct vdesc *d = &q->d[i];

    if (b->unpublished(b->ctx, at, VIRTQ_DESC_SIZE)) {
        VIOLATION(b, "ring.publish_order", "2.7.13.3.1",
                  "queue %u: the available index was published before descriptor %u was visible; "
                  "a write barrier is missing",
                  q->index, i);
        return false;
    }
    if (d->busy) {
        VIOLATION(b, "ring.reuse", "2.7.13",
                  "queue %u: descriptor %u is made available again while the device has it",
                  q->index, i);
        return false;
    }
    d->addr = b->load(b->ctx, at + VIRTQ_DESC_ADDR, 8);
    d->len = (uint32_t)b->load(b->ctx, at + VIRTQ_DESC_LEN, 4);
    d->flags = (uint16_t)b->load(b->ctx, at + VIRTQ_DESC_FLAGS, 2);
    d->next = (uint16_t)b->load(b->ctx, at + VIRTQ_DESC_NEXT, 2);
    return true;
}

static bool desc_check(struct vqueue *q, unsigned i, bool seen_writable)
{
    const struct vdesc *d = &q->d[i];
    const struct fake_bus *b = q->bus;

    if (d->flags & VIRTQ_DESC_F_INDIRECT) {
        VIOLATION(b, "ring.indirect", "2.7.5.3.1",
                  "queue %u: descriptor %u is INDIRECT, which was not negotiated", q->index, i);
        return false;
    }
    if (d->len == 0 || !b->at(b->ctx, d->addr, d->len)) {
        VIOLATION(b, "ring.dma_address", "2.7.5",
                  "queue %u: descriptor %u: address %#llx, length %u is not DMA memory", q->index,
                  i, (unsigned long long)d->addr, d->len);
        return false;
    }
    if (seen_writable && !(d->flags & VIRTQ_DESC_F_WRITE)) {
        VIOLATION(b, "ring.direction", "2.7.4.2",
                  "queue %u: device-readable descriptor %u follows a device-writable one",
                  q->index, i);
        return false;
    }
    return true;
}

/* Do two buffers that the device has at the same time share a byte? A scan, over what is in
 * flight: rings are short enough in debug builds and sampled in release builds. */
static bool overlap_check(struct vqueue *q, unsigned i)
{
    const struct vdesc *d = &q->d[i];

    if (!q->bus->thorough && (q->bus->key(q->bus->ctx) + q->seen) % 16)
        return true;
    for (uint32_t k = 0; k < q->size; k++) {
        const struct vdesc *o = &q->d[k];

        if (k == i || !o->busy || d->addr >= o->addr + o->len || o->addr >= d->addr + d->len)
            continue;
        VIOLATION(q->bus, "ring.overlap", "2.7.5",
                  "queue %u: the buffers of descriptors %u and %u overlap", q->index, i, k);
        return false;
    }
    return true;
}

static bool chain_take(struct vqueue *q, unsigned head)
{
    unsigned i = head, count = 0;
    bool writable = false;

    for (;;) {
        if (i >= q->size) {
            VIOLATION(q->bus, "ring.chain", "2.7.5",
                      "queue %u: descriptor index %u is beyond the queue size %u", q->index, i,
                      q->size);
            return false;
        }
        if (++count > q->size) {
            VIOLATION(q->bus, "ring.chain", "2.7.5.3.1",
                      "queue %u: the chain at %u is longer than the queue", q->index, head);
            return false;
        }
        if (!desc_read(q, i) || !desc_check(q, i, writable) || !overlap_check(q, i))
            return false;
        q->d[i].busy = true;
        q->d[i].sample = sample(q, &q->d[i]);
        writable = q->d[i].flags & VIRTQ_DESC_F_WRITE;
        if (writable)
            q->bus->own(q->bus->ctx, q->d[i].addr, q->d[i].len, true);
        if (!(q->d[i].flags & VIRTQ_DESC_F_NEXT))
            return true;
        i = q->d[i].next;
    }
}

void vqueue_fetch(struct vqueue *q)
{
    const struct fake_bus *b = q->bus;
    uint16_t idx, fresh;

    if (!q->ready)
        return;
    b->look(b->ctx);
    idx = (uint16_t)b->load(b->ctx, q->avail + VIRTQ_AVAIL_IDX, 2);
    fresh = (uint16_t)(idx - q->seen);
    if (fresh > q->size - q->held_count) {
        VIOLATION(b, "ring.index", "2.7.6.1",
                  "queue %u: the available index went from %u to %u, more than the queue holds",
                  q->index, q->seen, idx);
        q->ready = false;
        return;
    }
    for (; fresh; fresh--, q->seen++) {
        uint64_t at = q->avail + VIRTQ_AVAIL_RING + VIRTQ_AVAIL_ELEM_SIZE * (q->seen % q->size);
        uint16_t head;

        if (b->unpublished(b->ctx, at, 2)) {
            VIOLATION(b, "ring.publish_order", "2.7.13.3.1",
                      "queue %u: the available index was published before its ring entry was "
                      "visible; a write barrier is missing",
                      q->index);
            q->ready = false;
            return;
        }
        head = (uint16_t)b->load(b->ctx, at, 2);
        if (!chain_take(q, head)) {
            q->ready = false;
            return;
        }
        q->held[(q->held_head + q->held_count++) % q->size] = head;
    }
}

/* ---- the device works on a chain ---- */

int vqueue_next(struct vqueue *q)
{
    int head;

    if (!q->ready || !q->held_count)
        return -1;
    head = q->held[q->held_head];
    q->held_head = (uint16_t)((q->held_head + 1) % q->size);
    q->held_count--;
    return head;
}

static uint32_t chain_bytes(const struct vqueue *q, unsigned head, bool writable)
{
    uint32_t total = 0;

    for (unsigned i = head;; i = q->d[i].next) {
        if (!!(q->d[i].flags & VIRTQ_DESC_F_WRITE) == writable)
            total += q->d[i].len;
        if (!(q->d[i].flags & VIRTQ_DESC_F_NEXT))
            return total;
    }
}

uint32_t vqueue_readable(const struct vqueue *q, unsigned head)
{
    return chain_bytes(q, head, false);
}

uint32_t vqueue_writable(const struct vqueue *q, unsigned head)
{
    return chain_bytes(q, head, true);
}

void vqueue_read(const struct vqueue *q, unsigned head, uint32_t offset, uint8_t *out,
                 uint32_t len)
{
    for (unsigned i = head; len; i = q->d[i].next) {
        const struct vdesc *d = &q->d[i];
        uint32_t n;

        if (offset >= d->len) {
            offset -= d->len;
            continue;
        }
        n = d->len - offset < len ? d->len - offset : len;
        memcpy(out, q->bus->at(q->bus->ctx, d->addr + offset, n), n);
        out += n;
        len -= n;
        offset = 0;
    }
}

void vqueue_write(const struct vqueue *q, unsigned head, uint32_t offset, const uint8_t *bytes,
                  uint32_t len)
{
    for (unsigned i = head; len; i = q->d[i].next) {
        const struct vdesc *d = &q->d[i];
        uint32_t n;

        if (!(d->flags & VIRTQ_DESC_F_WRITE))
            continue;
        if (offset >= d->len) {
            offset -= d->len;
            continue;
        }
        n = d->len - offset < len ? d->len - offset : len;
        q->bus->write(q->bus->ctx, d->addr + offset, bytes, n);
        bytes += n;
        len -= n;
        offset = 0;
    }
}

/* ---- and gives it back ---- */

/* Nobody but the device touched buffer and descriptor meanwhile (V5; section 3.3.1). Called before
 * the device writes, so a writable buffer still has the bytes it came with. */
void vqueue_check_untouched(struct vqueue *q, unsigned head)
{
    const struct fake_bus *b = q->bus;

    for (unsigned i = head;; i = q->d[i].next) {
        const struct vdesc *d = &q->d[i];
        uint64_t at = q->desc + i * (uint64_t)VIRTQ_DESC_SIZE;

        if (d->flags & VIRTQ_DESC_F_WRITE)
            b->own(b->ctx, d->addr, d->len, false);
        if (sample(q, d) != d->sample)
            VIOLATION(b, "ring.ownership", "2.7.13",
                      "queue %u: the driver touched the buffer of descriptor %u while the device "
                      "owned it",
                      q->index, i);
        if (b->load(b->ctx, at + VIRTQ_DESC_ADDR, 8) != d->addr ||
            b->load(b->ctx, at + VIRTQ_DESC_LEN, 4) != d->len)
            VIOLATION(b, "ring.descriptor_changed", "3.3.1",
                      "queue %u: descriptor %u was changed while the device had it", q->index, i);
        if (!(d->flags & VIRTQ_DESC_F_NEXT))
            return;
    }
}

void vqueue_complete(struct vqueue *q, unsigned head, uint32_t written)
{
    const struct fake_bus *b = q->bus;
    uint64_t at = q->used + VIRTQ_USED_RING + VIRTQ_USED_ELEM_SIZE * (q->used_idx % q->size);
    uint32_t entry[2] = {head, written};

    for (unsigned i = head;; i = q->d[i].next) {
        q->d[i].busy = false;
        if (!(q->d[i].flags & VIRTQ_DESC_F_NEXT))
            break;
    }
    b->hash(b->ctx, "used", entry, sizeof(entry));
    b->store(b->ctx, at + VIRTQ_USED_ELEM_ID, 4, head);
    b->store(b->ctx, at + VIRTQ_USED_ELEM_LEN, 4, written);
    b->store(b->ctx, q->used + VIRTQ_USED_IDX, 2, ++q->used_idx);
}

/* ---- notifications ---- */

void vqueue_notifications(struct vqueue *q, bool wanted)
{
    if (q->ready)
        q->bus->store(q->bus->ctx, q->used + VIRTQ_USED_FLAGS, 2,
                      wanted ? 0 : VIRTQ_USED_F_NO_NOTIFY);
}

void vqueue_check_notified(struct vqueue *q)
{
    const struct fake_bus *b = q->bus;
    uint16_t idx;

    if (!q->ready)
        return;
    idx = (uint16_t)b->load(b->ctx, q->avail + VIRTQ_AVAIL_IDX, 2);
    if (idx == q->seen || b->load(b->ctx, q->used + VIRTQ_USED_FLAGS, 2))
        return;
    VIOLATION(b, "ring.lost_notification", "2.7.13.4",
              "queue %u: %u chains are available, the device wants to be notified and was not",
              q->index, (uint16_t)(idx - q->seen));
}

static bool within(uint64_t bus, uint64_t at, uint64_t len)
{
    return bus >= at && bus - at < len;
}

bool vqueue_driver_may_store(const struct vqueue *q, uint64_t bus, bool *inside)
{
    if (!q->ready)
        return false;
    if (within(bus, q->desc, VIRTQ_DESC_SIZE * (uint64_t)q->size) ||
        within(bus, q->avail, avail_size(q) + 2)) {
        *inside = true;
        return true;
    }
    if (within(bus, q->used, used_size(q) + 2))
        *inside = true;
    return false;
}
