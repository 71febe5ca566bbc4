/*
 * The checksums of the framed console and of the data sent over it, on the reader's side (the
 * writer's are in targets/common/crc.h).
 */
#ifndef DRYWIRE_CRC_H
#define DRYWIRE_CRC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-16 with polynomial 0x1021, initial value 0xffff. */
uint16_t crc16(const char *bytes, size_t len);

/* CRC-32 of IEEE 802.3, as in zlib. */
uint32_t crc32(const uint8_t *bytes, size_t len);

#endif
