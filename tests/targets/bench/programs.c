/*
 * The programs of the bench images: how fast the guest copies at best, and TCP both ways.
 */
#include "../../../core/base/array.h"
#include "../../../user/programs.h"
#include "copy.h"

const struct program programs[] = {
    {"copy", copy_main, "copy"},
    {"tcpsend", tcpsend_main, "tcpsend [-q] ADDR PORT BYTES"},
    {"webget", webget_main, "webget [-q] URL"},
};

const unsigned programs_count = ARRAY_COUNT(programs);
