/*
 * `drywire import`: a capture's flow as a scenario in a file.
 */
#include "replay/reactive.h"
#include "base/files.h"
#include "verb.h"
#include "../sim/text/values.h"
#include "base/outputs.h"
#include "base/exit_codes.h"
#include <stdio.h>

struct import_settings {
    const char *output;
    uint64_t flow;
    enum role role;
};

static int import_run(const struct call *call, const void *settings)
{
    const struct import_settings *s = settings;
    struct replay_settings replay = {.path = call->words[0], .flow = s->flow, .role = s->role};
    struct capture c;
    char problem[200];
    int code;

    if (s->role == ROLE_OBSERVER) {
        value_message(stderr, "drywire: import takes --as client or --as server; --as observer is "
                              "for drywire replay\n");
        return EXIT_USAGE;
    }
    if (call->count != 1 || !s->output) {
        value_message(
            stderr, "drywire: import takes one capture, e.g. drywire import web.pcap -o web.scn\n");
        return EXIT_USAGE;
    }
    if (output_check("output", s->output))
        return EXIT_USAGE;
    if (capture_read(&c, call->words[0], problem, sizeof(problem))) {
        value_message(stderr, "drywire: %s: %s\n", call->words[0], problem);
        return EXIT_USAGE;
    }
    code = reactive_write(&c, &replay, s->output);
    capture_free(&c);
    return code;
}

static const struct option_place places[] = {
    OPTION("output", import_settings, output),
    OPTION("flow", import_settings, flow),
    OPTION("as", import_settings, role),
    {NULL},
};

const struct verb verb_import = {import_run, sizeof(struct import_settings), places};
