/*
 * Text for people on a terminal: lines that are too long are folded at a space, so that none wraps.
 */
#ifndef DRYWIRE_FOLD_H
#define DRYWIRE_FOLD_H

#include <stdio.h>

/* Columns of the terminal that `out` is; 0: it is none. */
unsigned fold_width(FILE *out);

/*
 * Print whole lines, `width` columns at most; 0: as they are. What follows a fold is indented. A
 * line of the failure block that is a command is folded by a backslash: it can be copied as it
 * stands.
 */
void fold_print(FILE *out, const char *text, unsigned width);

#endif
