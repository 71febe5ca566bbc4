/* Checks for the requirements of a scenario: see can_run.h. */
#include "can_run.h"
#include "exit_codes.h"
#include "../../sim/text/values.h"
#include "../../sim/world/world.h"
#include <stdio.h>

#define SLIRP_MISSING "libslirp is missing: apt-get install libslirp-dev, then make"

const char *can_run_reason(const struct scenario *sc)
{
#ifdef DRYWIRE_SLIRP
    (void)sc;
    return NULL;
#else
    return sc->world == WORLD_SLIRP ? SLIRP_MISSING : NULL;
#endif
}

int can_run(const struct scenario *sc)
{
    const char *reason = can_run_reason(sc);

    if (!reason)
        return 0;
    value_message(stderr, "drywire: %s\n", reason);
    return EXIT_CANNOT_TEST;
}

int can_run_slirp(void)
{
#ifdef DRYWIRE_SLIRP
    if (world_slirp_self_test())
        return EXIT_HARNESS;
#endif
    return 0;
}
