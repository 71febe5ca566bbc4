/*
 * The command line of `drywire`: one table makes the parser and the help. See options.h.
 */
#include "options.h"
#include "scenario.h"
#include "scenario_values.h"
#include "world.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef DRYWIRE_VERSION
#define DRYWIRE_VERSION "0.1"
#endif

enum { RUN = 1 << VERB_RUN, LIST = 1 << VERB_LIST, EXPLAIN = 1 << VERB_EXPLAIN };

static const struct row {
    const char *name;
    char letter;          /* also the value that getopt returns */
    const char *argument; /* NULL: none; "[=X]" is optional */
    unsigned verbs;
    const char *help;
} rows[] = {
    {"seed", 's', "N", RUN | EXPLAIN, "seed of the run, decimal or 0x hexadecimal (default 1)"},
    {"repeat", 'n', "N", RUN, "run N times in one process and name the first event that differs"},
    {"check-determinism", 'd', NULL, RUN, "the same as --repeat 2"},
    {"pcap", 'p', "FILE", RUN, "write a capture (pcapng) of a single scenario"},
    {"trace", 't', "FILE", RUN, "write every trace line of a single scenario"},
    {"json", 'j', NULL, RUN, "one JSON object a line for each scenario, nothing else on stdout"},
    {"junit", 'u', "FILE", RUN, "write a JUnit report"},
    {"artifacts", 'a', "DIR", RUN, "capture, trace and failure block of each failure"},
    {"annotate", 'g', "=github", RUN, "annotations for GitHub Actions"},
    {"guest", 'G', "FILE.so", RUN | EXPLAIN, "run a foreign guest in the core's place"},
    {"timeout", 'T', "SECONDS", RUN | EXPLAIN, "wall-clock alarm for each scenario (default 60)"},
    {"verbose", 'v', NULL, RUN | EXPLAIN, "the whole ladder and every trace line"},
    {"quiet", 'q', NULL, RUN, "only failures and the summary"},
    {"color", 'c', "auto|always|never", RUN | LIST | EXPLAIN, "colour (default: on a terminal)"},
    {"help", 'h', NULL, RUN | LIST | EXPLAIN, "this help"},
    {"version", 'V', NULL, RUN | LIST | EXPLAIN, "the version"},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char *const verbs[] = {"run", "list", "explain", NULL};

static void help(void)
{
    puts("drywire: a whole small-system stack in a deterministic simulation\n\n"
         "Examples:\n"
         "  drywire run tests/scenarios                     every scenario below a folder\n"
         "  drywire run lease.scn --seed 7 --pcap lease.pcapng\n"
         "  drywire run lease.scn --check-determinism       twice; names the first difference\n"
         "  drywire run --guest ./mine.so ping.scn          somebody else's driver or stack\n"
         "  drywire explain lossy.scn --seed 7              which faults were drawn\n"
         "  drywire list                                    scenarios and programs\n\n"
         "Usage: drywire run FILE|DIR... | list [DIR...] | explain FILE\n\n"
         "Options:");
    for (unsigned i = 0; i < ROWS; i++) {
        char left[64];

        snprintf(
            left, sizeof(left), "  %c%c --%s%s%s",
            rows[i].letter == 'v' || rows[i].letter == 'q' || rows[i].letter == 'h' ? '-' : ' ',
            rows[i].letter == 'v' || rows[i].letter == 'q' || rows[i].letter == 'h' ? rows[i].letter
                                                                                    : ' ',
            rows[i].name, rows[i].argument && rows[i].argument[0] != '=' ? " " : "",
            rows[i].argument ? rows[i].argument : "");
        printf("%-32s %s\n", left, rows[i].help);
    }
    puts("\nExit: 0 pass, 1 a scenario failed, 2 usage or scenario error, 3 two runs differ,\n"
         "4 drywire's own trouble, 5 nothing selected, 124 a step or time budget is used up,\n"
         "125 cannot be tested here. docs/scenarios.md describes the scenario format.");
}

static void version(void)
{
#ifdef DRYWIRE_SLIRP
    printf("drywire %s, libslirp %s\n", DRYWIRE_VERSION, world_slirp_version());
#else
    printf("drywire %s, without libslirp\n", DRYWIRE_VERSION);
#endif
}

static int unknown_option(const char *word)
{
    const char *names[ROWS + 1];
    const char *near, *dashes;

    for (unsigned i = 0; i < ROWS; i++)
        names[i] = rows[i].name;
    names[ROWS] = NULL;
    dashes = word[0] == '-' && word[1] != '-' ? "-" : "--";
    word += strspn(word, "-");
    near = nearest_word(word, names);
    fprintf(stderr, "drywire: unknown option '%s%s'%s%s%s (see drywire --help)\n", dashes, word,
            near ? "; did you mean '--" : "", near ? near : "", near ? "'?" : "");
    return EXIT_USAGE;
}

static int number(const char *name, const char *text, uint64_t min, uint64_t *out)
{
    if (value_number(text, out) && *out >= min)
        return -1;
    fprintf(stderr, "drywire: --%s needs a number%s, not '%s'\n", name,
            min ? " from 1 on" : ", decimal or 0x hexadecimal", text);
    return EXIT_USAGE;
}

static int apply(const struct row *r, const char *value, struct options *o)
{
    if (!(r->verbs & 1u << o->verb)) {
        fprintf(stderr, "drywire: --%s does not belong to 'drywire %s'\n", r->name, verbs[o->verb]);
        return EXIT_USAGE;
    }
    switch (r->letter) {
    case 's':
        return number(r->name, value, 0, &o->seed);
    case 'n':
        return number(r->name, value, 1, &o->repeat);
    case 'T':
        return number(r->name, value, 1, &o->timeout_s);
    case 'd':
        o->check_determinism = true;
        break;
    case 'p':
        o->pcap = value;
        break;
    case 't':
        o->trace = value;
        break;
    case 'j':
        o->json = true;
        break;
    case 'u':
        o->junit = value;
        break;
    case 'a':
        o->artifacts = value;
        break;
    case 'G':
        o->guest = value;
        break;
    case 'v':
        o->verbose = true;
        break;
    case 'q':
        o->quiet = true;
        break;
    case 'g':
        if (strcmp(value, "github")) {
            fprintf(stderr, "drywire: --annotate knows 'github', not '%s'\n", value);
            return EXIT_USAGE;
        }
        o->annotate = true;
        break;
    case 'c':
        if (strcmp(value, "auto") && strcmp(value, "always") && strcmp(value, "never")) {
            fprintf(stderr, "drywire: --color is auto, always or never, not '%s'\n", value);
            return EXIT_USAGE;
        }
        if (strcmp(value, "auto"))
            o->color = strcmp(value, "always") == 0;
        break;
    case 'h':
        help();
        return EXIT_PASS;
    default:
        version();
        return EXIT_PASS;
    }
    return -1;
}

static int parse_options(int argc, char **argv, struct options *o)
{
    struct option table[ROWS + 1];
    int letter, index = 0, code;

    memset(table, 0, sizeof(table));
    for (unsigned i = 0; i < ROWS; i++)
        table[i] = (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument,
                                   NULL, rows[i].letter};
    opterr = 0;
    while ((letter = getopt_long(argc, argv, ":vqh", table, &index)) != -1) {
        const struct row *r = NULL;

        if (letter == '?')
            return unknown_option(argv[optind - 1]);
        if (letter == ':') {
            fprintf(stderr, "drywire: %s needs a value\n", argv[optind - 1]);
            return EXIT_USAGE;
        }
        for (unsigned i = 0; i < ROWS; i++)
            if (rows[i].letter == letter)
                r = &rows[i];
        code = apply(r, optarg, o);
        if (code >= 0)
            return code;
    }
    o->paths = argv + optind;
    o->path_count = argc - optind;
    return -1;
}

int options_parse(int argc, char **argv, struct options *o)
{
    const char *near;
    int code;

    *o = (struct options){.seed = 1, .repeat = 1, .timeout_s = 60};
    o->color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    o->annotate = getenv("GITHUB_ACTIONS") && strcmp(getenv("GITHUB_ACTIONS"), "true") == 0;
    if (argc < 2) {
        help();
        return EXIT_USAGE;
    }
    if (argv[1][0] == '-')
        code = parse_options(argc, argv, o);
    else {
        for (o->verb = VERB_RUN; verbs[o->verb] && strcmp(argv[1], verbs[o->verb]); o->verb++)
            ;
        if (!verbs[o->verb]) {
            near = nearest_word(argv[1], verbs);
            fprintf(stderr, "drywire: unknown command '%s'%s%s%s (see drywire --help)\n", argv[1],
                    near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
            return EXIT_USAGE;
        }
        return parse_options(argc - 1, argv + 1, o);
    }
    if (code >= 0)
        return code;
    fprintf(stderr, "drywire: say what to do: run, list or explain (see drywire --help)\n");
    return EXIT_USAGE;
}
