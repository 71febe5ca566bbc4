/*
 * `drywire qemu`: scenarios in QEMU, our image against the far side.
 */
#include "base/paths.h"
#include "qemu/qemu.h"
#include "report/artifacts.h"
#include "report/results.h"
#include "verbs.h"
#include "../sim/text/values.h"
#include "base/can_run.h"
#include "base/read_scenario.h"
#include "base/exit_codes.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --artifacts: where a failure leaves its capture and its log, unless options of their own say. */
static void name_artifacts(const char *path, struct options *o, char pcap[PATH_MAX],
                           char log[PATH_MAX])
{
    if (!o->artifacts)
        return;
    artifact_name(pcap, PATH_MAX, path, o, ".pcapng");
    artifact_name(log, PATH_MAX, path, o, ".log");
    o->pcap = o->pcap ? o->pcap : pcap;
    o->log = o->log ? o->log : log;
}

/* A pass leaves nothing. */
static void remove_artifacts(const struct options *o, const char *pcap, const char *log)
{
    if (o->pcap == pcap)
        unlink(pcap);
    if (o->log == log)
        unlink(log);
}

static int run_one(struct results *results, const struct scenario *sc, const struct options *given)
{
    static struct verdict v;
    static char pcap[PATH_MAX], log[PATH_MAX];
    struct options o = *given;
    struct report_item it = {.scenario = sc, .verdict = &v, .options = &o};
    struct qemu_result result;
    int code, told;

    name_artifacts(sc->path, &o, pcap, log);
    code = qemu_run(sc, &o, !o.quiet && !o.json && (o.verbose || results->single), &result);
    v.failure = result.failure;
    v.real_ns = result.real_ns;
    it.text = result.text;
    it.capture = o.pcap;
    if (!result.text)
        it.error = result.error;
    told = results_add(results, &it);
    if (o.artifacts && report_failed(&it))
        told = worse_exit(told, artifact_block(&it));
    else
        remove_artifacts(&o, pcap, log);
    free(result.text);
    free(result.error);
    return worse_exit(code, told);
}

static int qemu_all(const struct options *o, const struct paths *p)
{
    struct results results = {.single = p->count == 1};
    unsigned passed = 0, failed = 0;
    int code = EXIT_PASS;

    for (size_t i = 0; i < p->count; i++) {
        struct scenario *sc;
        char *error;
        int one = read_scenario_line(p->path[i], &o->choice, &sc, &error);

        if (one) {
            one = worse_exit(one, results_unreadable(&results, p->path[i], error, o));
            free(error);
        } else {
            one = run_one(&results, sc, o);
            scenario_free(sc);
        }
        code = worse_exit(code, one);
        failed += one != 0;
        passed += one == 0;
    }
    if (p->count > 1 && !o->json)
        printf("%u passed, %u failed\n", passed, failed);
    return worse_exit(code, results_end(&results, o));
}

int verb_qemu(const struct options *o)
{
    struct paths p = {0};
    int code;

    if (!o->path_count) {
        value_message(stderr,
                      "drywire: qemu runs what? Name scenario files or folders, e.g. drywire qemu "
                      "tests/scenarios/common\n");
        return EXIT_USAGE;
    }
    code = collect_scenarios(o, &p);
    if (!code)
        code = qemu_check(o);
    if (!code)
        code = can_run_slirp();
    if (!code)
        code = qemu_all(o, &p);
    paths_free(&p);
    return code;
}
