/* The words of a .pkt script: see lexer.h. */
#include "lexer.h"
#include "../../core/base/minmax.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool lex_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool lex_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool lex_starts(const struct pkt_lexer *l, const char *word)
{
    size_t len = strlen(word);

    return (size_t)(l->end - l->at) >= len && memcmp(l->at, word, len) == 0;
}

static void lex_stop(struct pkt_lexer *l, enum pkt_outcome outcome, const char *format,
                     va_list args)
{
    if (l->outcome != PKT_PASS)
        return;
    l->outcome = outcome;
    l->problem->line = l->line;
    l->problem->column = (unsigned)(l->at - l->line_start) + 1;
    vsnprintf(l->problem->text, sizeof(l->problem->text), format, args);
}

bool pkt_lex_fail(struct pkt_lexer *l, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    lex_stop(l, PKT_SYNTAX, format, args);
    va_end(args);
    return false;
}

bool pkt_lex_unsupported(struct pkt_lexer *l, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    lex_stop(l, PKT_UNRUNNABLE, format, args);
    va_end(args);
    return false;
}

/* ---- space ---- */

static void lex_step(struct pkt_lexer *l)
{
    if (*l->at++ == '\n') {
        l->line++;
        l->line_start = l->at;
    }
}

static void lex_title(struct pkt_lexer *l, const char *from)
{
    size_t len = (size_t)(l->at - from);

    if (!l->title || l->title[0])
        return;
    while (len && *from == ' ') {
        from++;
        len--;
    }
    len = min_u64(len, PKT_TITLE_MAX - 1);
    memcpy(l->title, from, len);
    l->title[len] = 0;
}

static bool lex_comment(struct pkt_lexer *l)
{
    const char *from = l->at + 2;
    struct pkt_lexer start = *l;

    if (lex_starts(l, "//")) {
        while (l->at < l->end && *l->at != '\n')
            l->at++;
        lex_title(l, from);
        return true;
    }
    while (!lex_starts(l, "*/")) {
        if (l->end - l->at < 2) {
            *l = start;
            return pkt_lex_fail(l, "the comment has no end: write */ after it");
        }
        lex_step(l);
    }
    lex_title(l, from);
    l->at += 2;
    return true;
}

bool pkt_lex_next(struct pkt_lexer *l)
{
    while (l->outcome == PKT_PASS && l->at < l->end) {
        if (lex_starts(l, "//") || lex_starts(l, "/*")) {
            if (!lex_comment(l))
                return false;
        } else if (strchr(" \t\r\n", *l->at) && *l->at) {
            lex_step(l);
        } else {
            return true;
        }
    }
    return false;
}

/* ---- words ---- */

struct pkt_lexer pkt_lex_start(struct pkt_lexer *l)
{
    pkt_lex_next(l);
    return *l;
}

bool pkt_lex_is(struct pkt_lexer *l, const char *word)
{
    size_t len = strlen(word);

    if (!pkt_lex_next(l) || !lex_starts(l, word))
        return false;
    if (lex_is_letter(word[0]) && l->at + len < l->end &&
        (lex_is_letter(l->at[len]) || lex_is_digit(l->at[len])))
        return false;
    l->at += len;
    return true;
}

char pkt_lex_peek(struct pkt_lexer *l)
{
    return (char)(pkt_lex_next(l) ? *l->at : 0);
}

bool pkt_lex_need(struct pkt_lexer *l, const char *word)
{
    return pkt_lex_is(l, word) || pkt_lex_fail(l, "expected '%s' here", word);
}

bool pkt_lex_word(struct pkt_lexer *l, char *buf, size_t size)
{
    size_t len = 0;

    if (!lex_is_letter(pkt_lex_peek(l)))
        return pkt_lex_fail(l, "expected a name here");
    while (l->at + len < l->end && (lex_is_letter(l->at[len]) || lex_is_digit(l->at[len])))
        len++;
    if (len >= size)
        return pkt_lex_fail(l, "this name is too long");
    memcpy(buf, l->at, len);
    buf[len] = 0;
    l->at += len;
    return true;
}

static int lex_digit(char c, unsigned base)
{
    int value = lex_is_digit(c)        ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : 99;

    return value < (int)base ? value : -1;
}

bool pkt_lex_number(struct pkt_lexer *l, uint64_t max, uint64_t *out)
{
    unsigned base = 10;
    uint64_t value = 0;
    const char *start;

    if (!lex_is_digit(pkt_lex_peek(l)))
        return pkt_lex_fail(l, "expected a number here");
    if (lex_starts(l, "0x") && l->end - l->at > 2 && lex_digit(l->at[2], 16) >= 0) {
        base = 16;
        l->at += 2;
    }
    for (start = l->at; l->at < l->end && lex_digit(*l->at, base) >= 0; l->at++) {
        unsigned digit = (unsigned)lex_digit(*l->at, base);

        if (value > (max - min_u64(digit, max)) / base || digit > max) {
            l->at = start;
            return pkt_lex_fail(l, "this number is above %llu", (unsigned long long)max);
        }
        value = value * base + digit;
    }
    *out = value;
    return true;
}

bool pkt_lex_seconds(struct pkt_lexer *l, uint64_t *out)
{
    uint64_t whole = 0, part = 0, unit = 1000000000;
    char first = pkt_lex_peek(l);

    if (first != '.' && !pkt_lex_number(l, PKT_TIME_MAX_NS / unit, &whole))
        return false;
    if (l->end - l->at >= 2 && l->at[0] == '.' && lex_is_digit(l->at[1])) {
        for (l->at++; l->at < l->end && lex_is_digit(*l->at); l->at++) {
            unit /= 10;
            if (!unit && *l->at != '0')
                return pkt_lex_fail(l, "a time has nine digits after the point at most");
            part += unit * (uint64_t)(*l->at - '0');
        }
    } else if (first == '.') {
        return pkt_lex_fail(l, "expected a time here, such as 0.1");
    }
    *out = whole * 1000000000 + part;
    return true;
}

bool pkt_lex_run(struct pkt_lexer *l, char *buf, size_t size)
{
    size_t len = 0;

    if (!pkt_lex_next(l))
        return pkt_lex_fail(l, "expected a word here");
    while (l->at + len < l->end && !strchr(" \t\r\n", l->at[len]))
        len++;
    if (len >= size)
        return pkt_lex_fail(l, "this word is too long");
    memcpy(buf, l->at, len);
    buf[len] = 0;
    l->at += len;
    return true;
}

bool pkt_lex_until(struct pkt_lexer *l, const char *mark, const char **from, size_t *len)
{
    struct pkt_lexer start = *l;

    *from = l->at;
    while (!lex_starts(l, mark)) {
        if (l->at >= l->end) {
            *l = start;
            return pkt_lex_fail(l, "no '%s' follows", mark);
        }
        lex_step(l);
    }
    *len = (size_t)(l->at - *from);
    l->at += strlen(mark);
    return true;
}
