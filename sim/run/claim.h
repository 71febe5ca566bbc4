/*
 * The claims of a run's verdict: which faults fired, which oracles looked, until when the wire had
 * faults, which frames were lost before the machine. A pass without evidence is detected here: each
 * kind is a failure (`vacuous.*`, `exit.status`) that one `allow` word of the scenario permits, or
 * is printed in the verdict line. docs/verdicts.md has the table.
 */
#ifndef DRYWIRE_CLAIM_H
#define DRYWIRE_CLAIM_H

#include "../machine/machine.h"
#include "far_side.h"

enum { CLAIM_IDLE_MAX = 120 };

struct claim {
    bool weak;                 /* the memory */
    unsigned looked;           /* oracles: the thing they check occurred */
    unsigned faults, fired;    /* faults of the scenario; those that fired at least once */
    char idle[CLAIM_IDLE_MAX]; /* those that did not fire, in words; "": all fired */
    uint64_t healed_ns;        /* since power-on; SIM_NEVER: the wire was not healed */
    uint64_t lost[2];          /* frames between wire and machine, by enum direction */
    const char *why[2];        /* the last of these; a literal */
};

/* Fill in the claims from the far side and the devices, at the end of a run before the machine
 * stops. A fault that never fired is a failure, unless it is a rate or the scenario allows it; so
 * are an unused line and a run without a frame. */
void claim_make(struct claim *c, const struct far_side *f, const struct machine *m);

#endif
