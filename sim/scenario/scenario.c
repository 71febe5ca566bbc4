/*
 * The scenario reader: reads a flat text file, one statement per line, into one struct scenario.
 *
 * A line is split into words, its first word selects a row of `directives` (scenario_lines.c), and
 * that row's function fills its part of the struct. Words are parsed by sim/text/values.c and
 * scenario_keys.c. Reading stops at the first mistake with one line `path:line: message`.
 * docs/scenarios.md is the reference of the language; change it with these files.
 *
 * All memory is in one list (struct block) at scenario->memory.
 */
#include "scenario_lines.h"
#include "../fake_device/bodies.h"
#include "../base/memory.h"
#include "../text/values.h"
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "string lengths are stored as 64 bits");

struct block {
    struct block *next;
    max_align_t data[];
};

/* ---- memory and messages ---- */

void *reader_take(struct scenario *s, size_t size)
{
    struct block *b = memory_new(1, sizeof(*b) + size);

    b->next = s->memory;
    s->memory = b;
    return b->data;
}

/* Room for one more item after `count` of them; the array doubles at every power of two. */
void *reader_add(struct scenario *s, void *array, unsigned *count, size_t item)
{
    unsigned n = (*count)++;

    if (n & (n - 1))
        return array;

    void *bigger = reader_take(s, (n ? (size_t)n * 2 : 1) * item);

    if (n)
        memcpy(bigger, array, n * item);
    return bigger;
}

/* Always false, so that a line function can return it. */
bool reader_wrong(struct reader *r, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    value_message(r->errors, "%s:%u: %s\n", r->path, r->line, text);
    return false;
}

bool reader_unknown(struct reader *r, const char *what, const char *word, const char *const *words)
{
    char near[80];

    for (unsigned i = 0; words[i]; i++)
        if (!strcmp(words[i], word))
            return reader_wrong(r, "unknown %s \"%s\": a word in quotes is never a keyword", what,
                                word);
    return reader_wrong(r, "unknown %s '%.60s'%s", what, word,
                        did_you_mean(word, words, near, sizeof(near)));
}

/* ---- lines ---- */

/* Split [p, end) into words, into memory of the scenario. A quote opens a string at the start of a
 * word and right after its first '='; elsewhere it is an ordinary character. */
static bool split(struct reader *r, const char *p, const char *end)
{
    char *out = reader_take(r->s, (size_t)(end - p) + 2);

    r->count = 0;
    for (;;) {
        while (p < end && (*p == ' ' || *p == '\t'))
            p++;
        if (p == end || *p == '#')
            return true;
        if (r->count == WORDS_MAX)
            return reader_wrong(r, "more than %d words on a line", WORDS_MAX);

        struct word w = {.text = out, .quoted = *p == '"'};
        bool string = w.quoted;

        while (p < end && *p != ' ' && *p != '\t') {
            if (string) {
                const char *problem;

                p++;
                problem = value_string(&p, end, out, &w.len);
                if (problem)
                    return reader_wrong(r, "%s", problem);
                if (p < end && *p != ' ' && *p != '\t')
                    return reader_wrong(r, "a blank is missing after the closing quote");
                break;
            }
            out[w.len++] = *p++;
            if (p[-1] == '=' && !w.value) {
                w.value = out + w.len;
                string = p < end && *p == '"';
            }
        }
        out[w.len] = '\0';
        if (w.value)
            w.value_len = w.len - (size_t)(w.value - w.text);
        out += w.len + 1;
        r->words[r->count++] = w;
    }
}

/* The text after the first word, unchanged: a title needs no quotes and has no comments. */
static const char *rest_of_line(struct reader *r, const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (p < end && *p != ' ' && *p != '\t')
        p++;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
        end--;

    char *text = reader_take(r->s, (size_t)(end - p) + 1);

    memcpy(text, p, (size_t)(end - p));
    return text;
}

static bool is_title(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    return end - p >= 5 && !memcmp(p, "title", 5) && (end - p == 5 || p[5] == ' ' || p[5] == '\t');
}

/* Words of an untrusted file are printed on terminals. */
static bool check_text(struct reader *r, const char *p, const char *end)
{
    while (p < end) {
        uint32_t c;
        size_t n = value_character(p, end, &c);

        if (!n)
            return reader_wrong(r, "byte 0x%02x is not UTF-8; in a string it is written \\x%02x",
                                (uint8_t)*p, (uint8_t)*p);
        if (c != '\t' && value_hidden(c) && n == 1)
            return reader_wrong(r, "control character 0x%02x; in a string it is written \\x%02x", c,
                                c);
        if (c != '\t' && value_hidden(c))
            return reader_wrong(
                r, "control character U+%04X; in a string its bytes are written \\xNN", c);
        p += n;
    }
    return true;
}

static bool read_line(struct reader *r, const char *p, const char *end)
{
    const struct directive *d = directives;
    const char *names[DIRECTIVES + 1];

    if (end > p && end[-1] == '\r')
        end--;
    if (!check_text(r, p, end))
        return false;
    if (is_title(p, end)) {
        r->rest = rest_of_line(r, p, end);
        r->words[0] = (struct word){.text = "title", .len = 5};
        r->count = r->rest[0] ? 2 : 1;
    } else if (!split(r, p, end)) {
        return false;
    }
    if (!r->count)
        return true;

    for (unsigned i = 0; i < DIRECTIVES; i++)
        names[i] = directives[i].name;
    names[DIRECTIVES] = NULL;
    while (d < directives + DIRECTIVES && (r->words[0].quoted || strcmp(r->words[0].text, d->name)))
        d++;
    if (d == directives + DIRECTIVES)
        return reader_unknown(r, "word", r->words[0].text, names);
    if (r->count < d->min || (d->max && r->count > d->max))
        return reader_wrong(r, "usage: %s", d->form);

    unsigned *given = &r->given[d - directives];

    if (d->once && *given)
        return reader_wrong(r, "'%s' is already given on line %u", d->name, *given);
    *given = r->line;
    return d->read(r);
}

/* ---- the whole ---- */

static struct scenario *scenario_new(const char *path)
{
    struct scenario *s = memory_new(1, sizeof(*s));

    s->path = strcpy(reader_take(s, strlen(path) + 1), path);
    s->title = "";
    s->world = WORLD_NATIVE;
    s->slirp.restricted = TOGGLE_OFF;
    s->replay.seed = 1;
    s->peer.window = PEER_WINDOW_MAX;
    s->native.lease_s = 86400;
    s->native.mss = 1460;
    s->native.window = 65535;
    s->native.latency_ns = 200 * NS_PER_US;
    s->device.body = &fake_net_body;
    s->device.net = (struct fake_net_options){
        .mrg_rxbuf = TOGGLE_OFF, .mac = {2, 0, 0, 0, 0, 1}, .mac_feature = true};
    s->device.queue_size = DEVICE_QUEUE_SIZE;
    s->device.event_idx = s->device.indirect = s->device.interrupts = TOGGLE_OFF;
    s->device.any_layout = TOGGLE_ON;
    s->limit_ns = 900 * NS_PER_S;
    s->heal_ns = 300 * NS_PER_S;
    return s;
}

/* A line from the command line. */
static bool read_device(struct reader *r, const char *words)
{
    static const char head[] = "device virtio-net ";
    size_t size = sizeof(head) + strlen(words);
    char *line = reader_take(r->s, size);
    unsigned at = r->s->device.line;
    bool good;

    snprintf(line, size, "%s%s", head, words);
    r->path = "--device";
    r->line = 1;
    memset(r->given, 0, sizeof(r->given));
    r->network_device = false;
    good = read_line(r, line, line + strlen(line));
    r->path = r->s->path;
    r->s->device.line = at;
    return good;
}

int scenario_parse(const char *path, const char *text, size_t len,
                   const struct scenario_reading *how, struct scenario **out, FILE *errors)
{
    static const struct scenario_reading plain;
    struct scenario *s = scenario_new(path);
    struct reader *r = reader_take(s, sizeof(*r));
    const char *end = text + len;
    char *kept = reader_take(s, len + 1);
    bool good = true;

    how = how ? how : &plain;
    memcpy(kept, text, len);
    s->text = kept;
    *r = (struct reader){.s = s, .how = how, .path = path, .errors = errors};
    while (text < end && good) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));

        r->line++;
        good = read_line(r, text, newline ? newline : end);
        text = newline ? newline + 1 : end;
    }
    s->line_count = r->line;
    if (!r->line) {
        r->line = 1;
        good = reader_wrong(r, "the file is empty");
    }
    if (good && how->device)
        good = read_device(r, how->device);
    if (!good || !scenario_check(r)) {
        scenario_free(s);
        return 2;
    }
    *out = s;
    return 0;
}

void scenario_free(struct scenario *s)
{
    if (!s)
        return;
    for (struct block *b = s->memory; b;) {
        struct block *next = b->next;

        free(b);
        b = next;
    }
    capture_free(&s->replay.capture);
    capture_free(&s->native.observed);
    capture_free(&s->native.played);
    free(s);
}
