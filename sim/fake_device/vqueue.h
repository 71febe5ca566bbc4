/*
 * The device side of a virtqueue, split (VirtIO 1.2 section 2.7) or packed (2.8), which is also the
 * ring oracle: every descriptor that the driver makes available is copied and checked before it is
 * used. vqueue.c has the chains and their buffers, vqueue_split.c and vqueue_packed.c the ring
 * formats, vqueue_event.c who wants to be notified of what.
 */
#ifndef DRYWIRE_FAKE_VQUEUE_H
#define DRYWIRE_FAKE_VQUEUE_H

#include "host.h"

/* Buffers are more than descriptors: an indirect table has many. */
enum { VQUEUE_SIZE_MAX = 1024, VQUEUE_BUFFERS_MAX = 4096, VQUEUE_IDS = 65536 };

enum vbuffer_kind { VBUFFER_READABLE, VBUFFER_WRITABLE, VBUFFER_TABLE };

/* The device's own copy of a descriptor that is available or held. */
struct vbuffer {
    uint64_t at; /* of its descriptor; 0: overwritten by the device itself */
    uint64_t addr;
    uint64_t sample; /* of its bytes when it was handed over */
    struct vbuffer *next;
    uint32_t len;
    enum vbuffer_kind kind;
    bool busy; /* not the driver's until its used entry is written */
};

struct vchain {
    struct vbuffer *first, *last;
    uint16_t id;    /* what its used entry says */
    uint16_t count; /* descriptors in the ring */
};

/* What the first used entry says that is not so. */
enum vqueue_lie {
    VQUEUE_HONEST,
    VQUEUE_LIED,       /* it did: the ring is of no use any more, and is not looked at */
    VQUEUE_LIE_INDEX,  /* split: the used index runs past what is available */
    VQUEUE_LIE_ID,     /* a buffer id beyond the queue */
    VQUEUE_LIE_TWICE,  /* the same chain is given back by a second entry at once */
    VQUEUE_LIE_LENGTH, /* more bytes written than there is room */
};

struct vqueue {
    const struct fake_memory *memory;
    const struct fake_host *host;
    unsigned index;
    uint32_t size_max, size;
    enum vqueue_lie lie;
    bool ready, legacy, packed, event_idx, indirect;
    unsigned shared; /* bytes at the start of writable chains that may lie in one place for all */
    uint64_t desc, avail, used; /* packed: the ring, driver and device event suppression */
    uint64_t desc_len, avail_len, used_len; /* event indices included, whether used or not */

    /* Up to where. Split counts entries, packed descriptors; both count for ever. */
    uint32_t taken, given;
    uint16_t seen, used_idx;        /* the same as index (split) or slot (packed) */
    bool seen_wrap, used_wrap;      /* packed: the ring wrap counters that belong to them */
    uint16_t held_head, held_count; /* ring of chains in the order they came */
    uint16_t held[VQUEUE_SIZE_MAX];

    /* Notifications: what the device asked for, what the driver was shown of it. */
    bool notify_off;
    uint32_t event_at;       /* event index: wants to know when the entry of this count comes */
    uint64_t event_value;    /* as stored last */
    bool saw_off, saw_event; /* the driver was shown a suppression; event_value */
    uint32_t saw_event_at,
        notified;        /* counts: of the event it was shown, at its last notification */
    uint32_t signalled;  /* value of `given` when an interrupt was last thought of */
    uint16_t look_at;    /* packed: slot whose flags the driver looked at last */
    uint16_t look_value; /* what it was shown there, or as used index */
    bool looks;          /* it was shown one of them: its looks can be seen */

    struct vchain chain[VQUEUE_SIZE_MAX];                   /* by head (split), any (packed) */
    uint16_t chain_free[VQUEUE_SIZE_MAX], chain_free_count; /* packed */
    uint64_t busy[VQUEUE_IDS / 64]; /* descriptors (split) or buffer ids (packed) */
    struct {
        struct vbuffer *buffer; /* that lies there */
        uint16_t flags;         /* as the device read or wrote them last */
    } slot[VQUEUE_SIZE_MAX];    /* packed */
    struct vbuffer buffer[VQUEUE_BUFFERS_MAX], *buffer_free;
    uint16_t buffer_used; /* buffers that were ever taken */
    uint64_t low, high;   /* all of these that are writable lie in [low, high) */
};

static inline bool vqueue_within(uint64_t bus, uint64_t at, uint64_t len)
{
    return bus >= at && bus - at < len;
}

/* Tell who draws the rings, if there is anybody. */
static inline void vqueue_tell(const struct vqueue *q, enum vqueue_event what, unsigned chain,
                               uint32_t value)
{
    if (q->host->ring)
        q->host->ring(q->host->ctx, q, what, chain, value);
}

/* Not live any more: its buffers are the driver's again; size and addresses stay (4.2.2.2). */
void vqueue_stop(struct vqueue *q);

/* The device is reset: they are forgotten as well. */
void vqueue_reset(struct vqueue *q);

/* The driver made it live, with these features: checks size, alignment and place of its parts. */
void vqueue_start(struct vqueue *q, uint64_t features);

/* Take all newly available chains; checks every rule that can be seen. */
void vqueue_fetch(struct vqueue *q);

/* Oldest held chain, or -1: look at it; take it. */
int vqueue_peek(const struct vqueue *q);
int vqueue_next(struct vqueue *q);

/* The i-th of the q->held_count chains that are held, from the oldest. */
unsigned vqueue_held(const struct vqueue *q, unsigned i);

/* The two oldest held chains change places: buffers are used in any order (2.7.9, 2.8). */
void vqueue_swap(struct vqueue *q);

/* Does a buffer that the driver may not touch, writable and not yet given back, have a byte in
 * [addr, addr + len)? */
bool vqueue_owns(const struct vqueue *q, uint64_t addr, uint32_t len);

/* Bytes of a chain that the device may read or write; of its first buffer. */
uint32_t vqueue_readable(const struct vqueue *q, unsigned chain);
uint32_t vqueue_writable(const struct vqueue *q, unsigned chain);
uint32_t vqueue_first_len(const struct vqueue *q, unsigned chain);

/* Where in the descriptor table or ring its descriptor stands; -1: in an indirect table. */
int vqueue_slot(const struct vqueue *q, const struct vbuffer *b);

/* Copy out of the readable part, into the writable part; lengths are within them. */
void vqueue_read(const struct vqueue *q, unsigned chain, uint32_t offset, uint8_t *out,
                 uint32_t len);
void vqueue_write(const struct vqueue *q, unsigned chain, uint32_t offset, const uint8_t *bytes,
                  uint32_t len);

/* Before the device writes: did the driver leave chain and buffers alone since it gave them? */
void vqueue_check_untouched(struct vqueue *q, unsigned chain);
void vqueue_check_held_untouched(struct vqueue *q); /* all that were not taken */

/* Give a chain back; it was taken with vqueue_next(). */
void vqueue_complete(struct vqueue *q, unsigned chain, uint32_t written);

/* ---- notifications ---- */

/* Ask for notifications, or for none for a while: with event index for a later one (2.7.10). */
void vqueue_notifications(struct vqueue *q, bool wanted);

/* The driver notifies: did the device ask it not to? */
void vqueue_check_kick(struct vqueue *q);

/* The driver is at rest: is there something available that the device was not told about? */
void vqueue_check_notified(struct vqueue *q);

/* After chains were given back: does the driver want an interrupt for one of them (2.7.7, 2.8.10)?
 */
bool vqueue_wants_interrupt(struct vqueue *q);

/* The driver sleeps and no interrupt is pending: did it ask for one too late? */
void vqueue_check_asleep(struct vqueue *q);

/* ---- the driver's accesses to ring words ---- */

/* A word of a live ring was shown to the driver. */
void vqueue_shown(struct vqueue *q, uint64_t bus, uint64_t value);

/* The same, for fake_host.ring: did the driver collect a used entry by this load? */
void vqueue_tell_collected(const struct vqueue *q, uint64_t bus, uint64_t value);

/* Is it part of a used entry, which may be read only after a barrier behind index or flags? */
bool vqueue_used_entry(const struct vqueue *q, uint64_t bus);

/* Is it a word by which the device tells what it did or wants: used index, flags, event? */
bool vqueue_awaited(const struct vqueue *q, uint64_t bus);

/* The driver stores into a packed ring: was the descriptor its own? */
void vqueue_packed_stored(struct vqueue *q, uint64_t bus);

/* Does a store of the driver to `bus` belong to its side of a live ring? `inside`: to either side.
 * Inline, as the next one is: asked of every word. */
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

/* Is it a word of a live ring in which the device may store? */
static inline bool vqueue_device_stores(const struct vqueue *q, uint64_t bus)
{
    return q->ready && (vqueue_within(bus, q->used, q->used_len) ||
                        (q->packed && vqueue_within(bus, q->desc, q->desc_len)));
}

#endif
