#include "memory.h"
#include <stdlib.h>

enum { SIZE_FIRST = 16 };

_Noreturn void out_of_memory(void)
{
    fprintf(stderr, "drywire: out of memory\n");
    exit(4); /* EXIT_HARNESS */
}

void *memory_new(size_t count, size_t item)
{
    void *p = calloc(count ? count : 1, item);

    if (!p)
        out_of_memory();
    return p;
}

void *memory_unset(size_t size)
{
    void *p = malloc(size);

    if (!p)
        out_of_memory();
    return p;
}

void *memory_grow(void *array, size_t need, size_t *size, size_t item)
{
    if (need <= *size)
        return array;
    *size = *size ? *size * 2 : SIZE_FIRST;
    if (*size < need)
        *size = need;
    array = realloc(array, *size * item);
    if (!array)
        out_of_memory();
    return array;
}

FILE *memory_stream(char **bytes, size_t *len)
{
    FILE *f = open_memstream(bytes, len);

    if (!f)
        out_of_memory();
    return f;
}

void memory_stream_close(FILE *f)
{
    if (fclose(f))
        out_of_memory();
}
