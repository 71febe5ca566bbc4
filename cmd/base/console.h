/*
 * A line of the framed console (targets/common/console.h), as its readers take it apart:
 * "@12 component: text t=34 *89ab" has a number, a time in microseconds and a checksum.
 */
#ifndef DRYWIRE_CONSOLE_H
#define DRYWIRE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum unframed { UNFRAMED, UNFRAMED_NOT, UNFRAMED_CHECKSUM };

/* Take the frame off, in place; the line has a NUL after its `len` characters. UNFRAMED: *text is
 * what is between the number and the checksum, *sequence the number, 0: it has none. */
enum unframed console_unframe(char *line, size_t len, char **text, uint64_t *sequence);

/* Take the time off the end of such a text; false: none is there. */
bool console_take_time(char *text, uint64_t *time_us);

#endif
