/*
 * One run of a scenario: the machine, the wire, the world and the oracles, and the decision when it
 * ends. See run.h.
 */
#include "run.h"
#include "../../core/base/minmax.h"
#include "../machine/guest_core.h"
#include "../base/memory.h"
#include "run_context.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Events of one run; more is a livelock. A 4 MiB body takes about 40,000, a frame that is observed
 * less than 50, twice. */
enum { EVENTS_MAX = 5000000, EVENTS_OBSERVED = 100 };

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
        uint64_t late = c->expectations.deadline_ns;
        uint64_t until = SIM_POWER_ON_NS + c->scenario->until_ns, stop = limit, next;

        if (until > s->now_ns && until < stop)
            stop = until;
        if (late < stop)
            stop = late;
        next = s->next_ns;
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
            run_kill_at_wait(c);
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
    return (struct draw_stream){name, draw_stream_id(name) ^ draw_stream_id(sc->title), 0};
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
    struct machine_listener machine_listener = run_machine_events(c);
    struct machine_config config = {
        .guest = c->options->guest ? c->options->guest : &guest_core,
        .device = &sc->device,
        .more = sc->more,
        .more_count = sc->more_count,
        .window = sc->world == WORLD_PEER ? sc->peer.machine_window : 0,
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
    run_program_events(c);
    machine_start(&c->machine, &c->sim, &config, &machine_listener);
    run_schedule(c);
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
    struct far_side_listener listener = run_wire_events(c);
    struct capture_wish wish = {.out = o->capture, .header = o->header, .rings = true, .ctx = c};

    if (!o->guest || o->guest == &guest_core)
        wish.connection = run_connection;
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
    if (o->guest && o->guest != &guest_core)
        oracles_another(c->far.oracles);
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
    expectations_free(&c->expectations);
    free(c->pids);
    free(c);
}
