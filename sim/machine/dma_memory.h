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
#ifndef DRYWIRE_DMA_MEMORY_H
#define DRYWIRE_DMA_MEMORY_H

#include "../base/word.h"
#include "../engine/sim.h"

/* Bytes at the start of a DMA write that may become visible late. */
enum { DMA_DUAL_MAX = 140 };

struct dma_late_word { /* a store of the driver that the device does not see yet */
    uint32_t offset;
    uint8_t size;
    bool crossed;
    uint64_t value;
};

struct dma_late_write { /* a store of the device that the driver does not see yet */
    uint32_t offset;
    uint16_t len;
    bool crossed;
    uint8_t bytes[DMA_DUAL_MAX];
};

/* Parts of rings at one time, more than two queues have. */
enum { DMA_RINGS = 16 };

struct dma_ring {
    uint32_t offset, len;
};

struct dma {
    struct sim *sim;
    uint8_t *memory; /* the driver's view */
    uint8_t *device; /* the device's view of ring words; == memory when memory is strong */
    size_t size;
    uint64_t bus_base;
    bool weak;
    bool plain; /* the driver's accesses are not visible */
    struct dma_ring rings[DMA_RINGS];
    unsigned ring_count;
    struct dma_late_word *words; /* in program order */
    size_t word_count, word_size;
    struct dma_late_write *writes;
    size_t write_count, write_size;
    struct draw_stream early_store, early_load;

    /* Slots written in this run, to be filled again before the next one. */
    uint64_t *dirty; /* a bit for each DMA_SLOT bytes */
};

enum { DMA_SLOT = 512 };

/* Allocate the memory, once, of whole slots: 0 or -1. */
int dma_allocate(struct dma *a, size_t size);
void dma_free(struct dma *a);

/* A new run. `plain`: the driver does not call dma_driver_load() and dma_driver_store(); memory
 * is strong until dma_weaken(). `place` draws its bus address, of `bus_bits` bits, 33 to 64. */
void dma_start(struct dma *a, struct sim *sim, bool weak, bool plain,
               const struct draw_stream *place, unsigned bus_bits);
/* Make memory weak from now on. */
void dma_weaken(struct dma *a);
/* Restore the fill pattern where this run wrote. */
void dma_clean(struct dma *a);

/* The bus address of a pointer into DMA memory; other pointers give an address that no device can
 * access. */
static inline uint64_t dma_bus_address(const struct dma *a, const volatile void *ptr)
{
    uintptr_t offset = (uintptr_t)ptr - (uintptr_t)a->memory;

    return offset < a->size ? a->bus_base + offset : ~UINT64_C(0) - 0xffff;
}

/* Record a store of the driver as pending; make some of the device's stores to a word visible, by
 * draw, before the driver reads it. */
void dma_store_later(struct dma *a, size_t offset, unsigned size, uint64_t value);
void dma_early_load(struct dma *a, size_t offset, unsigned size);

/* The driver's accesses to ring words. Addresses outside of DMA memory read as 0. */
static inline uint64_t dma_driver_load(struct dma *a, const volatile void *word, unsigned size)
{
    size_t offset = (size_t)((uintptr_t)word - (uintptr_t)a->memory);

    if (offset > a->size - size)
        return 0;
    if (a->write_count)
        dma_early_load(a, offset, size);
    return word_load(a->memory + offset, size);
}

static inline void dma_driver_store(struct dma *a, volatile void *word, unsigned size,
                                    uint64_t value)
{
    size_t offset = (size_t)((uintptr_t)word - (uintptr_t)a->memory);

    if (offset > a->size - size)
        return;
    word_store(a->memory + offset, size, value);
    if (a->weak)
        dma_store_later(a, offset, size, value);
}

/* The driver's stores become visible, the device's; with strong memory they are. */
void dma_publish_words(struct dma *a);
void dma_publish_writes(struct dma *a);

static inline void dma_barrier_write(struct dma *a)
{
    if (a->weak)
        dma_publish_words(a);
}

static inline void dma_barrier_read(struct dma *a)
{
    if (a->weak)
        dma_publish_writes(a);
}

/* The driver has written these bytes, for the device to read. */
void dma_given(struct dma *a, const void *bytes, size_t len);

/* The device's stores, at checked addresses. */
void dma_device_store(struct dma *a, uint64_t bus, unsigned size, uint64_t value);
void dma_device_write(struct dma *a, uint64_t bus, const uint8_t *bytes, size_t len);
/* From now on these bytes are a ring: both copies are made equal. */
void dma_attach_ring(struct dma *a, uint64_t bus, size_t len);
/* Make some of the driver's pending stores visible, by draw: called whenever the device reads. */
void dma_early_stores(struct dma *a);
/* The plain driver is between two accesses: detect its stores, make some of the device's stores
 * visible. */
void dma_plain_pass(struct dma *a);
/* True if a store of the driver to these bytes is pending. */
bool dma_unpublished(const struct dma *a, uint64_t bus, size_t len);
/* True if a store of the device to this word is pending. */
bool dma_unseen(const struct dma *a, const volatile void *word, unsigned size);

/* The device owns a buffer, or returns it. Poisoned for the driver in sanitizer builds. */
void dma_own(struct dma *a, uint64_t bus, size_t len, bool device);

#endif
