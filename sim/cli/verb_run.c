/*
 * `drywire run`: each scenario in a child of its own, a verdict line for each, artifacts of those
 * that fail.
 */
#include "paths.h"
#include "../report/report.h"
#include "verbs.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STORY_SHORT = 20 };

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
    snprintf(buf + n, size - n, "-seed%" PRIu64 "%s%s%s", o->seed, o->memory ? "-" : "",
             o->memory ? memory_word(o->memory) : "", suffix);
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

/* The scenario with each memory that was asked for: one run, or two where it leaves that open. */
static int run_memories(const struct scenario *sc, const struct options *o,
                        const struct guest_ops *guest, bool single, bool *skipped, unsigned *runs)
{
    struct options one = *o;
    int code;

    if (o->memory != MEMORY_BOTH || skip_reason(sc) || run_memory(sc) != TOGGLE_DRAW) {
        one.memory = o->memory == MEMORY_BOTH ? MEMORY_DRAW : o->memory;
        code = run_one(sc, &one, guest, single, skipped);
        *runs += !*skipped;
        return code;
    }
    *runs += 2;
    one.memory = MEMORY_WEAK;
    code = run_one(sc, &one, guest, false, skipped);
    one.memory = MEMORY_STRONG;
    return worse_exit(code, run_one(sc, &one, guest, false, skipped));
}

static int run_all(const struct options *o, const struct paths *p, const struct guest_ops *guest)
{
    unsigned passed = 0, failures = 0, skips = 0, runs = 0;
    int code = EXIT_PASS;

    for (size_t i = 0; i < p->count; i++) {
        struct scenario *sc;
        bool skipped = false;
        int one = read_with_device(p->path[i], o, &sc);

        if (!one) {
            one = run_memories(sc, o, guest, p->count == 1, &skipped, &runs);
            scenario_free(sc);
        }
        code = worse_exit(code, one);
        if (one)
            failures++;
        else if (skipped)
            skips++;
        else
            passed++;
    }
    if (p->count > 1 && !o->json) {
        printf("%u passed, %u failed, %u skipped", passed, failures, skips);
        if (o->memory == MEMORY_BOTH)
            printf(", %u runs", runs);
        putchar('\n');
    }
    return code;
}

int verb_run(const struct options *o)
{
    const struct guest_ops *guest = NULL;
    struct paths p = {0};
    int code;

    if (!o->path_count) {
        fprintf(stderr, "drywire: run what? Name scenario files or folders, e.g. drywire run "
                        "tests/scenarios\n");
        return EXIT_USAGE;
    }
    code = collect_scenarios(o, &p);
    if (!code && o->guest && !(guest = load_guest(o->guest)))
        code = EXIT_USAGE;
    if (!code)
        code = check_slirp();
    if (!code)
        code = run_all(o, &p, guest);
    if (o->junit && code != EXIT_USAGE && junit_write(o->junit)) {
        fprintf(stderr, "drywire: --junit %s: %s\n", o->junit, strerror(errno));
        code = worse_exit(code, EXIT_HARNESS);
    }
    paths_free(&p);
    return code;
}
