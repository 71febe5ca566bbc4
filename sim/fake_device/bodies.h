/*
 * The kinds of devices, a row each. The body of a row `name` is fake_<name>_body, in its own file
 * (device.h). Network devices come first: the device at the wire is one.
 */
#ifndef DRYWIRE_FAKE_BODIES_H
#define DRYWIRE_FAKE_BODIES_H

#include "device.h"

#define FAKE_BODIES(ROW)                                                                           \
    ROW(net)                                                                                       \
    ROW(rng)

#define BODY_DECLARE(name) extern const struct fake_body_ops fake_##name##_body;
FAKE_BODIES(BODY_DECLARE)
#undef BODY_DECLARE

#define BODY_COUNT(name) +1
enum { FAKE_BODY_COUNT = FAKE_BODIES(BODY_COUNT) };
#undef BODY_COUNT

extern const struct fake_body_ops *const fake_bodies[FAKE_BODY_COUNT];

#endif
