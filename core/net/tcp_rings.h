/*
 * The byte rings of all connections: a connection has one for each direction while it holds data
 * there. The one given back last is lent next, since its lines are still in the cache.
 */
#ifndef DRYWIRE_TCP_RINGS_H
#define DRYWIRE_TCP_RINGS_H

#include <stddef.h>
#include <stdint.h>

struct tcp_rings {
    uint8_t *memory;      /* count * size bytes */
    uint32_t size, count; /* size: a power of two */
    uint32_t fresh;       /* rings that were never lent: fresh..count-1 */
    uint32_t free;        /* 1 + the first ring that was given back; 0: none */
    uint32_t lent;
};

/* The memory need not be cleared. */
void tcp_rings_init(struct tcp_rings *r, uint8_t *memory, uint32_t count, uint32_t size);

/* A ring, or NULL. */
uint8_t *tcp_rings_lend(struct tcp_rings *r);
void tcp_rings_return(struct tcp_rings *r, uint8_t *ring);

/* Copy to or from a ring; `at`: the offset, of which only the part below the size counts. */
void tcp_ring_write(const struct tcp_rings *r, uint8_t *ring, uint32_t at, const uint8_t *from,
                    uint32_t len);
void tcp_ring_read(const struct tcp_rings *r, const uint8_t *ring, uint32_t at, uint8_t *to,
                   uint32_t len);

#endif
