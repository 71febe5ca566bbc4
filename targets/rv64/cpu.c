/*
 * Traps, the clock and interrupts of rv64. Interrupts stay off in the kernel: wfi ends when one is
 * pending, and the PLIC is read. In a program they trap.
 */
#include "../common/port.h"
#include "../../core/base/array.h"
#include "context.h"
#include "csr.h"
#include "machine.h"

enum {
    CAUSE_ECALL = 8,
    STATUS_SPIE = 1 << 5,

    PLIC_BASE = 0x0c000000,
    PLIC_ENABLE = PLIC_BASE + 0x2080, /* context 1: hart 0, supervisor */
    PLIC_THRESHOLD = PLIC_BASE + 0x201000,
    PLIC_CLAIM = PLIC_BASE + 0x201004,
};

#define CAUSE_INTERRUPT (UINT64_C(1) << 63)

static uint32_t claimed;

/* ---- programs ---- */

void context_init(struct context *c, uint64_t entry, uint64_t sp, uint64_t argc, uint64_t argv,
                  uint64_t main)
{
    *c = (struct context){.pc = entry};
    c->x[2] = sp;
    c->x[10] = argc;
    c->x[11] = argv;
    c->x[12] = main;
    c->cause = CAUSE_INTERRUPT; /* there is no system call to return from */
}

void context_result(struct context *c, int64_t result)
{
    if (c->cause != CAUSE_ECALL)
        return;
    c->x[10] = (uint64_t)result;
    c->pc += 4; /* after the ecall */
}

void context_stop(const struct context *c, struct process_stop *out)
{
    *out = (struct process_stop){.kind = PROCESS_FAULT, .cause = c->cause, .address = c->value};
    if (c->cause & CAUSE_INTERRUPT) {
        out->kind = PROCESS_TICK;
    } else if (c->cause == CAUSE_ECALL) {
        out->kind = PROCESS_SYSCALL;
        out->nr = c->x[10];
        for (unsigned i = 0; i < SYSCALL_ARGS; i++)
            out->args[i] = c->x[11 + i];
    }
}

/* ---- a trap of the kernel ---- */

static const char *cause_word(uint64_t cause)
{
    static const char *const words[] = {
        "fetch-misaligned",
        "fetch-access",
        "illegal-instruction",
        "breakpoint",
        "load-misaligned",
        "load-access",
        "store-misaligned",
        "store-access",
        "ecall-user",
        "ecall-kernel",
        "?",
        "?",
        "fetch-page-fault",
        "load-page-fault",
        "?",
        "store-page-fault",
    };

    return cause < ARRAY_COUNT(words) ? words[cause] : "interrupt";
}

_Noreturn void rv64_panic(const uint64_t *x)
{
    static const char *const names[] = {
        "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0", "a1",
        "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5", "s6",
        "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    };

    panic_registers(names, x + 1, 31);
    panic(cause_word(CSR_READ("scause")), CSR_READ("sepc"), CSR_READ("stval"));
}

/* ---- time ---- */

uint64_t port_clock_ns(void)
{
    uint64_t ticks;

    if (!timebase_hz) /* the device tree could not be read: only that is reported */
        return 1;
    __asm__ volatile("rdtime %0" : "=r"(ticks));
    return ticks / timebase_hz * 1000000000 + ticks % timebase_hz * 1000000000 / timebase_hz + 1;
}

void port_timer(uint64_t at_ns)
{
    uint64_t ticks =
        at_ns / 1000000000 * timebase_hz + at_ns % 1000000000 * timebase_hz / 1000000000;

    CSR_WRITE(CSR_STIMECMP, at_ns == UINT64_MAX ? UINT64_MAX : ticks + 1);
}

void port_halt(void)
{
    __asm__ volatile("wfi" ::: "memory");
}

/* ---- interrupts ---- */

static volatile uint32_t *reg(uint64_t address)
{
    return (volatile uint32_t *)address;
}

void interrupts_start(void)
{
    CSR_WRITE(CSR_STIMECMP, UINT64_MAX);
    CSR_WRITE("sie", SIE_TIMER | SIE_EXTERNAL);
    __asm__ volatile("csrs sstatus, %0" ::"r"((uint64_t)STATUS_SPIE));
    *reg(PLIC_THRESHOLD) = 0;
}

void port_interrupt_enable(unsigned irq)
{
    *reg(PLIC_BASE + 4 * irq) = 1;
    *reg(PLIC_ENABLE + irq / 32 * 4) |= UINT32_C(1) << irq % 32;
}

bool port_interrupt_take(void)
{
    if (!claimed)
        claimed = *reg(PLIC_CLAIM);
    return claimed;
}

void port_interrupt_done(void)
{
    *reg(PLIC_CLAIM) = claimed;
    claimed = 0;
}
