/*
 * The byte rings of all connections: a connection has one for each direction while it holds data
 * there. The one given back last is lent next, since its lines are still in the cache.
 *
 * When there are fewer than connections could hold, neither direction gets the last quarter: a
 * program that sends back what it received would else wait for a ring to send, while what it has
 * not read yet holds them all.
 */
#ifndef DRYWIRE_TCP_RINGS_H
#define DRYWIRE_TCP_RINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tcp_ring_use { RING_RECEIVES, RING_SENDS, RING_USES };

struct tcp_rings {
    uint8_t *memory;      /* count * size bytes */
    uint32_t size, count; /* size: a power of two */
    uint32_t fresh;       /* rings that were never lent: fresh..count-1 */
    uint32_t free;        /* 1 + the first ring that was given back; 0: none */
    uint32_t lent[RING_USES];
};

/* `count`: 2 or more. The memory need not be cleared. */
void tcp_rings_init(struct tcp_rings *r, uint8_t *memory, uint32_t count, uint32_t size);

/* Is there one? Then tcp_rings_lend() returns it, else NULL. */
bool tcp_rings_available(const struct tcp_rings *r, enum tcp_ring_use use);
uint8_t *tcp_rings_lend(struct tcp_rings *r, enum tcp_ring_use use);
void tcp_rings_return(struct tcp_rings *r, enum tcp_ring_use use, uint8_t *ring);

/* Copy up to `size` bytes to or from a ring; `at`: the offset, of which only the part below the
 * size counts. */
void tcp_ring_write(const struct tcp_rings *r, uint8_t *ring, uint32_t at, const uint8_t *from,
                    uint32_t len);
void tcp_ring_read(const struct tcp_rings *r, const uint8_t *ring, uint32_t at, uint8_t *to,
                   uint32_t len);

#endif
