/* The faults that a scenario requests, and what it allows: see scenario.h. */
#include "scenario.h"

const char *const peer_fault_words[PEER_FAULTS] = {
    [PEER_NAK] = "nak",
    [PEER_SILENT] = "dhcp-silent",
    [PEER_RENEW_SILENT] = "renew-silent",
    [PEER_REBIND_SILENT] = "rebind-silent",
    [PEER_NAK_RENEW] = "nak-renew",
    [PEER_SECOND_SERVER] = "second-server",
    [PEER_FOREIGN_XID] = "foreign-xid",
    [PEER_ARP_SILENT] = "arp-silent",
    [PEER_ARP_TAKEN] = "arp-taken",
    [PEER_ZERO_WINDOW] = "zero-window",
};

const char *const allowance_words[ALLOW_COUNT + 1] = {
    [ALLOW_IDLE_FAULT] = "idle-fault",
    [ALLOW_EXIT] = "exit",
    [ALLOW_IDLE_LINE] = "idle-line",
    [ALLOW_NOTHING] = "nothing",
};

bool scenario_peer_fault(const struct scenario *s, enum peer_fault fault)
{
    const struct native_options *o = &s->native;
    const bool asked[PEER_FAULTS] = {
        [PEER_NAK] = o->nak_requests,
        [PEER_SILENT] = o->silent_requests,
        [PEER_RENEW_SILENT] = o->renew_silent,
        [PEER_REBIND_SILENT] = o->rebind_silent,
        [PEER_NAK_RENEW] = o->nak_renew,
        [PEER_SECOND_SERVER] = o->second_server,
        [PEER_FOREIGN_XID] = o->foreign_xid,
        [PEER_ARP_SILENT] = o->arp_silent || o->arp_silent_first,
        [PEER_ARP_TAKEN] = o->arp_taken,
        [PEER_ZERO_WINDOW] = o->zero_window_ns,
    };

    return asked[fault];
}

bool scenario_has_rates(const struct scenario *s)
{
    for (unsigned dir = 0; dir < 2; dir++)
        if (s->wire[dir].drop | s->wire[dir].duplicate | s->wire[dir].reorder |
            s->wire[dir].corrupt)
            return true;
    return false;
}

bool scenario_claims(const struct scenario *s)
{
    bool peer = s->native.dhcp_count;

    for (unsigned i = 0; i < PEER_FAULTS; i++)
        peer |= scenario_peer_fault(s, i);
    return s->action_count || s->service_count || s->dial_count || s->allowed ||
           scenario_has_rates(s) || (s->world == WORLD_NATIVE && peer);
}

uint64_t scenario_heals_ns(const struct scenario *s)
{
    uint64_t at = SIM_NEVER;

    for (unsigned i = 0; i < s->action_count; i++)
        if (s->actions[i].kind == ACTION_HEAL && s->actions[i].at_ns < at)
            at = s->actions[i].at_ns;
    return at == SIM_NEVER && scenario_has_rates(s) ? s->heal_ns : at;
}
