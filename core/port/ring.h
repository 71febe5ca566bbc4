/*
 * Words shared with a device: each access is one volatile load or store of natural width, never
 * torn, never repeated. ring_barrier() orders them.
 *
 * In the simulator the accesses call a hook; that is the only compile-time difference between metal
 * and simulator. The hook is how a device changes a word at its n-th read, how stores become
 * visible late, and how a spinning driver is detected. An image with a flight recorder has the
 * hooks as well, as has the replay of its journal (docs/recorder.md).
 */
#ifndef DRYWIRE_RING_H
#define DRYWIRE_RING_H

#include "../base/endian.h"
#include "platform.h"

#if defined(DRYWIRE_SIM) || defined(DRYWIRE_JOURNAL)

uint64_t ring_hook_load(void *ctx, const volatile void *word, unsigned size);
void ring_hook_store(void *ctx, volatile void *word, unsigned size, uint64_t value);
void ring_hook_take(void *ctx, void *bytes, size_t len);
void ring_hook_give(void *ctx, const void *bytes, size_t len);

#define RING_LOAD(p, word, type)         ((type)ring_hook_load((p)->ctx, (word), sizeof(type)))
#define RING_STORE(p, word, type, value) (ring_hook_store((p)->ctx, (word), sizeof(type), (value)))
#define RING_TAKE(p, bytes, len)         (ring_hook_take((p)->ctx, (bytes), (len)))
#define RING_GIVE(p, bytes, len)         (ring_hook_give((p)->ctx, (bytes), (len)))

#else

#define RING_LOAD(p, word, type)         ((void)(p), *(word))
#define RING_STORE(p, word, type, value) ((void)(p), (void)(*(word) = (value)))
#define RING_TAKE(p, bytes, len)         ((void)(p), (void)(bytes), (void)(len))
#define RING_GIVE(p, bytes, len)         ((void)(p), (void)(bytes), (void)(len))

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

/* Order memory accesses before and after the call, for the device and the compiler. */
static inline void ring_barrier(const struct platform *p, enum barrier kind)
{
    p->barrier(p->ctx, kind);
}

/* The driver is about to read `len` bytes of a buffer that the device wrote and returned. */
static inline void ring_take(const struct platform *p, void *bytes, size_t len)
{
    RING_TAKE(p, bytes, len);
}

/* A filled buffer is about to be given to the device. */
static inline void ring_give(const struct platform *p, const void *bytes, size_t len)
{
    RING_GIVE(p, bytes, len);
}

#undef RING_LOAD
#undef RING_STORE
#undef RING_TAKE
#undef RING_GIVE

#endif
