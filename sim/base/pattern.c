/* Large memory filled with one byte: see pattern.h. */
#include "pattern.h"
#include "memory.h"
#include "sanitizer.h"
#include <stdlib.h>
#include <string.h>

#if defined(__linux__) && !defined(DRYWIRE_ASAN)
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PIECE = 64 << 10 };

static size_t pattern_size(size_t size)
{
    return (size + PIECE - 1) / PIECE * PIECE;
}

/* A file of PIECE bytes. */
static int pattern_file(void)
{
    int fd = memfd_create("drywire-pattern", MFD_CLOEXEC);
    void *p;

    if (fd < 0 || ftruncate(fd, PIECE))
        out_of_memory();
    p = mmap(0, PIECE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        out_of_memory();
    memset(p, PATTERN_FILL, PIECE);
    munmap(p, PIECE);
    return fd;
}

void *pattern_new(size_t size)
{
    size_t whole = pattern_size(size);
    uint8_t *p = mmap(0, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = pattern_file();

    if (p == MAP_FAILED)
        out_of_memory();
    for (size_t at = 0; at < whole; at += PIECE)
        if (mmap(p + at, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) ==
            MAP_FAILED)
            out_of_memory();
    close(fd);
    return p;
}

void pattern_again(void *p, size_t size)
{
    if (madvise(p, pattern_size(size), MADV_DONTNEED))
        out_of_memory();
}

void pattern_free(void *p, size_t size)
{
    if (p)
        munmap(p, pattern_size(size));
}
#else
void *pattern_new(size_t size)
{
    void *p;

    if (posix_memalign(&p, 4096, size))
        out_of_memory();
    pattern_again(p, size);
    return p;
}

void pattern_again(void *p, size_t size)
{
    memset(p, PATTERN_FILL, size);
}

void pattern_free(void *p, size_t size)
{
    (void)size;
    free(p);
}
#endif
