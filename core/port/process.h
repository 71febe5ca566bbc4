/*
 * What the kernel needs from a machine to run user programs (DESIGN: process.h).
 *
 * On the targets a process is an address space entered by a trap; in the simulator it is a
 * coroutine with its own stack. The kernel resumes a process with the result of its last call and
 * gets the reason why it stopped. user_read() and user_write() are the only ways to user memory.
 */
#ifndef DRYWIRE_PROCESS_H
#define DRYWIRE_PROCESS_H

#include <stddef.h>
#include <stdint.h>

struct process; /* the machine's own */

enum process_stop_kind {
    PROCESS_SYSCALL, /* nr and args are set */
    PROCESS_FAULT,   /* cause and address are set; the process cannot be resumed */
    PROCESS_TICK,    /* its time slice has ended; resume it with any result */
};

enum { SYSCALL_ARGS = 5 };

struct process_stop {
    enum process_stop_kind kind;
    uint64_t nr;
    uint64_t args[SYSCALL_ARGS];
    uint64_t cause;   /* the machine's own number */
    uint64_t address; /* where */
};

struct process_ops {
    void *ctx;

    /* Create a process of the program named words[0] with `count` >= 1 words as its arguments; the
     * words are copied. ERR_NOENT: no such program; ERR_NFILE: no room; ERR_INVAL: too long. */
    int (*create)(void *ctx, const char *const *words, unsigned count, struct process **out);

    /* Run it until it stops; `result` is the result of its last system call (ignored the first
     * time). */
    void (*resume)(void *ctx, struct process *p, int64_t result, struct process_stop *out);

    /* End it in any state and free its memory. */
    void (*destroy)(void *ctx, struct process *p);

    /* Copy from or to the process's memory, bounds-checked: 0, or ERR_FAULT with nothing copied. */
    int (*user_read)(void *ctx, struct process *p, void *dst, uint64_t address, size_t len);
    int (*user_write)(void *ctx, struct process *p, uint64_t address, const void *src, size_t len);
};

#endif
