/*
 * The command line of `drywire`: one table of options makes the parser and the help.
 */
#ifndef DRYWIRE_OPTIONS_H
#define DRYWIRE_OPTIONS_H

#include "../report/compare.h"
#include "../replay/import.h"
#include "../../sim/scenario/scenario.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verb {
    VERB_RUN,
    VERB_LIST,
    VERB_EXPLAIN,
    VERB_WORLD,
    VERB_QEMU,
    VERB_COMPARE,
    VERB_SEQ,
    VERB_REPORT,
    VERB_REPLAY,
    VERB_IMPORT,
};

/* What the guest in QEMU is plugged into: the scenario's far side, QEMU's own user network, or that
 * with a way to the host's loopback. */
enum net { NET_WORLD, NET_USER, NET_HOST };

/* Does the kernel keep a journal, and does it send it without a panic too (docs/recorder.md)? */
enum journal_mode { JOURNAL_MODE_OFF, JOURNAL_MODE_ON, JOURNAL_MODE_DUMP };

/* Which memory a run has (docs/simulator.md); both: one run with each, where the scenario leaves it
 * open. */
enum memory_mode { MEMORY_DRAW, MEMORY_WEAK, MEMORY_STRONG, MEMORY_BOTH };

#define NO_ICOUNT UINT64_MAX

/* Exit codes; none exceeds 125, so that `git bisect run` works. */
enum {
    EXIT_PASS = 0,
    EXIT_FAIL = 1,
    EXIT_USAGE = 2,
    EXIT_DIVERGED = 3,
    EXIT_HARNESS = 4,
    EXIT_NOTHING = 5,
    EXIT_NO_GUEST = 6,
    EXIT_LIVELOCK = 124,
    EXIT_CANNOT_TEST = 125,
};

#define NO_FD UINT64_MAX

enum { QEMU_ARGS_MAX = 16 };

#ifndef DRYWIRE_VERSION
#define DRYWIRE_VERSION "0.1"
#endif

struct options {
    const char *program; /* how this was called, for the lines that call it again */
    enum verb verb;
    bool named; /* the verb was given */
    uint64_t seed;
    uint64_t seeds; /* run: how many, from `seed` on */
    uint64_t jobs;  /* run: at the same time */
    uint64_t repeat;
    uint64_t timeout_s;
    uint64_t limit_s, fd, ready_fd; /* world; a descriptor that was not given is NO_FD */
    const char *socket, *peer;
    const char *target, *machine, *device, *kernel, *log, *nic_pcap; /* qemu */
    const char *qemu_args[QEMU_ARGS_MAX];
    unsigned qemu_arg_count;
    enum journal_mode journal;
    enum net net;
    enum memory_mode memory;
    enum grade grade; /* compare */
    uint64_t flow;    /* import, replay; 0: choose */
    enum role role;
    bool loose;
    bool exact;
    uint64_t width;  /* seq; 0: the terminal's */
    uint64_t icount; /* NO_ICOUNT: real time */
    const char *break_at;
    const char *pcap, *trace, *junit, *artifacts, *guest, *output;
    const char *machine_said, *build_said; /* qemu: what it turned out to be, for captures */
    bool json, annotate, check_determinism, detail, gdb, mermaid, quiet, verbose, color;
    char **paths; /* files and folders as given */
    int path_count;
};

const char *verb_word(enum verb v);
const char *net_word(enum net n);
const char *memory_word(enum memory_mode m);

/* What the options say about the memory of a run: struct run_options. */
enum toggle options_weak(const struct options *o);

/* What this is, in words, and what it is linked with. */
void options_version(char *buf, size_t size);

/* Parse argv. -1: go on; else the exit code (after help, version, or one line on stderr). */
int options_parse(int argc, char **argv, struct options *o);

#endif
