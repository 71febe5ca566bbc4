/* The framed console: see console.h. */
#include "console.h"
#include "../../core/base/fmt.h"
#include "../../core/port/machine.h"
#include "crc.h"
#include "port.h"

static uint64_t sequence;

void console_break(void)
{
    port_uart_write("\n", 1);
}

void console_line(const char *text, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char frame[CONSOLE_FRAME_MAX];
    struct fmt f = {.buf = frame, .size = sizeof(frame) - 40}; /* room for time and checksum */
    uint16_t crc;

    fmt_char(&f, '@');
    fmt_u64(&f, ++sequence);
    fmt_char(&f, ' ');
    for (size_t i = 0; i < len; i++)
        fmt_char(&f, text[i]);
    f.size = sizeof(frame);
    fmt_text(&f, " t=");
    fmt_u64(&f, port_clock_ns() / NS_PER_US);
    crc = crc16(frame, f.len);
    fmt_text(&f, " *");
    for (int shift = 12; shift >= 0; shift -= 4)
        fmt_char(&f, digits[crc >> shift & 15]);
    fmt_char(&f, '\n');
    port_uart_write(frame, f.len);
}
