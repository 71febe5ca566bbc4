/* The options: see option_table.h. */
#include "option_table.h"
#include "base/exit_codes.h"
#include "base/run_choice.h"
#include "qemu/live.h"
#include "qemu/qemu_machine.h"
#include "replay/import.h"
#include "report/compare.h"
#include "seed_range.h"
#include "worker/under_gdb.h"
#include "../sim/text/values.h"
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values with their own format ---- */

/* A..B: the first seed and how many follow it. */
static int option_read_seeds(const struct option_row *r, const char *text, const char *verb,
                             void *at)
{
    struct seed_range *seeds = at;
    const char *dots = strstr(text, "..");
    char first[40];
    uint64_t last;

    (void)verb;
    snprintf(first, sizeof(first), "%.*s", dots ? (int)(dots - text) : 0, text);
    if (dots && dots - text < (int)sizeof(first) && value_number(first, &seeds->first) &&
        value_number(dots + 2, &last) && last >= seeds->first) {
        if (last - seeds->first < UINT32_MAX) {
            seeds->more = last - seeds->first;
            return -1;
        }
        value_message(stderr, "drywire: --%s takes %" PRIu32 " seeds at most, '%s' has more\n",
                      r->name, UINT32_MAX, text);
        return EXIT_USAGE;
    }
    value_message(stderr,
                  "drywire: --%s needs the first and the last seed, such as 1..100, not '%s'\n",
                  r->name, text);
    return EXIT_USAGE;
}

/* An open descriptor. */
static int option_read_descriptor(const struct option_row *r, const char *text, const char *verb,
                                  void *at)
{
    uint64_t *out = at;

    (void)verb;
    if (value_number(text, out) && *out <= INT_MAX && fcntl((int)*out, F_GETFD) != -1)
        return -1;
    value_message(stderr, "drywire: --%s needs the number of an open descriptor, not '%s'\n",
                  r->name, text);
    return EXIT_USAGE;
}

/* Words for QEMU, in their order. */
static int option_read_arg(const struct option_row *r, const char *text, const char *verb, void *at)
{
    struct qemu_args *args = at;

    (void)verb;
    if (args->count == QEMU_ARGS_MAX) {
        value_message(stderr, "drywire: --%s can be given %d times\n", r->name, QEMU_ARGS_MAX);
        return EXIT_USAGE;
    }
    args->word[args->count++] = text;
    return -1;
}

static int option_read_word(const struct option_row *r, const char *text, unsigned *out)
{
    const char *near = nearest_word(text, r->words);

    for (unsigned i = 0; r->words[i]; i++)
        if (!strcmp(r->words[i], text)) {
            *out = r->first + i;
            return -1;
        }
    value_message(stderr, "drywire: --%s '%s' is unknown", r->name, text);
    value_message(stderr, near ? ", did you mean '%s'?\n" : "\n", near);
    return EXIT_USAGE;
}

static int option_read_memory(const struct option_row *r, const char *text, const char *verb,
                              void *at)
{
    unsigned *memory = at;

    if (option_read_word(r, text, memory) >= 0)
        return EXIT_USAGE;
    if (*memory != MEMORY_BOTH || !strcmp(verb, "run"))
        return -1;
    value_message(stderr, "drywire: --memory both is for 'drywire run'; choose weak or strong\n");
    return EXIT_USAGE;
}

static int option_read_break_at(const struct option_row *r, const char *text, const char *verb,
                                void *at)
{
    char place[200];

    (void)verb;
    if (gdb_break_at(text, place, sizeof(place))) {
        *(const char **)at = text;
        return -1;
    }
    value_message(stderr, "drywire: --%s needs event=N, t=DURATION or packet=N, not '%s'\n",
                  r->name, text);
    return EXIT_USAGE;
}

static int option_read_annotate(const struct option_row *r, const char *text, const char *verb,
                                void *at)
{
    (void)verb;
    if (strcmp(text, "github")) {
        value_message(stderr, "drywire: --%s knows 'github', not '%s'\n", r->name, text);
        return EXIT_USAGE;
    }
    *(bool *)at = true;
    return -1;
}

static bool option_in_github_actions(void)
{
    const char *word = getenv("GITHUB_ACTIONS");

    return word && strcmp(word, "true") == 0;
}

/* ---- the table ---- */

const struct option_row option_rows[] = {
    {"seed", "N", OPTION_NUMBER, "seed of the run, decimal or 0x hexadecimal (default 1)",
     .preset = 1},
    {"seeds", "A..B", OPTION_STRUCT, "every seed from A to B; shows the first that fails",
     .read = option_read_seeds},
    {"jobs", "N", OPTION_NUMBER, "runs at the same time (default: one per processor)", .min = 1},
    {"memory", "draw|weak|strong|both", OPTION_CHOICE,
     "memory model (default: drawn from the seed); both (run only): one run with each",
     .words = memory_words, .read = option_read_memory},
    {"repeat", "N", OPTION_NUMBER,
     "run N times in one process and name the first event that differs", .min = 1, .preset = 1},
    {"check-determinism", NULL, OPTION_FLAG, "the same as --repeat 2"},
    {"output", "FILE", OPTION_TEXT, "report: the page to write; import: the scenario",
     .letter = 'o', .writes = true},
    {"pcap", "FILE", OPTION_TEXT, "write a capture (pcapng) of a single scenario", .writes = true},
    {"trace", "FILE", OPTION_TEXT, "write every trace line of a single scenario", .writes = true},
    {"json", NULL, OPTION_FLAG, "one JSON object a line for each scenario, nothing else on stdout"},
    {"junit", "FILE", OPTION_TEXT, "write a JUnit report", .writes = true},
    {"artifacts", "DIR", OPTION_TEXT,
     "for each failure: capture (run, qemu), trace (run), serial log (qemu) and failure block"},
    {"annotate", "=github", OPTION_FLAG, "annotations for GitHub Actions",
     .preset_flag = option_in_github_actions, .read = option_read_annotate},
    {"guest", "FILE.so", OPTION_TEXT, "run another guest instead of the core"},
    {"timeout", "SECONDS", OPTION_NUMBER, "wall-clock alarm for each scenario (default 60)",
     .min = 1, .preset = 60},
    {"target", "x86_64|rv64", OPTION_TEXT, "target to boot (default x86_64)"},
    {"machine", "NAME", OPTION_TEXT,
     "or machine to boot: q35 q35-seabios microvm virt virt-opensbi"},
    {"device", "'KEY=VALUE ...'", OPTION_TEXT, "change the scenario's device line"},
    {"net", "world|user|host", OPTION_CHOICE,
     "the scenario's world, QEMU's user network, or that with access to the host",
     .words = net_words},
    {"icount", "SHIFT", OPTION_NUMBER, "count instructions as time: long waits pass quickly",
     .preset = NO_ICOUNT},
    {"kernel", "FILE", OPTION_TEXT, "boot this image"},
    {"arg", "WORD", OPTION_STRUCT, "one more argument for QEMU; can be repeated",
     .read = option_read_arg},
    {"log", "FILE", OPTION_TEXT, "write the serial log", .writes = true},
    {"journal", "on|dump", OPTION_CHOICE,
     "boot the kernel with the flight recorder; dump: print its journal at the end, not only after "
     "a panic",
     .words = journal_mode_words},
    {"gdb", NULL, OPTION_FLAG,
     "qemu: stop before the first instruction and wait for gdb; others: under gdb"},
    {"break-at", "event=N|t=T|packet=N", OPTION_TEXT, "with --gdb: stop there, not at the failure",
     .read = option_read_break_at},
    {"nic-pcap", "FILE", OPTION_TEXT, "a capture written by QEMU: the frames of the guest's device",
     .writes = true},
    {"detail", NULL, OPTION_FLAG,
     "run: register accesses in the capture; qemu: the kernel prints events of level DETAIL"},
    {"socket", "PATH", OPTION_TEXT, "receive the guest's frames there (unix datagrams)"},
    {"peer", "PATH", OPTION_TEXT, "the guest's socket (default: the sender of its first frame)"},
    {"fd", "N", OPTION_NUMBER, "use an inherited datagram socket instead of --socket",
     .preset = NO_FD, .read = option_read_descriptor},
    {"limit", "SECONDS", OPTION_NUMBER, "maximum wait for the first frame (default 10)", .min = 1,
     .preset = 10},
    {"ready-fd", "N", OPTION_NUMBER, "when listening, write a line to descriptor N and close it",
     .preset = NO_FD, .read = option_read_descriptor},
    {"grade", "p1|p3", OPTION_CHOICE,
     "compare frames byte by byte (p1, default), or messages and byte streams (p3)",
     .words = grade_words},
    {"flow", "N", OPTION_NUMBER,
     "flow number in a capture: TCP first, then DHCP clients, then pings (default: the one with "
     "the most data)",
     .min = 1},
    {"as", "client|server|observer", OPTION_CHOICE,
     "role of the core (default client); replay: observer, every frame as hostile input",
     .words = role_words, .first = ROLE_CLIENT},
    {"loose", NULL, OPTION_FLAG,
     "play the peer of a capture to the core; the core may send other frames"},
    {"exact", NULL, OPTION_FLAG,
     "repeat a run that drywire captured; every frame must be equal (default if the header allows "
     "it)"},
    {"mermaid", NULL, OPTION_FLAG, "a Mermaid sequence diagram instead of plain text"},
    {"width", "COLUMNS", OPTION_NUMBER,
     "width of a line, 60 to 400 (default: the terminal's, else 120)", .min = 1},
    {"verbose", NULL, OPTION_FLAG, "the whole ladder and every trace line", .letter = 'v'},
    {"quiet", NULL, OPTION_FLAG, "only failures and the summary", .letter = 'q'},
    {"color", "auto|always|never", OPTION_FLAG, "colour (default: on a terminal)",
     .every = EVERY_COLOR},
    {"help", NULL, OPTION_FLAG, "this help", .letter = 'h', .every = EVERY_HELP},
    {"version", NULL, OPTION_FLAG, "the version", .every = EVERY_VERSION},
    {NULL},
};

/* ---- for parser and help ---- */

const struct option_place *option_place(const struct verb *v, const struct option_row *r)
{
    for (const struct option_place *p = v->options; p && p->name; p++)
        if (!strcmp(p->name, r->name))
            return p;
    return NULL;
}

int option_read(const struct option_row *r, const char *text, const char *verb, void *at)
{
    if (r->read)
        return r->read(r, text, verb, at);
    switch (r->type) {
    case OPTION_FLAG:
        *(bool *)at = true;
        return -1;
    case OPTION_NUMBER:
        if (value_number(text, at) && *(uint64_t *)at >= r->min)
            return -1;
        value_message(stderr, "drywire: --%s needs a number%s, not '%s'\n", r->name,
                      r->min ? " from 1 on" : ", decimal or 0x hexadecimal", text);
        return EXIT_USAGE;
    case OPTION_TEXT:
        *(const char **)at = text;
        return -1;
    case OPTION_CHOICE:
        return option_read_word(r, text, at);
    case OPTION_STRUCT:
        break;
    }
    return EXIT_HARNESS; /* a struct has its own reader */
}
