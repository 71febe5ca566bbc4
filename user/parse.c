/*
 * Words of a command line: numbers, addresses, options. No system calls.
 */
#include "drywire.h"

uint8_t byte_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

unsigned byte_hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - (unsigned)'0';
    c = byte_lower(c);
    return c >= 'a' && c <= 'f' ? c - (unsigned)'a' + 10 : 16;
}

size_t word_length(const char *word)
{
    size_t len = 0;

    while (word[len])
        len++;
    return len;
}

bool word_equal(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

int number_parse(const char *text, size_t len, uint64_t max, uint64_t *out)
{
    uint64_t number = 0;

    if (len == 0)
        return ERR_INVAL;
    for (size_t i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)((unsigned char)text[i] - '0');

        /* Both tests precede the step, which therefore cannot overflow. */
        if (digit > 9 || digit > max || number > (max - digit) / 10)
            return ERR_INVAL;
        number = number * 10 + digit;
    }
    *out = number;
    return 0;
}

int address_parse(const char *text, size_t len, uint32_t *out)
{
    uint32_t addr = 0;
    size_t at = 0;

    for (int part = 0; part < 4; part++) {
        size_t start = at;
        uint64_t number;

        while (at < len && text[at] != '.')
            at++;
        if (number_parse(text + start, at - start, 255, &number) < 0)
            return ERR_INVAL;
        if (text[start] == '0' && at - start > 1)
            return ERR_INVAL;
        addr = addr << 8 | (uint32_t)number;
        if (part < 3 && at++ == len)
            return ERR_INVAL;
    }
    if (at != len)
        return ERR_INVAL;
    *out = addr;
    return 0;
}

int option_take(int argc, char **argv, int *at, const char *name, uint64_t min, uint64_t max,
                uint64_t *out)
{
    uint64_t number;

    if (*at >= argc || !word_equal(argv[*at], name))
        return 0;
    if (*at + 1 >= argc)
        return ERR_INVAL;
    if (number_parse(argv[*at + 1], word_length(argv[*at + 1]), max, &number) < 0 || number < min)
        return ERR_INVAL;
    *at += 2;
    *out = number;
    return 1;
}
