/*
 * The command line of `drywire`: one table of options makes the parser and the help.
 */
#ifndef DRYWIRE_OPTIONS_H
#define DRYWIRE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum verb { VERB_RUN, VERB_LIST, VERB_EXPLAIN, VERB_WORLD, VERB_QEMU, VERB_REPLAY };

/* What the guest in QEMU is plugged into: the scenario's far side, QEMU's own user network, or that
 * with a way to the host's loopback. */
enum net { NET_WORLD, NET_USER, NET_HOST };

/* Does the kernel keep a journal, and does it send it without a panic too (docs/recorder.md)? */
enum journal_mode { JOURNAL_MODE_OFF, JOURNAL_MODE_ON, JOURNAL_MODE_DUMP };

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

struct options {
    enum verb verb;
    uint64_t seed;
    uint64_t repeat;
    uint64_t timeout_s;
    uint64_t limit_s, fd, ready_fd; /* world; a descriptor that was not given is NO_FD */
    const char *socket, *peer;
    const char *target, *machine, *device, *kernel, *log; /* qemu */
    enum journal_mode journal;
    enum net net;
    uint64_t icount; /* NO_ICOUNT: real time */
    const char *pcap, *trace, *junit, *artifacts, *guest;
    bool json, annotate, check_determinism, detail, gdb, quiet, verbose, color;
    char **paths; /* files and folders as given */
    int path_count;
};

/* Parse argv. -1: go on; else the exit code (after help, version, or one line on stderr). */
int options_parse(int argc, char **argv, struct options *o);

#endif
