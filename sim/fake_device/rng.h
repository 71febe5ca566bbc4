/*
 * The body of the fake virtio entropy device (VirtIO 1.2 section 5.4): random bytes, which come
 * from the run's seed, into writable buffers; often fewer than there is room for.
 */
#ifndef DRYWIRE_FAKE_RNG_H
#define DRYWIRE_FAKE_RNG_H

#include "device.h"

struct fake_rng_config {
    uint32_t bytes;    /* at most so many for a buffer; 0: as many as it has room for */
    uint64_t delay_ns; /* from a buffer to its bytes, besides the reaction to a notification */
};

struct fake_rng {
    struct fake_virtio device; /* first */
    struct fake_rng_config config;
    uint64_t state; /* of the generator */
    uint64_t given; /* bytes since power-on */
    bool waiting;   /* for the delay to pass */
};

/* Power-on. `memory` and `host` stay where they are while the device exists. */
void fake_rng_start(struct fake_rng *n, const struct fake_memory *memory,
                    const struct fake_host *host, const struct fake_virtio_config *transport,
                    const struct fake_rng_config *config);

#endif
