/* `drywire import` and the reactive kind of `drywire replay` for TCP: see docs/replay.md. */
#ifndef DRYWIRE_REACTIVE_TCP_H
#define DRYWIRE_REACTIVE_TCP_H

#include "import.h"
#include "settings.h"
#include "../../sim/scenario/scenario.h"

/* The exit code; everything has been printed. */
int tcp_write_scenario(const struct import *im, const struct replay_settings *s,
                       const char *output);
int tcp_scenario(const struct import *im, const struct replay_settings *s, struct scenario **sc);
int tcp_replay(const struct import *im, const struct replay_settings *s);

#endif
