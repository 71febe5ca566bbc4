/*
 * The machines of QEMU on which our targets boot, and the argument vector that runs a scenario on
 * one.
 */
#ifndef DRYWIRE_QEMU_MACHINE_H
#define DRYWIRE_QEMU_MACHINE_H

#include "../base/run_choice.h"
#include "../../sim/scenario/scenario.h"

/* The network of the guest in QEMU: the scenario's far side, QEMU's user network, or that with
 * access to the host's loopback. Its words, NULL-terminated. */
enum net { NET_WORLD, NET_USER, NET_HOST };
extern const char *const net_words[];

/* Whether the kernel keeps a journal, and sends it also without a panic (docs/recorder.md). */
enum journal_mode { JOURNAL_MODE_OFF, JOURNAL_MODE_ON, JOURNAL_MODE_DUMP };
extern const char *const journal_mode_words[];

enum { QEMU_ARGS_MAX = 16 };

struct qemu_args {
    const char *word[QEMU_ARGS_MAX];
    unsigned count;
};

#define NO_ICOUNT UINT64_MAX

/* The options of `drywire qemu`. */
struct qemu_settings {
    const char *program; /* the name of drywire */
    struct run_choice choice;
    const char *target, *machine; /* without a machine: one of the target */
    const char *kernel;           /* an image; NULL: our own */
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
    bool mmio, pci;                /* its buses */
    enum transport_kind transport; /* if the scenario names none */
    unsigned slots; /* of virtio-mmio devices, if the emulator starts with the last and the core
                     * with the first; 0: same order */
};

enum { QEMU_ARGUMENTS_MAX = 64, QEMU_TEXT_MAX = 8192 };

struct qemu_command {
    const struct qemu_machine *machine;
    const char *image;
    const char *argv[QEMU_ARGUMENTS_MAX + 1]; /* NULL-terminated */
    unsigned argc;
    char text[QEMU_TEXT_MAX]; /* the memory of argv */
    size_t used;
    bool full; /* something did not fit */
};

/* The program of the machine or target; NULL after one line on stderr: unknown machine. */
const char *qemu_emulator(const struct qemu_settings *s);

/*
 * Choose the machine of the options, or the first one of their target that has the scenario's
 * devices, and build the argument vector: `images` is the build folder, `netdev` the value of
 * -netdev, `run` the run id. 0, or EXIT_USAGE after one line on stderr with the unsupported
 * setting.
 */
int qemu_command_make(struct qemu_command *c, const struct scenario *sc,
                      const struct qemu_settings *s, const char *images, const char *netdev,
                      const char *run);

#endif
