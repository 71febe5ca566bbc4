/*
 * The console: trace lines on the UART, each framed with a sequence number and a checksum, so that
 * a lost, split or interleaved line is detected (docs/markers.md).
 *
 *     "@" seq " " component ": " text " t=" microseconds " *" crc "\n"
 *
 * seq counts from 1; crc is CRC-16 (polynomial 0x1021, initial value 0xffff) of everything before
 * " *" in four hexadecimal digits. A line has at most CONSOLE_FRAME_MAX octets.
 */
#ifndef DRYWIRE_CONSOLE_H
#define DRYWIRE_CONSOLE_H

enum { CONSOLE_FRAME_MAX = 320 };

/* A bare newline: ends a partial line written before. */
void console_break(void);

#endif
