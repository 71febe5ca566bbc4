/*
 * Virtqueues, driver side (VirtIO 1.2 sections 2.7 split, 2.8 packed): one interface; the format is
 * negotiated.
 *
 * Only what the driver keeps in `shadow` is trusted: the free list, the shape and token of every
 * chain in flight, all indices. Nothing is read back from the shared rings to find a buffer, and
 * every word that the device wrote is loaded once, checked, then used. A device that breaks a rule
 * is marked as failed (virtio_fail) and cannot corrupt memory.
 *
 * Call order: virtq_setup() while the device is being brought up; then virtq_add(), virtq_kick()
 * and virtq_get_used() in any order.
 */
#ifndef DRYWIRE_VIRTQ_H
#define DRYWIRE_VIRTQ_H

#include "../base/endian.h"
#include "../port/dma.h"
#include "virtio.h"

/* Largest queue that the driver lays out; a device may offer more. */
enum { VIRTQ_SIZE_MAX = 1024 };

/* Longest chain that is put into an indirect table, if negotiated; longer ones are direct. A block
 * request has three buffers. */
enum { VIRTQ_INDIRECT_MAX = 4 };

/* The most DMA memory of one queue of `size` entries: split is the larger format. */
#define VIRTQ_DMA_SIZE(size)                                                                       \
    (3 * 4096 + (size) * (VIRTQ_DESC_SIZE + VIRTQ_AVAIL_ELEM_SIZE + VIRTQ_USED_ELEM_SIZE +         \
                          VIRTQ_INDIRECT_MAX * VIRTQ_DESC_SIZE))

struct virtq_desc {
    le64 addr;
    le32 len;
    le16 flags, next;
};
struct virtq_avail {
    le16 flags, idx;
    le16 ring[];
};
struct virtq_used_elem {
    le32 id, len;
};
struct virtq_used {
    le16 flags, idx;
    struct virtq_used_elem ring[];
};

struct virtq_packed_desc {
    le64 addr;
    le32 len;
    le16 id, flags;
};

/* A buffer of a chain: bus address and length. */
struct virtq_seg {
    uint64_t addr;
    uint32_t len;
};

struct virtq {
    struct virtio_device *dev;
    uint16_t index;         /* which queue of the device */
    bool packed, event_idx; /* negotiated */
    uint16_t size;          /* entries; a power of two when split */
    uint16_t free_head;     /* first free descriptor, linked through shadow[].next */
    uint16_t free_count;    /* descriptors */
    uint16_t avail_idx;     /* next to fill */
    uint16_t used_idx;      /* next to take */
    uint16_t in_flight;     /* chains */
    uint8_t *tables;        /* indirect, one of VIRTQ_INDIRECT_MAX for each shadow[]; or NULL */
    uint64_t added, shown;  /* chains added in total, and those of them that the device may see */
    uint16_t unkicked;      /* entries (packed: descriptors) since the last decision to notify */

    /* split */
    uint16_t published;  /* value of avail->idx that the device may see */
    uint16_t used_limit; /* used->idx as last loaded */
    struct virtq_desc *desc;
    struct virtq_avail *avail;
    struct virtq_used *used;

    /* packed; avail_idx and used_idx are slots of the ring */
    bool avail_wrap, used_wrap; /* ring wrap counters that belong to them */
    bool head_waits;            /* a head is not available before its flags are written: */
    uint16_t head_at, head_flags;
    struct virtq_packed_desc *ring;
    le32 *driver_event, *device_event; /* event suppression: off_wrap low, flags high */

    struct {
        void *token;          /* of a chain in flight */
        uint64_t turn;        /* q->added when it was added */
        uint32_t in_len;      /* bytes of the chain that the device may write */
        uint16_t next;        /* in the chain (split), or in the free list */
        uint16_t count;       /* descriptors of the chain that is in flight here, else 0 */
    } shadow[VIRTQ_SIZE_MAX]; /* by head (split), by buffer id (packed) */
};

/*
 * Lay out queue `index` in `memory` with as many entries as the device and VIRTQ_SIZE_MAX allow,
 * and pass it to the device. Interrupts are disabled (poll mode). 0 or ERR_DEVICE.
 */
int virtq_setup(struct virtq *q, struct virtio_device *d, uint16_t index,
                struct dma_memory *memory);

/* Descriptors of the ring that a chain of `count` buffers takes. No table is longer than the ring:
 * 2.7.5.3.1. */
static inline unsigned virtq_descriptors(const struct virtq *q, unsigned count)
{
    return q->tables && count > 1 && count <= VIRTQ_INDIRECT_MAX && count <= q->size ? 1 : count;
}

/*
 * Give the device one chain of buffers.
 *
 * seg[0..out) are read by the device, seg[out..out+in) written by it; each lies in DMA memory,
 * 1..65535 bytes. `token` (not NULL) comes back from virtq_get_used(). Returns 0, or ERR_AGAIN with
 * nothing changed when fewer than virtq_descriptors(out+in) are free. The buffers are the device's
 * as soon as the next virtq_kick(). VirtIO 1.2 sections 2.7.13, 2.8.21.
 */
int virtq_add(struct virtq *q, const struct virtq_seg *seg, unsigned out, unsigned in, void *token);

/* Publish what was added; notify the device if something was and it requests that (2.7.13.4,
 * 2.8.21.2). */
void virtq_kick(struct virtq *q);

/* Publish without notifying: for buffers posted before DRIVER_OK (3.1.1). */
void virtq_publish(struct virtq *q);

/*
 * Take one chain that the device has finished: 1 with its token and the bytes that the device
 * reported as written (never more than the chain can hold; 0 for chains it only reads), 0 when
 * there is none, ERR_DEVICE when the device broke a rule. Chains added since the last publication
 * cannot be finished: a loop that takes all of them ends, also with a device that finishes chains
 * meanwhile. VirtIO 1.2 sections 2.7.8, 2.7.14 and 2.8.22.
 */
int virtq_get_used(struct virtq *q, void **token, uint32_t *len);

/*
 * Enable an interrupt at the next chain that the device finishes, or disable it. It may be late or
 * repeated; handle it with virtq_get_used() until 0. Enabling checks the used ring again: true when
 * finished chains are there already, for which no interrupt may follow, so that the caller must
 * take them and enable it again (VirtIO 1.2 sections 2.7.7, 2.7.14, 2.8.22).
 */
bool virtq_interrupts(struct virtq *q, bool wanted);

#endif
