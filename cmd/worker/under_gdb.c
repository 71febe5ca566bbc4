/*
 * `drywire run --gdb`. See under_gdb.h.
 *
 * The run is in a child of drywire: gdb follows it there, and stops the parent, so that both end
 * with gdb. A failed CHECK and a crash are signals, at which gdb stops by itself; an oracle or an
 * expectation that fails calls sim_failure_found(). The alarm is set late, for interactive use.
 */
#include "under_gdb.h"
#include "../../core/base/array.h"
#include "../../sim/text/values.h"
#include "../../sim/engine/sim.h"
#include "../base/exit_codes.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 48 };

bool gdb_break_at(const char *text, char *buf, size_t size)
{
    uint64_t n;

    if (!strncmp(text, "event=", 6) && value_number(text + 6, &n) && n)
        snprintf(buf, size, "break sim_step if s->events + 1 == %" PRIu64, n);
    else if (!strncmp(text, "t=", 2) && value_duration(text + 2, &n))
        snprintf(buf, size, "break sim_step if s->heap_count && s->next_ns >= %" PRIu64,
                 SIM_POWER_ON_NS + n);
    else if (!strncmp(text, "packet=", 7) && value_number(text + 7, &n) && n)
        snprintf(
            buf, size,
            "break child.c:child_on_frame if ((struct story *)ctx)->v->last_count + 1 == %" PRIu64,
            n);
    else
        return false;
    return true;
}

int run_under_gdb(const char *path, const struct run_choice *choice, const char *break_at)
{
    static const char *const before[] = {"gdb", "-q",
                                         "-ex", "set confirm off",
                                         "-ex", "set follow-fork-mode child",
                                         "-ex", "set detach-on-fork off",
                                         "-ex", "set schedule-multiple on",
                                         "-ex", "set breakpoint pending on",
                                         "-ex"};
    const char *words[WORDS_MAX];
    char self[4096], seed[24], at[200] = "break sim_failure_found";
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    unsigned n = ARRAY_COUNT(before);

    self[len > 0 ? len : 0] = 0;
    snprintf(seed, sizeof(seed), "%" PRIu64, choice->seed);
    if (break_at)
        gdb_break_at(break_at, at, sizeof(at));
    memcpy(words, before, sizeof(before));
    words[n++] = at;
    words[n++] = "-ex";
    words[n++] = "run";
    words[n++] = "--args";
    words[n++] = self;
    words[n++] = "run";
    words[n++] = "--seed";
    words[n++] = seed;
    words[n++] = "--timeout";
    words[n++] = "1000000";
    words[n++] = "--jobs";
    words[n++] = "1";
    words[n++] = "--memory";
    words[n++] = memory_words[choice->memory];
    if (choice->guest) {
        words[n++] = "--guest";
        words[n++] = choice->guest;
    }
    if (choice->device) {
        words[n++] = "--device";
        words[n++] = choice->device;
    }
    words[n++] = path;
    words[n] = NULL;
    signal(SIGPIPE, SIG_DFL);
    execvp("gdb", (char *const *)words);
    value_message(stderr,
                  "drywire: gdb is not installed; on Debian, as root: apt-get install -y gdb\n");
    return EXIT_CANNOT_TEST;
}
