/*
 * The registers of a program on rv64, in the order in which trap.S saves them.
 */
#ifndef DRYWIRE_CONTEXT_H
#define DRYWIRE_CONTEXT_H

#include <stdint.h>

struct context {
    uint64_t x[32]; /* x[0] is not used */
    uint64_t pc, cause, value;
    uint64_t kernel_sp; /* of context_enter(), while the program runs */
};

#endif
