/*
 * The programs of the isolation images: one that misbehaves, and two that must not notice.
 */
#include "../../../core/base/array.h"
#include "../../../user/programs.h"
#include "misbehave.h"

const struct program programs[] = {
    {"misbehave", misbehave_main, "misbehave KIND"},
    {"netinfo", netinfo_main, "netinfo [-n]"},
    {"ping", ping_main, "ping [-c COUNT] [-i MILLISECONDS] [-s BYTES] ADDR"},
};

const unsigned programs_count = ARRAY_COUNT(programs);
