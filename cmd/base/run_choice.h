/*
 * The choice of one of a scenario's runs: the settings in a command line, the header of a capture
 * and the command that repeats the run, besides the scenario.
 */
#ifndef DRYWIRE_RUN_CHOICE_H
#define DRYWIRE_RUN_CHOICE_H

#include "../../sim/scenario/scenario.h"
#include <stdint.h>

/* The memory model of a run (docs/simulator.md); both: one run with each, unless the scenario sets
 * it. */
enum memory_mode { MEMORY_DRAW, MEMORY_WEAK, MEMORY_STRONG, MEMORY_BOTH };

struct run_choice {
    uint64_t seed;
    enum memory_mode memory;
    const char *device; /* changes of the scenario's device line, or NULL */
    const char *guest;  /* the file of an external guest; NULL: the core */
};

/* In the order of enum memory_mode, NULL-terminated. */
extern const char *const memory_words[];

/* The value for struct run_options; weak or strong is drawn for MEMORY_BOTH too. */
enum toggle memory_toggle(enum memory_mode memory);

#endif
