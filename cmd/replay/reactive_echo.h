/* `drywire import` and the reactive kind of `drywire replay` for pings: see docs/replay.md. */
#ifndef DRYWIRE_REACTIVE_ECHO_H
#define DRYWIRE_REACTIVE_ECHO_H

#include "import_echo.h"
#include "settings.h"
#include "../../sim/scenario/scenario.h"

/* The exit code; everything has been printed. */
int echo_write_scenario(struct echo_import *im, const struct replay_settings *s,
                        const char *output);
int echo_scenario(struct echo_import *im, const struct replay_settings *s, struct scenario **sc);
int echo_replay(struct echo_import *im, const struct replay_settings *s);

#endif
