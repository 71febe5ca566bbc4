/* When `world native observe=CAPTURE` feeds which frame, and how it gives one the machine's
 * addresses. */
#ifndef DRYWIRE_NATIVE_OBSERVE_H
#define DRYWIRE_NATIVE_OBSERVE_H

#include "../../engine/sim.h"

enum { OBSERVE_PASSES = 2 };

#define OBSERVE_START_NS (1 * NS_PER_S) /* since power-on: there is a lease by then */
#define OBSERVE_STEP_NS  (100 * NS_PER_US)

/* To this machine, with checksums as right or wrong as they were. */
void native_readdress(uint8_t *frame, size_t len, const uint8_t mac[6], uint32_t addr);

#endif
