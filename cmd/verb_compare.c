/* `drywire compare`: compare two captures. */
#include "report/compare.h"
#include "base/files.h"
#include "verb.h"
#include "../sim/text/values.h"
#include "base/exit_codes.h"
#include <stdio.h>

struct compare_settings {
    enum grade grade;
    bool verbose;
};

static int compare_run(const struct call *call, const void *settings)
{
    const struct compare_settings *s = settings;
    struct compared sides[2] = {0};
    char problem[200];
    int code = EXIT_PASS;

    if (call->count != 2) {
        value_message(
            stderr, "drywire: compare takes two captures, e.g. drywire compare --grade p3 a.pcapng "
                    "b.pcapng\n");
        return EXIT_USAGE;
    }
    for (int i = 0; i < 2; i++) {
        sides[i].name = call->words[i];
        if (!capture_read(&sides[i].capture, call->words[i], problem, sizeof(problem)))
            continue;
        value_message(stderr, "drywire: %s: %s\n", call->words[i], problem);
        code = EXIT_USAGE;
    }
    if (!code)
        code = compare_captures(s->grade, &sides[0], &sides[1], s->verbose, stdout);
    capture_free(&sides[0].capture);
    capture_free(&sides[1].capture);
    return code;
}

static const struct option_place places[] = {
    OPTION("grade", compare_settings, grade),
    OPTION("verbose", compare_settings, verbose),
    {NULL},
};

const struct verb verb_compare = {compare_run, sizeof(struct compare_settings), places};
