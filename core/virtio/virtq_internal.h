/*
 * Inside the virtqueues: what virtq.c, which keeps the books, asks of a ring format. The formats
 * know how words lie in shared memory and in which order they are written; they trust none of them.
 */
#ifndef DRYWIRE_VIRTQ_INTERNAL_H
#define DRYWIRE_VIRTQ_INTERNAL_H

#include "virtq.h"

/* Take memory for q->size entries and clear it; *at is what the device is told. 0 or ERR_DEVICE. */
int virtq_split_place(struct virtq *q, struct dma_memory *memory, struct virtq_addresses *at);

/* Write a chain of seg[0..out+in), which fits, into free descriptors: the id under which it comes
 * back. */
uint16_t virtq_split_add(struct virtq *q, const struct virtq_seg *seg, unsigned out, unsigned in);

/* Let the device see what was added. */
void virtq_split_publish(struct virtq *q);

/* Does the device want to hear of the entries published since the last kick? */
bool virtq_split_wants_kick(struct virtq *q);

/* The next used entry as the device wrote it, unchecked: 1, 0 when there is none, ERR_DEVICE. */
int virtq_split_used(struct virtq *q, uint32_t *id, uint32_t *written);

/* It was good: step over it and free the descriptors of its chain. */
void virtq_split_free(struct virtq *q, uint16_t id);

#endif
