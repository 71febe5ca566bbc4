/* Shared by the files of the x86-64 target. */
#ifndef DRYWIRE_X86_64_H
#define DRYWIRE_X86_64_H

#include "../common/port.h"
#include "context.h"

/* The upper four bits are the priority. The timer's is higher: a device's interrupt is completed
 * only by the main loop, and until then the time slices of programs must still end. */
enum {
    VECTOR_NMI = 2,
    VECTOR_DOUBLE_FAULT = 8,
    VECTOR_PAGE_FAULT = 14,
    VECTOR_MACHINE_CHECK = 18,
    VECTOR_DEVICE = 0x20, /* a line of an I/O APIC, or a message */
    VECTOR_TIMER = 0x30,
    VECTOR_SYSCALL = 0x80,
    VECTOR_SPURIOUS = 0xff,
};

/* Descriptor tables and traps (cpu.c). */
void cpu_start(void);
void context_run(struct context *c); /* trap.S */
void x86_kernel_trap(struct context *c);

/* Local APIC, I/O APICs and the clock (interrupt.c). */
void interrupts_start(void);
void interrupt_taken(uint64_t vector);

_Noreturn void x86_main(const void *start_info);

#endif
