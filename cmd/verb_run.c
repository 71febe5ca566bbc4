/*
 * `drywire run`: scenarios, each under its seeds and memories, in workers (pool.h); a verdict line
 * for each, the artifacts of those that fail, and a summary.
 */
#include "../sim/base/memory.h"
#include "report/fold.h"
#include "report/artifacts.h"
#include "report/results.h"
#include "base/whole_file.h"
#include "base/paths.h"
#include "worker/pool.h"
#include "worker/progress.h"
#include "worker/under_gdb.h"
#include "verbs.h"
#include "../sim/text/values.h"
#include "base/guest_file.h"
#include "base/can_run.h"
#include "base/read_scenario.h"
#include "base/exit_codes.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STORY_SHORT = 20 };

/* A file that was named, in the order of the command line. */
struct file {
    const char *path;
    struct scenario *scenario; /* NULL: it cannot be read */
    char *error;               /* then: why */
    const char *skip;          /* why it is not run, or NULL */
    int code;                  /* of what is not run */
    unsigned memories;         /* runs for each seed: one, or one with each memory */
    uint64_t first;            /* the number of its first run */
};

/* What came of a file's runs so far. */
struct tally {
    uint64_t runs, failed;
    uint64_t first_failed; /* seed */
    uint64_t real_ns;      /* of all */
    uint64_t idle;         /* runs in which some fault did not fire */
    uint64_t first_idle;   /* seed of the first of them, and which faults */
    char idle_words[CLAIM_IDLE_MAX];
    struct failure failure; /* of the first that failed, and its block, to be freed */
    char *block;
    int code;
};

struct runner {
    const struct options *o;
    const struct guest_ops *guest;
    struct file *files;
    size_t count;
    uint64_t seeds; /* for each file */

    size_t at; /* the file that is under way */
    struct tally tally;
    struct results results;
    unsigned passed, failed, skipped, unreadable;
    uint64_t runs, runs_failed, runs_all;
    int code;
};

/* Where libslirp is required, a skip is a failure. */
static bool slirp_required(void)
{
    const char *require = getenv("DRYWIRE_REQUIRE");

    return require && strstr(require, "slirp");
}

static void refuse_skip(struct verdict *v, const struct scenario *sc, const char *reason)
{
    v->failure.kind = FAILURE_EXPECT;
    snprintf(v->failure.oracle, sizeof(v->failure.oracle), "require.slirp");
    snprintf(v->failure.site, sizeof(v->failure.site), "%.150s", sc->path);
    snprintf(v->failure.message, sizeof(v->failure.message),
             "not run, and DRYWIRE_REQUIRE forbids that: %s", reason);
}

/* ---- which runs there are ---- */

static uint64_t runs_of(const struct runner *r, const struct file *f)
{
    return f->scenario && !f->skip ? r->seeds * f->memories : 0;
}

/* The file that run number `index` is of: the last one that starts at or before it and has runs. */
static const struct file *file_of(const struct runner *r, uint64_t index)
{
    size_t low = 0, high = r->count;

    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        *(r->files[middle].first <= index ? &low : &high) = middle;
    }
    while (!runs_of(r, &r->files[low]))
        low--;
    return &r->files[low];
}

static void make_job(void *ctx, uint64_t index, struct job *job)
{
    const struct runner *r = ctx;
    const struct file *f = file_of(r, index);
    uint64_t nth = index - f->first;

    job->scenario = f->scenario;
    job->options = *r->o;
    job->guest = r->guest;
    job->log = NULL;
    job->story_lines = r->o->verbose ? STORY_ALL : STORY_SHORT;
    job->options.choice.seed += nth / f->memories;
    if (r->o->choice.memory == MEMORY_BOTH)
        job->options.choice.memory = f->memories == 1    ? MEMORY_DRAW
                                     : nth % f->memories ? MEMORY_STRONG
                                                         : MEMORY_WEAK;
    job->pcap[0] = job->trace[0] = 0;
    job->pcap_stays = r->o->pcap != NULL;
    job->trace_stays = r->o->trace != NULL;
    if (r->o->artifacts) {
        artifact_name(job->pcap, sizeof(job->pcap), f->scenario->path, &job->options, ".pcapng");
        artifact_name(job->trace, sizeof(job->trace), f->scenario->path, &job->options, ".trace");
    }
    if (r->o->pcap)
        snprintf(job->pcap, sizeof(job->pcap), "%s", r->o->pcap);
    if (r->o->trace)
        snprintf(job->trace, sizeof(job->trace), "%s", r->o->trace);
}

/* ---- what is printed and written ---- */

/* Of many seeds only the first that fails is told whole, and at the end how many did, and what one
 * run's line would say of faults and permissions. */
static void tell_many(const struct runner *r, const struct file *f)
{
    const struct tally *t = &r->tally;
    bool bad = t->failed;
    char *text;
    size_t len;
    FILE *out;

    if (r->o->json || (r->o->quiet && !bad))
        return;
    progress_erase();
    out = memory_stream(&text, &len);
    fprintf(out, "%s  %s  seeds=%" PRIu64 "..%" PRIu64 "  %" PRIu64 " runs, %" PRIu64 " failed",
            bad ? "fail" : "pass", value_shown(f->scenario->path), r->o->choice.seed,
            r->o->choice.seed + r->seeds - 1, t->runs, t->failed);
    if (bad)
        fprintf(out, ", first seed=%" PRIu64, t->first_failed);
    if (t->idle)
        fprintf(out, ", %" PRIu64 " with idle faults (first seed=%" PRIu64 ": %s)", t->idle,
                t->first_idle, t->idle_words);
    report_permits(out, f->scenario);
    fputc('\n', out);
    memory_stream_close(out);
    fold_print(stdout, text, fold_width(stdout));
    free(text);
    fflush(NULL);
}

static void keep_first(struct tally *t, const struct report_item *it)
{
    size_t len;
    FILE *out = memory_stream(&t->block, &len);

    report_block(out, it);
    memory_stream_close(out);
    t->first_failed = it->options->choice.seed;
    t->failure = it->verdict->failure;
}

/* One JUnit case for all runs of a file: its failure is that of the first that failed. */
static void junit_many(const struct runner *r, const struct file *f)
{
    static struct verdict v;
    const struct tally *t = &r->tally;
    struct options o = *r->o;
    char words[160];
    struct report_item it = {
        .scenario = f->scenario, .verdict = &v, .options = &o, .text = t->block, .tally = words};
    int n = snprintf(words, sizeof(words),
                     "%" PRIu64 "..%" PRIu64 ": %" PRIu64 " runs, %" PRIu64 " failed",
                     o.choice.seed, o.choice.seed + r->seeds - 1, t->runs, t->failed);

    if (t->failed) {
        snprintf(words + n, sizeof(words) - (size_t)n, ", first seed=%" PRIu64, t->first_failed);
        o.choice.seed = t->first_failed;
    }
    v.failure = t->failure;
    v.real_ns = t->real_ns;
    if (o.junit)
        junit_add(&it);
}

/* ---- verdicts as they come ---- */

static void count_file(struct runner *r, int code, bool skipped)
{
    r->code = worse_exit(r->code, code);
    if (code)
        r->failed++;
    else if (skipped)
        r->skipped++;
    else
        r->passed++;
}

/* Files that have no runs, up to the next one that has. */
static void pass_over(struct runner *r)
{
    static struct verdict nothing;

    for (; r->at < r->count && !runs_of(r, &r->files[r->at]); r->at++) {
        struct file *f = &r->files[r->at];
        struct report_item it = {
            .scenario = f->scenario, .options = r->o, .verdict = &nothing, .skip = f->skip};

        if (f->scenario && slirp_required()) {
            refuse_skip(&nothing, f->scenario, f->skip);
            it.skip = NULL;
            f->code = EXIT_FAIL;
        }
        if (f->scenario) {
            r->code = worse_exit(r->code, results_add(&r->results, &it));
            count_file(r, f->code, true);
        } else {
            r->code = worse_exit(r->code, results_unreadable(&r->results, f->path, f->error, r->o));
            r->code = worse_exit(r->code, f->code);
            r->unreadable++;
        }
    }
}

static void take_verdict(void *ctx, uint64_t index, const struct verdict *v)
{
    struct runner *r = ctx;
    struct tally *t = &r->tally;
    struct job *job = memory_unset(sizeof(*job));
    struct report_item it = {.options = &job->options, .verdict = v};
    const struct file *f;
    int code = failure_code(v->failure.kind);

    pass_over(r);
    f = &r->files[r->at];
    make_job(r, index, job);
    it.scenario = f->scenario;
    it.of_many = r->seeds > 1;
    it.capture = job->pcap[0] ? job->pcap : NULL;
    r->runs++;
    r->runs_failed += code != 0;
    t->runs++;
    t->real_ns += v->real_ns;
    if (code && !t->failed++)
        keep_first(t, &it);
    if (v->claim.idle[0] && !t->idle++) {
        t->first_idle = job->options.choice.seed;
        memcpy(t->idle_words, v->claim.idle, sizeof(t->idle_words));
    }
    if (r->seeds == 1 || r->o->json || (code && t->failed == 1))
        r->code = worse_exit(r->code, results_add(&r->results, &it));
    if (r->o->artifacts && code)
        code = worse_exit(code, artifact_block(&it));
    t->code = worse_exit(t->code, code);
    if (t->runs == runs_of(r, f)) {
        if (r->seeds > 1) {
            tell_many(r, f);
            junit_many(r, f);
        }
        free(t->block);
        count_file(r, t->code, false);
        *t = (struct tally){0};
        r->at++;
        pass_over(r);
    }
    free(job);
}

static void show_progress(void *ctx, uint64_t finished)
{
    const struct runner *r = ctx;

    progress_show(finished, r->runs_all, r->runs_failed);
}

/* ---- the command ---- */

static void read_files(struct runner *r, const struct paths *p)
{
    uint64_t runs = 0;

    r->count = p->count;
    r->files = memory_new(p->count, sizeof(*r->files));
    for (size_t i = 0; i < p->count; i++) {
        struct file *f = &r->files[i];

        f->path = p->path[i];
        f->code = read_scenario_line(f->path, &r->o->choice, &f->scenario, &f->error);
        if (f->code)
            f->scenario = NULL;
        else
            f->skip = can_run_reason(f->scenario);
        f->memories = f->scenario && r->o->choice.memory == MEMORY_BOTH &&
                              run_memory(f->scenario) == TOGGLE_DRAW
                          ? 2
                          : 1;
        f->first = runs;
        runs += runs_of(r, f);
    }
    r->runs_all = runs;
    r->results.single = p->count == 1 && runs <= 1;
}

static void print_summary(const struct runner *r)
{
    bool stopped = r->code > 128;

    progress_erase();
    if ((r->count == 1 && !stopped) || r->o->json)
        return;
    printf("%u passed, %u failed, %u skipped", r->passed, r->failed, r->skipped);
    if (r->unreadable)
        printf(", %u could not be read", r->unreadable);
    if (r->runs_all != r->count - r->unreadable)
        printf(", %" PRIu64 " runs", r->runs);
    if (stopped)
        printf("; stopped, %" PRIu64 " runs left", r->runs_all - r->runs);
    putchar('\n');
}

static int run_all(const struct options *o, const struct paths *p, const struct guest_ops *guest)
{
    struct runner r = {.o = o, .guest = guest, .seeds = o->seeds};
    struct pool pool = {.job = make_job,
                        .done = take_verdict,
                        .progress = show_progress,
                        .ctx = &r,
                        .workers = (unsigned)o->jobs,
                        .timeout_s = o->timeout_s,
                        .alone = guest != NULL};
    int code;

    read_files(&r, p);
    pool.count = r.runs_all;
    progress_start(r.runs_all);
    pass_over(&r);
    code = pool_run(&pool);
    r.code = code > 128 ? code : worse_exit(r.code, code);
    print_summary(&r);
    code = results_end(&r.results, o);
    r.code = r.code > 128 ? r.code : worse_exit(r.code, code);
    for (size_t i = 0; i < r.count; i++) {
        scenario_free(r.files[i].scenario);
        free(r.files[i].error);
    }
    free(r.files);
    return r.code;
}

int verb_run(const struct options *o)
{
    const struct guest_ops *guest = NULL;
    struct paths p = {0};
    int code;

    if (!o->path_count) {
        value_message(stderr, "drywire: run what? Name scenario files or folders, e.g. drywire run "
                              "tests/scenarios\n");
        return EXIT_USAGE;
    }
    pool_prepare();
    code = collect_scenarios(o, &p);
    if (!code && o->choice.guest && !(guest = guest_file_load(o->choice.guest)))
        code = EXIT_USAGE;
    if (!code && (o->gdb || o->break_at) && (!o->gdb || p.count > 1)) {
        value_message(stderr, o->gdb ? "drywire: --gdb is for a single scenario\n"
                                     : "drywire: --break-at is for --gdb: give both\n");
        code = EXIT_USAGE;
    }
    if (!code && o->gdb)
        code = run_under_gdb(o);
    else if (!code)
        code = can_run_slirp();
    if (!code)
        code = run_all(o, &p, guest);
    paths_free(&p);
    return code;
}
