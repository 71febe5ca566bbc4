/* The table of bodies: see bodies.h. */
#include "bodies.h"

#define BODY_ADDRESS(name) &fake_##name##_body,
const struct fake_body_ops *const fake_bodies[FAKE_BODY_COUNT] = {FAKE_BODIES(BODY_ADDRESS)};
#undef BODY_ADDRESS
