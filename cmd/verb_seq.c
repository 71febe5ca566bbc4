/*
 * `drywire seq`: the ladder of a scenario's run or of a capture.
 */
#include "../sim/frame/capture.h"
#include "base/files.h"
#include "base/paths.h"
#include "report/seq.h"
#include "verbs.h"
#include "../sim/text/values.h"
#include "base/guest_file.h"
#include "base/can_run.h"
#include "base/read_scenario.h"
#include "base/exit_codes.h"
#include <stdio.h>
#include <unistd.h>

static int seq_scenario(const struct options *o)
{
    const struct guest_ops *guest = NULL;
    struct scenario *sc;
    int code;

    if (o->choice.guest && !(guest = guest_file_load(o->choice.guest)))
        return EXIT_USAGE;
    if (read_scenario(o->paths[0], &o->choice, &sc, stderr))
        return EXIT_USAGE;
    code = can_run(sc);
    if (!code)
        code = seq_run(sc, guest, o);
    scenario_free(sc);
    return code;
}

int verb_seq(const struct options *o)
{
    if (o->path_count != 1) {
        value_message(stderr,
                      "drywire: seq takes one scenario file or capture, e.g. drywire seq FILE.scn "
                      "--seed 7\n");
        return EXIT_USAGE;
    }
    if (access(o->paths[0], R_OK)) {
        paths_report_missing(stderr, o->paths[0]);
        return EXIT_USAGE;
    }
    return capture_recognised(o->paths[0]) ? seq_capture(o->paths[0], o) : seq_scenario(o);
}
