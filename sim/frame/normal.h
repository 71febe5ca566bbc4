/*
 * Frames as two runs can have them in common: what is known to differ is taken out
 * (docs/parity.md has the list). And how the first difference of two of them is named.
 */
#ifndef DRYWIRE_NORMAL_H
#define DRYWIRE_NORMAL_H

#include "decode.h"

/* The frame without padding behind its packet, with IP identification zero and checksums, which
 * are good and follow from the rest, the same for all. `out` has room for `len` bytes; the length
 * of the result. Damaged frames stay as they are. */
size_t normal_frame(const uint8_t *frame, size_t len, const struct decoded *d, uint8_t *out);

/* The first byte in which two strings differ, or the length of the shorter one, or SIZE_MAX. */
size_t normal_difference(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* The field that byte `at` of a frame belongs to: "ip.src", "tcp.seq", "payload". */
const char *normal_field(const struct decoded *d, size_t at);

#endif
