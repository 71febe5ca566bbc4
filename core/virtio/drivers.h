/*
 * The drivers, a row each. The driver of a row `name` is virtio_<name>_driver, in its own file
 * (driver.h).
 */
#ifndef DRYWIRE_DRIVERS_H
#define DRYWIRE_DRIVERS_H

#include "driver.h"

#define VIRTIO_DRIVERS(ROW)                                                                        \
    ROW(net)                                                                                       \
    ROW(rng)

#define DRIVER_DECLARE(name) extern const struct virtio_driver virtio_##name##_driver;
VIRTIO_DRIVERS(DRIVER_DECLARE)
#undef DRIVER_DECLARE

/* The driver of a device type (VIRTIO_ID_*), or NULL. A negative type has none. */
const struct virtio_driver *virtio_driver_of(int type);

#endif
