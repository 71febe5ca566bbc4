/* The version of drywire. */
#ifndef DRYWIRE_VERSION_H
#define DRYWIRE_VERSION_H

#include <stddef.h>

/* The version in words, with the libraries it is linked with. */
void version_words(char *buf, size_t size);

#endif
