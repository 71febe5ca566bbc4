/* All that a stack can lend or take: after the last connection each is as before the first. */
#ifndef DRYWIRE_STACK_RESOURCES_H
#define DRYWIRE_STACK_RESOURCES_H

#include "../../core/net/stack.h"
#include <string.h>

struct resources {
    uint32_t free, hashed, heap, lent, open, waiting, owned, half_open, orphans, time_wait, served;
    uint32_t frames, parked, sockets;
};

/* `frames`: those of its device that are not back. The result may be compared as bytes. */
static inline struct resources resources_of(const struct stack *s, uint32_t frames)
{
    const struct tcp *t = &s->tcp;
    struct resources r;

    memset(&r, 0, sizeof(r));
    for (uint32_t i = 0; bitset_next(&t->free, i, &i); i++)
        r.free++;
    for (uint32_t i = 0; i <= t->bucket_mask; i++)
        for (uint32_t at = t->bucket[i]; at; at = t->conn[at - 1].hash_next)
            r.hashed++;
    r.heap = t->heap_count;
    r.lent = t->pages.lent[PAGE_RECEIVES] + t->pages.lent[PAGE_SENDS];
    r.open = t->open;
    r.waiting = t->waiting;
    r.owned = t->owned;
    r.half_open = t->half_open.count;
    r.orphans = t->orphans.count;
    r.time_wait = t->time_wait.count;
    r.served = t->served.count;
    r.frames = frames;
    for (unsigned i = 0; i < ARP_ENTRIES; i++)
        r.parked += s->arp.entry[i].parked != 0;
    r.sockets = dgram_used(&s->dgrams);
    return r;
}

#endif
