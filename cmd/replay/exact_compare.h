/* What a capture has and what the run that repeats it wrote: the first difference, in words. */
#ifndef DRYWIRE_EXACT_COMPARE_H
#define DRYWIRE_EXACT_COMPARE_H

#include "../../sim/engine/sim.h"
#include "../../sim/frame/capture.h"

/* Frames with their times and faults, then the records of the rings, then how the run ended; `f` is
 * how it failed now. EXIT_PASS after the line that says `same`, or EXIT_DIVERGED. */
int exact_compare(const char *path, const struct capture *was, const struct capture *is,
                  const struct failure *f);

/* The line of a difference, which is the failure of the replay too: EXIT_DIVERGED. */
int exact_differs(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
