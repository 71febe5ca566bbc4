/* SHA-256 (FIPS 180-4 section 6.2), to name a long stream in one word. */
#ifndef DRYWIRE_SHA256_H
#define DRYWIRE_SHA256_H

#include <stddef.h>
#include <stdint.h>

void sha256(const uint8_t *bytes, size_t len, uint8_t digest[32]);

/* As 64 hexadecimal digits; returns text. */
const char *sha256_text(const uint8_t *bytes, size_t len, char text[65]);

#endif
