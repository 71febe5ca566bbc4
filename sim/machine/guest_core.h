/* The core, as the first guest of the simulator. */
#ifndef DRYWIRE_GUEST_CORE_H
#define DRYWIRE_GUEST_CORE_H

#include "guest.h"

extern const struct guest_ops guest_core;

/* What the core thinks of a connection now: its number and state as its trace says them; that of a
 * listener, when the port has no more than that. False: it has none. */
bool guest_core_connection(const void *state, uint16_t local_port, uint32_t remote,
                           uint16_t remote_port, unsigned *number, const char **word);

#endif
