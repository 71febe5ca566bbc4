/*
 * The body of the fake virtio entropy device (VirtIO 1.2 section 5.4): random bytes, which come
 * from the run's seed, into writable buffers; often fewer than there is room for.
 */
#ifndef DRYWIRE_FAKE_RNG_H
#define DRYWIRE_FAKE_RNG_H

#include "device.h"

struct fake_rng_options {
    uint32_t bytes;    /* bytes=  at most so many for a buffer; 0: as many as it has room for */
    uint64_t delay_ns; /* delay=  from a buffer to its bytes, besides the reaction to a
                        * notification */
};

struct fake_rng {
    struct fake_virtio device; /* first */
    struct fake_rng_options options;
    uint64_t state; /* of the generator */
    uint64_t given; /* bytes since power-on */
    bool waiting;   /* for the delay to pass */
};
/* Random bytes that a device wrote since power-on; 0 of another kind. */
uint64_t fake_rng_given(const struct fake_virtio *d);

#endif
