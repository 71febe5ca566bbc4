/*
 * The interface between virtq.c, which does the bookkeeping, and the ring formats. A format knows
 * the layout of shared memory and the order of writes; it does not check what it reads.
 */
#ifndef DRYWIRE_VIRTQ_INTERNAL_H
#define DRYWIRE_VIRTQ_INTERNAL_H

#include "virtq.h"

/* True if the index passed `event` between `old` and `now`: the comparison of 2.7.7.2 and 2.7.10.1,
 * also when the 16-bit indices wrap. */
static inline bool virtq_passed(uint16_t event, uint16_t now, uint16_t old)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

/* The invariants of a queue between two calls, whatever the device wrote. */
void virtq_invariants(const struct virtq *q);

/* Take memory for q->size entries and clear it; *at is what the device gets. 0 or ERR_DEVICE. */
int virtq_split_place(struct virtq *q, struct dma_memory *memory, struct virtq_addresses *at);
int virtq_packed_place(struct virtq *q, struct dma_memory *memory, struct virtq_addresses *at);

/* Write a chain of seg[0..out+in), which fits, into free descriptors, with `flags` in each besides
 * those of its shape. Its id is the value of q->free_head before the call. */
void virtq_split_add(struct virtq *q, const struct virtq_seg *seg, unsigned out, unsigned in,
                     unsigned flags);
void virtq_packed_add(struct virtq *q, const struct virtq_seg *seg, unsigned out, unsigned in,
                      unsigned flags);

/* Write them into an indirect table. */
void virtq_split_table(struct virtq *q, uint8_t *table, const struct virtq_seg *seg, unsigned out,
                       unsigned in);
void virtq_packed_table(struct virtq *q, uint8_t *table, const struct virtq_seg *seg, unsigned out,
                        unsigned in);

/* Make added chains visible to the device. */
void virtq_split_publish(struct virtq *q);
void virtq_packed_publish(struct virtq *q);

/* True if the device requests a notification for the entries published since the last kick. */
bool virtq_split_wants_kick(struct virtq *q);
bool virtq_packed_wants_kick(struct virtq *q);

/* The next used entry as the device wrote it, unchecked: 1, 0 when there is none, ERR_DEVICE. */
int virtq_split_used(struct virtq *q, uint32_t *id, uint32_t *written);
int virtq_packed_used(struct virtq *q, uint32_t *id, uint32_t *written);

/* Step over a valid used entry and free the descriptors of its chain. */
void virtq_split_free(struct virtq *q, uint16_t id);
void virtq_packed_free(struct virtq *q, uint16_t id);

/* Write to the device from which entry on interrupts are enabled, or that they are disabled. */
void virtq_split_interrupts(struct virtq *q, bool wanted);
void virtq_packed_interrupts(struct virtq *q, bool wanted);

/* True if there is a used entry that was not taken. */
bool virtq_split_more(struct virtq *q);
bool virtq_packed_more(struct virtq *q);

#endif
