/*
 * Inside the scenario reader: what its two halves share. scenario.c turns a file into lines and
 * words and judges the whole; scenario_lines.c knows what each line means.
 */
#ifndef DRYWIRE_SCENARIO_LINES_H
#define DRYWIRE_SCENARIO_LINES_H

#include "scenario.h"
#include "../text/values.h"

enum { WORDS_MAX = 128, DIRECTIVES = 18 };

/* Where the reading stands. */
struct reader {
    struct scenario *s;
    const struct scenario_reading *how;
    const char *path;
    FILE *errors;
    unsigned line;
    bool something;             /* a line said what must happen */
    unsigned given[DIRECTIVES]; /* the line where each stood last, 0: not yet */
    unsigned heal_line;
    uint32_t wire_given[2]; /* by direction: keys of `wire` lines so far */
    const char *rest;       /* of a title: the text behind the first word, not split */
    struct word words[WORDS_MAX];
    unsigned count;
};

/* A kind of line: its first word and how the rest is read. */
struct directive {
    const char *name;
    bool (*read)(struct reader *r);
    bool once;
    unsigned min, max; /* words on the line, the first included; max 0: any number */
    const char *form;  /* for messages */
};

extern const struct directive directives[DIRECTIVES];

/* `peer dhcp ...`: scenario_dhcp.c. */
bool line_peer_dhcp(struct reader *r);

/* Zeroed memory that lives as long as the scenario. */
void *reader_take(struct scenario *s, size_t size);

/* Room for one more item of `item` bytes behind *count of them: counts it and returns the array,
 * moved when it had to grow. */
void *reader_add(struct scenario *s, void *array, unsigned *count, size_t item);

/* Report a mistake on the current line. Always false, so that a line function can return it. */
bool reader_wrong(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Report a word that is none of `words` (NULL-terminated), with the nearest of them. */
bool reader_unknown(struct reader *r, const char *what, const char *word, const char *const *words);

#endif
