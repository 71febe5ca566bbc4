/* `drywire import` and the reactive kind of `drywire replay` for DHCP: see docs/replay.md. */
#ifndef DRYWIRE_REACTIVE_DHCP_H
#define DRYWIRE_REACTIVE_DHCP_H

#include "import_dhcp.h"
#include "settings.h"
#include "../../sim/scenario/scenario.h"

/* The exit code; everything has been printed. */
int dhcp_write_scenario(struct dhcp_import *im, const struct replay_settings *s,
                        const char *output);
int dhcp_scenario(struct dhcp_import *im, const struct replay_settings *s, struct scenario **sc);
int dhcp_replay(struct dhcp_import *im, const struct replay_settings *s);

#endif
