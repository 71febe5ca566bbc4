/*
 * Host memory for callers that cannot continue without it: on failure drywire exits with a line on
 * stderr and the exit code of an internal error. Freed by free().
 */
#ifndef DRYWIRE_MEMORY_H
#define DRYWIRE_MEMORY_H

#include <stddef.h>
#include <stdio.h>

_Noreturn void out_of_memory(void);

/* `count` items of `item` bytes, zeroed; never NULL, also for a count of 0. */
void *memory_new(size_t count, size_t item);

/* `size` uninitialised bytes, for large objects of every run that are initialised as they are
 * used. */
void *memory_unset(size_t size);

/* `array` (NULL at first) of *size items of `item` bytes, grown to twice the size when `need` items
 * do not fit. New items are not zeroed. */
void *memory_grow(void *array, size_t need, size_t *size, size_t item);

/* A file in memory; when it is closed *bytes is set, to be freed. */
FILE *memory_stream(char **bytes, size_t *len);
void memory_stream_close(FILE *f);

#endif
