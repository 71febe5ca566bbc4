/*
 * The registers of a program on x86-64, in the order in which trap.S and the processor save them:
 * the processor's stack pointer for traps points to the end of this struct while the program runs.
 */
#ifndef DRYWIRE_CONTEXT_H
#define DRYWIRE_CONTEXT_H

#include <stdint.h>

struct context {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
} __attribute__((aligned(16)));

_Static_assert(sizeof(struct context) % 16 == 0, "the processor aligns its stack to 16 bytes");

#endif
