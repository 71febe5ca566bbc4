/*
 * Control and status registers (RISC-V privileged architecture), by name.
 */
#ifndef DRYWIRE_CSR_H
#define DRYWIRE_CSR_H

#include <stdint.h>

#define CSR_READ(name)                                                                             \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("csrr %0, " name : "=r"(value_)::"memory");                               \
        value_;                                                                                    \
    })
#define CSR_WRITE(name, value)                                                                     \
    __asm__ volatile("csrw " name ", %0" ::"r"((uint64_t)(value)) : "memory")

#define CSR_STIMECMP "0x14d" /* Sstc; unknown to the assembler by name */

enum { SIE_TIMER = 1 << 5, SIE_EXTERNAL = 1 << 9 };

#endif
