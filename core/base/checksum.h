/*
 * The Internet checksum (RFC 1071): one's complement sum of 16-bit words.
 */
#ifndef DRYWIRE_CHECKSUM_H
#define DRYWIRE_CHECKSUM_H

#include "endian.h"
#include "mem.h"
#include <stddef.h>
#include <stdint.h>

static inline uint64_t checksum_carry(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

static inline uint64_t checksum_load(const uint8_t *p)
{
    uint64_t word;

    mem_copy(&word, p, sizeof(word));
    return word;
}

/*
 * The unfolded sum of `len` bytes, in memory order, added to `sum`. Pieces may be summed one after
 * the other as long as every piece but the last has an even length.
 */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t len);

/* Fold to 16 bits. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    uint32_t low = (uint32_t)sum, both = low + (uint32_t)(sum >> 32);

    both += both < low;
    return (uint16_t)((both + (both >> 16 | both << 16)) >> 16); /* the halves, and their carry */
}

/* The complement: the field as it is stored. A valid packet, its field included, gives 0. */
static inline be16 checksum_finish(uint64_t sum)
{
    be16 field;

    sum = ~(uint64_t)checksum_fold(sum);
    field.byte[0] = (uint8_t)sum; /* the sum is that of little-endian loads */
    field.byte[1] = (uint8_t)(sum >> 8);
    return field;
}

static inline int checksum_good(uint64_t sum)
{
    return checksum_fold(sum) == 0xffff;
}

/* The sum of 20 bytes: of an IPv4 header without options. */
static inline uint64_t checksum_20(const void *bytes)
{
    const uint8_t *p = (const uint8_t *)bytes;
    uint32_t last;

    mem_copy(&last, p + 16, sizeof(last));
    return checksum_carry(checksum_carry(checksum_load(p), checksum_load(p + 8)), last);
}

/* The sum of the pseudo-header of UDP and TCP (RFC 9293 section 3.1); addresses in host order. */
static inline uint64_t checksum_pseudo(uint32_t src, uint32_t dst, uint8_t protocol, size_t len)
{
    return (uint64_t)swap32(src) + swap32(dst) + swap32((uint32_t)protocol << 16 | (uint16_t)len);
}

#endif
