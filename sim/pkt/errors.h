/*
 * The names that scripts have for the errors of core/base/err.h. One error may have several names:
 * a call that would wait is EINPROGRESS for a connect and EAGAIN for others.
 */
#ifndef DRYWIRE_PKT_ERRORS_H
#define DRYWIRE_PKT_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

/* Is it a name of the list? Then its number in Linux. */
bool pkt_error_known(const char *name);
int64_t pkt_error_number(const char *name);

/* Does a script that expects `name` accept this error (enum err)? */
bool pkt_error_is(int64_t err, const char *name);

/* The names of an error, or a word for it. */
const char *pkt_error_names(int64_t err);

#endif
