/* Text on a terminal: lines that are too long are folded at a space, so that none wraps. */
#ifndef DRYWIRE_FOLD_H
#define DRYWIRE_FOLD_H

#include <stdio.h>

/* The columns of the terminal `out`; 0: not a terminal. */
unsigned fold_width(FILE *out);

/*
 * Print complete lines, `width` columns at most; 0: unchanged. Text after a fold is indented. A
 * command in the failure block is folded with a backslash, so that it can be copied.
 */
void fold_print(FILE *out, const char *text, unsigned width);

#endif
