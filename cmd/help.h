/* The pages of help, on stdout. */
#ifndef DRYWIRE_HELP_H
#define DRYWIRE_HELP_H

#include "verbs.h"

/* Help of one command, or of the program (NULL). */
void help_print(const struct verb_row *row);

#endif
