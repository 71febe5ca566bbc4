/*
 * What a command over many files (run, qemu, replay) reports: each verdict as it comes, in every
 * form that the options ask for, and at the end the names of what failed, and JUnit.
 */
#ifndef DRYWIRE_RESULTS_H
#define DRYWIRE_RESULTS_H

#include "report.h"

/* What of each verdict is reported, and how. */
struct results_form {
    bool json, quiet, verbose;
    bool annotate;     /* for GitHub Actions */
    const char *junit; /* a file, or NULL */
};

struct results {
    const struct results_form *form;
    bool single;  /* one run in all: its story is printed, and no name at the end */
    char **names; /* of what failed or could not be read, in words */
    size_t count, size;
};

/* One verdict: 0, or EXIT_HARNESS after a line on stderr, because an output could not be
 * written. */
int results_add(struct results *r, const struct report_item *it);

/* The last lines, and the JUnit report: 0 or EXIT_HARNESS, as above. */
int results_end(struct results *r);

#endif
