/* `drywire replay`: replay a serial log's journal, or a capture by its kind. */
#include "replay/found.h"
#include "base/files.h"
#include "replay/observe.h"
#include "report/artifacts.h"
#include "report/results.h"
#include "base/aside.h"
#include "base/paths.h"
#include "replay/reactive.h"
#include "replay/replay_exact.h"
#include "replay/replay_journal.h"
#include "base/outputs.h"
#include "verb.h"
#include "../sim/text/values.h"
#include "base/exit_codes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct replay_verb_settings {
    struct replay_settings replay;
    struct results_form form;
    const char *artifacts;
    bool gdb;
};

/* Exactly if it is a run of drywire, reactively if it is from another program or the options
 * request that. */
static int replay_capture(const char *path, const struct replay_settings *s)
{
    bool observer = s->role == ROLE_OBSERVER, reactive = s->loose || s->flow || s->role;
    struct capture c;
    char problem[200];
    int code;

    if (observer ? capture_read_cut(&c, path, problem, sizeof(problem))
                 : capture_read(&c, path, problem, sizeof(problem))) {
        value_message(stderr, "drywire: %s: %s\n", path, problem);
        return EXIT_USAGE;
    }
    if (!c.count) {
        value_message(stderr, "drywire: %s: contains no frames\n", path);
        capture_free(&c);
        return EXIT_USAGE;
    }
    if (observer)
        return observe(path, &c, s);
    if (s->exact || (!reactive && exact_run_possible(&c)))
        code = replay_exact(path, &c, s);
    else
        code = reactive_replay(&c, s);
    capture_free(&c);
    return code;
}

static int replay_log(const char *path, const struct replay_verb_settings *s)
{
    const struct replay_settings *r = &s->replay;

    if (!r->exact && !r->role && !r->loose && !r->flow)
        return replay_journal(path, s->gdb, s->form.verbose);
    value_message(stderr, "drywire: %s: neither pcap nor pcapng\n", path);
    return EXIT_USAGE;
}

/* It ended without a verdict: use its exit code and its errors. */
static void replay_fail(struct failure *f, int code, const char *errors)
{
    f->kind = code == EXIT_LIVELOCK  ? FAILURE_LIVELOCK
              : code == EXIT_HARNESS ? FAILURE_HARNESS
                                     : FAILURE_CRASH;
    snprintf(f->oracle, sizeof(f->oracle), "replay");
    snprintf(f->message, sizeof(f->message), "%.*s", (int)strcspn(errors, "\n"), errors);
}

/* The output is captured until the end, then reported as one result like that of a run. */
static int replay_one(const char *path, const struct replay_verb_settings *s,
                      const struct call *call)
{
    static struct verdict v;
    struct replay_settings run = s->replay;
    struct results results = {.form = &s->form, .single = true};
    struct again again;
    struct report_item it = {.path = path,
                             .verdict = &v,
                             .program = call->program,
                             .again = &again,
                             .memory = run.choice.memory,
                             .color = call->color};
    struct aside out, err;
    struct timespec start, end;
    char *errors, *text;
    int code, told;

    clock_gettime(CLOCK_MONOTONIC, &start);
    replay_found()->seed = run.choice.seed;
    aside_begin(&out, stdout);
    aside_begin(&err, stderr);
    code = capture_recognised(path) ? replay_capture(path, &s->replay) : replay_log(path, s);
    errors = aside_end(&err);
    text = aside_end(&out);
    clock_gettime(CLOCK_MONOTONIC, &end);
    v.real_ns = (uint64_t)(end.tv_sec - start.tv_sec) * NS_PER_S + (uint64_t)end.tv_nsec -
                (uint64_t)start.tv_nsec;
    it.seed = run.choice.seed = replay_found()->seed;
    replay_again(&again, &run);
    v.failure = replay_found()->failure;
    if (code && code != EXIT_USAGE && code != EXIT_CANNOT_TEST && !v.failure.kind)
        replay_fail(&v.failure, code, errors);
    it.text = text;
    it.capture = capture_recognised(path) ? path : NULL;
    if (code != EXIT_USAGE)
        fputs(errors, stderr);
    errors[strcspn(errors, "\n")] = 0;
    it.error = code == EXIT_USAGE ? errors : NULL;
    it.skip = code == EXIT_CANNOT_TEST ? errors : NULL;
    told = results_add(&results, &it);
    if (s->artifacts && report_failed(&it))
        told = worse_exit(told, artifact_block(s->artifacts, &it));
    code = worse_exit(code, worse_exit(told, results_end(&results)));
    free(errors);
    free(text);
    return code;
}

static int replay_verb(const struct call *call, const void *settings)
{
    struct replay_verb_settings s = *(const struct replay_verb_settings *)settings;
    struct replay_settings *r = &s.replay;

    if (call->count != 1) {
        value_message(stderr,
                      "drywire: replay takes one serial log or capture, e.g. drywire replay "
                      "run.pcapng\n");
        return EXIT_USAGE;
    }
    if (r->exact && (r->role || r->loose || r->flow)) {
        value_message(stderr, "drywire: --exact repeats a captured run: it cannot be combined with "
                              "--as, --loose or --flow\n");
        return EXIT_USAGE;
    }
    if (r->role == ROLE_OBSERVER && (r->loose || r->flow)) {
        value_message(stderr, "drywire: --as observer takes every frame: it cannot be combined "
                              "with --loose or --flow\n");
        return EXIT_USAGE;
    }
    if (access(call->words[0], R_OK)) {
        paths_report_missing(stderr, call->words[0]);
        return EXIT_USAGE;
    }
    if (output_folder("artifacts", s.artifacts) || output_check("junit", s.form.junit))
        return EXIT_USAGE;
    r->path = call->words[0];
    r->verbose = s.form.verbose;
    if (s.gdb && !capture_recognised(r->path))
        return replay_log(r->path, &s); /* this process execs gdb, on this terminal */
    return replay_one(r->path, &s, call);
}

static const struct option_place places[] = {
    OPTION("seed", replay_verb_settings, replay.choice.seed),
    OPTION("memory", replay_verb_settings, replay.choice.memory),
    RESULTS_OPTIONS(replay_verb_settings),
    OPTION("timeout", replay_verb_settings, replay.timeout_s),
    OPTION("gdb", replay_verb_settings, gdb),
    OPTION("flow", replay_verb_settings, replay.flow),
    OPTION("as", replay_verb_settings, replay.role),
    OPTION("loose", replay_verb_settings, replay.loose),
    OPTION("exact", replay_verb_settings, replay.exact),
    {NULL},
};

const struct verb verb_replay = {replay_verb, sizeof(struct replay_verb_settings), places};
