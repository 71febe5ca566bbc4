/* The claims of a run's verdict: see claim.h. */
#include "claim.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void idle_add(struct claim *c, const char *format, ...)
{
    size_t n = strlen(c->idle);
    va_list args;

    n += (size_t)snprintf(c->idle + n, sizeof(c->idle) - n, "%s", n ? ", " : "");
    if (n >= sizeof(c->idle))
        return;
    va_start(args, format);
    vsnprintf(c->idle + n, sizeof(c->idle) - n, format, args);
    va_end(args);
}

/* The fault of this line (0: of the option) did nothing; `why` is the reason in words. */
static void fault_idle(const struct far_side *f, unsigned line, const char *why)
{
    char site[200];

    if (scenario_allows(f->scenario, ALLOW_IDLE_FAULT))
        return;
    if (line)
        snprintf(site, sizeof(site), "%s:%u", f->scenario->path, line);
    else
        snprintf(site, sizeof(site), "--device");
    sim_fail(f->sim, FAILURE_EXPECT, "vacuous.fault", site,
             "%s; change the line, or add 'allow idle-fault'", why);
}

/* True if a driver used the device during the run. */
static bool device_used(const struct machine *m, unsigned number)
{
    return m->devices[number].virtio->initialised;
}

static void why_action(char *buf, size_t size, const struct far_side *f, const struct machine *m,
                       unsigned i)
{
    const struct scenario_action *a = &f->scenario->actions[i];
    uint64_t hits = f->wire.hits[i];

    if (a->kind == ACTION_KILL)
        snprintf(buf, size, "no program '%s' was running to kill", a->match);
    else if (a->kind == ACTION_LINK && !device_used(m, a->device))
        snprintf(buf, size, "no driver used device %u", a->device);
    else if (a->kind == ACTION_LINK)
        snprintf(buf, size, "the link was %s already", a->to ? "up" : "down");
    else if (a->kind == ACTION_CUT)
        snprintf(buf, size, "no frame was sent while the wire was cut");
    else
        snprintf(buf, size,
                 "this fault never fired: %" PRIu64
                 " %s frames%s matched '%s' while it was active, and it skips the first %" PRIu64,
                 hits, a->direction == DIRECTION_TX ? "tx" : "rx",
                 a->kind == ACTION_TRUNCATE || a->field ? " that it can change" : "", a->match,
                 a->skip);
}

static void claim_actions(struct claim *c, const struct far_side *f, const struct machine *m)
{
    const struct scenario *sc = f->scenario;

    for (unsigned i = 0; i < sc->action_count; i++) {
        const struct scenario_action *a = &sc->actions[i];
        char why[200];

        if (a->kind == ACTION_HEAL)
            continue;
        c->faults++;
        if (f->wire.fired[i] && (a->kind != ACTION_LINK || device_used(m, a->device))) {
            c->fired++;
            continue;
        }
        idle_add(c, "line %u", a->line);
        why_action(why, sizeof(why), f, m, i);
        fault_idle(f, a->line, why);
    }
}

static void claim_lies(struct claim *c, const struct far_side *f, const struct machine *m)
{
    for (unsigned i = 0; i < m->device_count; i++) {
        const struct fake_virtio *d = m->devices[i].virtio;
        char why[80];

        if (!d->config.lie)
            continue;
        c->faults++;
        if (fake_virtio_lied(d)) {
            c->fired++;
            continue;
        }
        idle_add(c, "lie of device %u", i);
        snprintf(why, sizeof(why), "the driver of device %u did not come to its lie", i);
        fault_idle(f, scenario_device(f->scenario, i)->line, why);
    }
}

/* With a small rate a seed may draw no fault: that is reported but no failure. */
static void claim_rates(struct claim *c, const struct far_side *f)
{
    static const char *const words[WIRE_RATES] = {"drop", "dup", "reorder", "corrupt"};

    for (unsigned dir = 0; dir < 2; dir++) {
        const struct wire_options *o = &f->scenario->wire[dir];
        const uint32_t rates[WIRE_RATES] = {o->drop, o->duplicate, o->reorder, o->corrupt};

        for (unsigned i = 0; i < WIRE_RATES; i++) {
            if (!rates[i])
                continue;
            c->faults++;
            if (f->wire.rates[dir][i])
                c->fired++;
            else
                idle_add(c, "%s %s", dir == DIRECTION_TX ? "tx" : "rx", words[i]);
        }
    }
}

static void claim_peer(struct claim *c, const struct far_side *f)
{
    for (unsigned i = 0; i < PEER_FAULTS; i++) {
        char why[120];

        if (f->scenario->world != WORLD_NATIVE || !scenario_peer_fault(f->scenario, i))
            continue;
        c->faults++;
        if (f->peer_fired[i]) {
            c->fired++;
            continue;
        }
        idle_add(c, "%s", peer_fault_words[i]);
        snprintf(why, sizeof(why), "the peer's fault '%s' never fired", peer_fault_words[i]);
        fault_idle(f, f->scenario->world_line, why);
    }
}

/* An unused line of kind `what`. */
static void line_idle(const struct far_side *f, unsigned line, const char *what)
{
    char site[200];

    if (f->used[line] || scenario_allows(f->scenario, ALLOW_IDLE_LINE))
        return;
    snprintf(site, sizeof(site), "%s:%u", f->scenario->path, line);
    sim_fail(f->sim, FAILURE_EXPECT, "vacuous.line", site,
             "%s; change or remove the line, or add 'allow idle-line'", what);
}

static void claim_lines(const struct far_side *f)
{
    const struct scenario *sc = f->scenario;

    for (unsigned i = 0; i < sc->service_count; i++) {
        const struct service *s = &sc->services[i];

        line_idle(f, s->line, "no frame reached this service");
        for (unsigned k = 0; k < s->step_count; k++)
            line_idle(f, s->steps[k].line, "the script did not reach this line");
        for (unsigned k = 0; k < s->dns_count; k++)
            line_idle(f, s->dns[k].line, "no query was for this name");
    }
    for (unsigned i = 0; i < sc->dial_count; i++)
        line_idle(f, sc->dials[i].line,
                  sc->dials[i].segment ? "its sender had no connection open"
                  : sc->dials[i].datagram || sc->dials[i].echo
                      ? "no frame of this line reached the machine"
                      : "the machine accepted no connection of this dial");
    for (unsigned i = 0; i < sc->native.dhcp_count; i++)
        line_idle(f, sc->native.dhcp[i].line,
                  "the machine did not send the request that this line answers");
}

void claim_make(struct claim *c, const struct far_side *f, const struct machine *m)
{
    const struct sim *s = f->sim;
    uint64_t heals_ns = scenario_heals_ns(f->scenario);
    const uint64_t *frames = f->wire.frames;

    claim_actions(c, f, m);
    claim_lies(c, f, m);
    claim_rates(c, f);
    claim_peer(c, f);
    claim_lines(f);
    c->looked = oracle_set_count(&s->looked);
    c->healed_ns = f->wire.healed ? heals_ns : SIM_NEVER;
    if (frames[DIRECTION_TX] + frames[DIRECTION_RX] == 0 && !f->scenario->device.lie &&
        !scenario_allows(f->scenario, ALLOW_NOTHING))
        sim_fail(f->sim, FAILURE_EXPECT, "vacuous.run", f->scenario->path,
                 "no frame passed in either direction: nothing was tested; let the scenario do "
                 "something, or add 'allow nothing'");
}
