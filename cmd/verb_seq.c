/*
 * `drywire seq`: the ladder of a scenario's run or of a capture.
 */
#include "../sim/frame/capture.h"
#include "base/files.h"
#include "base/paths.h"
#include "report/seq.h"
#include "verb.h"
#include "../sim/text/values.h"
#include "base/guest_file.h"
#include "base/can_run.h"
#include "base/read_scenario.h"
#include "base/exit_codes.h"
#include <stdio.h>
#include <unistd.h>

static int seq_scenario(const char *path, const struct seq_settings *s)
{
    const struct guest_ops *guest = NULL;
    struct scenario *sc;
    int code;

    if (s->choice.guest && !(guest = guest_file_load(s->choice.guest)))
        return EXIT_USAGE;
    if (read_scenario(path, &s->choice, &sc, stderr))
        return EXIT_USAGE;
    code = can_run(sc);
    if (!code)
        code = seq_run(sc, guest, s);
    scenario_free(sc);
    return code;
}

/* The struct of the command is the one of seq.h. */
static int seq_verb(const struct call *call, const void *settings)
{
    struct seq_settings s = *(const struct seq_settings *)settings;

    if (call->count != 1) {
        value_message(stderr,
                      "drywire: seq takes one scenario file or capture, e.g. drywire seq FILE.scn "
                      "--seed 7\n");
        return EXIT_USAGE;
    }
    if (access(call->words[0], R_OK)) {
        paths_report_missing(stderr, call->words[0]);
        return EXIT_USAGE;
    }
    s.color = call->color;
    return capture_recognised(call->words[0]) ? seq_capture(call->words[0], &s)
                                              : seq_scenario(call->words[0], &s);
}

static const struct option_place places[] = {
    OPTION("seed", seq_settings, choice.seed),
    OPTION("memory", seq_settings, choice.memory),
    OPTION("guest", seq_settings, choice.guest),
    OPTION("timeout", seq_settings, timeout_s),
    OPTION("device", seq_settings, choice.device),
    OPTION("mermaid", seq_settings, mermaid),
    OPTION("width", seq_settings, width),
    OPTION("verbose", seq_settings, verbose),
    {NULL},
};

const struct verb verb_seq = {seq_verb, sizeof(struct seq_settings), places};
