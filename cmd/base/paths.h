/*
 * The scenario files named by words of the command line: files, and folders searched for files with
 * an ending (".scn"), each folder in byte order.
 */
#ifndef DRYWIRE_PATHS_H
#define DRYWIRE_PATHS_H

#include <stddef.h>
#include <stdio.h>

struct paths {
    char **path; /* owned until paths_free() */
    size_t count, size;
};

/* Add the files of `count` words to *p, which starts as {0}; freed by paths_free(). A word that
 * cannot be found or searched is added unchanged: its reader reports the error. Out of memory ends
 * the program. */
void paths_collect(struct paths *p, char **words, int count, const char *ending);
void paths_free(struct paths *p);

/* The same, with at least one file: 0; or, after a line on stderr, EXIT_USAGE without a word
 * (`example` is a call with one) and EXIT_NOTHING without a file. */
int paths_scenarios(struct paths *p, char **words, int count, const char *ending,
                    const char *example);

/* Report a path that cannot be used, with the reason of errno: a line on `errors`, with the nearest
 * name in its folder. */
void paths_report_missing(FILE *errors, const char *path);

#endif
