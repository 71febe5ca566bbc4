/* `drywire report`: run a scenario, or the run of a capture, and write its page (page.h). */
#include "../core/base/minmax.h"
#include "../sim/base/memory.h"
#include "base/files.h"
#include "report/page.h"
#include "base/paths.h"
#include "worker/pool.h"
#include "replay/reactive.h"
#include "replay/replay_exact.h"
#include "report/report.h"
#include "verb.h"
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

struct report_settings {
    struct run_choice choice;
    uint64_t timeout_s;
    const char *output;
    uint64_t flow; /* of a capture */
    enum role role;
    bool loose;
};

/* The run on the page. */
struct report_run {
    struct scenario *scenario;
    struct run_choice choice;
    bool registers;
    struct again again; /* `drywire run`, or `replay` of the capture */
};

/* The relative path from the folder of the file `from` to `to`, both absolute. */
static void report_relative(char *buf, size_t size, const char *from, const char *to)
{
    size_t same = 0, n = 0;

    for (size_t i = 0; from[i] && from[i] == to[i]; i++)
        if (from[i] == '/')
            same = i + 1;
    buf[0] = 0;
    for (const char *c = from + same; (c = strchr(c, '/')); c++)
        n += (size_t)snprintf(buf + n, n < size ? size - n : 0, "../");
    snprintf(buf + min_u64(n, size), n < size ? size - n : 0, "%s", to + same);
}

/* The path from the page to the report of `make coverage` in the build folder; NULL: none. */
static const char *report_coverage(char *buf, size_t size, const char *page)
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
    report_relative(buf, size, real_page, real_index);
    return buf;
}

/* Write the page of a run that has ended: 0 or EXIT_HARNESS after a line on stderr. */
static int report_page(const struct report_item *it, const char *path, const struct page_log *log)
{
    const struct verdict *v = it->verdict;
    char reproduce[AGAIN_MAX], versions[120], coverage[2 * PATH_MAX];
    struct page_facts facts = {.scenario = it->scenario,
                               .failure = &v->failure,
                               .failure_kind = failure_kind_word(v->failure.kind),
                               .seed = it->seed,
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
    facts.coverage = report_coverage(coverage, sizeof(coverage), path);
    page_write(out, &facts, log);
    memory_stream_close(out);
    code = output_write("output", path, page, len);
    free(page);
    return code;
}

static int report_make(const struct report_run *run, const struct report_settings *s,
                       const struct guest_ops *guest, bool color)
{
    struct page_log *log = page_log_new();
    struct job job = {.scenario = run->scenario,
                      .choice = run->choice,
                      .repeat = 1,
                      .timeout_s = s->timeout_s,
                      .registers = run->registers,
                      .guest = guest,
                      .log = log};
    struct report_item it = {.scenario = run->scenario,
                             .program = "build/drywire", /* the page does not depend on the build */
                             .again = &run->again,
                             .seed = run->choice.seed,
                             .memory = run->choice.memory,
                             .color = color};
    int code;

    if (!log) {
        value_message(stderr, "drywire: out of memory for the run's events: %s\n", strerror(errno));
        return EXIT_HARNESS;
    }
    it.verdict = pool_run_one(&job);
    code = report_page(&it, s->output, log);
    page_log_free(log);
    if (!code)
        report_line(stdout, &it);
    return code ? code : failure_code(it.verdict->failure.kind);
}

/* The run of a capture, or one that plays it to the core, as in `drywire replay`. */
static int report_capture(const char *path, const struct report_settings *s, struct report_run *run)
{
    struct replay_settings replay = {.path = path,
                                     .flow = s->flow,
                                     .role = s->role,
                                     .choice = s->choice,
                                     .timeout_s = s->timeout_s};
    struct capture c;
    struct exact_run exact;
    char problem[200];
    int code;

    if (s->choice.guest || s->choice.device || s->role == ROLE_OBSERVER) {
        value_message(stderr, "drywire: %s cannot be used for the report of a capture\n",
                      s->choice.guest    ? "--guest"
                      : s->choice.device ? "--device"
                                         : "--as observer");
        return EXIT_USAGE;
    }
    if (capture_read(&c, path, problem, sizeof(problem))) {
        value_message(stderr, "drywire: %s: %s\n", path, problem);
        return EXIT_USAGE;
    }
    replay.loose = s->loose || s->flow || s->role || !exact_run_possible(&c);
    if (replay.loose) {
        code = reactive_scenario(&c, &replay, &run->scenario);
    } else {
        code = exact_run_open(&exact, path, &c);
        run->scenario = exact.scenario;
        run->registers = exact.registers;
        replay.choice = exact.choice;
    }
    run->choice = replay.choice;
    replay_again(&run->again, &replay);
    capture_free(&c);
    return code;
}

static int report_scenario(const char *path, const struct report_settings *s,
                           struct report_run *run)
{
    if (read_scenario(path, &s->choice, &run->scenario, stderr))
        return EXIT_USAGE;
    run->choice = s->choice;
    again_start(&run->again, "run", run->scenario->path, s->choice.seed);
    again_choice(&run->again, &s->choice);
    return 0;
}

static int report_verb(const struct call *call, const void *settings)
{
    const struct report_settings *s = settings;
    const struct guest_ops *guest = NULL;
    struct report_run run = {0};
    int code;

    if (call->count != 1 || !s->output) {
        value_message(stderr,
                      "drywire: report takes one scenario file or capture, e.g. drywire report "
                      "FILE --seed 7 -o run.html\n");
        return EXIT_USAGE;
    }
    if (access(call->words[0], R_OK)) {
        paths_report_missing(stderr, call->words[0]);
        return EXIT_USAGE;
    }
    code = output_check("output", s->output);
    if (!code && s->choice.guest && !(guest = guest_file_load(s->choice.guest)))
        code = EXIT_USAGE;
    if (!code)
        code = capture_recognised(call->words[0]) ? report_capture(call->words[0], s, &run)
                                                  : report_scenario(call->words[0], s, &run);
    if (code)
        return code;
    code = can_run(run.scenario);
    if (!code)
        code = can_run_slirp();
    if (!code)
        code = report_make(&run, s, guest, call->color);
    scenario_free(run.scenario);
    return code;
}

static const struct option_place places[] = {
    OPTION("seed", report_settings, choice.seed),  OPTION("memory", report_settings, choice.memory),
    OPTION("output", report_settings, output),     OPTION("guest", report_settings, choice.guest),
    OPTION("timeout", report_settings, timeout_s), OPTION("device", report_settings, choice.device),
    OPTION("flow", report_settings, flow),         OPTION("as", report_settings, role),
    OPTION("loose", report_settings, loose),       {NULL},
};

const struct verb verb_report = {report_verb, sizeof(struct report_settings), places};
