/*
 * The clock and the idle loop of a machine (DESIGN section 2).
 *
 * The main loop of every machine is: read the clock, kernel_poll(), idle until kernel_deadline() or
 * an interrupt. In the simulator idling pops the next event.
 */
#ifndef DRYWIRE_MACHINE_H
#define DRYWIRE_MACHINE_H

#include <stdint.h>

/* No deadline: only input matters. */
#define DEADLINE_NEVER UINT64_MAX

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

#endif
