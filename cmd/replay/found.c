/* The result of a replay: see found.h. */
#include "found.h"
#include "../base/exit_codes.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

struct found *replay_found(void)
{
    static struct found *found;

    if (!found)
        found =
            mmap(NULL, sizeof(*found), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED) {
        perror("drywire: mmap");
        exit(EXIT_HARNESS);
    }
    return found;
}

void replay_differs(enum failure_kind kind, const char *oracle, const char *message)
{
    struct failure *f = &replay_found()->failure;

    f->kind = kind;
    snprintf(f->oracle, sizeof(f->oracle), "%s", oracle);
    snprintf(f->message, sizeof(f->message), "%s", message);
}
