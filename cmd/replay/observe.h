/* `drywire replay CAPTURE --as observer`: the core with hostile input (docs/replay.md). */
#ifndef DRYWIRE_OBSERVE_H
#define DRYWIRE_OBSERVE_H

#include "settings.h"

/* Takes ownership of the capture. Returns the exit code, after the report or one line on stderr. */
int observe(const char *path, struct capture *c, const struct replay_settings *s);

#endif
