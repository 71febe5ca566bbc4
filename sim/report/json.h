/*
 * Text as a JSON string, whatever its bytes are.
 */
#ifndef DRYWIRE_JSON_H
#define DRYWIRE_JSON_H

#include <stddef.h>
#include <stdio.h>

/*
 * Write `text` with its quotes. Control characters and '<' are escaped, the latter so that the
 * string can stand inside an HTML script element; bytes that are no UTF-8 become U+FFFD.
 */
void json_string(FILE *out, const char *text, size_t len);

#endif
