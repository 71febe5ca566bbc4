/*
 * The table of an image with one program: what `make size` weighs.
 */
#include "../../user/programs.h"

const struct program programs[] = {
    {"webget", webget_main, "webget [-q] URL"},
};

const unsigned programs_count = sizeof(programs) / sizeof(programs[0]);
