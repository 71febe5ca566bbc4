/* `drywire compare`: compares two captures. The grades are those of docs/parity.md. */
#ifndef DRYWIRE_COMPARE_H
#define DRYWIRE_COMPARE_H

#include "../../sim/frame/capture.h"
#include <stdio.h>

enum grade { GRADE_P1, GRADE_P3 };

/* Their words, NULL-terminated. */
extern const char *const grade_words[];

/* A capture and its name in messages. */
struct compared {
    const char *name;
    struct capture capture;
};

/*
 * 0: the same, and one line on `out` reports what was compared (with `verbose`, each stream). 1: a
 * block on `out` names the first frame that differs.
 */
int compare_captures(enum grade grade, const struct compared *a, const struct compared *b,
                     bool verbose, FILE *out);

#endif
