/* The schedule of frames of `world native observe=CAPTURE`, and their readdressing to the
 * machine. */
#ifndef DRYWIRE_NATIVE_OBSERVE_H
#define DRYWIRE_NATIVE_OBSERVE_H

#include "../../engine/sim.h"

enum { OBSERVE_PASSES = 2 };

#define OBSERVE_START_NS (1 * NS_PER_S) /* since power-on: the machine has a lease by then */
#define OBSERVE_STEP_NS  (100 * NS_PER_US)

/* Readdress a frame to this machine; wrong checksums stay wrong. */
void native_readdress(uint8_t *frame, size_t len, const uint8_t mac[6], uint32_t addr);

#endif
