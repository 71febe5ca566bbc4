/*
 * `drywire run`: run scenarios, each with its seeds and memory models, in workers (pool.h); prints
 * a verdict line for each, writes the artifacts of failures, and a summary.
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
#include "base/outputs.h"
#include "seed_range.h"
#include "verb.h"
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

struct run_settings {
    struct seed_range seeds;
    struct run_choice choice; /* its seed is that of each run */
    uint64_t jobs;            /* parallel runs; 0: one per processor */
    uint64_t repeat, timeout_s;
    struct results_form form;
    const char *pcap, *trace, *artifacts, *break_at;
    bool check_determinism, detail, gdb;
};

/* A file of the command line, in its order. */
struct file {
    const char *path;
    struct scenario *scenario; /* NULL: not readable */
    char *error;               /* then: why */
    const char *skip;          /* the reason not to run it, or NULL */
    int code;                  /* of a file that is not run */
    unsigned memories;         /* runs per seed: one, or one with each memory model */
    uint64_t first;            /* the number of its first run */
};

/* The results of a file's runs so far. */
struct tally {
    uint64_t runs, failed;
    uint64_t first_failed; /* seed */
    uint64_t real_ns;      /* of all */
    uint64_t idle;         /* runs with a fault that did not fire */
    uint64_t first_idle;   /* seed of the first of them, and which faults */
    char idle_words[CLAIM_IDLE_MAX];
    struct failure failure; /* of the first that failed, and its block, to be freed */
    char *block;
    int code;
};

struct runner {
    const struct run_settings *s;
    const struct call *call;
    const struct guest_ops *guest;
    struct file *files;
    size_t count;
    uint64_t seeds; /* for each file */

    size_t at; /* the present file */
    struct tally tally;
    struct results results;
    unsigned passed, failed, skipped, unreadable;
    uint64_t runs, runs_failed, runs_all;
    int code;
};

/* Where libslirp is required, a skip is a failure. */
static bool run_slirp_required(void)
{
    const char *require = getenv("DRYWIRE_REQUIRE");

    return require && strstr(require, "slirp");
}

static void run_refuse_skip(struct verdict *v, const struct scenario *sc, const char *reason)
{
    v->failure.kind = FAILURE_EXPECT;
    snprintf(v->failure.oracle, sizeof(v->failure.oracle), "require.slirp");
    snprintf(v->failure.site, sizeof(v->failure.site), "%.150s", sc->path);
    snprintf(v->failure.message, sizeof(v->failure.message),
             "skipped, but DRYWIRE_REQUIRE forbids skipping: %s", reason);
}

/* ---- the list of runs ---- */

static uint64_t run_runs_of(const struct runner *r, const struct file *f)
{
    return f->scenario && !f->skip ? r->seeds * f->memories : 0;
}

/* The file of run number `index`: the last one that starts at or before it and has runs. */
static const struct file *run_file_of(const struct runner *r, uint64_t index)
{
    size_t low = 0, high = r->count;

    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        *(r->files[middle].first <= index ? &low : &high) = middle;
    }
    while (!run_runs_of(r, &r->files[low]))
        low--;
    return &r->files[low];
}

static void run_make_job(void *ctx, uint64_t index, struct job *job)
{
    const struct runner *r = ctx;
    const struct file *f = run_file_of(r, index);
    uint64_t nth = index - f->first;

    job->scenario = f->scenario;
    job->choice = r->s->choice;
    job->choice.seed = r->s->seeds.first + nth / f->memories;
    if (r->s->choice.memory == MEMORY_BOTH)
        job->choice.memory = f->memories == 1    ? MEMORY_DRAW
                             : nth % f->memories ? MEMORY_STRONG
                                                 : MEMORY_WEAK;
    job->repeat = r->s->check_determinism && r->s->repeat < 2 ? 2 : r->s->repeat;
    job->timeout_s = r->s->timeout_s;
    job->registers = r->s->detail;
    job->detail = r->s->form.verbose;
    job->guest = r->guest;
    job->log = NULL;
    job->story_lines = r->s->form.verbose ? STORY_ALL : STORY_SHORT;
    job->pcap[0] = job->trace[0] = 0;
    job->pcap_stays = r->s->pcap != NULL;
    job->trace_stays = r->s->trace != NULL;
    if (r->s->artifacts) {
        artifact_name(job->pcap, sizeof(job->pcap), r->s->artifacts, f->scenario->path,
                      &job->choice, ".pcapng");
        artifact_name(job->trace, sizeof(job->trace), r->s->artifacts, f->scenario->path,
                      &job->choice, ".trace");
    }
    if (r->s->pcap)
        snprintf(job->pcap, sizeof(job->pcap), "%s", r->s->pcap);
    if (r->s->trace)
        snprintf(job->trace, sizeof(job->trace), "%s", r->s->trace);
}

/* ---- output ---- */

/* The report of a run or file, and the words of its command. */
static struct report_item run_item(const struct runner *r, const char *path,
                                   const struct run_choice *choice, const struct verdict *v,
                                   struct again *again)
{
    again_start(again, "run", path, choice->seed);
    again_choice(again, choice);
    if (r->s->check_determinism)
        again_add(again, " --check-determinism");
    if (r->s->repeat > 1)
        again_add(again, " --repeat %" PRIu64, r->s->repeat);
    return (struct report_item){.path = path,
                                .verdict = v,
                                .program = r->call->program,
                                .again = again,
                                .seed = choice->seed,
                                .memory = choice->memory,
                                .color = r->call->color,
                                .bisect = true};
}

/* With many seeds only the first failure is reported in full, then at the end the number of
 * failures, and the idle faults and allowances of all runs. */
static void run_tell_many(const struct runner *r, const struct file *f)
{
    const struct tally *t = &r->tally;
    bool bad = t->failed;
    char *text;
    size_t len;
    FILE *out;

    if (r->s->form.json || (r->s->form.quiet && !bad))
        return;
    progress_erase();
    out = memory_stream(&text, &len);
    fprintf(out, "%s  %s  seeds=%" PRIu64 "..%" PRIu64 "  %" PRIu64 " runs, %" PRIu64 " failed",
            bad ? "fail" : "pass", value_shown(f->scenario->path), r->s->seeds.first,
            r->s->seeds.first + r->seeds - 1, t->runs, t->failed);
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

static void run_keep_first(struct tally *t, const struct report_item *it)
{
    size_t len;
    FILE *out = memory_stream(&t->block, &len);

    report_block(out, it);
    memory_stream_close(out);
    t->first_failed = it->seed;
    t->failure = it->verdict->failure;
}

/* One JUnit case for all runs of a file: its failure is the first one. */
static void run_junit_many(const struct runner *r, const struct file *f)
{
    static struct verdict v;
    const struct tally *t = &r->tally;
    struct run_choice choice = r->s->choice;
    struct again again;
    char words[160];
    struct report_item it;
    int n = snprintf(words, sizeof(words),
                     "%" PRIu64 "..%" PRIu64 ": %" PRIu64 " runs, %" PRIu64 " failed", choice.seed,
                     choice.seed + r->seeds - 1, t->runs, t->failed);

    if (t->failed) {
        snprintf(words + n, sizeof(words) - (size_t)n, ", first seed=%" PRIu64, t->first_failed);
        choice.seed = t->first_failed;
    }
    v.failure = t->failure;
    v.real_ns = t->real_ns;
    it = run_item(r, f->scenario->path, &choice, &v, &again);
    it.scenario = f->scenario;
    it.text = t->block;
    it.tally = words;
    if (r->s->form.junit)
        junit_add(&it);
}

/* ---- verdicts in order ---- */

static void run_count_file(struct runner *r, int code, bool skipped)
{
    r->code = worse_exit(r->code, code);
    if (code)
        r->failed++;
    else if (skipped)
        r->skipped++;
    else
        r->passed++;
}

/* Report files without runs, up to the next one with runs. */
static void run_pass_over(struct runner *r)
{
    static struct verdict nothing;

    for (; r->at < r->count && !run_runs_of(r, &r->files[r->at]); r->at++) {
        struct file *f = &r->files[r->at];
        struct again again;
        struct report_item it =
            run_item(r, f->scenario ? f->scenario->path : f->path, &r->s->choice, &nothing, &again);

        it.scenario = f->scenario;
        it.skip = f->skip;
        it.error = f->error;
        if (f->scenario && run_slirp_required()) {
            run_refuse_skip(&nothing, f->scenario, f->skip);
            it.skip = NULL;
            f->code = EXIT_FAIL;
        }
        r->code = worse_exit(r->code, results_add(&r->results, &it));
        if (f->scenario) {
            run_count_file(r, f->code, true);
        } else {
            r->code = worse_exit(r->code, f->code);
            r->unreadable++;
        }
    }
}

static void run_take_verdict(void *ctx, uint64_t index, const struct verdict *v)
{
    struct runner *r = ctx;
    struct tally *t = &r->tally;
    struct job *job = memory_unset(sizeof(*job));
    struct again again;
    struct report_item it = {0};
    const struct file *f;
    int code = failure_code(v->failure.kind);
    bool reported = code || r->seeds == 1 || r->s->form.json; /* else only counted */

    run_pass_over(r);
    f = &r->files[r->at];
    run_make_job(r, index, job);
    if (reported) {
        it = run_item(r, f->scenario->path, &job->choice, v, &again);
        it.scenario = f->scenario;
        it.of_many = r->seeds > 1;
        it.capture = job->pcap[0] ? job->pcap : NULL;
    }
    r->runs++;
    r->runs_failed += code != 0;
    t->runs++;
    t->real_ns += v->real_ns;
    if (code && !t->failed++)
        run_keep_first(t, &it);
    if (v->claim.idle[0] && !t->idle++) {
        t->first_idle = job->choice.seed;
        memcpy(t->idle_words, v->claim.idle, sizeof(t->idle_words));
    }
    if (r->seeds == 1 || r->s->form.json || (code && t->failed == 1))
        r->code = worse_exit(r->code, results_add(&r->results, &it));
    if (r->s->artifacts && code)
        code = worse_exit(code, artifact_block(r->s->artifacts, &it));
    t->code = worse_exit(t->code, code);
    if (t->runs == run_runs_of(r, f)) {
        if (r->seeds > 1) {
            run_tell_many(r, f);
            run_junit_many(r, f);
        }
        free(t->block);
        run_count_file(r, t->code, false);
        *t = (struct tally){0};
        r->at++;
        run_pass_over(r);
    }
    free(job);
}

static void run_show_progress(void *ctx, uint64_t finished)
{
    const struct runner *r = ctx;

    progress_show(finished, r->runs_all, r->runs_failed);
}

/* ---- the command ---- */

static void run_read_files(struct runner *r, const struct paths *p)
{
    uint64_t runs = 0;

    r->count = p->count;
    r->files = memory_new(p->count, sizeof(*r->files));
    for (size_t i = 0; i < p->count; i++) {
        struct file *f = &r->files[i];

        f->path = p->path[i];
        f->code = read_scenario_line(f->path, &r->s->choice, &f->scenario, &f->error);
        if (f->code)
            f->scenario = NULL;
        else
            f->skip = can_run_reason(f->scenario);
        f->memories = f->scenario && r->s->choice.memory == MEMORY_BOTH &&
                              run_memory(f->scenario) == TOGGLE_DRAW
                          ? 2
                          : 1;
        f->first = runs;
        runs += run_runs_of(r, f);
    }
    r->runs_all = runs;
    r->results.single = p->count == 1 && runs <= 1;
}

static void run_print_summary(const struct runner *r)
{
    bool stopped = r->code > 128;

    progress_erase();
    if ((r->count == 1 && !stopped) || r->s->form.json)
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

static uint64_t run_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? (uint64_t)n : 1;
}

static int run_all(const struct run_settings *s, const struct call *call, const struct paths *p,
                   const struct guest_ops *guest)
{
    struct runner r = {.s = s,
                       .call = call,
                       .guest = guest,
                       .seeds = s->seeds.more + 1,
                       .results = {.form = &s->form}};
    struct pool pool = {.job = run_make_job,
                        .done = run_take_verdict,
                        .progress = run_show_progress,
                        .ctx = &r,
                        .workers = (unsigned)(s->jobs ? s->jobs : run_processors()),
                        .timeout_s = s->timeout_s,
                        .alone = guest != NULL};
    int code;

    run_read_files(&r, p);
    pool.count = r.runs_all;
    progress_start(r.runs_all);
    run_pass_over(&r);
    code = pool_run(&pool);
    r.code = code > 128 ? code : worse_exit(r.code, code);
    run_print_summary(&r);
    code = results_end(&r.results);
    r.code = r.code > 128 ? r.code : worse_exit(r.code, code);
    for (size_t i = 0; i < r.count; i++) {
        scenario_free(r.files[i].scenario);
        free(r.files[i].error);
    }
    free(r.files);
    return r.code;
}

static int run_check_outputs(const struct run_settings *s, size_t scenarios)
{
    const char *one = s->pcap ? "pcap" : s->trace ? "trace" : NULL;

    if (one && (scenarios > 1 || s->seeds.more || s->choice.memory == MEMORY_BOTH)) {
        value_message(stderr,
                      "drywire: --%s needs a single run of a single scenario; for several, use "
                      "--artifacts DIR\n",
                      one);
        return EXIT_USAGE;
    }
    if (output_folder("artifacts", s->artifacts) || output_check("pcap", s->pcap) ||
        output_check("trace", s->trace) || output_check("junit", s->form.junit))
        return EXIT_USAGE;
    return 0;
}

static int run_verb(const struct call *call, const void *settings)
{
    struct run_settings s = *(const struct run_settings *)settings;
    const struct guest_ops *guest = NULL;
    struct paths p = {0};
    int code;

    s.choice.seed = s.seeds.first;
    pool_prepare();
    code = paths_scenarios(&p, call->words, call->count, ".scn", "run tests/scenarios");
    if (!code)
        code = run_check_outputs(&s, p.count);
    if (!code && s.choice.guest && !(guest = guest_file_load(s.choice.guest)))
        code = EXIT_USAGE;
    if (!code && (s.gdb || s.break_at) && (!s.gdb || p.count > 1)) {
        value_message(stderr, s.gdb ? "drywire: --gdb needs a single scenario\n"
                                    : "drywire: --break-at needs --gdb\n");
        code = EXIT_USAGE;
    }
    if (!code && s.gdb)
        code = run_under_gdb(call->words[0], &s.choice, s.break_at);
    else if (!code)
        code = can_run_slirp();
    if (!code)
        code = run_all(&s, call, &p, guest);
    paths_free(&p);
    return code;
}

static const struct option_place places[] = {
    OPTION("seed", run_settings, seeds.first),
    OPTION("seeds", run_settings, seeds),
    OPTION("jobs", run_settings, jobs),
    OPTION("memory", run_settings, choice.memory),
    OPTION("repeat", run_settings, repeat),
    OPTION("check-determinism", run_settings, check_determinism),
    OPTION("pcap", run_settings, pcap),
    OPTION("trace", run_settings, trace),
    RESULTS_OPTIONS(run_settings),
    OPTION("guest", run_settings, choice.guest),
    OPTION("timeout", run_settings, timeout_s),
    OPTION("device", run_settings, choice.device),
    OPTION("gdb", run_settings, gdb),
    OPTION("break-at", run_settings, break_at),
    OPTION("detail", run_settings, detail),
    {NULL},
};

const struct verb verb_run = {run_verb, sizeof(struct run_settings), places};
