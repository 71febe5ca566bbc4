/* Out-of-order data: see tcp_reassembly.h. */
#include "tcp_reassembly.h"
#include "../base/check.h"
#include "../base/mem.h"
#include "../base/minmax.h"
#include "tcp_seq.h"

/* Put one range in the place of [first, stop). */
static void replace(struct tcp_reassembly *r, unsigned first, unsigned stop, struct tcp_range with)
{
    unsigned more = first == stop;

    if (more)
        for (unsigned i = r->count; i > first; i--) {
            r->range[i] = r->range[i - 1];
            r->touched[i] = r->touched[i - 1];
        }
    else
        for (unsigned i = stop; i < r->count; i++) {
            r->range[first + 1 + i - stop] = r->range[i];
            r->touched[first + 1 + i - stop] = r->touched[i];
        }
    r->count = r->count + 1 - (stop - first);
    r->range[first] = with;
    r->touched[first] = ++r->clock;
}

void tcp_reassembly_add(struct tcp_reassembly *r, uint32_t start, uint32_t end)
{
    unsigned first = 0, stop;

    CHECK(seq_lt(start, end));
    CHECK(r->count < TCP_OOO_MAX);
    while (first < r->count && seq_lt(r->range[first].end, start))
        first++;
    for (stop = first; stop < r->count && seq_le(r->range[stop].start, end); stop++) {
        if (seq_lt(r->range[stop].start, start))
            start = r->range[stop].start;
        if (seq_lt(end, r->range[stop].end))
            end = r->range[stop].end;
    }
    replace(r, first, stop, (struct tcp_range){start, end});
}

uint32_t tcp_reassembly_advance(struct tcp_reassembly *r, uint32_t next)
{
    unsigned done = 0;

    while (done < r->count && seq_le(r->range[done].start, next)) {
        next = seq_lt(next, r->range[done].end) ? r->range[done].end : next;
        done++;
    }
    if (!done)
        return next;
    r->count -= done;
    for (unsigned i = 0; i < r->count; i++) {
        r->range[i] = r->range[i + done];
        r->touched[i] = r->touched[i + done];
    }
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

struct tcp_range tcp_reassembly_overlap(const struct tcp_reassembly *r, uint32_t start,
                                        uint32_t end)
{
    for (unsigned i = 0; i < r->count; i++) {
        struct tcp_range both = r->range[i];

        if (seq_lt(both.start, start))
            both.start = start;
        if (seq_lt(end, both.end))
            both.end = end;
        if (seq_lt(both.start, both.end))
            return both;
    }
    return (struct tcp_range){start, start};
}

unsigned tcp_reassembly_recent(const struct tcp_reassembly *r, struct tcp_range *out, unsigned max)
{
    uint32_t before = r->clock + 1;
    unsigned n = 0;

    while (n < max && n < r->count) {
        unsigned best = 0;
        uint32_t age = UINT32_MAX;

        for (unsigned i = 0; i < r->count; i++)
            if (before - r->touched[i] - 1 < age) {
                age = before - r->touched[i] - 1;
                best = i;
            }
        before = r->touched[best];
        out[n++] = r->range[best];
    }
    return n;
}
