/*
 * Texts: report lines and requests, built in a struct of the caller. No system calls.
 */
#include "drywire.h"

static void add_byte(struct text *t, char byte)
{
    if (t->len < TEXT_MAX)
        t->data[t->len++] = byte;
}

static void add_hex(struct text *t, uint32_t value, int digits)
{
    while (digits-- > 0)
        add_byte(t, "0123456789abcdef"[value >> 4 * digits & 15]);
}

static void add_key(struct text *t, const char *key)
{
    text_word(t, key);
    add_byte(t, '=');
}

void text_start(struct text *t)
{
    t->len = 0;
}

void text_add(struct text *t, const char *word)
{
    while (*word)
        add_byte(t, *word++);
}

void text_add_bytes(struct text *t, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        add_byte(t, bytes[i]);
}

void text_add_number(struct text *t, uint64_t number)
{
    char digits[20]; /* of 2^64 - 1 */
    size_t first = sizeof(digits);

    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    text_add_bytes(t, digits + first, sizeof(digits) - first);
}

void text_add_address(struct text *t, uint32_t addr)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        text_add_number(t, addr >> shift & 255);
        if (shift > 0)
            add_byte(t, '.');
    }
}

void text_word(struct text *t, const char *word)
{
    if (t->len > 0)
        add_byte(t, ' ');
    text_add(t, word);
}

void text_field(struct text *t, const char *key, const char *value)
{
    add_key(t, key);
    text_add(t, value);
}

void text_number(struct text *t, const char *key, uint64_t value)
{
    add_key(t, key);
    text_add_number(t, value);
}

void text_hash(struct text *t, const char *key, uint32_t value)
{
    add_key(t, key);
    add_hex(t, value, 8);
}

void text_address(struct text *t, const char *key, uint32_t addr)
{
    add_key(t, key);
    text_add_address(t, addr);
}

void text_mac(struct text *t, const char *key, const uint8_t mac[6])
{
    add_key(t, key);
    for (int i = 0; i < 6; i++) {
        if (i > 0)
            add_byte(t, ':');
        add_hex(t, mac[i], 2);
    }
}

void text_endpoint(struct text *t, const char *key, const struct socket_address *at)
{
    text_address(t, key, at->addr);
    add_byte(t, ':');
    text_add_number(t, at->port);
}
