/* The DMA memory of a simulated machine: see dma_memory.h. */
#include "dma_memory.h"
#include "../../core/base/minmax.h"
#include "../base/memory.h"
#include "../base/pattern.h"
#include "../base/sanitizer.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef DRYWIRE_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

/* The minimum alignment of bus addresses, at least any page size of a guest. */
enum { BUS_ALIGN = 65536 };

int dma_allocate(struct dma *a, size_t size)
{
    void *device = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    *a = (struct dma){.size = size};
    if (device == MAP_FAILED)
        return -1;
    a->device = device;
    a->memory = pattern_new(size);
    a->dirty = memory_new(size / DMA_SLOT / 64 + 1, sizeof(*a->dirty));
    return 0;
}

void dma_free(struct dma *a)
{
    if (a->memory)
        ASAN_UNPOISON_MEMORY_REGION(a->memory, a->size);
    pattern_free(a->memory, a->size);
    if (a->device)
        munmap(a->device, a->size);
    free(a->dirty);
    free(a->words);
    free(a->writes);
    *a = (struct dma){0};
}

/*
 * Never completely below 4 GiB, so that an address cut to 32 bits is detected. Every other one has
 * few bits, any number of them; one in four crosses a multiple of 4 GiB, where both halves change.
 */
static uint64_t draw_base(struct sim *sim, struct draw_stream d, size_t size, unsigned bits)
{
    uint64_t high, room = (UINT64_C(1) << 32) - size;

    high = sim_draw(sim, &d) >> (96 - bits);
    if (sim_draw(sim, &d) & 1)
        high >>= sim_draw(sim, &d) % (bits - 32);
    high = (high ? high : 1) << 32;
    if (sim_draw(sim, &d) % 4 == 0)
        return high - (1 + sim_draw(sim, &d) % (size / BUS_ALIGN - 1)) * BUS_ALIGN;
    return high + sim_draw(sim, &d) % (room / BUS_ALIGN) * BUS_ALIGN;
}

void dma_start(struct dma *a, struct sim *sim, bool weak, bool plain,
               const struct draw_stream *place, unsigned bus_bits)
{
    a->sim = sim;
    a->bus_base = draw_base(sim, *place, a->size, bus_bits);
    a->weak = weak && !plain;
    a->plain = plain;
    a->ring_count = 0;
    a->word_count = a->write_count = 0;
    draw_stream_init(&a->early_store, "memory.store");
    draw_stream_init(&a->early_load, "memory.load");
}

/* These bytes are written, or will be. */
static void mark_dirty(struct dma *a, size_t offset, size_t len)
{
    size_t first = offset / DMA_SLOT, last = (offset + len - 1) / DMA_SLOT;

    for (size_t slot = first; slot <= last; slot = (slot | 63) + 1) {
        uint64_t more = min_u64(last, slot | 63) - slot; /* in the same word */

        a->dirty[slot / 64] |= UINT64_MAX >> (63 - more) << slot % 64;
    }
}

void dma_clean(struct dma *a)
{
    ASAN_UNPOISON_MEMORY_REGION(a->memory, a->size);
    for (size_t i = 0; i < a->size / DMA_SLOT / 64 + 1; i++) {
        uint64_t dirty = a->dirty[i];

        /* Neighbours together: adding the first one carries over all that follow it. */
        while (dirty) {
            uint64_t after = dirty + (dirty & -dirty);
            unsigned first = (unsigned)__builtin_ctzll(dirty);
            unsigned end = after ? (unsigned)__builtin_ctzll(after) : 64;

            memset(a->memory + (i * 64 + first) * DMA_SLOT, PATTERN_FILL,
                   (end - first) * (size_t)DMA_SLOT);
            dirty &= after;
        }
        a->dirty[i] = 0;
    }
}

void dma_given(struct dma *a, const void *bytes, size_t len)
{
    size_t offset = (size_t)((uintptr_t)bytes - (uintptr_t)a->memory);

    if (len && offset < a->size && len <= a->size - offset)
        mark_dirty(a, offset, len);
}

static size_t offset_of(const struct dma *a, const volatile void *ptr)
{
    return (size_t)((uintptr_t)ptr - (uintptr_t)a->memory);
}

static bool overlap(uint64_t a, size_t a_len, uint64_t b, size_t b_len)
{
    return a < b + b_len && b < a + a_len;
}

/* ---- pending stores of the driver ---- */

static void word_cross(struct dma *a, size_t i)
{
    struct dma_late_word *w = &a->words[i];

    word_store(a->device + w->offset, w->size, w->value);
    for (size_t k = 0; k <= i; k++) /* older stores to the same word are dropped */
        if (a->words[k].offset == w->offset)
            a->words[k].crossed = true;
}

void dma_store_later(struct dma *a, size_t offset, unsigned size, uint64_t value)
{
    a->words = memory_grow(a->words, a->word_count + 1, &a->word_size, sizeof(*a->words));
    a->words[a->word_count++] =
        (struct dma_late_word){(uint32_t)offset, (uint8_t)size, false, value};
}

/* True if this is a store of the device that the driver does not see yet. */
static bool from_device(const struct dma *a, uint32_t offset)
{
    for (size_t i = 0; i < a->write_count; i++)
        if (!a->writes[i].crossed && overlap(offset, 2, a->writes[i].offset, a->writes[i].len))
            return true;
    return false;
}

/* A word of 2 bytes differs: record it as a store, once, with its last value. */
static void plain_word(struct dma *a, uint32_t offset)
{
    uint64_t value = word_load(a->memory + offset, 2);

    if (from_device(a, offset))
        return;
    for (size_t i = 0; i < a->word_count; i++)
        if (!a->words[i].crossed && a->words[i].offset == offset) {
            a->words[i].value = value;
            return;
        }
    a->words = memory_grow(a->words, a->word_count + 1, &a->word_size, sizeof(*a->words));
    a->words[a->word_count++] = (struct dma_late_word){offset, 2, false, value};
}

static void plain_stores(struct dma *a)
{
    enum { STEP = 64 };

    for (unsigned r = 0; r < a->ring_count; r++) {
        uint32_t at = a->rings[r].offset, end = at + a->rings[r].len, step;

        for (; at < end; at += step) {
            step = min_u32(end - at, STEP);
            if (memcmp(a->memory + at, a->device + at, step) == 0)
                continue;
            for (uint32_t k = at; k + 2 <= at + step; k += 2)
                if (memcmp(a->memory + k, a->device + k, 2))
                    plain_word(a, k);
        }
    }
}

void dma_publish_words(struct dma *a)
{
    if (a->plain)
        plain_stores(a);
    for (size_t i = 0; i < a->word_count; i++)
        if (!a->words[i].crossed)
            word_store(a->device + a->words[i].offset, a->words[i].size, a->words[i].value);
    a->word_count = 0;
}

void dma_early_stores(struct dma *a)
{
    if (a->plain && a->weak)
        plain_stores(a);
    for (size_t i = 0; i < a->word_count; i++)
        if (!a->words[i].crossed && sim_chance(a->sim, &a->early_store, 65536 / 3))
            word_cross(a, i);
}

bool dma_unpublished(const struct dma *a, uint64_t bus, size_t len)
{
    uint64_t offset = bus - a->bus_base;

    for (size_t i = 0; i < a->word_count; i++)
        if (!a->words[i].crossed && overlap(offset, len, a->words[i].offset, a->words[i].size))
            return true;
    return false;
}

/* ---- pending stores of the device ---- */

static void write_cross(struct dma *a, size_t i)
{
    struct dma_late_write *w = &a->writes[i];

    memcpy(a->memory + w->offset, w->bytes, w->len);
    for (size_t k = 0; k <= i; k++)
        if (a->writes[k].offset == w->offset)
            a->writes[k].crossed = true;
}

static void write_later(struct dma *a, size_t offset, const uint8_t *bytes, size_t len)
{
    struct dma_late_write *w;

    a->writes = memory_grow(a->writes, a->write_count + 1, &a->write_size, sizeof(*a->writes));
    w = &a->writes[a->write_count++];
    w->offset = (uint32_t)offset;
    w->len = (uint16_t)len;
    w->crossed = false;
    memcpy(w->bytes, bytes, len);
}

void dma_publish_writes(struct dma *a)
{
    for (size_t i = 0; i < a->write_count; i++)
        if (!a->writes[i].crossed)
            memcpy(a->memory + a->writes[i].offset, a->writes[i].bytes, a->writes[i].len);
    a->write_count = 0;
}

/* In order: the order of the driver's loads is not visible. */
void dma_plain_pass(struct dma *a)
{
    if (!a->plain || !a->weak)
        return;
    plain_stores(a);
    for (size_t i = 0; i < a->write_count; i++)
        if (!a->writes[i].crossed) {
            if (!sim_chance(a->sim, &a->early_load, 65536 / 2))
                return;
            write_cross(a, i);
        }
}

bool dma_unseen(const struct dma *a, const volatile void *word, unsigned size)
{
    size_t offset = offset_of(a, word);

    for (size_t i = 0; i < a->write_count; i++)
        if (!a->writes[i].crossed && overlap(offset, size, a->writes[i].offset, a->writes[i].len))
            return true;
    return false;
}

void dma_early_load(struct dma *a, size_t offset, unsigned size)
{
    for (size_t i = 0; i < a->write_count; i++)
        if (!a->writes[i].crossed && overlap(offset, size, a->writes[i].offset, a->writes[i].len) &&
            sim_chance(a->sim, &a->early_load, 65536 / 2))
            write_cross(a, i);
}

/* ---- the device ---- */

void dma_device_store(struct dma *a, uint64_t bus, unsigned size, uint64_t value)
{
    size_t offset = (size_t)(bus - a->bus_base);
    uint8_t bytes[8];

    if (!a->weak) {
        word_store(a->memory + offset, size, value);
        return;
    }
    word_store(a->device + offset, size, value);
    word_store(bytes, size, value);
    write_later(a, offset, bytes, size);
}

void dma_device_write(struct dma *a, uint64_t bus, const uint8_t *bytes, size_t len)
{
    size_t offset = (size_t)(bus - a->bus_base);
    size_t dual = min_u64(len, DMA_DUAL_MAX);

    if (!len)
        return;
    mark_dirty(a, offset, len);
    if (!a->weak) {
        memcpy(a->memory + offset, bytes, len);
        return;
    }
    memcpy(a->memory + offset + dual, bytes + dual, len - dual);
    write_later(a, offset, bytes, dual);
}

/* Earlier parts of rings at these addresses are removed; so is the oldest one, if there are too
 * many. */
static void ring_remember(struct dma *a, uint32_t offset, uint32_t len)
{
    unsigned kept = 0;

    for (unsigned i = a->ring_count == DMA_RINGS; i < a->ring_count; i++)
        if (!overlap(offset, len, a->rings[i].offset, a->rings[i].len))
            a->rings[kept++] = a->rings[i];
    a->rings[kept] = (struct dma_ring){offset, len};
    a->ring_count = kept + 1;
}

void dma_weaken(struct dma *a)
{
    a->weak = true;
    for (unsigned i = 0; i < a->ring_count; i++)
        memcpy(a->device + a->rings[i].offset, a->memory + a->rings[i].offset, a->rings[i].len);
}

void dma_attach_ring(struct dma *a, uint64_t bus, size_t len)
{
    size_t offset = (size_t)(bus - a->bus_base);

    mark_dirty(a, offset, len);
    ring_remember(a, (uint32_t)offset, (uint32_t)len);
    if (a->weak)
        memcpy(a->device + offset, a->memory + offset, len);
}

void dma_own(struct dma *a, uint64_t bus, size_t len, bool device)
{
    size_t offset = (size_t)(bus - a->bus_base);

    if (!device) {
        ASAN_UNPOISON_MEMORY_REGION(a->memory + offset, len);
        return;
    }
    mark_dirty(a, offset, len); /* whatever the driver did there */
    ASAN_POISON_MEMORY_REGION(a->memory + offset, len);
}
