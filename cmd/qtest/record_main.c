/*
 * The program `record`: one scenario in the simulator, with seed 1, recorded as by `qtest
 * --record`. For tests that compare the fake device with QEMU's.
 *
 *     record FILE.scn [WITHHELD_FEATURE_BIT]
 */
#include "../../sim/machine/guest_core.h"
#include "../../sim/run/run.h"
#include "../../sim/world/world.h"
#include "record.h"
#include "../base/exit_codes.h"
#include "../base/files.h"
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct record_options record = {.out = stdout, .withhold = argc > 2 ? atoi(argv[2]) : -1};
    struct run_options o = {.seed = 1, .guest = record_guest(&guest_core, &record)};
    struct run_context *c;
    struct scenario *sc;
    struct run_result r;

    if (argc < 2 || scenario_read(argv[1], NULL, &sc, stderr))
        return EXIT_USAGE;
#ifdef DRYWIRE_SLIRP
    if (world_slirp_self_test())
        return EXIT_HARNESS;
#endif
    c = run_context_new();
    run_scenario(c, sc, &o, &r);
    if (r.failure.kind)
        printf("failure %s %s\n", r.failure.oracle, r.failure.message);
    run_context_free(c);
    scenario_free(sc);
    return r.failure.kind ? EXIT_FAIL : EXIT_PASS;
}
