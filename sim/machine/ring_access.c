/* The hooks of core/port/ring.h in a program of the host: see ring_access.h. */
#include "ring_access.h"
#include "../../core/port/ring.h"

uint64_t ring_hook_load(void *ctx, const volatile void *word, unsigned size)
{
    const struct ring_access *r = ctx;

    return r->load(ctx, word, size);
}

void ring_hook_store(void *ctx, volatile void *word, unsigned size, uint64_t value)
{
    const struct ring_access *r = ctx;

    r->store(ctx, word, size, value);
}

void ring_hook_take(void *ctx, void *bytes, size_t len)
{
    const struct ring_access *r = ctx;

    if (r->take)
        r->take(ctx, bytes, len);
}

void ring_hook_give(void *ctx, const void *bytes, size_t len)
{
    const struct ring_access *r = ctx;

    if (r->give)
        r->give(ctx, bytes, len);
}
