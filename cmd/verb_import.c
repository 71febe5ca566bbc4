/*
 * `drywire import`: a capture's flow as a scenario in a file.
 */
#include "replay/reactive.h"
#include "base/files.h"
#include "verbs.h"
#include "../sim/text/values.h"
#include "base/outputs.h"
#include "base/exit_codes.h"
#include <stdio.h>

int verb_import(const struct options *o)
{
    struct capture c;
    char problem[200];
    int code;

    if (o->role == ROLE_OBSERVER) {
        value_message(
            stderr,
            "drywire: import puts the core in a client's or a server's place; --as observer is "
            "for replay\n");
        return EXIT_USAGE;
    }
    if (o->path_count != 1 || !o->output) {
        value_message(
            stderr, "drywire: import takes one capture, e.g. drywire import web.pcap -o web.scn\n");
        return EXIT_USAGE;
    }
    if (output_check("output", o->output))
        return EXIT_USAGE;
    if (capture_read(&c, o->paths[0], problem, sizeof(problem))) {
        value_message(stderr, "drywire: %s: %s\n", o->paths[0], problem);
        return EXIT_USAGE;
    }
    code = reactive_write(&c, o);
    capture_free(&c);
    return code;
}
