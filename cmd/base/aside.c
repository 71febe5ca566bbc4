/* Captured output: see aside.h. */
#include "aside.h"
#include "../../sim/base/memory.h"
#include "exit_codes.h"
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct aside *open_now[2]; /* of stdout and of stderr */
static pid_t owner;

static struct aside **aside_slot(FILE *stream)
{
    return &open_now[stream == stderr];
}

static void aside_print_all(void)
{
    if (owner != getpid())
        return; /* a child: its output is reported by its parent */
    for (unsigned i = 0; i < 2; i++) {
        struct aside *a = open_now[i];
        char *text;

        if (!a)
            continue;
        text = aside_end(a);
        fputs(text, a->stream);
        fflush(a->stream);
        free(text);
    }
}

void aside_begin(struct aside *a, FILE *stream)
{
    fflush(stream);
    *a = (struct aside){stream, memfd_create("aside", MFD_CLOEXEC), dup(fileno(stream))};
    if (a->kept < 0 || a->saved < 0 || dup2(a->kept, fileno(stream)) < 0) {
        perror("drywire: output set aside");
        exit(EXIT_HARNESS);
    }
    if (!owner)
        atexit(aside_print_all);
    owner = getpid();
    *aside_slot(stream) = a;
}

char *aside_end(struct aside *a)
{
    off_t len;
    char *text;

    fflush(a->stream);
    dup2(a->saved, fileno(a->stream));
    close(a->saved);
    *aside_slot(a->stream) = NULL;
    len = lseek(a->kept, 0, SEEK_END);
    text = memory_new((size_t)len + 1, 1);
    if (pread(a->kept, text, (size_t)len, 0) != len)
        perror("drywire: output set aside");
    close(a->kept);
    return text;
}
