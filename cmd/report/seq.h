/* `drywire seq`: the ladder of a run, or of a capture, in the terminal. */
#ifndef DRYWIRE_SEQ_H
#define DRYWIRE_SEQ_H

#include "../base/options.h"
#include "../../sim/run/run.h"

/* The exit code; all has been said. */
int seq_capture(const char *path, const struct options *o);

/* Run it and print as it goes, in a child, which a guest may crash. */
int seq_run(const struct scenario *sc, const struct guest_ops *guest, const struct options *o);

#endif
