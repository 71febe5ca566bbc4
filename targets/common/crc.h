/*
 * The checksums of lines (console.h), and of a journal or coverage counters sent in many of them.
 * sim/base/crc.h has them again for the reader, which shares nothing with the kernel.
 */
#ifndef DRYWIRE_TARGET_CRC_H
#define DRYWIRE_TARGET_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-16 with polynomial 0x1021, initial value 0xffff. */
static inline uint16_t crc16(const char *bytes, size_t len)
{
    uint16_t crc = 0xffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint16_t)((uint8_t)bytes[i] << 8);
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0));
    }
    return crc;
}

/* CRC-32 of IEEE 802.3, as in zlib. */
static inline uint32_t crc32(const uint8_t *bytes, size_t len)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xedb88320) : 0);
    }
    return ~crc;
}

#endif
