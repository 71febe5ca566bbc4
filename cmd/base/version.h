/* Which drywire this is. */
#ifndef DRYWIRE_VERSION_H
#define DRYWIRE_VERSION_H

#include <stddef.h>

/* In words, and what it is linked with. */
void version_words(char *buf, size_t size);

#endif
