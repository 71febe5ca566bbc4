/*
 * `drywire qemu`: scenarios in QEMU, our image against the far side.
 */
#include "base/paths.h"
#include "qemu/qemu.h"
#include "report/artifacts.h"
#include "report/results.h"
#include "base/outputs.h"
#include "verb.h"
#include "../sim/text/values.h"
#include "base/can_run.h"
#include "base/read_scenario.h"
#include "base/exit_codes.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct qemu_verb_settings {
    struct qemu_settings qemu;
    struct results_form form;
    const char *artifacts;
};

/* --artifacts: the folder for capture and log of a failure, unless options set them. */
static void qemu_name_artifacts(const char *path, const char *folder, struct qemu_settings *s,
                                char pcap[PATH_MAX], char log[PATH_MAX])
{
    if (!folder)
        return;
    artifact_name(pcap, PATH_MAX, folder, path, &s->choice, ".pcapng");
    artifact_name(log, PATH_MAX, folder, path, &s->choice, ".log");
    s->pcap = s->pcap ? s->pcap : pcap;
    s->log = s->log ? s->log : log;
}

/* A pass leaves no files. */
static void qemu_remove_artifacts(const struct qemu_settings *s, const char *pcap, const char *log)
{
    if (s->pcap == pcap)
        unlink(pcap);
    if (s->log == log)
        unlink(log);
}

/* The report of one run, and the words of its command. */
static struct report_item qemu_item(const struct qemu_settings *s, bool color, const char *path,
                                    const struct verdict *v, struct again *again)
{
    qemu_again(again, s, path, NULL);
    return (struct report_item){.path = path,
                                .verdict = v,
                                .program = s->program,
                                .again = again,
                                .seed = s->choice.seed,
                                .color = color};
}

static int qemu_one(struct results *results, const struct scenario *sc,
                    const struct qemu_verb_settings *s, bool color)
{
    static struct verdict v;
    static char pcap[PATH_MAX], log[PATH_MAX];
    const struct results_form *form = &s->form;
    struct qemu_settings qemu = s->qemu;
    struct again again;
    struct report_item it = qemu_item(&qemu, color, sc->path, &v, &again);
    struct qemu_result result;
    int code, told;

    qemu_name_artifacts(sc->path, s->artifacts, &qemu, pcap, log);
    code = qemu_run(sc, &qemu, !form->quiet && !form->json && (form->verbose || results->single),
                    &result);
    v.failure = result.failure;
    v.real_ns = result.real_ns;
    it.scenario = sc;
    it.text = result.text;
    it.capture = qemu.pcap;
    if (!result.text)
        it.error = result.error;
    told = results_add(results, &it);
    if (s->artifacts && report_failed(&it))
        told = worse_exit(told, artifact_block(s->artifacts, &it));
    else
        qemu_remove_artifacts(&qemu, pcap, log);
    free(result.text);
    free(result.error);
    return worse_exit(code, told);
}

static int qemu_unreadable(struct results *results, const char *path, const char *error,
                           const struct qemu_verb_settings *s, bool color)
{
    static const struct verdict nothing;
    struct again again;
    struct report_item it = qemu_item(&s->qemu, color, path, &nothing, &again);

    it.error = error;
    return results_add(results, &it);
}

static int qemu_all(const struct qemu_verb_settings *s, const struct paths *p, bool color)
{
    struct results results = {.form = &s->form, .single = p->count == 1};
    unsigned passed = 0, failed = 0;
    int code = EXIT_PASS;

    for (size_t i = 0; i < p->count; i++) {
        struct scenario *sc;
        char *error;
        int one = read_scenario_line(p->path[i], &s->qemu.choice, &sc, &error);

        if (one) {
            one = worse_exit(one, qemu_unreadable(&results, p->path[i], error, s, color));
            free(error);
        } else {
            one = qemu_one(&results, sc, s, color);
            scenario_free(sc);
        }
        code = worse_exit(code, one);
        failed += one != 0;
        passed += one == 0;
    }
    if (p->count > 1 && !s->form.json)
        printf("%u passed, %u failed\n", passed, failed);
    return worse_exit(code, results_end(&results));
}

static int qemu_check_outputs(const struct qemu_verb_settings *s, size_t scenarios)
{
    const struct qemu_settings *q = &s->qemu;
    const char *one = q->pcap ? "pcap" : q->log ? "log" : q->nic_pcap ? "nic-pcap" : NULL;

    if (one && scenarios > 1) {
        value_message(stderr, "drywire: --%s needs a single run of a single scenario\n", one);
        return EXIT_USAGE;
    }
    if (output_folder("artifacts", s->artifacts) || output_check("pcap", q->pcap) ||
        output_check("nic-pcap", q->nic_pcap) || output_check("junit", s->form.junit) ||
        output_check("log", q->log))
        return EXIT_USAGE;
    return 0;
}

static int qemu_verb(const struct call *call, const void *settings)
{
    struct qemu_verb_settings s = *(const struct qemu_verb_settings *)settings;
    struct paths p = {0};
    int code;

    s.qemu.program = call->program;
    s.qemu.verbose = s.form.verbose;
    s.qemu.target = s.qemu.target ? s.qemu.target : "x86_64";
    code = paths_scenarios(&p, call->words, call->count, ".scn", "qemu tests/scenarios/common");
    if (!code)
        code = qemu_check_outputs(&s, p.count);
    if (!code)
        code = qemu_check(&s.qemu);
    if (!code)
        code = can_run_slirp();
    if (!code)
        code = qemu_all(&s, &p, call->color);
    paths_free(&p);
    return code;
}

static const struct option_place places[] = {
    OPTION("seed", qemu_verb_settings, qemu.choice.seed),
    OPTION("pcap", qemu_verb_settings, qemu.pcap),
    RESULTS_OPTIONS(qemu_verb_settings),
    OPTION("timeout", qemu_verb_settings, qemu.timeout_s),
    OPTION("target", qemu_verb_settings, qemu.target),
    OPTION("machine", qemu_verb_settings, qemu.machine),
    OPTION("device", qemu_verb_settings, qemu.choice.device),
    OPTION("net", qemu_verb_settings, qemu.net),
    OPTION("icount", qemu_verb_settings, qemu.icount),
    OPTION("kernel", qemu_verb_settings, qemu.kernel),
    OPTION("arg", qemu_verb_settings, qemu.args),
    OPTION("log", qemu_verb_settings, qemu.log),
    OPTION("journal", qemu_verb_settings, qemu.journal),
    OPTION("gdb", qemu_verb_settings, qemu.gdb),
    OPTION("nic-pcap", qemu_verb_settings, qemu.nic_pcap),
    OPTION("detail", qemu_verb_settings, qemu.detail),
    {NULL},
};

const struct verb verb_qemu = {qemu_verb, sizeof(struct qemu_verb_settings), places};
