/*
 * What was received after a gap, as ranges of sequence numbers (RFC 9293 section 3.10.7.4): sorted,
 * disjoint, all after the next byte that is expected. The bytes are in the receive buffer.
 */
#ifndef DRYWIRE_TCP_REASSEMBLY_H
#define DRYWIRE_TCP_REASSEMBLY_H

#include <stdbool.h>
#include <stdint.h>

enum { TCP_OOO_MAX = 128 }; /* ranges: it fits in a page */

/* [start, end) */
struct tcp_range {
    uint32_t start, end;
};

struct tcp_reassembly {
    struct tcp_range range[TCP_OOO_MAX];
    uint32_t touched[TCP_OOO_MAX]; /* when it was added to, counted in such events */
    uint32_t clock;
    unsigned count;
};

/* Add a range that is not empty; it may overlap others. Not when there are TCP_OOO_MAX. */
void tcp_reassembly_add(struct tcp_reassembly *r, uint32_t start, uint32_t end);

/* All before `next` has been received: the number after what is then complete. Ranges up to there
 * are removed. */
uint32_t tcp_reassembly_advance(struct tcp_reassembly *r, uint32_t next);

/* The first part of [*start, end) that is in no range: true, and it is [*start, *stop). */
bool tcp_reassembly_missing(const struct tcp_reassembly *r, uint32_t *start, uint32_t end,
                            uint32_t *stop);

/* The first part of [start, end) that is in a range; empty: none is. */
struct tcp_range tcp_reassembly_overlap(const struct tcp_reassembly *r, uint32_t start,
                                        uint32_t end);

/* The ranges in the order in which they were added to, the last one first, `max` at most: their
 * number (RFC 2018 section 4). */
unsigned tcp_reassembly_recent(const struct tcp_reassembly *r, struct tcp_range *out, unsigned max);

#endif
