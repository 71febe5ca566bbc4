/* Trace events: the core emits (id, integers); the reader formats them with trace_format(). */
#ifndef DRYWIRE_TRACE_H
#define DRYWIRE_TRACE_H

#include "../port/platform.h"
#include "trace_events.h"

enum { TRACE_ARGS_MAX = 8, TRACE_LINE_MAX = 256 };

/* Emit event `id` with its integer arguments. */
#define TRACE(platform, id, ...)                                                                   \
    ((platform)->trace((platform)->ctx, (id), (const uint64_t[]){__VA_ARGS__},                     \
                       sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t)))
#define TRACE0(platform, id) ((platform)->trace((platform)->ctx, (id), 0, 0))

/* A MAC address as one argument. */
static inline uint64_t trace_mac(const uint8_t mac[6])
{
    uint64_t n = 0;

    for (int i = 0; i < 6; i++)
        n = n << 8 | mac[i];
    return n;
}

struct trace_event {
    enum trace_level level;
    const char *component;
    const char *format;
};

/* The row of an event; `id` < TRACE_COUNT. */
const struct trace_event *trace_event(unsigned id);

/* Write the whole line "component: ..." and a final NUL into buf, cut to `size` >= 1 bytes.
 * Arguments that are not given print as 0. Returns the length written, NUL not counted. */
size_t trace_format(char *buf, size_t size, unsigned id, const uint64_t *args, unsigned count);

/* Words of the tables, "?" when out of range. */
const char *trace_error_word(int64_t err);
const char *trace_drop_word(uint64_t reason);
const char *trace_tcp_word(uint64_t state);

#endif
