/*
 * Coroutines with their own stacks: the user programs of the simulator. A few lines of assembly
 * (x86-64, aarch64, rv64), because ucontext makes a system call at each switch; with the
 * sanitizers' fibre calls around them.
 */
#ifndef DRYWIRE_COROUTINE_H
#define DRYWIRE_COROUTINE_H

#include "../base/sanitizer.h"
#include <stddef.h>
#include <stdint.h>

/* With sanitizers every frame grows by red zones. */
#ifdef DRYWIRE_ASAN
enum { COROUTINE_STACK = 256 * 1024 };
#else
enum { COROUTINE_STACK = 16 * 1024 };
#endif

struct coroutine {
    void *sp;       /* of the suspended side */
    uint8_t *stack; /* COROUTINE_STACK bytes above a guard page; kept between runs */
    void (*fn)(void *ctx);
    void *ctx;
    void *fake_stack; /* AddressSanitizer's */
    const void *caller_stack;
    size_t caller_size;
};

/* Allocate the stack, once: 0 or -1. */
int coroutine_allocate(struct coroutine *c);
void coroutine_free(struct coroutine *c);

/* Call before writing to its stack from outside: clears red zones of an abandoned run. */
void coroutine_forget(struct coroutine *c);

/* Prepare it to run fn(ctx) on the next coroutine_enter(); the stack below `top` is filled. */
void coroutine_start(struct coroutine *c, void (*fn)(void *ctx), void *ctx, uint8_t *top);

/* Run it until it leaves; and leave it, from inside. fn must never return. */
void coroutine_enter(struct coroutine *c);
void coroutine_leave(struct coroutine *c);

#endif
