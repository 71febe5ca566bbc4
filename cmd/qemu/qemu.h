/*
 * A scenario in QEMU: its far side in real time, a target's image connected to it, and the serial
 * log checked against the same expectations.
 */
#ifndef DRYWIRE_QEMU_H
#define DRYWIRE_QEMU_H

#include "../report/again.h"
#include "qemu_machine.h"
#include "../../sim/scenario/scenario.h"
#include "../../sim/engine/sim.h"

/* Check that the machine exists, and that QEMU is installed and new enough. 0, or EXIT_USAGE or
 * EXIT_CANNOT_TEST after one line on stderr. */
int qemu_check(const struct qemu_settings *s);

/* The command that runs the scenario at `path` again, on this machine, or on that of the settings
 * if it is NULL. */
void qemu_again(struct again *a, const struct qemu_settings *s, const char *path,
                const char *machine);

struct qemu_result {
    struct failure failure;
    uint64_t real_ns;
    char *text;  /* the verdict as text, to be freed; NULL: it did not start */
    char *error; /* the reason then, in a line; to be freed in any case */
};

/* Run it once; `live`: print lines as they arrive. Returns the exit code. An output that cannot be
 * written is reported on stderr. */
int qemu_run(const struct scenario *sc, const struct qemu_settings *s, bool live,
             struct qemu_result *result);

#endif
