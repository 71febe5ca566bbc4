/*
 * `drywire report`: run a scenario, or what a capture stands for, and write its page (page.h).
 */
#include "../sim/base/memory.h"
#include "base/files.h"
#include "report/page.h"
#include "base/paths.h"
#include "worker/pool.h"
#include "replay/reactive.h"
#include "replay/replay_exact.h"
#include "report/report.h"
#include "verbs.h"
#include "../sim/text/values.h"
#include "base/outputs.h"
#include "base/guest_file.h"
#include "base/can_run.h"
#include "base/version.h"
#include "base/read_scenario.h"
#include "base/exit_codes.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    char self[4096], index[4200], folder[PATH_MAX], real_index[PATH_MAX], real_page[PATH_MAX + 2];
    const char *slash = strrchr(page, '/');
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0)
        return NULL;
    self[n] = 0;
    *strrchr(self, '/') = 0;
    snprintf(index, sizeof(index), "%s/coverage/index.html", self);
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - page + 1) : 1,
             slash ? page : ".");
    if (!realpath(index, real_index) || !realpath(folder, real_page))
        return NULL;
    strcat(real_page, "/"); /* the page in it */
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
                               .seed = it->options->choice.seed,
                               .hash = v->hash,
                               .virtual_ns = v->virtual_ns,
                               .events = v->events,
                               .reproduce = reproduce,
                               .versions = versions};
    char *page;
    size_t len;
    FILE *out = memory_stream(&page, &len);
    int code;

    report_replay(reproduce, sizeof(reproduce), it);
    version_words(versions, sizeof(versions));
    facts.coverage = coverage_link(coverage, sizeof(coverage), path);
    page_write(out, &facts, log);
    memory_stream_close(out);
    code = output_write("output", path, page, len);
    free(page);
    return code;
}

static int report_run(const struct scenario *sc, const struct options *o,
                      const struct guest_ops *guest)
{
    struct page_log *log = page_log_new();
    struct job job = {.scenario = sc, .options = *o, .guest = guest, .log = log};
    struct report_item it = {.scenario = sc, .options = o};
    int code;

    if (!log) {
        value_message(stderr, "drywire: no memory for the run's events: %s\n", strerror(errno));
        return EXIT_HARNESS;
    }
    it.verdict = pool_run_one(&job);
    code = write_page(&it, log);
    page_log_free(log);
    if (!code)
        report_line(stdout, &it);
    return code ? code : failure_code(it.verdict->failure.kind);
}

/* The run that a capture is of, or that plays it to the core: as `drywire replay` would. */
static int read_capture(const struct options *o, struct scenario **sc, struct options *run)
{
    const char *path = o->paths[0];
    struct capture c;
    struct exact_run exact = {0};
    char problem[200];
    int code;

    if (o->choice.guest || o->choice.device || o->role == ROLE_OBSERVER) {
        value_message(stderr, "drywire: report of a capture: not with %s\n",
                      o->choice.guest    ? "--guest"
                      : o->choice.device ? "--device"
                                         : "--as observer");
        return EXIT_USAGE;
    }
    if (capture_read(&c, path, problem, sizeof(problem))) {
        value_message(stderr, "drywire: %s: %s\n", path, problem);
        return EXIT_USAGE;
    }
    *run = *o;
    run->loose = o->loose || o->flow || o->role || !exact_run_possible(&c);
    if (run->loose) {
        code = reactive_scenario(&c, o, sc);
    } else {
        code = exact_run_open(&exact, path, &c, o);
        *sc = exact.scenario;
        *run = exact.options;
    }
    run->verb = VERB_REPLAY;
    capture_free(&c);
    return code;
}

int verb_report(const struct options *o)
{
    const struct guest_ops *guest = NULL;
    struct options run = *o;
    struct scenario *sc;
    int code;

    if (o->path_count != 1 || !o->output) {
        value_message(
            stderr, "drywire: report one scenario file or capture into a page, e.g. drywire report "
                    "FILE --seed 7 -o run.html\n");
        return EXIT_USAGE;
    }
    if (access(o->paths[0], R_OK)) {
        paths_report_missing(stderr, o->paths[0]);
        return EXIT_USAGE;
    }
    code = output_check("output", o->output);
    if (!code && o->choice.guest && !(guest = guest_file_load(o->choice.guest)))
        code = EXIT_USAGE;
    if (!code)
        code = capture_recognised(o->paths[0])
                   ? read_capture(o, &sc, &run)
                   : read_scenario(o->paths[0], &o->choice, &sc, stderr);
    if (code)
        return code;
    code = can_run(sc);
    if (!code)
        code = can_run_slirp();
    run.program = "build/drywire"; /* the page is the same from every build */
    if (!code)
        code = report_run(sc, &run, guest);
    scenario_free(sc);
    return code;
}
