/*
 * Parsing of a line of the framed console (targets/common/console.h): "@12 component: text t=34
 * *89ab" has a number, a time in microseconds and a checksum.
 */
#ifndef DRYWIRE_CONSOLE_H
#define DRYWIRE_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum unframed { UNFRAMED, UNFRAMED_NOT, UNFRAMED_CHECKSUM };

/* Remove the frame, in place; the line has a NUL after its `len` characters. UNFRAMED: *text is the
 * text between the number and the checksum, *sequence the number; 0: none. */
enum unframed console_unframe(char *line, size_t len, char **text, uint64_t *sequence);

/* Remove the time from the end of such a text; false: it has none. */
bool console_take_time(char *text, uint64_t *time_us);

#endif
