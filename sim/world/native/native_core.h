/*
 * World `peer`: the scripted peer with the core's TCP in place of its own. What the machine's TCP
 * can do, its peer can too: SACK, window scaling, timestamps, tail probes, CUBIC. ARP, DHCP, ICMP
 * and UDP are those of world native.
 *
 * The second stack is alone on a link without Ethernet, at 10.0.2.2; it draws from `peer.entropy`.
 */
#ifndef DRYWIRE_NATIVE_CORE_H
#define DRYWIRE_NATIVE_CORE_H

#include "native.h"

/* Listens where `serve` lines say. NULL as w->core: the world is not `peer`. */
void native_core_start(struct world *w);
void native_core_free(struct world *w);

/* A TCP segment of the machine to 10.0.2.2. */
void native_core_input(struct world *w, const uint8_t *frame, size_t len);

/* Connect to the machine; the dial is done when the connection has ended here. */
void native_core_dial(struct world *w, struct native_dial *dial);

/* True while a connection is open, but in TIME-WAIT. */
bool native_core_busy(const struct world *w);
unsigned native_core_open(const struct world *w);

#endif
