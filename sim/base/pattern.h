/*
 * Large memory that starts each run filled with one byte. Its pages are one small file, mapped
 * again and again: a page is copied when it is first written, and putting the pattern back drops
 * the copies, so both cost what was touched and not what there is. Elsewhere than on Linux, and in
 * sanitizer builds, which guard the ends of allocated memory, it is allocated and filled.
 */
#ifndef DRYWIRE_PATTERN_H
#define DRYWIRE_PATTERN_H

#include <stddef.h>

enum { PATTERN_FILL = 0xa5 };

/* `size` bytes, more than 0, of PATTERN_FILL, on a page boundary; does not return without
 * memory. */
void *pattern_new(size_t size);
/* Each byte is PATTERN_FILL again. */
void pattern_again(void *p, size_t size);
void pattern_free(void *p, size_t size); /* p may be NULL */

#endif
