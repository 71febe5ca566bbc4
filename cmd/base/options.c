/*
 * The command line of `drywire`: one table makes the parser and the help. See options.h.
 */
#include "options.h"
#include "revision.h"
#include "version.h"
#include "../worker/under_gdb.h"
#include "../../sim/scenario/scenario.h"
#include "../../sim/text/values.h"
#include "exit_codes.h"
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RUN = 1 << VERB_RUN,
    LIST = 1 << VERB_LIST,
    EXPLAIN = 1 << VERB_EXPLAIN,
    WORLD = 1 << VERB_WORLD,
    QEMU = 1 << VERB_QEMU,
    COMPARE = 1 << VERB_COMPARE,
    SEQ = 1 << VERB_SEQ,
    REPORT = 1 << VERB_REPORT,
    REPLAY = 1 << VERB_REPLAY,
    IMPORT = 1 << VERB_IMPORT,
    ALL = RUN | LIST | EXPLAIN | WORLD | QEMU | COMPARE | SEQ | REPORT | REPLAY | IMPORT,
};

static const struct row {
    const char *name;
    char letter;          /* also the value that getopt returns */
    const char *argument; /* NULL: none; "[=X]" is optional */
    unsigned verbs;
    const char *help;
} rows[] = {
    {"seed", 's', "N", RUN | EXPLAIN | WORLD | QEMU | SEQ | REPORT | REPLAY,
     "seed of the run, decimal or 0x hexadecimal (default 1)"},
    {"seeds", 'E', "A..B", RUN, "every seed from A to B; the first that fails is shown"},
    {"jobs", 'Z', "N", RUN, "runs at the same time (default: as many as processors)"},
    {"memory", 'K', "draw|weak|strong|both", RUN | EXPLAIN | SEQ | REPORT | REPLAY,
     "which memory (default: the seed draws); both, of run alone: one run with each"},
    {"repeat", 'n', "N", RUN, "run N times in one process and name the first event that differs"},
    {"check-determinism", 'd', NULL, RUN, "the same as --repeat 2"},
    {"output", 'o', "FILE", REPORT | IMPORT, "report: the page to write; import: the scenario"},
    {"pcap", 'p', "FILE", RUN | WORLD | QEMU, "write a capture (pcapng) of a single scenario"},
    {"trace", 't', "FILE", RUN, "write every trace line of a single scenario"},
    {"json", 'j', NULL, RUN | QEMU | REPLAY,
     "one JSON object a line for each scenario, nothing else on stdout"},
    {"junit", 'u', "FILE", RUN | QEMU | REPLAY, "write a JUnit report"},
    {"artifacts", 'a', "DIR", RUN | QEMU | REPLAY,
     "of each failure: capture (run, qemu), trace (run), serial log (qemu) and failure block"},
    {"annotate", 'g', "=github", RUN | QEMU | REPLAY, "annotations for GitHub Actions"},
    {"guest", 'G', "FILE.so", RUN | EXPLAIN | SEQ | REPORT,
     "run a foreign guest in the core's place"},
    {"timeout", 'T', "SECONDS", RUN | EXPLAIN | QEMU | SEQ | REPORT | REPLAY,
     "wall-clock alarm for each scenario (default 60)"},
    {"target", 'y', "x86_64|rv64", QEMU, "which target to boot (default x86_64)"},
    {"machine", 'm', "NAME", QEMU, "or which machine: q35 q35-seabios microvm virt virt-opensbi"},
    {"device", 'D', "'KEY=VALUE ...'", RUN | QEMU | SEQ | REPORT,
     "change the scenario's device line"},
    {"net", 'N', "world|user|host", QEMU, "the far side, QEMU's user network, that with the host"},
    {"icount", 'i', "SHIFT", QEMU, "time by counted instructions: long waits pass quickly"},
    {"kernel", 'k', "FILE", QEMU, "boot this image"},
    {"arg", 'A', "WORD", QEMU, "one more word of QEMU's command line; may be given again"},
    {"log", 'l', "FILE", QEMU, "keep the serial line as it came"},
    {"journal", 'J', "on|dump", QEMU,
     "boot the kernel with the flight recorder; dump: its journal at the end, not only in a panic"},
    {"gdb", 'b', NULL, RUN | QEMU | REPLAY,
     "qemu: stop before the first instruction and wait for gdb; others: under gdb"},
    {"break-at", 'B', "event=N|t=T|packet=N", RUN, "with --gdb: stop there, not at the failure"},
    {"nic-pcap", 'I', "FILE", QEMU, "a capture by QEMU: what the guest's card sends and gets"},
    {"detail", 'e', NULL, RUN | QEMU,
     "run: register accesses in the capture; qemu: the kernel prints events of level DETAIL"},
    {"socket", 'S', "PATH", WORLD, "listen there for the guest's frames (unix datagrams)"},
    {"peer", 'P', "PATH", WORLD, "where the guest listens (default: where its frames come from)"},
    {"fd", 'F', "N", WORLD, "instead of --socket: an inherited datagram socket"},
    {"limit", 'L', "SECONDS", WORLD, "how long to wait for the first frame (default 10)"},
    {"ready-fd", 'R', "N", WORLD, "write a line to descriptor N, and close it, when listening"},
    {"grade", 'r', "p1|p3", COMPARE, "frames byte by byte (default), or what they tell"},
    {"flow", 'f', "N", REPORT | IMPORT | REPLAY,
     "which flow of a capture: TCP, then DHCP clients, then pings (default: the one with the most "
     "data)"},
    {"as", 'x', "client|server|observer", REPORT | IMPORT | REPLAY,
     "whose place the core takes (default client); replay: observer, every frame as hostile input"},
    {"loose", 'O', NULL, REPORT | REPLAY,
     "play the peer of a capture to the core, whatever the core sends"},
    {"exact", 'X', NULL, REPLAY,
     "what drywire captured runs again and must be the same (default where the header allows it)"},
    {"mermaid", 'M', NULL, SEQ, "a Mermaid sequence diagram instead of plain text"},
    {"width", 'w', "COLUMNS", SEQ, "of a line, 60 to 400 (default: the terminal's, else 120)"},
    {"verbose", 'v', NULL, RUN | EXPLAIN | WORLD | QEMU | COMPARE | SEQ | REPLAY,
     "the whole ladder and every trace line"},
    {"quiet", 'q', NULL, RUN | QEMU | REPLAY, "only failures and the summary"},
    {"color", 'c', "auto|always|never", ALL, "colour (default: on a terminal)"},
    {"help", 'h', NULL, ALL, "this help"},
    {"version", 'V', NULL, ALL, "the version"},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char *const verbs[] = {"run", "list",   "explain", "world",  "qemu", "compare",
                                    "seq", "report", "replay",  "import", NULL};

enum { HELP_COLUMNS = 79, HELP_INDENT = 33 };

/* Text at a column; words that do not fit into the line continue in the next one, below it. */
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

static void help_options(unsigned verbs_shown)
{
    for (unsigned i = 0; i < ROWS; i++) {
        const struct row *r = &rows[i];
        bool lettered = strchr("vqho", r->letter);
        char left[64];

        if (!(r->verbs & verbs_shown))
            continue;
        snprintf(left, sizeof(left), "  %c%c --%s%s%s", lettered ? '-' : ' ',
                 lettered ? r->letter : ' ', r->name,
                 r->argument && r->argument[0] != '=' ? " " : "", r->argument ? r->argument : "");
        help_line(left, r->help);
    }
}

/* What each command is for and how it is called; in the order of enum verb. */
static const struct {
    const char *usage, *what;
} pages[] = {
    {"run FILE|DIR|-...", "scenarios in the simulator; -: one from standard input"},
    {"list [FILE|DIR...|CAPTURE]", "scenarios, programs and oracles; the flows of a capture"},
    {"explain FILE", "which faults and choices a seed draws"},
    {"world FILE --socket PATH | --fd N", "the far side of a scenario, for a guest of your own"},
    {"qemu FILE|DIR...", "the same scenarios on bare metal in QEMU"},
    {"compare CAPTURE CAPTURE", "do two captures tell the same?"},
    {"seq FILE.scn|CAPTURE", "the ladder of a run, or of a capture"},
    {"report FILE|CAPTURE -o FILE.html", "a run as a page to look at"},
    {"replay LOG|CAPTURE", "a panic's journal or a capture, once more here"},
    {"import CAPTURE -o FILE.scn", "anybody's capture (TCP, DHCP, pings) as a scenario"},
};

static void help(void)
{
    puts("drywire: a whole small-system stack in a deterministic simulation\n\nCommands:");
    for (unsigned i = 0; verbs[i]; i++) {
        char left[80];

        snprintf(left, sizeof(left), "  %s", pages[i].usage);
        help_line(left, pages[i].what);
    }
    puts("\nExamples:\n"
         "  drywire run tests/scenarios                  every scenario below a folder\n"
         "  drywire run lease.scn --seed 7 --pcap lease.pcapng\n"
         "  drywire run lease.scn --check-determinism    twice: the first difference\n"
         "  drywire run --guest ./mine.so ping.scn       somebody else's driver or stack\n"
         "  drywire qemu --target rv64 web.scn           the same core, booted\n"
         "  drywire replay any.pcap --as observer        any frames as hostile input\n\n"
         "Options of run (drywire COMMAND --help has those of the others):");
    help_options(RUN);
    putchar('\n');
    help_text(0, "Exit: 0 pass, 1 a scenario failed, 2 usage or scenario error, 3 two runs differ, "
                 "4 internal error, or an output could not be written, 5 nothing selected, 6 no "
                 "frame from a guest, 124 a step or time budget is used up, 125 cannot be tested "
                 "here.");
    puts("docs/scenarios.md describes the scenario format.");
}

static void help_verb(enum verb v)
{
    printf("drywire %s: %s\n\nUsage: drywire %s\n\nOptions:\n", verbs[v], pages[v].what,
           pages[v].usage);
    help_options(1u << v);
}

static void help_world(void)
{
    puts("drywire world: the far side of a scenario in real time, for your own guest\n\n"
         "Example:\n"
         "  drywire world lease.scn --socket net.sock -v &\n"
         "  qemu-system-x86_64 ... -device virtio-net-pci,netdev=n \\\n"
         "      -netdev dgram,id=n,local.type=unix,local.path=guest.sock,\\\n"
         "remote.type=unix,remote.path=net.sock\n\n"
         "Usage: drywire world FILE --socket PATH | --fd N\n\n"
         "Options:");
    help_options(WORLD);
    putchar('\n');
    help_text(0, "Frames are datagrams, one each. Times of the scenario count from the guest's "
                 "first frame. The world, wire, serve, dial and fault lines and the oracles about "
                 "frames are in force; programs and the device line are the simulated machine's "
                 "and do nothing here; expect and never lines are about a console that is not seen "
                 "here and are not judged. Ends by SIGTERM or SIGINT, when a frame finds the guest "
                 "gone, or when a rule is violated.");
    putchar('\n');
    help_text(0, "Exit: 0 ended as asked, 1 the guest violated a rule or a dial was not answered, "
                 "2 usage or scenario error, 4 internal error, 6 no frame from a guest within "
                 "--limit, 125 the scenario needs libslirp, which is not here. docs/any-guest.md "
                 "has more.");
}

static void help_for(const struct options *o)
{
    if (!o->named)
        help();
    else if (o->verb == VERB_WORLD)
        help_world();
    else
        help_verb(o->verb);
}

static void version(void)
{
    char text[120];

    version_words(text, sizeof(text));
    printf("%s, revision %s\n", text, DRYWIRE_REVISION);
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
    value_message(stderr, "drywire: unknown option '%s%s'%s%s%s (see drywire --help)\n", dashes,
                  word, near ? "; did you mean '--" : "", near ? near : "", near ? "'?" : "");
    return EXIT_USAGE;
}

static int number(const char *name, const char *text, uint64_t min, uint64_t *out)
{
    if (value_number(text, out) && *out >= min)
        return -1;
    value_message(stderr, "drywire: --%s needs a number%s, not '%s'\n", name,
                  min ? " from 1 on" : ", decimal or 0x hexadecimal", text);
    return EXIT_USAGE;
}

/* A..B into the first seed and how many there are. */
static int seed_range(const char *name, const char *text, struct options *o)
{
    const char *dots = strstr(text, "..");
    char first[40];
    uint64_t last;

    snprintf(first, sizeof(first), "%.*s", dots ? (int)(dots - text) : 0, text);
    if (dots && dots - text < (int)sizeof(first) && value_number(first, &o->choice.seed) &&
        value_number(dots + 2, &last) && last >= o->choice.seed) {
        if (last - o->choice.seed < UINT32_MAX) {
            o->seeds = last - o->choice.seed + 1;
            return -1;
        }
        value_message(stderr, "drywire: --%s runs %" PRIu32 " seeds at most, '%s' has more\n", name,
                      UINT32_MAX, text);
        return EXIT_USAGE;
    }
    value_message(stderr,
                  "drywire: --%s needs the first and the last seed, such as 1..100, not '%s'\n",
                  name, text);
    return EXIT_USAGE;
}

/* An open descriptor. */
static int descriptor(const char *name, const char *text, uint64_t *out)
{
    if (value_number(text, out) && *out <= INT_MAX && fcntl((int)*out, F_GETFD) != -1)
        return -1;
    value_message(stderr, "drywire: --%s needs the number of an open descriptor, not '%s'\n", name,
                  text);
    return EXIT_USAGE;
}

/* Words for QEMU, in their order. */
static int qemu_arg(const char *word, struct options *o)
{
    if (o->qemu_arg_count == QEMU_ARGS_MAX) {
        value_message(stderr, "drywire: --arg can be given %d times\n", QEMU_ARGS_MAX);
        return EXIT_USAGE;
    }
    o->qemu_args[o->qemu_arg_count++] = word;
    return -1;
}

/* In the order of enum net, of enum grade. */
static const char *const nets[] = {"world", "user", "host", NULL};
static const char *const grades[] = {"p1", "p3", NULL};

const char *verb_word(enum verb v)
{
    return verbs[v];
}

const char *net_word(enum net n)
{
    return nets[n];
}

/* In the order of enum role, behind ROLE_ANY. */
static const char *const roles[] = {"client", "server", "observer", NULL};
static const char *const journals[] = {"off", "on", "dump", NULL}; /* of enum journal_mode */

static int choice(const char *name, const char *text, const char *const *words, unsigned *out)
{
    const char *near = nearest_word(text, words);

    for (*out = 0; words[*out]; ++*out)
        if (!strcmp(words[*out], text))
            return -1;
    value_message(stderr, "drywire: --%s does not know '%s'", name, text);
    value_message(stderr, near ? ", did you mean '%s'?\n" : "\n", near);
    return EXIT_USAGE;
}

static int apply(const struct row *r, const char *value, struct options *o)
{
    char place[200];

    if (!(r->verbs & 1u << o->verb)) {
        value_message(stderr, "drywire: --%s does not belong to 'drywire %s'\n", r->name,
                      verbs[o->verb]);
        return EXIT_USAGE;
    }
    switch (r->letter) {
    case 's':
        return number(r->name, value, 0, &o->choice.seed);
    case 'n':
        return number(r->name, value, 1, &o->repeat);
    case 'T':
        return number(r->name, value, 1, &o->timeout_s);
    case 'd':
        o->check_determinism = true;
        break;
    case 'L':
        return number(r->name, value, 1, &o->limit_s);
    case 'F':
        return descriptor(r->name, value, &o->fd);
    case 'R':
        return descriptor(r->name, value, &o->ready_fd);
    case 'y':
        o->target = value;
        break;
    case 'm':
        o->machine = value;
        break;
    case 'D':
        o->choice.device = value;
        break;
    case 'k':
        o->kernel = value;
        break;
    case 'A':
        return qemu_arg(value, o);
    case 'l':
        o->log = value;
        break;
    case 'b':
        o->gdb = true;
        break;
    case 'B':
        if (!gdb_break_at(value, place, sizeof(place))) {
            value_message(stderr,
                          "drywire: --break-at needs event=N, t=DURATION or packet=N, not '%s'\n",
                          value);
            return EXIT_USAGE;
        }
        o->break_at = value;
        break;
    case 'I':
        o->nic_pcap = value;
        break;
    case 'e':
        o->detail = true;
        break;
    case 'i':
        return number(r->name, value, 0, &o->icount);
    case 'X':
        o->exact = true;
        break;
    case 'J':
        return choice(r->name, value, journals, (unsigned *)&o->journal);
    case 'E':
        return seed_range(r->name, value, o);
    case 'Z':
        return number(r->name, value, 1, &o->jobs);
    case 'K':
        if (choice(r->name, value, memory_words, (unsigned *)&o->choice.memory) >= 0)
            return EXIT_USAGE;
        if (o->choice.memory != MEMORY_BOTH || o->verb == VERB_RUN)
            break;
        value_message(stderr,
                      "drywire: --memory both is for 'drywire run'; choose weak or strong\n");
        return EXIT_USAGE;
    case 'N':
        return choice(r->name, value, nets, (unsigned *)&o->net);
    case 'r':
        return choice(r->name, value, grades, (unsigned *)&o->grade);
    case 'f':
        return number(r->name, value, 1, &o->flow);
    case 'x':
        if (choice(r->name, value, roles, (unsigned *)&o->role) >= 0)
            return EXIT_USAGE;
        o->role++;
        break;
    case 'O':
        o->loose = true;
        break;
    case 'S':
        o->socket = value;
        break;
    case 'P':
        o->peer = value;
        break;
    case 'o':
        o->output = value;
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
        o->choice.guest = value;
        break;
    case 'M':
        o->mermaid = true;
        break;
    case 'w':
        return number(r->name, value, 1, &o->width);
    case 'v':
        o->verbose = true;
        break;
    case 'q':
        o->quiet = true;
        break;
    case 'g':
        if (strcmp(value, "github")) {
            value_message(stderr, "drywire: --annotate knows 'github', not '%s'\n", value);
            return EXIT_USAGE;
        }
        o->annotate = true;
        break;
    case 'c':
        if (strcmp(value, "auto") && strcmp(value, "always") && strcmp(value, "never")) {
            value_message(stderr, "drywire: --color is auto, always or never, not '%s'\n", value);
            return EXIT_USAGE;
        }
        if (strcmp(value, "auto"))
            o->color = strcmp(value, "always") == 0;
        break;
    case 'h':
        help_for(o);
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
    while ((letter = getopt_long(argc, argv, ":vqho:", table, &index)) != -1) {
        const struct row *r = NULL;

        if (letter == '?')
            return unknown_option(argv[optind - 1]);
        if (letter == ':') {
            value_message(stderr, "drywire: %s needs a value\n", argv[optind - 1]);
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

static uint64_t processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? (uint64_t)n : 1;
}

/* Which command the word is: -1, or EXIT_USAGE after a line on stderr. */
static int command_of(const char *word, struct options *o)
{
    const char *near;

    for (o->verb = VERB_RUN; verbs[o->verb]; o->verb++)
        if (!strcmp(word, verbs[o->verb])) {
            o->named = true;
            return -1;
        }
    near = nearest_word(word, verbs);
    value_message(stderr, "drywire: unknown command '%s'%s%s%s (see drywire --help)\n", word,
                  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return EXIT_USAGE;
}

int options_parse(int argc, char **argv, struct options *o)
{
    int code;

    *o = (struct options){.program = argc ? argv[0] : "build/drywire",
                          .choice.seed = 1,
                          .seeds = 1,
                          .jobs = processors(),
                          .repeat = 1,
                          .timeout_s = 60,
                          .limit_s = 10,
                          .target = "x86_64",
                          .icount = NO_ICOUNT};
    o->fd = o->ready_fd = NO_FD;
    o->color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    o->annotate = getenv("GITHUB_ACTIONS") && strcmp(getenv("GITHUB_ACTIONS"), "true") == 0;
    if (argc < 2) {
        help();
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "help")) {
        code = argc > 2 ? command_of(argv[2], o) : -1;
        if (code >= 0)
            return code;
        help_for(o);
        return EXIT_PASS;
    }
    if (argv[1][0] != '-') {
        code = command_of(argv[1], o);
        return code >= 0 ? code : parse_options(argc - 1, argv + 1, o);
    }
    code = parse_options(argc, argv, o);
    if (code >= 0)
        return code;
    value_message(stderr, "drywire: name a command: run, list, explain, world, qemu, compare, seq, "
                          "report, replay or import (see drywire --help)\n");
    return EXIT_USAGE;
}
