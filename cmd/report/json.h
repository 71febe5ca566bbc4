/* Text as a JSON string, for any bytes. */
#ifndef DRYWIRE_JSON_H
#define DRYWIRE_JSON_H

#include <stddef.h>
#include <stdio.h>

/*
 * Write `text` with its quotes. Control characters and '<' are escaped, the latter so that the
 * string is safe inside an HTML script element; bytes that are not UTF-8 become U+FFFD.
 */
void json_string(FILE *out, const char *text, size_t len);

/* Bytes of the UTF-8 character at `c`, of which `left` bytes follow; 0: not UTF-8 (RFC 3629,
 * shortest form only). */
size_t utf8_len(const unsigned char *c, size_t left);

#endif
