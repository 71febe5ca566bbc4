/* DMA memory from which drivers allocate once, at bring-up. The machine owns the memory. */
#ifndef DRYWIRE_DMA_H
#define DRYWIRE_DMA_H

#include "../base/check.h"
#include <stddef.h>
#include <stdint.h>

struct dma_memory {
    uint8_t *base; /* 4096-byte aligned */
    size_t size, used;
};

/* Allocate `size` bytes aligned to `align`, a power of two up to 4096; NULL when there is no
 * room. */
static inline void *dma_take(struct dma_memory *m, size_t size, size_t align)
{
    size_t start = (m->used + align - 1) & ~(align - 1);

    CHECK(align >= 1);
    CHECK((align & (align - 1)) == 0);
    CHECK(align <= 4096);
    CHECK(m->used <= m->size);
    if (start > m->size || size > m->size - start)
        return 0;
    m->used = start + size;
    return m->base + start;
}

#endif
