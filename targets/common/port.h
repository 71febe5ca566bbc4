/*
 * The interface between the common part of a port (targets/common) and that of each processor
 * (targets/x86_64, targets/rv64). Unlike the core, a target is one machine: it has file-scope data.
 *
 * The kernel always runs on one stack with interrupts off. An interrupt is taken while the machine
 * halts or while a program runs; it only wakes the main loop, which then polls.
 */
#ifndef DRYWIRE_PORT_H
#define DRYWIRE_PORT_H

#include "../../core/port/platform.h"
#include "../../core/port/process.h"
#include "../../core/virtio/discover.h"
#include "../../core/virtio/virtio.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PAGE_SIZE = 4096,
    USER_STACK_SIZE = 16 * 1024, /* of a program, between two pages that are not mapped */
    USER_WINDOW = 2 << 20,       /* address space of the image, and of the stack */
    CMDLINE_MAX = 2048,
};

/* The addresses of programs; the kernel never uses them itself. Also in the linker scripts. */
#define USER_STACK_BASE (USER_BASE + USER_WINDOW + PAGE_SIZE)

/* The kernel maps its DMA memory (section .dma) only at this offset from its physical address: an
 * untranslated pointer is never a valid bus address. */
#define DMA_WINDOW (UINT64_C(128) << 30)

/* The machine, as described by its boot protocol or device tree. */
struct boot {
    const char *target;        /* "x86_64", "rv64" */
    char cmdline[CMDLINE_MAX]; /* a copy: the original is not mapped later */
    struct device_places places;
    const char *wrong; /* NULL, or one word why the machine cannot be used */
};

/* The registers of a program; context.h of the target. */
struct context;

/* ---- provided by each target ---- */

void port_uart_write(const char *bytes, size_t len);

/* Wait until the UART is empty, then end QEMU with this status. */
_Noreturn void port_exit(unsigned status);

uint64_t port_clock_ns(void); /* since power-on, never 0 */

/* One interrupt at `at_ns` or soon after; replaces an earlier request. */
void port_timer(uint64_t at_ns);

/* Halt until an interrupt is pending. */
void port_halt(void);

/* Enable a device interrupt `irq`; then, after each halt or program: true if one is pending. It is
 * completed with port_interrupt_done(), after the device was acknowledged. */
void port_interrupt_enable(unsigned irq);
bool port_interrupt_take(void);
void port_interrupt_done(void);

/* The message that MSI-X sends instead of an interrupt line. */
struct virtio_msix port_msix(void);

uint32_t port_reg_read(void *ctx, enum reg_space space, uint64_t addr, unsigned size);
void port_reg_write(void *ctx, enum reg_space space, uint64_t addr, unsigned size, uint32_t value);
void port_barrier(void *ctx, enum barrier kind);
void port_relax(void *ctx);

/* Programs: registers at the start, with argc, argv and main as arguments of `entry`. */
void context_init(struct context *c, uint64_t entry, uint64_t sp, uint64_t argc, uint64_t argv,
                  uint64_t main);
void context_result(struct context *c, int64_t result);
/* Why it stopped. */
void context_stop(const struct context *c, struct process_stop *out);
/* Run it unprivileged until it traps. */
void context_enter(struct context *c);
/* The next program's stack, USER_STACK_SIZE at USER_STACK_BASE. */
void context_map_stack(uint8_t *stack);

/* ---- provided by targets/common ---- */

void boot_set_cmdline(struct boot *boot, const char *text);

_Noreturn void machine_main(struct boot *boot);

/* A line of the console: "component: text", framed (docs/markers.md). */
void console_line(const char *text, size_t len);

/* The end: the event, in words without spaces, and its location; registers were printed before. */
_Noreturn void panic(const char *why, uint64_t pc, uint64_t address);

/* Print registers in rows, name by name; before panic(). */
void panic_registers(const char *const *names, const uint64_t *values, unsigned count);

#endif
