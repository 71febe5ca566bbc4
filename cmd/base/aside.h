/*
 * Captures the output of this process and its children for a while, to report it later in the form
 * that the options request. If the process exits before that, it is printed.
 */
#ifndef DRYWIRE_ASIDE_H
#define DRYWIRE_ASIDE_H

#include <stdio.h>

struct aside {
    FILE *stream;
    int kept, saved; /* descriptors: a file in memory, and the original one */
};

/* Start to capture `stream` (stdout or stderr). */
void aside_begin(struct aside *a, FILE *stream);

/* Restore the stream; returns the captured text, NUL-terminated, to be freed. */
char *aside_end(struct aside *a);

#endif
