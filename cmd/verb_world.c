/*
 * `drywire world`: the far side of a scenario, served to a guest of someone else.
 */
#include "qemu/live.h"
#include "base/files.h"
#include "verbs.h"
#include "../sim/text/values.h"
#include "base/outputs.h"
#include "base/can_run.h"
#include "base/exit_codes.h"
#include <stdio.h>

/* 0, or EXIT_USAGE after a line on stderr. */
static int check_world(const struct options *o)
{
    if (o->path_count != 1) {
        value_message(stderr,
                      "drywire: world takes one scenario file, e.g. drywire world FILE --socket "
                      "net.sock\n");
        return EXIT_USAGE;
    }
    if (!o->socket == (o->fd == NO_FD)) {
        value_message(stderr, "drywire: world needs --socket PATH or --fd N%s\n",
                      o->socket ? ", not both" : "");
        return EXIT_USAGE;
    }
    if (o->peer && !o->socket) {
        value_message(stderr, "drywire: --peer goes with --socket\n");
        return EXIT_USAGE;
    }
    return output_check("pcap", o->pcap);
}

int verb_world(const struct options *o)
{
    struct scenario *sc;
    int code = check_world(o);

    if (code)
        return code;
    if (scenario_read(o->paths[0], &(struct scenario_reading){.far_side = true}, &sc, stderr))
        return EXIT_USAGE;
    code = can_run(sc);
    if (!code)
        code = can_run_slirp();
    if (!code)
        code = live_serve(sc, o, (struct live_guest){0});
    scenario_free(sc);
    return code;
}
