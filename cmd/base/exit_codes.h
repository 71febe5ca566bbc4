/* The exit codes of `drywire` and its tools. None exceeds 125, so that `git bisect run` works. */
#ifndef DRYWIRE_EXIT_CODES_H
#define DRYWIRE_EXIT_CODES_H

#include "../../sim/engine/sim.h"

enum {
    EXIT_PASS = 0,
    EXIT_FAIL = 1,
    EXIT_USAGE = 2,
    EXIT_DIVERGED = 3,
    EXIT_HARNESS = 4,
    EXIT_NOTHING = 5,
    EXIT_NO_GUEST = 6,
    EXIT_EARLIER = 7,
    EXIT_LIVELOCK = 124,
    EXIT_CANNOT_TEST = 125,
};

/* The more important of two exit codes. */
int worse_exit(int a, int b);

/* The exit code of a failure. */
int failure_code(enum failure_kind kind);

#endif
