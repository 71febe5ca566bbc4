/*
 * What the verdict of a run claims: which faults fired, which oracles looked, how far the wire was
 * bad, what was lost on the way to the machine. A green that rests on nothing is found here: each
 * kind is a failure (`vacuous.*`, `exit.status`) that one `allow` word of the scenario permits, or
 * is said in the verdict line. docs/verdicts.md has the table.
 */
#ifndef DRYWIRE_CLAIM_H
#define DRYWIRE_CLAIM_H

#include "far_side.h"

enum { CLAIM_IDLE_MAX = 120 };

struct claim {
    bool weak;                 /* the memory */
    unsigned looked;           /* oracles: what they judge occurred */
    unsigned faults, fired;    /* faults that the scenario has; those that fired at least once */
    char idle[CLAIM_IDLE_MAX]; /* those that did not, in words; "" when all did */
    uint64_t healed_ns;        /* since power-on, SIM_NEVER: the wire was as the scenario says */
    uint64_t lost[2];          /* frames between wire and machine, by enum direction */
    const char *why[2];        /* the last of these; a literal */
};

/* Fill in what the far side knows, at the end of a run. A fault that never fired is a failure,
 * unless it is a rate or the scenario allows it; so are a line that nothing used and a run in which
 * no frame passed. */
void claim_make(struct claim *c, const struct far_side *f);

#endif
