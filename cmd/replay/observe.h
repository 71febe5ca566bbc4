/* `drywire replay CAPTURE --as observer`: what the core makes of any frames (docs/replay.md). */
#ifndef DRYWIRE_OBSERVE_H
#define DRYWIRE_OBSERVE_H

#include "settings.h"

/* Takes the capture. The exit code, after the report or one line on stderr. */
int observe(const char *path, struct capture *c, const struct replay_settings *s);

#endif
