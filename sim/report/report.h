/*
 * What `drywire` prints and writes about a run and its verdict: for people, as JSON, as JUnit, for
 * GitHub.
 */
#ifndef DRYWIRE_REPORT_H
#define DRYWIRE_REPORT_H

#include "../cli/child.h"
#include <stdio.h>

/* A finished scenario; `skip` says why it was not run, or is NULL. */
struct report_item {
    const struct scenario *scenario;
    const struct verdict *verdict;
    const struct options *options;
    const char *skip;
    const char *capture; /* where its capture is, or NULL */
};

void report_story(FILE *out, const struct report_item *it);
void report_line(FILE *out, const struct report_item *it);  /* the one verdict line */
void report_block(FILE *out, const struct report_item *it); /* the eight lines of a failure */
void report_json(FILE *out, const struct report_item *it);
void report_github(const struct report_item *it);

/* One line that repeats the run. */
void report_replay(char *buf, size_t size, const struct report_item *it);

/* JUnit: collected in memory, written at the end. 0, or an exit code after a line on stderr. */
void junit_add(const struct report_item *it);
int junit_write(const char *path);

/* A moment of a run, a frame in words, and both in a line, as every ladder shows them. */
void report_time(char *buf, size_t size, uint64_t time_ns);
void report_frame_words(char *buf, size_t size, const struct decoded *d, const char *fate);
void report_frame(char *buf, size_t size, uint64_t time_ns, enum direction dir,
                  const struct decoded *d, const char *fate);

#endif
