/* The progress line: see progress.h. */
#include "progress.h"
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BETWEEN_MS = 200, RUNS_MIN = 20 };

static bool wanted, drawn;
static uint64_t drawn_ms;

static uint64_t progress_clock_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void progress_start(uint64_t runs)
{
    const char *terminal = getenv("TERM");

    wanted = runs >= RUNS_MIN && isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
    drawn_ms = progress_clock_ms();
}

void progress_show(uint64_t finished, uint64_t runs, uint64_t failed)
{
    uint64_t now = wanted ? progress_clock_ms() : 0;

    if (!wanted || now - drawn_ms < BETWEEN_MS)
        return;
    drawn_ms = now;
    drawn = true;
    fprintf(stderr, "\r\033[K%" PRIu64 " of %" PRIu64 " runs, %" PRIu64 " failed", finished, runs,
            failed);
    fflush(stderr);
}

void progress_erase(void)
{
    if (!drawn)
        return;
    drawn = false;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
