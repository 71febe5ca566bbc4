/*
 * Assertions for internal errors, always enabled. Nothing that a peer, a device, a disk or a
 * program can cause may reach one.
 *
 * A failed CHECK executes a trap instruction. Its source line is kept in the linker section
 * `check_table`, so the core needs no function to call and no string at run time; the machine's
 * trap handler looks the address up with check_site().
 */
#ifndef DRYWIRE_CHECK_H
#define DRYWIRE_CHECK_H

#include <stdint.h>

#if defined(__x86_64__)
#define CHECK_TRAP "ud2"
#elif defined(__aarch64__)
#define CHECK_TRAP "brk #1"
#elif defined(__riscv)
#define CHECK_TRAP "ebreak"
#else
#error "check.h: no trap instruction is known for this processor"
#endif

#define CHECK_STRING2(x) #x
#define CHECK_STRING(x)  CHECK_STRING2(x)

/* One entry: the distance from the entry to the trap, then file:line and the expression as C
 * strings, 8-aligned. The assembler reads the expression inside quotes: it must not contain any. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            __asm__ volatile("771: " CHECK_TRAP "\n"                                               \
                             ".pushsection check_table,\"a\"\n"                                    \
                             ".balign 8\n"                                                         \
                             "772: .8byte 771b - 772b\n"                                           \
                             ".asciz \"" __FILE__                                                  \
                             ":" CHECK_STRING(__LINE__) "\"\n"                                     \
                                                        ".asciz \"" #condition "\"\n"              \
                                                        ".balign 8\n"                              \
                                                        ".popsection\n");                          \
            __builtin_unreachable();                                                               \
        }                                                                                          \
    } while (0)

/*
 * INVARIANTS(tcp_invariants(c)): the invariants of an object between two calls, checked after each
 * input and each poll. Left out of the images of the targets, where they would cost a tenth of all
 * instructions per received byte (docs/architecture.md); the replay of a journal checks them.
 */
#ifdef DRYWIRE_METAL
#define INVARIANTS(call) ((void)0)
#else
#define INVARIANTS(call) call
#endif

/* "file:line" of the CHECK that trapped at `pc`, or NULL when it was not a CHECK. For machines; not
 * used by the core. */
const char *check_site(uintptr_t pc);

/* The source text of the expression of the CHECK at `site`, which check_site() returned. */
const char *check_expression(const char *site);

#endif
