/*
 * The body of the fake virtio entropy device (VirtIO 1.2 section 5.4): random bytes, derived from
 * the run's seed, into writable buffers; often fewer than fit.
 */
#ifndef DRYWIRE_FAKE_RNG_H
#define DRYWIRE_FAKE_RNG_H

#include "device.h"

struct fake_rng_options {
    uint32_t bytes;    /* bytes= maximum per buffer; 0: as many as fit */
    uint64_t delay_ns; /* delay=  from a buffer to its bytes, besides the reaction to a
                        * notification */
};

struct fake_rng {
    struct fake_virtio device; /* first */
    struct fake_rng_options options;
    uint64_t state; /* of the generator */
    uint64_t given; /* bytes since power-on */
    bool waiting;   /* until the delay has passed */
};
/* Random bytes that a device wrote since power-on; 0 of another kind. */
uint64_t fake_rng_given(const struct fake_virtio *d);

#endif
