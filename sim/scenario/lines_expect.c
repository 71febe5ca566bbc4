/* `expect` and `never` lines. See scenario_lines.h. */
#include "scenario_lines.h"
#include <limits.h>
#include <string.h>

/* Remove `by T`, `after T` and `count=N` from the end of the line. */
static bool expect_options(struct reader *r, struct scenario_expect *e)
{
    bool by = false, after = false, count = false;

    for (;;) {
        const struct word *last = &r->words[r->count - 1];
        const struct word *before = last - 1;

        if (r->count > 2 && !count && !last->quoted && !strncmp(last->text, "count=", 6)) {
            uint64_t n;

            if (e->never)
                return reader_wrong(r, "a never line takes no count=");
            if (!value_number(last->value, &n) || n < 1 || n > UINT_MAX)
                return reader_wrong(r, "%.40s is not a number greater than 0", last->text);
            e->count = (unsigned)n;
            count = true;
            r->count--;
        } else if (r->count > 3 &&
                   ((word_is(before, "by") && !by) || (word_is(before, "after") && !after))) {
            bool is_by = word_is(before, "by");

            if (!value_duration(last->text, is_by ? &e->by_ns : &e->after_ns))
                return reader_wrong(
                    r,
                    "'%.40s' is not a duration such as 13s (to expect the word '%s' "
                    "itself, put it in quotes)",
                    last->text, before->text);
            *(is_by ? &by : &after) = true;
            r->count -= 2;
        } else {
            break;
        }
    }
    for (unsigned i = 2; i + 1 < r->count; i++) {
        const char *word = r->words[i].text, *next = r->words[i + 1].text;
        uint64_t t;

        if ((word_is(&r->words[i], "by") || word_is(&r->words[i], "after")) &&
            value_duration(next, &t))
            return reader_wrong(r,
                                "'%s %.40s' must be at the end of the line (to expect the word "
                                "'%s' itself, put it in quotes)",
                                word, next, word);
    }
    if (e->by_ns < e->after_ns)
        return reader_wrong(r, "'by' is earlier than 'after'");
    return true;
}

static bool is_component(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '_' || c == '-')))
            return false;
    }
    return len > 0;
}

bool line_expect(struct reader *r)
{
    struct scenario *s = r->s;
    struct scenario_expect e = {
        .never = word_is(&r->words[0], "never"), .by_ns = SIM_NEVER, .count = 1, .line = r->line};
    const struct word *name = &r->words[1];

    if (!expect_options(r, &e))
        return false;
    if (!name->len || name->text[name->len - 1] != ':')
        return reader_wrong(r, "'%.40s' has no colon: %s COMPONENT: TOKEN ...", name->text,
                            r->words[0].text);
    if (!is_component(name->text, name->len - 1))
        return reader_wrong(r, "'%.40s' is not a component, that is letters, digits, - and _",
                            name->text);

    char *component = reader_take(s, name->len);
    const char **tokens = reader_take(s, r->count * sizeof(*tokens));

    memcpy(component, name->text, name->len - 1);
    for (unsigned i = 2; i < r->count; i++) {
        const struct word *w = &r->words[i];

        for (size_t j = 0; j < w->len; j++)
            if (w->text[j] <= ' ' || w->text[j] > '~')
                return reader_wrong(r,
                                    "token %u can never match: tokens are printable ASCII without "
                                    "blanks",
                                    i - 1);
        if (!w->len)
            return reader_wrong(r, "token %u is empty", i - 1);
        tokens[e.token_count++] = w->text;
    }
    e.component = component;
    e.tokens = tokens;
    s->expects = reader_add(s, s->expects, &s->expect_count, sizeof(*s->expects));
    s->expects[s->expect_count - 1] = e;
    r->something = true;
    return true;
}
