/* An external guest (--guest FILE.so): docs/guest.md. */
#ifndef DRYWIRE_GUEST_FILE_H
#define DRYWIRE_GUEST_FILE_H

#include "../../sim/machine/guest.h"

/* Load it until the program ends; NULL after a line on stderr. */
const struct guest_ops *guest_file_load(const char *path);

#endif
