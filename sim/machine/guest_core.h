/* The core, as the first guest of the simulator. */
#ifndef DRYWIRE_GUEST_CORE_H
#define DRYWIRE_GUEST_CORE_H

#include "guest.h"

extern const struct guest_ops guest_core;

/* A connection of the core: its number and state as in its trace; that of the listener, if there is
 * no connection on the port. False: none. */
bool guest_core_connection(const void *state, uint16_t local_port, uint32_t remote,
                           uint16_t remote_port, unsigned *number, const char **word);

#endif
