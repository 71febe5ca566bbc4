/*
 * Between the files of the rv64 target.
 */
#ifndef DRYWIRE_RV64_H
#define DRYWIRE_RV64_H

#include "../common/port.h"

extern uint64_t timebase_hz; /* of rdtime; from the device tree */

/* Fill `boot` from the device tree: NULL, or what is wrong with it. */
const char *discover(const void *tree, struct boot *boot);

void interrupts_start(void);
_Noreturn void rv64_panic(const uint64_t *x);
_Noreturn void rv64_main(const void *device_tree);

#endif
