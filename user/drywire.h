/*
 * The library of user programs: system calls as functions, and the few helpers that every program
 * needs. Programs have no writable file-scope data, no floating point and at most 16 KiB of stack;
 * they include this header and nothing else.
 */
#ifndef DRYWIRE_USER_H
#define DRYWIRE_USER_H

#include "../core/syscall.h"
#include <stdbool.h>

/* The trap into the kernel: the machine provides it. */
int64_t drywire_syscall(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);

#endif
