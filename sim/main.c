/*
 * The program `drywire`: run scenarios, list them, explain what a seed does to one, serve the far
 * side of one.
 */
#include "../user/programs.h"
#include "live.h"
#include "observe.h"
#include "oracle.h"
#include "page.h"
#include "qemu.h"
#include "reactive.h"
#include "replay_exact.h"
#include "replay_journal.h"
#include "report.h"
#include "seq.h"
#include "stream_words.h"
#include "world.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STORY_SHORT = 20 };

#define SLIRP_MISSING "libslirp is missing: apt-get install libslirp-dev, then make"

/* ---- which scenarios ---- */

struct paths {
    char **path;
    size_t count, size;
};

static void paths_add(struct paths *p, const char *path)
{
    if (p->count == p->size) {
        p->size = p->size ? p->size * 2 : 64;
        p->path = realloc(p->path, p->size * sizeof(*p->path));
    }
    if (!p->path || !(p->path[p->count] = strdup(path))) {
        fprintf(stderr, "drywire: out of memory\n");
        exit(EXIT_HARNESS);
    }
    p->count++;
}

static void paths_walk(struct paths *p, const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *e;
    char path[4096];
    struct stat st;

    if (!d)
        return;
    while ((e = readdir(d))) {
        size_t n = strlen(e->d_name);

        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/",
                 e->d_name);
        if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            paths_walk(p, path);
        else if (n > 4 && strcmp(e->d_name + n - 4, ".scn") == 0)
            paths_add(p, path);
    }
    closedir(d);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A path does not exist: say so, with the nearest name of its folder. */
static void report_missing(const char *path)
{
    enum { NAMES = 1000 };
    const char *slash = strrchr(path, '/'), *near;
    size_t folder_len = slash ? (size_t)(slash - path) + 1 : 0;
    char folder[4096];
    char *names[NAMES + 1];
    size_t count = 0;
    int error = errno;
    struct dirent *e;
    DIR *d;

    snprintf(folder, sizeof(folder), "%.*s", (int)folder_len, path);
    d = opendir(slash ? folder : ".");
    while (d && count < NAMES && (e = readdir(d)))
        if ((names[count] = strdup(e->d_name)))
            count++;
    if (d)
        closedir(d);
    qsort(names, count, sizeof(*names), by_bytes);
    names[count] = NULL;
    near = nearest_word(path + folder_len, (const char *const *)names);
    fprintf(stderr, "drywire: %s: %s%s%s%s%s\n", path, strerror(error),
            near ? ", did you mean '" : "", near ? folder : "", near ? near : "", near ? "'?" : "");
    while (count)
        free(names[--count]);
}

/* 0, or EXIT_USAGE after a line on stderr. */
static int paths_collect(struct paths *p, char **words, int count)
{
    struct stat st;

    for (int i = 0; i < count; i++) {
        size_t before = p->count;

        if (stat(words[i], &st)) {
            report_missing(words[i]);
            return EXIT_USAGE;
        }
        if (!S_ISDIR(st.st_mode)) {
            paths_add(p, words[i]);
            continue;
        }
        paths_walk(p, words[i]);
        qsort(p->path + before, p->count - before, sizeof(*p->path), by_bytes);
    }
    return 0;
}

static void paths_free(struct paths *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->path[i]);
    free(p->path);
}

/* ---- run ---- */

/* Which of two exit codes says more. */
static int worse(int a, int b)
{
    static const int order[] = {EXIT_PASS,     EXIT_NOTHING, EXIT_CANNOT_TEST, EXIT_LIVELOCK,
                                EXIT_DIVERGED, EXIT_FAIL,    EXIT_USAGE,       EXIT_HARNESS};
    int best = 0;

    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (order[i] == a || order[i] == b)
            best = order[i];
    return best;
}

static const struct guest_ops *load_guest(const char *path)
{
    const struct guest_ops *(*entry)(void);
    const struct guest_ops *ops;
    char with_slash[4096];
    void *handle, *symbol;

    snprintf(with_slash, sizeof(with_slash), "%s%s", strchr(path, '/') ? "" : "./", path);
    handle = dlopen(with_slash, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "drywire: %s is not a guest: %s\n", path, dlerror());
        return NULL;
    }
    symbol = dlsym(handle, "drywire_guest");
    if (!symbol) {
        fprintf(stderr, "drywire: %s is not a guest: it has no drywire_guest()\n", path);
        return NULL;
    }
    memcpy(&entry, &symbol, sizeof(entry));
    ops = entry();
    if (!ops || ops->abi != GUEST_ABI || !ops->boot || !ops->poll || !ops->deadline) {
        fprintf(stderr, "drywire: %s is a guest of another version (want %d)\n", path, GUEST_ABI);
        return NULL;
    }
    return ops;
}

/* Why this scenario cannot be run here, or NULL. */
static const char *skip_reason(const struct scenario *sc)
{
#ifdef DRYWIRE_SLIRP
    (void)sc;
    return NULL;
#else
    return sc->world == WORLD_SLIRP ? SLIRP_MISSING : NULL;
#endif
}

static bool slirp_required(void)
{
    const char *require = getenv("DRYWIRE_REQUIRE");

    return require && strstr(require, "slirp");
}

/* Where libslirp is required, a skip is a failure. */
static void refuse_skip(struct verdict *v, const struct scenario *sc, const char *reason)
{
    v->failure.kind = FAILURE_EXPECT;
    snprintf(v->failure.oracle, sizeof(v->failure.oracle), "require.slirp");
    snprintf(v->failure.site, sizeof(v->failure.site), "%.150s", sc->path);
    snprintf(v->failure.message, sizeof(v->failure.message),
             "not run, and DRYWIRE_REQUIRE forbids that: %s", reason);
}

/* A file name for artifacts: the path with its slashes made harmless, and the seed. */
static void artifact_name(char *buf, size_t size, const struct scenario *sc,
                          const struct options *o, const char *suffix)
{
    size_t n = (size_t)snprintf(buf, size, "%s/", o->artifacts);
    const char *c = sc->path + strspn(sc->path, "./");

    for (; *c && n + 1 < size; c++)
        buf[n++] = *c == '/' ? '-' : *c;
    snprintf(buf + n, size - n, "-seed%" PRIu64 "%s", o->seed, suffix);
}

static void write_block(const char *path, const struct report_item *it)
{
    FILE *out = fopen(path, "w");

    if (!out)
        return;
    report_story(out, it);
    report_block(out, it);
    fclose(out);
}

static void tell(const struct report_item *it, bool single)
{
    const struct options *o = it->options;
    bool bad = !it->skip && it->verdict->failure.kind != FAILURE_NONE;
    FILE *out = o->json ? stderr : stdout;

    if (o->json)
        report_json(stdout, it);
    if (!it->skip && !o->quiet && !o->json && (single || o->verbose || bad))
        report_story(out, it);
    if (!o->json && (!o->quiet || bad))
        report_line(out, it);
    if (bad)
        report_block(out, it);
    if (o->annotate)
        report_github(it);
    if (o->junit)
        junit_add(it);
    fflush(NULL);
}

static int run_one(const struct scenario *sc, const struct options *o,
                   const struct guest_ops *guest, bool single, bool *skipped)
{
    static struct verdict nothing;
    struct report_item it = {.scenario = sc, .options = o, .verdict = &nothing};
    const char *pcap = o->pcap, *trace = o->trace;
    char pcap_name[4096], trace_name[4096], block_name[4096];
    int code;

    it.skip = skip_reason(sc);
    *skipped = it.skip;
    if (it.skip && slirp_required()) {
        refuse_skip(&nothing, sc, it.skip);
        it.skip = NULL;
        tell(&it, single);
        return EXIT_FAIL;
    }
    if (it.skip) {
        tell(&it, single);
        return EXIT_PASS;
    }
    if (o->artifacts) {
        artifact_name(pcap_name, sizeof(pcap_name), sc, o, ".pcapng");
        artifact_name(trace_name, sizeof(trace_name), sc, o, ".trace");
        artifact_name(block_name, sizeof(block_name), sc, o, ".txt");
        pcap = pcap ? pcap : pcap_name;
        trace = trace ? trace : trace_name;
    }
    it.verdict = child_run(sc, o, guest, pcap, trace, NULL, o->verbose ? STORY_ALL : STORY_SHORT);
    it.capture = pcap;
    code = failure_code(it.verdict->failure.kind);
    tell(&it, single);
    if (o->artifacts && code)
        write_block(block_name, &it);
    if (o->artifacts && !code) {
        unlink(pcap_name);
        unlink(trace_name);
    }
    return code;
}

/* Can these files be written? Asked before anything runs, leaving nothing behind. */
static int check_writable(const char *option, const char *path)
{
    bool existed;
    FILE *f;

    if (!path)
        return 0;
    existed = access(path, F_OK) == 0;
    f = fopen(path, "a");
    if (!f) {
        fprintf(stderr, "drywire: --%s %s: %s\n", option, path, strerror(errno));
        return EXIT_USAGE;
    }
    fclose(f);
    if (!existed)
        unlink(path);
    return 0;
}

static int check_outputs(const struct options *o, size_t scenarios)
{
    const char *one = o->pcap       ? "pcap"
                      : o->trace    ? "trace"
                      : o->log      ? "log"
                      : o->nic_pcap ? "nic-pcap"
                                    : NULL;

    if (one && scenarios > 1) {
        fprintf(stderr, "drywire: --%s is for a single scenario, here are %zu%s\n", one, scenarios,
                o->verb == VERB_RUN ? "; --artifacts DIR is for many" : "");
        return EXIT_USAGE;
    }
    if (o->artifacts && mkdir(o->artifacts, 0777) && errno != EEXIST) {
        fprintf(stderr, "drywire: --artifacts %s: %s\n", o->artifacts, strerror(errno));
        return EXIT_USAGE;
    }
    if (check_writable("pcap", o->pcap) || check_writable("trace", o->trace) ||
        check_writable("nic-pcap", o->nic_pcap) || check_writable("junit", o->junit) ||
        check_writable("log", o->log))
        return EXIT_USAGE;
    return 0;
}

/* A scenario, its device line changed as the options say. */
static int read_with_device(const char *path, const struct options *o, struct scenario **out)
{
    return o->device ? scenario_read_device(path, o->device, out, stderr)
                     : scenario_read(path, out, stderr);
}

static int run_all(const struct options *o, const struct paths *p, const struct guest_ops *guest)
{
    unsigned passed = 0, failures = 0, skips = 0;
    int code = EXIT_PASS;

    for (size_t i = 0; i < p->count; i++) {
        struct scenario *sc;
        bool skipped = false;
        int one = read_with_device(p->path[i], o, &sc);

        if (!one) {
            one = run_one(sc, o, guest, p->count == 1, &skipped);
            scenario_free(sc);
        }
        code = worse(code, one);
        if (one)
            failures++;
        else if (skipped)
            skips++;
        else
            passed++;
    }
    if (p->count > 1 && !o->json)
        printf("%u passed, %u failed, %u skipped\n", passed, failures, skips);
    return code;
}

static int verb_run(const struct options *o)
{
    const struct guest_ops *guest = NULL;
    struct paths p = {0};
    int code;

    if (!o->path_count) {
        fprintf(stderr, "drywire: run what? Name scenario files or folders, e.g. drywire run "
                        "tests/scenarios\n");
        return EXIT_USAGE;
    }
    code = paths_collect(&p, o->paths, o->path_count);
    if (!code && !p.count) {
        fprintf(stderr, "drywire: there is no scenario (*.scn) below %s\n", o->paths[0]);
        code = EXIT_NOTHING;
    }
    if (!code)
        code = check_outputs(o, p.count);
    if (!code && o->guest && !(guest = load_guest(o->guest)))
        code = EXIT_USAGE;
#ifdef DRYWIRE_SLIRP
    if (!code && world_slirp_self_test())
        code = EXIT_HARNESS;
#endif
    if (!code)
        code = run_all(o, &p, guest);
    if (o->junit && code != EXIT_USAGE && junit_write(o->junit)) {
        fprintf(stderr, "drywire: --junit %s: %s\n", o->junit, strerror(errno));
        code = worse(code, EXIT_HARNESS);
    }
    paths_free(&p);
    return code;
}

/* ---- list ---- */

static int verb_list(const struct options *o)
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

/* ---- explain ---- */

struct explanation {
    unsigned touched;
};

static void explain_frame(void *ctx, uint64_t time_ns, enum direction dir, const struct decoded *d,
                          size_t len, const char *fate)
{
    struct explanation *e = ctx;
    uint64_t us = (time_ns - SIM_POWER_ON_NS) / NS_PER_US;
    char what[200];

    if (!fate)
        return;
    e->touched++;
    printf("%6" PRIu64 ".%06" PRIu64 "  %s  %s: %s (%zu bytes)\n", us / 1000000, us % 1000000,
           dir == DIRECTION_TX ? "tx" : "rx", fate, decode_summary(d, what, sizeof(what)), len);
}

/* Decisions by stream: how often each was drawn, in the order of their first; or each one. */
static void explain_tape(const struct run_result *r, bool all)
{
    enum { STREAMS = 64 };
    const char *streams[STREAMS];
    size_t counts[STREAMS] = {0};
    unsigned count = 0;

    for (size_t i = 0; i < r->tape_count; i++) {
        const struct decision *d = &r->tape[i];
        unsigned k = 0;

        while (k < count && strcmp(streams[k], d->stream))
            k++;
        if (k == STREAMS)
            continue;
        streams[k] = d->stream;
        count += k == count;
        counts[k]++;
        if (all)
            printf("  %6" PRIu64 ".%06" PRIu64 "  %-16s draw %-6" PRIu64 " value %-8" PRIu64
                   " %s\n",
                   (d->time_ns - SIM_POWER_ON_NS) / NS_PER_S,
                   (d->time_ns - SIM_POWER_ON_NS) % NS_PER_S / NS_PER_US, d->stream, d->ordinal,
                   d->value, stream_words(d->stream));
    }
    for (unsigned k = 0; k < count; k++)
        printf("  %-16s %6zu %s  %s\n", streams[k], counts[k], counts[k] == 1 ? "time " : "times",
               stream_words(streams[k]));
    if (!count)
        puts("  none");
}

struct explain_job {
    const struct options *options;
    const struct scenario *scenario;
    const struct guest_ops *guest;
};

/* In a child, which a guest may crash. */
static int explain(void *ctx)
{
    const struct explain_job *job = ctx;
    const struct options *o = job->options;
    struct explanation e = {0};
    struct run_options ro = {
        .seed = o->seed, .guest = job->guest, .on_frame = explain_frame, .ctx = &e};
    struct run_context *c = run_context_new();
    struct run_result r;

    printf("%s, seed %" PRIu64 "\n\nFrames that a fault touched:\n", job->scenario->path, o->seed);
    run_scenario(c, job->scenario, &ro, &r);
    if (!e.touched)
        puts("  none");
    printf("\nDecisions that the seed drew%s:\n", o->verbose ? "" : " (-v: each one)");
    explain_tape(&r, o->verbose);
    printf("\n%s  hash=%016" PRIx64 "%s%s\n", r.failure.kind ? "fail" : "pass", r.hash,
           r.failure.kind ? "  " : "", r.failure.message);
    run_context_free(c);
    return failure_code(r.failure.kind);
}

static int verb_explain(const struct options *o)
{
    struct explain_job job = {.options = o};
    struct scenario *sc;
    int code;

    if (o->path_count != 1) {
        fprintf(stderr, "drywire: explain one scenario file, e.g. drywire explain FILE --seed 7\n");
        return EXIT_USAGE;
    }
    if (o->guest && !(job.guest = load_guest(o->guest)))
        return EXIT_USAGE;
    if (scenario_read(o->paths[0], &sc, stderr))
        return EXIT_USAGE;
    job.scenario = sc;
    if (skip_reason(sc)) {
        fprintf(stderr, "drywire: %s\n", skip_reason(sc));
        code = EXIT_CANNOT_TEST;
    } else {
        code = child_call(explain, &job, o->timeout_s);
    }
    scenario_free(sc);
    return code;
}

/* ---- report ---- */

/* How `to` is reached from the folder of the file `from`, both absolute. */
static void relative_path(char *buf, size_t size, const char *from, const char *to)
{
    size_t same = 0, n = 0;

    for (size_t i = 0; from[i] && from[i] == to[i]; i++)
        if (from[i] == '/')
            same = i + 1;
    buf[0] = 0;
    for (const char *c = from + same; (c = strchr(c, '/')); c++)
        n += (size_t)snprintf(buf + n, n < size ? size - n : 0, "../");
    snprintf(buf + (n < size ? n : size), n < size ? size - n : 0, "%s", to + same);
}

/* Where `make coverage` left its report in the build folder, seen from the page; NULL: nowhere. */
static const char *coverage_link(char *buf, size_t size, const char *page)
{
    char self[4096], index[4200], real_index[PATH_MAX], real_page[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0)
        return NULL;
    self[n] = 0;
    *strrchr(self, '/') = 0;
    snprintf(index, sizeof(index), "%s/coverage/index.html", self);
    if (!realpath(index, real_index) || !realpath(page, real_page))
        return NULL;
    relative_path(buf, size, real_page, real_index);
    return buf;
}

/* The page of a run that is over: 0 or EXIT_HARNESS after a line on stderr. */
static int write_page(const struct report_item *it, const struct page_log *log)
{
    const char *path = it->options->output;
    const struct verdict *v = it->verdict;
    char reproduce[1200], versions[120], coverage[2 * PATH_MAX];
    struct page_facts facts = {.scenario = it->scenario,
                               .failure = &v->failure,
                               .failure_kind = failure_kind_word(v->failure.kind),
                               .seed = it->options->seed,
                               .hash = v->hash,
                               .virtual_ns = v->virtual_ns,
                               .events = v->events,
                               .frames_tx = v->frames_tx,
                               .frames_rx = v->frames_rx,
                               .faults = v->faults,
                               .reproduce = reproduce,
                               .versions = versions};
    FILE *out = fopen(path, "w");
    struct stat st;
    bool good;

    if (out) {
        report_replay(reproduce, sizeof(reproduce), it);
        options_version(versions, sizeof(versions));
        facts.coverage = coverage_link(coverage, sizeof(coverage), path);
        page_write(out, &facts, log);
        good = !ferror(out);
        if (fclose(out) == 0 && good)
            return EXIT_PASS;
    }
    fprintf(stderr, "drywire: --output %s: %s\n", path, strerror(errno));
    if (out && stat(path, &st) == 0 && S_ISREG(st.st_mode))
        unlink(path); /* nothing half-written */
    return EXIT_HARNESS;
}

static int report_run(const struct scenario *sc, const struct options *o,
                      const struct guest_ops *guest)
{
    struct page_log *log = page_log_new();
    struct report_item it = {.scenario = sc, .options = o};
    int code;

    if (!log) {
        fprintf(stderr, "drywire: no memory for the run's events: %s\n", strerror(errno));
        return EXIT_HARNESS;
    }
    it.verdict = child_run(sc, o, guest, NULL, NULL, log, 0);
    code = write_page(&it, log);
    page_log_free(log);
    if (!code)
        report_line(stdout, &it);
    return code ? code : failure_code(it.verdict->failure.kind);
}

static int verb_report(const struct options *o)
{
    const struct guest_ops *guest = NULL;
    struct scenario *sc;
    int code;

    if (o->path_count != 1 || !o->output) {
        fprintf(stderr, "drywire: report one scenario file into a page, e.g. drywire report FILE "
                        "--seed 7 -o run.html\n");
        return EXIT_USAGE;
    }
    code = check_writable("output", o->output);
    if (!code && o->guest && !(guest = load_guest(o->guest)))
        code = EXIT_USAGE;
    if (!code)
        code = read_with_device(o->paths[0], o, &sc);
    if (code)
        return code;
    if (skip_reason(sc)) {
        fprintf(stderr, "drywire: %s\n", skip_reason(sc));
        code = EXIT_CANNOT_TEST;
    }
#ifdef DRYWIRE_SLIRP
    if (!code && world_slirp_self_test())
        code = EXIT_HARNESS;
#endif
    if (!code)
        code = report_run(sc, o, guest);
    scenario_free(sc);
    return code;
}

/* ---- seq ---- */

static int seq_scenario(const struct options *o)
{
    const struct guest_ops *guest = NULL;
    struct scenario *sc;
    int code;

    if (o->guest && !(guest = load_guest(o->guest)))
        return EXIT_USAGE;
    if (read_with_device(o->paths[0], o, &sc))
        return EXIT_USAGE;
    if (skip_reason(sc)) {
        fprintf(stderr, "drywire: %s\n", skip_reason(sc));
        code = EXIT_CANNOT_TEST;
    } else {
        code = seq_run(sc, guest, o);
    }
    scenario_free(sc);
    return code;
}

static int verb_seq(const struct options *o)
{
    if (o->path_count != 1) {
        fprintf(stderr, "drywire: seq takes one scenario file or capture, e.g. drywire seq FILE.scn "
                        "--seed 7\n");
        return EXIT_USAGE;
    }
    if (access(o->paths[0], R_OK)) {
        report_missing(o->paths[0]);
        return EXIT_USAGE;
    }
    return seq_is_capture(o->paths[0]) ? seq_capture(o->paths[0], o) : seq_scenario(o);
}

/* ---- world ---- */

/* 0, or EXIT_USAGE after a line on stderr. */
static int check_world(const struct options *o)
{
    if (o->path_count != 1) {
        fprintf(stderr, "drywire: world takes one scenario file, e.g. drywire world FILE --socket "
                        "net.sock\n");
        return EXIT_USAGE;
    }
    if (!o->socket == (o->fd == NO_FD)) {
        fprintf(stderr, "drywire: world needs --socket PATH or --fd N%s\n",
                o->socket ? ", not both" : "");
        return EXIT_USAGE;
    }
    if (o->peer && !o->socket) {
        fprintf(stderr, "drywire: --peer goes with --socket\n");
        return EXIT_USAGE;
    }
    return check_writable("pcap", o->pcap);
}

static int verb_world(const struct options *o)
{
    struct scenario *sc;
    int code = check_world(o);

    if (code)
        return code;
    if (scenario_read_far_side(o->paths[0], &sc, stderr))
        return EXIT_USAGE;
    if (skip_reason(sc)) {
        fprintf(stderr, "drywire: %s\n", skip_reason(sc));
        code = EXIT_CANNOT_TEST;
    }
#ifdef DRYWIRE_SLIRP
    if (!code && world_slirp_self_test())
        code = EXIT_HARNESS;
#endif
    if (!code)
        code = live_serve(sc, o, (struct live_guest){0});
    scenario_free(sc);
    return code;
}

/* ---- qemu ---- */

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
        code = worse(code, one);
        failures += one != 0;
        passed += one == 0;
    }
    if (p->count > 1)
        printf("%u passed, %u failed\n", passed, failures);
    return code;
}

static int verb_qemu(const struct options *o)
{
    struct paths p = {0};
    int code;

    if (!o->path_count) {
        fprintf(stderr, "drywire: qemu runs what? Name scenario files or folders, e.g. drywire qemu "
                        "tests/scenarios/common\n");
        return EXIT_USAGE;
    }
    code = paths_collect(&p, o->paths, o->path_count);
    if (!code && !p.count) {
        fprintf(stderr, "drywire: there is no scenario (*.scn) below %s\n", o->paths[0]);
        code = EXIT_NOTHING;
    }
    if (!code)
        code = check_outputs(o, p.count);
    if (!code)
        code = qemu_check(o);
#ifdef DRYWIRE_SLIRP
    if (!code && world_slirp_self_test())
        code = EXIT_HARNESS;
#endif
    if (!code)
        code = qemu_all(o, &p);
    paths_free(&p);
    return code;
}

/* ---- compare ---- */

static int verb_compare(const struct options *o)
{
    struct compared sides[2] = {0};
    char problem[200];
    int code = EXIT_PASS;

    if (o->path_count != 2) {
        fprintf(stderr, "drywire: compare takes two captures, e.g. drywire compare --grade p3 a.pcapng "
                        "b.pcapng\n");
        return EXIT_USAGE;
    }
    for (int i = 0; i < 2; i++) {
        sides[i].name = o->paths[i];
        if (!capture_read(&sides[i].capture, o->paths[i], problem, sizeof(problem)))
            continue;
        fprintf(stderr, "drywire: %s: %s\n", o->paths[i], problem);
        code = EXIT_USAGE;
    }
    if (!code)
        code = compare_captures(o->grade, &sides[0], &sides[1], o->verbose, stdout);
    capture_free(&sides[0].capture);
    capture_free(&sides[1].capture);
    return code;
}

/* ---- replay ---- */

/* Exactly when it is a run of ours, reactively when it is a stranger's or the options want that. */
static int replay_capture(const char *path, const struct options *o)
{
    bool observer = o->role == ROLE_OBSERVER, reactive = o->loose || o->flow || o->role;
    struct capture c;
    char problem[200];
    int code;

    if (observer ? capture_read_cut(&c, path, problem, sizeof(problem))
                 : capture_read(&c, path, problem, sizeof(problem))) {
        fprintf(stderr, "drywire: %s: %s\n", path, problem);
        return EXIT_USAGE;
    }
    if (!c.count) {
        fprintf(stderr, "drywire: %s: there is no frame in it\n", path);
        capture_free(&c);
        return EXIT_USAGE;
    }
    if (observer)
        return observe(path, &c, o);
    if (o->exact || (!reactive && replay_exact_possible(&c)))
        return replay_exact(path, &c, o);
    code = replay_reactive(&c, o);
    capture_free(&c);
    return code;
}

static int verb_replay(const struct options *o)
{
    if (o->path_count != 1) {
        fprintf(stderr, "drywire: replay takes one serial log or capture, e.g. drywire replay "
                        "run.pcapng\n");
        return EXIT_USAGE;
    }
    if (o->exact && (o->role || o->loose || o->flow)) {
        fprintf(stderr, "drywire: --exact runs the machine again as it was: not with --as, --loose or "
                        "--flow\n");
        return EXIT_USAGE;
    }
    if (access(o->paths[0], R_OK)) {
        report_missing(o->paths[0]);
        return EXIT_USAGE;
    }
    if (capture_recognised(o->paths[0]))
        return replay_capture(o->paths[0], o);
    if (o->exact || o->role || o->loose || o->flow) {
        fprintf(stderr, "drywire: %s: neither pcap nor pcapng\n", o->paths[0]);
        return EXIT_USAGE;
    }
    return replay_journal(o->paths[0], o);
}

int main(int argc, char **argv)
{
    struct options o;
    int code = options_parse(argc, argv, &o);

    if (code >= 0)
        return code;
    switch (o.verb) {
    case VERB_RUN:
        return verb_run(&o);
    case VERB_LIST:
        return verb_list(&o);
    case VERB_EXPLAIN:
        return verb_explain(&o);
    case VERB_WORLD:
        return verb_world(&o);
    case VERB_QEMU:
        return verb_qemu(&o);
    case VERB_COMPARE:
        return verb_compare(&o);
    case VERB_SEQ:
        return verb_seq(&o);
    case VERB_REPORT:
        return verb_report(&o);
    case VERB_REPLAY:
        return verb_replay(&o);
    case VERB_IMPORT:
        return import_capture(&o);
    }
    return EXIT_USAGE;
}
