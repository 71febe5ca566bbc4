/* The kernel command line: see options.h. */
#include "options.h"
#include "../../core/base/mem.h"
#include <stddef.h>

static unsigned hex(char c)
{
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
           : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                  : 16;
}

/* The text after `key` if the word starts with it, else NULL. */
static char *after(char *word, const char *key)
{
    while (*key)
        if (*word++ != *key++)
            return NULL;
    return word;
}

static bool is(char *word, const char *other)
{
    char *rest = after(word, other);

    return rest && !*rest;
}

/* Decimal, or hexadecimal after 0x; returns the first byte after the number, or NULL without a
 * digit. */
static char *number(char *at, uint64_t *out)
{
    unsigned base = at[0] == '0' && at[1] == 'x' ? 16 : 10, digits = 0;
    uint64_t n = 0;

    for (at += base == 16 ? 2 : 0; hex(*at) < base; at++, digits++)
        n = n * base + hex(*at);
    *out = n;
    return digits ? at : NULL;
}

static bool whole_number(char *at, uint64_t *out)
{
    char *end = number(at, out);

    return end && !*end;
}

/* PROG,ARG,ARG in place: commas become NULs, %XX one byte. */
static bool program_words(struct start *s, char *at)
{
    char *to = at;

    s->count = 1;
    s->words[0] = at;
    for (; *at; at++) {
        if (*at == ',') {
            *to++ = 0;
            if (s->count == START_WORDS_MAX)
                return false;
            s->words[s->count++] = to;
        } else if (*at == '%') {
            if (hex(at[1]) > 15 || hex(at[2]) > 15)
                return false;
            *to++ = (char)(hex(at[1]) << 4 | hex(at[2]));
            at += 2;
        } else {
            *to++ = *at;
        }
    }
    *to = 0;
    return *s->words[0];
}

/* run=, run@N=, daemon=, daemon@N=. */
static bool program(struct options *o, char *at, bool daemon)
{
    struct start *s = &o->starts[o->start_count];

    if (o->start_count == STARTS_MAX)
        return false;
    s->at_us = 0;
    s->daemon = daemon;
    if (*at == '@')
        at = number(at + 1, &s->at_us);
    if (!at || *at != '=' || !program_words(s, at + 1))
        return false;
    o->start_count++;
    return true;
}

static bool option(struct options *o, char *word)
{
    char *at;

    if ((at = after(word, "run")))
        return program(o, at, false);
    if ((at = after(word, "daemon")))
        return program(o, at, true);
    if ((at = after(word, "id="))) {
        o->id = at;
        return *at;
    }
    if ((at = after(word, "seed=")))
        return whole_number(at, &o->seed);
    if ((at = after(word, "until=")))
        return whole_number(at, &o->until_us);
    if ((at = after(word, "interrupts="))) {
        o->interrupts = is(at, "line")  ? INTERRUPTS_LINE
                        : is(at, "msi") ? INTERRUPTS_MSI
                                        : INTERRUPTS_OFF;
        return o->interrupts || is(at, "off");
    }
#ifdef DRYWIRE_JOURNAL
    if ((at = after(word, "journal="))) {
        o->journal = is(at, "on") ? JOURNAL_ON : is(at, "dump") ? JOURNAL_DUMP : JOURNAL_OFF;
        return o->journal;
    }
#endif
    if (is(word, "trace=all"))
        return o->trace_all = true;
    /* QEMU adds one for each device of a microvm without ACPI; ignored, as the slots are
     * scanned. */
    return after(word, "virtio_mmio.device=") != NULL;
}

const char *options_parse(struct options *o, const char cmdline[CMDLINE_MAX])
{
    char *at = o->text;

    *o = (struct options){.id = "0", .seed = 1};
    mem_copy(o->text, cmdline, CMDLINE_MAX);
    if (o->text[CMDLINE_MAX - 1])
        return "too-long";
    while (*at) {
        char *word = at;

        while (*at && *at != ' ')
            at++;
        if (*at)
            *at++ = 0;
        if (*word && !option(o, word))
            return word;
    }
    return NULL;
}

/* A text that does not fit has no NUL at the end, which options_parse() checks. */
void boot_set_cmdline(struct boot *boot, const char *text)
{
    unsigned i = 0;

    do
        boot->cmdline[i] = text[i];
    while (text[i] && ++i < CMDLINE_MAX);
}
