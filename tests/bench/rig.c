/*
 * Two ends in one process and the wire between them, in turns of one thread.
 * Usage: rig SERVER.so CLIENT.so bulk|echo|cycle UNITS
 * Prints the nanoseconds of wall time for a unit, both ends together.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "end.h"

enum { IDLE_MAX = 1000 };

static struct ring rings[2];
static uint64_t done;

static const struct end *load(const char *path)
{
    void *object = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
    const struct end *end = object ? dlsym(object, "end") : 0;

    if (!end) {
        fprintf(stderr, "rig: %s\n", dlerror());
        exit(1);
    }
    return end;
}

static uint64_t wall_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A microsecond for each frame that moves; without one the clock advances by half a millisecond, so
 * that timers expire. */
static void run(const struct end *const end[2], uint64_t units)
{
    uint64_t now_ns = 0;
    uint32_t moved = 0;
    unsigned idle = 0;

    while (done < units) {
        end[SERVER]->turn(now_ns);
        end[CLIENT]->turn(now_ns);
        idle = rings[0].tail + rings[1].tail == moved ? idle + 1 : 0;
        now_ns += idle ? 500000 : 1000 * (rings[0].tail + rings[1].tail - moved);
        moved = rings[0].tail + rings[1].tail;
        if (idle > IDLE_MAX) {
            fprintf(stderr, "rig: nothing moves after %llu units\n", (unsigned long long)done);
            exit(1);
        }
    }
}

int main(int argc, char **argv)
{
    static const char *const words[] = {"bulk", "echo", "cycle"};
    const struct end *end[2];
    unsigned work = 0;
    uint64_t units, start_ns;

    if (argc != 5)
        return fprintf(stderr, "usage: rig SERVER.so CLIENT.so bulk|echo|cycle UNITS\n"), 2;
    while (work < 3 && strcmp(argv[3], words[work]) != 0)
        work++;
    units = strtoull(argv[4], 0, 10);
    if (work == 3 || units == 0)
        return fprintf(stderr, "rig: no such work: %s %s\n", argv[3], argv[4]), 2;
    for (int side = SERVER; side <= CLIENT; side++) {
        const struct link link = {&rings[side], &rings[1 - side], 0, &done};

        end[side] = load(argv[1 + side]);
        end[side]->start(&link, (enum side)side, (enum work)work);
    }
    start_ns = wall_ns();
    run(end, units);
    printf("%.4f\n", (double)(wall_ns() - start_ns) / (double)done);
    return 0;
}
