/*
 * A command of `drywire`: its own file (verb_NAME.c) has what it does, a struct with what it takes
 * from the command line, and the list of its options; a row of verbs.h has its word and its line of
 * help. Words, values and help of options are in option_table.c.
 */
#ifndef DRYWIRE_VERB_H
#define DRYWIRE_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How it was called, whichever command it is. */
struct call {
    const char *program; /* as the shell named it, for the lines that call it again */
    char **words;        /* files and folders, in their order */
    int count;
    bool color; /* on stdout */
};

/* The C type of the member that an option fills. */
enum option_type { OPTION_FLAG, OPTION_NUMBER, OPTION_TEXT, OPTION_CHOICE, OPTION_STRUCT };

/* An option that a command takes, and the member of its struct that gets the value. */
struct option_place {
    const char *name; /* NULL: the end of a list */
    size_t offset;
    enum option_type type;
};

#define OPTION(name, settings, member)                                                               \
    {                                                                                                \
        name, offsetof(struct settings, member),                                                   \
            _Generic(((struct settings *)0)->member,                                               \
                     bool: OPTION_FLAG,                                                            \
                     uint64_t: OPTION_NUMBER,                                                      \
                     const char *: OPTION_TEXT,                                                    \
                     unsigned: OPTION_CHOICE,                                                      \
                     default: OPTION_STRUCT) \
    }

struct verb {
    /* The exit code; a line on stderr explains any other than EXIT_PASS. `settings` is the
     * command's struct, filled. */
    int (*run)(const struct call *call, const void *settings);
    size_t size; /* of its struct, 0: it has none */
    const struct option_place *options;
    /* Its page of help, where the line of the table is not enough: instead of that line; before the
     * usage; two paragraphs after the options. NULL: none. */
    const char *title, *example, *notes[2];
};

#endif
