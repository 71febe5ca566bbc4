/*
 * The check sequences of the framed console and of what comes by it (targets/common/crc.h), as
 * their reader computes them.
 */
#ifndef DRYWIRE_CRC_H
#define DRYWIRE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-16 with polynomial 0x1021, first value 0xffff. */
uint16_t crc16(const char *bytes, size_t len);

/* CRC-32 of IEEE 802.3, as zlib has it. */
uint32_t crc32(const uint8_t *bytes, size_t len);

#endif
