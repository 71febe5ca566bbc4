/* The bytes of one direction of a stream, as it was sent or written: see oracle_internal.h. */
#include "oracle_internal.h"
#include "../../core/base/minmax.h"
#include "../base/memory.h"
#include <string.h>

static void history_need(struct history *h)
{
    if (!h->ring)
        h->ring = memory_new(1, FLOW_HISTORY);
}

void history_put(struct history *h, uint64_t offset, const uint8_t *bytes, size_t len)
{
    size_t at, first;

    if ((int64_t)(offset - h->end) > 0 || (int64_t)(offset + len - h->end) <= 0)
        return;
    bytes += h->end - offset;
    len -= (size_t)(h->end - offset);
    history_need(h);
    at = h->end % FLOW_HISTORY;
    first = min_u64(FLOW_HISTORY - at, len);
    memcpy(h->ring + at, bytes, first);
    memcpy(h->ring, bytes + first, len - first);
    h->end += len;
}

int64_t history_differs(const struct history *h, uint64_t offset, const uint8_t *bytes, size_t len)
{
    size_t at = offset % FLOW_HISTORY;
    size_t first = min_u64(FLOW_HISTORY - at, len);

    if (!len || offset > h->end || len > h->end - offset || offset + FLOW_HISTORY < h->end)
        return -1; /* not stored, or too old */
    if (memcmp(h->ring + at, bytes, first) == 0 && memcmp(h->ring, bytes + first, len - first) == 0)
        return -1;
    for (size_t i = 0; i < len; i++)
        if (h->ring[(offset + i) % FLOW_HISTORY] != bytes[i])
            return (int64_t)(offset + i);
    return -1;
}

/* ---- reads and writes of programs ---- */

void oracles_app_read(struct oracles *o, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                      const uint8_t *bytes, size_t len)
{
    struct flow *f = flow_find(o, local_port, remote, remote_port);
    int64_t wrong;

    if (!f)
        return;
    oracle_look(o, TCP_STREAM);
    if (!f->lost_track && f->read + len > f->contiguous)
        oracle_fail(o, TCP_STREAM, SIM_SITE, "port %u: %llu bytes are read, %llu arrived",
                    local_port, (unsigned long long)(f->read + len),
                    (unsigned long long)f->contiguous);
    wrong = f->said_iss == f->peer_iss ? history_differs(&f->said, f->read, bytes, len) : -1;
    if (wrong >= 0)
        oracle_fail(o, TCP_STREAM, SIM_SITE,
                    "port %u: byte %lld of the stream is not what the peer sent", local_port,
                    (long long)wrong);
    f->read += len;
}

void oracles_app_written(struct oracles *o, uint16_t local_port, uint32_t remote,
                         uint16_t remote_port, const uint8_t *bytes, size_t len)
{
    struct flow *f = flow_find(o, local_port, remote, remote_port);

    if (!f)
        return;
    f->hooked = true;
    timer_written(o, f);
    history_put(&f->written, f->written.end, bytes, len);
}

void oracles_app_end(struct oracles *o, uint16_t local_port, uint32_t remote, uint16_t remote_port)
{
    struct flow *f = flow_find(o, local_port, remote, remote_port);

    if (!f)
        return;
    oracle_look(o, TCP_STREAM);
    if (!f->peer_fin || f->read != f->peer_fin_at)
        oracle_fail(o, TCP_STREAM, SIM_SITE,
                    "port %u: end of stream is reported after %llu bytes, but %s", local_port,
                    (unsigned long long)f->read,
                    f->peer_fin ? "the peer sent more" : "the peer never closed it");
}
