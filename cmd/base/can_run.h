/* Checks that this host has what a scenario requires. */
#ifndef DRYWIRE_CAN_RUN_H
#define DRYWIRE_CAN_RUN_H

#include "../../sim/scenario/scenario.h"

/* The reason why this scenario cannot be run here, or NULL. */
const char *can_run_reason(const struct scenario *sc);

/* 0, or EXIT_CANNOT_TEST after a line on stderr. */
int can_run(const struct scenario *sc);

/* 0 if libslirp is absent or uses our sockets, or EXIT_HARNESS after a line on stderr. */
int can_run_slirp(void);

#endif
