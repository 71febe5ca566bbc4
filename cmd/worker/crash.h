/*
 * The location and cause of a crash, in words: called by the signal handler of the crashed process,
 * so it does not allocate.
 */
#ifndef DRYWIRE_CRASH_H
#define DRYWIRE_CRASH_H

#include "../../sim/engine/sim.h"
#include <signal.h>

/*
 * Fill oracle, site and message of *f for this signal, whose handler got `info` and `context`. The
 * site of an assertion is its file and line; of other code the function, file and line that
 * addr2line names, also in a guest's .so, or else the object and the offset in it.
 */
void crash_describe(struct failure *f, int number, const siginfo_t *info, const void *context);

/* Call `handler` on an alternate stack for every signal of a crash, and for the alarm. */
void crash_watch(void (*handler)(int number, siginfo_t *info, void *context));

/* The program counter at the signal. */
uintptr_t crash_pc(const void *context);

#endif
