/* Reads a scenario of the command line for a run. */
#ifndef DRYWIRE_READ_SCENARIO_H
#define DRYWIRE_READ_SCENARIO_H

#include "run_choice.h"
#include <stdio.h>

/*
 * Read the file ("-": standard input), its device line changed by `choice`; with an external guest,
 * expectations may name lines that the core does not print. Freed by scenario_free(). 0, or
 * EXIT_USAGE after a line on `errors`.
 */
int read_scenario(const char *path, const struct run_choice *choice, struct scenario **out,
                  FILE *errors);

/* The same for one of many: *error is the message, to be freed, or NULL; nothing is printed. */
int read_scenario_line(const char *path, const struct run_choice *choice, struct scenario **out,
                       char **error);

#endif
