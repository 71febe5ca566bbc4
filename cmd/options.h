/* The command line: parses its words into a command and its struct. */
#ifndef DRYWIRE_OPTIONS_H
#define DRYWIRE_OPTIONS_H

#include "verbs.h"

struct command {
    const struct verb_row *row;
    struct call call;
    void *settings; /* the command's struct, valid until the program ends */
};

/* Parse argv. -1: continue; else the exit code (after help, version, or one line on stderr). */
int options_parse(int argc, char **argv, struct command *c);

#endif
