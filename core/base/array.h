/* The number of elements of an array (not of a pointer). */
#ifndef DRYWIRE_ARRAY_H
#define DRYWIRE_ARRAY_H

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))

#endif
