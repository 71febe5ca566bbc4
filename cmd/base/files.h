/* Scenarios and captures read from files of this host, for sim, which takes bytes. */
#ifndef DRYWIRE_FILES_H
#define DRYWIRE_FILES_H

#include "../../sim/scenario/scenario.h"

/* The host's files, with its error messages. */
extern const struct source host_files;

/* Read a scenario from a file ("-": standard input), as scenario_parse() does; how->files is set.
 */
int scenario_read(const char *path, const struct scenario_reading *how, struct scenario **out,
                  FILE *errors);

/* scenario_parse() of a text that names files. */
int files_parse(const char *path, const char *text, size_t len, struct scenario **out,
                FILE *errors);

/* capture_from() with the host's files. */
int capture_read(struct capture *c, const char *path, char *problem, size_t problem_size);
int capture_read_cut(struct capture *c, const char *path, char *problem, size_t problem_size);

/* True if the file starts like a capture. */
bool capture_recognised(const char *path);

#endif
