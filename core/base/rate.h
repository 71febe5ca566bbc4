/*
 * A rate limit, kept as one number (the generic cell rate algorithm): packets that an outsider can
 * make us send go out `burst` times at once, then once per `interval_ns`.
 */
#ifndef DRYWIRE_RATE_H
#define DRYWIRE_RATE_H

#include "check.h"
#include "minmax.h"
#include <stdbool.h>
#include <stdint.h>

struct rate {
    uint64_t whole_ns; /* when a full burst is allowed again; 0: now */
};

/* True if it is allowed now; then it is counted. */
static inline bool rate_take(struct rate *r, uint64_t now_ns, uint64_t interval_ns, unsigned burst)
{
    uint64_t from_ns = max_u64(r->whole_ns, now_ns);

    CHECK(burst >= 1);
    if (from_ns - now_ns > (burst - 1) * interval_ns)
        return false;
    r->whole_ns = from_ns + interval_ns;
    return true;
}

#endif
