/* `drywire replay CAPTURE --exact`: a capture of drywire, run once more (docs/replay.md). */
#ifndef DRYWIRE_REPLAY_EXACT_H
#define DRYWIRE_REPLAY_EXACT_H

#include "options.h"

/* Does its header say what made it? */
bool replay_exact_possible(const struct capture *c);

/* Takes the capture. 0: the same; EXIT_DIVERGED: the first difference is told. */
int replay_exact(const char *path, struct capture *c, const struct options *o);

#endif
