/*
 * User programs of a target: process.h on address spaces. All programs are in one read-only image
 * that is mapped for them alone; each has a stack of its own, and only the running one's is mapped.
 */
#ifndef DRYWIRE_TARGET_PROCESS_H
#define DRYWIRE_TARGET_PROCESS_H

#include "../../core/port/process.h"

extern const struct process_ops target_processes;

/* Before each poll: every program may use up a time slice again. */
void process_turn(void);

#endif
