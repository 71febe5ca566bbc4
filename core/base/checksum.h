/*
 * The Internet checksum (RFC 1071): one's complement sum of 16-bit words.
 */
#ifndef DRYWIRE_CHECKSUM_H
#define DRYWIRE_CHECKSUM_H

#include "endian.h"
#include <stddef.h>
#include <stdint.h>

/*
 * The unfolded sum of `len` bytes, in memory order, added to `sum`. Pieces may be summed one after
 * the other as long as every piece but the last has an even length.
 */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t len);

/* Fold and complement: the field as it is stored. A valid packet, its field included, gives 0. */
be16 checksum_finish(uint64_t sum);

static inline int checksum_good(uint64_t sum)
{
    be16 c = checksum_finish(sum);

    return c.byte[0] == 0 && c.byte[1] == 0;
}

/* The pseudo-header of UDP and TCP (RFC 9293 section 3.1); addresses in host order. */
uint64_t checksum_pseudo(uint32_t src, uint32_t dst, uint8_t protocol, size_t len);

#endif
