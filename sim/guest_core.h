/* The core, as the first guest of the simulator. */
#ifndef DRYWIRE_GUEST_CORE_H
#define DRYWIRE_GUEST_CORE_H

#include "guest.h"

extern const struct guest_ops guest_core;

#endif
