/*
 * One run of a scenario: the machine, the wire, the world and the oracles, and the decision when it
 * ends. See run.h.
 */
#include "run.h"
#include "../../core/base/err.h"
#include "../../core/base/minmax.h"
#include "../../core/trace/trace.h"
#include "far_side.h"
#include "../machine/guest_core.h"
#include "../machine/machine.h"
#include "../base/memory.h"
#include "../oracle/oracle_calls.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Events of one run; more is a livelock. A 4 MiB body takes about 40,000, a frame that is observed
 * less than 50, twice. */
enum { EVENTS_MAX = 5000000, EVENTS_OBSERVED = 100 };

struct run_context {
    struct sim sim;
    struct machine machine;
    struct far_side far;
    struct expectations expectations;

    const struct scenario *scenario;
    const struct run_options *options;
    int *pids; /* of the scenario's programs, 0: not started */
    size_t pids_size;
    unsigned started;
    unsigned actions_done;
    unsigned waits;
    struct claim claim;
};

/* ---- events of the machine ---- */

/* The line of the scenario that started a process. */
static unsigned line_of(const struct run_context *c, long pid)
{
    for (unsigned i = 0; i < c->scenario->program_count; i++)
        if (c->pids[i] == pid)
            return c->scenario->programs[i].line;
    return 1;
}

/* A program that fails is a failure, unless the scenario expects it. */
static void judge_exit(struct run_context *c, const char *line, bool expected)
{
    const char *status, *pid;
    char site[200];

    if (c->machine.guest != &guest_core ||
        (strncmp(line, "kernel: exit ", 13) && strncmp(line, "kernel: faulted ", 16)))
        return;
    status = strstr(line, " status=");
    pid = strstr(line, " pid=");
    if (!pid || !status || !strcmp(status, " status=0"))
        return;
    oracle_set_add(&c->sim.looked, EXIT_STATUS);
    if (expected || scenario_allows(c->scenario, ALLOW_EXIT))
        return;
    snprintf(site, sizeof(site), "%s:%u", c->scenario->path, line_of(c, atol(pid + 5)));
    sim_fail(&c->sim, FAILURE_EXPECT, "exit.status", site,
             "\"%s\", but no expect line has it; add 'expect %.*s%s', or 'allow exit'", line,
             (int)(pid + 1 - line), line, strchr(pid + 1, ' ') + 1);
}

static void run_say(struct run_context *c, const char *line)
{
    judge_exit(c, line, expectations_line(&c->expectations, line));
    if (c->machine.guest == &guest_core)
        oracles_line(c->far.oracles, line);
    if (c->options->on_line)
        c->options->on_line(c->options->ctx, c->sim.now_ns, line);
}

/* A program's reads and writes go to the oracles with the bytes just copied. */
static void run_trace_stream(struct run_context *c, unsigned id, const uint64_t *args)
{
    const struct processes *ps = &c->machine.processes;
    uint16_t local = (uint16_t)args[0], port = (uint16_t)args[2];
    uint32_t remote = (uint32_t)args[1];

    if (id == TRACE_TCP_READ) {
        oracles_app_read(c->far.oracles, local, remote, port, ps->copied, ps->copied_len);
        if (c->far.world_ops->app_read)
            c->far.world_ops->app_read(c->far.world, ps->copied, ps->copied_len);
    } else if (id == TRACE_TCP_WRITTEN) {
        oracles_app_written(c->far.oracles, local, remote, port, ps->copied, ps->copied_len);
    } else {
        oracles_app_end(c->far.oracles, local, remote, port);
    }
}

static void on_trace(void *ctx, unsigned id, const uint64_t *args, unsigned count)
{
    struct run_context *c = ctx;
    const struct trace_event *e = trace_event(id);
    char line[TRACE_LINE_MAX];

    if (id == TRACE_TCP_READ || id == TRACE_TCP_WRITTEN || id == TRACE_TCP_STREAM_END)
        run_trace_stream(c, id, args);
    oracles_trace(c->far.oracles, id, args);
    if (id == TRACE_TCP_ABORTED)
        oracles_due(c->far.oracles);
    if (!expectations_wants(&c->expectations, e->component) &&
        (!c->options->on_line || (e->level == TRACE_LEVEL_DETAIL && !c->options->detail)))
        return;
    trace_format(line, sizeof(line), id, args, count);
    expectations_line(&c->expectations, line);
    if (c->options->on_line && (e->level == TRACE_LEVEL_MARK || c->options->detail))
        c->options->on_line(c->options->ctx, c->sim.now_ns, line);
}

static void on_line(void *ctx, const char *text, size_t len)
{
    char line[512];

    len = min_u64(len, sizeof(line) - 1);
    memcpy(line, text, len);
    line[len] = 0;
    run_say(ctx, line);
}

static void on_frame(void *ctx, const uint8_t *frame, size_t len)
{
    struct run_context *c = ctx;

    wire_send(&c->far.wire, DIRECTION_TX, frame, len);
}

static void frame_lost(void *ctx, bool transmitted, const uint8_t *frame, size_t len,
                       const char *why)
{
    struct run_context *c = ctx;
    enum direction dir = transmitted ? DIRECTION_TX : DIRECTION_RX;
    struct decoded d;

    decode_frame(frame, len, &d);
    if (transmitted)
        oracles_tx(c->far.oracles, frame, len, &d);
    else
        oracles_lost(c->far.oracles);
    c->claim.lost[dir]++;
    c->claim.why[dir] = why;
    if (c->options->on_lost)
        c->options->on_lost(c->options->ctx, c->sim.now_ns, dir, frame, len, &d, why);
}

/* ---- events of the wire ---- */

static void frame_arrived(void *ctx, const uint8_t *frame, size_t len)
{
    struct run_context *c = ctx;

    machine_frame(&c->machine, frame, len);
}

static void frame_seen(void *ctx, enum direction dir, const uint8_t *frame, size_t len,
                       const struct decoded *d, const char *fate)
{
    struct run_context *c = ctx;

    if (c->options->on_frame)
        c->options->on_frame(c->options->ctx, c->sim.now_ns, dir, d, len, fate);
    if (c->options->on_flight)
        c->options->on_flight(c->options->ctx, c->sim.now_ns, dir, frame, len, d, fate,
                              c->far.wire.arrival_ns);
}

static void ring_told(void *ctx, unsigned device, const struct vqueue *q, enum vqueue_event what,
                      unsigned chain, uint32_t value)
{
    struct run_context *c = ctx;

    if (c->options->capture)
        reasons_ring(&c->far.reasons, device, q, what, chain, value);
    if (c->options->on_ring)
        c->options->on_ring(c->options->ctx, c->sim.now_ns, device, q, what, chain, value);
}

static void register_accessed(void *ctx, bool write, enum reg_space space, uint64_t addr,
                              unsigned size, uint32_t value)
{
    struct run_context *c = ctx;

    reasons_register(&c->far.reasons, write, space, addr, size, value);
}

static void program_copied(void *ctx, const struct process_stop *call, uint64_t address, size_t len,
                           bool write)
{
    struct run_context *c = ctx;

    oracle_call_copies(&c->sim, call, address, len, write);
}

static void program_returned(void *ctx, const struct process_stop *call, int64_t result)
{
    struct run_context *c = ctx;

    oracles_call(c->far.oracles, call, result);
}

static bool connection(void *ctx, uint16_t local_port, uint32_t remote, uint16_t remote_port,
                       unsigned *number, const char **word)
{
    struct run_context *c = ctx;

    return guest_core_connection(c->machine.state, local_port, remote, remote_port, number, word);
}

/* ---- actions of the scenario ---- */

static void start_program(void *ctx, uint64_t i)
{
    struct run_context *c = ctx;
    const struct scenario_program *p = &c->scenario->programs[i];
    int pid;
    char site[160];

    if (machine_busy(&c->machine)) {
        sim_at(&c->sim, c->sim.now_ns + NS_PER_US, EVENT_FAULT, start_program, c, i);
        return;
    }
    pid = c->machine.gave_up ? ERR_NODEV
          : c->machine.guest->start
              ? c->machine.guest->start(c->machine.state, p->words, p->count, c->sim.now_ns)
              : ERR_NOSYS;
    c->started++;
    if (pid < 0) {
        snprintf(site, sizeof(site), "%s:%u", c->scenario->path, p->line);
        sim_fail(&c->sim, FAILURE_EXPECT, "run", site, "program '%s' cannot be started: %s",
                 p->words[0], trace_error_word(pid));
        return;
    }
    c->pids[i] = pid;
    machine_wake(&c->machine);
}

/* How many were running. */
static unsigned kill_program(struct run_context *c, const char *name)
{
    unsigned fired = 0;

    for (unsigned i = 0; i < c->scenario->program_count; i++)
        if (c->pids[i] && strcmp(c->scenario->programs[i].words[0], name) == 0 &&
            c->machine.guest->kill) {
            fired +=
                c->machine.guest->alive && c->machine.guest->alive(c->machine.state, c->pids[i]);
            c->machine.guest->kill(c->machine.state, c->pids[i], c->sim.now_ns);
        }
    machine_wake(&c->machine);
    return fired;
}

static void act(void *ctx, uint64_t i)
{
    struct run_context *c = ctx;
    const struct scenario_action *a = &c->scenario->actions[i];
    struct fake_net *nic;

    if (machine_busy(&c->machine)) {
        sim_at(&c->sim, c->sim.now_ns + NS_PER_US, EVENT_FAULT, act, c, i);
        return;
    }
    c->actions_done++;
    switch (a->kind) {
    case ACTION_KILL:
        c->far.wire.fired[i] += kill_program(c, a->match);
        break;
    case ACTION_LINK:
        nic = fake_net_of(c->machine.devices[a->device].virtio);
        c->far.wire.fired[i] += nic->link_up != (bool)a->to;
        fake_net_link(nic, a->to);
        break;
    case ACTION_CUT:
    case ACTION_HEAL:
        far_side_act(&c->far, a);
        break;
    case ACTION_DROP:
    case ACTION_DUPLICATE:
    case ACTION_DELAY:
    case ACTION_CORRUPT:
    case ACTION_TRUNCATE:
        break; /* active from now on: the wire checks the time itself */
    }
}

static void heal_event(void *ctx, uint64_t arg)
{
    struct run_context *c = ctx;

    (void)arg;
    wire_heal(&c->far.wire);
}

static void hold_event(void *ctx, uint64_t hold)
{
    struct run_context *c = ctx;

    fake_net_hold_tx(fake_net_of(c->machine.devices[0].virtio), hold);
}

static void schedule_scenario(struct run_context *c)
{
    const struct scenario *sc = c->scenario;
    uint64_t heals_ns = scenario_heals_ns(sc);

    for (unsigned i = 0; i < sc->program_count; i++)
        sim_at(&c->sim, SIM_POWER_ON_NS + sc->programs[i].at_ns, EVENT_FAULT, start_program, c, i);
    for (unsigned i = 0; i < sc->action_count; i++)
        sim_at(&c->sim, SIM_POWER_ON_NS + sc->actions[i].at_ns, EVENT_FAULT, act, c, i);
    if (c->options->hold_until_ns) {
        sim_at(&c->sim, SIM_POWER_ON_NS + c->options->hold_from_ns, EVENT_FAULT, hold_event, c, 1);
        sim_at(&c->sim, SIM_POWER_ON_NS + c->options->hold_until_ns, EVENT_FAULT, hold_event, c, 0);
    }
    if (heals_ns != SIM_NEVER)
        sim_at(&c->sim, SIM_POWER_ON_NS + heals_ns, EVENT_FAULT, heal_event, c, 0);
}

/* For tests: the n-th program dies at its k-th wait. */
static void kill_at_wait(struct run_context *c)
{
    unsigned n = c->options->kill_program;
    const struct guest_ops *g = c->machine.guest;

    if (!n || n > c->scenario->program_count || !c->pids[n - 1] || !g->waits ||
        machine_busy(&c->machine) || !g->alive(c->machine.state, c->pids[n - 1]))
        return;
    c->waits = g->waits(c->machine.state, c->pids[n - 1]);
    if (c->options->kill_at_wait && c->waits >= c->options->kill_at_wait) {
        g->kill(c->machine.state, c->pids[n - 1], c->sim.now_ns);
        machine_wake(&c->machine);
    }
}

/* ---- the end of the run ---- */

static bool programs_done(const struct run_context *c)
{
    const struct guest_ops *g = c->machine.guest;

    if (c->started < c->scenario->program_count)
        return false;
    for (unsigned i = 0; i < c->scenario->program_count; i++)
        if (!c->scenario->programs[i].daemon && g->alive && g->alive(c->machine.state, c->pids[i]))
            return false;
    return true;
}

static bool run_done(const struct run_context *c)
{
    const struct guest_ops *g = c->machine.guest;

    return !c->expectations.open && c->actions_done == c->scenario->action_count &&
           c->sim.now_ns >= SIM_POWER_ON_NS + c->scenario->until_ns &&
           machine_resting(&c->machine) && programs_done(c) &&
           (!g->idle || c->machine.gave_up || g->idle(c->machine.state)) &&
           !c->far.world_ops->busy(c->far.world);
}

/* The oracles at the end of the run. */
static void oracles_over(struct run_context *c)
{
    oracles_due(c->far.oracles);
    if (c->machine.guest == &guest_core) /* others do not report their drops */
        oracles_end(c->far.oracles, c->claim.lost[DIRECTION_RX]);
}

static void limit_reached(struct run_context *c)
{
    const char *what = !programs_done(c)                      ? "a program has not ended"
                       : c->expectations.open                 ? "an expectation is not met"
                       : c->far.world_ops->busy(c->far.world) ? "the world has unfinished work"
                                                              : "the machine has unfinished work";

    oracles_over(c);
    expectations_check(&c->expectations, true);
    sim_fail(&c->sim, FAILURE_LIVENESS, "liveness.limit", c->scenario->path,
             "the limit of %llu s virtual time was reached and %s",
             (unsigned long long)(c->scenario->limit_ns / NS_PER_S), what);
}

static void run_loop(struct run_context *c)
{
    struct sim *s = &c->sim;
    uint64_t limit = SIM_POWER_ON_NS + c->scenario->limit_ns;
    uint64_t most = EVENTS_MAX + EVENTS_OBSERVED * c->scenario->native.observed.count;

    while (!sim_failed(s) && !run_done(c)) {
        uint64_t late = expectations_deadline(&c->expectations);
        uint64_t until = SIM_POWER_ON_NS + c->scenario->until_ns, stop = limit, next;

        if (until > s->now_ns && until < stop)
            stop = until;
        if (late < stop)
            stop = late;
        next = sim_next(s);
        if (next > stop) {
            s->now_ns = max_u64(stop, s->now_ns);
            if (s->now_ns >= late)
                expectations_check(&c->expectations, false);
            else if (s->now_ns >= limit)
                limit_reached(c);
            continue;
        }
        sim_step(s);
        if (c->options->kill_program)
            kill_at_wait(c);
        if (s->events > most)
            sim_fail(s, FAILURE_LIVELOCK, "budget.events", c->scenario->path,
                     "more than %" PRIu64 " events", most);
    }
}

/* ---- the run ---- */

/* A capture shows when frames arrived, and which ones the machine received together; with weak
 * memory it would poll at other times, and correct code would fail. */
static bool memory_is_recorded(const struct scenario *sc)
{
    return sc->world == WORLD_REPLAY;
}

enum toggle run_memory(const struct scenario *sc)
{
    if (memory_is_recorded(sc))
        return TOGGLE_OFF;
    if (sc->weak_memory != TOGGLE_DRAW)
        return sc->weak_memory;
    return sc->device.profile == PROFILE_QEMU ? TOGGLE_OFF : TOGGLE_DRAW;
}

/* By seed and title, so that scenarios differ under one seed, and a file gives the same run in any
 * folder. */
static struct draw_stream titled(const struct scenario *sc, const char *name)
{
    struct draw_stream d, title;

    draw_stream_init(&d, name);
    draw_stream_init(&title, sc->title);
    d.id ^= title.id;
    return d;
}

static bool draw_weak(struct run_context *c)
{
    const struct scenario *sc = c->scenario;
    enum toggle t = run_memory(sc);
    struct draw_stream weak = titled(sc, "memory.weak");

    if (c->options->weak_memory != TOGGLE_DRAW && !memory_is_recorded(sc))
        t = c->options->weak_memory;
    if (t != TOGGLE_DRAW)
        return t == TOGGLE_ON;
    return sim_draw(&c->sim, &weak) & 1;
}

static void start(struct run_context *c)
{
    const struct scenario *sc = c->scenario;
    struct machine_listener machine_listener = {
        c,
        on_frame,
        on_trace,
        on_line,
        c->options->capture || c->options->on_ring ? ring_told : NULL,
        frame_lost,
        c->options->registers ? register_accessed : NULL};
    struct machine_config config = {
        .guest = c->options->guest ? c->options->guest : &guest_core,
        .device = &sc->device,
        .more = sc->more,
        .more_count = sc->more_count,
        .fill = !c->options->quick,
        .secret = scenario_secret(sc, c->sim.seed),
        .place = titled(sc, "memory.place"),
        .form = titled(sc, "machine.tree"),
    };

    c->started = c->actions_done = c->waits = 0;
    c->claim = (struct claim){.healed_ns = SIM_NEVER};
    c->pids = memory_grow(c->pids, sc->program_count, &c->pids_size, sizeof(*c->pids));
    for (unsigned i = 0; i < sc->program_count; i++)
        c->pids[i] = 0;
    expectations_start(&c->expectations, sc, &c->sim);
    c->machine.guest = config.guest;
    config.weak = draw_weak(c);
    c->machine.processes.on_copy = program_copied;
    c->machine.processes.on_copy_ctx = c;
    c->machine.processes.on_return = program_returned;
    c->machine.processes.on_return_ctx = c;
    c->machine.processes.on_read = c->options->on_read;
    c->machine.processes.on_read_ctx = c->options->ctx;
    machine_start(&c->machine, &c->sim, &config, &machine_listener);
    schedule_scenario(c);
}

static void fill_result(struct run_context *c, struct run_result *r)
{
    r->failure = c->sim.failure;
    r->seed = c->sim.seed;
    r->hash = c->sim.hash;
    r->hashed = c->sim.hashed;
    r->virtual_ns = c->sim.now_ns - SIM_POWER_ON_NS;
    r->frames_tx = c->far.wire.frames[DIRECTION_TX];
    r->frames_rx = c->far.wire.frames[DIRECTION_RX];
    r->events = c->sim.events;
    r->faults = c->far.wire.faults;
    r->claim = c->claim;
    r->waits = c->waits;
    r->tape = c->sim.tape;
    r->tape_count = c->sim.tape_count;
}

int run_scenario(struct run_context *c, const struct scenario *sc, const struct run_options *o,
                 struct run_result *result)
{
    struct far_side_listener listener = {c, frame_arrived, frame_seen};
    struct capture_wish wish = {.out = o->capture, .header = o->header, .rings = true, .ctx = c};

    if (!o->guest || o->guest == &guest_core)
        wish.connection = connection;
    memset(result, 0, sizeof(*result));
    c->scenario = sc;
    c->options = o;
    sim_start(&c->sim, o->seed);
    c->sim.hash_watch = o->hash_watch;
    c->sim.hash_watch_ctx = o->ctx;
    if (far_side_open(&c->far, &c->sim, sc, sc->device.net.mac_feature ? sc->device.net.mac : NULL,
                      &wish, &listener)) {
        fill_result(c, result);
        return 4;
    }
    if (o->hold_until_ns) { /* the machine counts frames that it queued, the device frames that
                             * it took */
        oracles_off(c->far.oracles, "report.counters");
        oracles_off(c->far.oracles, "report.lease");
    }
    if (sc->device.lie) /* the frame of the lie is lost */
        oracles_off(c->far.oracles, "report.counters");
    start(c);
    run_loop(c);
    if (!sim_failed(&c->sim))
        oracles_over(c);
    if (!sim_failed(&c->sim))
        expectations_check(&c->expectations, true);
    c->claim.weak = c->machine.weak;
    claim_make(&c->claim, &c->far, &c->machine);
    if (sim_failed(&c->sim))
        snprintf(result->world, sizeof(result->world), "%s",
                 c->far.world_ops->describe(c->far.world));
    machine_stop(&c->machine);
    far_side_close(&c->far);
    fill_result(c, result);
    expectations_free(&c->expectations);
    return result->failure.kind == FAILURE_HARNESS ? 4 : 0;
}

struct run_context *run_context_new(void)
{
    struct run_context *c = memory_new(1, sizeof(*c));

    if (machine_allocate(&c->machine))
        out_of_memory();
    return c;
}

void run_context_free(struct run_context *c)
{
    machine_free(&c->machine);
    far_side_free(&c->far);
    sim_free(&c->sim);
    free(c->pids);
    free(c);
}
