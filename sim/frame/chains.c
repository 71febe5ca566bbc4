/* A hash index: see chains.h. */
#include "chains.h"
#include "../base/memory.h"
#include <stdlib.h>

enum { PLACES_FIRST = 64 };

/* The upper bits of a product depend on all of its factors. */
static size_t *place(const struct chains *c, uint64_t hash)
{
    return &c->newest[(hash >> 32) & (c->places - 1)];
}

static void link_in(struct chains *c, size_t index)
{
    size_t *newest = place(c, c->links[index].hash);

    c->links[index].older = *newest;
    *newest = index + 1;
}

void chains_add(struct chains *c, uint64_t hash)
{
    c->links = memory_grow(c->links, c->count + 1, &c->size, sizeof(*c->links));
    c->links[c->count++].hash = hash;
    if (c->count * 2 <= c->places) {
        link_in(c, c->count - 1);
        return;
    }
    free(c->newest);
    c->places = c->places ? c->places * 4 : PLACES_FIRST;
    c->newest = memory_new(c->places, sizeof(*c->newest));
    for (size_t i = 0; i < c->count; i++)
        link_in(c, i);
}

size_t chains_first(const struct chains *c, uint64_t hash)
{
    return c->places ? *place(c, hash) : 0;
}

size_t chains_next(const struct chains *c, size_t index)
{
    return c->links[index].older;
}

void chains_free(struct chains *c)
{
    free(c->links);
    free(c->newest);
    *c = (struct chains){0};
}
