/*
 * Frames with one wrong header field and correct checksums, so that the field itself must be
 * checked (`corrupt DIR MATCH field=NAME`).
 */
#ifndef DRYWIRE_MALFORM_H
#define DRYWIRE_MALFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fields, NULL-terminated. The first, "bit", is any one bit, which malform() does not
 * handle. */
extern const char *const malform_fields[];

/* Set field number `field` to an invalid value, chosen by `draw`. False: the frame does not have it
 * and is unchanged. */
bool malform(uint8_t *frame, size_t len, unsigned field, uint64_t draw);

#endif
