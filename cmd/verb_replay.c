/*
 * `drywire replay`: a serial log's journal, or a capture in the way that suits it.
 */
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
#include "verbs.h"
#include "../sim/text/values.h"
#include "base/exit_codes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Exactly when it is a run of ours, reactively when it is a stranger's or the options want that. */
static int replay_capture(const char *path, const struct options *o)
{
    bool observer = o->role == ROLE_OBSERVER, reactive = o->loose || o->flow || o->role;
    struct capture c;
    char problem[200];
    int code;

    if (observer ? capture_read_cut(&c, path, problem, sizeof(problem))
                 : capture_read(&c, path, problem, sizeof(problem))) {
        value_message(stderr, "drywire: %s: %s\n", path, problem);
        return EXIT_USAGE;
    }
    if (!c.count) {
        value_message(stderr, "drywire: %s: there is no frame in it\n", path);
        capture_free(&c);
        return EXIT_USAGE;
    }
    if (observer)
        return observe(path, &c, o);
    if (o->exact || (!reactive && exact_run_possible(&c)))
        code = replay_exact(path, &c, o);
    else
        code = reactive_replay(&c, o);
    capture_free(&c);
    return code;
}

static int replay_log(const char *path, const struct options *o)
{
    if (!o->exact && !o->role && !o->loose && !o->flow)
        return replay_journal(path, o);
    value_message(stderr, "drywire: %s: neither pcap nor pcapng\n", path);
    return EXIT_USAGE;
}

/* It ended without a word about what it found: as its exit code says, and its errors. */
static void fail(struct failure *f, int code, const char *errors)
{
    f->kind = code == EXIT_LIVELOCK  ? FAILURE_LIVELOCK
              : code == EXIT_HARNESS ? FAILURE_HARNESS
                                     : FAILURE_CRASH;
    snprintf(f->oracle, sizeof(f->oracle), "replay");
    snprintf(f->message, sizeof(f->message), "%.*s", (int)strcspn(errors, "\n"), errors);
}

/* What is printed is set aside until it is known how it ends: then it is one result like a
 * run's. */
static int replay_one(const char *path, const struct options *o)
{
    static struct verdict v;
    struct options run = *o;
    struct results results = {.single = true};
    struct report_item it = {.path = path, .verdict = &v, .options = &run};
    struct aside out, err;
    struct timespec start, end;
    char *errors, *text;
    int code, told;

    clock_gettime(CLOCK_MONOTONIC, &start);
    replay_found()->seed = o->choice.seed;
    aside_begin(&out, stdout);
    aside_begin(&err, stderr);
    code = capture_recognised(path) ? replay_capture(path, o) : replay_log(path, o);
    errors = aside_end(&err);
    text = aside_end(&out);
    clock_gettime(CLOCK_MONOTONIC, &end);
    v.real_ns = (uint64_t)(end.tv_sec - start.tv_sec) * NS_PER_S + (uint64_t)end.tv_nsec -
                (uint64_t)start.tv_nsec;
    run.choice.seed = replay_found()->seed;
    v.failure = replay_found()->failure;
    if (code && code != EXIT_USAGE && code != EXIT_CANNOT_TEST && !v.failure.kind)
        fail(&v.failure, code, errors);
    it.text = text;
    it.capture = capture_recognised(path) ? path : NULL;
    if (code != EXIT_USAGE)
        fputs(errors, stderr);
    errors[strcspn(errors, "\n")] = 0;
    it.error = code == EXIT_USAGE ? errors : NULL;
    it.skip = code == EXIT_CANNOT_TEST ? errors : NULL;
    told = results_add(&results, &it);
    if (o->artifacts && report_failed(&it))
        told = worse_exit(told, artifact_block(&it));
    code = worse_exit(code, worse_exit(told, results_end(&results, o)));
    free(errors);
    free(text);
    return code;
}

int verb_replay(const struct options *o)
{
    if (o->path_count != 1) {
        value_message(stderr,
                      "drywire: replay takes one serial log or capture, e.g. drywire replay "
                      "run.pcapng\n");
        return EXIT_USAGE;
    }
    if (o->exact && (o->role || o->loose || o->flow)) {
        value_message(
            stderr, "drywire: --exact runs the machine again as it was: not with --as, --loose or "
                    "--flow\n");
        return EXIT_USAGE;
    }
    if (o->role == ROLE_OBSERVER && (o->loose || o->flow)) {
        value_message(stderr,
                      "drywire: --as observer takes every frame: not with --loose or --flow\n");
        return EXIT_USAGE;
    }
    if (access(o->paths[0], R_OK)) {
        paths_report_missing(stderr, o->paths[0]);
        return EXIT_USAGE;
    }
    if (check_outputs(o, 1))
        return EXIT_USAGE;
    if (o->gdb && !capture_recognised(o->paths[0]))
        return replay_log(o->paths[0], o); /* it becomes gdb, on this terminal */
    return replay_one(o->paths[0], o);
}
