/* Is what a scenario needs of this machine here? */
#ifndef DRYWIRE_CAN_RUN_H
#define DRYWIRE_CAN_RUN_H

#include "../../sim/scenario/scenario.h"

/* Why this scenario cannot be run here, or NULL. */
const char *can_run_reason(const struct scenario *sc);

/* Can it? 0, or EXIT_CANNOT_TEST after a line on stderr. */
int can_run(const struct scenario *sc);

/* Is libslirp, if it is here, on our sockets? 0, or EXIT_HARNESS after a line on stderr. */
int can_run_slirp(void);

#endif
