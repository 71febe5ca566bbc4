/*
 * What is wrong with a scenario as a whole, although each of its lines is right: see
 * scenario_lines.h. Called once, after the last line.
 */
#include "scenario_lines.h"
#include "../fake_device/bodies.h"
#include <stdlib.h>
#include <string.h>

static int by_time(const void *a, const void *b)
{
    const struct scenario_action *x = a, *y = b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

/* A time that the run never reaches is a mistake. */
static bool within_limit(struct reader *r, unsigned line, uint64_t at_ns, const char *what)
{
    char at[32], limit[32];

    r->line = line;
    if (at_ns <= r->s->limit_ns || at_ns == SIM_NEVER)
        return true;
    return reader_wrong(r, "%s %s is after the limit of the run, %s: a line 'limit %s' raises it",
                        what, value_duration_text(at_ns, at, sizeof(at)),
                        value_duration_text(r->s->limit_ns, limit, sizeof(limit)), at);
}

/* So is a fault of a wire that is healed by then. */
static bool before_heal(struct reader *r, const struct scenario_action *a)
{
    uint64_t heals_ns = scenario_heals_ns(r->s);
    char at[32];

    if (a->kind > ACTION_CUT || a->at_ns < heals_ns)
        return true;
    return reader_wrong(r,
                        "this fault cannot fire: the wire is healed at %s (with rates in wire "
                        "lines, a line 'heal T' or 'heal never' changes that)",
                        value_duration_text(heals_ns, at, sizeof(at)));
}

/* True if there is a fault that `at T heal` stops. */
static bool has_faults(const struct scenario *s)
{
    static const struct wire_options perfect;

    for (unsigned i = 0; i < s->action_count; i++)
        if (s->actions[i].kind <= ACTION_CUT)
            return true;
    return memcmp(&s->wire[0], &perfect, sizeof(perfect)) ||
           memcmp(&s->wire[1], &perfect, sizeof(perfect));
}

/* `at T heal` without faults is a mistake. */
static bool check_heal(struct reader *r)
{
    const struct scenario *s = r->s;

    r->line = r->heal_line ? r->heal_line : r->line;
    if (r->heal_line && !scenario_has_rates(s))
        return reader_wrong(r,
                            "this heal does nothing: it stops rates, and no wire line has drop=, "
                            "dup=, reorder= or corrupt=");
    for (unsigned i = 0; i < s->action_count; i++) {
        if (s->actions[i].kind != ACTION_HEAL)
            continue;
        if (r->heal_line)
            return reader_wrong(r, "this heal does nothing: line %u heals the wire",
                                s->actions[i].line);
        r->line = s->actions[i].line;
        if (!has_faults(s))
            return reader_wrong(r, "this heal does nothing: the wire has no fault that it stops");
    }
    return true;
}

/* A capture is the whole far side, and its frames are found by the machine's address. */
static bool check_replay(struct reader *r)
{
    const struct scenario *s = r->s;
    const struct capture *c = &s->replay.capture;
    const uint8_t *mac = s->device.net.mac;

    if (s->service_count || s->dial_count) {
        r->line = s->service_count ? s->services[0].line : s->dials[0].line;
        return reader_wrong(
            r, "world replay takes no services or dials: its frames come from the capture");
    }
    if (!s->device.net.mac_feature)
        return reader_wrong(
            r, "mac=none cannot be replayed: the machine's frames are recognised by their address");
    for (size_t i = 0; i < c->count; i++)
        if (c->frames[i].len >= 12 && memcmp(c->frames[i].bytes + 6, mac, 6) == 0)
            return true;
    return reader_wrong(r,
                        "%.100s has no frame from %02x:%02x:%02x:%02x:%02x:%02x, the machine; set "
                        "its address with 'device virtio-net mac='",
                        s->replay.file, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

/* The action's device exists and supports it. */
static bool check_action_device(struct reader *r, const struct scenario_action *a)
{
    unsigned count = scenario_device_count(r->s);
    const struct fake_body_ops *body;

    if (a->kind != ACTION_LINK)
        return true;
    r->line = a->line;
    if (a->device >= count)
        return reader_wrong(r, "device=%u does not exist; the last device is %u", a->device,
                            count - 1);
    body = scenario_device(r->s, a->device)->body;
    return body == &fake_net_body ||
           reader_wrong(r, "device=%u is a %s, which has no link", a->device, body->name);
}

/* The core's TCP keeps its own counsel: no line says what it sends. */
static bool check_peer(struct reader *r)
{
    const struct scenario *s = r->s;

    for (unsigned i = 0; i < s->service_count; i++) {
        const struct service *v = &s->services[i];

        r->line = v->line;
        if (v->addr != PEER_ADDRESS)
            return reader_wrong(r, "world peer has one address, 10.0.2.2: serve there");
        if (v->kind == SERVICE_SCRIPT)
            return reader_wrong(r, "serve script needs world native: no script drives the core");
        if (v->latency_ns && service_takes(v, false) && v->kind != SERVICE_UNREACHABLE)
            return reader_wrong(r, "world peer answers a SYN at once: use delay= of the wire");
    }
    return true;
}

bool scenario_check(struct reader *r)
{
    struct scenario *s = r->s;
    unsigned last = r->line;

    if (!devices_settle(r))
        return false;
    r->line = last;
    for (unsigned i = 0; i < s->action_count; i++) {
        const struct scenario_action *a = &s->actions[i];
        bool started = a->kind != ACTION_KILL;

        if (!within_limit(r, a->line, a->at_ns, "at") || !before_heal(r, a) ||
            !check_action_device(r, a))
            return false;
        for (unsigned p = 0; p < s->program_count && !started; p++)
            started = !strcmp(s->programs[p].words[0], a->match);
        if (!started)
            return reader_wrong(r, "no line starts the program '%.40s' to kill", a->match);
    }
    for (unsigned i = 0; i < s->program_count; i++)
        if (!within_limit(r, s->programs[i].line, s->programs[i].at_ns, "at"))
            return false;
    for (unsigned i = 0; i < s->dial_count; i++)
        if (!within_limit(r, s->dials[i].line, s->dials[i].at_ns, "at"))
            return false;
    for (unsigned i = 0; i < s->expect_count; i++)
        if (!within_limit(r, s->expects[i].line, s->expects[i].by_ns, "by") ||
            !within_limit(r, s->expects[i].line, s->expects[i].after_ns, "after"))
            return false;
    if (!within_limit(r, last, s->until_ns, "until"))
        return false;
    for (unsigned i = 0; i < s->service_count; i++) {
        r->line = s->services[i].line;
        if (s->services[i].kind == SERVICE_SCRIPT && s->world == WORLD_SLIRP)
            return reader_wrong(
                r, "serve script needs world native: host sockets cannot lose a segment");
    }
    for (unsigned i = 0; i < s->service_count && s->world != WORLD_NATIVE; i++)
        if (s->services[i].kind == SERVICE_DNS) {
            r->line = s->services[i].line;
            return reader_wrong(r, "serve dns needs world native");
        }
    for (unsigned i = 0; i < s->dial_count && s->world == WORLD_SLIRP; i++)
        if (s->dials[i].echo) {
            r->line = s->dials[i].line;
            return reader_wrong(r, "echo needs world native: host sockets cannot ping");
        }
    if (s->native.dhcp_count && s->world != WORLD_NATIVE) {
        r->line = s->native.dhcp[0].line;
        return reader_wrong(r,
                            "peer dhcp needs world native: the others have servers of their own");
    }
    if (s->world == WORLD_PEER && !check_peer(r))
        return false;
    if (!check_heal(r) || (s->world == WORLD_REPLAY && !check_replay(r)))
        return false;
    if (!r->something && !r->how->far_side && !s->device.lie)
        return reader_wrong(r, "nothing to do: no run, expect or until line");
    if (s->action_count)
        qsort(s->actions, s->action_count, sizeof(*s->actions), by_time);
    return true;
}
