/*
 * The DMA memory of a simulated machine: bus addresses that are not pointers, words that become
 * visible late, and buffers with an owner.
 *
 * With weak memory on, a ring word or the head of a received frame exists twice, as the driver and
 * as the device see it. A store is pending until a barrier, or becomes visible earlier by a keyed
 * draw, in any order (DESIGN section 3, "the device is an actor"). A correct driver is not
 * affected; one with a missing barrier fails by seed. Strong memory has one copy.
 *
 * An external driver that does not use ring.h is observed by comparison: a ring word that differs
 * in the two copies, and that the device did not write, is a pending store. Its loads are not
 * visible, so stores of the device reach it in order.
 */
#ifndef DRYWIRE_ARENA_H
#define DRYWIRE_ARENA_H

#include "../base/word.h"
#include "../engine/sim.h"

/* Bytes at the start of a DMA write that may become visible late. */
enum { ARENA_DUAL_MAX = 140 };

struct arena_word { /* a store of the driver that the device does not see yet */
    uint32_t offset;
    uint8_t size;
    bool crossed;
    uint64_t value;
};

struct arena_write { /* a store of the device that the driver does not see yet */
    uint32_t offset;
    uint16_t len;
    bool crossed;
    uint8_t bytes[ARENA_DUAL_MAX];
};

/* Parts of rings at one time, more than two queues have. */
enum { ARENA_RINGS = 16 };

struct arena_ring {
    uint32_t offset, len;
};

struct arena {
    struct sim *sim;
    uint8_t *memory; /* the driver's view */
    uint8_t *device; /* the device's view of ring words; == memory when memory is strong */
    size_t size;
    uint64_t bus_base;
    bool weak;
    bool plain; /* the driver's accesses are not visible */
    struct arena_ring rings[ARENA_RINGS];
    unsigned ring_count;
    struct arena_word *words; /* in program order */
    size_t word_count, word_size;
    struct arena_write *writes;
    size_t write_count, write_size;
    struct draw_stream early_store, early_load;

    /* Slots written in this run, to be filled again before the next one. */
    uint64_t *dirty; /* a bit for each ARENA_SLOT bytes */
};

enum { ARENA_SLOT = 2048 };

/* Allocate the memory, once: 0 or -1. */
int arena_allocate(struct arena *a, size_t size);
void arena_free(struct arena *a);

/* A new run. `plain`: the driver does not call arena_driver_load() and arena_driver_store(); memory
 * is strong until arena_weaken(). `place` draws its bus address, of `bus_bits` bits, 33 to 64. */
void arena_start(struct arena *a, struct sim *sim, bool weak, bool plain,
                 const struct draw_stream *place, unsigned bus_bits);
/* Make memory weak from now on. */
void arena_weaken(struct arena *a);
/* Restore the fill pattern where this run wrote. */
void arena_clean(struct arena *a);

/* The bus address of a pointer into the arena; other pointers give an address that no device can
 * access. */
static inline uint64_t arena_bus(const struct arena *a, const volatile void *ptr)
{
    uintptr_t offset = (uintptr_t)ptr - (uintptr_t)a->memory;

    return offset < a->size ? a->bus_base + offset : ~UINT64_C(0) - 0xffff;
}

/* Record a store of the driver as pending; make some of the device's stores to a word visible, by
 * draw, before the driver reads it. */
void arena_store_later(struct arena *a, size_t offset, unsigned size, uint64_t value);
void arena_early_load(struct arena *a, size_t offset, unsigned size);

/* The driver's accesses to ring words. Addresses outside of the arena read as 0. */
static inline uint64_t arena_driver_load(struct arena *a, const volatile void *word, unsigned size)
{
    size_t offset = (size_t)((uintptr_t)word - (uintptr_t)a->memory);

    if (offset >= a->size || size > a->size - offset)
        return 0;
    if (a->write_count)
        arena_early_load(a, offset, size);
    return word_load(a->memory + offset, size);
}

static inline void arena_driver_store(struct arena *a, volatile void *word, unsigned size,
                                      uint64_t value)
{
    size_t offset = (size_t)((uintptr_t)word - (uintptr_t)a->memory);

    if (offset >= a->size || size > a->size - offset)
        return;
    word_store(a->memory + offset, size, value);
    if (a->weak)
        arena_store_later(a, offset, size, value);
}

void arena_barrier_write(struct arena *a); /* the driver's stores become visible */
void arena_barrier_read(struct arena *a);  /* the device's stores become visible */

/* The device's stores, at checked addresses. */
void arena_device_store(struct arena *a, uint64_t bus, unsigned size, uint64_t value);
void arena_device_write(struct arena *a, uint64_t bus, const uint8_t *bytes, size_t len);
/* From now on these bytes are a ring: both copies are made equal. */
void arena_attach_ring(struct arena *a, uint64_t bus, size_t len);
/* Make some of the driver's pending stores visible, by draw: called whenever the device reads. */
void arena_early_stores(struct arena *a);
/* The plain driver is between two accesses: detect its stores, make some of the device's stores
 * visible. */
void arena_plain_pass(struct arena *a);
/* True if a store of the driver to these bytes is pending. */
bool arena_unpublished(const struct arena *a, uint64_t bus, size_t len);
/* True if a store of the device to this word is pending. */
bool arena_unseen(const struct arena *a, const volatile void *word, unsigned size);

/* The device owns a buffer, or returns it. Poisoned for the driver in sanitizer builds. */
void arena_own(struct arena *a, uint64_t bus, size_t len, bool device);

#endif
