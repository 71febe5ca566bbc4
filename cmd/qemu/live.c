/*
 * The far side in real time: see live.h; far_side.h has the services, peer.h sends and receives
 * frames.
 *
 * Virtual time is slaved to a clock: it is power-on until the guest's first frame and then power-on
 * plus the elapsed time. One turn of the loop runs due events, receives a batch of frames, runs
 * their events, sends a batch to the guest and sleeps until the next event. Events that are late by
 * the clock still run at their own virtual time and in order, so a world behaves as in the
 * simulator; only the guest makes the run unrepeatable.
 */
#include "live.h"
#include "../../sim/run/far_side.h"
#include "../base/origin.h"
#include "../base/whole_file.h"
#include "peer.h"
#include "../report/report.h"
#include "../../sim/text/values.h"
#include "../base/story_line.h"
#include "../base/exit_codes.h"
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

/* An event this close runs now: sleeping would take longer. */
#define EARLY_NS (20 * NS_PER_US)

/* A recent frame, formatted only for a failure. */
struct seen {
    uint64_t time_ns;
    enum direction direction;
    struct decoded decoded; /* its pointers are stale */
    bool touched;
    char fate[96];
};

enum { LAST_BATCHES = 16 }; /* more than a socket holds */

struct live {
    const struct live_settings *settings;
    const struct scenario *scenario;
    struct live_guest guest;
    struct sim sim;
    struct far_side far;
    struct peer peer;
    int signals;       /* SIGTERM and SIGINT arrive as bytes of this descriptor */
    uint64_t start_ns; /* by the clock: start of the wait, then arrival of the first frame */
    bool started;
    struct seen last[LAST_FRAMES];
    unsigned last_count;
};

static uint64_t live_clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* ---- frames ---- */

static void live_frame_arrived(void *ctx, const uint8_t *frame, size_t len)
{
    struct live *l = ctx;

    if (peer_send(&l->peer, frame, len))
        return;
    if (l->peer.dropped == 1)
        value_message(stderr,
                      "world: the guest does not receive; frames to it are dropped and counted\n");
    reasons_refused(&l->far.reasons, frame, len, "the guest did not receive");
}

static void live_frame_seen(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                            const struct decoded *d, const char *fate)
{
    struct live *l = ctx;
    struct seen *s = &l->last[l->last_count++ % LAST_FRAMES];
    char line[STORY_LINE_MAX];

    (void)frame;
    (void)len;
    s->time_ns = l->sim.now_ns;
    s->direction = dir;
    s->decoded = *d;
    s->touched = fate != NULL;
    if (fate)
        snprintf(s->fate, sizeof(s->fate), "%s", fate);
    if (!l->settings->verbose)
        return;
    story_frame(line, sizeof(line), s->time_ns, dir, d, fate);
    puts(line);
}

/* ---- time ---- */

static uint64_t live_virtual_now(const struct live *l)
{
    return SIM_POWER_ON_NS + (live_clock_ns() - l->start_ns);
}

/* Run events due by `now`. */
static void live_run_until(struct live *l, uint64_t now)
{
    while (!sim_failed(&l->sim) && l->sim.next_ns <= now + EARLY_NS)
        sim_step(&l->sim);
    if (l->sim.now_ns < now)
        l->sim.now_ns = now;
    l->sim.tape_count = 0; /* the draws of a run that cannot be repeated are not needed */
}

/* The time until the next event. */
static uint64_t live_idle_ns(const struct live *l)
{
    uint64_t next = l->sim.next_ns, now;

    if (!l->started) {
        uint64_t waited = live_clock_ns() - l->start_ns;
        uint64_t limit = l->settings->limit_s < SIM_NEVER / NS_PER_S
                             ? l->settings->limit_s * NS_PER_S
                             : SIM_NEVER;

        return waited < limit ? limit - waited : 0;
    }
    if (next == SIM_NEVER)
        return SIM_NEVER;
    now = live_virtual_now(l);
    return next > now + EARLY_NS ? next - now : 0;
}

/* ---- the loop ---- */

static void live_act(void *ctx, uint64_t i)
{
    struct live *l = ctx;

    far_side_act(&l->far, &l->scenario->actions[i]);
}

static void live_schedule_actions(struct live *l)
{
    if (l->scenario->peer.machine_window)
        value_message(stderr,
                      "world: %s:%u: machine-window is ignored: it needs the simulated machine\n",
                      l->scenario->path, l->scenario->world_line);
    for (unsigned i = 0; i < l->scenario->action_count; i++) {
        const struct scenario_action *a = &l->scenario->actions[i];

        if (a->kind == ACTION_LINK || a->kind == ACTION_KILL)
            value_message(stderr, "world: %s:%u: %s is ignored: it needs the simulated machine\n",
                          l->scenario->path, a->line, a->kind == ACTION_LINK ? "link" : "kill");
        else
            sim_at(&l->sim, SIM_POWER_ON_NS + a->at_ns, EVENT_FAULT, live_act, l, i);
    }
}

/* Receive one batch of frames; returns how many, or -1. */
static int live_take_frames(struct live *l)
{
    int n = peer_receive(&l->peer);

    if (n > 0 && !l->started) {
        l->started = true;
        l->start_ns = live_clock_ns();
        live_run_until(l, SIM_POWER_ON_NS);
    }
    for (int i = 0; i < n && !sim_failed(&l->sim); i++)
        wire_send(&l->far.wire, DIRECTION_TX, l->peer.batch[i].bytes, l->peer.batch[i].len);
    return n;
}

/* Frames that the guest sent before the stop request are still in the socket: on a busy machine
 * both arrive together. */
static int live_last_frames(struct live *l)
{
    int n = PEER_BATCH;

    for (unsigned i = 0; i < LAST_BATCHES && n == PEER_BATCH; i++) {
        n = live_take_frames(l);
        if (l->started)
            live_run_until(l, live_virtual_now(l));
    }
    return n < 0 ? EXIT_USAGE : EXIT_PASS;
}

/* Returns an exit code, or EXIT_PASS with the verdict in l->sim. */
static int live_loop(struct live *l)
{
    uint64_t sleep_ns;
    int n;

    for (;;) {
        if (l->started)
            live_run_until(l, live_virtual_now(l));
        n = live_take_frames(l);
        if (n < 0)
            return EXIT_USAGE;
        if (l->started)
            live_run_until(l, live_virtual_now(l));
        peer_flush(&l->peer);
        if (sim_failed(&l->sim) || l->peer.gone)
            return EXIT_PASS;
        sleep_ns = n == PEER_BATCH ? 0 : live_idle_ns(l);
        if (!l->started && !sleep_ns) {
            value_message(stderr, "world: no frame from a guest within %" PRIu64 " s\n",
                          l->settings->limit_s);
            return EXIT_NO_GUEST;
        }
        if (l->settings->verbose)
            fflush(stdout);
        if (peer_wait(&l->peer, sleep_ns, l->signals))
            return live_last_frames(l);
    }
}

/* ---- messages ---- */

/* Everything is ready for the guest. */
static void live_announce(const struct live *l)
{
    static const char line[] = "ready\n";

    if (l->settings->socket)
        printf("world: listening on %s\n", l->settings->socket);
    fflush(stdout);
    if (l->settings->ready_fd == NO_FD)
        return;
    if (write((int)l->settings->ready_fd, line, sizeof(line) - 1) < 0)
        value_message(stderr, "world: --ready-fd: %s\n", strerror(errno));
    close((int)l->settings->ready_fd);
}

static void live_summary(const struct live *l)
{
    const struct peer *p = &l->peer;
    unsigned unjudged = l->scenario->expect_count;

    printf("world: %s%" PRIu64 " frames from the guest (%" PRIu64 " bytes), %" PRIu64
           " to it (%" PRIu64 " bytes), %" PRIu64 " touched by a fault",
           p->gone ? "the guest closed its socket; " : "", p->frames_in, p->bytes_in, p->frames_out,
           p->bytes_out, l->far.wire.faults);
    if (p->dropped)
        printf(", %" PRIu64 " dropped because the guest did not receive", p->dropped);
    if (p->count)
        printf(", %u still queued for the guest", p->count);
    if (unjudged)
        printf(", %u expectation%s not judged", unjudged, unjudged == 1 ? "" : "s");
    if (scenario_claims(l->scenario))
        printf(", idle faults and lines not judged");
    putchar('\n');
}

static void live_failure_block(const struct live *l, const char *world)
{
    static struct verdict v;
    struct report_item it = {.scenario = l->scenario,
                             .verdict = &v,
                             .program = l->settings->program,
                             .again = l->settings->again,
                             .seed = l->settings->seed,
                             .capture = l->settings->pcap};

    v.failure = l->sim.failure;
    v.last_count = l->last_count;
    snprintf(v.world, sizeof(v.world), "%s", world);
    for (unsigned i = 0; i < LAST_FRAMES && i < l->last_count; i++) {
        const struct seen *s = &l->last[i];

        story_frame(v.last[i], STORY_LINE_MAX, s->time_ns, s->direction, &s->decoded,
                    s->touched ? s->fate : NULL);
    }
    report_block(stdout, &it);
}

/* The exit code. With a shared failure, its reader reports an output that cannot be written. */
static int live_fail(const struct live *l, const char *world)
{
    if (l->guest.failure)
        *l->guest.failure = l->sim.failure;
    if (!l->guest.failure || l->sim.failure.kind != FAILURE_HARNESS)
        live_failure_block(l, world);
    return failure_code(l->sim.failure.kind);
}

/* A run that has failed keeps its failure: then a line reports the capture. */
static int live_fail_capture(struct live *l)
{
    const char *path = l->settings->pcap, *why = strerror(errno);

    if (sim_failed(&l->sim)) {
        value_message(stderr, "drywire: --pcap %s: %s\n", path, why);
        return failure_code(l->sim.failure.kind);
    }
    sim_fail(&l->sim, FAILURE_HARNESS, "capture", path, "cannot be written: %s", why);
    return live_fail(l, "");
}

/* ---- its life ---- */

/* Block these two signals until they are read: the socket's path is always removed. */
static int live_signals_open(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int live_run(struct live *l)
{
    struct far_side_listener listener = {l, live_frame_arrived, live_frame_seen};
    struct origin origin;
    struct whole_file capture = {0};
    struct sink sink;
    struct capture_wish wish = {0};
    char world[160];
    int code;

    sim_start(&l->sim, l->settings->seed);
    if (l->settings->pcap) {
        if (whole_file_open(&capture, l->settings->pcap))
            return live_fail_capture(l);
        origin_of(&origin, l->scenario, l->settings->facts);
        sink = whole_file_sink(&capture);
        wish = (struct capture_wish){.out = &sink, .header = origin.header};
    }
    if (far_side_open(&l->far, &l->sim, l->scenario, l->guest.mac, &wish, &listener)) {
        whole_file_discard(&capture);
        return live_fail(l, "");
    }
    oracles_real_time(l->far.oracles);
    if (l->settings->counted)
        oracles_off(l->far.oracles, "arp.rate"); /* the guest has another clock */
    live_schedule_actions(l);
    live_announce(l);
    l->start_ns = live_clock_ns();
    code = live_loop(l);
    snprintf(world, sizeof(world), "%s", l->far.world_ops->describe(l->far.world));
    far_side_close(&l->far);
    live_summary(l);
    if (code == EXIT_PASS && sim_failed(&l->sim))
        code = live_fail(l, world);
    if (capture.file && whole_file_close(&capture)) {
        int bad = live_fail_capture(l);

        code = code ? code : bad;
    }
    return code;
}

int live_serve(const struct scenario *sc, const struct live_settings *s, struct live_guest guest)
{
    static struct live l;
    int code;

    l = (struct live){.settings = s, .scenario = sc, .guest = guest};
    l.signals = live_signals_open();
    if (l.signals < 0) {
        value_message(stderr, "drywire: signalfd: %s\n", strerror(errno));
        return EXIT_HARNESS;
    }
    prctl(PR_SET_TIMERSLACK, 1000); /* ns: delays of the wire are small */
    code =
        s->socket ? peer_open_path(&l.peer, s->socket, s->peer) : peer_open_fd(&l.peer, (int)s->fd);
    if (!code) {
        code = live_run(&l);
        peer_close(&l.peer);
        far_side_free(&l.far);
        sim_free(&l.sim);
    }
    close(l.signals);
    return code;
}
