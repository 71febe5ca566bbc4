/*
 * The table of an image with one program: what `make size` weighs.
 */
#include "../../core/base/array.h"
#include "../../user/programs.h"

const struct program programs[] = {
    {"webget", webget_main, "webget [-q] URL"},
};

const unsigned programs_count = ARRAY_COUNT(programs);
