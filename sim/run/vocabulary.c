/* The lines that a run of the core can print: see vocabulary.h. */
#include "vocabulary.h"
#include "../../core/base/array.h"
#include "../../core/trace/trace.h"
#include "../../user/programs.h"
#include "../machine/processes.h"
#include "../text/values.h"
#include <string.h>

enum { WORD_MAX = 64, CHOICES_MAX = 256 };

/* core/kernel/process.c: the events of a process. */
static const char *const process_lines[] = {
    "start pid=%u program=%s",
    "exit pid=%u program=%s status=%d",
    "killed pid=%u program=%s status=%d",
    "faulted pid=%u program=%s status=%d",
};

/* ---- one token ---- */

/* The part that names a field, "status=" of "status=200" and of "status>=2"; or the whole word. */
static size_t key_len(const char *token)
{
    size_t n = strcspn(token, "=");

    return token[n] && n && token[n - 1] == '>' ? n - 1 : n;
}

static bool is_field(const char *token)
{
    return strchr(token, '=') != NULL;
}

/* True if a pattern, in which a star at the end matches anything, matches this text. */
static bool pattern_matches(const char *pattern, const char *text, size_t len)
{
    size_t n = strlen(pattern);

    if (n > 1 && pattern[n - 1] == '*')
        return len >= n - 1 && !memcmp(pattern, text, n - 1);
    return n == len && !memcmp(pattern, text, n);
}

/* True if the event can print `token` as its token number `at`, for some value of the tables of
 * words. They are short, errors are negative. */
static bool is_table_word(const char *token, unsigned id, unsigned at)
{
    enum { VALUES = 128 };

    for (int64_t n = -VALUES; n < VALUES; n++) {
        uint64_t args[TRACE_ARGS_MAX];
        char line[TRACE_LINE_MAX];
        const char *text = line;

        for (unsigned i = 0; i < TRACE_ARGS_MAX; i++)
            args[i] = (uint64_t)n;
        trace_format(line, sizeof(line), id, args, TRACE_ARGS_MAX);
        for (unsigned i = 0; i <= at; i++) /* the component comes first */
            text += strcspn(text, " ") + 1;
        if (pattern_matches(token, text, strcspn(text, " ")))
            return true;
    }
    return false;
}

/* True if the value of this field has the form of the conversion; the number or address itself is
 * not checked. */
static bool looks_like(const char *token, char conversion)
{
    const char *value = strchr(token, '=') + 1;

    return !strchr("udi", conversion) || !value[strspn(value, "-0123456789.:*")];
}

/* True if `token` can be the one at `format`, number `at` of event `id`. */
static bool could_be(const char *token, const char *format, size_t len, unsigned id, unsigned at)
{
    const char *percent = memchr(format, '%', len);
    size_t key = key_len(token);

    if (!percent)
        return pattern_matches(token, format, len);
    if (!is_field(token)) /* with a star it may be the start of a name */
        return pattern_matches(token, format, (size_t)(percent - format));
    if (len <= key || format[key] != '=' || memcmp(token, format, key))
        return false;
    return strchr("ETDWVLRNI", percent[1]) ? is_table_word(token, id, at)
                                           : looks_like(token, percent[1]);
}

/* True if the tokens occur in this order in the format, which belongs to event `id` if it has words
 * of tables. */
static bool tokens_in(const struct scenario_expect *x, const char *format, unsigned id)
{
    unsigned at = 0, number = 0;

    while (*format && at < x->token_count) {
        size_t len = strcspn(format, " ");

        at += could_be(x->tokens[at], format, len, id, number++);
        format += len + strspn(format + len, " ");
    }
    return at == x->token_count;
}

/* ---- words to suggest ---- */

struct words {
    char text[CHOICES_MAX][WORD_MAX];
    const char *list[CHOICES_MAX + 1];
    unsigned count;
};

static void words_add(struct words *w, const char *text, size_t len)
{
    if (len == 0 || len >= WORD_MAX || w->count == CHOICES_MAX)
        return;
    memcpy(w->text[w->count], text, len);
    w->text[w->count][len] = 0;
    for (unsigned i = 0; i < w->count; i++)
        if (!strcmp(w->text[i], w->text[w->count]))
            return;
    w->list[w->count] = w->text[w->count];
    w->list[++w->count] = NULL;
}

/* The words of a format that are fixed; of a field its name and the sign. */
static void words_of_format(struct words *w, const char *format)
{
    while (*format) {
        size_t len = strcspn(format, " "), fixed = strcspn(format, " %");

        words_add(w, format, fixed);
        format += len + strspn(format + len, " ");
    }
}

/* ---- the core ---- */

static bool core_says(const struct scenario_expect *x, struct words *words, bool *known)
{
    for (unsigned i = 0; i < TRACE_COUNT; i++) {
        const struct trace_event *e = trace_event(i);

        if (strcmp(e->component, x->component))
            continue;
        *known = true;
        words_of_format(words, e->format);
        if (tokens_in(x, e->format, i))
            return true;
    }
    if (strcmp(x->component, "kernel"))
        return false;
    for (unsigned i = 0; i < ARRAY_COUNT(process_lines); i++) {
        words_of_format(words, process_lines[i]);
        if (tokens_in(x, process_lines[i], TRACE_COUNT))
            return true;
    }
    return false;
}

/* ---- programs ---- */

static bool vocabulary_is_program(const char *name)
{
    for (unsigned i = 0; i < programs_count; i++)
        if (!strcmp(programs[i].name, name))
            return true;
    return false;
}

static bool is_started(const struct scenario *sc, const char *name)
{
    for (unsigned i = 0; i < sc->program_count; i++)
        if (!strcmp(sc->programs[i].words[0], name))
            return true;
    return false;
}

/* The byte at `p`. Not instrumented: AddressSanitizer puts red zones between the strings. */
__attribute__((no_sanitize("address"))) static char byte_at(const char *at)
{
    return *(const volatile char *)at;
}

/* True for a string of the programs' read-only data, or the end of one (the linker merges those).
 * With a star at its end: the start of such a string. */
static bool program_has(const char *text, size_t len)
{
    size_t size;
    const char *data = processes_read_only(&size), *end = data + size;
    bool star = len > 1 && text[len - 1] == '*';

    len -= star;
    for (const char *at = data; (size_t)(end - at) > len; at++) {
        size_t n = 0;

        while (n < len && byte_at(at + n) == text[n])
            n++;
        if (n == len && (star || !byte_at(at + n)))
            return true;
    }
    return false;
}

/* Strings of that data that could be a word of a report. */
static void words_of_programs(struct words *w, bool field)
{
    size_t size;
    const char *data = processes_read_only(&size), *end = data + size;
    char text[WORD_MAX];

    for (size_t len = 0; data < end; data++) {
        char c = byte_at(data);

        if (c) {
            text[len < WORD_MAX - 1 ? len++ : len] = c;
            continue;
        }
        text[len] = 0;
        if (len > 1 && strspn(text, "abcdefghijklmnopqrstuvwxyz-_") == len) {
            text[len] = '=';
            words_add(w, text, len + field);
        }
        len = 0;
    }
}

/* The first token that no program can print, or NULL. */
static const char *program_lacks(const struct scenario_expect *x)
{
    for (unsigned i = 0; i < x->token_count; i++) {
        const char *token = x->tokens[i];
        size_t key = key_len(token);

        if (!strcmp(token, "|") || !strcmp(token, "usage"))
            return NULL; /* what follows is free text */
        if (!program_has(token, key))
            return token;
    }
    return NULL;
}

/* ---- a line ---- */

static bool complain(FILE *errors, const struct scenario *sc, const struct scenario_expect *x,
                     const char *what, const char *word, const struct words *words)
{
    char key[WORD_MAX];
    const char *near;

    snprintf(key, sizeof(key), "%.*s", (int)(key_len(word) + is_field(word)), word);
    near = words->count ? nearest_word(key, words->list) : NULL;
    if (near && !strcmp(near, key)) /* the word exists, but not at this position */
        near = NULL;
    value_message(errors, "%s:%u: %s '%.40s'%s%s%s\n", sc->path, x->line, what, word,
                  near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    return false;
}

/* The token after the longest prefix that a line of the core has. */
static const char *core_lacks(const struct scenario_expect *x)
{
    struct scenario_expect part = *x;
    struct words words = {.count = 0};
    bool known;

    while (part.token_count > 1) {
        part.token_count--;
        if (core_says(&part, &words, &known))
            break;
    }
    return x
        ->tokens[part.token_count == 1 && !core_says(&part, &words, &known) ? 0 : part.token_count];
}

static bool check(const struct scenario *sc, const struct scenario_expect *x, FILE *errors)
{
    struct words words = {.count = 0};
    bool known = !strcmp(x->component, "kernel");
    const char *lacks;

    if (vocabulary_is_program(x->component)) {
        if (!is_started(sc, x->component))
            return complain(errors, sc, x, "no line starts the program", x->component, &words);
        lacks = program_lacks(x);
        if (!lacks)
            return true;
        words_of_programs(&words, is_field(lacks));
        return complain(errors, sc, x, "no program prints", lacks, &words);
    }
    for (unsigned i = 0; i < x->token_count; i++) {
        const char *token = x->tokens[i];

        if (!strncmp(token, "program=", 8) && !strchr(token, '*') && !is_started(sc, token + 8))
            return complain(errors, sc, x, "no line starts the program", token + 8, &words);
    }
    if (core_says(x, &words, &known))
        return true;
    if (known)
        return complain(errors, sc, x, "no line of this component continues with", core_lacks(x),
                        &words);
    words.count = 0;
    for (unsigned i = 0; i < TRACE_COUNT; i++)
        words_add(&words, trace_event(i)->component, strlen(trace_event(i)->component));
    for (unsigned i = 0; i < programs_count; i++)
        words_add(&words, programs[i].name, strlen(programs[i].name));
    return complain(errors, sc, x, "unknown component", x->component, &words);
}

/* ---- the arguments of programs ---- */

/* The number of words of the command line that are options of this usage, "[-q]" or "[-c COUNT]",
 * with their values. */
static unsigned option_words(const struct scenario_program *p, const char *usage, size_t len)
{
    unsigned n = 0;

    for (unsigned i = 1; i < p->count; i++)
        for (const char *at = usage; (at = memchr(at, '[', len - (size_t)(at - usage))); at++) {
            size_t name = strcspn(at + 1, " ]");

            if (at[1] == '-' && strlen(p->words[i]) == name && !memcmp(p->words[i], at + 1, name))
                n += at[1 + name] == ' ' ? 2 : 1;
        }
    return n;
}

/* True if the program accepts this number of words. `usage` is one of its forms: a word in brackets
 * is optional, dots after it mean that it may be repeated. A word that looks like an option may be
 * another argument. */
static bool form_fits(const struct scenario_program *p, const char *usage, size_t len)
{
    unsigned words = p->count - 1, least = 0, most = 0, depth = 0;

    for (size_t at = 0; at < len; at += strspn(usage + at, " ")) {
        size_t n = strcspn(usage + at, " ");
        bool option = usage[at] == '[' && usage[at + 1] == '-';

        if (n > 3 && !memcmp(usage + at + n - 3, "...", 3))
            return words >= least;
        depth += option;
        least += !depth && usage[at] != '[';
        most += !depth;
        depth -= depth && memchr(usage + at, ']', n);
        at += n;
    }
    return words >= least && words <= most + option_words(p, usage, len);
}

/* The usage line of a program, without its name. */
static const char *usage_of(const char *name)
{
    for (unsigned i = 0; i < programs_count; i++)
        if (!strcmp(programs[i].name, name))
            return programs[i].usage;
    return "";
}

/* True if the scenario expects the usage message. */
static bool usage_is_expected(const struct scenario *sc, const char *name)
{
    for (unsigned i = 0; i < sc->expect_count; i++) {
        const struct scenario_expect *x = &sc->expects[i];

        if (!strcmp(x->component, name) && x->token_count && !strcmp(x->tokens[0], "usage"))
            return true;
    }
    return false;
}

/* A wrong number of arguments is a mistake; the program checks their values itself. */
static bool check_arguments(const struct scenario *sc, const struct scenario_program *p,
                            FILE *errors)
{
    const char *usage = usage_of(p->words[0]), *form = usage;

    while (*form) {
        const char *bar = strstr(form, " | ");
        size_t name = strlen(p->words[0]), len = bar ? (size_t)(bar - form) : strlen(form);

        name += form[name] == ' ';
        if (form_fits(p, form + name, len - name))
            return true;
        form += len + (bar ? 3 : 0);
    }
    if (usage_is_expected(sc, p->words[0]))
        return true;
    value_message(errors, "%s:%u: '%s' does not take %u argument%s; usage: %s\n", sc->path, p->line,
                  p->words[0], p->count - 1, p->count == 2 ? "" : "s", usage);
    return false;
}

bool vocabulary_check(const struct scenario *sc, FILE *errors)
{
    for (unsigned i = 0; i < sc->program_count; i++)
        if (!check_arguments(sc, &sc->programs[i], errors))
            return false;
    for (unsigned i = 0; i < sc->expect_count; i++)
        if (!check(sc, &sc->expects[i], errors))
            return false;
    return true;
}
