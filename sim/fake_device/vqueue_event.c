/*
 * Event suppression of both sides of a virtqueue (VirtIO 1.2 sections 2.7.7, 2.7.10, 2.8.10),
 * stored and checked with counts that never wrap within a run. See vqueue.h.
 *
 * With event index a request is a position: the entry that triggers it. A position is passed if it
 * is among the entries added since the other side's last decision to notify.
 */
#include "vqueue_internal.h"

static uint64_t avail_event_at(const struct vqueue *q)
{
    return q->used + (q->packed ? 0 : VIRTQ_USED_AVAIL_EVENT((uint64_t)q->size));
}

/* ---- the device's requests ---- */

/* Request a notification for the entry after `ahead` others. */
static void event_set(struct vqueue *q, uint32_t ahead)
{
    uint32_t slot = q->seen + ahead;
    unsigned laps = slot / q->size;

    q->event_at = q->taken + ahead;
    if (!q->packed) {
        q->event_value = (uint16_t)q->event_at;
        q->memory->store(q->memory->ctx, avail_event_at(q), 2, q->event_value);
        return;
    }
    q->event_value = (slot % q->size) | (q->seen_wrap ^ (laps & 1) ? VIRTQ_EVENT_WRAP : 0) |
                     VIRTQ_EVENT_FLAGS_DESC << 16;
    q->memory->store(q->memory->ctx, avail_event_at(q), VIRTQ_EVENT_SIZE, q->event_value);
}

void vqueue_event_start(struct vqueue *q)
{
    q->notify_off = false;
    q->event_at = 0;
    q->event_value = 0;
    q->saw_off = q->saw_event = false;
    q->notified = q->signalled = 0;
    q->look_at = q->look_value = 0;
    q->looks = false;
    if (q->packed && q->event_idx)
        event_set(q, 0);
}

void vqueue_notifications(struct vqueue *q, bool wanted)
{
    const struct fake_memory *m = q->memory;

    if (!q->ready)
        return;
    q->notify_off = !wanted;
    if (q->event_idx)
        event_set(q,
                  wanted ? 0 : 1 + (uint32_t)q->host->pick(q->host->ctx, "device.event", q->size));
    else if (q->packed)
        m->store(m->ctx, q->used, VIRTQ_EVENT_SIZE,
                 (wanted ? VIRTQ_EVENT_FLAGS_ENABLE : VIRTQ_EVENT_FLAGS_DISABLE) << 16);
    else
        m->store(m->ctx, q->used + VIRTQ_USED_FLAGS, 2, wanted ? 0 : VIRTQ_USED_F_NO_NOTIFY);
}

bool vqueue_event_renew(struct vqueue *q)
{
    if (!q->ready || !q->event_idx || q->notify_off || q->event_at == q->taken)
        return false;
    event_set(q, 0);
    return true;
}

static uint32_t fresh(const struct vqueue *q)
{
    return q->packed ? vqueue_packed_fresh(q) : vqueue_split_fresh(q);
}

/* The word that the driver stores last to publish new entries. */
static uint64_t head_at(const struct vqueue *q)
{
    return q->packed ? q->desc + q->seen * (uint64_t)VIRTQ_DESC_SIZE + VIRTQ_PACKED_DESC_FLAGS
                     : q->avail + VIRTQ_AVAIL_IDX;
}

void vqueue_check_kick(struct vqueue *q)
{
    int64_t period = q->packed ? 2 * (int64_t)q->size : 1 << 16; /* after this a position repeats */
    int64_t ahead;
    uint32_t count;

    if (fake_memory_unpublished(q->memory, head_at(q), 2)) {
        VIOLATION(q->host, "ring.publish_order", q->packed ? "2.8.21.3.1" : "2.7.13.4.1",
                  "queue %u is notified before its new entries were visible; a barrier is missing "
                  "between them and the check of the device's notification setting",
                  q->index);
        return;
    }
    if (!q->event_idx) {
        if (q->saw_off)
            VIOLATION(q->host, "notify.suppressed", q->packed ? "2.8.10" : "2.7.10.1",
                      "queue %u is notified although the driver saw that the device asked not to "
                      "be",
                      q->index);
        return;
    }
    count = q->taken + fresh(q);
    ahead = ((int64_t)q->saw_event_at - q->notified) % period;
    if (q->saw_event && (ahead < 0 ? ahead + period : ahead) >= count - q->notified)
        VIOLATION(q->host, "notify.suppressed", q->packed ? "2.8.10" : "2.7.10.1",
                  "queue %u is notified although the driver saw that the device asked to be at "
                  "entry %u; %u to %u are new",
                  q->index, q->saw_event_at, q->notified, count - 1);
    q->notified = count;
}

void vqueue_check_notified(struct vqueue *q)
{
    uint32_t count;

    if (!q->ready)
        return;
    if (q->taken)
        LOOK(q->host, RING_LOST_NOTIFICATION);
    count = fresh(q);
    if (!count || (q->event_idx ? q->event_at - q->taken >= count : q->notify_off))
        return;
    VIOLATION(
        q->host, "ring.lost_notification", q->packed ? "2.8.21.2" : "2.7.13.4",
        "queue %u: %u %s are available, but the device was not notified although it requests it",
        q->index, count, q->packed ? "descriptors" : "chains");
}

/* ---- the driver's requests ---- */

/* Descriptors from the position in off_wrap to the next used one. */
static uint32_t packed_behind(const struct vqueue *q, uint32_t off_wrap)
{
    uint32_t off = off_wrap & ~VIRTQ_EVENT_WRAP;
    bool wrap = off_wrap & VIRTQ_EVENT_WRAP;

    return q->used_idx - off + (wrap == q->used_wrap ? 0 : q->size);
}

/* True if the driver waits for one of the last `count` returned entries. */
static bool split_wish(struct vqueue *q, uint32_t count)
{
    const struct fake_memory *m = q->memory;
    uint64_t flags = fake_memory_load(m, q->avail + VIRTQ_AVAIL_FLAGS, 2);
    uint64_t event;

    if (!q->event_idx)
        return count && !(flags & VIRTQ_AVAIL_F_NO_INTERRUPT);
    if (flags)
        VIOLATION(q->host, "ring.event", "2.7.7.1",
                  "queue %u: the flags of the available ring are %#x although event index was "
                  "negotiated",
                  q->index, (unsigned)flags);
    event = fake_memory_load(m, q->avail + VIRTQ_AVAIL_USED_EVENT((uint64_t)q->size), 2);
    return (uint16_t)(q->used_idx - event - 1) < count;
}

static bool packed_wish(struct vqueue *q, uint32_t count)
{
    const struct fake_memory *m = q->memory;
    unsigned flags = (unsigned)fake_memory_load(m, q->avail + VIRTQ_EVENT_FLAGS, 2);

    if (flags == VIRTQ_EVENT_FLAGS_ENABLE || flags == VIRTQ_EVENT_FLAGS_DISABLE)
        return count && flags == VIRTQ_EVENT_FLAGS_ENABLE;
    if (flags != VIRTQ_EVENT_FLAGS_DESC || !q->event_idx) {
        VIOLATION(q->host, "ring.event", "2.8.10",
                  "queue %u: driver event suppression has flags %#x%s", q->index, flags,
                  flags == VIRTQ_EVENT_FLAGS_DESC ? " although event index was not negotiated"
                                                  : "");
        return true;
    }
    return packed_behind(q, (uint32_t)fake_memory_load(m, q->avail + VIRTQ_EVENT_OFF_WRAP, 2)) - 1 <
           count;
}

static bool wish(struct vqueue *q, uint32_t count)
{
    if (q->packed || q->event_idx)
        LOOK(q->host, RING_EVENT);
    return q->packed ? packed_wish(q, count) : split_wish(q, count);
}

bool vqueue_wants_interrupt(struct vqueue *q)
{
    uint32_t count = q->given - q->signalled;

    q->signalled = q->given;
    return q->ready && wish(q, count);
}

/* The number of entries returned after the last one that the driver can have read. */
static uint32_t unseen(const struct vqueue *q)
{
    uint64_t at = q->desc + q->look_at * (uint64_t)VIRTQ_DESC_SIZE + VIRTQ_PACKED_DESC_FLAGS;
    uint64_t flags;
    uint32_t count;

    if (!q->packed)
        return (uint16_t)(q->used_idx - q->look_value);
    flags = fake_memory_load(q->memory, at, 2);
    if (flags == q->look_value || !(flags & VIRTQ_DESC_F_AVAIL) != !(flags & VIRTQ_DESC_F_USED))
        return 0; /* unchanged since then, or made available by the driver */
    count = (q->used_idx + q->size - q->look_at) % q->size;
    return count ? count : q->size;
}

void vqueue_check_asleep(struct vqueue *q)
{
    uint32_t count;

    if (!q->ready || !q->looks)
        return;
    LOOK(q->host, INTERRUPT_MISSED);
    count = unseen(q);
    if (count && wish(q, count))
        VIOLATION(q->host, "interrupt.missed", q->packed ? "2.8.22" : "2.7.14",
                  "queue %u: the driver sleeps and misses an interrupt: %u used %s came after its "
                  "last check and before it enabled interrupts",
                  q->index, count, q->packed ? "descriptors" : "entries");
}

/* ---- what the driver reads ---- */

void vqueue_shown(struct vqueue *q, uint64_t bus, uint64_t value)
{
    if (q->event_idx && bus == avail_event_at(q)) {
        q->saw_event = value == q->event_value;
        q->saw_event_at = q->event_at;
    } else if (q->packed) {
        if (bus == q->used)
            q->saw_off = value >> 16 == VIRTQ_EVENT_FLAGS_DISABLE;
        else if (vqueue_within(bus, q->desc, q->desc_len) &&
                 (bus - q->desc) % VIRTQ_DESC_SIZE == VIRTQ_PACKED_DESC_FLAGS) {
            q->look_at = (uint16_t)((bus - q->desc) / VIRTQ_DESC_SIZE);
            q->look_value = (uint16_t)value;
            q->looks = true;
        }
    } else if (bus == q->used + VIRTQ_USED_FLAGS) {
        q->saw_off = value == VIRTQ_USED_F_NO_NOTIFY;
    } else if (bus == q->used + VIRTQ_USED_IDX) {
        q->look_value = (uint16_t)value;
        q->looks = true;
    }
    if (q->saw_off || q->saw_event)
        LOOK(q->host, NOTIFY_SUPPRESSED);
}

void vqueue_tell_collected(const struct vqueue *q, uint64_t bus, uint64_t value)
{
    uint64_t from = q->packed ? q->desc : q->used + VIRTQ_USED_RING;
    uint64_t each = q->packed ? VIRTQ_DESC_SIZE : VIRTQ_USED_ELEM_SIZE;
    uint64_t id = q->packed ? VIRTQ_PACKED_DESC_ID : VIRTQ_USED_ELEM_ID;

    if (q->ready && vqueue_within(bus, from, each * q->size) && (bus - from) % each == id)
        vqueue_tell(q, VQUEUE_COLLECTED, (unsigned)((bus - from) / each), (uint32_t)value);
}

bool vqueue_used_entry(const struct vqueue *q, uint64_t bus)
{
    if (!q->ready)
        return false;
    if (q->packed)
        return vqueue_within(bus, q->desc, q->desc_len) &&
               (bus - q->desc) % VIRTQ_DESC_SIZE != VIRTQ_PACKED_DESC_FLAGS;
    return vqueue_within(bus, q->used + VIRTQ_USED_RING, VIRTQ_USED_ELEM_SIZE * (uint64_t)q->size);
}

bool vqueue_awaited(const struct vqueue *q, uint64_t bus)
{
    if (!q->ready)
        return false;
    if (q->packed)
        return bus == q->used || (vqueue_within(bus, q->desc, q->desc_len) &&
                                  (bus - q->desc) % VIRTQ_DESC_SIZE == VIRTQ_PACKED_DESC_FLAGS);
    return bus == q->used + VIRTQ_USED_FLAGS || bus == q->used + VIRTQ_USED_IDX ||
           bus == avail_event_at(q);
}
