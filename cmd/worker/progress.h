/*
 * The line that shows how far a long command is: on standard error, on a terminal only, and gone
 * before anything else is printed.
 */
#ifndef DRYWIRE_PROGRESS_H
#define DRYWIRE_PROGRESS_H

#include <stdint.h>

/* `runs` runs will follow. The line is shown only when standard error is a terminal. */
void progress_start(uint64_t runs);

/* Drawn a few times a second at most. */
void progress_show(uint64_t finished, uint64_t runs, uint64_t failed);
void progress_erase(void);

#endif
