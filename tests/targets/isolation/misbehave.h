/*
 * `misbehave KIND` does one thing that a program must not do, or that must not matter. What must
 * end it is expected by pytest/test_isolation.py; what must not is checked here.
 *
 * The kinds of every target are in misbehave.c, those of one processor in misbehave_<target>.c.
 */
#ifndef DRYWIRE_MISBEHAVE_H
#define DRYWIRE_MISBEHAVE_H

#include "../../../user/drywire.h"

struct kind {
    const char *name;
    const char *(*act)(void); /* NULL: it did no harm; else one word for the error */
};

#define KINDS(table) (table), sizeof(table) / sizeof((table)[0])

/* The report of an act that is still alive. */
extern const char survived[];

extern const struct kind machine_kinds[];
extern const unsigned machine_kinds_count;

/* Addresses in the kernel (places.S): data, because code cannot reach that far on every target. */
extern struct {
    char *text, *rodata, *data, *stack, *end;
} const kernel_place;

/* The address space of a program (targets/common/port.h). */
#define IMAGE_BASE ((char *)USER_BASE)
#define STACK_BASE ((char *)USER_BASE + (2 << 20) + 4096)
#define STACK_TOP  (STACK_BASE + 16 * 1024)

/* Read, write and run what is at an address; `survived` when that works. */
const char *read_at(const volatile char *at);
const char *write_at(volatile char *at);
const char *run_at(const volatile void *at);

int misbehave_main(int argc, char **argv);

#endif
