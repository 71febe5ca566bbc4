/*
 * Words shared with a device: each access is one volatile load or store of natural width, never
 * torn, never repeated. Order between accesses is the business of platform->barrier.
 *
 * In the simulator the accesses call a hook; that is the only compile-time difference between metal
 * and simulator. The hook is how a device changes a word at its n-th read, how stores become
 * visible late, and how a spinning driver is seen.
 */
#ifndef DRYWIRE_RING_H
#define DRYWIRE_RING_H

#include "endian.h"
#include "platform.h"

#ifdef DRYWIRE_SIM

uint64_t sim_ring_load(void *ctx, const volatile void *word, unsigned size);
void sim_ring_store(void *ctx, volatile void *word, unsigned size, uint64_t value);

#define RING_LOAD(p, word, type)         ((type)sim_ring_load((p)->ctx, (word), sizeof(type)))
#define RING_STORE(p, word, type, value) (sim_ring_store((p)->ctx, (word), sizeof(type), (value)))

#else

#define RING_LOAD(p, word, type)         ((void)(p), *(word))
#define RING_STORE(p, word, type, value) ((void)(p), (void)(*(word) = (value)))

#endif

static inline uint16_t ring_load16(const struct platform *p, const le16 *word)
{
    return RING_LOAD(p, &word->raw, uint16_t);
}

static inline uint32_t ring_load32(const struct platform *p, const le32 *word)
{
    return RING_LOAD(p, &word->raw, uint32_t);
}

static inline void ring_store16(const struct platform *p, le16 *word, uint16_t value)
{
    RING_STORE(p, &word->raw, uint16_t, value);
}

static inline void ring_store32(const struct platform *p, le32 *word, uint32_t value)
{
    RING_STORE(p, &word->raw, uint32_t, value);
}

static inline void ring_store64(const struct platform *p, le64 *word, uint64_t value)
{
    RING_STORE(p, &word->raw, uint64_t, value);
}

#undef RING_LOAD
#undef RING_STORE

#endif
