/*
 * The Internet checksum in portable C: 64-bit words, carries added back at once, two independent
 * chains so that the processor can overlap them. The one's complement sum does not depend on byte
 * order, so words are added in memory order (RFC 1071 section 2).
 */
#include "checksum.h"
#include "mem.h"

static uint64_t add_carry(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

uint64_t checksum_add(uint64_t sum, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t other = 0, a, b;

    for (; len >= 32; len -= 32, p += 32) {
        mem_copy(&a, p, 8);
        mem_copy(&b, p + 8, 8);
        sum = add_carry(sum, a);
        other = add_carry(other, b);
        mem_copy(&a, p + 16, 8);
        mem_copy(&b, p + 24, 8);
        sum = add_carry(sum, a);
        other = add_carry(other, b);
    }
    sum = add_carry(sum, other);
    for (; len >= 8; len -= 8, p += 8) {
        mem_copy(&a, p, 8);
        sum = add_carry(sum, a);
    }
    a = 0;
    for (size_t i = 0; i < len; i++)
        a |= (uint64_t)p[i] << (8 * i);
    return add_carry(sum, a);
}

be16 checksum_finish(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~sum;

    /* The sum was taken over little-endian loads: its low byte is the first in memory. */
    return (be16){{(uint8_t)sum, (uint8_t)(sum >> 8)}};
}

uint64_t checksum_pseudo(uint32_t src, uint32_t dst, uint8_t protocol, size_t len)
{
    struct {
        be32 src, dst;
        uint8_t zero, protocol;
        be16 len;
    } header = {be32_of(src), be32_of(dst), 0, protocol, be16_of((uint16_t)len)};

    return checksum_add(0, &header, sizeof(header));
}
