/*
 * What can go wrong on rv64 only: see misbehave.h.
 */
#include "../../../core/base/array.h"
#include "misbehave.h"

/* One statement that must not get past its own instruction. */
#define ACT(name, text, ...)                                                                       \
    static const char *name(void)                                                                  \
    {                                                                                              \
        __asm__ volatile(text __VA_ARGS__);                                                        \
        return survived;                                                                           \
    }

/* ---- instructions and registers that are the kernel's ---- */

ACT(write_satp, "csrw satp, zero")
ACT(read_sstatus, "csrr t0, sstatus", ::: "t0")
ACT(write_stvec, "csrw stvec, zero")
ACT(write_stimecmp, "csrw 0x14d, zero")
ACT(read_machine, "csrr t0, mhartid", ::: "t0")
ACT(read_time, "rdtime t0", ::: "t0")
ACT(read_cycle, "rdcycle t0", ::: "t0")
ACT(read_instret, "rdinstret t0", ::: "t0")
ACT(return_supervisor, "sret")
ACT(return_machine, "mret")
ACT(wait, "wfi")
ACT(fence_translations, "sfence.vma")

/* ---- exceptions ---- */

ACT(illegal, "unimp")
ACT(illegal_short, ".2byte 0")
ACT(breakpoint, "ebreak")
ACT(breakpoint_short, ".2byte 0x9002")
ACT(float_move, ".4byte 0xf2000053") /* fmv.d.x ft0, zero */
ACT(float_flags, "csrr t0, 0x001", ::: "t0")
ACT(vector_length, ".4byte 0x0d0072d7") /* vsetvli t0, zero, e8 */
ACT(bad_stack, "mv sp, zero\nsd ra, -8(sp)")
ACT(kernel_stack, "mv sp, %0\nsd ra, -8(sp)", ::"r"(kernel_place.end))
ACT(across_stack_top, "ld t0, -4(%0)", ::"r"(STACK_TOP) : "t0")
ACT(atomic_rodata, "amoadd.w t0, zero, (%0)", ::"r"(&kernel_place) : "t0")
ACT(atomic_kernel, "amoadd.w t0, zero, (%0)", ::"r"(kernel_place.data) : "t0")
ACT(reserve_kernel, "lr.d t0, (%0)", ::"r"(kernel_place.data) : "t0")

static const char *divide(void)
{
    volatile int64_t zero = 0, one = 1;
    int64_t quotient;

    __asm__("div %0, %1, %2" : "=r"(quotient) : "r"(one), "r"(zero));
    return quotient == -1 ? NULL : "quotient";
}

/* The kernel takes nothing from the registers of a program but the call, and gives all back. */
static const char *call_without_registers(void)
{
    register int64_t result __asm__("a0") = SYS_CLOCK;
    uint64_t changed;

    __asm__ volatile("mv s2, sp\n"
                     "mv s3, gp\n"
                     "mv s4, tp\n"
                     "mv sp, zero\n"
                     "li gp, -1\n"
                     "mv tp, %2\n"
                     "li ra, -8\n"
                     "li t6, 77\n"
                     "ecall\n"
                     "mv t0, sp\n"
                     "addi t1, gp, 1\n"
                     "or t0, t0, t1\n"
                     "sub t1, tp, %2\n"
                     "or t0, t0, t1\n"
                     "addi t1, ra, 8\n"
                     "or t0, t0, t1\n"
                     "addi t1, t6, -77\n"
                     "or %1, t0, t1\n"
                     "mv sp, s2\n"
                     "mv gp, s3\n"
                     "mv tp, s4\n"
                     : "+r"(result), "=&r"(changed)
                     : "r"(kernel_place.data)
                     : "s2", "s3", "s4", "t0", "t1", "t6", "ra", "memory");
    return result <= 0 ? "clock" : changed ? "registers" : NULL;
}

/* ---- devices ---- */

#define UART  ((char *)0x10000000)
#define PLIC  ((char *)0x0c000000)
#define CLINT ((char *)0x02000000)
#define EXIT  ((char *)0x00100000)

static const char *read_device(void)
{
    return read_at(UART);
}

static const char *write_device(void)
{
    return write_at(UART);
}

static const char *read_plic(void)
{
    return read_at(PLIC);
}

static const char *read_clint(void)
{
    return read_at(CLINT);
}

static const char *write_exit(void)
{
    return write_at(EXIT);
}

const struct kind machine_kinds[] = {
    {"write-satp", write_satp},
    {"read-sstatus", read_sstatus},
    {"write-stvec", write_stvec},
    {"write-stimecmp", write_stimecmp},
    {"read-machine", read_machine},
    {"read-time", read_time},
    {"read-cycle", read_cycle},
    {"read-instret", read_instret},
    {"return-supervisor", return_supervisor},
    {"return-machine", return_machine},
    {"wait", wait},
    {"fence-translations", fence_translations},
    {"illegal", illegal},
    {"illegal-short", illegal_short},
    {"breakpoint", breakpoint},
    {"breakpoint-short", breakpoint_short},
    {"float-move", float_move},
    {"float-flags", float_flags},
    {"vector-length", vector_length},
    {"bad-stack", bad_stack},
    {"kernel-stack", kernel_stack},
    {"across-stack-top", across_stack_top},
    {"atomic-rodata", atomic_rodata},
    {"atomic-kernel", atomic_kernel},
    {"reserve-kernel", reserve_kernel},
    {"divide", divide},
    {"call-without-registers", call_without_registers},
    {"read-device", read_device},
    {"write-device", write_device},
    {"read-plic", read_plic},
    {"read-clint", read_clint},
    {"write-exit", write_exit},
};

const unsigned machine_kinds_count = ARRAY_COUNT(machine_kinds);
