/*
 * The progress line of a long command: on standard error, on a terminal only, and erased before
 * anything else is printed.
 */
#ifndef DRYWIRE_PROGRESS_H
#define DRYWIRE_PROGRESS_H

#include <stdint.h>

/* Start, for `runs` runs. The line is shown only when standard error is a terminal. */
void progress_start(uint64_t runs);

/* Drawn at most a few times a second. */
void progress_show(uint64_t finished, uint64_t runs, uint64_t failed);
void progress_erase(void);

#endif
