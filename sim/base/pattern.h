/*
 * Large memory that starts each run filled with one byte. Its pages map one small file repeatedly:
 * a page is copied on the first write, and a reset drops the copies, so both cost only the pages
 * that were written. On other systems than Linux, and in sanitizer builds, which guard the ends of
 * allocated memory, it is allocated and filled.
 */
#ifndef DRYWIRE_PATTERN_H
#define DRYWIRE_PATTERN_H

#include <stddef.h>

enum { PATTERN_FILL = 0xa5 };

/* `size` > 0 bytes of PATTERN_FILL, on a page boundary. Exits when there is no memory. */
void *pattern_new(size_t size);
/* Set all bytes to PATTERN_FILL again. */
void pattern_again(void *p, size_t size);
void pattern_free(void *p, size_t size); /* p may be NULL */

#endif
