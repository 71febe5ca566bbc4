/*
 * A command of `drywire`: its file (verb_NAME.c) has its code, the struct of its options, and the
 * list of its options; a row of verbs.h has its word and its line of help. Words, values and help
 * of options are in option_table.c.
 */
#ifndef DRYWIRE_VERB_H
#define DRYWIRE_VERB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The command line of any command. */
struct call {
    const char *program; /* as named by the shell, for lines that repeat the call */
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

/* The options of `form`, a struct results_form, and of `artifacts`. */
#define RESULTS_OPTIONS(settings)                                                                  \
    OPTION("json", settings, form.json), OPTION("junit", settings, form.junit),                    \
        OPTION("artifacts", settings, artifacts), OPTION("annotate", settings, form.annotate),     \
        OPTION("verbose", settings, form.verbose), OPTION("quiet", settings, form.quiet)

struct verb {
    /* The exit code; a line on stderr explains all except EXIT_PASS. `settings` is the command's
     * filled struct. */
    int (*run)(const struct call *call, const void *settings);
    size_t size; /* of its struct; 0: none */
    const struct option_place *options;
    /* More text for its page of help: instead of the line of the table; before the usage; two
     * paragraphs after the options. NULL: none. */
    const char *title, *example, *notes[2];
};

#endif
