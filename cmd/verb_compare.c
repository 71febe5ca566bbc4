/*
 * `drywire compare`: are two captures the same conversation?
 */
#include "report/compare.h"
#include "base/files.h"
#include "verbs.h"
#include "../sim/text/values.h"
#include "base/exit_codes.h"
#include <stdio.h>

int verb_compare(const struct options *o)
{
    struct compared sides[2] = {0};
    char problem[200];
    int code = EXIT_PASS;

    if (o->path_count != 2) {
        value_message(
            stderr, "drywire: compare takes two captures, e.g. drywire compare --grade p3 a.pcapng "
                    "b.pcapng\n");
        return EXIT_USAGE;
    }
    for (int i = 0; i < 2; i++) {
        sides[i].name = o->paths[i];
        if (!capture_read(&sides[i].capture, o->paths[i], problem, sizeof(problem)))
            continue;
        value_message(stderr, "drywire: %s: %s\n", o->paths[i], problem);
        code = EXIT_USAGE;
    }
    if (!code)
        code = compare_captures(o->grade, &sides[0], &sides[1], o->verbose, stdout);
    capture_free(&sides[0].capture);
    capture_free(&sides[1].capture);
    return code;
}
