/*
 * The interface of a fake device to its machine: the memory, for DMA, and the host, for time, draws
 * and reports. The machine fills both; they do not move while the device exists.
 */
#ifndef DRYWIRE_FAKE_HOST_H
#define DRYWIRE_FAKE_HOST_H

#include "../base/word.h"
#include "../engine/oracle_table.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vqueue;

/* DMA memory: `size` bytes from bus address `first` on. Buffers are read in `memory`, ring words in
 * `words`, which is another copy while stores of the driver may be delayed. Ring words are written
 * by store, buffers by write; both take checked addresses. own() is called for what the device owns
 * to write; also when it returns that, if the host is thorough. */
struct fake_memory {
    void *ctx;
    const uint8_t *memory, *words;
    uint64_t first;
    size_t size;
    void (*store)(void *ctx, uint64_t bus, unsigned size, uint64_t value);
    void (*write)(void *ctx, uint64_t bus, const uint8_t *bytes, size_t len);
    void (*attach_ring)(void *ctx, uint64_t bus, size_t len);
    void (*look)(void *ctx); /* before the device reads a ring: delayed stores may become visible */
    bool (*unpublished)(void *ctx, uint64_t bus, size_t len); /* called while words != memory */
    void (*own)(void *ctx, uint64_t bus, size_t len, bool device);
};

/*
 * Events of fake_host.ring: `chain` is the chain's index in q->chain, whose buffers are still
 * valid; `value` as below.
 */
enum vqueue_event {
    VQUEUE_STARTED,     /* live with q->size descriptors; no chain */
    VQUEUE_STOPPED,     /* reset; no chain */
    VQUEUE_AVAILABLE,   /* the device read the descriptors of a chain */
    VQUEUE_WORKING,     /* the device processes it */
    VQUEUE_USED,        /* it is returned; value: bytes written. q->used_idx is its slot, before
                         * the increment */
    VQUEUE_COLLECTED,   /* the driver reads a used entry; value: its id; chain: its slot */
    VQUEUE_NOTIFIED,    /* by the driver; no chain */
    VQUEUE_INTERRUPTED, /* by the device; no chain */
    VQUEUE_FRAME,       /* the frame of a chain is sent, or received into it; value: number of the
                         * received frame, from 0 */
    VQUEUE_CONFIG,      /* a configuration interrupt: of no queue, reported once */
};

struct fake_host {
    void *ctx;

    /* Check every byte and every pair of buffers (sanitizer builds), or samples of them. */
    bool thorough;

    /* Decisions. */
    bool (*chance)(void *ctx, const char *what, uint32_t per_65536);
    uint64_t (*pick)(void *ctx, const char *what, uint64_t bound);
    uint64_t key; /* 64 bits fixed for this run */

    /* Call fake_virtio_event() with `what` after `ns`. */
    void (*later)(void *ctx, uint64_t delay_ns, unsigned what);

    /* The device has something for the driver: a used buffer or a changed configuration. Called for
     * every one of them when the driver polls, else only when an interrupt is due. */
    void (*interrupt)(void *ctx);

    /* A chain is returned by this used entry. */
    void (*used)(void *ctx, uint32_t id, uint32_t written);

    /* Events of queues and chains, for captures and pages; NULL: not used. */
    void (*ring)(void *ctx, const struct vqueue *q, enum vqueue_event what, unsigned chain,
                 uint32_t value);

    struct oracle_set *looked; /* something they check occurred: LOOK() */

    /* The driver violated a rule, a row of the table of oracles. */
    void (*violation)(void *ctx, const char *oracle, const char *site, const char *clause,
                      const char *format, ...) __attribute__((format(printf, 5, 6)));
};

/* The pointer to bytes; NULL when not all of them are DMA memory. */
static inline const uint8_t *fake_memory_at(const struct fake_memory *m, uint64_t bus, size_t len)
{
    uint64_t offset = bus - m->first;

    return offset < m->size && len <= m->size - offset ? m->memory + offset : NULL;
}

/* A ring word of 2, 4 or 8 bytes, at a checked address. Inline, as fake_memory_at() is: the most
 * frequent operations of devices. */
static inline uint64_t fake_memory_load(const struct fake_memory *m, uint64_t bus, unsigned size)
{
    return word_load(m->words + (bus - m->first), size);
}

/* True if there is a store of the driver to these bytes that the device cannot see yet. */
static inline bool fake_memory_unpublished(const struct fake_memory *m, uint64_t bus, size_t len)
{
    return m->words != m->memory && m->unpublished(m->ctx, bus, len);
}

/* Does nothing. A compiler moves what leads to its call away from the code that a good run takes.
 * It must be a call: an inline function is gone before that is decided. */
__attribute__((cold)) void fake_cold(void);

#define DEVICE_STRING2(x) #x
#define DEVICE_STRING(x)  DEVICE_STRING2(x)
#define DEVICE_SITE       __FILE__ ":" DEVICE_STRING(__LINE__)
#define VIOLATION(host, oracle, clause, ...)                                                       \
    (fake_cold(), (host)->violation((host)->ctx, (oracle), DEVICE_SITE, (clause), __VA_ARGS__))

/* The thing that the oracle checks occurred: LOOK(host, RING_INDEX). */
#define LOOK(host, id) oracle_set_add((host)->looked, (id))

#endif
