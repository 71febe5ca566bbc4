/* The version: see version.h. */
#include "version.h"
#include "revision.h"
#include "../../sim/world/world.h"
#include <stdio.h>

void version_words(char *buf, size_t size)
{
#ifdef DRYWIRE_SLIRP
    snprintf(buf, size, "drywire %s, libslirp %s", DRYWIRE_VERSION, world_slirp_version());
#else
    snprintf(buf, size, "drywire %s, without libslirp", DRYWIRE_VERSION);
#endif
}
