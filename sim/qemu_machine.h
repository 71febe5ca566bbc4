/*
 * The machines of QEMU that our targets boot on, and the argument vector that makes one carry out a
 * scenario.
 */
#ifndef DRYWIRE_QEMU_MACHINE_H
#define DRYWIRE_QEMU_MACHINE_H

#include "options.h"
#include "scenario.h"

struct qemu_machine {
    const char *name, *target;
    const char *emulator;          /* the program */
    const char *const *arguments;  /* NULL-terminated */
    const char *image;             /* within the build folder */
    bool mmio, pci;                /* which buses it has */
    enum transport_kind transport; /* when nothing else is said */
};

/* By name; or the first one of a target; or NULL. */
const struct qemu_machine *qemu_machine_find(const char *name);

/* All names, NULL-terminated, for messages. */
const char *const *qemu_machine_names(void);

enum { QEMU_ARGUMENTS_MAX = 64, QEMU_TEXT_MAX = 8192 };

struct qemu_command {
    const char *argv[QEMU_ARGUMENTS_MAX + 1];
    unsigned argc;
    char text[QEMU_TEXT_MAX]; /* what argv points into */
    size_t used;
};

/*
 * Put together the argument vector: `fd` is the guest's end of the wire, `run` the run id, `images`
 * the build folder. 0, or EXIT_USAGE after one line on stderr that says what the machine or the
 * emulator cannot do.
 */
int qemu_command_make(struct qemu_command *c, const struct qemu_machine *m,
                      const struct scenario *sc, const struct options *o, const char *images, int fd,
                      const char *run);

#endif
