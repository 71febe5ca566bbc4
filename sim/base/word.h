/* Words of memory that driver and device share: 2, 4 or 8 bytes in the order of the host. */
#ifndef DRYWIRE_WORD_H
#define DRYWIRE_WORD_H

#include <stdint.h>
#include <string.h>

static inline uint64_t word_load(const uint8_t *p, unsigned size)
{
    uint16_t w16;
    uint32_t w32;
    uint64_t w64;

    switch (size) {
    case 2:
        memcpy(&w16, p, 2);
        return w16;
    case 4:
        memcpy(&w32, p, 4);
        return w32;
    default:
        memcpy(&w64, p, 8);
        return w64;
    }
}

static inline void word_store(uint8_t *p, unsigned size, uint64_t value)
{
    uint16_t w16 = (uint16_t)value;
    uint32_t w32 = (uint32_t)value;

    switch (size) {
    case 2:
        memcpy(p, &w16, 2);
        break;
    case 4:
        memcpy(p, &w32, 4);
        break;
    default:
        memcpy(p, &value, 8);
    }
}

#endif
