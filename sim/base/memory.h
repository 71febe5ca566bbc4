/*
 * Memory of this host, for what cannot continue without it: drywire then ends, with a line on
 * stderr and the exit code of a failure of its own. All of it is freed by free().
 */
#ifndef DRYWIRE_MEMORY_H
#define DRYWIRE_MEMORY_H

#include <stddef.h>
#include <stdio.h>

_Noreturn void out_of_memory(void);

/* `count` items of `item` bytes, zeroed; never NULL, also for none. */
void *memory_new(size_t count, size_t item);

/* `size` bytes as they come, for what is large, made in every run, and begun with care. */
void *memory_unset(size_t size);

/* Room for `need` items of `item` bytes in `array` (NULL at first), which has *size of them: grown
 * to twice that when they do not fit. What is new is not zeroed. */
void *memory_grow(void *array, size_t need, size_t *size, size_t item);

/* A file in memory; when it is closed *bytes is there, to be freed. */
FILE *memory_stream(char **bytes, size_t *len);
void memory_stream_close(FILE *f);

#endif
