/*
 * The device side of a virtqueue, split (VirtIO 1.2 section 2.7) or packed (2.8), which is also the
 * ring oracle: every descriptor that the driver makes available is copied and checked before it is
 * used. vqueue.c has the chains and their buffers, vqueue_split.c and vqueue_packed.c the ring
 * formats, vqueue_event.c event suppression of both sides.
 */
#ifndef DRYWIRE_FAKE_VQUEUE_H
#define DRYWIRE_FAKE_VQUEUE_H

#include "../../core/virtio/virtio_spec.h"
#include "host.h"

/* There are more buffers than descriptors: an indirect table has many. */
enum { VQUEUE_SIZE_MAX = 1024, VQUEUE_BUFFERS_MAX = 4096, VQUEUE_IDS = 65536 };

enum vbuffer_kind { VBUFFER_READABLE, VBUFFER_WRITABLE, VBUFFER_TABLE };

/* The device's own copy of a descriptor that is available or held. */
struct vbuffer {
    uint64_t at; /* of its descriptor; 0: overwritten by the device itself */
    uint64_t addr;
    uint64_t sample; /* of its bytes when it became available */
    struct vbuffer *next;
    uint32_t len;
    enum vbuffer_kind kind;
    bool busy; /* owned by the device until its used entry is written */
};

struct vchain {
    struct vbuffer *first, *last;
    uint32_t readable, writable; /* bytes that the device may read, write */
    uint16_t id;                 /* the id of its used entry */
    uint16_t count;              /* descriptors in the ring */
};

/* The lie of the first used entry. */
enum vqueue_lie {
    VQUEUE_HONEST,
    VQUEUE_LIED,       /* it has lied: the ring is invalid and is not checked any more */
    VQUEUE_LIE_INDEX,  /* split: the used index exceeds the available entries */
    VQUEUE_LIE_ID,     /* a buffer id beyond the queue */
    VQUEUE_LIE_TWICE,  /* the same chain is returned by a second entry at once */
    VQUEUE_LIE_LENGTH, /* more bytes written than fit */
};

struct vqueue {
    const struct fake_memory *memory;
    const struct fake_host *host;
    unsigned index;
    uint32_t size_max, size;
    enum vqueue_lie lie;
    bool ready, legacy, packed, event_idx, indirect;
    unsigned shared; /* bytes at the start of writable chains that all chains may share */
    uint64_t desc, avail, used; /* packed: the ring, driver and device event suppression */
    uint64_t desc_len, avail_len, used_len; /* including event indices, also if unused */

    /* Positions. Split counts entries, packed descriptors; both never wrap. */
    uint32_t taken, given;
    uint16_t seen, used_idx;        /* the same as index (split) or slot (packed) */
    bool seen_wrap, used_wrap;      /* packed: their ring wrap counters */
    uint16_t held_head, held_count; /* ring of chains in order of arrival */
    uint16_t held[VQUEUE_SIZE_MAX];

    /* Notifications: what the device requested, what the driver has read of it. */
    bool notify_off;
    uint32_t event_at;       /* event index: requests a notification at the entry of this count */
    uint64_t event_value;    /* last value stored */
    bool saw_off, saw_event; /* the driver has read a suppression; event_value */
    uint32_t saw_event_at,
        notified;        /* counts: of the event that it read, at its last notification */
    uint32_t signalled;  /* value of `given` at the last decision to interrupt */
    uint16_t look_at;    /* packed: slot of the flags that the driver read last */
    uint16_t look_value; /* the value read there, or as used index */
    bool looks;          /* it has read one of them: its reads are visible */

    struct vchain chain[VQUEUE_SIZE_MAX];                   /* by head (split), any (packed) */
    uint16_t chain_free[VQUEUE_SIZE_MAX], chain_free_count; /* packed */
    uint64_t busy[VQUEUE_IDS / 64]; /* descriptors (split) or buffer ids (packed) */
    struct {
        struct vbuffer *buffer; /* with this descriptor */
        uint16_t flags;         /* last read or written by the device */
    } slot[VQUEUE_SIZE_MAX];    /* packed */
    struct vbuffer buffer[VQUEUE_BUFFERS_MAX], *buffer_free;
    uint16_t buffer_used; /* buffers that were ever used */
    uint64_t low, high;   /* all writable ones are in [low, high) */
};

/* True if an address is in a part of memory, which does not wrap. */
static inline bool vqueue_within(uint64_t bus, uint64_t at, uint64_t len)
{
    return bus - at < len;
}

/* A position in a ring of q->size, of one that is at most one lap ahead. */
static inline unsigned vqueue_turn(const struct vqueue *q, unsigned at)
{
    return at < q->size ? at : at - q->size;
}

/* Report an event to the host, if it listens. */
static inline void vqueue_tell(const struct vqueue *q, enum vqueue_event what, unsigned chain,
                               uint32_t value)
{
    if (q->host->ring)
        q->host->ring(q->host->ctx, q, what, chain, value);
}

/* Not live any more: its buffers are the driver's again; size and addresses are kept (4.2.2.2). */
void vqueue_stop(struct vqueue *q);

/* Device reset: these are cleared as well. */
void vqueue_reset(struct vqueue *q);

/* The driver made it live, with these features: checks size, alignment and addresses of its
 * parts. */
void vqueue_start(struct vqueue *q, uint64_t features);

/* Take all newly available chains; checks every visible rule. */
void vqueue_fetch(struct vqueue *q);

/* The oldest held chain, or -1: peek; take. */
int vqueue_peek(const struct vqueue *q);
int vqueue_next(struct vqueue *q);

/* The i-th of the q->held_count chains that are held, from the oldest. */
static inline unsigned vqueue_held(const struct vqueue *q, unsigned i)
{
    return q->held[vqueue_turn(q, q->held_head + i)];
}

/* Swap the two oldest held chains: buffers are used in any order (2.7.9, 2.8). */
void vqueue_swap(struct vqueue *q);

/* True if a writable buffer owned by the device overlaps [addr, addr + len). */
bool vqueue_owns(const struct vqueue *q, uint64_t addr, uint32_t len);

/* Bytes of the first buffer of a chain. */
uint32_t vqueue_first_len(const struct vqueue *q, unsigned chain);

/* The index of its descriptor in the table or ring; -1: in an indirect table. */
int vqueue_slot(const struct vqueue *q, const struct vbuffer *b);

/* Copy out of the readable part, into the writable part; lengths are within them. */
void vqueue_read(const struct vqueue *q, unsigned chain, uint32_t offset, uint8_t *out,
                 uint32_t len);
void vqueue_write(const struct vqueue *q, unsigned chain, uint32_t offset, const uint8_t *bytes,
                  uint32_t len);

/* Before the device writes: check that the driver did not change chain and buffers since it gave
 * them. */
void vqueue_check_untouched(struct vqueue *q, unsigned chain);
void vqueue_check_held_untouched(struct vqueue *q); /* all that were not taken */

/* Return a chain; it was taken with vqueue_next(). */
void vqueue_complete(struct vqueue *q, unsigned chain, uint32_t written);

/* ---- notifications ---- */

/* Enable notifications, or suppress them for a while: with event index for a later entry
 * (2.7.10). */
void vqueue_notifications(struct vqueue *q, bool wanted);

/* The driver notifies: check that notifications are not suppressed. */
void vqueue_check_kick(struct vqueue *q);

/* The driver is idle: check for available entries without a notification. */
void vqueue_check_notified(struct vqueue *q);

/* After chains were returned: true if the driver requests an interrupt for one of them (2.7.7,
 * 2.8.10). */
bool vqueue_wants_interrupt(struct vqueue *q);

/* The driver sleeps and no interrupt is pending: check that it did not enable interrupts too
 * late. */
void vqueue_check_asleep(struct vqueue *q);

/* ---- the driver's accesses to ring words ---- */

/* The driver read a word for which vqueue_shows(). */
void vqueue_shown(struct vqueue *q, uint64_t bus, uint64_t value);

/* The same, for fake_host.ring: true if the driver collected a used entry by this load. */
void vqueue_tell_collected(const struct vqueue *q, uint64_t bus, uint64_t value);

/* True if it is part of a used entry, which may be read only after a barrier after index or
 * flags. */
bool vqueue_used_entry(const struct vqueue *q, uint64_t bus);

/* True if it is a word of the device's state or requests: used index, flags, event. */
bool vqueue_awaited(const struct vqueue *q, uint64_t bus);

/* The driver stores into a packed ring: check that it owned the descriptor. */
void vqueue_packed_stored(struct vqueue *q, uint64_t bus);

/* True if `bus` is on the driver's side of a live ring. `inside`: on either side. Inline, as the
 * next one: called for every word. */
static inline bool vqueue_driver_may_store(struct vqueue *q, uint64_t bus, bool *inside)
{
    if (!q->ready)
        return false;
    if (vqueue_within(bus, q->desc, q->desc_len)) {
        if (q->packed)
            vqueue_packed_stored(q, bus);
        return *inside = true;
    }
    if (vqueue_within(bus, q->avail, q->avail_len))
        return *inside = true;
    *inside |= vqueue_within(bus, q->used, q->used_len);
    return false;
}

/* True if it is a word of a live ring by which the device shows its state or requests. */
static inline bool vqueue_shows(const struct vqueue *q, uint64_t bus)
{
    if (!q->ready)
        return false;
    if (q->packed)
        return bus == q->used || vqueue_within(bus, q->desc, q->desc_len);
    return vqueue_within(bus, q->used, VIRTQ_USED_RING) ||
           bus == q->used + VIRTQ_USED_AVAIL_EVENT((uint64_t)q->size);
}

#endif
