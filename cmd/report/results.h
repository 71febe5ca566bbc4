/*
 * The reports of a command over many files (run, qemu, replay): each verdict at once, in every
 * format that the options request, and at the end the names of failures, and JUnit.
 */
#ifndef DRYWIRE_RESULTS_H
#define DRYWIRE_RESULTS_H

#include "report.h"

/* What is reported of each verdict, and how. */
struct results_form {
    bool json, quiet, verbose;
    bool annotate;     /* for GitHub Actions */
    const char *junit; /* a file, or NULL */
};

struct results {
    const struct results_form *form;
    bool single;  /* a single run: its trace is printed, and no name at the end */
    char **names; /* of failures and reading errors, in words */
    size_t count, size;
};

/* Report one verdict: 0, or EXIT_HARNESS after a line on stderr when an output could not be
 * written. */
int results_add(struct results *r, const struct report_item *it);

/* The last lines, and the JUnit report: 0 or EXIT_HARNESS, as above. */
int results_end(struct results *r);

#endif
