/* An external guest (--guest FILE.so): docs/guest.md. */
#ifndef DRYWIRE_GUEST_FILE_H
#define DRYWIRE_GUEST_FILE_H

#include "../../sim/machine/guest.h"
#include "../../sim/pkt/stack.h"

/* Load it until the program ends; NULL after a line on stderr. */
const struct guest_ops *guest_file_load(const char *path);

/* The same for a stack under ladders: docs/ladders.md. */
const struct pkt_stack *guest_file_stack(const char *path);

#endif
