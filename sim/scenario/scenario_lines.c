/*
 * The lines of a scenario: one function for each first word, and the table of them (`directives`,
 * at the end). A function finds its line in reader->words, fills its part of the scenario and
 * returns true, or reports an error and returns false.
 */
#include "scenario_lines.h"
#include "../engine/oracle_table.h"
#include "../../user/programs.h"
#include "../frame/decode.h"
#include "../frame/malform.h"
#include <string.h>

/* ---- pieces that several lines share ---- */

bool word_is(const struct word *w, const char *keyword)
{
    return !w->quoted && !strcmp(w->text, keyword);
}

bool line_keys(struct reader *r, const struct key *keys, unsigned from, void *base, uint32_t *given)
{
    char problem[320];

    if (keys_read(keys, r->words + from, r->count - from, base, given, problem, sizeof(problem)))
        return true;
    return reader_wrong(r, "%s", problem);
}

bool line_duration(struct reader *r, const struct word *w, const char *what, uint64_t *out)
{
    if (value_duration(w->text, out))
        return true;
    return reader_wrong(r, "%s '%.40s' is not a duration such as 200us, 13ms or 1.5s", what,
                        w->text);
}

bool line_direction(struct reader *r, const struct word *w, enum direction *out)
{
    static const char *const names[] = {"tx", "rx", NULL};

    *out = word_is(w, "tx") ? DIRECTION_TX : DIRECTION_RX;
    return word_is(w, "tx") || word_is(w, "rx") || reader_unknown(r, "direction", w->text, names);
}

static bool scenario_lines_is_program(const char *name)
{
    for (unsigned i = 0; i < programs_count; i++)
        if (!strcmp(name, programs[i].name))
            return true;
    return false;
}

bool line_program(struct reader *r, unsigned from, uint64_t at_ns, bool is_daemon)
{
    struct scenario *s = r->s;
    const char *name = r->words[from].text;

    if (!scenario_lines_is_program(name)) {
        const char **names = reader_take(s, (programs_count + 1) * sizeof(*names));

        for (unsigned i = 0; i < programs_count; i++)
            names[i] = programs[i].name;
        return reader_unknown(r, "program", name, names);
    }

    unsigned count = r->count - from;
    const char **words = reader_take(s, count * sizeof(*words));

    for (unsigned i = 0; i < count; i++) {
        words[i] = r->words[from + i].text;
        if (strlen(words[i]) != r->words[from + i].len)
            return reader_wrong(r, "an argument contains a zero byte");
    }
    s->programs = reader_add(s, s->programs, &s->program_count, sizeof(*s->programs));
    s->programs[s->program_count - 1] =
        (struct scenario_program){words, count, at_ns, is_daemon, r->line};
    r->something = true;
    return true;
}

/* ---- title, format, memory, limit, until, oracle ---- */

static bool line_format(struct reader *r)
{
    for (unsigned i = 0; i < DIRECTIVES; i++)
        if (r->given[i] && r->given[i] != r->line)
            return reader_wrong(r, "'format' must be the first line");
    if (!word_is(&r->words[1], "1"))
        return reader_wrong(r, "unsupported format '%.20s'; use format 1", r->words[1].text);
    return true;
}

static bool line_title(struct reader *r)
{
    r->s->title = r->rest;
    return true;
}

static bool line_memory(struct reader *r)
{
    static const char *const names[] = {"weak", "strong", NULL};

    if (word_is(&r->words[1], "weak"))
        r->s->weak_memory = TOGGLE_ON;
    else if (word_is(&r->words[1], "strong"))
        r->s->weak_memory = TOGGLE_OFF;
    else
        return reader_unknown(r, "memory", r->words[1].text, names);
    return true;
}

static bool line_limit(struct reader *r)
{
    if (!line_duration(r, &r->words[1], "limit", &r->s->limit_ns))
        return false;
    return r->s->limit_ns > 0 || reader_wrong(r, "the limit must be greater than 0");
}

static bool line_until(struct reader *r)
{
    r->something = true;
    return line_duration(r, &r->words[1], "until", &r->s->until_ns);
}

/* `heal never`, or a time. */
static bool line_heal(struct reader *r)
{
    r->heal_line = r->line;
    r->s->heal_ns = SIM_NEVER;
    return word_is(&r->words[1], "never") || line_duration(r, &r->words[1], "heal", &r->s->heal_ns);
}

static bool line_allow(struct reader *r)
{
    for (unsigned i = 0; i < ALLOW_COUNT; i++)
        if (word_is(&r->words[1], allowance_words[i])) {
            r->s->allowed |= 1u << i;
            return true;
        }
    return reader_unknown(r, "thing to allow", r->words[1].text, allowance_words);
}

static bool line_oracle(struct reader *r)
{
    struct scenario *s = r->s;
    const char *names[ORACLE_COUNT + 1];
    unsigned count = 0;
    bool known = false;

    if (!word_is(&r->words[1], "off"))
        return reader_wrong(r, "an oracle can only be switched off: oracle off NAME");
    for (unsigned i = 0; i < ORACLE_COUNT; i++) {
        if (oracle_table[i].watch != WATCH_WIRE)
            continue;
        names[count++] = oracle_table[i].name;
        known |= strcmp(r->words[2].text, oracle_table[i].name) == 0;
    }
    names[count] = NULL;
    if (!known) {
        const char *near = nearest_word(r->words[2].text, names);

        return reader_wrong(r, "oracle '%.40s' is unknown or cannot be switched off%s%s%s",
                            r->words[2].text, near ? ", did you mean '" : "", near ? near : "",
                            near ? "'?" : "");
    }
    s->oracles_off = reader_add(s, s->oracles_off, &s->oracles_off_count, sizeof(*s->oracles_off));
    s->oracles_off[s->oracles_off_count - 1] = r->words[2].text;
    return true;
}

/* ---- run, daemon ---- */

static bool line_run(struct reader *r)
{
    return line_program(r, 1, 0, false);
}

static bool line_daemon(struct reader *r)
{
    return line_program(r, 1, 0, true);
}

/* ---- lines ---- */

const struct directive directives[DIRECTIVES] = {
    {"format", line_format, true, 2, 2, "format 1"},
    {"title", line_title, true, 2, 0, "title TEXT"},
    {"world", line_world, true, 2, 0, "world slirp|native|replay [KEY=VALUE]..."},
    {"device", line_device, false, 2, 0, "device NAME [KEY=VALUE]..."},
    {"run", line_run, false, 2, 0, "run PROGRAM [ARGUMENT]..."},
    {"daemon", line_daemon, false, 2, 0, "daemon PROGRAM [ARGUMENT]..."},
    {"serve", line_serve, false, 3, 0, "serve KIND ADDRESS:PORT [KEY=VALUE]..."},
    {"peer", line_peer, false, 3, 0, "peer ADDRESS:PORT|dhcp KEY[=VALUE]..."},
    {"wire", line_wire, false, 2, 0, "wire [tx|rx] KEY=VALUE ..."},
    {"at", line_at, false, 3, 0, "at T ACTION ..."},
    {"expect", line_expect, false, 2, 0, "expect COMPONENT: TOKEN ... [after T] [by T] [count=N]"},
    {"never", line_expect, false, 2, 0, "never COMPONENT: TOKEN ... [after T] [by T]"},
    {"memory", line_memory, true, 2, 2, "memory weak|strong"},
    {"limit", line_limit, true, 2, 2, "limit T"},
    {"until", line_until, true, 2, 2, "until T"},
    {"heal", line_heal, true, 2, 2, "heal T|never"},
    {"allow", line_allow, false, 2, 2, "allow idle-fault|exit|idle-line|nothing"},
    {"oracle", line_oracle, false, 3, 3, "oracle off NAME"},
};
