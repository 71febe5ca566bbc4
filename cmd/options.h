/* The command line: from its words to a command and its filled struct. */
#ifndef DRYWIRE_OPTIONS_H
#define DRYWIRE_OPTIONS_H

#include "verbs.h"

struct command {
    const struct verb_row *row;
    struct call call;
    void *settings; /* the command's struct, for as long as the program runs */
};

/* Parse argv. -1: continue; else the exit code (after help, version, or one line on stderr). */
int options_parse(int argc, char **argv, struct command *c);

#endif
