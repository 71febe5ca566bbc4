/*
 * What is printed while something runs, by this process and by its children, set aside: it is
 * reported later, in the form that the options ask for. Should the process exit meanwhile, it is
 * printed after all.
 */
#ifndef DRYWIRE_ASIDE_H
#define DRYWIRE_ASIDE_H

#include <stdio.h>

struct aside {
    FILE *stream;
    int kept, saved; /* descriptors: a file in memory, and the one of before */
};

/* From now on `stream` (stdout or stderr) is set aside. */
void aside_begin(struct aside *a, FILE *stream);

/* Back to before; returns what was printed, NUL-terminated, to be freed. */
char *aside_end(struct aside *a);

#endif
