/*
 * The words of a .pkt script. Each function skips space and comments first. After the first error
 * (a false) nothing more may be read: the outcome and the problem are set.
 */
#ifndef DRYWIRE_PKT_LEXER_H
#define DRYWIRE_PKT_LEXER_H

#include "script.h"

struct pkt_lexer {
    const char *at, *end, *line_start;
    unsigned line;
    char *title; /* takes the first comment; PKT_TITLE_MAX bytes */
    enum pkt_outcome outcome;
    struct pkt_problem *problem;
};

/* Here the script is wrong; here it has a construct that is not supported. Both return false. */
bool pkt_lex_fail(struct pkt_lexer *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool pkt_lex_unsupported(struct pkt_lexer *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Go to the next word. False: the end of the text, or an error. */
bool pkt_lex_next(struct pkt_lexer *l);

/* The next word as a place to go back to, for an error there. */
struct pkt_lexer pkt_lex_start(struct pkt_lexer *l);

/* If the text continues with `word`, take it. A word of letters must end there. */
bool pkt_lex_is(struct pkt_lexer *l, const char *word);

/* Look at the next character; 0 at the end. */
char pkt_lex_peek(struct pkt_lexer *l);

/* It must continue with `word`. */
bool pkt_lex_need(struct pkt_lexer *l, const char *word);

/* A word of letters, digits and underscores that starts with a letter. */
bool pkt_lex_word(struct pkt_lexer *l, char *buf, size_t size);

/* An unsigned number, decimal or hexadecimal, of at most `max`. */
bool pkt_lex_number(struct pkt_lexer *l, uint64_t max, uint64_t *out);

/* Decimal seconds, such as 1, .5 or 0.25, in nanoseconds. */
bool pkt_lex_seconds(struct pkt_lexer *l, uint64_t *out);

/* The characters up to the next space. */
bool pkt_lex_run(struct pkt_lexer *l, char *buf, size_t size);

/* Everything up to `mark`, which is taken, too; *from is its first character. */
bool pkt_lex_until(struct pkt_lexer *l, const char *mark, const char **from, size_t *len);

#endif
