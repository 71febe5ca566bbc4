/*
 * Interrupts and time of x86-64: the local APIC and its timer, the I/O APICs, and the time stamp
 * counter as clock, which is measured against the timer (under QEMU it counts nanoseconds).
 */
#include "../../core/base/minmax.h"
#include "../../core/port/machine.h"
#include "io.h"
#include "machine.h"

enum {
    LAPIC_EOI = 0x0b0,
    LAPIC_SPURIOUS = 0x0f0,
    LAPIC_TIMER = 0x320,
    LAPIC_LINT1 = 0x360,
    LAPIC_TIMER_INITIAL = 0x380,
    LAPIC_TIMER_CURRENT = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
    LAPIC_DIVIDE_BY_1 = 0xb,
    LAPIC_ENABLE = 0x100,
    LAPIC_MASKED = 0x10000,
    LAPIC_NMI = 0x400,

    IOAPIC_SELECT = 0x00,
    IOAPIC_DATA = 0x10,
    IOAPIC_REDIRECTION = 0x10,
    IOAPIC_LEVEL = 1 << 15,
    IOAPIC_LINES = 24,

    PIC_MASTER_MASK = 0x21,
    PIC_SLAVE_MASK = 0xa1,

    TIMER_HZ = 1000000000,
    CALIBRATION_TICKS = 1000000,
    CALIBRATION_TRIES = 8,
    TIMER_MAX = 0x7fffffff,
};

#define LAPIC_BASE  UINT64_C(0xfee00000)
#define IOAPIC_BASE UINT64_C(0xfec00000)
#define IOAPIC_STEP UINT64_C(0x10000) /* to the second one: lines from 24 on */

static uint64_t tsc_start, ns_per_tick_32; /* nanoseconds per tick, 32 fraction bits */
static volatile bool pending;

static volatile uint32_t *lapic(unsigned reg)
{
    return reg32(LAPIC_BASE + reg);
}

/* ---- time ---- */

/* The timer's count and the time stamp at the same time: the shortest of several tries, because an
 * emulator on a busy machine may stall between two reads. */
static uint32_t timer_and_tsc(uint64_t *tsc)
{
    uint64_t before, width, shortest = UINT64_MAX;
    uint32_t now, count = 0;

    for (unsigned i = 0; i < CALIBRATION_TRIES; i++) {
        before = tsc_read();
        now = *lapic(LAPIC_TIMER_CURRENT);
        width = tsc_read() - before;
        if (width < shortest) {
            shortest = width;
            *tsc = before;
            count = now;
        }
    }
    return count;
}

static void calibrate(void)
{
    uint64_t tsc = 0, end = 0;
    uint32_t start, now;

    *lapic(LAPIC_TIMER_DIVIDE) = LAPIC_DIVIDE_BY_1;
    *lapic(LAPIC_TIMER) = LAPIC_MASKED | VECTOR_TIMER;
    *lapic(LAPIC_TIMER_INITIAL) = UINT32_MAX;
    start = timer_and_tsc(&tsc);
    do
        now = timer_and_tsc(&end);
    while (start - now < CALIBRATION_TICKS);
    ns_per_tick_32 = ((uint64_t)(start - now) << 32) / (end > tsc ? end - tsc : 1);
    *lapic(LAPIC_TIMER_INITIAL) = 0;
    *lapic(LAPIC_TIMER) = VECTOR_TIMER;
}

uint64_t port_clock_ns(void)
{
    uint64_t ticks = tsc_read() - tsc_start;

    return (uint64_t)((unsigned __int128)ticks * ns_per_tick_32 >> 32) + 1;
}

void port_timer(uint64_t at_ns)
{
    uint64_t now_ns = port_clock_ns(), wait = at_ns > now_ns ? at_ns - now_ns : 1;

    /* A wait longer than the counter ends early, which is harmless. */
    *lapic(LAPIC_TIMER_INITIAL) = at_ns == DEADLINE_NEVER ? 0 : (uint32_t)min_u64(wait, TIMER_MAX);
}

/* An interrupt that is already pending is taken right after sti, and hlt does not wait then. */
void port_halt(void)
{
    __asm__ volatile("sti\n"
                     "hlt\n"
                     "cli\n" ::
                         : "memory");
}

/* ---- interrupts ---- */

void interrupts_start(void)
{
    out8(PIC_MASTER_MASK, 0xff);
    out8(PIC_SLAVE_MASK, 0xff);
    *lapic(LAPIC_SPURIOUS) = LAPIC_ENABLE | VECTOR_SPURIOUS;
    *lapic(LAPIC_LINT1) = LAPIC_NMI; /* makes a hanging kernel print its registers */
    tsc_start = tsc_read();
    calibrate();
}

static void ioapic_write(unsigned line, unsigned reg, uint32_t value)
{
    uint64_t base = IOAPIC_BASE + line / IOAPIC_LINES * IOAPIC_STEP;

    *reg32(base + IOAPIC_SELECT) = IOAPIC_REDIRECTION + line % IOAPIC_LINES * 2 + reg;
    *reg32(base + IOAPIC_DATA) = value;
}

void port_interrupt_enable(unsigned irq)
{
    ioapic_write(irq, 1, 0); /* to the processor with APIC id 0 */
    ioapic_write(irq, 0, IOAPIC_LEVEL | VECTOR_DEVICE);
}

/* The timer only wakes the processor. A device's line stays high until the device is acknowledged,
 * so its EOI is sent after that. */
void interrupt_taken(uint64_t vector)
{
    if (vector == VECTOR_DEVICE)
        pending = true;
    else if (vector == VECTOR_TIMER)
        *lapic(LAPIC_EOI) = 0;
}

bool port_interrupt_take(void)
{
    return pending;
}

void port_interrupt_done(void)
{
    pending = false;
    *lapic(LAPIC_EOI) = 0;
}
