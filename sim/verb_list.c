/*
 * `drywire list`: scenarios with their titles, programs, oracles.
 */
#include "../user/programs.h"
#include "oracle.h"
#include "paths.h"
#include "verbs.h"
#include <stdio.h>

int verb_list(const struct options *o)
{
    static char standard[] = "tests/scenarios";
    char *only[] = {standard};
    struct paths p = {0};
    int code =
        paths_collect(&p, o->path_count ? o->paths : only, o->path_count ? o->path_count : 1);

    for (size_t i = 0; i < p.count && code != EXIT_HARNESS; i++) {
        struct scenario *sc;

        if (scenario_read(p.path[i], &sc, stderr)) {
            code = EXIT_USAGE;
            continue;
        }
        printf("%-48s %s\n", sc->path, sc->title);
        scenario_free(sc);
    }
    puts("\nPrograms:");
    for (unsigned i = 0; i < programs_count; i++)
        printf("  %s\n", programs[i].usage);
    puts("\nOracles about frames and TCP (docs/simulator.md has those of the device):");
    for (unsigned i = 0; oracle_names[i][0]; i++)
        printf("  %-18s %s (%s)\n", oracle_names[i][0], oracle_names[i][2], oracle_names[i][1]);
    paths_free(&p);
    return code;
}
