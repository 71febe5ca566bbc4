/*
 * Assertions: for our own mistakes, and always on. Nothing that a wire, a device, a disk or a
 * program can cause may reach one.
 *
 * A failed CHECK executes a trap instruction. Where it stands is kept in the linker section
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

/* One entry: the distance from the entry to the trap, then the place and the expression as C
 * strings, 8-aligned. The assembler reads the expression inside quotes: it has none of its own. */
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
 * INVARIANTS(tcp_invariants(c)): all that must be true of an object between two calls, looked at
 * after each input and each poll. Not in the images of the targets, where they would be a tenth of
 * all instructions for a received byte (docs/architecture.md): there a journal brings them back, as
 * its replay runs the core with them.
 */
#ifdef DRYWIRE_METAL
#define INVARIANTS(call) ((void)0)
#else
#define INVARIANTS(call) call
#endif

/* The place of the CHECK that trapped at `pc`, "file:line", or NULL when it was none. Reads the
 * table that the linker put together; provided by core/base/check.c to machines, not used by the
 * core.
 */
const char *check_site(uintptr_t pc);

/* The expression of the CHECK at `site`, which check_site() returned, as it is in the source. */
const char *check_expression(const char *site);

#endif
