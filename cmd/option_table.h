/*
 * Every option of `drywire`, once: its word, its argument, its help and the reader of its value.
 * The parser and the help use this table; the command's file lists the options that it takes
 * (verb.h).
 */
#ifndef DRYWIRE_OPTION_TABLE_H
#define DRYWIRE_OPTION_TABLE_H

#include "verb.h"

/* Options of every command; handled by options.c. */
enum option_every { EVERY_NOT, EVERY_COLOR, EVERY_HELP, EVERY_VERSION };

struct option_row {
    const char *name;     /* NULL: the end */
    const char *argument; /* NULL: none; "=X" is written without a space */
    enum option_type type;
    const char *help;
    char letter;              /* -q, or 0 */
    uint64_t min, preset;     /* NUMBER: the minimum; the default */
    const char *const *words; /* CHOICE: their values are 0, 1, 2..., or from `first` on */
    unsigned first;
    bool (*preset_flag)(void); /* FLAG: its default; NULL: off */
    bool writes;               /* TEXT: an output file */
    /* The reader of other types: -1 with the value at `at`, or an exit code after a line on stderr.
     * `verb` is the command's word. */
    int (*read)(const struct option_row *r, const char *text, const char *verb, void *at);
    enum option_every every;
};

extern const struct option_row option_rows[];

enum { OPTION_ROWS_MAX = 64 };

/* The command's member for the option; NULL: it does not take it. */
const struct option_place *option_place(const struct verb *v, const struct option_row *r);

/* Read a value into the member at `at`. -1, or EXIT_USAGE after a line on stderr. */
int option_read(const struct option_row *r, const char *text, const char *verb, void *at);

#endif
