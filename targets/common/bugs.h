/* Planted bugs (core/base/bug.h) in the images that have them: `make BUGS=1`. */
#ifndef DRYWIRE_BUGS_H
#define DRYWIRE_BUGS_H

#include <stdbool.h>

/* From now on this one is in force; false when there is none of this name. */
bool bugs_choose(const char *name);

#endif
