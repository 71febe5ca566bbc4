/* Shared by the files of the device side of a virtqueue: vqueue.c and the ring formats. */
#ifndef DRYWIRE_FAKE_VQUEUE_INTERNAL_H
#define DRYWIRE_FAKE_VQUEUE_INTERNAL_H

#include "../../core/virtio/virtio_spec.h"
#include "vqueue.h"

/* A descriptor as read. */
struct vdesc {
    uint64_t at, addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next; /* split */
    uint16_t id;   /* packed */
};

/* ---- vqueue.c, for the formats ---- */

/* Check that a part of the queue is aligned and in DMA memory, and make it a ring. */
bool vqueue_place(struct vqueue *q, const char *part, uint64_t at, uint64_t len, unsigned align);

/* Mark a descriptor or buffer id as the device's: false if it already was. Inline, as the next ones
 * are: called for every chain. */
static inline bool vqueue_claim(struct vqueue *q, uint16_t id)
{
    uint64_t bit = UINT64_C(1) << id % 64;

    if (q->busy[id / 64] & bit)
        return false;
    q->busy[id / 64] |= bit;
    return true;
}

void vqueue_release(struct vqueue *q, uint16_t id);

/* Chains are available: what is checked of each is looked at. */
void vqueue_chains_looked(const struct vqueue *q);

static inline void vqueue_chain_begin(struct vqueue *q, unsigned chain)
{
    q->chain[chain] = (struct vchain){0};
}

/* Add a complete chain to the held ones. */
static inline void vqueue_hold(struct vqueue *q, unsigned chain)
{
    q->held[vqueue_turn(q, q->held_head + q->held_count++)] = (uint16_t)chain;
    vqueue_tell(q, VQUEUE_AVAILABLE, chain, 0);
}

/* Check a direct descriptor and append its buffer: NULL after a violation. */
struct vbuffer *vqueue_append(struct vqueue *q, unsigned chain, const struct vdesc *d);

/* Check an INDIRECT descriptor, append its table and every buffer in it: NULL after a violation,
 * else the buffer of the table. */
struct vbuffer *vqueue_append_table(struct vqueue *q, unsigned chain, const struct vdesc *d);

/* ---- the formats ---- */

bool vqueue_split_start(struct vqueue *q);
void vqueue_split_fetch(struct vqueue *q);
struct vdesc vqueue_split_desc(const struct vqueue *q, uint64_t at);
void vqueue_split_complete(struct vqueue *q, unsigned chain, uint32_t written);
uint32_t vqueue_split_fresh(const struct vqueue *q); /* entries available but not taken */

bool vqueue_packed_start(struct vqueue *q);
void vqueue_packed_fetch(struct vqueue *q);
struct vdesc vqueue_packed_desc(const struct vqueue *q, uint64_t at);
void vqueue_packed_complete(struct vqueue *q, unsigned chain, uint32_t written);
uint32_t vqueue_packed_fresh(const struct vqueue *q);

/* ---- vqueue_event.c ---- */

void vqueue_event_start(struct vqueue *q);

/* All available entries are taken: request a notification for the next one. True if that was
 * requested only now, so that the device must check again (2.7.10.2). */
bool vqueue_event_renew(struct vqueue *q);

#endif
