/*
 * A scenario in QEMU: its far side served in real time, a target's image booted in front of it, and
 * the serial log judged by the same expectations.
 */
#ifndef DRYWIRE_QEMU_H
#define DRYWIRE_QEMU_H

#include "../cli/options.h"
#include "../scenario/scenario.h"

/* Is there such a machine, is QEMU here, and new enough? 0, or EXIT_USAGE or EXIT_CANNOT_TEST after
 * one line on stderr. */
int qemu_check(const struct options *o);

/* Run it once; everything is said on stdout. The exit code. */
int qemu_run(const struct scenario *sc, const struct options *o, bool single);

#endif
