/*
 * Normalised frames, to compare two runs: fields that may differ are cleared (the list is in
 * docs/parity.md). And the name of the first difference between two of them.
 */
#ifndef DRYWIRE_NORMAL_H
#define DRYWIRE_NORMAL_H

#include "decode.h"

/* Copy a frame without padding, with IP identification 0 and a constant for correct checksums.
 * `out` has room for `len` bytes; returns the length of the result. Damaged frames are
 * unchanged. */
size_t normal_frame(const uint8_t *frame, size_t len, const struct decoded *d, uint8_t *out);

/* The first byte in which two strings differ, or the length of the shorter one; SIZE_MAX: equal. */
size_t normal_difference(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);

/* The name of the field that contains byte `at` of a frame: "ip.src", "tcp.seq", "payload". */
const char *normal_field(const struct decoded *d, size_t at);

#endif
