/*
 * The machines of QEMU that our targets boot on, and the argument vector that makes one carry out a
 * scenario.
 */
#ifndef DRYWIRE_QEMU_MACHINE_H
#define DRYWIRE_QEMU_MACHINE_H

#include "../base/run_choice.h"
#include "../../sim/scenario/scenario.h"

/* What the guest in QEMU is plugged into: the scenario's far side, QEMU's own user network, or that
 * with a way to the host's loopback. Its words, up to a NULL. */
enum net { NET_WORLD, NET_USER, NET_HOST };
extern const char *const net_words[];

/* Does the kernel keep a journal, and does it send it without a panic too (docs/recorder.md)? */
enum journal_mode { JOURNAL_MODE_OFF, JOURNAL_MODE_ON, JOURNAL_MODE_DUMP };
extern const char *const journal_mode_words[];

enum { QEMU_ARGS_MAX = 16 };

struct qemu_args {
    const char *word[QEMU_ARGS_MAX];
    unsigned count;
};

#define NO_ICOUNT UINT64_MAX

/* How QEMU runs a scenario: the options of `drywire qemu`. */
struct qemu_settings {
    const char *program; /* how drywire was called */
    struct run_choice choice;
    const char *target, *machine; /* without a machine: one of the target */
    const char *kernel;           /* an image; NULL: ours */
    const char *log, *pcap, *nic_pcap;
    struct qemu_args args; /* more words of its command line */
    enum net net;
    enum journal_mode journal;
    uint64_t icount; /* NO_ICOUNT: real time */
    uint64_t timeout_s;
    bool detail, gdb, verbose;
};

struct qemu_machine {
    const char *name, *target;
    const char *emulator;          /* the program */
    const char *arguments[8];      /* of the machine itself, NULL-terminated */
    const char *image;             /* within the build folder */
    bool mmio, pci;                /* which buses it has */
    enum transport_kind transport; /* when the scenario names none */
    unsigned slots; /* of virtio-mmio devices, when the emulator begins with the last and the core
                     * with the first; 0: both have one order */
    bool one_nic;   /* its firmware halts when there are more */
};

enum { QEMU_ARGUMENTS_MAX = 64, QEMU_TEXT_MAX = 8192 };

struct qemu_command {
    const struct qemu_machine *machine;
    const char *image;
    const char *argv[QEMU_ARGUMENTS_MAX + 1]; /* NULL-terminated */
    unsigned argc;
    char text[QEMU_TEXT_MAX]; /* what argv points into */
    size_t used;
    bool full; /* something did not fit */
};

/* The program that the machine or target needs; NULL after one line on stderr: there is no
 * such machine. */
const char *qemu_emulator(const struct qemu_settings *s);

/*
 * Choose the machine that the options name, or the first one of their target that has what the
 * scenario's device line wants, and put together the argument vector: `images` is the build folder,
 * `netdev` the value of -netdev, `run` the run id. 0, or EXIT_USAGE after one line on stderr that
 * says what cannot be had.
 */
int qemu_command_make(struct qemu_command *c, const struct scenario *sc,
                      const struct qemu_settings *s, const char *images, const char *netdev,
                      const char *run);

#endif
