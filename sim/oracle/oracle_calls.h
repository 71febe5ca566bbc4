/*
 * The oracle of system calls: the kernel copies only to and from memory that the running call
 * passed (core/interface/syscall.h). It shares nothing with core/kernel.
 */
#ifndef DRYWIRE_ORACLE_CALLS_H
#define DRYWIRE_ORACLE_CALLS_H

#include "../../core/port/process.h"
#include "../engine/sim.h"

/* The kernel copies `len` bytes at `address` of a program that waits in `call`: to the program
 * (`write`) or from it. May report calls.memory. */
void oracle_call_copies(struct sim *sim, const struct process_stop *call, uint64_t address,
                        size_t len, bool write);

#endif
