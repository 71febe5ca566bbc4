/*
 * Frames that are wrong in one header field and right in everything else: the checksums are made
 * anew, so that the field itself must be checked (`corrupt DIR MATCH field=NAME`).
 */
#ifndef DRYWIRE_MALFORM_H
#define DRYWIRE_MALFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fields, NULL-terminated. The first, "bit", is any one bit and not malform()'s. */
extern const char *const malform_fields[];

/* Give field number `field` a value that cannot be, one of several by `draw`. False: the frame does
 * not have it and is unchanged. */
bool malform(uint8_t *frame, size_t len, unsigned field, uint64_t draw);

#endif
