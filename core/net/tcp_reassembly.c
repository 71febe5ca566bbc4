/* Out-of-order data: see tcp_reassembly.h. */
#include "tcp_reassembly.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "tcp_seq.h"

void tcp_reassembly_add(struct tcp_reassembly *r, uint32_t start, uint32_t end)
{
    struct tcp_range merged[TCP_OOO_MAX + 1];
    unsigned n = 0;
    bool placed = false;

    CHECK(seq_lt(start, end));
    for (unsigned i = 0; i < r->count; i++) {
        struct tcp_range old = r->range[i];

        if (seq_lt(old.end, start)) {
            merged[n++] = old;
        } else if (seq_lt(end, old.start)) {
            if (!placed)
                merged[n++] = (struct tcp_range){start, end};
            placed = true;
            merged[n++] = old;
        } else {
            start = seq_lt(old.start, start) ? old.start : start;
            end = seq_lt(end, old.end) ? old.end : end;
        }
    }
    if (!placed)
        merged[n++] = (struct tcp_range){start, end};
    r->count = min_u32(n, TCP_OOO_MAX);
    mem_copy(r->range, merged, r->count * sizeof(merged[0]));
}

uint32_t tcp_reassembly_advance(struct tcp_reassembly *r, uint32_t next)
{
    unsigned done = 0;

    while (done < r->count && seq_le(r->range[done].start, next)) {
        next = seq_lt(next, r->range[done].end) ? r->range[done].end : next;
        done++;
    }
    r->count -= done;
    for (unsigned i = 0; i < r->count; i++)
        r->range[i] = r->range[i + done];
    return next;
}

bool tcp_reassembly_missing(const struct tcp_reassembly *r, uint32_t *start, uint32_t end,
                            uint32_t *stop)
{
    *stop = end;
    for (unsigned i = 0; i < r->count; i++) {
        const struct tcp_range *have = &r->range[i];

        if (seq_le(have->end, *start))
            continue;
        if (seq_lt(*start, have->start)) {
            *stop = seq_lt(have->start, end) ? have->start : end;
            break;
        }
        *start = have->end;
    }
    return seq_lt(*start, end);
}
