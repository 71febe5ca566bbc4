/* The table of drivers: see drivers.h. */
#include "drivers.h"
#include "../base/array.h"

#define DRIVER_ADDRESS(name) &virtio_##name##_driver,
static const struct virtio_driver *const drivers[] = {VIRTIO_DRIVERS(DRIVER_ADDRESS)};
#undef DRIVER_ADDRESS

const struct virtio_driver *virtio_driver_of(int type)
{
    for (unsigned i = 0; i < ARRAY_COUNT(drivers); i++)
        if ((int)drivers[i]->type == type)
            return drivers[i];
    return 0;
}
