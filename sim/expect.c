/*
 * Expectations of a run: which lines of the trace a scenario waits for, and which must never come.
 * A line matches when its component is equal and the tokens occur in it in order. See scenario.h.
 */
#include "scenario.h"
#include <stdlib.h>
#include <string.h>


void expectations_start(struct expectations *e, const struct scenario *sc, struct sim *sim)
{
    *e = (struct expectations){.scenario = sc, .sim = sim};
    e->seen = calloc(sc->expect_count ? sc->expect_count : 1, sizeof(*e->seen));
    if (!e->seen) {
        fprintf(stderr, "drywire: out of memory\n");
        exit(4);
    }
    for (unsigned i = 0; i < sc->expect_count; i++)
        e->open += !sc->expects[i].never;
}

void expectations_free(struct expectations *e)
{
    free(e->seen);
    e->seen = NULL;
}

bool expectations_wants(const struct expectations *e, const char *component)
{
    for (unsigned i = 0; i < e->scenario->expect_count; i++)
        if (strcmp(e->scenario->expects[i].component, component) == 0)
            return true;
    return false;
}

/* How many of its tokens, in order, are in the line behind the component; -1: another component. */
static int tokens_matched(const struct scenario_expect *x, const char *line)
{
    size_t n = strlen(x->component);
    const char *at = line + n + 1;
    unsigned matched = 0;

    if (strncmp(line, x->component, n) || line[n] != ':')
        return -1;
    while (*at && matched < x->token_count) {
        size_t len;

        at += strspn(at, " ");
        len = strcspn(at, " ");
        if (len && len == strlen(x->tokens[matched]) && !strncmp(at, x->tokens[matched], len))
            matched++;
        at += len;
    }
    return (int)matched;
}

static const char *site(const struct expectations *e, const struct scenario_expect *x, char *buf,
                        size_t size)
{
    snprintf(buf, size, "%s:%u", e->scenario->path, x->line);
    return buf;
}

/* The expectation as it stands in the file, without its time. */
static void describe(const struct scenario_expect *x, char *buf, size_t size)
{
    size_t len = (size_t)snprintf(buf, size, "%s:", x->component);

    for (unsigned i = 0; i < x->token_count && len < size; i++)
        len += (size_t)snprintf(buf + len, size - len, " %s", x->tokens[i]);
}

void expectations_line(struct expectations *e, const char *line)
{
    char where[160];

    for (unsigned i = 0; i < e->scenario->expect_count; i++) {
        const struct scenario_expect *x = &e->scenario->expects[i];

        if (e->sim->now_ns < SIM_POWER_ON_NS + x->after_ns ||
            tokens_matched(x, line) != (int)x->token_count)
            continue;
        if (x->never) {
            sim_fail(e->sim, FAILURE_EXPECT, "never", site(e, x, where, sizeof(where)),
                     "this line must never come: %s", line);
            return;
        }
        if (++e->seen[i] == x->count)
            e->open--;
    }
}

static bool unmet(const struct expectations *e, unsigned i)
{
    const struct scenario_expect *x = &e->scenario->expects[i];

    return !x->never && e->seen[i] < x->count;
}

uint64_t expectations_deadline(const struct expectations *e)
{
    uint64_t first = SIM_NEVER;

    for (unsigned i = 0; e->open && i < e->scenario->expect_count; i++) {
        const struct scenario_expect *x = &e->scenario->expects[i];

        if (unmet(e, i) && x->by_ns != SIM_NEVER && SIM_POWER_ON_NS + x->by_ns < first)
            first = SIM_POWER_ON_NS + x->by_ns;
    }
    return first;
}

void expectations_check(struct expectations *e, bool final)
{
    char what[240], where[160];

    for (unsigned i = 0; e->open && i < e->scenario->expect_count; i++) {
        const struct scenario_expect *x = &e->scenario->expects[i];
        bool late = x->by_ns != SIM_NEVER && e->sim->now_ns >= SIM_POWER_ON_NS + x->by_ns;

        if (!unmet(e, i) || !(late || final))
            continue;
        describe(x, what, sizeof(what));
        sim_fail(e->sim, FAILURE_EXPECT, "expect", site(e, x, where, sizeof(where)),
                 "'%s' did not come%s (seen %u of %u)", what, late ? " in time" : "", e->seen[i],
                 x->count);
        return;
    }
}
