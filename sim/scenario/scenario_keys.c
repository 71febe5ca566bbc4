/*
 * The key=value words of a scenario line, read into a struct by a table of keys. See values.h; the
 * tables are with the lines, in lines_*.c.
 */
#include "scenario.h"
#include "../../core/base/minmax.h"
#include "../text/values.h"
#include <stdio.h>
#include <string.h>

static void store(void *base, const struct key *k, uint64_t n)
{
    char *field = (char *)base + k->offset;
    uint32_t n32 = (uint32_t)n;
    uint16_t n16 = (uint16_t)n;
    uint8_t n8 = (uint8_t)n;

    if (k->size == 8)
        memcpy(field, &n, 8);
    else if (k->size == 4)
        memcpy(field, &n32, 4);
    else if (k->size == 2)
        memcpy(field, &n16, 2);
    else if (k->size == 1)
        memcpy(field, &n8, 1);
}

static bool scenario_keys_read_number(const struct key *k, const char *value, uint64_t *out)
{
    if (k->kind == VALUE_SCALED)
        return value_scaled(value, out);
    if (k->kind == VALUE_SECONDS && !value_number(value, out)) {
        uint64_t ns;

        if (!value_duration(value, &ns) || ns % NS_PER_S)
            return false;
        *out = ns / NS_PER_S;
        return true;
    }
    return value_number(value, out);
}

/* More choices do not fit in a message. */
enum { LISTED_MAX = 20 };

static bool scenario_keys_choose(const struct key *k, const char *value, const char *const *choices,
                                 uint64_t first, void *base, char *problem, size_t size)
{
    char near[80];
    unsigned count = 0;
    int n;

    for (unsigned i = 0; choices[i]; i++)
        if (!strcmp(value, choices[i])) {
            store(base, k, first + i);
            return true;
        }
    while (choices[count])
        count++;
    if (count > LISTED_MAX) {
        snprintf(problem, size, "%s=%.40s is unknown; docs/scenarios.md lists the values%s",
                 k->name, value, did_you_mean(value, choices, near, sizeof(near)));
        return false;
    }
    n = snprintf(problem, size, "%s=%.40s is not one of", k->name, value);
    for (unsigned i = 0; choices[i] && n > 0 && (size_t)n < size; i++)
        n += snprintf(problem + n, size - (size_t)n, " %s", choices[i]);
    if (n > 0 && (size_t)n < size)
        snprintf(problem + n, size - (size_t)n, "%s",
                 did_you_mean(value, choices, near, sizeof(near)));
    return false;
}

static bool read_value(const struct key *k, const struct word *w, void *base, char *problem,
                       size_t size)
{
    static const char *const toggles[] = {"on", "off", NULL};
    uint64_t n;
    uint32_t n32;

    if (w->value && k->kind != VALUE_STRING && strlen(w->value) != w->value_len) {
        snprintf(problem, size, "%s= contains a zero byte", k->name);
        return false;
    }
    switch (k->kind) {
    case VALUE_FLAG:
        store(base, k, 1);
        return true;
    case VALUE_NUMBER:
    case VALUE_SCALED:
    case VALUE_SECONDS:
        if (k->all_ones && !strcmp(w->value, k->all_ones))
            n = UINT64_MAX;
        else if (!scenario_keys_read_number(k, w->value, &n) || n < k->min || n > k->max) {
            snprintf(problem, size, "%s=%.40s is not a number from %llu to %llu%s%s", k->name,
                     w->value, (unsigned long long)k->min, (unsigned long long)k->max,
                     k->all_ones ? " or " : "", k->all_ones ? k->all_ones : "");
            return false;
        }
        store(base, k, n);
        return true;
    case VALUE_DURATION:
        if (!value_duration(w->value, &n)) {
            snprintf(problem, size, "%s=%.40s is not a duration such as 200us, 13ms or 1.5s",
                     k->name, w->value);
            return false;
        }
        store(base, k, n);
        return true;
    case VALUE_PERCENT:
        if (!value_percent(w->value, &n32)) {
            snprintf(problem, size, "%s=%.40s is not a percentage such as 10%% or 0.5%%", k->name,
                     w->value);
            return false;
        }
        store(base, k, n32);
        return true;
    case VALUE_ADDRESS:
        if (!value_address(w->value, &n32)) {
            snprintf(problem, size, "%s=%.40s is not an address such as 10.0.2.15", k->name,
                     w->value);
            return false;
        }
        store(base, k, n32);
        return true;
    case VALUE_TOGGLE:
        return scenario_keys_choose(k, w->value, toggles, TOGGLE_ON, base, problem, size);
    case VALUE_CHOICE:
        return scenario_keys_choose(k, w->value, k->choices, 0, base, problem, size);
    case VALUE_TEXT:
        memcpy((char *)base + k->offset, &w->value, sizeof(w->value));
        return true;
    case VALUE_STRING:
        memcpy((char *)base + k->offset, &w->value, sizeof(w->value));
        n = w->value_len;
        memcpy((char *)base + k->length_at, &n, sizeof(n));
        return true;
    }
    return false;
}

/* Flags and keys with a value may share a name (arp-silent, arp-silent=3): `index` is the one that
 * matches the word. */
static bool key_find(const struct key *keys, const struct word *w, unsigned *index, char *problem,
                     size_t size)
{
    const char *names[40];
    char name[WORD_COMPARED_MAX + 1], near[80];
    const struct key *other = NULL;
    unsigned count = 0;
    size_t len = w->value ? (size_t)(w->value - w->text) - 1 : w->len;

    for (unsigned i = 0; keys[i].name; i++) {
        names[count++] = keys[i].name;
        if (w->quoted || strlen(keys[i].name) != len || memcmp(keys[i].name, w->text, len))
            continue;
        if ((keys[i].kind == VALUE_FLAG) == !w->value) {
            *index = i;
            return true;
        }
        other = &keys[i];
    }
    names[count] = NULL;
    snprintf(name, sizeof(name), "%.*s", (int)min_u64(len, sizeof(name) - 1), w->text);
    if (other)
        snprintf(problem, size, "'%s' takes %s value", name, w->value ? "no" : "a");
    else
        snprintf(problem, size, "unknown key '%s'%s", name,
                 did_you_mean(name, names, near, sizeof(near)));
    return false;
}

bool keys_read(const struct key *keys, const struct word *words, unsigned count, void *base,
               uint32_t *given, char *problem, size_t problem_size)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned k;

        if (!key_find(keys, &words[i], &k, problem, problem_size))
            return false;
        if (*given & UINT32_C(1) << k) {
            snprintf(problem, problem_size, "'%s' is already given", keys[k].name);
            return false;
        }
        if (!read_value(&keys[k], &words[i], base, problem, problem_size))
            return false;
        *given |= UINT32_C(1) << k;
    }
    return true;
}
