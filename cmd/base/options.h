/*
 * The command line of `drywire`: one table of options makes the parser and the help.
 */
#ifndef DRYWIRE_OPTIONS_H
#define DRYWIRE_OPTIONS_H

#include "exit_codes.h"
#include "run_choice.h"
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

#define NO_ICOUNT UINT64_MAX

#define NO_FD UINT64_MAX

enum { QEMU_ARGS_MAX = 16 };

struct options {
    const char *program; /* how this was called, for the lines that call it again */
    enum verb verb;
    bool named; /* the verb was given */
    struct run_choice choice;
    uint64_t seeds; /* run: how many, from its seed on */
    uint64_t jobs;  /* run: at the same time */
    uint64_t repeat;
    uint64_t timeout_s;
    uint64_t limit_s, fd, ready_fd; /* world; a descriptor that was not given is NO_FD */
    const char *socket, *peer;
    const char *target, *machine, *kernel, *log, *nic_pcap; /* qemu */
    const char *qemu_args[QEMU_ARGS_MAX];
    unsigned qemu_arg_count;
    enum journal_mode journal;
    enum net net;
    enum grade grade; /* compare */
    uint64_t flow;    /* import, replay; 0: choose */
    enum role role;
    bool loose;
    bool exact;
    uint64_t width;  /* seq; 0: the terminal's */
    uint64_t icount; /* NO_ICOUNT: real time */
    const char *break_at;
    const char *pcap, *trace, *junit, *artifacts, *output;
    const char *machine_said, *build_said; /* qemu: what it turned out to be, for captures */
    bool json, annotate, check_determinism, detail, gdb, mermaid, quiet, verbose, color;
    char **paths; /* files and folders as given */
    int path_count;
};

const char *verb_word(enum verb v);
const char *net_word(enum net n);
/* Parse argv. -1: go on; else the exit code (after help, version, or one line on stderr). */
int options_parse(int argc, char **argv, struct options *o);

#endif
