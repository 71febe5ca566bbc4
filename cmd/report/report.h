/* The reports of a run and its verdict: as text, as JSON, as JUnit, for GitHub. */
#ifndef DRYWIRE_REPORT_H
#define DRYWIRE_REPORT_H

#include "../worker/child.h"
#include "again.h"
#include <stdio.h>

/* A finished scenario, or a file that could not be read. */
struct report_item {
    const struct scenario *scenario; /* NULL when there is only a path */
    const char *path;                /* as given; NULL: the scenario's */
    const struct verdict *verdict;
    const char *program;       /* the name of drywire */
    const struct again *again; /* the words after it that repeat the run */
    uint64_t seed;
    enum memory_mode memory;
    bool color;
    bool bisect;         /* git bisect can repeat it: it needs only the simulator */
    const char *skip;    /* the reason not to run it, or NULL */
    const char *error;   /* the error of reading it, `file:line: message`, or NULL */
    const char *text;    /* its text (qemu, replay), or NULL: line and block */
    bool of_many;        /* one of the many runs of its file, which JUnit has as one case */
    const char *tally;   /* JUnit: the results of its many seeds, in words, or NULL */
    const char *capture; /* the path of its capture, or NULL */
};

/* Its file; true if it failed; and one word: pass, fail, skip or error. */
const char *report_path(const struct report_item *it);
bool report_failed(const struct report_item *it);
const char *report_word(const struct report_item *it);

void report_story(FILE *out, const struct report_item *it);
void report_line(FILE *out, const struct report_item *it);  /* the one verdict line */
void report_permits(FILE *out, const struct scenario *sc);  /* part of it: disabled oracles,
                                                             * allowances */
void report_block(FILE *out, const struct report_item *it); /* the eight lines of a failure */
void report_json(FILE *out, const struct report_item *it);

/* A GitHub annotation on stderr and a row in the job summary, for a failure or a reading error. 0,
 * or EXIT_HARNESS after a line on stderr: the summary could not be written. */
int report_github(const struct report_item *it);

/* The command line that repeats the run. */
void report_replay(char *buf, size_t size, const struct report_item *it);

/* JUnit: collected in memory, written at the end, completely or not at all. 0, or EXIT_HARNESS
 * after a line on stderr. */
void junit_add(const struct report_item *it);
int junit_write(const char *path);

/* The file and line that a site (`file:line`) names: the line, or 0 when it has none; then the file
 * is the item's. */
unsigned report_place(const struct report_item *it, char *file, size_t size);

#endif
