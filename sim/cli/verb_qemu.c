/*
 * `drywire qemu`: scenarios in QEMU, our image against the far side.
 */
#include "paths.h"
#include "../qemu/qemu.h"
#include "verbs.h"
#include <stdio.h>

static int qemu_all(const struct options *o, const struct paths *p)
{
    unsigned passed = 0, failures = 0;
    int code = EXIT_PASS;

    for (size_t i = 0; i < p->count; i++) {
        struct scenario *sc;
        int one = read_with_device(p->path[i], o, &sc);

        if (!one) {
            one = qemu_run(sc, o, p->count == 1);
            scenario_free(sc);
        }
        fflush(NULL);
        code = worse_exit(code, one);
        failures += one != 0;
        passed += one == 0;
    }
    if (p->count > 1)
        printf("%u passed, %u failed\n", passed, failures);
    return code;
}

int verb_qemu(const struct options *o)
{
    struct paths p = {0};
    int code;

    if (!o->path_count) {
        fprintf(stderr,
                "drywire: qemu runs what? Name scenario files or folders, e.g. drywire qemu "
                "tests/scenarios/common\n");
        return EXIT_USAGE;
    }
    code = collect_scenarios(o, &p);
    if (!code)
        code = qemu_check(o);
    if (!code)
        code = check_slirp();
    if (!code)
        code = qemu_all(o, &p);
    paths_free(&p);
    return code;
}
