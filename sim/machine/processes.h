/*
 * User programs in the simulator: process.h on coroutines. A program's memory is its own stack and
 * the read-only data of all programs; everything else is ERR_FAULT.
 */
#ifndef DRYWIRE_PROCESSES_H
#define DRYWIRE_PROCESSES_H

#include "../../core/port/process.h"
#include "coroutine.h"
#include <stdbool.h>

struct program;

enum { PROCESSES = 8, PROCESS_WORDS_MAX = 16 };

struct process {
    struct coroutine coroutine;
    bool used;
    const struct program *program;
    int argc;
    char **argv;
    int64_t result; /* of the last call, for the program */
    struct process_stop stop;
};

struct processes {
    struct process process[PROCESSES];
    struct process_ops ops;

    /* The last successful copy between kernel and program: the oracles compare it when a trace
     * event names its connection. */
    const void *copied;
    size_t copied_len;

    /* NULL, or called for every copy to (`write`) or from a program that waits in `call`. */
    void (*on_copy)(void *ctx, const struct process_stop *call, uint64_t address, size_t len,
                    bool write);
    void *on_copy_ctx;

    /* NULL, or called for every call that returns. */
    void (*on_return)(void *ctx, const struct process_stop *call, int64_t result);
    void *on_return_ctx;

    /* NULL, or called with the bytes that a program reads from a descriptor. */
    void (*on_read)(void *ctx, const void *bytes, size_t len);
    void *on_read_ctx;
};

int processes_allocate(struct processes *ps); /* once: 0 or -1 */
void processes_free(struct processes *ps);
void processes_start(struct processes *ps); /* a new run: no program is alive */

/* The read-only data of all programs, and its size. */
const char *processes_read_only(size_t *size);

#endif
