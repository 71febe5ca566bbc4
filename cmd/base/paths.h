/*
 * The scenario files that words of the command line stand for: files as named, folders searched for
 * *.scn, each folder's in the order of their bytes.
 */
#ifndef DRYWIRE_PATHS_H
#define DRYWIRE_PATHS_H

#include <stddef.h>
#include <stdio.h>

struct paths {
    char **path; /* ours until paths_free() */
    size_t count, size;
};

/* Add what `count` words name to *p, which starts as {0}; freed by paths_free(). What cannot be
 * found or searched is added as it is: whoever reads it reports why. Out of memory ends the
 * program. */
void paths_collect(struct paths *p, char **words, int count);
void paths_free(struct paths *p);

/* The same, and there must be one: 0, or EXIT_NOTHING after a line on stderr. */
int paths_scenarios(struct paths *p, char **words, int count);

/* A path cannot be used, errno has the reason: a line on `errors`, with the nearest name of its
 * folder.
 */
void paths_report_missing(FILE *errors, const char *path);

#endif
