/* A time and a frame in words: see story_line.h. */
#include "story_line.h"
#include "../../sim/engine/sim.h"
#include <inttypes.h>
#include <stdio.h>

void story_time(char *buf, size_t size, uint64_t time_ns)
{
    uint64_t us = (time_ns - SIM_POWER_ON_NS) / NS_PER_US;

    snprintf(buf, size, "%6" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

void story_frame_words(char *buf, size_t size, const struct decoded *d, const char *fate)
{
    char what[200];

    decode_summary(d, what, sizeof(what));
    snprintf(buf, size, "%s%s%s%s", what, fate ? "  [" : "", fate ? fate : "", fate ? "]" : "");
}

void story_frame(char *buf, size_t size, uint64_t time_ns, enum direction dir,
                 const struct decoded *d, const char *fate)
{
    char at[40], what[320];

    story_time(at, sizeof(at), time_ns);
    story_frame_words(what, sizeof(what), d, fate);
    snprintf(buf, size, "%s  %s  %s", at, dir == DIRECTION_TX ? "-->" : "<--", what);
}
