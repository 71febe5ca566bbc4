/* The command line: see options.h. */
#include "options.h"
#include "base/exit_codes.h"
#include "base/outputs.h"
#include "base/version.h"
#include "help.h"
#include "option_table.h"
#include "revision.h"
#include "../sim/base/memory.h"
#include "../sim/text/values.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The result of getopt for the option in row 0: not a letter. */
enum { OPTIONS_FIRST = 256 };

static void options_version(void)
{
    char text[120];

    version_words(text, sizeof(text));
    printf("%s, revision %s\n", text, DRYWIRE_REVISION);
}

static int options_unknown(const char *word)
{
    const char *names[OPTION_ROWS_MAX] = {NULL};
    const char *near, *dashes;

    for (unsigned i = 0; option_rows[i].name; i++)
        names[i] = option_rows[i].name;
    dashes = word[0] == '-' && word[1] != '-' ? "-" : "--";
    word += strspn(word, "-");
    near = nearest_word(word, names);
    value_message(stderr, "drywire: unknown option '%s%s'%s%s%s (see drywire --help)\n", dashes,
                  word, near ? "; did you mean '--" : "", near ? near : "", near ? "'?" : "");
    return EXIT_USAGE;
}

static int options_color(const char *text, bool *color)
{
    if (strcmp(text, "auto") && strcmp(text, "always") && strcmp(text, "never")) {
        value_message(stderr, "drywire: --color '%s' is unknown; use auto, always or never\n",
                      text);
        return EXIT_USAGE;
    }
    if (strcmp(text, "auto"))
        *color = strcmp(text, "always") == 0;
    return -1;
}

/* Read one option with its value, for the given command, else for the first one. */
static int options_apply(struct command *c, const struct option_row *r, const char *value)
{
    const struct verb_row *row = c->row ? c->row : verb_rows;
    const struct option_place *place = option_place(row->verb, r);

    switch (r->every) {
    case EVERY_COLOR:
        return options_color(value, &c->call.color);
    case EVERY_HELP:
        help_print(c->row);
        return EXIT_PASS;
    case EVERY_VERSION:
        options_version();
        return EXIT_PASS;
    case EVERY_NOT:
        break;
    }
    if (place)
        return option_read(r, value, row->word, (char *)c->settings + place->offset);
    value_message(stderr, "drywire: --%s is not an option of 'drywire %s'\n", r->name, row->word);
    return EXIT_USAGE;
}

static const struct option_row *options_row(int letter)
{
    const struct option_row *r = option_rows;

    if (letter >= OPTIONS_FIRST)
        return &option_rows[letter - OPTIONS_FIRST];
    while (r->letter != letter)
        r++;
    return r;
}

/* Set the defaults in the struct. -1, or EXIT_HARNESS after a line on stderr: the command names an
 * option that is not in the table, or has another type there. */
static int options_preset(struct command *c, const struct verb *v)
{
    c->settings = memory_new(1, v->size + 1);
    for (const struct option_place *p = v->options; p && p->name; p++) {
        const struct option_row *r = option_rows;
        void *at = (char *)c->settings + p->offset;

        while (r->name && strcmp(r->name, p->name))
            r++;
        if (!r->name || r->type != p->type) {
            value_message(stderr, "drywire: internal error: option '%s' is not of this type\n",
                          p->name);
            return EXIT_HARNESS;
        }
        if (r->type == OPTION_NUMBER)
            *(uint64_t *)at = r->preset;
        if (r->preset_flag)
            *(bool *)at = r->preset_flag();
    }
    return -1;
}

static int options_words(int argc, char **argv, struct command *c)
{
    struct option table[OPTION_ROWS_MAX] = {0};
    int letter, code = options_preset(c, (c->row ? c->row : verb_rows)->verb);

    if (code >= 0)
        return code;
    for (int i = 0; option_rows[i].name; i++)
        table[i] = (struct option){option_rows[i].name,
                                   option_rows[i].argument ? required_argument : no_argument, NULL,
                                   OPTIONS_FIRST + i};
    opterr = 0;
    while ((letter = getopt_long(argc, argv, ":vqho:", table, NULL)) != -1) {
        if (letter == '?')
            return options_unknown(argv[optind - 1]);
        if (letter == ':') {
            value_message(stderr, "drywire: %s needs a value\n", argv[optind - 1]);
            return EXIT_USAGE;
        }
        code = options_apply(c, options_row(letter), optarg);
        if (code >= 0)
            return code;
    }
    c->call.words = argv + optind;
    c->call.count = argc - optind;
    return -1;
}

/* Check that no output file is an input file. */
static int options_apart(const struct command *c)
{
    for (const struct option_row *r = option_rows; r->name; r++) {
        const struct option_place *p = r->writes ? option_place(c->row->verb, r) : NULL;
        void *at = (char *)c->settings + (p ? p->offset : 0);
        const char *path = p ? *(const char **)at : NULL;

        for (int i = 0; path && i < c->call.count; i++)
            if (output_is_file(path, c->call.words[i])) {
                value_message(
                    stderr,
                    "drywire: --%s %s would overwrite the input file; choose another name\n",
                    r->name, path);
                return EXIT_USAGE;
            }
    }
    return -1;
}

/* Find the command of the word: -1, or EXIT_USAGE after a line on stderr. */
static int options_command(const char *word, struct command *c)
{
    const char *near;

    for (c->row = verb_rows; c->row->word; c->row++)
        if (!strcmp(word, c->row->word))
            return -1;
    near = nearest_word(word, verb_words);
    value_message(stderr, "drywire: unknown command '%s'%s%s%s (see drywire --help)\n", word,
                  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return EXIT_USAGE;
}

static int options_no_command(void)
{
    fputs("drywire: name a command: ", stderr);
    for (unsigned i = 0; verb_words[i]; i++)
        fprintf(stderr, "%s%s", !i ? "" : verb_words[i + 1] ? ", " : " or ", verb_words[i]);
    fputs(" (see drywire --help)\n", stderr);
    return EXIT_USAGE;
}

int options_parse(int argc, char **argv, struct command *c)
{
    int code;

    *c = (struct command){.call = {.program = argc ? argv[0] : "build/drywire",
                                   .color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR")}};
    if (argc < 2) {
        help_print(NULL);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "help")) {
        code = argc > 2 ? options_command(argv[2], c) : -1;
        if (code < 0)
            help_print(c->row);
        return code < 0 ? EXIT_PASS : code;
    }
    if (argv[1][0] == '-') {
        code = options_words(argc, argv, c);
        return code < 0 ? options_no_command() : code;
    }
    code = options_command(argv[1], c);
    if (code < 0)
        code = options_words(argc - 1, argv + 1, c);
    return code < 0 ? options_apart(c) : code;
}
