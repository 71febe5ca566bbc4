/* The pages of help: see help.h. Words of commands are in verbs.h, of options in option_table.c. */
#include "help.h"
#include "option_table.h"
#include <stdio.h>
#include <string.h>

enum { HELP_COLUMNS = 79, HELP_INDENT = 33 };

/* Text at a column; words that do not fit into the line continue on the next one, in the same
 * column. */
static void help_text(size_t column, const char *text)
{
    size_t at = column;

    for (const char *word = text; *word;) {
        size_t n = strcspn(word, " ");

        if (word > text && at + 1 + n > HELP_COLUMNS) {
            printf("\n%*s", (int)column, "");
            at = column;
        } else if (word > text) {
            at += (size_t)printf(" ");
        }
        at += (size_t)printf("%.*s", (int)n, word);
        word += n + strspn(word + n, " ");
    }
    putchar('\n');
}

/* In two columns. */
static void help_line(const char *left, const char *text)
{
    if (strlen(left) < HELP_INDENT)
        printf("%-*s", HELP_INDENT, left);
    else
        printf("%s\n%*s", left, HELP_INDENT, "");
    help_text(HELP_INDENT, text);
}

static void help_options(const struct verb *v)
{
    for (const struct option_row *r = option_rows; r->name; r++) {
        char left[64];

        if (!r->every && !option_place(v, r))
            continue;
        snprintf(left, sizeof(left), "  %c%c --%s%s%s", r->letter ? '-' : ' ',
                 r->letter ? r->letter : ' ', r->name,
                 r->argument && r->argument[0] != '=' ? " " : "", r->argument ? r->argument : "");
        help_line(left, r->help);
    }
}

static void help_program(void)
{
    puts("drywire: a whole small-system stack in a deterministic simulation\n\nCommands:");
    for (const struct verb_row *row = verb_rows; row->word; row++) {
        char left[80];

        snprintf(left, sizeof(left), "  %s %s", row->word, row->usage);
        help_line(left, row->what);
    }
    puts("\nExamples:\n"
         "  drywire run tests/scenarios                  every scenario below a folder\n"
         "  drywire run lease.scn --seed 7 --pcap lease.pcapng\n"
         "  drywire run lease.scn --check-determinism    run twice, compare\n"
         "  drywire run --guest ./mine.so ping.scn       another driver or stack\n"
         "  drywire qemu --target rv64 web.scn           boot the same core\n"
         "  drywire replay any.pcap --as observer        any frames as hostile input\n\n"
         "Options of run (other commands: drywire COMMAND --help):");
    help_options(&verb_run);
    putchar('\n');
    help_text(0, "Exit: 0 pass, 1 a scenario failed, 2 usage or scenario error, 3 two runs differ, "
                 "4 internal error, or an output could not be written, 5 nothing selected, 6 no "
                 "frame from a guest, 7 a journal's replay fails before its panic, 124 a step or "
                 "time limit was reached, 125 cannot be tested here.");
    puts("docs/scenarios.md describes the scenario format.");
}

static void help_verb(const struct verb_row *row)
{
    const struct verb *v = row->verb;

    printf("drywire %s: %s\n\n", row->word, v->title ? v->title : row->what);
    if (v->example)
        printf("Example:\n%s\n", v->example);
    printf("Usage: drywire %s %s\n\nOptions:\n", row->word, row->usage);
    help_options(v);
    for (unsigned i = 0; i < 2 && v->notes[i]; i++) {
        putchar('\n');
        help_text(0, v->notes[i]);
    }
}

void help_print(const struct verb_row *row)
{
    if (row)
        help_verb(row);
    else
        help_program();
}
