/* Text without a C library: see fmt.h. */
#include "fmt.h"

void fmt_text(struct fmt *f, const char *text)
{
    while (*text)
        fmt_char(f, *text++);
}

void fmt_u64(struct fmt *f, uint64_t n)
{
    char digit[20];
    unsigned count = 0;

    do {
        digit[count++] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    while (count)
        fmt_char(f, digit[--count]);
}

void fmt_i64(struct fmt *f, int64_t n)
{
    if (n < 0)
        fmt_char(f, '-');
    fmt_u64(f, n < 0 ? -(uint64_t)n : (uint64_t)n);
}

static void fmt_hex_digits(struct fmt *f, uint64_t n, unsigned digits)
{
    while (digits--)
        fmt_char(f, "0123456789abcdef"[n >> (4 * digits) & 15]);
}

void fmt_hex(struct fmt *f, uint64_t n)
{
    unsigned digits = 1;

    while (digits < 16 && n >> (4 * digits))
        digits++;
    fmt_text(f, "0x");
    fmt_hex_digits(f, n, digits);
}

void fmt_ipv4(struct fmt *f, uint32_t addr)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        fmt_u64(f, addr >> shift & 0xff);
        if (shift)
            fmt_char(f, '.');
    }
}

void fmt_mac(struct fmt *f, uint64_t mac)
{
    for (int shift = 40; shift >= 0; shift -= 8) {
        fmt_hex_digits(f, mac >> shift & 0xff, 2);
        if (shift)
            fmt_char(f, ':');
    }
}

void fmt_pci(struct fmt *f, uint32_t address)
{
    fmt_hex_digits(f, address >> 20 & 0xff, 2);
    fmt_char(f, ':');
    fmt_hex_digits(f, address >> 15 & 0x1f, 2);
    fmt_char(f, '.');
    fmt_u64(f, address >> 12 & 7);
}

void fmt_escape(struct fmt *f, uint8_t byte)
{
    if (byte == '\\') {
        fmt_text(f, "\\\\");
        return;
    }
    fmt_text(f, "\\x");
    fmt_hex_digits(f, byte, 2);
}
