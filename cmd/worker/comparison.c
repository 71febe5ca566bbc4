/* Runs compared item by item: see comparison.h. */
#include "comparison.h"
#include "../../core/base/minmax.h"
#include "../../sim/base/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM_BYTES = 128, SHOWN_BYTES = 16 };

struct comparison_item {
    const char *kind;
    uint64_t time_ns, digest;
    uint32_t len;
    uint8_t bytes[ITEM_BYTES];
};

static void comparison_item_of(struct comparison_item *it, const struct sim *s, const char *kind,
                               const void *bytes, size_t len)
{
    const uint8_t *p = bytes;

    memset(it, 0, sizeof(*it));
    it->kind = kind;
    it->time_ns = s->now_ns;
    it->len = (uint32_t)len;
    memcpy(it->bytes, p, min_u64(len, ITEM_BYTES));
    for (size_t i = 0; i < len; i++)
        it->digest = (it->digest ^ p[i]) * UINT64_C(0x100000001b3);
}

static bool comparison_same_item(const struct comparison_item *a, const struct comparison_item *b)
{
    return strcmp(a->kind, b->kind) == 0 && a->time_ns == b->time_ns && a->digest == b->digest &&
           a->len == b->len;
}

/* Kind, time and the bytes from `from` on, as hexadecimal and as text. */
static void comparison_print_item(char *buf, size_t size, const struct comparison_item *it,
                                  unsigned from)
{
    unsigned end = min_u32(it->len, ITEM_BYTES);
    size_t n = (size_t)snprintf(buf, size, "%s at %" PRIu64 " ns, %u bytes, from byte %u ",
                                it->kind, it->time_ns - SIM_POWER_ON_NS, it->len, from);

    end = min_u32(end, from + SHOWN_BYTES);
    for (unsigned i = from; i < end; i++)
        n += (size_t)snprintf(buf + n, size - n, "%02x", it->bytes[i]);
    n += (size_t)snprintf(buf + n, size - n, " |");
    for (unsigned i = from; i < end; i++)
        n += (size_t)snprintf(buf + n, size - n, "%c",
                              it->bytes[i] >= ' ' && it->bytes[i] <= '~' ? it->bytes[i] : '.');
    snprintf(buf + n, size - n, "|");
}

static void comparison_describe_difference(struct comparison *c, const struct comparison_item *was,
                                           const struct comparison_item *is)
{
    char a[180] = "the end of the run", b[180] = "the end of the run";
    unsigned from = 0;

    while (was && is && from + SHOWN_BYTES < ITEM_BYTES && from + SHOWN_BYTES < was->len &&
           !memcmp(was->bytes + from, is->bytes + from, SHOWN_BYTES))
        from += SHOWN_BYTES;
    if (was)
        comparison_print_item(a, sizeof(a), was, from);
    if (is)
        comparison_print_item(b, sizeof(b), is, from);
    snprintf(c->out, c->out_size, "item %zu differs: first %s; then %s", c->at, a, b);
    c->differs = true;
}

static void comparison_check(struct comparison *c, const struct comparison_item *it)
{
    if (!c->later) {
        c->items = memory_grow(c->items, c->count + 1, &c->size, sizeof(*c->items));
        c->items[c->count++] = *it;
    } else if (c->at == c->count) {
        comparison_describe_difference(c, NULL, it);
    } else if (!comparison_same_item(&c->items[c->at], it)) {
        comparison_describe_difference(c, &c->items[c->at], it);
    } else {
        c->at++;
    }
}

void comparison_item(struct comparison *c, const struct sim *s, const char *kind, const void *bytes,
                     size_t len)
{
    struct comparison_item it;

    if (c->differs)
        return;
    comparison_item_of(&it, s, kind, bytes, len);
    comparison_check(c, &it);
}

void comparison_begin(struct comparison *c)
{
    c->later = true;
    c->at = 0;
}

void comparison_end(struct comparison *c)
{
    if (!c->differs && c->at < c->count)
        comparison_describe_difference(c, &c->items[c->at], NULL);
}

void comparison_free(struct comparison *c)
{
    free(c->items);
    c->items = NULL;
}
