/* The part of the machine that its guest calls, in machine_platform.c. */
#ifndef DRYWIRE_MACHINE_PLATFORM_H
#define DRYWIRE_MACHINE_PLATFORM_H

#include "machine.h"

/* Set m->platform and m->ring. Each access costs time, in which due events run; a poll that makes
 * too many ends at m->escape. */
void machine_platform_init(struct machine *m);

#endif
