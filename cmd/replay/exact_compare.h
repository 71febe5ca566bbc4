/* Compares a capture with that of the repeated run: the first difference, in words. */
#ifndef DRYWIRE_EXACT_COMPARE_H
#define DRYWIRE_EXACT_COMPARE_H

#include "../../sim/engine/sim.h"
#include "../../sim/frame/capture.h"

/* Frames with their times and faults, then ring records, then the verdict; `f` is the present
 * failure. EXIT_PASS after a line with `same`, or EXIT_DIVERGED. */
int exact_compare(const char *path, const struct capture *was, const struct capture *is,
                  const struct failure *f);

/* Print a difference, which is also the failure of the replay: EXIT_DIVERGED. */
int exact_differs(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
