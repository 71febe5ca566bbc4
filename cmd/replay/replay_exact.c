/*
 * A capture of drywire, run once more: see replay_exact.h.
 *
 * What a simulated run wrote is a function of its scenario and seed: it runs again and must write
 * the same frames at the same times, and the same records of its rings. What came from QEMU, or
 * from the far side of any guest, has times that are not ours: `world replay` gives the core the
 * same frames, and its own must be the same (parity P2, docs/parity.md).
 */
#include "replay_exact.h"
#include "../base/files.h"
#include "found.h"
#include "../worker/pool.h"
#include "../../sim/frame/decode.h"
#include "../../sim/base/memory.h"
#include "../../sim/frame/normal.h"
#include "../base/origin.h"
#include "../../sim/frame/pcapng.h"
#include "../report/report.h"
#include "revision.h"
#include "../../sim/text/values.h"
#include "../base/can_run.h"
#include "../base/exit_codes.h"
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    TEXT_MAX = 4096,
    BLOCK_PACKET = 6,
    END_OF_OPTIONS = 0,
    OPTION_COMMENT = 1,
    OPTION_FLAGS = 2
};

/* What the header says; "" is nothing. */
struct made {
    char verb[16], scenario[TEXT_MAX], seed[24], device[TEXT_MAX], guest[TEXT_MAX], detail[8];
    char memory[8];
    char source[80], revision[80], machine[80];
};

static void word(const struct capture *c, const char *key, char *buf, size_t size)
{
    if (!capture_origin(c, key, buf, size))
        *buf = 0;
    value_show(buf, size);
}

static void read_made(const struct capture *c, struct made *m)
{
    word(c, "verb", m->verb, sizeof(m->verb));
    word(c, "scenario", m->scenario, sizeof(m->scenario));
    word(c, "seed", m->seed, sizeof(m->seed));
    word(c, "device", m->device, sizeof(m->device));
    word(c, "guest", m->guest, sizeof(m->guest));
    word(c, "memory", m->memory, sizeof(m->memory));
    word(c, "detail", m->detail, sizeof(m->detail));
    word(c, "source", m->source, sizeof(m->source));
    word(c, "revision", m->revision, sizeof(m->revision));
    word(c, "machine", m->machine, sizeof(m->machine));
}

bool exact_run_possible(const struct capture *c)
{
    char text[80];

    return capture_origin(c, "drywire", text, sizeof(text));
}

/* ---- the first difference ---- */

static void say_frame(const char *name, const struct capture *c, size_t i)
{
    const struct capture_frame *f = &c->frames[i];
    char line[200], fault[120];
    struct decoded d;

    if (i >= c->count) {
        printf("%s: no such frame among %zu\n", name, c->count);
        return;
    }
    decode_frame(f->bytes, f->len, &d);
    snprintf(fault, sizeof(fault), "%.*s", (int)f->fault_len, f->fault ? f->fault : "");
    value_show(fault, sizeof(fault));
    printf("%s: %" PRIu64 ".%09" PRIu64 " %s%s%s%s%s\n", name, f->time_ns / NS_PER_S,
           f->time_ns % NS_PER_S, f->lost ? "lost " : "", f->fault ? "[" : "", fault,
           f->fault ? "] " : "", decode_summary(&d, line, sizeof(line)));
}

/* In what frame i differs, in words; "": in nothing. */
static void difference(const struct capture *was, const struct capture *is, size_t i, char *buf,
                       size_t size)
{
    const struct capture_frame *a = &was->frames[i], *b = &is->frames[i];
    size_t at = normal_difference(a->bytes, a->len, b->bytes, b->len);
    struct decoded d;

    *buf = 0;
    decode_frame(a->bytes, a->len, &d);
    if (at != SIZE_MAX && at < a->len && at < b->len)
        snprintf(buf, size, "byte %zu (%s) was 0x%02x, is 0x%02x", at, normal_field(&d, at),
                 a->bytes[at], b->bytes[at]);
    else if (at != SIZE_MAX)
        snprintf(buf, size, "%zu bytes, were %zu", b->len, a->len);
    else if (a->time_ns != b->time_ns)
        snprintf(buf, size, "at another time, by %+" PRId64 " ns",
                 (int64_t)(b->time_ns - a->time_ns));
    else if (a->lost != b->lost || a->fault_len != b->fault_len ||
             (a->fault && memcmp(a->fault, b->fault, a->fault_len)))
        snprintf(buf, size, "another fault");
}

/* In the byte order of this machine, in which its captures are. */
static uint32_t own32(const uint8_t *p)
{
    uint32_t n;

    memcpy(&n, p, sizeof(n));
    return n;
}

/* Where the records behind the header begin. */
static size_t header_len(const struct capture *c)
{
    uint32_t len = own32(c->file + 4);

    return len < c->file_len ? len : c->file_len;
}

/* ---- packets of the file: frames with their comments, and events of the rings ---- */

struct packet {
    size_t number; /* as Wireshark counts */
    const uint8_t *fields, *bytes, *options, *end;
    uint32_t len;
};

/* The next one from *at on, which is at the start of a block; false: none is left, or the file is
 * not in this machine's byte order. What is in an event the reader has not looked at. */
static bool next_packet(const struct capture *c, size_t *at, struct packet *p)
{
    while (c->file_len - *at >= 32) {
        const uint8_t *block = c->file + *at;
        uint32_t len = own32(block + 4);

        if (len > c->file_len - *at || len < 12)
            return false;
        *at += len;
        if (own32(block) != BLOCK_PACKET || len < 32)
            continue;
        p->number++;
        p->fields = block + 8;
        p->len = own32(block + 20);
        p->bytes = block + 28;
        p->end = block + len - 4;
        if (p->len > len - 32)
            p->len = len - 32;
        p->options = len - 32 - p->len < 4 ? p->end : p->bytes + ((p->len + 3) & ~3u);
        return true;
    }
    return false;
}

/* The next option of this code; NULL: none is left. */
static const uint8_t *next_option(const uint8_t **at, const uint8_t *end, uint16_t code,
                                  uint16_t *len)
{
    while (end - *at >= 4) {
        const uint8_t *option = *at;
        uint16_t is;

        memcpy(&is, option, sizeof(is));
        memcpy(len, option + 2, sizeof(*len));
        if (is == END_OF_OPTIONS || end - option - 4 < ((*len + 3) & ~3))
            break;
        *at += 4 + ((*len + 3) & ~3);
        if (is == code)
            return option + 4;
    }
    *len = 0;
    return NULL;
}

static void quote(char *buf, size_t size, const uint8_t *text, size_t len)
{
    snprintf(buf, size, text ? "'%.*s'" : "none", (int)len, (const char *)text);
    value_show(buf, size);
}

/* In what two packets of the same number differ; "": in nothing that is said here. */
static void packet_difference(const struct packet *a, const struct packet *b, char *buf,
                              size_t size)
{
    size_t at = normal_difference(a->bytes, a->len, b->bytes, b->len);
    const uint8_t *x_at = a->options, *y_at = b->options, *x, *y;
    char was[120], is[120];
    uint16_t x_len, y_len;

    *buf = 0;
    if (own32(a->fields) != own32(b->fields))
        snprintf(buf, size, "of interface %u, is of %u", own32(a->fields), own32(b->fields));
    else if (at != SIZE_MAX && at < a->len && at < b->len)
        snprintf(buf, size, "byte %zu was 0x%02x, is 0x%02x", at, a->bytes[at], b->bytes[at]);
    else if (at != SIZE_MAX)
        snprintf(buf, size, "%u bytes, were %u", b->len, a->len);
    else if (memcmp(a->fields + 4, b->fields + 4, 8))
        snprintf(buf, size, "at another time");
    do {
        x = next_option(&x_at, a->end, OPTION_COMMENT, &x_len);
        y = next_option(&y_at, b->end, OPTION_COMMENT, &y_len);
        quote(was, sizeof(was), x, x_len);
        quote(is, sizeof(is), y, y_len);
        if (!*buf && (!x != !y || x_len != y_len || (x && memcmp(x, y, x_len))))
            snprintf(buf, size, "its comment was %s, is %s", was, is);
    } while (x && y && !*buf);
    x_at = a->options;
    y_at = b->options;
    x = next_option(&x_at, a->end, OPTION_FLAGS, &x_len);
    y = next_option(&y_at, b->end, OPTION_FLAGS, &y_len);
    if (!*buf && (x_len != y_len || (x && memcmp(x, y, x_len))))
        snprintf(buf, size, "its direction");
}

/* The first packet that differs, in words. False: none, although the files do. */
static bool packets_differ(const struct capture *was, const struct capture *is, char *buf,
                           size_t size)
{
    size_t a_at = header_len(was), b_at = header_len(is);
    struct packet a = {0}, b = {0};
    char what[300] = "";
    bool x, y;

    do {
        x = next_packet(was, &a_at, &a);
        y = next_packet(is, &b_at, &b);
        *what = 0;
        if (x && y)
            packet_difference(&a, &b, what, sizeof(what));
        else if (x || y)
            snprintf(what, sizeof(what), x ? "now it does not come" : "it was not there");
        if (*what)
            snprintf(buf, size, "packet %zu of the file%s: %s", x ? a.number : b.number,
                     own32(x ? a.fields : b.fields) == CAPTURE_RING ? ", a ring event" : "", what);
    } while (x && y && !*what);
    return *what;
}

__attribute__((format(printf, 2, 3))) static int differs(const char *path, const char *format, ...)
{
    char what[1000];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    printf("DIFFERENT  %s  exact: %s\n", value_shown(path), what);
    replay_differs(FAILURE_DIVERGENCE, "replay.exact", what);
    return EXIT_DIVERGED;
}

/* How the run ended, in the words of origin.h; "": the capture cannot say. */
static const char *verdict_of(const struct capture *c, char *buf, size_t size)
{
    size_t n;

    word(c, "verdict", buf, size);
    for (n = strlen(buf); n && buf[n - 1] == ' ';)
        buf[--n] = 0;
    return buf;
}

/* Into a pipe, or before a crash, nothing was said about the end. */
static int compare_verdicts(const char *path, const struct capture *was, const struct capture *is,
                            const struct failure *f, bool saved_again)
{
    char then[4 * FAILURE_WORDS_MAX], now[FAILURE_WORDS_MAX + 1], name[FAILURE_NAME_MAX + 1];

    failure_name(name, f);
    verdict_of(was, then, sizeof(then));
    verdict_of(is, now, sizeof(now));
    if (*then && strcmp(then, "unfinished") && strcmp(then, now)) {
        return differs(path, "all %zu frames are the same; the verdict was %s, is %s%s%s",
                       was->count, then, now, *f->message ? ": " : "", f->message);
    }
    printf("same  %s  exact: %zu frames with their times, and %zu bytes of records%s\n",
           value_shown(path), was->count, was->file_len - header_len(was),
           saved_again ? "; another program has saved the file again" : "");
    if (f->kind != FAILURE_NONE)
        printf("as then    %s: %s\n", name, value_shown(f->message));
    return EXIT_PASS;
}

static int different(const char *path, const struct capture *was, const struct capture *is,
                     size_t i, const char *what)
{
    differs(path, "frame %zu: %s", i + 1, what);
    say_frame("captured", was, i);
    say_frame("now     ", is, i);
    return EXIT_DIVERGED;
}

/* `f` is how the run failed now. */
static int compare(const char *path, const struct capture *was, const struct capture *is,
                   const struct failure *f)
{
    size_t most = was->count < is->count ? was->count : is->count, skip[2], at;
    char what[400];

    for (size_t i = 0; i < most; i++) {
        difference(was, is, i, what, sizeof(what));
        if (*what)
            return different(path, was, is, i, what);
    }
    if (was->count != is->count) {
        snprintf(what, sizeof(what), "%zu frames were captured, now there are %zu", was->count,
                 is->count);
        return different(path, was, is, most, what);
    }
    skip[0] = header_len(was);
    skip[1] = header_len(is);
    at = normal_difference(was->file + skip[0], was->file_len - skip[0], is->file + skip[1],
                           is->file_len - skip[1]);
    if (at != SIZE_MAX && packets_differ(was, is, what, sizeof(what)))
        return differs(path, "all %zu frames are the same; %s", was->count, what);
    return compare_verdicts(path, was, is, f, at != SIZE_MAX);
}

/* ---- a simulated run ---- */

static int read_new(const char *temporary, const struct verdict *v, struct capture *is)
{
    char problem[200];

    if (!capture_read(is, temporary, problem, sizeof(problem)))
        return 0;
    value_message(stderr, "drywire: the run left no capture: %s%s%s\n", problem,
                  v->failure.kind ? "; it failed: " : "", v->failure.message);
    return EXIT_HARNESS;
}

static const struct verdict *run_once(const struct exact_run *run, const struct replay_settings *s,
                                      const char *pcap)
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

static int run_again(const char *path, const struct capture *was, const struct exact_run *run,
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
    v = run_once(run, s, temporary);
    code = read_new(temporary, v, &is);
    if (!code) {
        code = compare(path, was, &is, &v->failure);
        capture_free(&is);
    }
    unlink(temporary);
    return code;
}

/* ---- a capture of QEMU or of a far side ---- */

/* The machine of the scenario, with the capture as its far side: nothing is drawn again. 0, or
 * EXIT_USAGE after a line. */
static int behind_capture(struct scenario *sc, const char *path, struct capture *c, uint64_t seed)
{
    unsigned kept = 0;

    for (size_t i = 0; i < c->count; i++)
        if (c->frames[i].len > REPLAY_FRAME_MAX) {
            value_message(stderr, "drywire: %s: frame %zu has %zu bytes, the wire carries %d\n",
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

/* Those that world replay compares: no pure ACKs. */
static size_t own_frames(const struct scenario *sc)
{
    const struct capture *c = &sc->replay.capture;
    size_t n = 0;
    struct decoded d;

    for (size_t i = 0; i < c->count; i++) {
        decode_frame(c->frames[i].bytes, c->frames[i].len, &d);
        n += !memcmp(d.eth_src, sc->device.mac, 6) && !decode_matches(&d, "tcp.ack");
    }
    return n;
}

static int deliver_again(const char *path, const struct exact_run *run,
                         const struct replay_settings *s)
{
    const struct scenario *sc = run->scenario;
    size_t own = own_frames(sc);
    const struct verdict *v;

    if (!own) {
        value_message(stderr, "drywire: %s: no frame is the machine's\n", path);
        return EXIT_USAGE;
    }
    v = run_once(run, s, NULL);
    if (v->failure.kind == FAILURE_NONE) {
        printf("same  %s  exact: of %zu frames the machine's own %zu, ACKs apart (P2)\n",
               value_shown(path), sc->replay.capture.count, own);
        return EXIT_PASS;
    }
    differs(path, "%s: %s", v->failure.oracle, v->failure.message);
    replay_found()->failure = v->failure;
    return strcmp(v->failure.oracle, "replay.frame") ? failure_code(v->failure.kind)
                                                     : EXIT_DIVERGED;
}

/* ---- the whole ---- */

/* 0, or EXIT_USAGE after a line. */
static int check_made(const char *path, const struct made *m, uint64_t *seed)
{
    const char *missing = !*m->verb       ? "verb"
                          : !*m->scenario ? "scenario"
                          : !*m->seed     ? "seed"
                                          : NULL;

    if (missing)
        fprintf(
            stderr,
            "drywire: %s: its header has no '%s=': --exact is for captures of drywire, without it "
            "any is played\n",
            path, missing);
    else if (strcmp(m->verb, "run") && strcmp(m->verb, "world") && strcmp(m->verb, "qemu"))
        value_message(stderr, "drywire: %s: its header says verb=%s, which is none\n", path,
                      m->verb);
    else if (!value_number(m->seed, seed))
        value_message(stderr, "drywire: %s: its header says seed=%s, which is no number\n", path,
                      m->seed);
    else if (*m->guest)
        value_message(stderr,
                      "drywire: %s: made with --guest %s, which is not the core: run it again with "
                      "'drywire run'\n",
                      path, m->guest);
    else
        return 0;
    return EXIT_USAGE;
}

/* The scenario, as its text stands in the header, or in the file when that was too long. A mistake
 * in the header is not one of the file that it names. One for `drywire world` alone runs no
 * program: somebody else's guest was there. */
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

/* Is the far side of the run here? */
static int check_world(const struct scenario *sc)
{
    int code = can_run(sc);

    return code ? code : can_run_slirp();
}

int exact_run_open(struct exact_run *run, const char *path, struct capture *c)
{
    static struct made m;
    int code;

    *run = (struct exact_run){0};
    read_made(c, &m);
    code = check_made(path, &m, &run->choice.seed);
    if (!code)
        code = exact_scenario(c, path, &m, &run->scenario);
    if (code)
        return code;
    run->delivered = strcmp(m.verb, "run") != 0;
    code = run->delivered ? 0 : check_world(run->scenario);
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
        printf(
            "warning: made by sources %s, these are %s: a difference may be a change of theirs\n",
            *m.source ? m.source : "unknown", DRYWIRE_SOURCE);
    fflush(stdout);
    if (run->delivered)
        code = behind_capture(run->scenario, path, c, run->choice.seed);
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
    code = run.delivered ? deliver_again(path, &run, s) : run_again(path, c, &run, s);
    scenario_free(run.scenario);
    return code;
}
