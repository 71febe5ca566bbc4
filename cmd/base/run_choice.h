/*
 * Which of a scenario's runs it is: all that a command line, the header of a capture and the
 * command that repeats the run say about it, besides the scenario.
 */
#ifndef DRYWIRE_RUN_CHOICE_H
#define DRYWIRE_RUN_CHOICE_H

#include "../../sim/scenario/scenario.h"
#include <stdint.h>

/* Which memory a run has (docs/simulator.md); both: one run with each, where the scenario leaves it
 * open. */
enum memory_mode { MEMORY_DRAW, MEMORY_WEAK, MEMORY_STRONG, MEMORY_BOTH };

struct run_choice {
    uint64_t seed;
    enum memory_mode memory;
    const char *device; /* what changes the scenario's device line, or NULL */
    const char *guest;  /* the file of a guest of someone else; NULL: the core */
};

/* In the order of enum memory_mode, up to a NULL. */
extern const char *const memory_words[];

/* What it is for struct run_options; weak or strong as drawn for MEMORY_BOTH too. */
enum toggle memory_toggle(enum memory_mode memory);

#endif
