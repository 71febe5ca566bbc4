/* The files of a failure in --artifacts, named after its scenario or capture. */
#ifndef DRYWIRE_ARTIFACTS_H
#define DRYWIRE_ARTIFACTS_H

#include "report.h"

/* FOLDER/NAME-seedN[-MEMORY]SUFFIX: the path with its slashes replaced. */
void artifact_name(char *buf, size_t size, const char *folder, const char *path,
                   const struct run_choice *choice, const char *suffix);

/* Write the trace and the block of a failure to a file (.txt). 0, or EXIT_HARNESS after a line on
 * stderr. */
int artifact_block(const char *folder, const struct report_item *it);

#endif
