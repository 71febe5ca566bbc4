/*
 * Repeats the run of a capture of drywire: see replay_exact.h.
 *
 * A simulated run depends only on its scenario and seed: it must write the same frames at the same
 * times, and the same ring records. A capture of QEMU, or of the far side of any guest, has real
 * times: `world replay` sends the core the same frames, and the core's frames must be the same
 * (parity P2, docs/parity.md).
 */
#include "replay_exact.h"
#include "../base/files.h"
#include "exact_compare.h"
#include "found.h"
#include "../worker/pool.h"
#include "../../sim/frame/decode.h"
#include "../../sim/base/memory.h"
#include "../base/origin.h"
#include "../report/report.h"
#include "revision.h"
#include "../../sim/text/values.h"
#include "../base/can_run.h"
#include "../base/exit_codes.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 4096 };

/* A value of the header; "": none. */
struct made {
    char verb[16], scenario[TEXT_MAX], seed[24], device[TEXT_MAX], guest[TEXT_MAX], detail[8];
    char memory[8];
    char source[80], revision[80], machine[80];
};

static void exact_read_made(const struct capture *c, struct made *m)
{
    origin_word(c, "verb", m->verb, sizeof(m->verb));
    origin_word(c, "scenario", m->scenario, sizeof(m->scenario));
    origin_word(c, "seed", m->seed, sizeof(m->seed));
    origin_word(c, "device", m->device, sizeof(m->device));
    origin_word(c, "guest", m->guest, sizeof(m->guest));
    origin_word(c, "memory", m->memory, sizeof(m->memory));
    origin_word(c, "detail", m->detail, sizeof(m->detail));
    origin_word(c, "source", m->source, sizeof(m->source));
    origin_word(c, "revision", m->revision, sizeof(m->revision));
    origin_word(c, "machine", m->machine, sizeof(m->machine));
}

bool exact_run_possible(const struct capture *c)
{
    char text[80];

    return capture_origin(c, "drywire", text, sizeof(text));
}

/* ---- a simulated run ---- */

static int exact_read_new(const char *temporary, const struct verdict *v, struct capture *is)
{
    char problem[200];

    if (!capture_read(is, temporary, problem, sizeof(problem)))
        return 0;
    value_message(stderr, "drywire: the run wrote no capture: %s%s%s\n", problem,
                  v->failure.kind ? "; it failed: " : "", v->failure.message);
    return EXIT_HARNESS;
}

static const struct verdict *exact_run_once(const struct exact_run *run,
                                            const struct replay_settings *s, const char *pcap)
{
    struct job job = {.scenario = run->scenario,
                      .choice = run->choice,
                      .repeat = 1,
                      .timeout_s = s->timeout_s,
                      .registers = run->registers,
                      .detail = s->verbose,
                      .pcap_stays = true,
                      .story_lines = s->verbose ? STORY_ALL : 0};
    const struct verdict *v;

    if (pcap)
        snprintf(job.pcap, sizeof(job.pcap), "%s", pcap);
    v = pool_run_one(&job);
    if (s->verbose)
        report_story(stdout, &(struct report_item){.scenario = run->scenario, .verdict = v});
    return v;
}

static int exact_run_again(const char *path, const struct capture *was, const struct exact_run *run,
                           const struct replay_settings *s)
{
    char temporary[] = "/tmp/drywire-replay-XXXXXX";
    int fd = mkstemp(temporary), code;
    const struct verdict *v;
    struct capture is;

    if (fd < 0) {
        value_message(stderr, "drywire: %s: %s\n", temporary, strerror(errno));
        return EXIT_HARNESS;
    }
    close(fd);
    v = exact_run_once(run, s, temporary);
    code = exact_read_new(temporary, v, &is);
    if (!code) {
        code = exact_compare(path, was, &is, &v->failure);
        capture_free(&is);
    }
    unlink(temporary);
    return code;
}

/* ---- a capture of QEMU or of a far side ---- */

/* The machine of the scenario, with the capture as its far side and without random draws. 0, or
 * EXIT_USAGE after a line. */
static int exact_behind_capture(struct scenario *sc, const char *path, struct capture *c,
                                uint64_t seed)
{
    unsigned kept = 0;

    for (size_t i = 0; i < c->count; i++)
        if (c->frames[i].len > REPLAY_FRAME_MAX) {
            value_message(stderr,
                          "drywire: %s: frame %zu has %zu bytes, more than a frame can have (%d)\n",
                          path, i + 1, c->frames[i].len, REPLAY_FRAME_MAX);
            return EXIT_USAGE;
        }
    for (unsigned i = 0; i < sc->action_count; i++)
        if (sc->actions[i].kind == ACTION_KILL || sc->actions[i].kind == ACTION_LINK)
            sc->actions[kept++] = sc->actions[i];
    sc->action_count = kept;
    sc->service_count = sc->dial_count = 0;
    memset(sc->wire, 0, sizeof(sc->wire));
    capture_free(&sc->replay.capture);
    sc->world = WORLD_REPLAY;
    sc->replay.file = sc->replay.path = path;
    sc->replay.seed = seed;
    sc->replay.capture = *c;
    *c = (struct capture){0}; /* the scenario frees it */
    return 0;
}

/* The frames that world replay compares: no pure ACKs. */
static size_t exact_own_frames(const struct scenario *sc)
{
    const struct capture *c = &sc->replay.capture;
    size_t n = 0;
    struct decoded d;

    for (size_t i = 0; i < c->count; i++) {
        decode_frame(c->frames[i].bytes, c->frames[i].len, &d);
        n += !memcmp(d.eth_src, sc->device.net.mac, 6) && !decode_matches(&d, "tcp.ack");
    }
    return n;
}

static int exact_deliver_again(const char *path, const struct exact_run *run,
                               const struct replay_settings *s)
{
    const struct scenario *sc = run->scenario;
    size_t own = exact_own_frames(sc);
    const struct verdict *v;

    if (!own) {
        value_message(stderr, "drywire: %s: no frame from the machine\n", path);
        return EXIT_USAGE;
    }
    v = exact_run_once(run, s, NULL);
    if (v->failure.kind == FAILURE_NONE) {
        printf("same  %s  exact: of %zu frames, the machine's %zu without pure ACKs (P2)\n",
               value_shown(path), sc->replay.capture.count, own);
        return EXIT_PASS;
    }
    exact_differs(path, "%s: %s", v->failure.oracle, v->failure.message);
    replay_found()->failure = v->failure;
    return strcmp(v->failure.oracle, "replay.frame") ? failure_code(v->failure.kind)
                                                     : EXIT_DIVERGED;
}

/* ---- the whole ---- */

/* 0, or EXIT_USAGE after a line. */
static int exact_check_made(const char *path, const struct made *m, uint64_t *seed)
{
    const char *missing = !*m->verb       ? "verb"
                          : !*m->scenario ? "scenario"
                          : !*m->seed     ? "seed"
                                          : NULL;

    if (missing)
        fprintf(stderr,
                "drywire: %s: its header has no '%s=': --exact needs a capture made by drywire; "
                "omit it to play any capture\n",
                path, missing);
    else if (strcmp(m->verb, "run") && strcmp(m->verb, "world") && strcmp(m->verb, "qemu"))
        value_message(stderr, "drywire: %s: unknown verb=%s in its header\n", path, m->verb);
    else if (!value_number(m->seed, seed))
        value_message(stderr, "drywire: %s: seed=%s in its header is not a number\n", path,
                      m->seed);
    else if (*m->guest)
        value_message(stderr, "drywire: %s: made with --guest %s: repeat it with 'drywire run'\n",
                      path, m->guest);
    else
        return 0;
    return EXIT_USAGE;
}

/* The scenario, from its text in the header, or from the file when that was too long. A mistake in
 * the header is not reported for the file that it names. One for `drywire world` alone runs no
 * program: its guest was external. */
static int exact_scenario(const struct capture *c, const char *path, const struct made *m,
                          struct scenario **sc)
{
    struct scenario_reading how = {.files = &host_files, .device = *m->device ? m->device : NULL};
    char *errors;
    size_t len;
    FILE *out;
    int code;

    if (!c->scenario)
        return scenario_read(m->scenario, &how, sc, stderr);
    out = memory_stream(&errors, &len);
    code = scenario_parse(m->scenario, c->scenario, c->scenario_len, &how, sc, out);
    memory_stream_close(out);
    if (code)
        value_message(stderr, "drywire: %s: in its header, %.*s%s\n", path,
                      (int)strcspn(errors, "\n"), errors,
                      strcmp(m->verb, "world") ? ""
                                               : " (--loose plays the captured world to the core)");
    free(errors);
    return code;
}

/* Check that the far side of the run is available here. */
static int exact_check_world(const struct scenario *sc)
{
    int code = can_run(sc);

    return code ? code : can_run_slirp();
}

int exact_run_open(struct exact_run *run, const char *path, struct capture *c)
{
    static struct made m;
    int code;

    *run = (struct exact_run){0};
    exact_read_made(c, &m);
    code = exact_check_made(path, &m, &run->choice.seed);
    if (!code)
        code = exact_scenario(c, path, &m, &run->scenario);
    if (code)
        return code;
    run->delivered = strcmp(m.verb, "run") != 0;
    code = run->delivered ? 0 : exact_check_world(run->scenario);
    if (code) {
        scenario_free(run->scenario);
        return code;
    }
    replay_found()->seed = run->choice.seed;
    run->choice.device = *m.device ? m.device : NULL;
    run->registers = *m.detail;
    run->choice.memory = !strcmp(m.memory, "weak")     ? MEMORY_WEAK
                         : !strcmp(m.memory, "strong") ? MEMORY_STRONG
                                                       : MEMORY_DRAW;
    printf("exact: %s by drywire %s%s%s, scenario %s, seed %" PRIu64 ", revision %s\n",
           value_shown(path), m.verb, *m.machine ? " on " : "", m.machine, m.scenario,
           run->choice.seed, m.revision);
    if (strcmp(m.source, DRYWIRE_SOURCE))
        printf("warning: made by sources %s, these are %s: a difference may come from the changed "
               "sources\n",
               *m.source ? m.source : "unknown", DRYWIRE_SOURCE);
    fflush(stdout);
    if (run->delivered)
        code = exact_behind_capture(run->scenario, path, c, run->choice.seed);
    if (code)
        scenario_free(run->scenario);
    return code;
}

int replay_exact(const char *path, struct capture *c, const struct replay_settings *s)
{
    struct exact_run run;
    int code = exact_run_open(&run, path, c);

    if (code)
        return code;
    code = run.delivered ? exact_deliver_again(path, &run, s) : exact_run_again(path, c, &run, s);
    scenario_free(run.scenario);
    return code;
}
