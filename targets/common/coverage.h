/*
 * Coverage from metal (make COVERAGE=1): before the last line of the console, the counters of every
 * object file of the kernel are sent as its .gcda file, in lines of at most 64 octets.
 *
 *     gcov: begin path=core/net/dhcp.gcda bytes=1234
 *     gcov: data off=0 hex=61646367...
 *     gcov: end crc32=89abcdef
 *
 * The path is relative to the target's object folder; crc32 is that of the whole file, as in zlib.
 * tools/gcov_from_serial.py writes the files. Other builds have no counters and no such lines.
 */
#ifndef DRYWIRE_COVERAGE_H
#define DRYWIRE_COVERAGE_H

#ifdef COVERAGE_FOLDER
void coverage_send(void);
#else
static inline void coverage_send(void)
{
}
#endif

#endif
