/* The rings of connections: see tcp_rings.h. In a free one the first bytes are the number of the
 * next. */
#include "tcp_rings.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../base/minmax.h"

void tcp_rings_init(struct tcp_rings *r, uint8_t *memory, uint32_t count, uint32_t size)
{
    CHECK(count >= 2);
    CHECK(size && (size & (size - 1)) == 0);
    *r = (struct tcp_rings){.memory = memory, .count = count, .size = size};
}

bool tcp_rings_available(const struct tcp_rings *r, enum tcp_ring_use use)
{
    return r->lent[RING_RECEIVES] + r->lent[RING_SENDS] < r->count &&
           r->lent[use] < r->count - max_u32(r->count / 4, 1);
}

uint8_t *tcp_rings_lend(struct tcp_rings *r, enum tcp_ring_use use)
{
    uint8_t *ring;

    if (!tcp_rings_available(r, use))
        return 0;
    if (r->free) {
        ring = r->memory + (size_t)(r->free - 1) * r->size;
        mem_copy(&r->free, ring, sizeof(r->free));
        CHECK(r->free <= r->fresh);
    } else {
        CHECK(r->fresh < r->count);
        ring = r->memory + (size_t)r->fresh++ * r->size;
    }
    r->lent[use]++;
    return ring;
}

void tcp_rings_return(struct tcp_rings *r, enum tcp_ring_use use, uint8_t *ring)
{
    CHECK(r->lent[use] > 0);
    CHECK((size_t)(ring - r->memory) % r->size == 0);
    mem_copy(ring, &r->free, sizeof(r->free));
    r->free = 1 + (uint32_t)((size_t)(ring - r->memory) / r->size);
    r->lent[use]--;
}

void tcp_ring_write(const struct tcp_rings *r, uint8_t *ring, uint32_t at, const uint8_t *from,
                    uint32_t len)
{
    uint32_t index = at & (r->size - 1), first = min_u32(r->size - index, len);

    mem_copy(ring + index, from, first);
    if (first < len)
        mem_copy(ring, from + first, len - first);
}

void tcp_ring_read(const struct tcp_rings *r, const uint8_t *ring, uint32_t at, uint8_t *to,
                   uint32_t len)
{
    uint32_t index = at & (r->size - 1), first = min_u32(r->size - index, len);

    mem_copy(to, ring + index, first);
    if (first < len)
        mem_copy(to + first, ring, len - first);
}
