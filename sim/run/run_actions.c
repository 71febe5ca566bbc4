/* The actions of a scenario: programs start and die, links and the wire go down and up. See
 * run_context.h. */
#include "run_context.h"
#include "../../core/base/err.h"
#include "../../core/trace/trace.h"
#include <stdio.h>
#include <string.h>

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

void run_machine_booted(void *ctx)
{
    struct run_context *c = ctx;
    const struct scenario *sc = c->scenario;

    for (unsigned i = 0; i < sc->program_count; i++)
        sim_at(&c->sim, SIM_POWER_ON_NS + sc->programs[i].at_ns, EVENT_FAULT, start_program, c, i);
    for (unsigned i = 0; i < sc->action_count; i++)
        sim_at(&c->sim, SIM_POWER_ON_NS + sc->actions[i].at_ns, EVENT_FAULT, act, c, i);
}

void run_schedule(struct run_context *c)
{
    const struct scenario *sc = c->scenario;
    uint64_t heals_ns = scenario_heals_ns(sc);

    if (c->options->hold_until_ns) {
        sim_at(&c->sim, SIM_POWER_ON_NS + c->options->hold_from_ns, EVENT_FAULT, hold_event, c, 1);
        sim_at(&c->sim, SIM_POWER_ON_NS + c->options->hold_until_ns, EVENT_FAULT, hold_event, c, 0);
    }
    if (heals_ns != SIM_NEVER)
        sim_at(&c->sim, SIM_POWER_ON_NS + heals_ns, EVENT_FAULT, heal_event, c, 0);
}

void run_kill_at_wait(struct run_context *c)
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
