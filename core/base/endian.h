/*
 * Integers with a byte order, in two families that are never mixed.
 *
 * be16, be32: fields of packets. Byte arrays, alignment 1, so a struct of them has no padding and
 * can be placed anywhere in a frame; host and wire order cannot be mixed by accident.
 *
 * le16, le32, le64: words of a virtqueue, naturally aligned, shared with a device and touched only
 * through ring.h. All supported machines are little-endian, so they need no swapping.
 */
#ifndef DRYWIRE_ENDIAN_H
#define DRYWIRE_ENDIAN_H

#include <stdint.h>

#ifdef __cplusplus /* headers of the core compile as C++, too: docs/embedding.md */
#define _Static_assert static_assert
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "virtqueue words are little-endian");

typedef struct {
    uint8_t byte[2];
} be16;
typedef struct {
    uint8_t byte[4];
} be32;

/* Not the builtin: without an instruction for it that is a call of the compiler's library. */
static inline uint32_t swap32(uint32_t n)
{
    return n >> 24 | (n >> 8 & 0xff00) | (n << 8 & 0xff0000) | n << 24;
}

static inline uint16_t be16_get(be16 v)
{
    return (uint16_t)(v.byte[0] << 8 | v.byte[1]);
}

static inline be16 be16_of(uint16_t n)
{
    be16 v;

    n = (uint16_t)(n << 8 | n >> 8);
    __builtin_memcpy(v.byte, &n, sizeof(n));
    return v;
}

static inline uint32_t be32_get(be32 v)
{
    return (uint32_t)v.byte[0] << 24 | (uint32_t)v.byte[1] << 16 | (uint32_t)v.byte[2] << 8 |
           v.byte[3];
}

static inline be32 be32_of(uint32_t n)
{
    be32 v;

    n = swap32(n);
    __builtin_memcpy(v.byte, &n, sizeof(n));
    return v;
}

typedef struct {
    volatile uint16_t raw;
} le16;
typedef struct {
    volatile uint32_t raw;
} le32;
typedef struct {
    volatile uint64_t raw;
} le64;

#endif
