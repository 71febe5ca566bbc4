/*
 * The machines of QEMU that our targets boot on, and the argument vector that makes one carry out a
 * scenario.
 */
#ifndef DRYWIRE_QEMU_MACHINE_H
#define DRYWIRE_QEMU_MACHINE_H

#include "../base/options.h"
#include "../../sim/scenario/scenario.h"

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

/* The program that the options' machine or target needs; NULL after one line on stderr: there is no
 * such machine. */
const char *qemu_emulator(const struct options *o);

/*
 * Choose the machine that the options name, or the first one of their target that has what the
 * scenario's device line wants, and put together the argument vector: `images` is the build folder,
 * `netdev` the value of -netdev, `run` the run id. 0, or EXIT_USAGE after one line on stderr that
 * says what cannot be had.
 */
int qemu_command_make(struct qemu_command *c, const struct scenario *sc, const struct options *o,
                      const char *images, const char *netdev, const char *run);

#endif
