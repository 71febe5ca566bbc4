/*
 * Benchmarks: complete runs per second, bulk rates, memory. Host time is read here only, around
 * whole runs. Each figure is the median of three measurements; a run that fails ends the bench.
 *
 *   bench [webget|webget256|native|bulk_rx|bulk_tx|report|replayed]...   all of them by default
 *
 * Prints `name value unit` lines, which tools/bench.sh turns into bench.json.
 */
#include "../sim/world/native/native_observe.h"
#include "../core/base/array.h"
#include "base/files.h"
#include "report/page.h"
#include "../sim/run/run.h"
#include "../sim/world/world.h"
#include "../sim/text/values.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#ifdef DRYWIRE_SLIRP
#define WORLD "slirp"
#else
#define WORLD "native"
#endif

#define FETCH(world, queue)                                                                        \
    "title  bench\nworld " world "\ndevice virtio-net queue=" queue "\nmemory strong\n"            \
    "serve  http 10.0.2.2:8080 path=/hello body=\"hello from the other side\\n\"\n"                \
    "run    webget http://10.0.2.2:8080/hello\n"                                                   \
    "expect webget: done status=200 bytes=26\n"

#define BULK_BYTES "33554432"

static const struct {
    const char *name, *text, *unit;
    double scale; /* 0: runs per second; else bytes in one run, for MB per second */
} benches[] = {
    {"webget", FETCH(WORLD, "32"), "runs/s", 0},
    {"webget256", FETCH(WORLD, "256"), "runs/s", 0},
    {"native", FETCH("native", "32"), "runs/s", 0},
    {"bulk_rx",
     "title bench\nworld " WORLD "\nmemory strong\nserve http 10.0.2.2:8080 path=/big "
     "size=" BULK_BYTES "\nrun webget -q http://10.0.2.2:8080/big\n"
     "expect webget: done status=200 bytes=" BULK_BYTES "\n",
     "MB/s", 33554432e-6},
    {"bulk_tx",
     "title bench\nworld " WORLD "\nmemory strong\nserve sink 10.0.2.2:9\n"
     "run tcpsend -q 10.0.2.2 9 " BULK_BYTES "\nexpect tcpsend: done sent=" BULK_BYTES "\n",
     "MB/s", 33554432e-6},
};

static double bench_now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Runs per second over at least `seconds`, with a new seed for each. */
static double bench_rate(struct run_context *c, const struct scenario *sc, double seconds,
                         uint64_t *seed)
{
    struct run_options o = {.quick = true};
    struct run_result r;
    double start = bench_now_s(), took;
    unsigned runs = 0;

    do {
        o.seed = ++*seed;
        if (run_scenario(c, sc, &o, &r) || r.failure.kind != FAILURE_NONE) {
            value_message(stderr, "bench: seed %llu failed: %s: %s\n", (unsigned long long)o.seed,
                          r.failure.oracle, r.failure.message);
            exit(1);
        }
        runs++;
        took = bench_now_s() - start;
    } while (took < seconds);
    return runs / took;
}

static void bench(unsigned i, double seconds)
{
    struct run_context *c = run_context_new();
    struct scenario *sc;
    double sample[3];
    uint64_t seed = 0;

    if (scenario_parse(benches[i].name, benches[i].text, strlen(benches[i].text), NULL, &sc,
                       stderr))
        exit(4);
    bench_rate(c, sc, seconds / 10, &seed);
    for (unsigned k = 0; k < 3; k++)
        sample[k] = bench_rate(c, sc, seconds, &seed);
    qsort(sample, 3, sizeof(sample[0]), bench_compare);
    printf("%s %.0f %s\n", benches[i].name,
           benches[i].scale > 0 ? sample[1] * benches[i].scale : sample[1], benches[i].unit);
    fflush(stdout);
    scenario_free(sc);
    run_context_free(c);
}

/* A run of 50,000 events and its page, as `drywire report` makes it. */
#define REPORT_EVENTS 50000
#define REPORT_BYTES  "13000000"

static double bench_report_ms(struct run_context *c, const struct scenario *sc)
{
    struct page_log *log = page_log_new();
    struct run_options o = {.seed = 1, .ctx = log, .detail = true};
    struct page_facts facts = {.scenario = sc, .reproduce = "", .versions = "", .failure_kind = ""};
    FILE *out = tmpfile();
    struct run_result r;
    double start = bench_now_s();
    uint64_t events;

    if (!log || !out)
        exit(4);
    o.on_line = page_log_line;
    o.on_flight = page_log_flight;
    o.on_ring = page_log_ring;
    if (run_scenario(c, sc, &o, &r) || r.failure.kind != FAILURE_NONE)
        exit(1);
    page_log_tape(log, r.tape, r.tape_count);
    facts.failure = &r.failure;
    page_write(out, &facts, log);
    fclose(out);
    events = log->count[PAGE_LINE] + log->count[PAGE_FRAME] + log->count[PAGE_RING];
    page_log_free(log);
    if (events < REPORT_EVENTS || events > REPORT_EVENTS * 6 / 5) {
        value_message(stderr, "bench: %llu events are not about %d\n", (unsigned long long)events,
                      REPORT_EVENTS);
        exit(1);
    }
    return (bench_now_s() - start) * 1e3;
}

static void bench_report(void)
{
    static const char text[] =
        "title bench\nworld " WORLD "\nserve http 10.0.2.2:8080 path=/big size=" REPORT_BYTES "\n"
        "run webget -q http://10.0.2.2:8080/big\n"
        "expect webget: done status=200 bytes=" REPORT_BYTES "\n";
    struct run_context *c = run_context_new();
    struct scenario *sc;
    double sample[3];

    if (scenario_parse("report", text, strlen(text), NULL, &sc, stderr))
        exit(4);
    for (unsigned k = 0; k < 3; k++)
        sample[k] = bench_report_ms(c, sc);
    qsort(sample, 3, sizeof(sample[0]), bench_compare);
    printf("report_ms_50000 %.0f ms\n", sample[1]);
    scenario_free(sc);
    run_context_free(c);
}

/* Frames of a capture, repeated, sent to the machine: through the wire, the device, the rings, the
 * driver and the stack. */
#define REPLAYED      "tests/captures/public/tcp-loss/pcpp-one_tcp_stream.pcap"
#define REPLAYED_LOOP 5000

static double bench_replayed_rate(struct run_context *c, const struct scenario *sc)
{
    struct run_options o = {.seed = 1, .quick = true};
    struct run_result r;
    double start = bench_now_s(), took, frames = 0;

    do {
        if (run_scenario(c, sc, &o, &r) || r.failure.kind != FAILURE_NONE ||
            r.frames_rx < OBSERVE_PASSES * REPLAYED_LOOP) {
            value_message(stderr, "bench: replayed: %s: %s\n", r.failure.oracle, r.failure.message);
            exit(1);
        }
        frames += (double)r.frames_rx;
        took = bench_now_s() - start;
    } while (took < 1);
    return frames / took;
}

/* A scenario with a capture of many frames: its own frames in a loop. */
static struct scenario *bench_replayed_scenario(void)
{
    static const char text[] = "title bench\nworld native\nmemory strong\nuntil 2s\n";
    struct capture *looped;
    struct scenario *sc;
    struct capture once;
    char problem[200];

    if (scenario_parse("replayed", text, strlen(text), NULL, &sc, stderr))
        exit(4);
    if (capture_read(&once, REPLAYED, problem, sizeof(problem))) {
        value_message(stderr, "bench: %s: %s\n", REPLAYED, problem);
        exit(2);
    }
    looped = &sc->native.observed;
    looped->frames = malloc(REPLAYED_LOOP * sizeof(*looped->frames));
    if (!looped->frames)
        exit(4);
    for (; looped->count < REPLAYED_LOOP; looped->count++)
        looped->frames[looped->count] = once.frames[looped->count % once.count];
    looped->file = once.file; /* their bytes */
    free(once.frames);
    return sc;
}

static void bench_replayed(unsigned samples)
{
    struct run_context *c = run_context_new();
    struct scenario *sc = bench_replayed_scenario();
    double sample[3] = {0};

    for (unsigned k = 0; k < samples; k++)
        sample[k] = bench_replayed_rate(c, sc);
    qsort(sample, samples, sizeof(sample[0]), bench_compare);
    printf("replayed %.0f frames/s\n", sample[samples / 2]);
    scenario_free(sc);
    run_context_free(c);
}

/* `bench once NAME N`: exactly N runs and no clock, for callgrind and perf. */
static int bench_once(const char *name, unsigned long n)
{
    struct run_context *c = run_context_new();
    struct run_options o = {.quick = true};
    struct run_result r;
    struct scenario *sc;

    for (unsigned i = 0; i < ARRAY_COUNT(benches); i++) {
        if (strcmp(benches[i].name, name))
            continue;
        if (scenario_parse(name, benches[i].text, strlen(benches[i].text), NULL, &sc, stderr))
            return 4;
        for (o.seed = 1; o.seed <= n; o.seed++)
            if (run_scenario(c, sc, &o, &r) || r.failure.kind != FAILURE_NONE)
                return 1;
        scenario_free(sc);
    }
    run_context_free(c);
    return 0;
}

int main(int argc, char **argv)
{
    struct rusage usage;

#ifdef DRYWIRE_SLIRP
    if (world_slirp_self_test())
        return 4;
#endif
    if (argc == 4 && strcmp(argv[1], "once") == 0)
        return bench_once(argv[2], strtoul(argv[3], NULL, 0));
    for (unsigned i = 0; i < ARRAY_COUNT(benches); i++) {
        bool wanted = argc == 1;

        for (int k = 1; k < argc; k++)
            wanted |= strcmp(argv[k], benches[i].name) == 0;
        if (wanted)
            bench(i, 2.0);
    }
    for (int k = 0; k < argc; k++)
        if (argc == 1 || strcmp(argv[k], "report") == 0)
            bench_report();
    for (int k = 0; k < argc; k++)
        if (argc == 1 || strcmp(argv[k], "replayed") == 0)
            bench_replayed(3);
    getrusage(RUSAGE_SELF, &usage);
    printf("memory %ld KiB\n", usage.ru_maxrss);
    return 0;
}
