/* A range of seeds: `--seed N`, `--seeds A..B`. */
#ifndef DRYWIRE_SEED_RANGE_H
#define DRYWIRE_SEED_RANGE_H

#include <stdint.h>

struct seed_range {
    uint64_t first, more; /* the first one, and how many follow it */
};

#endif
