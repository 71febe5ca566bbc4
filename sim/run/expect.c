/*
 * The expectations of a scenario: every trace line is matched here, late expectations fail the run,
 * and the message shows the most similar line. See scenario.h.
 */
#include "../../core/base/minmax.h"
#include "../scenario/scenario.h"
#include "../base/memory.h"
#include <stdlib.h>
#include <string.h>

enum { LINE_SHOWN_MAX = 256 };

/* The most similar line, for the message. */
struct expect_near {
    unsigned score; /* of the line: 2 for a token, 1 for a token with the right key only */
    bool any;
    uint64_t time_ns;
    char line[LINE_SHOWN_MAX];
};

struct expect_state {
    unsigned seen; /* matching lines so far */
    struct expect_near near;
};

static bool unmet(const struct expectations *e, unsigned i)
{
    return !e->scenario->expects[i].never && e->each[i].seen < e->scenario->expects[i].count;
}

/* `by T` includes T itself: an expectation is late one nanosecond later. */
static void deadline_find(struct expectations *e)
{
    e->deadline_ns = SIM_NEVER;
    for (unsigned i = 0; i < e->scenario->expect_count; i++) {
        uint64_t by = e->scenario->expects[i].by_ns;

        if (by != SIM_NEVER && unmet(e, i))
            e->deadline_ns = min_u64(by + SIM_POWER_ON_NS + 1, e->deadline_ns);
    }
}

void expectations_start(struct expectations *e, const struct scenario *sc, struct sim *sim)
{
    e->scenario = sc;
    e->sim = sim;
    e->open = 0;
    e->each = memory_grow(e->each, sc->expect_count, &e->size, sizeof(*e->each));
    for (unsigned i = 0; i < sc->expect_count; i++) {
        e->open += !sc->expects[i].never;
        e->each[i].seen = 0;
        e->each[i].near.any = false;
    }
    deadline_find(e);
}

void expectations_free(struct expectations *e)
{
    free(e->each);
    *e = (struct expectations){0};
}

bool expectations_wants(const struct expectations *e, const char *component)
{
    for (unsigned i = 0; i < e->scenario->expect_count; i++)
        if (*e->scenario->expects[i].component == *component &&
            !strcmp(e->scenario->expects[i].component, component))
            return true;
    return false;
}

/* ---- matching ---- */

/* The next token of *at, its length in *len; NULL at the end. */
static const char *next_token(const char **at, size_t *len)
{
    const char *token = *at, *end;

    while (*token == ' ')
        token++;
    for (end = token; *end && *end != ' ';)
        end++;
    *at = end;
    *len = (size_t)(end - token);
    return *len ? token : NULL;
}

/* A whole number of decimal digits. */
static bool token_number(const char *text, size_t len, unsigned long long *out)
{
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9' || *out > UINT64_MAX / 10 - 1)
            return false;
        *out = *out * 10 + (unsigned)(text[i] - '0');
    }
    return len > 0;
}

/* tx>=2 matches a field tx= with at least that number. */
static bool at_least(const char *token, size_t len, const char *wanted)
{
    const char *more = strstr(wanted, ">=");
    unsigned long long have, least;
    size_t key;

    if (!more)
        return false;
    key = (size_t)(more - wanted);
    return len > key + 1 && !memcmp(token, wanted, key) && token[key] == '=' &&
           token_number(token + key + 1, len - key - 1, &have) &&
           token_number(more + 2, strlen(more + 2), &least) && have >= least;
}

/* Equal; or a star at the end matches anything. Most tokens differ in their first letter. */
static bool same_token(const char *token, size_t len, const char *wanted)
{
    size_t n;

    if (*token != *wanted)
        return false;
    n = strlen(wanted);
    if (n > 1 && wanted[n - 1] == '*')
        return len >= n - 1 && !memcmp(token, wanted, n - 1);
    return (n == len && !memcmp(token, wanted, len)) || at_least(token, len, wanted);
}

/* True for the same key with another value: status=404 for status=200. */
static bool same_key(const char *token, size_t len, const char *wanted)
{
    size_t key;

    if (*token != *wanted)
        return false;
    key = strcspn(wanted, ">=");
    return len > key && wanted[key] && !memcmp(token, wanted, key) && token[key] == '=';
}

/* The tokens after "component:", or NULL when the line is another component's. */
static const char *tokens_of(const char *line, const char *component)
{
    size_t n = strlen(component);

    return !strncmp(line, component, n) && line[n] == ':' ? line + n + 1 : NULL;
}

/* The score of a line: every expected token is searched after the one found before. It matches if
 * all are found. */
static unsigned score(const struct scenario_expect *x, const char *tokens)
{
    unsigned total = 0;

    for (unsigned i = 0; i < x->token_count; i++) {
        const char *at = tokens, *token;
        bool key = false;
        size_t len;

        while ((token = next_token(&at, &len)) && !same_token(token, len, x->tokens[i]))
            key = key || same_key(token, len, x->tokens[i]);
        if (token)
            tokens = at;
        total += token ? 2 : key;
    }
    return total;
}

/* ---- messages ---- */

/* "path:line"; a long path is cut at its start. */
static const char *site(const struct expectations *e, unsigned line, char *buf, size_t size)
{
    const char *path = e->scenario->path;
    size_t len = strlen(path), room = size - 16;

    snprintf(buf, size, "%s:%u", len > room ? path + (len - room) : path, line);
    return buf;
}

/* Append text; it is cut if it does not fit. */
static void __attribute__((format(printf, 3, 4)))
append(char *buf, size_t size, const char *format, ...)
{
    size_t used = strlen(buf);
    va_list args;

    va_start(args, format);
    vsnprintf(buf + used, size - used, format, args);
    va_end(args);
}

/* The expectation as in the file. */
static void expect_text(const struct scenario_expect *x, char *buf, size_t size)
{
    snprintf(buf, size, "%s:", x->component);
    for (unsigned i = 0; i < x->token_count; i++)
        append(buf, size, " %s", x->tokens[i]);
}

static void append_time(char *buf, size_t size, const char *before, uint64_t ns)
{
    append(buf, size, "%s%llu.%06llus", before, (unsigned long long)(ns / NS_PER_S),
           (unsigned long long)(ns % NS_PER_S / NS_PER_US));
}

static void fail_unmet(struct expectations *e, unsigned i, bool late)
{
    const struct scenario_expect *x = &e->scenario->expects[i];
    const struct expect_near *near = &e->each[i].near;
    char where[sizeof(e->sim->failure.site)], what[sizeof(e->sim->failure.message)];

    expect_text(x, what, 160);
    append(what, sizeof(what), " was not seen");
    if (e->each[i].seen)
        append(what, sizeof(what), " %u times, only %u", x->count, e->each[i].seen);
    if (late)
        append_time(what, sizeof(what), " by ", x->by_ns);
    if (x->after_ns)
        append_time(what, sizeof(what), " after ", x->after_ns);
    if (near->any) {
        append(what, sizeof(what), "; nearest line: \"%s\"", near->line);
        append_time(what, sizeof(what), " at ", near->time_ns);
    } else if (!e->each[i].seen) {
        append(what, sizeof(what), "; no line from %s", x->component);
    }
    sim_fail(e->sim, FAILURE_EXPECT, "expect", site(e, x->line, where, sizeof(where)), "%s", what);
}

/* The run ended before the time of a never line started: nothing was checked. */
static void fail_never_looked(struct expectations *e, const struct scenario_expect *x)
{
    char where[sizeof(e->sim->failure.site)], what[200] = "";

    append_time(what, sizeof(what), "the run ended at ", e->sim->now_ns - SIM_POWER_ON_NS);
    append_time(what, sizeof(what), ", before ", x->after_ns);
    sim_fail(e->sim, FAILURE_EXPECT, "vacuous.never", site(e, x->line, where, sizeof(where)),
             "%s, when this never line starts to apply; a line 'until T' lets the run continue",
             what);
}

/* ---- the run ---- */

/* Nanoseconds since power-on. */
static uint64_t elapsed(const struct expectations *e)
{
    return e->sim->now_ns - SIM_POWER_ON_NS;
}

static void remember(struct expect_near *near, unsigned points, uint64_t now, const char *line)
{
    size_t len;

    if (near->any && points < near->score)
        return;
    near->any = true;
    near->score = points;
    near->time_ns = now;
    len = strlen(line);
    len = min_u64(len, sizeof(near->line) - 1);
    memcpy(near->line, line, len);
    near->line[len] = 0;
}

/* True if it has an exit status. */
static bool states_status(const struct scenario_expect *x)
{
    for (unsigned i = 0; i < x->token_count; i++)
        if (!strncmp(x->tokens[i], "status=", 7) || !strncmp(x->tokens[i], "status>=", 8))
            return true;
    return false;
}

bool expectations_line(struct expectations *e, const char *line)
{
    uint64_t now = elapsed(e);
    bool stated = false;

    for (unsigned i = 0; i < e->scenario->expect_count; i++) {
        const struct scenario_expect *x = &e->scenario->expects[i];
        const char *tokens = tokens_of(line, x->component);
        bool in_time = now >= x->after_ns && now <= x->by_ns;
        unsigned points;

        if (!tokens || (!x->never && e->each[i].seen >= x->count))
            continue;
        points = score(x, tokens);
        if (!in_time || points < 2 * x->token_count) {
            if (!x->never)
                remember(&e->each[i].near, points, now, line);
        } else if (x->never) {
            char where[sizeof(e->sim->failure.site)];

            sim_fail(e->sim, FAILURE_EXPECT, "never", site(e, x->line, where, sizeof(where)),
                     "\"%s\" was seen and must never be", line);
        } else {
            stated |= states_status(x);
            if (++e->each[i].seen == x->count) {
                e->open--;
                deadline_find(e);
            }
        }
    }
    return stated;
}

void expectations_check(struct expectations *e, bool final)
{
    uint64_t now = elapsed(e);

    for (unsigned i = 0; i < e->scenario->expect_count; i++) {
        bool late = now > e->scenario->expects[i].by_ns;

        if (unmet(e, i) && (late || final)) {
            fail_unmet(e, i, late);
            return;
        }
        if (final && e->scenario->expects[i].never && now < e->scenario->expects[i].after_ns) {
            fail_never_looked(e, &e->scenario->expects[i]);
            return;
        }
    }
}
